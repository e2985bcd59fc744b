/* SPDX-License-Identifier: MIT
 *
 * Threads that the confinement of the process (util/confine.h) knows: each says what it is for when it is
 * made, and is confined accordingly before its own function is called.
 *
 * The gate. A program that is going to confine itself closes the gate at its start: threads that are made
 * from then on wait, since what they may do is not known before the command line's files and sockets are
 * open. thread_gate_open() lets them go, each through the function `enter`, and returns when all of them have
 * been there. Without a gate (tests, rvive-img) threads start at once.
 */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

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

/* As pthread_create(): returns 0 or an error number. */
int thread_create(pthread_t *thread, enum thread_role role, void *(*run)(void *), void *opaque);
/* As pthread_join(). One that waits at the gate goes through unconfined, to see that it is not needed: its
 * creator gave up, and has told it to stop. */
void thread_join(pthread_t thread);

/* Whether that thread (gettid()) waits at the gate, or is on its way there; others are not of our making. */
bool thread_gate_holds(pid_t thread);
/* Once, before the first thread is made. */
void thread_gate_close(void);
/* `enter` is called by each thread that waits, and by each that is made later, as its first act. */
void thread_gate_open(void (*enter)(enum thread_role role));

#endif
