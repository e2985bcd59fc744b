/* SPDX-License-Identifier: MIT
 *
 * The worker threads of a virtio device: see worker.h.
 */
#include "devices/virtio/worker.h"

#include "util/check.h"

_Static_assert(VIRTIO_QUEUES_MAX <= DEVICE_WORKER_QUEUES_MAX, "each queue can be kicked");

static void run_queue(void *opaque, unsigned queue)
{
    struct virtio_worker *worker = opaque;
    worker->run(worker->device, &worker->device->queues[queue]);
}

static bool start_threads(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                          enum thread_role role, unsigned threads,
                          void (*run)(struct virtio_device *, struct virtqueue *), struct error *error)
{
    worker->device = device;
    worker->run = run;
    device->worker = worker;
    struct device_worker_config config = { .lock = &device->lock,
                                           .device = device->ops->name,
                                           .name = name,
                                           .role = role,
                                           .threads = threads,
                                           .run = run_queue,
                                           .opaque = worker };
    bool ok = device_worker_start(&worker->threads, &config, error);
    if (!ok)
        device->worker = NULL;
    return ok;
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
    pthread_mutex_unlock(&device->lock);
    device_worker_stop(&worker->threads);
    device->worker = NULL;
}

unsigned virtio_worker_thread(void)
{
    return device_worker_thread();
}

void virtio_worker_kick(struct virtio_worker *worker, const struct virtqueue *queue)
{
    CHECK_HELD(&worker->device->lock);
    device_worker_kick(&worker->threads, queue->index);
}

void virtio_worker_share(struct virtio_worker *worker, const struct virtqueue *queue)
{
    virtio_worker_kick(worker, queue);
}

void virtio_worker_rest(struct virtio_worker *worker, unsigned milliseconds)
{
    device_worker_rest(&worker->threads, milliseconds);
}

bool virtio_worker_is_ending(const struct virtio_worker *worker)
{
    return worker->threads.stop;
}

void virtio_worker_wait_idle(struct virtio_worker *worker)
{
    device_worker_wait_idle(&worker->threads);
}

void virtio_worker_wait_dropped(struct virtio_worker *worker)
{
    device_worker_wait_dropped(&worker->threads);
}
