/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor for the media of CD drives, with QEMU's names: eject, and change or
 * blockdev-change-medium. A drive is named by its own id, or by that of the -drive that was in it at first.
 */
#include <string.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"

/* The drive that the command is for. False, with call->error filled. */
static bool take_name(struct monitor_call *call, const char *command, const char **name)
{
    *name = monitor_text(call, "id", monitor_text(call, "device", ""));
    return **name || error_set(&call->error, "%s: the drive is missing: device or id", command);
}

bool monitor_eject(struct monitor_call *call)
{
    const char *name;
    return take_name(call, "eject", &name) &&
           machine_eject(call->machine, name, monitor_given(call, "force"), &call->error);
}

/* Takes the format; NULL: it is detected. */
static bool take_format(struct monitor_call *call, const char **format)
{
    static const char *const formats[] = { "raw", "qcow2" };
    const char *text = monitor_text(call, "format", NULL);
    *format = NULL;
    for (size_t n = 0; text && n < sizeof(formats) / sizeof(formats[0]); n++)
        if (strcmp(text, formats[n]) == 0)
            *format = formats[n];
    return !text || *format ||
           error_set(&call->error, "change: the format '%.20s' is unknown; there are raw and qcow2", text);
}

bool monitor_change(struct monitor_call *call)
{
    struct options *options = call->changeable;
    struct blockdev_config config = { .read_only = true, .rule.limited = true };
    const char *name, *file = monitor_text(call, "filename", "");
    const char *mode = monitor_text(call, "read-only-mode", "retain");
    if (!take_name(call, "change", &name) || !take_format(call, &config.format))
        return false;
    if (!*file)
        return error_set(&call->error, "change: filename is missing");
    if (strcmp(mode, "retain") != 0 && strcmp(mode, "read-only") != 0)
        return error_set(&call->error, "change: read-only-mode '%.20s': a CD is read-only", mode);
    config.path = option_strings_add(&options->strings, file, strlen(file)); /* the machine borrows it */
    if (!config.path)
        return error_set(&call->error, "change: out of memory");
    return machine_change_medium(call->machine, name, &config, monitor_given(call, "force"), &call->error) ||
           monitor_add_hint(call);
}
