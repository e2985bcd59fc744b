/* SPDX-License-Identifier: MIT
 *
 * Reports a broken invariant; see check.h.
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

bool check_held_shared(pthread_rwlock_t *lock)
{
    if (pthread_rwlock_trywrlock(lock))
        return true;
    pthread_rwlock_unlock(lock);
    return false;
}

#ifdef __GLIBC__
static pid_t own_id(void)
{
    static _Thread_local pid_t self;
    if (!self)
        self = gettid();
    return self;
}

bool check_held(pthread_mutex_t *lock)
{
    return lock->__data.__owner == own_id();
}

bool check_held_alone(pthread_rwlock_t *lock)
{
    return lock->__data.__cur_writer == own_id();
}
#else
bool check_held_alone(pthread_rwlock_t *lock)
{
    if (pthread_rwlock_tryrdlock(lock))
        return true;
    pthread_rwlock_unlock(lock);
    return false;
}

bool check_held(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock))
        return true;
    pthread_mutex_unlock(lock);
    return false;
}
#endif
