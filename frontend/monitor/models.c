/* SPDX-License-Identifier: MIT
 *
 * device-list-properties: the keys of a kind of device, as its model and its bus describe them.
 */
#include <stdio.h>

#include "frontend/monitor/internal.h"
#include "frontend/options/keys.h"

/* Returns QEMU's name of the key's type. */
static const char *type_of(const struct device_key *key)
{
    switch (key->type) {
    case DEVICE_KEY_NUMBER:
    case DEVICE_KEY_POWER: return key->size == sizeof(uint64_t) ? "uint64" : "uint32";
    case DEVICE_KEY_SWITCH:
    case DEVICE_KEY_FEATURE:
    case DEVICE_KEY_OFF: return "bool";
    case DEVICE_KEY_ORDER: return "int32";
    case DEVICE_KEY_AUTO: return "OnOffAuto";
    case DEVICE_KEY_CHOICE:
    case DEVICE_KEY_IGNORED:
    case DEVICE_KEY_TEXT:
    case DEVICE_KEY_BACKEND:
    case DEVICE_KEY_MAC:
    case DEVICE_KEY_EMPTY:
    case DEVICE_KEY_SLOT:
    case DEVICE_KEY_PCI_BUS:
    case DEVICE_KEY_PCI_PLACE: break;
    }
    return "str";
}

static struct json_object *add_row(struct json_object *rows, const char *name, const char *type,
                                   const char *description)
{
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "type", type);
    monitor_put_text(row, "description", description);
    json_object_array_add(rows, row);
    return row;
}

static void add_list(struct json_object *rows, const struct options_keys *lists,
                     const struct options_keys *list)
{
    const char *name;
    char takes[160], text[320];
    for (const struct device_key *key = list->keys; key->name; key++) {
        if (options_is_shadowed(lists, list, key->name))
            continue;
        options_describe_key(key, takes, sizeof(takes));
        snprintf(text, sizeof(text), "%s: %s", key->help, takes);
        struct json_object *row = add_row(rows, key->name, type_of(key), text);
        if (key->fallback)
            monitor_put_number(row, "default-value", key->fallback);
    }
    for (unsigned at = 0; (name = options_next_fixed_key(lists, list, &at, text, sizeof(text)));)
        add_row(rows, name, "str", text);
}

bool monitor_device_properties(struct monitor_call *call)
{
    const char *name = monitor_text(call, "typename", "");
    struct options_device device;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    if (!options_name_device(name, &device)) {
        call->error_class = "DeviceNotFound";
        return error_set(&call->error, "Device '%.60s' not found; -device help lists all", name);
    }
    options_device_keys(&device, lists);
    call->result = json_object_new_array();
    for (const struct options_keys *list = lists; list->keys; list++)
        add_list(call->result, lists, list);
    return true;
}
