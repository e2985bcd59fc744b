/* SPDX-License-Identifier: MIT
 *
 * -device virtconsole and virtserialport: the ports of a virtio-serial device, and what they are connected
 * to.
 */
#include <string.h>

#include "devices/virtio/console.h"
#include "frontend/options/keys.h"

/* Returns whether the device carries ports and has the name in bus=ID.0; without bus= the first carrier is
 * used. */
static bool carries(const struct options_device *device, const char *bus)
{
    if (device->model->backend != DEVICE_BACKEND_PORTS)
        return false;
    size_t length = device->settings.id ? strlen(device->settings.id) : 0;
    return !bus ||
           (length && strncmp(bus, device->settings.id, length) == 0 && strcmp(bus + length, ".0") == 0);
}

static bool is_taken(const struct options_device *carrier, unsigned number)
{
    for (unsigned n = 0; n < carrier->port_count; n++)
        if (carrier->ports[n].number == number)
            return true;
    return false;
}

/* Port 0 is for a console, since drivers that know only one port expect one there. */
static bool plug_port(struct options_device *carrier, struct machine_port *port, bool has_number,
                      const char *name, struct error *error)
{
    unsigned first = port->is_console ? 0 : 1;
    if (!has_number) {
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

bool options_take_port(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error)
{
    const struct device_settings *settings = &device->settings;
    const char *name = device->model->name;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    char flag[32];
    snprintf(flag, sizeof(flag), "-device %s", name);
    options_device_keys(device, lists);
    if (!options_take_keys(lists, pairs, flag, error))
        return false;
    struct machine_port port = {
        .chardev = settings->backend,
        .name = settings->port_name,
        .number = settings->port,
        .is_console = device->model == &virtconsole_model,
    };
    for (unsigned i = 0; i < options->device_count; i++)
        if (carries(&options->devices[i], settings->carrier))
            return plug_port(&options->devices[i], &port, option_pairs_get(pairs, "nr"), name, error);
    if (settings->carrier)
        return error_set(error,
                         "%s,bus=%s: no -device virtio-serial-pci or virtio-serial-device before it has "
                         "the id that is before \".0\"",
                         flag, settings->carrier);
    return error_set(error,
                     "%s,chardev=%s: it needs a -device virtio-serial-pci, or virtio-serial-device, "
                     "before it",
                     flag, port.chardev);
}

bool options_join_ports(struct options *options, const struct options_device *device,
                        struct machine_plug *slot, struct error *error)
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
