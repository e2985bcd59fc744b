/* SPDX-License-Identifier: MIT
 *
 * Threads that the confinement of the process (util/confine.h) knows: each says what it is for when it is
 * made, and is confined accordingly before its own function is called.
 *
 * The gate. A program that is going to confine itself closes the gate at its start. Threads that are asked
 * for from then on are only noted, since what they may do is not known before the command line's files and
 * sockets are open. thread_gate_open() makes them, so they inherit the confinement of the thread that makes
 * them. Without a gate (tests, rvive-img) threads start at once.
 */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "util/error.h"

/* What a thread is for. The less it needs of the host, the fewer system calls it is allowed. */
enum thread_role {
    THREAD_HART,       /* guest code: descriptors that are open already */
    THREAD_TRANSLATOR, /* memory, and the log */
    THREAD_TIMER,      /* the clock's callbacks: the same as a hart's */
    THREAD_WORKER,     /* a device's requests, on images that are open already */
    THREAD_FOLDER,     /* the server of a shared folder: opens files */
    THREAD_HOST,       /* consoles, monitors, networks, windows, sound: all that the process may do */
    THREAD_ROLES
};

/* As pthread_create(); the thread gets the caller's present signal mask. Returns 0 or an error number. The
 * host's tools show the name, which has at most 15 characters. While the gate is closed, *thread is not set,
 * must stay where it is, and nobody may wait for the thread; all this ends when the gate opens. */
int thread_create(pthread_t *thread, enum thread_role role, const char *name, void *(*run)(void *),
                  void *opaque);
/* As pthread_join(). A thread that the gate holds back has no work left: its creator gave up and has told it
 * to stop. It is made now, unconfined, and finds that out. */
void thread_join(pthread_t *thread);

/* To be called once, before the first thread is made. */
void thread_gate_close(void);
/* Makes the threads that were asked for. Each of them, and each that is made later, calls `enter` as its
 * first act. Returns false and fills *error if a thread cannot be made; those made before it run. */
bool thread_gate_open(void (*enter)(enum thread_role role), struct error *error);

#endif
