/* SPDX-License-Identifier: MIT
 *
 * The program: reads the command line, makes the machine, runs it, and gives the terminal back on every way
 * out. Only here does the process end.
 *
 * Signals: SIGINT, SIGTERM and SIGHUP ask the machine to quit (harts stop, disks are flushed) and the exit
 * status is 128 + signal; a second one ends the program at once. Faults of the program itself restore the
 * terminal and then take their default course.
 */
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/chardev.h"
#include "frontend/code_listing.h"
#include "frontend/monitor.h"
#include "frontend/options.h"
#include "frontend/sandbox.h"
#include "frontend/screen.h"
#include "frontend/sound.h"
#include "machine/machine.h"
#include "util/log.h"

static struct machine *_Atomic running; /* for the signal handler */
static atomic_int quit_signal;          /* the first that came */

static void on_quit_signal(int number)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&quit_signal, &none, number)) {
        chardev_stdio_restore();
        log_flush_at_fault();
        _exit(128 + number);
    }
    struct machine *machine = atomic_load(&running);
    if (machine)
        machine_request_quit(machine, 128 + number);
}

static void on_fault(int number)
{
    chardev_stdio_restore();
    log_flush_at_fault();
    raise(number); /* SA_RESETHAND: this time it ends the program, with a core dump where that is wanted */
}

static void handle_signals(void)
{
    static const int quits[] = { SIGINT, SIGTERM, SIGHUP };
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT };
    struct sigaction action = { .sa_handler = on_quit_signal, .sa_flags = SA_RESTART };
    struct sigaction old;
    for (size_t i = 0; i < sizeof(quits) / sizeof(quits[0]); i++) {
        /* A parent that ignores a signal (nohup, a shell's background job) is obeyed. */
        if (sigaction(quits[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(quits[i], &action, NULL);
    }
    action = (struct sigaction){ .sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (sigaction(faults[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(faults[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of write() */
}

static int fail(const struct error *error)
{
    chardev_stdio_restore();
    fprintf(stderr, "rvive: %s\n", error->text);
    return 1;
}

static void set_title(const char *title)
{
    if (title && isatty(STDERR_FILENO))
        fprintf(stderr, "\033]0;%s\007", title);
}

/* Runs the machine with its monitors and its screen, in the sandbox; as machine_run(). */
static int run_monitored(const struct options *options, struct screen *screen, struct monitors *monitors,
                         struct error *error)
{
    if (!monitors) {
        error_set(error, "out of memory for the monitors");
        return -1;
    }
    bool ready =
        monitors_open(monitors, error) && screen_open(screen, error) && sandbox_enter(options, error);
    int status = ready ? screen_run(screen, error) : -1;
    screen_close(screen);
    monitors_close(monitors);
    return status;
}

static int run_machine(struct options *options, struct error *error)
{
    struct screen *screen = sound_load(&options->machine, error) ? screen_create(options, error) : NULL;
    if (!screen)
        return fail(error);
    options->machine.display = screen_display(screen);
    struct machine *machine = machine_create(&options->machine, error);
    if (!machine) {
        screen_destroy(screen);
        return fail(error);
    }
    screen_attach(screen, machine);
    struct monitors *monitors = monitors_create(options, machine, screen);
    atomic_store(&running, machine);
    int early = atomic_load(&quit_signal);
    if (early)
        machine_request_quit(machine, 128 + early);
    int status = run_monitored(options, screen, monitors, error);
    atomic_store(&running, NULL);
    machine_destroy(machine);
    monitors_free(monitors);
    screen_destroy(screen);
    chardev_stdio_restore();
    return status < 0 ? fail(error) : status;
}

static int run(struct options *options, struct error *error)
{
    struct code_listing *listing = NULL;
    if (options->perf_map || log_enabled(LOG_CATEGORY_OUT_ASM) || log_enabled(LOG_CATEGORY_IR)) {
        listing = code_listing_create(options->perf_map, error);
        if (!listing)
            return fail(error);
        options->machine.listen = code_listing_take;
        options->machine.listen_opaque = listing;
    }
    int status = run_machine(options, error);
    code_listing_destroy(listing);
    return status;
}

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, 256 << 10); /* large pieces of images go back to the host when they are freed */
    static struct options options;
    struct error error = { "" };
    int status;
    handle_signals();
    if (!options_parse(&options, argc, argv, &error)) {
        status = fail(&error);
    } else if (options.action != OPTIONS_RUN) {
        options_print(&options, stdout);
        status = fflush(stdout) == 0 ? 0 : 1;
    } else if (options.log_file && !log_open(options.log_file)) {
        error_set(&error, "-D %s: cannot open the log: %m", options.log_file);
        status = fail(&error);
    } else {
        set_title(options.title);
        sandbox_begin(&options);
        status = run(&options, &error);
    }
    options_free(&options);
    log_flush();
    return status;
}
