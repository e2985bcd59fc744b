/* SPDX-License-Identifier: MIT
 *
 * Threads that the confinement of the process (util/confine.h) knows: each says what it is for when it is
 * made, and is confined accordingly before its own function is called.
 *
 * The gate. A program that is going to confine itself closes the gate at its start: threads that are asked
 * for from then on are only noted, since what they may do is not known before the command line's files and
 * sockets are open. thread_gate_open() makes them, and so they inherit what their maker has been confined by.
 * Without a gate (tests, rvive-img) threads start at once.
 */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "util/error.h"

/* What a thread is for: the less it needs of the host, the less it may ask for. */
enum thread_role {
    THREAD_HART,       /* guest code: descriptors that are open already */
    THREAD_TRANSLATOR, /* memory, and the log */
    THREAD_TIMER,      /* the clock's callbacks: as a hart's */
    THREAD_WORKER,     /* a device's requests, on images that are open already */
    THREAD_FOLDER,     /* the server of a shared folder: opens files */
    THREAD_HOST,       /* consoles, monitors, networks, windows, sound: all that the process may */
    THREAD_ROLES
};

/* As pthread_create(), with the caller's signal mask of now: returns 0 or an error number. The name, of at
 * most 15 characters, is what the host's tools show. While the gate is closed, *thread must stay where it is,
 * and is only set when the gate opens; nobody may wait for the thread until then. */
int thread_create(pthread_t *thread, enum thread_role role, const char *name, void *(*run)(void *),
                  void *opaque);
/* As pthread_join(). One that the gate keeps back is made now, unconfined, to see that it is not needed: its
 * creator gave up, and has told it to stop. */
void thread_join(pthread_t *thread);

/* Once, before the first thread is made. */
void thread_gate_close(void);
/* Makes the threads that were asked for. `enter` is called by each of them, and by each that is made later,
 * as its first act. False and *error: one cannot be made; those before it run. */
bool thread_gate_open(void (*enter)(enum thread_role role), struct error *error);

#endif
