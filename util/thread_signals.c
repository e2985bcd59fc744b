/* SPDX-License-Identifier: MIT
 *
 * How threads treat signals; see thread_signals.h.
 */
#include "util/thread_signals.h"

#include <pthread.h>
#include <stddef.h>

const int thread_faults[THREAD_FAULTS] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT };

void thread_signals_block(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        sigdelset(&all, thread_faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

void thread_signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}
