/* SPDX-License-Identifier: MIT
 *
 * qom-list, qom-get, qom-set: the tree of objects, as far as programs look into it: the devices that have an
 * id, below /machine/peripheral, their type, and the statistics of the balloon. Names are those of QEMU.
 */
#include <string.h>

#include "frontend/monitor/internal.h"
#include "machine/balloon.h"
#include "machine/inspect.h"

#define PERIPHERAL "/machine/peripheral"
#define TYPE       64

static void add_row(struct monitor_call *call, const char *name, const char *type)
{
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "type", type);
    json_object_array_add(call->result, row);
}

static void add_device(struct monitor_call *call, const char *id, const char *kind)
{
    char type[TYPE + 16];
    snprintf(type, sizeof(type), "child<%s>", kind);
    add_row(call, id, type);
}

/* Adds the devices with an id. `only`: only looks whether there is one of that id; `type` becomes its type.
 */
static bool list_devices(struct monitor_call *call, const char *only, char type[TYPE])
{
    struct machine_pci_view view;
    struct machine_device device;
    bool found = false;
    for (unsigned n = 0; machine_pci_view(call->machine, n, &view); n++) {
        if (view.id && only && strcmp(view.id, only) == 0) {
            found = true;
            snprintf(type, TYPE, "%s", view.name);
        } else if (view.id && !only) {
            add_device(call, view.id, view.name);
        }
    }
    for (unsigned n = 0; machine_device(call->machine, n, &device); n++) {
        const char *id = device.plug && device.plug->model ? device.plug->settings.id : NULL;
        char kind[TYPE];
        if (!id)
            continue;
        snprintf(kind, sizeof(kind), "%.40s-device", device.plug->model->name);
        if (only && strcmp(id, only) == 0) {
            found = true;
            snprintf(type, TYPE, "%s", kind);
        } else if (!only) {
            add_device(call, id, kind);
        }
    }
    return found;
}

static bool find_device(struct monitor_call *call, const char *path, char type[TYPE])
{
    size_t length = strlen(PERIPHERAL "/");
    return strncmp(path, PERIPHERAL "/", length) == 0 && list_devices(call, path + length, type);
}

static bool is_balloon(const char *type)
{
    return strncmp(type, "virtio-balloon-", 15) == 0;
}

static bool no_object(struct monitor_call *call, const char *path)
{
    call->error_class = "DeviceNotFound";
    return error_set(&call->error, "Device '%.80s' not found", path);
}

bool monitor_qom_list(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", "");
    char type[TYPE];
    call->result = json_object_new_array();
    add_row(call, "type", "string");
    if (strcmp(path, PERIPHERAL) == 0) {
        list_devices(call, NULL, type);
    } else if (strcmp(path, "/machine") == 0) {
        add_row(call, "peripheral", "child<container>");
    } else if (strcmp(path, "/") == 0) {
        char kind[48];
        snprintf(kind, sizeof(kind), "%s-machine", call->options->machine.board->name);
        add_device(call, "machine", kind);
    } else if (!find_device(call, path, type)) {
        return no_object(call, path);
    } else if (is_balloon(type)) {
        add_row(call, "guest-stats", "guest statistics");
        add_row(call, "guest-stats-polling-interval", "int");
    }
    return true;
}

/* ---- Properties ---------------------------------------------------------------------------------------- */

static bool no_property(struct monitor_call *call, const char *path, const char *property)
{
    return error_set(&call->error, "Property '%.80s.%.60s' not found", path, property);
}

/* The guest is asked now, whatever the interval is. `last-update` is 0 as long as it has said nothing. */
static bool balloon_stats(struct monitor_call *call)
{
    struct machine_balloon balloon;
    struct json_object *stats = json_object_new_object();
    bool there = machine_balloon(call->machine, true, &balloon);
    for (unsigned n = 0; there && n < VIRTIO_BALLOON_STATS; n++) {
        const char *name = virtio_balloon_stat_name(n);
        if (name)
            json_object_object_add(stats, name,
                                   balloon.known >> n & 1 ? json_object_new_uint64(balloon.stats[n])
                                                          : json_object_new_int64(-1));
    }
    call->result = json_object_new_object();
    json_object_object_add(call->result, "stats", stats);
    monitor_put_number(call->result, "last-update", there ? (uint64_t)balloon.updated_s : 0);
    return true;
}

bool monitor_qom_get(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", ""), *property = monitor_text(call, "property", "");
    char type[TYPE];
    machine_hold(call->machine);
    bool found = find_device(call, path, type);
    machine_release(call->machine);
    if (!found)
        return no_object(call, path);
    if (strcmp(property, "type") == 0)
        call->result = json_object_new_string(type);
    else if (is_balloon(type) && strcmp(property, "guest-stats") == 0)
        return balloon_stats(call);
    else if (is_balloon(type) && strcmp(property, "guest-stats-polling-interval") == 0)
        call->result = json_object_new_uint64(*call->balloon_interval);
    else
        return no_property(call, path, property);
    return true;
}

/* The interval is kept for programs that read it again: the guest is asked whenever somebody wants to know.
 */
bool monitor_qom_set(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", ""), *property = monitor_text(call, "property", "");
    struct json_object *value = NULL;
    char type[TYPE];
    json_object_object_get_ex(call->arguments, "value", &value);
    machine_hold(call->machine);
    bool found = find_device(call, path, type);
    machine_release(call->machine);
    if (!found)
        return no_object(call, path);
    if (!is_balloon(type) || strcmp(property, "guest-stats-polling-interval") != 0)
        return no_property(call, path, property);
    int64_t seconds = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
    if (seconds < 0 || seconds > UINT32_MAX)
        return error_set(&call->error, "guest-stats-polling-interval: a number of seconds");
    atomic_store(call->balloon_interval, (unsigned)seconds);
    return true;
}
