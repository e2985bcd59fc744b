/* SPDX-License-Identifier: MIT
 *
 * The worker thread of a virtio device: see virtio_worker.h. All fields belong to the device's lock.
 */
#include "devices/virtio_worker.h"

#include <signal.h>
#include <string.h>

static void *worker_main(void *opaque)
{
    struct virtio_worker *worker = opaque;
    struct virtio_device *device = worker->device;
    pthread_mutex_lock(&device->lock);
    while (!worker->stop) {
        if (!worker->kicked) {
            pthread_cond_wait(&worker->wake, &device->lock);
            continue;
        }
        unsigned queue = (unsigned)__builtin_ctzll(worker->kicked);
        worker->kicked &= worker->kicked - 1;
        worker->busy = true;
        worker->run(device, &device->queues[queue]);
        worker->busy = false;
        pthread_cond_broadcast(&worker->idle);
    }
    pthread_mutex_unlock(&device->lock);
    return NULL;
}

bool virtio_worker_start(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                         void (*run)(struct virtio_device *, struct virtqueue *), struct error *error)
{
    *worker = (struct virtio_worker){ .device = device, .run = run };
    pthread_cond_init(&worker->wake, NULL);
    pthread_cond_init(&worker->idle, NULL);
    /* Signals are for the threads that expect them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        pthread_cond_destroy(&worker->wake);
        pthread_cond_destroy(&worker->idle);
        return error_set(error, "%s: cannot start its thread: %s", device->ops->name, strerror(rc));
    }
    pthread_setname_np(worker->thread, name);
    device->worker = worker;
    return true;
}

void virtio_worker_stop(struct virtio_worker *worker)
{
    struct virtio_device *device = worker->device;
    pthread_mutex_lock(&device->lock);
    device->paused = true;
    worker->stop = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&device->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->wake);
    pthread_cond_destroy(&worker->idle);
    device->worker = NULL;
}

void virtio_worker_kick(struct virtio_worker *worker, const struct virtqueue *queue)
{
    worker->kicked |= 1ull << queue->index;
    pthread_cond_signal(&worker->wake);
}

void virtio_worker_wait_idle(struct virtio_worker *worker)
{
    while (worker->busy)
        pthread_cond_wait(&worker->idle, &worker->device->lock);
}
