/* SPDX-License-Identifier: MIT
 *
 * -monitor, -qmp, -mon: where the monitors are.
 */
#include <string.h>

#include "devices/char/describe.h"
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
    const char *chardev = options_describe_chardev(options, flag, argument, error);
    return chardev && add_monitor(options, flag, chardev, control, error);
}

bool options_take_monitor(struct options *options, const char *argument, struct error *error)
{
    options->monitor_given = true;
    if (strcmp(argument, "none") == 0 || strcmp(argument, "null") == 0 || strncmp(argument, "vc", 2) == 0)
        return true; /* windows have no text consoles */
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
        if (strcmp(key, "chardev") != 0 && strcmp(key, "mode") != 0 && strcmp(key, "id") != 0 &&
            strcmp(key, "pretty") != 0 && /* accepted: each answer is one line in any case */
            strcmp(key, "default") != 0)  /* accepted: every monitor is as good as the others */
            return error_set(error, "-mon: unknown option %s; there are: chardev, mode, id, pretty, default",
                             key);
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

/* Returns the first console of a device that has keys to reach a monitor; NULL: there is none. */
static const char *find_console(const struct options *options)
{
    const struct machine_config *machine = &options->machine;
    const char *semihosting = machine->semihosting.chardev;
    if (chardev_has_escapes(machine->serial))
        return machine->serial;
    for (unsigned n = 0; n < options->serial_count && n < MACHINE_SPARE_SERIALS; n++)
        if (machine->spare_serials[n] && chardev_has_escapes(machine->spare_serials[n]))
            return machine->spare_serials[n];
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX + machine->pci_count; n++) {
        const struct machine_plug *plug = n < MACHINE_VIRTIO_SLOTS_MAX
                                              ? &machine->virtio[n]
                                              : &machine->pci[n - MACHINE_VIRTIO_SLOTS_MAX].plug;
        for (unsigned port = 0; port < plug->port_count; port++)
            if (chardev_has_escapes(plug->ports[port].chardev))
                return plug->ports[port].chardev;
    }
    return semihosting && chardev_has_escapes(semihosting) ? semihosting : NULL;
}

/* The keys of the console reach a monitor, unless the command line asks for another monitor. */
bool options_join_monitors(struct options *options, struct error *error)
{
    const char *console = find_console(options);
    bool shared = false;
    for (unsigned i = 0; i < options->monitor_count; i++) {
        struct options_monitor *monitor = &options->monitors[i];
        monitor->chardev = options_find_chardev(options, monitor->flag, monitor->chardev, error);
        if (!monitor->chardev)
            return false;
        monitor->console = console && strcmp(monitor->chardev, console) == 0;
        if (monitor->console && (monitor->control || shared))
            return error_set(error, "%s: a chardev with mux=on serves a console and one text monitor",
                             monitor->flag);
        shared |= monitor->console;
        monitor->is_stdio = chardev_is_stdio(monitor->chardev);
    }
    if (!console || shared || (options->monitor_given && !options->serial_count))
        return true;
    if (!add_monitor(options, "-serial", console, false, error))
        return false;
    options->monitors[options->monitor_count - 1].console = true;
    options->monitors[options->monitor_count - 1].is_stdio = chardev_is_stdio(console);
    return true;
}
