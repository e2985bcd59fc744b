/* SPDX-License-Identifier: MIT
 *
 * Invariants that are checked while the program runs. In builds with RVIVE_CHECKS (Debug builds, and builds
 * with a sanitizer) the program stops at the first one that is broken. A Release build compiles the
 * expressions and does not evaluate them, so a check must have no side effect. A check is for faults of this
 * program alone: what a guest, an image or a peer can cause is an error with a name, not a check.
 *
 * CHECK_INVARIANT(call) is for a function that examines a whole structure, at the points where other code
 * enters or leaves it. Only builds with checks call it, so it may be slow.
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

/* Stops the program if `condition` is false, which means that this program has a fault. */
#define CHECK(condition)                                                                                     \
    ((void)(!CHECK_ENABLED || (condition) || (check_failed(#condition, __FILE__, __LINE__, __func__), 0)))
/* The calling thread holds the pthread_mutex_t at `lock`. */
#define CHECK_HELD(lock) CHECK(check_held(lock))
/* For a pthread_rwlock_t at `lock`. SHARED: some thread holds it, for reading or for writing (C libraries do
 * not tell which threads read). ALONE: the calling thread holds it for writing. */
#define CHECK_HELD_SHARED(lock) CHECK(check_held_shared(lock))
#define CHECK_HELD_ALONE(lock)  CHECK(check_held_alone(lock))
/* Calls a function that contains CHECKs, in builds with checks only. */
#define CHECK_INVARIANT(call) ((void)(CHECK_ENABLED && ((call), 0)))

/* Says which check failed and where, and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line, const char *function);
/* Whether the calling thread holds the lock. If the C library does not tell who holds it: whether any thread
 * does. */
bool check_held(pthread_mutex_t *lock);
bool check_held_shared(pthread_rwlock_t *lock);
bool check_held_alone(pthread_rwlock_t *lock);

#endif
