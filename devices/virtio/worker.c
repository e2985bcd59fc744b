/* SPDX-License-Identifier: MIT
 *
 * The worker threads of a virtio device: see worker.h. All fields belong to the device's lock.
 */
#include "devices/virtio/worker.h"
#include "util/check.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

static _Thread_local unsigned thread_index;

unsigned virtio_worker_thread(void)
{
    return thread_index;
}

/* [locked] */
static void worker_loop(struct virtio_worker *worker)
{
    CHECK_HELD(&worker->device->lock);
    struct virtio_device *device = worker->device;
    while (!worker->stop) {
        if (!worker->kicked) {
            worker->sleeping++;
            pthread_cond_wait(&worker->wake, &device->lock);
            continue;
        }
        unsigned queue = (unsigned)__builtin_ctzll(worker->kicked);
        worker->kicked &= worker->kicked - 1;
        worker->busy++;
        worker->run(device, &device->queues[queue]);
        if (!--worker->busy)
            pthread_cond_broadcast(&worker->idle);
    }
}

static void *worker_main(void *opaque)
{
    struct virtio_worker *worker = opaque;
    pthread_mutex_lock(&worker->device->lock);
    while (thread_index < worker->thread_count &&
           !pthread_equal(worker->threads[thread_index], pthread_self()))
        thread_index++;
    worker_loop(worker);
    pthread_mutex_unlock(&worker->device->lock);
    return NULL;
}

/* [locked] */
static void wake_one(struct virtio_worker *worker)
{
    CHECK_HELD(&worker->device->lock);
    if (!worker->sleeping)
        return;
    worker->sleeping--;
    pthread_cond_signal(&worker->wake);
}

static bool start_threads(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                          enum thread_role role, unsigned threads,
                          void (*run)(struct virtio_device *, struct virtqueue *), struct error *error)
{
    *worker = (struct virtio_worker){ .device = device, .run = run };
    pthread_cond_init(&worker->wake, NULL);
    pthread_cond_init(&worker->idle, NULL);
    /* Signals are for the threads that expect them, so the new threads block them. */
    sigset_t before;
    int rc = 0;
    thread_signals_block(&before);
    pthread_mutex_lock(&device->lock); /* each thread looks for itself in the list */
    while (worker->thread_count < threads && worker->thread_count < VIRTIO_WORKER_THREADS_MAX && !rc) {
        rc = thread_create(&worker->threads[worker->thread_count], role, name, worker_main, worker);
        if (!rc)
            worker->thread_count++;
    }
    pthread_mutex_unlock(&device->lock);
    thread_signals_restore(&before);
    device->worker = worker;
    if (worker->thread_count)
        return true; /* with fewer threads it is slower, but works */
    virtio_worker_stop(worker);
    return error_set(error, "%s: cannot start its thread: %s", device->ops->name, strerror(rc));
}

bool virtio_worker_start_threads(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                                 unsigned threads, void (*run)(struct virtio_device *, struct virtqueue *),
                                 struct error *error)
{
    return start_threads(worker, device, name, THREAD_WORKER, threads, run, error);
}

bool virtio_worker_start(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                         enum thread_role role, void (*run)(struct virtio_device *, struct virtqueue *),
                         struct error *error)
{
    return start_threads(worker, device, name, role, 1, run, error);
}

void virtio_worker_stop(struct virtio_worker *worker)
{
    struct virtio_device *device = worker->device;
    pthread_mutex_lock(&device->lock);
    device->paused = true;
    worker->stop = true;
    pthread_cond_broadcast(&worker->wake);
    pthread_mutex_unlock(&device->lock);
    for (unsigned n = 0; n < worker->thread_count; n++)
        thread_join(&worker->threads[n]);
    pthread_cond_destroy(&worker->wake);
    pthread_cond_destroy(&worker->idle);
    device->worker = NULL;
}

void virtio_worker_kick(struct virtio_worker *worker, const struct virtqueue *queue)
{
    CHECK_HELD(&worker->device->lock);
    worker->kicked |= 1ull << queue->index;
    wake_one(worker);
}

void virtio_worker_share(struct virtio_worker *worker, const struct virtqueue *queue)
{
    CHECK_HELD(&worker->device->lock);
    /* This is done even if no thread sleeps: a thread that was woken may not have come here yet, and would
     * find nothing to do. */
    virtio_worker_kick(worker, queue);
}

void virtio_worker_rest(struct virtio_worker *worker, unsigned milliseconds)
{
    CHECK_HELD(&worker->device->lock);
    struct timespec pause = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L };
    if (!--worker->busy)
        pthread_cond_broadcast(&worker->idle);
    pthread_mutex_unlock(&worker->device->lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&worker->device->lock);
    worker->busy++;
}

void virtio_worker_wait_idle(struct virtio_worker *worker)
{
    CHECK_HELD(&worker->device->lock);
    while (worker->busy)
        pthread_cond_wait(&worker->idle, &worker->device->lock);
}
