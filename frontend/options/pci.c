/* SPDX-License-Identifier: MIT
 *
 * Places on the PCI bus. They are assigned as by QEMU: a device that asks for a place gets it; the others get
 * the first empty slot of their bus, in the order of the command line.
 */
#include <string.h>

#include "devices/pci/pci.h"
#include "devices/pci/bridges.h"
#include "devices/pci/root_port.h"
#include "frontend/options/options.h"

static bool same_bus(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

/* Returns the function at a place; number PCI_FUNCTIONS: any function of the slot. */
static const struct machine_pci *find(const struct options *options, const char *bus, unsigned slot,
                                      unsigned number)
{
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        const struct machine_pci *function = &options->machine.pci[n];
        if (function->plug.model && same_bus(function->bus, bus) && function->slot == slot &&
            (function->function == number || number == PCI_FUNCTIONS))
            return function;
    }
    return NULL;
}

/* Returns the bridge whose id is the bus's name. */
static const struct options_device *find_bridge(const struct options *options, const char *bus)
{
    for (unsigned n = 0; n < options->device_count; n++) {
        const struct options_device *device = &options->devices[n];
        if (device->model->bridge && device->settings.id && strcmp(device->settings.id, bus) == 0)
            return device;
    }
    return NULL;
}

bool options_has_bus(const struct options *options, const char *bus)
{
    return find_bridge(options, bus) != NULL;
}

static bool check_bus(const struct options *options, const struct options_device *device, const char *what,
                      struct error *error)
{
    const struct device_model *model = device->model;
    const struct options_device *bridge = device->bus ? find_bridge(options, device->bus) : NULL;
    if (device->bus && !bridge)
        return error_set(error, "%s,bus=%s: there is no such bus: pcie.0, or the id= of a pcie-root-port",
                         what, device->bus);
    if (bridge && (model == &root_port_model || model == &ioh3420_model))
        return error_set(error, "%s,bus=%s: a port of the root complex is on pcie.0", what, device->bus);
    if (model == &xio3130_model && (!bridge || bridge->model != &x3130_model))
        return error_set(error, "%s: a downstream port is on the bus of an x3130-upstream", what);
    if (model == &x3130_model && (!bridge || !bridge->model->port))
        return error_set(error, "%s: a switch is on the bus of a port", what);
    return true;
}

static bool is_port(const struct options *options, const char *bus)
{
    const struct options_device *bridge = bus ? find_bridge(options, bus) : NULL;
    return bridge && bridge->model->port;
}

/* Chooses the first slot that is free. Behind a port there is only slot 0; on conventional buses QEMU leaves
 * it free for the controller for hot plug. */
static unsigned free_slot(const struct options *options, const char *bus)
{
    const struct options_device *bridge = bus ? find_bridge(options, bus) : NULL;
    bool shpc = bridge && (bridge->model == &pci_bridge_model || bridge->model == &pcie_pci_bridge_model);
    unsigned slot = !bus || shpc ? 1 : 0, end = is_port(options, bus) ? 1 : PCI_SLOTS;
    while (slot < end && find(options, bus, slot, PCI_FUNCTIONS))
        slot++;
    return slot < end ? slot : PCI_SLOTS;
}

/* A place that a hot plug has left. */
static struct machine_pci *free_entry(struct options *options)
{
    for (unsigned n = 0; n < options->machine.pci_count; n++)
        if (options->machine.pci[n].left)
            return &options->machine.pci[n];
    return options->machine.pci_count < MACHINE_PCI_MAX ? &options->machine.pci[options->machine.pci_count++]
                                                        : NULL;
}

struct machine_pci *options_place_pci(struct options *options, const struct options_device *device,
                                      const char *what, struct error *error)
{
    struct machine_pci place = device->pci;
    const char *bus = device->bus ? device->bus : "pcie.0";
    if (!check_bus(options, device, what, error))
        return NULL;
    place.bus = device->bus;
    place.slot = device->place.given ? device->place.slot : free_slot(options, device->bus);
    place.function = device->place.function;
    if (place.slot == PCI_SLOTS) {
        error_set(error, "%s: all places of the bus %s are taken", what, bus);
        return NULL;
    }
    if (!place.bus && place.slot == 0 && place.function == 0) {
        error_set(error, "%s: the place 0.0 of the PCI bus is taken by the host bridge", what);
        return NULL;
    }
    if (is_port(options, place.bus) && place.slot) {
        error_set(error, "%s,addr=%x: behind a port there is only slot 0", what, place.slot);
        return NULL;
    }
    if (find(options, place.bus, place.slot, place.function)) {
        error_set(error, "%s: the place %x.%x of the bus %s is taken by another device", what, place.slot,
                  place.function, bus);
        return NULL;
    }
    struct machine_pci *entry = free_entry(options);
    if (!entry)
        error_set(error, "%s: more than %u PCI devices", what, MACHINE_PCI_MAX);
    else
        *entry = place;
    return entry;
}

/* Checks that guests find functions 1 to 7: they search for these only if function 0 says that there are
 * others. */
static bool check_functions(const struct options *options, const struct machine_pci *function,
                            struct error *error)
{
    const struct machine_pci *first = find(options, function->bus, function->slot, 0);
    return !function->function || (first && first->multifunction) ||
           error_set(error, "-device addr=%x.%x: the guest would not find it; %x.0 must %s multifunction=on",
                     function->slot, function->function, function->slot, first ? "have" : "be a device with");
}

static bool check_chassis(const struct options *options, unsigned number, struct error *error)
{
    const struct device_settings *own = &options->machine.pci[number].plug.settings;
    for (unsigned n = 0; n < number; n++) {
        const struct machine_plug *other = &options->machine.pci[n].plug;
        if (other->model && other->model->port && other->settings.chassis == own->chassis &&
            other->settings.slot == own->slot)
            return error_set(error, "-device %s,chassis=%u,slot=%u: there are two of them",
                             options->machine.pci[number].plug.model->name, own->chassis, own->slot);
    }
    return true;
}

bool options_check_pci(const struct options *options, struct error *error)
{
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        const struct machine_pci *function = &options->machine.pci[n];
        if (!check_functions(options, function, error) ||
            (function->plug.model->port && !check_chassis(options, n, error)))
            return false;
    }
    return true;
}
