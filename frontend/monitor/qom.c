/* SPDX-License-Identifier: MIT
 *
 * qom-list, qom-get, qom-set: the tree of objects, as far as programs look into it: the devices that have an
 * id, below /machine/peripheral, their type and some properties, and the statistics of the balloon; the
 * harts, by the names that query-cpus-fast has for them; the objects and character devices of the command
 * line. Names are those of QEMU.
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

/* Takes one object of a list; `only` and `type` as of list_devices(). */
static bool take_object(struct monitor_call *call, const char *id, const char *kind, const char *only,
                        char type[TYPE])
{
    if (!only)
        add_device(call, id, kind);
    else if (strcmp(id, only) == 0)
        snprintf(type, TYPE, "%s", kind);
    return only && strcmp(id, only) == 0;
}

static bool is_device(const struct machine_plug *plug, const char *id)
{
    return plug->model && plug->settings.id && strcmp(plug->settings.id, id) == 0;
}

/* Adds the devices with an id. `only`: only looks whether there is one of that id; `type` becomes its type.
 */
static bool list_devices(struct monitor_call *call, const char *only, char type[TYPE])
{
    struct machine_pci_view view;
    struct machine_device device;
    const struct machine_config *machine = &call->options->machine;
    bool found = false;
    for (unsigned n = 0; machine_pci_view(call->machine, n, &view); n++) {
        if (view.id && only && strcmp(view.id, only) == 0) {
            found = true;
            snprintf(type, TYPE, "%s", view.name);
        } else if (view.id && !only) {
            add_device(call, view.id, view.name);
        }
    }
    for (unsigned n = 0; n < machine->usb_count; n++)
        if (machine->usb[n].plug.settings.id)
            found |= take_object(call, machine->usb[n].plug.settings.id, machine->usb[n].plug.model->name,
                                 only, type);
    for (unsigned n = 0; n < machine->unit_count; n++)
        if (machine->units[n].settings.id)
            found |=
                take_object(call, machine->units[n].settings.id, machine->units[n].model->name, only, type);
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

/* Finds the settings of the device with that id; NULL: there is none. */
static const struct device_settings *find_settings(const struct monitor_call *call, const char *id)
{
    const struct machine_config *machine = &call->options->machine;
    for (unsigned n = 0; n < machine->pci_count; n++)
        if (is_device(&machine->pci[n].plug, id) && !machine->pci[n].left)
            return &machine->pci[n].plug.settings;
    for (unsigned n = 0; n < machine->board->virtio_slots; n++)
        if (is_device(&machine->virtio[n], id))
            return &machine->virtio[n].settings;
    for (unsigned n = 0; n < machine->usb_count; n++)
        if (is_device(&machine->usb[n].plug, id))
            return &machine->usb[n].plug.settings;
    for (unsigned n = 0; n < machine->unit_count; n++)
        if (machine->units[n].settings.id && strcmp(machine->units[n].settings.id, id) == 0)
            return &machine->units[n].settings;
    return NULL;
}

static bool find_device(struct monitor_call *call, const char *path, char type[TYPE])
{
    size_t length = strlen(PERIPHERAL "/");
    return strncmp(path, PERIPHERAL "/", length) == 0 && list_devices(call, path + length, type);
}

/* ---- Other objects ------------------------------------------------------------------------------------- */

static const char *memory_type(const struct machine_memory *memory)
{
    return memory->memfd  ? "memory-backend-memfd"
           : memory->path ? "memory-backend-file"
                          : "memory-backend-ram";
}

/* The objects of -object. */
static bool list_objects(struct monitor_call *call, const char *only, char type[TYPE])
{
    const struct options *options = call->options;
    bool found = false;
    for (unsigned n = 0; n < options->memory_count; n++)
        found |=
            take_object(call, options->memories[n].id, memory_type(&options->memories[n].memory), only, type);
    if (!options->memory_count)
        found |= take_object(call, monitor_ram_id(options->machine.board), "memory-backend-ram", only, type);
    for (unsigned n = 0; n < options->iothread_count; n++)
        found |= take_object(call, options->iothreads[n].id, "iothread", only, type);
    for (unsigned n = 0; n < options->secret_count; n++)
        found |= take_object(call, options->secrets[n].id, "secret", only, type);
    for (unsigned n = 0; n < options->rng_count; n++)
        found |= take_object(call, options->rngs[n].id, options->rngs[n].value ? "rng-random" : "rng-builtin",
                             only, type);
    for (unsigned n = 0; n < options->tls_count; n++)
        found |= take_object(call, options->tls[n].id, "tls-creds-x509", only, type);
    return found;
}

#define HARTS "/machine/soc0"

static bool list_harts(struct monitor_call *call, const char *only, char type[TYPE])
{
    char name[32], kind[TYPE], base[32] = "rv64";
    const struct board *board = call->options->machine.board;
    const char *own = board->cpu[call->options->machine.isa.xlen == 64];
    const char *cpu = call->options->cpu ? call->options->cpu : own;
    bool found = false;
    if (!cpu && call->options->machine.isa.xlen == 32)
        cpu = "rv32";
    if (cpu)
        snprintf(base, sizeof(base), "%.*s", (int)strcspn(cpu, ","), cpu);
    snprintf(kind, sizeof(kind), "%s-riscv-cpu", base);
    for (unsigned n = 0; n < machine_hart_count(call->machine); n++) {
        snprintf(name, sizeof(name), "harts[%u]", n);
        found |= take_object(call, name, kind, only, type);
    }
    return found;
}

/* The places that have a list, and their own types; `children` as of list_devices(). */
static const struct place {
    const char *path, *type;
    bool (*children)(struct monitor_call *call, const char *only, char type[TYPE]); /* NULL: none */
} places[] = {
    { PERIPHERAL, "container", list_devices },    { "/machine/peripheral-anon", "container", NULL },
    { "/machine/unattached", "container", NULL }, { HARTS, "riscv.hart_array", list_harts },
    { "/objects", "container", list_objects },
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static const struct place *find_place(const char *path)
{
    for (size_t n = 0; n < PLACES; n++)
        if (strcmp(places[n].path, path) == 0)
            return &places[n];
    return NULL;
}

/* Finds the type of whatever the path names. */
static bool find_object(struct monitor_call *call, const char *path, char type[TYPE])
{
    const struct place *place = find_place(path);
    if (strcmp(path, "/machine") == 0)
        snprintf(type, TYPE, "%s-machine", call->options->machine.board->name);
    else if (place || strcmp(path, "/") == 0)
        snprintf(type, TYPE, "%s", place ? place->type : "container");
    else
        for (size_t n = 0; n < PLACES; n++) {
            size_t length = strlen(places[n].path);
            if (places[n].children && strncmp(path, places[n].path, length) == 0 && path[length] == '/')
                return places[n].children(call, path + length + 1, type);
        }
    return place || strcmp(path, "/machine") == 0 || strcmp(path, "/") == 0;
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

static const struct {
    const char *name, *type;
} common[] = { { "realized", "bool" }, { "hotplugged", "bool" }, { "hotpluggable", "bool" } };
#define COMMON (sizeof(common) / sizeof(common[0]))

static void list_properties(struct monitor_call *call, const char *path, const char *type)
{
    bool is_hart = strncmp(path, HARTS "/", strlen(HARTS "/")) == 0;
    bool is_peripheral = strncmp(path, PERIPHERAL "/", strlen(PERIPHERAL "/")) == 0;
    for (size_t n = 0; n < COMMON && (is_hart || is_peripheral); n++)
        add_row(call, common[n].name, common[n].type);
    if (is_peripheral) {
        const struct device_settings *settings = find_settings(call, path + strlen(PERIPHERAL "/"));
        add_row(call, "bootindex", "int32");
        if (settings && settings->mac.given)
            add_row(call, "mac", "str");
    }
    if (is_balloon(type)) {
        add_row(call, "guest-stats", "guest statistics");
        add_row(call, "guest-stats-polling-interval", "int");
    }
}

bool monitor_qom_list(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", "");
    const struct place *place = find_place(path);
    char type[TYPE] = "";
    call->result = json_object_new_array();
    add_row(call, "type", "string");
    if (place && place->children) {
        place->children(call, NULL, type);
    } else if (strcmp(path, "/machine") == 0) {
        for (size_t n = 0; n < PLACES; n++)
            if (strncmp(places[n].path, "/machine/", strlen("/machine/")) == 0)
                add_device(call, places[n].path + strlen("/machine/"), places[n].type);
    } else if (strcmp(path, "/") == 0) {
        find_object(call, "/machine", type);
        add_device(call, "machine", type);
        add_device(call, "objects", "container");
    } else if (!find_object(call, path, type)) {
        return no_object(call, path);
    } else {
        list_properties(call, path, type);
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

static struct json_object *mac_text(const uint8_t bytes[6])
{
    char text[24];
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
             bytes[4], bytes[5]);
    return json_object_new_string(text);
}

/* A property that devices have; false: there is none of that name. */
static bool device_property(struct monitor_call *call, const char *path, const char *property)
{
    bool is_hart = strncmp(path, HARTS "/", strlen(HARTS "/")) == 0;
    bool is_peripheral = strncmp(path, PERIPHERAL "/", strlen(PERIPHERAL "/")) == 0;
    const struct device_settings *settings =
        is_peripheral ? find_settings(call, path + strlen(PERIPHERAL "/")) : NULL;
    if ((is_hart || is_peripheral) && strcmp(property, "realized") == 0)
        call->result = json_object_new_boolean(true);
    else if ((is_hart || is_peripheral) && strncmp(property, "hotplug", 7) == 0 &&
             (strcmp(property + 7, "ged") == 0 || strcmp(property + 7, "gable") == 0))
        call->result = json_object_new_boolean(is_peripheral && property[8] == 'a');
    else if (settings && strcmp(property, "bootindex") == 0)
        call->result = json_object_new_int64((int64_t)settings->boot_index - 1);
    else if (settings && strcmp(property, "drive") == 0)
        call->result = json_object_new_string(settings->backend ? settings->backend : "");
    else if (settings && strcmp(property, "mac") == 0 && settings->mac.given)
        call->result = mac_text(settings->mac.bytes);
    return call->result != NULL;
}

bool monitor_qom_get(struct monitor_call *call)
{
    const char *path = monitor_text(call, "path", ""), *property = monitor_text(call, "property", "");
    char type[TYPE] = "";
    machine_hold(call->machine);
    bool found = find_object(call, path, type);
    bool known = found && device_property(call, path, property);
    machine_release(call->machine);
    if (!found)
        return no_object(call, path);
    if (known)
        return true;
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
