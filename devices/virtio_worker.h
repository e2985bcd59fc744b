/* SPDX-License-Identifier: MIT
 *
 * The thread of a virtio device that waits for the host, so that no hart does. notify() kicks it; it then
 * calls run() for each queue that was kicked.
 *
 * run() is called with the device's lock held, drains the queue with virtqueue_pop(), and lets go of the lock
 * around each host operation. Between two pops the device can be reset under it: virtqueue_pop() then returns
 * false, and virtqueue_push() drops what is no longer wanted.
 */
#ifndef DEVICES_VIRTIO_WORKER_H
#define DEVICES_VIRTIO_WORKER_H

#include "devices/virtio.h"

struct virtio_worker {
    struct virtio_device *device;
    void (*run)(struct virtio_device *device, struct virtqueue *queue);
    pthread_t thread;
    pthread_cond_t wake, idle;
    uint64_t kicked; /* a bit a queue */
    bool busy, stop;
};

/* Starts the thread and makes it the device's worker. `name` is what the host's tools show, up to 15
 * characters. */
bool virtio_worker_start(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                         void (*run)(struct virtio_device *, struct virtqueue *), struct error *error);
/* Waits for the operation that is under way and ends the thread. Without the lock. */
void virtio_worker_stop(struct virtio_worker *worker);
/* [locked] */
void virtio_worker_kick(struct virtio_worker *worker, const struct virtqueue *queue);
/* [locked]; gives the lock up while it waits. The caller has set device->paused, so this ends. */
void virtio_worker_wait_idle(struct virtio_worker *worker);

#endif
