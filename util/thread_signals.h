/* SPDX-License-Identifier: MIT
 *
 * What threads do with signals. Only the threads that expect signals shall get them, so whoever starts
 * another thread blocks them before and restores them after; the new thread inherits the mask. The signals of
 * the program's own faults stay unblocked in all threads: a fault whose signal is blocked would end the
 * program without the handler that gives the terminal back.
 */
#ifndef UTIL_THREAD_SIGNALS_H
#define UTIL_THREAD_SIGNALS_H

#include <signal.h>

/* The number of these signals. They are SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS and SIGABRT. */
#define THREAD_FAULTS 7
extern const int thread_faults[THREAD_FAULTS];

/* Blocks all but the faults in the calling thread; *before is for thread_signals_restore(). */
void thread_signals_block(sigset_t *before);
void thread_signals_restore(const sigset_t *before);

#endif
