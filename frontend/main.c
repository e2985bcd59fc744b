/* SPDX-License-Identifier: MIT
 *
 * The program: reads the command line, makes the machine, runs it, and restores the terminal before every
 * exit. The process ends only here.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/char/chardev.h"
#include "frontend/code_listing.h"
#include "frontend/daemon.h"
#include "frontend/identify/identify.h"
#include "frontend/display/screen.h"
#include "frontend/display/sound.h"
#include "frontend/monitor/monitor.h"
#include "frontend/options/options.h"
#include "frontend/sandbox.h"
#include "frontend/signals.h"
#include "frontend/state/migration.h"
#include "frontend/display/view_module.h"
#include "machine/machine.h"
#include "machine/state/in_memory.h"
#include "util/log.h"

static int fail(const struct error *error)
{
    char prefix[128];
    chardev_stdio_restore();
    log_prefix(prefix, sizeof(prefix));
    fprintf(stderr, "%srvive: %s\n", prefix, error->text);
    return 1;
}

static void set_title(const char *title)
{
    if (title && isatty(STDERR_FILENO))
        fprintf(stderr, "\033]0;%s\007", title);
}

/* Runs the machine with its monitors and its screen, in the sandbox; returns what machine_run() returns. */
static int run_monitored(const struct options *options, struct screen *screen, struct monitors *monitors,
                         struct migration *migration, struct error *error)
{
    /* A window's libraries start threads, which shall be in the sandbox, too; so the window is opened in it.
     * But another user or root may have no access to the desktop: then it is opened before. */
    bool early = options->run_with.user || options->run_with.chroot;
    bool ready = monitors_open(monitors, error) && screen_open(screen, error) &&
                 (!early || screen_open_window(screen, error)) && daemon_hold(options, error) &&
                 sandbox_enter(options, error) && screen_open_window(screen, error) &&
                 daemon_ready(options, error);
    ready = ready && migration_begin(migration, error);
    int status = ready ? screen_run(screen, error) : -1;
    screen_close(screen);
    struct error suspend;
    if (!migration_end(migration, &suspend) && status >= 0) {
        *error = suspend;
        status = -1;
    }
    monitors_close(monitors);
    return status;
}

/* Reads line numbers for -coverage. */
static bool find_lines(struct coverage_config *coverage, struct error *error)
{
    static char path[VIEW_MODULE_PATH];
    coverage->lines_program = path;
    return !coverage->file || coverage->format != COVERAGE_LCOV ||
           view_module_find("rvive-lines", path, error);
}

static int run_machine(struct options *options, struct error *error)
{
    if (!find_lines(&options->machine.coverage, error))
        return fail(error);
    struct screen *screen = sound_load(&options->machine, error) ? screen_create(options, error) : NULL;
    if (!screen)
        return fail(error);
    options->machine.display = screen_display(screen);
    options->machine.incoming = migration_loads(options);
    struct machine *machine = machine_create(&options->machine, error);
    if (!machine) {
        screen_destroy(screen);
        return fail(error);
    }
    screen_attach(screen, machine);
    struct migration *migration = migration_create(options, machine, error);
    struct monitors *monitors =
        migration ? monitors_create(options, machine, screen, migration, error) : NULL;
    signals_serve(machine);
    int status = monitors ? run_monitored(options, screen, monitors, migration, error) : -1;
    signals_serve(NULL);
    migration_destroy(migration);
    machine_forget_all(machine);
    machine_destroy(machine);
    monitors_free(monitors);
    screen_destroy(screen);
    chardev_stdio_restore();
    return status < 0 ? fail(error) : status;
}

static int run(struct options *options, struct error *error)
{
    if (!options->perf_map && !log_enabled(LOG_CATEGORY_OUT_ASM) && !log_enabled(LOG_CATEGORY_IR))
        return run_machine(options, error);
    const struct code_listing_ops *ops = view_module_load(CODE_LISTING_MODULE, CODE_LISTING_SYMBOL, error);
    struct code_listing *listing = ops ? ops->create(options->perf_map, error) : NULL;
    if (!listing)
        return fail(error);
    options->machine.listen = ops->take;
    options->machine.listen_opaque = listing;
    int status = run_machine(options, error);
    ops->destroy(listing);
    return status;
}

static int start(struct options *options, struct error *error)
{
    log_set_guest_name(options->process.says_guest ? options->title : NULL);
    chardev_set_escape(options->process.escape);
    if (!daemon_begin(options, error))
        return fail(error);
    set_title(options->title);
    sandbox_begin(options);
    int status = run(options, error);
    daemon_end();
    return status;
}

int main(int argc, char **argv)
{
    /* Large pieces of images are returned to the host when they are freed. */
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    static struct options options;
    struct error error = { "" };
    int status;
    bool parsed = options_parse(&options, argc, argv, &error);
    /* A signal ends -identify at once: nobody would serve it. */
    if (!parsed || options.action != OPTIONS_IDENTIFY)
        signals_handle();
    if (!parsed) {
        status = fail(&error);
    } else if (options.action == OPTIONS_IDENTIFY) {
        status = identify_file(options.identify, stdout, &error) ? fflush(stdout) != 0 : fail(&error);
    } else if (options.action != OPTIONS_RUN) {
        options_print(&options, stdout);
        status = fflush(stdout) == 0 && options.action != OPTIONS_FIRST_STEPS ? 0 : 1;
    } else if (options.log_file && !log_open(options.log_file)) {
        error_set(&error, "-D %s: cannot open the log: %m", options.log_file);
        status = fail(&error);
    } else {
        status = start(&options, &error);
    }
    options_free(&options);
    log_flush();
    return status == 0 && log_failed() ? 1 : status;
}
