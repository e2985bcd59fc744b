/* SPDX-License-Identifier: MIT
 *
 * What a broken invariant says; see check.h.
 */
#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

_Noreturn void check_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "rvive: %s:%d: %s: this does not hold: %s\n", file, line, function, condition);
    abort();
}

#ifdef __GLIBC__
bool check_held(pthread_mutex_t *lock)
{
    static _Thread_local pid_t self;
    if (!self)
        self = gettid();
    return lock->__data.__owner == self;
}
#else
bool check_held(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock))
        return true;
    pthread_mutex_unlock(lock);
    return false;
}
#endif
