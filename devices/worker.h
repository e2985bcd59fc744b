/* SPDX-License-Identifier: MIT
 *
 * The threads of a device that wait for the host, so that no hart has to. The device kicks them; one of them
 * then calls run() for each queue that was kicked. What a queue is, is the device's affair: to the worker it
 * is a number below DEVICE_WORKER_QUEUES_MAX.
 *
 * run() is called with the device's lock held. It takes requests until there are none, and releases the lock
 * around each host operation. A device that has several requests under way calls device_worker_kick() within
 * run() when it has taken a request and sees more, so that another thread takes that one.
 *
 * For virtual time (-icount) the work must be done at an instant of the guest's: after
 * device_worker_be_exact() a worker has one thread, and a hart that has accessed a device waits in
 * device_worker_settle() until all workers have finished what they were kicked for.
 *
 * virtio/worker.h is this for virtqueues.
 */
#ifndef DEVICES_WORKER_H
#define DEVICES_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/thread.h"

#define DEVICE_WORKER_THREADS_MAX 16u
#define DEVICE_WORKER_QUEUES_MAX  64u

struct device_worker_config {
    pthread_mutex_t *lock; /* the device's */
    const char *device;    /* for messages */
    const char *name;      /* of the threads, as the host's tools show it: up to 15 characters */
    enum thread_role role; /* what they may ask the host for */
    unsigned threads;      /* up to DEVICE_WORKER_THREADS_MAX */
    void (*run)(void *opaque, unsigned queue);
    void *opaque;
};

struct device_worker { /* all fields belong to the device's lock, or are constant */
    struct device_worker_config config;
    pthread_t threads[DEVICE_WORKER_THREADS_MAX];
    unsigned thread_count;
    pthread_cond_t wake, idle;
    uint64_t kicked;   /* a bit a queue */
    unsigned busy;     /* threads within run() */
    unsigned sleeping; /* threads that wait for `wake` and were not signalled */
    bool stop;
    atomic_uint dropping; /* threads in device_worker_wait_dropped(). Any thread */
};

/* Before the first worker starts; holds for all of the process. */
void device_worker_be_exact(void);
/* Whether the calling thread is a worker's. */
bool device_worker_is_one(void);
/* Waits until no worker of the process has anything to do. Without be_exact() it returns at once. To be
 * called with no device's lock held. */
void device_worker_settle(void);

/* Starts the threads; if the host has fewer, with those. False and *error if there is none. */
bool device_worker_start(struct device_worker *worker, const struct device_worker_config *config,
                         struct error *error);
/* Waits for the operations that are under way, and ends the threads. To be called without the lock, when the
 * device gives out no more requests. */
void device_worker_stop(struct device_worker *worker);
/* [locked], like all that follow. */
void device_worker_kick(struct device_worker *worker, unsigned queue);
/* Within run(): the number of the calling thread, from 0 on. */
unsigned device_worker_thread(void);
/* Within run(): waits for that many milliseconds. The request does not count as under way meanwhile: the
 * device may be reset, saved and given new requests. Releases the lock. */
void device_worker_rest(struct device_worker *worker, unsigned milliseconds);
/* Releases the lock while it waits. The device gives out no more requests, so the work ends. */
void device_worker_wait_idle(struct device_worker *worker);
/* The same, since the guest takes the device away from its requests: those that have not begun yet need not
 * be done any more. */
void device_worker_wait_dropped(struct device_worker *worker);
/* Within run(): whether the calling thread's worker is waited for by the function above. */
bool device_worker_is_dropped(void);
/* Whether somebody waits for the work of any worker to end, so that nobody may take his time. Any thread. */
bool device_worker_is_awaited(void);

#endif
