/* SPDX-License-Identifier: MIT
 *
 * -device usb-X: which controller a USB device is on, and at which of its ports. Without bus= it is the last
 * controller before it on the command line, as by QEMU; if that has no free port, or there is none, it is the
 * first of all that has one. Without port= it is the first free port.
 */
#include <stdio.h>
#include <string.h>

#include "devices/usb/usb.h"
#include "frontend/options/options.h"

#define BUS_PREFIX "usb-bus."

/* Is that the controller's bus? It is called ID.0, or, if the controller has no id, usb-bus.N: it is number N
 * of those without. */
static bool is_bus(const char *bus, const char *id, unsigned number)
{
    char name[80];
    if (id)
        snprintf(name, sizeof(name), "%.60s.0", id);
    else
        snprintf(name, sizeof(name), BUS_PREFIX "%u", number);
    return strcmp(bus, name) == 0;
}

static bool is_taken(const struct options *options, unsigned controller, const char *path)
{
    for (unsigned n = 0; n < options->machine.usb_count; n++) {
        const struct machine_usb *other = &options->machine.usb[n];
        if (other->plug.model && other->controller == controller && strcmp(other->path, path) == 0)
            return true;
    }
    return false;
}

/* Returns a port that is free; NULL: there is none. All devices are for ports of USB 2. */
static const char *free_port(struct options *options, unsigned controller)
{
    const struct machine_plug *plug = &options->machine.pci[controller].plug;
    unsigned count = plug->model->usb_ports ? plug->model->usb_ports : plug->settings.usb2_ports;
    char path[8];
    for (unsigned n = 1; n <= count; n++) {
        int length = snprintf(path, sizeof(path), "%u", n);
        if (!is_taken(options, controller, path))
            return option_strings_add(&options->strings, path, (size_t)length);
    }
    return NULL;
}

static bool place(struct options *options, const struct options_device *device, unsigned controller,
                  const char *path, unsigned *number, struct error *error)
{
    struct machine_config *machine = &options->machine;
    unsigned entry = 0;
    if (is_taken(options, controller, path))
        return error_set(error, "-device %s: port %.20s is taken by another device", device->text, path);
    while (entry < machine->usb_count && machine->usb[entry].plug.model)
        entry++;
    if (entry == MACHINE_USB_MAX)
        return error_set(error, "-device %s: more than %u USB devices", device->text, MACHINE_USB_MAX);
    if (entry == machine->usb_count)
        machine->usb_count++;
    machine->usb[entry] = (struct machine_usb){ .controller = controller, .path = path };
    if (number)
        *number = entry;
    if (options_join_backend(options, device, &machine->usb[entry].plug, error))
        return true;
    options_unplug(options, (struct machine_place){ MACHINE_LIST_USB, entry });
    return false;
}

static bool is_controller(const struct options *options, unsigned number)
{
    const struct machine_plug *plug = &options->machine.pci[number].plug;
    return plug->model && plug->model->attach_usb;
}

/* The controller that was the last before the device on the command line; pci_count: there is none. */
static unsigned last_before(const struct options *options, const struct options_device *device)
{
    unsigned best = options->machine.pci_count;
    bool later = device < options->devices || device >= options->devices + options->device_count;
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        const struct options_device *here = options->pci_devices[n];
        if (is_controller(options, n) && here && (later || here < device) &&
            (best == options->machine.pci_count || here > options->pci_devices[best]))
            best = n;
    }
    return best;
}

bool options_plug_usb(struct options *options, const struct options_device *device, unsigned *number,
                      struct error *error)
{
    const char *bus = device->settings.carrier, *asked = device->settings.usb_port;
    unsigned nameless = 0, last = last_before(options, device);
    bool found = false;
    if (!bus && last < options->machine.pci_count) {
        const char *path = asked ? asked : free_port(options, last);
        if (path)
            return place(options, device, last, path, number, error);
    }
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        if (!is_controller(options, n))
            continue;
        const struct machine_plug *controller = &options->machine.pci[n].plug;
        unsigned unnamed = nameless;
        nameless += !controller->settings.id;
        if (bus && !is_bus(bus, controller->settings.id, unnamed))
            continue;
        found = true;
        const char *path = asked ? asked : free_port(options, n);
        if (path)
            return place(options, device, n, path, number, error);
    }
    if (number && !found) /* as QEMU says it to programs */
        return bus ? error_set(error, "Bus '%.60s' not found", bus)
                   : error_set(error, "No 'usb-bus' bus found for device '%.40s'", device->text);
    if (found)
        return error_set(error, "-device %s: its controller has no free port (p2= says how many there are)",
                         device->text);
    if (bus)
        return error_set(error, "-device %s: no USB controller has the id that is before \".0\"",
                         device->text);
    return error_set(error, "-device %s: it needs a -device qemu-xhci or usb-ehci", device->text);
}
