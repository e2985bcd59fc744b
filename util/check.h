/* SPDX-License-Identifier: MIT
 *
 * Invariants that run. Builds with RVIVE_CHECKS (Debug, and those with a sanitizer) stop where one is broken;
 * Release builds compile the expressions and evaluate none. So a check has no side effect, and what a guest,
 * an image or a peer can cause is no check but an error with a name.
 *
 * CHECK_INVARIANT(call) is for a function that looks at a whole structure, at its border: it is called in
 * builds with checks only, and may be slow.
 */
#ifndef UTIL_CHECK_H
#define UTIL_CHECK_H

#include <pthread.h>
#include <stdbool.h>

#ifdef RVIVE_CHECKS
#define CHECK_ENABLED 1
#else
#define CHECK_ENABLED 0
#endif

/* `condition` holds here, or this program has a fault. */
#define CHECK(condition)                                                                                     \
    ((void)(!CHECK_ENABLED || (condition) || (check_failed(#condition, __FILE__, __LINE__, __func__), 0)))
/* The calling thread holds the pthread_mutex_t at `lock`. */
#define CHECK_HELD(lock) CHECK(check_held(lock))
/* Of a pthread_rwlock_t at `lock`: somebody holds it, for reading or writing (C libraries do not tell who
 * reads); the calling thread holds it for writing. */
#define CHECK_HELD_SHARED(lock) CHECK(check_held_shared(lock))
#define CHECK_HELD_ALONE(lock)  CHECK(check_held_alone(lock))
/* Does `call` in builds with checks; it ends in CHECKs of its own. */
#define CHECK_INVARIANT(call) ((void)(CHECK_ENABLED && ((call), 0)))

/* Says which check failed and where, and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line, const char *function);
/* Whether the calling thread holds it; a C library that does not tell who does is asked whether anybody
 * does. */
bool check_held(pthread_mutex_t *lock);
bool check_held_shared(pthread_rwlock_t *lock);
bool check_held_alone(pthread_rwlock_t *lock);

#endif
