/* SPDX-License-Identifier: MIT
 *
 * The threads of a virtio device that wait for the host, so that no hart has to (devices/worker.h). notify()
 * kicks them; one of them then calls run() for each queue that was kicked.
 *
 * run() is called with the device's lock held. It drains the queue with virtqueue_pop(), and releases the
 * lock around each host operation. The device can be reset between two pops: virtqueue_pop() then returns
 * false, and virtqueue_push() drops what is no longer wanted.
 *
 * Most devices have one thread, and their requests are served one after the other. A device with several
 * threads has several requests under way: run() then calls virtio_worker_share() when it has taken a request
 * and sees more.
 */
#ifndef DEVICES_VIRTIO_WORKER_H
#define DEVICES_VIRTIO_WORKER_H

#include "devices/virtio/virtio.h"
#include "devices/worker.h"

struct virtio_worker {
    struct device_worker threads;
    struct virtio_device *device;
    void (*run)(struct virtio_device *device, struct virtqueue *queue);
};

/* Starts one thread and makes it the device's worker. The host's tools show `name`, which has up to 15
 * characters; `role` says what the thread may ask the host for. */
bool virtio_worker_start(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                         enum thread_role role, void (*run)(struct virtio_device *, struct virtqueue *),
                         struct error *error);
/* The same with up to DEVICE_WORKER_THREADS_MAX threads, of the role THREAD_WORKER. */
bool virtio_worker_start_threads(struct virtio_worker *worker, struct virtio_device *device, const char *name,
                                 unsigned threads, void (*run)(struct virtio_device *, struct virtqueue *),
                                 struct error *error);
/* Within run(): the number of the calling thread, from 0 on. */
unsigned virtio_worker_thread(void);
/* Within run(): another thread, if one has nothing to do, shall take requests from the queue too. [locked] */
void virtio_worker_share(struct virtio_worker *worker, const struct virtqueue *queue);
/* Within run(): waits for that many milliseconds. The request does not count as under way meanwhile: the
 * device may be reset, saved and given new requests. [locked]; releases the lock */
void virtio_worker_rest(struct virtio_worker *worker, unsigned milliseconds);
/* Is the worker about to end, so that a request is not to be tried again? [locked] */
bool virtio_worker_is_ending(const struct virtio_worker *worker);
/* Waits for the operations that are under way, and ends the threads. To be called without the lock. */
void virtio_worker_stop(struct virtio_worker *worker);
/* [locked] */
void virtio_worker_kick(struct virtio_worker *worker, const struct virtqueue *queue);
/* [locked]; releases the lock while it waits. The caller has set device->paused, so the work ends. */
void virtio_worker_wait_idle(struct virtio_worker *worker);
/* The same, since the guest takes the device away from its requests (device_worker_wait_dropped()). */
void virtio_worker_wait_dropped(struct virtio_worker *worker);

#endif
