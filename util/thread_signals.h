/* SPDX-License-Identifier: MIT
 *
 * What threads do with signals. They are for the threads that expect them, so whoever starts another one
 * blocks them before and gives them back after; the new thread inherits the mask. The signals of a program's
 * own faults stay open in all of them: a fault whose signal is blocked ends the program without its handler,
 * which gives the terminal back.
 */
#ifndef UTIL_THREAD_SIGNALS_H
#define UTIL_THREAD_SIGNALS_H

#include <signal.h>

/* Number of them, and which: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT. */
#define THREAD_FAULTS 7
extern const int thread_faults[THREAD_FAULTS];

/* Blocks all but the faults in the calling thread; *before is for thread_signals_restore(). */
void thread_signals_block(sigset_t *before);
void thread_signals_restore(const sigset_t *before);

#endif
