/* SPDX-License-Identifier: MIT
 *
 * -pidfile, -daemonize, -name, -overcommit, -msg, -echr, and what ends the program (-action, -no-reboot,
 * -no-shutdown): settings of the process itself.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/options/options.h"
#include "util/log.h"

bool options_take_pidfile(struct options *options, const char *argument, struct error *error)
{
    options->process.pidfile = argument;
    return *argument || error_set(error, "-pidfile: the name of the file is missing");
}

bool options_take_daemonize(struct options *options, const char *argument, struct error *error)
{
    options->process.daemonize = true;
    return true;
}

/* What it means is checked when it is opened (frontend/state/channel.h). */
bool options_take_incoming(struct options *options, const char *argument, struct error *error)
{
    options->incoming = argument;
    return *argument || error_set(error, "-incoming: it needs file:FILE, exec:COMMAND, unix:PATH, "
                                         "tcp:HOST:PORT or defer");
}

bool options_take_loadvm(struct options *options, const char *argument, struct error *error)
{
    options->loadvm = argument;
    return *argument || error_set(error, "-loadvm: the name of the snapshot is missing");
}

bool options_take_suspend(struct options *options, const char *argument, struct error *error)
{
    options->suspend = argument;
    return *argument || error_set(error, "-suspend: the name of the file is missing");
}

/* ---- -name --------------------------------------------------------------------------------------------- */

static bool name_guest(struct options *options, void *item, const char *value, struct error *error)
{
    options->title = value;
    return true;
}

static bool name_process(struct options *options, void *item, const char *value, struct error *error)
{
    options->process.name = value;
    return (value && *value) || error_set(error, "-name process: the name is missing");
}

/* Accepted: threads have names in any case. */
static bool name_threads(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return options_take_switch("-name debug-threads", value, &on, error);
}

bool options_take_name(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = { { "guest", name_guest },
                                               { "process", name_process },
                                               { "debug-threads", name_threads },
                                               { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "guest", error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-name", error);
}

/* ---- Older spellings of -run-with ---------------------------------------------------------------------- */

bool options_take_runas(struct options *options, const char *argument, struct error *error)
{
    return options_take_user(options, argument, error);
}

bool options_take_chroot(struct options *options, const char *argument, struct error *error)
{
    options->run_with.chroot = argument;
    return *argument || error_set(error, "-chroot: the name of the folder is missing");
}

/* ---- -overcommit --------------------------------------------------------------------------------------- */

static bool overcommit_lock(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_process *process = &options->process;
    process->lock_on_fault = value && strcmp(value, "on-fault") == 0;
    process->lock_memory = process->lock_on_fault;
    return process->lock_on_fault || option_parse_switch(value, &process->lock_memory) ||
           options_bad_value(error, "-overcommit mem-lock", value, "on, off, on-fault");
}

/* Accepted: this is for processors that run the guest's code themselves. */
static bool overcommit_cpu(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return options_take_switch("-overcommit cpu-pm", value, &on, error);
}

bool options_take_overcommit(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = { { "mem-lock", overcommit_lock },
                                               { "cpu-pm", overcommit_cpu },
                                               { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-overcommit", error);
}

/* ---- -msg ---------------------------------------------------------------------------------------------- */

static bool msg_timestamp(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    if (!options_take_switch("-msg timestamp", value, &on, error))
        return false;
    log_set_timestamps(on);
    return true;
}

static bool msg_guest_name(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("-msg guest-name", value, &options->process.says_guest, error);
}

bool options_take_msg(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = { { "timestamp", msg_timestamp },
                                               { "guest-name", msg_guest_name },
                                               { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-msg", error);
}

/* ---- -echr --------------------------------------------------------------------------------------------- */

/* The number may also be octal, as in C and in QEMU. */
bool options_take_echr(struct options *options, const char *argument, struct error *error)
{
    char *end;
    long key = strtol(argument, &end, 0);
    if (!*argument || *end || key < 1 || key > 255)
        return error_set(error, "-echr %s: not the number of a key from 1 (Ctrl-A) to 255; 0x14 is Ctrl-T",
                         argument);
    options->process.escape = (uint8_t)key;
    return true;
}

/* ---- What ends the program ----------------------------------------------------------------------------- */

/* Sets *on if the value is the first name, clears it if it is the second. */
static bool take_either(const char *flag, const char *value, const char *on_name, const char *off_name,
                        bool *on, struct error *error)
{
    char both[64];
    *on = value && strcmp(value, on_name) == 0;
    snprintf(both, sizeof(both), "%s, %s", on_name, off_name);
    return *on || (value && strcmp(value, off_name) == 0) || options_bad_value(error, flag, value, both);
}

static bool action_reboot(struct options *options, void *item, const char *value, struct error *error)
{
    return take_either("-action reboot", value, "shutdown", "reset", &options->machine.no_reboot, error);
}

static bool action_shutdown(struct options *options, void *item, const char *value, struct error *error)
{
    return take_either("-action shutdown", value, "pause", "poweroff", &options->machine.no_shutdown, error);
}

static bool action_panic(struct options *options, void *item, const char *value, struct error *error)
{
    int action = machine_find_action(machine_panic_actions, value);
    if (action < 0)
        return options_bad_value(error, "-action panic", value, "pause, shutdown, exit-failure, none");
    options->machine.panic_action = (enum machine_panic_action)action;
    return true;
}

static bool action_watchdog(struct options *options, void *item, const char *value, struct error *error)
{
    int action = machine_find_action(machine_watchdog_actions, value);
    if (action < 0)
        return options_bad_value(error, "-watchdog-action", value,
                                 "reset, shutdown, poweroff, pause, debug, none, inject-nmi");
    options->machine.watchdog_action = (enum machine_watchdog_action)action;
    return true;
}

bool options_take_action(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = { { "reboot", action_reboot },
                                               { "shutdown", action_shutdown },
                                               { "panic", action_panic },
                                               { "watchdog", action_watchdog },
                                               { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-action", error);
}

bool options_take_watchdog_action(struct options *options, const char *argument, struct error *error)
{
    return action_watchdog(options, NULL, argument, error);
}

/* ---- At the end ---------------------------------------------------------------------------------------- */

bool options_join_process(struct options *options, struct error *error)
{
    if (!options->process.daemonize)
        return true;
    if (options->nographic && !options->nodefaults && !options->serial_count)
        return error_set(error,
                         "-daemonize: not with -nographic, which needs the terminal; write -display none");
    if (options_count_terminals(options))
        return error_set(error,
                         "-daemonize: a process in the background has no terminal; write -serial null, "
                         "file:FILE, pty or unix:PATH,server, and -monitor none");
    return true;
}
