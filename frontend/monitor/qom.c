/* SPDX-License-Identifier: MIT
 *
 * qom-list: the tree of objects, as far as programs look into it: the devices that have an id, below
 * /machine/peripheral. Names are those of QEMU.
 */
#include <string.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"

#define PERIPHERAL "/machine/peripheral"

static void add_row(struct monitor_call *call, const char *name, const char *type)
{
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "type", type);
    json_object_array_add(call->result, row);
}

static void add_device(struct monitor_call *call, const char *id, const char *kind)
{
    char type[64];
    snprintf(type, sizeof(type), "child<%s>", kind);
    add_row(call, id, type);
}

/* Adds the devices with an id; `only`: only looks whether there is one of that id. */
static bool list_devices(struct monitor_call *call, const char *only)
{
    struct machine_pci_view view;
    struct machine_device device;
    bool found = false;
    for (unsigned n = 0; machine_pci_view(call->machine, n, &view); n++) {
        if (view.id && only)
            found |= strcmp(view.id, only) == 0;
        else if (view.id)
            add_device(call, view.id, view.name);
    }
    for (unsigned n = 0; machine_device(call->machine, n, &device); n++) {
        const char *id = device.plug && device.plug->model ? device.plug->settings.id : NULL;
        char kind[48];
        if (id && only)
            found |= strcmp(id, only) == 0;
        if (!id || only)
            continue;
        snprintf(kind, sizeof(kind), "%s-device", device.plug->model->name);
        add_device(call, id, kind);
    }
    return found;
}

bool monitor_qom_list(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", "");
    size_t length = strlen(PERIPHERAL);
    call->result = json_object_new_array();
    add_row(call, "type", "string");
    if (strcmp(path, PERIPHERAL) == 0) {
        list_devices(call, NULL);
    } else if (strcmp(path, "/machine") == 0) {
        add_row(call, "peripheral", "child<container>");
    } else if (strcmp(path, "/") == 0) {
        char kind[48];
        snprintf(kind, sizeof(kind), "%s-machine", call->options->machine.board->name);
        add_device(call, "machine", kind);
    } else if (strncmp(path, PERIPHERAL "/", length + 1) != 0 || !list_devices(call, path + length + 1)) {
        call->error_class = "DeviceNotFound";
        return error_set(&call->error, "Device '%.80s' not found", path);
    }
    return true;
}
