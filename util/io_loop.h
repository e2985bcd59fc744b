/* SPDX-License-Identifier: MIT
 *
 * The I/O thread: one thread that waits with poll(2) for file descriptors, and runs callbacks when they are
 * ready. It is shared: the first io_loop_acquire() starts it, the last io_loop_release() ends it.
 *
 * Callbacks run in the I/O thread with no lock of the loop held; they must not block for long. All functions
 * are callable from any thread, the callbacks included.
 */
#ifndef UTIL_IO_LOOP_H
#define UTIL_IO_LOOP_H

#include <stdint.h>

#include "util/error.h"

struct io_loop;

/* Returns NULL and fills *error if the host has no thread or descriptor left. */
struct io_loop *io_loop_acquire(struct error *error);
/* All watches must have been removed before. Not to be called from a callback. */
void io_loop_release(struct io_loop *loop);

/* One watched descriptor. The caller owns it and zeroes it at first; while it is added, its members belong to
 * the loop. */
struct io_watch {
    int fd;
    short events; /* POLLIN, POLLOUT; 0: asleep (not even hang-ups are reported) */
    void (*ready)(void *opaque, short revents);
    void *opaque;
    uint64_t asleep_until; /* ns, CLOCK_MONOTONIC; 0: not asleep */
    struct io_watch *next;
};

void io_watch_add(struct io_loop *loop, struct io_watch *watch);
/* Changes what is waited for. It also ends a sleep. */
void io_watch_set(struct io_loop *loop, struct io_watch *watch, int fd, short events);
/* Leaves the watch out for a while: for a condition that poll(2) cannot wait for. */
void io_watch_sleep(struct io_loop *loop, struct io_watch *watch, unsigned milliseconds);
/* Afterwards the callback is not running and will not run (in the I/O thread itself: will not run again). */
void io_watch_remove(struct io_loop *loop, struct io_watch *watch);

/* Runs a function once in the I/O thread, soon. The job is the caller's until it has run. */
struct io_job {
    void (*run)(void *opaque);
    void *opaque;
    struct io_job *next;
    bool queued;
};
/* Does nothing if the job is queued already. */
void io_loop_run(struct io_loop *loop, struct io_job *job);
/* Afterwards the job is neither queued nor running (in the I/O thread itself: not queued). */
void io_job_cancel(struct io_loop *loop, struct io_job *job);

#endif
