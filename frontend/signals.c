/* SPDX-License-Identifier: MIT
 *
 * Signals. No signal that can be caught leaves the terminal in raw mode, or a disk without data that the
 * guest has flushed:
 *
 * - A signal that asks a program to end, or would end it by default (a user's SIGUSR1, a timer, a limit of
 * processor time), asks the machine to quit: harts stop, disks are flushed, and the exit status is 128 +
 * signal. A second SIGINT, SIGTERM or SIGHUP ends the program at once.
 * - Faults of the program, SIGABRT and SIGQUIT restore the terminal and then take their default action, with
 * a core dump if it is enabled. Nothing is flushed then: disks are as after a power failure.
 * - SIGTSTP (Ctrl-Z) restores the terminal and stops; SIGCONT takes the terminal again.
 * - SIGPIPE and SIGXFSZ are ignored: write() returns EPIPE or EFBIG instead, so the writer learns of it.
 *
 * A signal that the parent ignores (nohup, a shell's background job) stays ignored.
 */
#include "frontend/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "devices/char/chardev.h"
#include "machine/machine.h"
#include "util/log.h"
#include "util/thread_signals.h"

static struct machine *_Atomic running;
static atomic_int quit_signal; /* the first signal that came */
static atomic_bool stopping;   /* some thread is in on_stop(), which will take the terminal again itself */

static void on_quit(int number)
{
    int none = 0;
    bool first = atomic_compare_exchange_strong(&quit_signal, &none, number);
    if (!first && (number == SIGINT || number == SIGTERM || number == SIGHUP)) {
        chardev_stdio_restore();
        log_flush_at_fault();
        _exit(128 + number);
    }
    struct machine *machine = atomic_load(&running);
    if (machine)
        machine_request_quit(machine, 128 + atomic_load(&quit_signal));
}

static void on_fault(int number)
{
    chardev_stdio_restore();
    log_flush_at_fault();
    raise(number); /* SA_RESETHAND: this time it ends the program, with a core dump if that is enabled */
}

static void on_stop(int number);

static void catch_stop(void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigaction(SIGTSTP, &action, NULL);
}

static void on_stop(int number)
{
    int saved = errno;
    sigset_t open, before;
    atomic_store(&stopping, true);
    chardev_stdio_leave();
    catch_stop(SIG_DFL);
    sigemptyset(&open);
    sigaddset(&open, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &open, &before); /* the process stops here, until SIGCONT */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    catch_stop(on_stop);
    atomic_store(&stopping, false);
    chardev_stdio_return();
    errno = saved;
}

static void on_continue(int number)
{
    int saved = errno;
    (void)number;
    if (!atomic_load(&stopping))
        chardev_stdio_return();
    errno = saved;
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(number, &action, NULL);
}

void signals_handle(void)
{
    static const int quits[] = { SIGINT,    SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM,
                                 SIGVTALRM, SIGPROF, SIGXCPU, SIGPWR,  SIGIO,   SIGSTKFLT };
    for (size_t i = 0; i < sizeof(quits) / sizeof(quits[0]); i++)
        handle(quits[i], on_quit, SA_RESTART);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        handle(number, on_quit, SA_RESTART);
    for (size_t i = 0; i < THREAD_FAULTS; i++)
        handle(thread_faults[i], on_fault, (int)SA_RESETHAND | SA_NODEFER);
    handle(SIGQUIT, on_fault, (int)SA_RESETHAND | SA_NODEFER);
    handle(SIGTSTP, on_stop, SA_RESTART);
    handle(SIGCONT, on_continue, SA_RESTART);
    handle(SIGPIPE, SIG_IGN, 0);
    handle(SIGXFSZ, SIG_IGN, 0);
}

void signals_serve(struct machine *machine)
{
    atomic_store(&running, machine);
    int early = atomic_load(&quit_signal);
    if (machine && early)
        machine_request_quit(machine, 128 + early);
}
