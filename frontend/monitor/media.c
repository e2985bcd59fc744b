/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor for the media of CD drives, with QEMU's names: eject, and change or
 * blockdev-change-medium. A drive is named by its own id, or by that of the -drive that was in it at first.
 */
#include <errno.h>
#include <string.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"

/* The drive that the command is for. False, with call->error filled. */
static bool take_name(struct monitor_call *call, const char *command, const char **name)
{
    *name = monitor_text(call, "id", monitor_text(call, "device", ""));
    return **name || error_set(&call->error, "%s: the drive is missing: device or id", command);
}

/* ---- Step by step, for programs ------------------------------------------------------------------------ */

bool monitor_open_tray(struct monitor_call *call)
{
    const char *name;
    return take_name(call, "blockdev-open-tray", &name) &&
           machine_move_tray(call->machine, name, true, monitor_given(call, "force"), &call->error);
}

bool monitor_close_tray(struct monitor_call *call)
{
    const char *name;
    return take_name(call, "blockdev-close-tray", &name) &&
           machine_move_tray(call->machine, name, false, false, &call->error);
}

/* The node that is in the drive of that name; NULL: none, or a -drive. */
static struct options_drive *node_in(struct monitor_call *call, const char *name)
{
    struct machine_disk disk;
    for (unsigned n = 0; machine_disk(call->machine, n, &disk); n++)
        if (disk.id && disk.device_id && strcmp(disk.device_id, name) == 0)
            return options_find_node(call->changeable, disk.id);
    return NULL;
}

bool monitor_remove_medium(struct monitor_call *call)
{
    const char *name = monitor_text(call, "id", "");
    struct options_drive *node = node_in(call, name);
    if (!machine_remove_medium(call->machine, name, &call->error))
        return false;
    if (node)
        node->used = false;
    return true;
}

bool monitor_insert_medium(struct monitor_call *call)
{
    const char *name = monitor_text(call, "id", ""), *node_name = monitor_text(call, "node-name", "");
    struct options_drive *node = options_find_node(call->changeable, node_name);
    if (!node)
        return error_set(&call->error, "Node '%.60s' not found", node_name);
    if (node->used)
        return error_set(&call->error, "Node '%.60s' is already in use", node_name);
    errno = 0;
    if (!machine_insert_medium(call->machine, name, &node->blockdev, node->id, &call->error))
        return monitor_add_image_hint(call);
    node->used = true;
    return true;
}

/* ---- At once ------------------------------------------------------------------------------------------- */

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
           monitor_add_image_hint(call);
}
