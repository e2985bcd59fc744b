/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor for devices and images that come and go while the machine runs. People write the
 * arguments as on the command line, programs as JSON, which becomes the same text (options/json.c).
 */
#include <string.h>

#include "frontend/monitor/internal.h"

/* Returns the arguments as the text of the flag; NULL, with call->error filled. */
static const char *text_of_arguments(struct monitor_call *call, const char *flag)
{
    if (!call->is_program)
        return monitor_text(call, "driver", "");
    if (!monitor_given(call, "driver")) {
        error_set(&call->error, "Parameter 'driver' is missing");
        return NULL;
    }
    return options_read_json(call->changeable, flag, json_object_to_json_string(call->arguments),
                             &call->error);
}

bool monitor_device_add(struct monitor_call *call)
{
    struct options *options = call->changeable;
    const char *text = text_of_arguments(call, "device");
    struct machine_pci *place = text ? options_plug(options, text, &call->error) : NULL;
    unsigned number = place ? (unsigned)(place - options->machine.pci) : 0;
    if (!place)
        return false;
    if (machine_plug(call->machine, number, place, &call->error))
        return true;
    options_unplug(options, number);
    return monitor_add_hint(call);
}

bool monitor_device_del(struct monitor_call *call)
{
    const char *id = monitor_text(call, "id", ""), *name = strrchr(id, '/');
    enum machine_unplug result = machine_unplug(call->machine, name ? name + 1 : id, &call->error);
    if (result == MACHINE_UNPLUG_UNKNOWN)
        call->error_class = "DeviceNotFound";
    return result == MACHINE_UNPLUG_ASKED;
}

bool monitor_blockdev_add(struct monitor_call *call)
{
    const char *text = text_of_arguments(call, "blockdev");
    return text && options_add_node(call->changeable, text, &call->error);
}

bool monitor_blockdev_del(struct monitor_call *call)
{
    return options_remove_node(call->changeable, monitor_text(call, "node-name", ""), &call->error);
}
