/* SPDX-License-Identifier: MIT
 *
 * -monitor, -qmp, -mon: where the monitors are.
 */
#include <string.h>

#include "frontend/options/options.h"

static bool add_monitor(struct options *options, const char *flag, const char *chardev, bool control,
                        struct error *error)
{
    if (options->monitor_count == OPTIONS_MONITORS_MAX)
        return error_set(error, "%s %s: more than %d monitors", flag, chardev, OPTIONS_MONITORS_MAX);
    options->monitors[options->monitor_count++] =
        (struct options_monitor){ .chardev = chardev, .control = control, .flag = flag };
    return true;
}

static bool take(struct options *options, const char *flag, const char *argument, bool control,
                 struct error *error)
{
    static const char *const kinds[] = { "tcp:", "unix:", "chardev:", NULL };
    if (strcmp(argument, "stdio") == 0 || strcmp(argument, "pty") == 0)
        return add_monitor(options, flag, argument, control, error);
    for (const char *const *kind = kinds; *kind; kind++) {
        if (strncmp(argument, *kind, strlen(*kind)) == 0 && argument[strlen(*kind)])
            return add_monitor(options, flag, argument, control, error);
    }
    return options_bad_value(
        error, flag, argument,
        "stdio, pty, none, tcp:HOST:PORT[,server][,nowait], unix:PATH[,server][,nowait], "
        "chardev:ID");
}

bool options_take_monitor(struct options *options, const char *argument, struct error *error)
{
    options->monitor_given = true;
    if (strcmp(argument, "none") == 0 || strcmp(argument, "null") == 0)
        return true;
    return take(options, "-monitor", argument, false, error);
}

bool options_take_qmp(struct options *options, const char *argument, struct error *error)
{
    if (strcmp(argument, "none") == 0 || strcmp(argument, "null") == 0)
        return true;
    return take(options, "-qmp", argument, true, error);
}

bool options_take_mon(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "chardev", error))
        return false;
    const char *id = option_pairs_get(&pairs, "chardev"), *mode = option_pairs_get(&pairs, "mode");
    for (unsigned i = 0; i < pairs.count; i++) {
        const char *key = pairs.pairs[i].key;
        if (strcmp(key, "chardev") != 0 && strcmp(key, "mode") != 0 && strcmp(key, "id") != 0)
            return error_set(error, "-mon: unknown option %s; there are: chardev, mode, id", key);
    }
    if (!id || !*id)
        return error_set(error, "-mon %s: chardev=ID is missing", argument);
    if (mode && strcmp(mode, "readline") != 0 && strcmp(mode, "control") != 0)
        return options_bad_value(error, "-mon mode", mode, "readline, control");
    char text[256];
    int length = snprintf(text, sizeof(text), "chardev:%s", id);
    char *kept =
        length < (int)sizeof(text) ? option_strings_add(&options->strings, text, (size_t)length) : NULL;
    options->monitor_given = true;
    return kept ? add_monitor(options, "-mon", kept, mode && strcmp(mode, "control") == 0, error)
                : error_set(error, "-mon %s: the id is too long", argument);
}

/* What stands behind chardev:ID. */
static bool look_up(const struct options *options, struct options_monitor *monitor, struct error *error)
{
    if (strncmp(monitor->chardev, "chardev:", 8) != 0)
        return true;
    const char *id = monitor->chardev + 8;
    for (unsigned i = 0; i < options->chardev_count; i++) {
        if (strcmp(options->chardevs[i].id, id) == 0) {
            monitor->chardev = options->chardevs[i].value;
            return true;
        }
    }
    return error_set(error, "%s %s: there is no -chardev with id=%s", monitor->flag, monitor->chardev, id);
}

/* The keys of the console lead to a monitor, unless another was asked for. */
bool options_join_monitors(struct options *options, struct error *error)
{
    bool console = strcmp(options->machine.serial, "mon:stdio") == 0, shared = false;
    for (unsigned i = 0; i < options->monitor_count; i++) {
        struct options_monitor *monitor = &options->monitors[i];
        if (!look_up(options, monitor, error))
            return false;
        bool muxed = strcmp(monitor->chardev, "mon:stdio") == 0;
        if (muxed && (!console || monitor->control || shared))
            return error_set(error, "%s: a chardev with mux=on serves -serial and one text monitor",
                             monitor->flag);
        monitor->console = muxed;
        shared |= muxed;
        monitor->is_stdio = muxed || strcmp(monitor->chardev, "stdio") == 0;
    }
    if (!console || shared || (options->monitor_given && !options->serial_count))
        return true;
    if (!add_monitor(options, "-serial", "mon:stdio", false, error))
        return false;
    options->monitors[options->monitor_count - 1].console = true;
    options->monitors[options->monitor_count - 1].is_stdio = true;
    return true;
}
