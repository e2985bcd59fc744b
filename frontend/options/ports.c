/* SPDX-License-Identifier: MIT
 *
 * -device virtconsole and virtserialport: the ports of a virtio-serial device, and what they are connected
 * to.
 */
#include <string.h>

#include "frontend/options/options.h"

struct port_keys {
    struct machine_port port; /* its chardev is the id of one */
    const char *bus;
    bool has_number;
};

static bool port_chardev(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct port_keys *)item)->port.chardev = value;
    return true;
}

static bool port_bus(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct port_keys *)item)->bus = value;
    return true;
}

static bool port_name(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct port_keys *)item)->port.name = value;
    return true;
}

static bool port_number(struct options *options, void *item, const char *value, struct error *error)
{
    struct port_keys *keys = item;
    uint64_t number;
    (void)options;
    if (!value || !option_parse_number(value, &number) || number >= VIRTIO_CONSOLE_PORTS_MAX)
        return error_set(error, "-device nr=%s: a virtio-serial device has ports 0 to %u here",
                         value ? value : "", VIRTIO_CONSOLE_PORTS_MAX - 1);
    keys->port.number = (unsigned)number;
    keys->has_number = true;
    return true;
}

static bool port_id(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)item, (void)value, (void)error; /* names it in messages of QEMU only */
    return true;
}

/* bus=ID.0 names a carrier; without it the first one is taken. */
static bool carries(const struct options_device *device, const char *bus)
{
    if (device->kind != MACHINE_VIRTIO_CONSOLE)
        return false;
    size_t length = device->id ? strlen(device->id) : 0;
    return !bus || (length && strncmp(bus, device->id, length) == 0 && strcmp(bus + length, ".0") == 0);
}

static bool is_taken(const struct options_device *carrier, unsigned number)
{
    for (unsigned n = 0; n < carrier->port_count; n++)
        if (carrier->ports[n].number == number)
            return true;
    return false;
}

/* Port 0 is a console's, since drivers of before there were several ports expect one. */
static bool plug_port(struct options_device *carrier, struct port_keys *keys, const char *name,
                      struct error *error)
{
    struct machine_port *port = &keys->port;
    unsigned first = port->is_console ? 0 : 1;
    if (!keys->has_number) {
        for (port->number = first; is_taken(carrier, port->number); port->number++)
            ;
    }
    if (port->number >= VIRTIO_CONSOLE_PORTS_MAX)
        return error_set(error, "-device %s,chardev=%s: its virtio-serial device has all of its %u ports",
                         name, port->chardev, VIRTIO_CONSOLE_PORTS_MAX);
    if (port->number < first)
        return error_set(error, "-device %s,nr=0: port 0 is for a virtconsole", name);
    if (is_taken(carrier, port->number))
        return error_set(error, "-device %s,nr=%u: that port is taken by another one", name, port->number);
    carrier->ports[carrier->port_count++] = *port;
    return true;
}

bool options_take_port(struct options *options, const char *name, const struct option_pairs *pairs,
                       struct error *error)
{
    static const struct options_key rows[] = {
        { "chardev", port_chardev }, { "bus", port_bus },   { "id", port_id },
        { "name", port_name },       { "nr", port_number }, { NULL, NULL },
    };
    struct port_keys keys = { .port.is_console = strcmp(name, "virtconsole") == 0 };
    char flag[32];
    snprintf(flag, sizeof(flag), "-device %s", name);
    if (!options_take_pairs(options, pairs, rows, &keys, flag, error))
        return false;
    if (!keys.port.chardev)
        return error_set(error, "%s: chardev=ID is missing", flag);
    for (unsigned i = 0; i < options->device_count; i++)
        if (carries(&options->devices[i], keys.bus))
            return plug_port(&options->devices[i], &keys, name, error);
    if (keys.bus)
        return error_set(error,
                         "%s,bus=%s: no -device virtio-serial-pci or virtio-serial-device before it has "
                         "the id that is before \".0\"",
                         flag, keys.bus);
    return error_set(error,
                     "%s,chardev=%s: it needs a -device virtio-serial-pci, or virtio-serial-device, "
                     "before it",
                     flag, keys.port.chardev);
}

bool options_join_ports(struct options *options, const struct options_device *device,
                        struct machine_virtio *slot, struct error *error)
{
    for (unsigned n = 0; n < device->port_count; n++) {
        struct machine_port *port = &slot->ports[n];
        *port = device->ports[n];
        const struct options_named *named =
            options_find_named(options->chardevs, options->chardev_count, port->chardev);
        if (!named)
            return error_set(error, "-device %s: there is no -chardev with id=%s",
                             port->is_console ? "virtconsole" : "virtserialport", port->chardev);
        port->chardev = named->value;
    }
    slot->port_count = device->port_count;
    if (!slot->port_count)
        slot->ports[slot->port_count++] = (struct machine_port){ .chardev = "null", .is_console = true };
    return true;
}
