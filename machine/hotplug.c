/* SPDX-License-Identifier: MIT
 *
 * Devices that come and go while the machine runs, in the slots of PCI Express ports.
 *
 * The tables of a PCI bus change only between machine_hold() and machine_release(), when no hart is within a
 * device. A device that goes is reset first, which waits for its worker, and a card detaches itself from its
 * network, so nobody uses it when it is destroyed. What a guest gives up on a hart's thread is only noted
 * there, and unplugged by the machine's own thread.
 */
#include <string.h>

#include "devices/pci/bridge.h"
#include "devices/usb/usb.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/scsi.h"
#include "machine/boards/boards.h"
#include "machine/internal.h"
#include "util/host_time.h"

#define PATIENCE_MS 5000 /* how long a guest has before it is asked again */

_Static_assert(MACHINE_PCI_MAX <= 64, "one bit a function");

/* ---- Removing ------------------------------------------------------------------------------------------ */

static unsigned number_of(const struct machine *machine, const struct pci_function *function)
{
    unsigned n = 0;
    while (n < MACHINE_PCI_MAX && machine->pci_made[n].function != function)
        n++;
    return n;
}

/* Tells everybody that an entry of the configuration is free again. [run_lock], with the harts stopped, like
 * all that follow */
static void tell(struct machine *machine, enum machine_list list, unsigned number, const char *id)
{
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next)
        if (listener->device_deleted)
            listener->device_deleted(listener->opaque, (struct machine_place){ list, number }, id);
}

/* A USB device, and its image; its controller may have destroyed it. */
static void forget_usb(struct machine *machine, unsigned number)
{
    struct machine_usb_made *made = &machine->usb_made[number];
    if (made->disk)
        machine_close_disk(machine, made->disk);
    *made = (struct machine_usb_made){ .device = NULL };
    machine->config.usb[number] = (struct machine_usb){ .path = "" };
}

static void forget_unit(struct machine *machine, unsigned number)
{
    struct machine_unit_made *made = &machine->units_made[number];
    if (made->disk)
        machine_close_disk(machine, made->disk);
    made->unit = NULL;
    made->disk = NULL;
    machine->config.units[number] = (struct machine_unit){ .model = NULL };
}

/* The same for all that was on a controller, which is gone. */
static void forget_children(struct machine *machine, unsigned number, unsigned controller)
{
    struct machine_config *config = &machine->config;
    for (unsigned n = 0; n < config->usb_count; n++) {
        const char *id = config->usb[n].plug.settings.id;
        if (!config->usb[n].plug.model || config->usb[n].controller != number)
            continue;
        forget_usb(machine, n);
        tell(machine, MACHINE_LIST_USB, n, id);
    }
    for (unsigned n = 0; n < config->unit_count && controller; n++) {
        const char *id = config->units[n].settings.id;
        if (!config->units[n].model || config->units[n].controller != controller)
            continue;
        forget_unit(machine, n);
        tell(machine, MACHINE_LIST_UNITS, n, id);
    }
}

/* Destroys a function, if it was made, and its back end. */
static void drop(struct machine *machine, unsigned number)
{
    struct machine_pci_made *made = &machine->pci_made[number];
    const struct machine_plug *plug = &machine->config.pci[number].plug;
    unsigned controller = plug->controller;
    if (made->function)
        pci_bus_unplug(made->function);
    if (made->function && plug->model == &virtio_balloon_model)
        machine->balloon = NULL;
    for (unsigned n = 0; n < VIRTIO_CONSOLE_PORTS_MAX && made->chardevs[n]; n++)
        machine_close_chardev(machine, made->chardevs[n]);
    if (made->function)
        made->function->ops->destroy(made->function);
    if (made->disk)
        machine_close_disk(machine, made->disk);
    if (controller && controller <= MACHINE_CONTROLLERS_MAX)
        machine->scsi_hosts[controller] = NULL;
    atomic_fetch_and(&machine->ejected, ~(UINT64_C(1) << number));
    *made = (struct machine_pci_made){ .function = NULL };
    machine->config.pci[number] = (struct machine_pci){ .left = true };
    forget_children(machine, number, controller);
}

static void remove_function(struct machine *machine, unsigned number)
{
    const char *id = machine->config.pci[number].plug.settings.id;
    struct pci_bridge *bridge = machine->pci_made[number].function->bridge;
    for (unsigned n = 0; bridge && n < PCI_SLOTS * PCI_FUNCTIONS; n++)
        if (bridge->bus.functions[n])
            remove_function(machine, number_of(machine, bridge->bus.functions[n]));
    drop(machine, number);
    tell(machine, MACHINE_LIST_PCI, number, id);
}

static void empty_slot(struct machine *machine, struct pci_bridge *bridge)
{
    for (unsigned n = PCI_FUNCTIONS; n-- > 0;) {
        struct pci_function *function = pci_bus_function(&bridge->bus, 0, n);
        if (function)
            remove_function(machine, number_of(machine, function));
    }
    bridge->slot->emptied(bridge);
}

void hotplug_ejected(void *opaque, struct pci_function *port)
{
    struct machine *machine = opaque;
    unsigned number = number_of(machine, port);
    if (number == MACHINE_PCI_MAX)
        return;
    atomic_fetch_or(&machine->ejected, UINT64_C(1) << number);
    run_state_wake(machine);
}

void hotplug_unplug_ejected(struct machine *machine)
{
    if (!atomic_load(&machine->ejected))
        return;
    machine_hold(machine);
    /* A machine that is being saved is not changed; it wakes this thread when that is over. */
    uint64_t ports = machine->frozen ? 0 : atomic_exchange(&machine->ejected, 0);
    for (; ports; ports &= ports - 1) {
        /* A port of a switch may have gone with the switch. */
        struct pci_function *port = machine->pci_made[__builtin_ctzll(ports)].function;
        if (port && port->bridge && port->bridge->slot)
            empty_slot(machine, port->bridge);
    }
    machine_release(machine);
}

/* ---- What users ask for -------------------------------------------------------------------------------- */

static bool check_plug(const struct machine *machine, const struct machine_pci *what, struct error *error)
{
    const struct pci_bus *bus = board_pci_bus(machine, what->bus);
    const char *name = what->bus ? what->bus : "pcie.0";
    if (machine->frozen)
        return error_set(error, "the guest is being saved or loaded: no device may come or go");
    if (!bus)
        return error_set(error, "Bus '%s' not found", name);
    if (!bus->bridge || !bus->bridge->slot)
        return error_set(error, "Bus '%s' does not support hotplugging", name);
    if (!what->plug.model->hot_plug)
        return error_set(error, "Device '%s' does not support hotplugging", what->plug.model->name);
    return what->function == 0 ||
           error_set(error, "addr=%x.%x: a device that is plugged into a running machine is function 0",
                     what->slot, what->function);
}

static bool plug_pci(struct machine *machine, unsigned number, const struct machine_pci *what,
                     struct error *error)
{
    struct machine_config *config = &machine->config;
    if (!check_plug(machine, what, error))
        return false;
    config->pci[number] = *what;
    if (number >= config->pci_count)
        config->pci_count = number + 1;
    if (!board_pci_plug(machine, number, error)) {
        drop(machine, number);
        return false;
    }
    struct pci_function *function = machine->pci_made[number].function;
    struct pci_bridge *bridge = function->bus->bridge;
    if (machine->devices_held && function->ops->hold)
        function->ops->hold(function, true);
    for (unsigned n = 0; n < VIRTIO_CONSOLE_PORTS_MAX && machine->pci_made[number].chardevs[n]; n++)
        chardev_hold(machine->pci_made[number].chardevs[n], machine->devices_held);
    bridge->slot->plugged(bridge);
    return true;
}

static bool plug_usb(struct machine *machine, unsigned number, const struct machine_usb *what,
                     struct error *error)
{
    struct machine_config *config = &machine->config;
    if (machine->frozen)
        return error_set(error, "the guest is being saved or loaded: no device may come or go");
    config->usb[number] = *what;
    if (number >= config->usb_count)
        config->usb_count = number + 1;
    if (!machine_create_usb(machine, number, machine->pci_made[what->controller].function, error)) {
        forget_usb(machine, number);
        return false;
    }
    struct usb_device *device = machine->usb_made[number].device;
    if (machine->devices_held && device->ops->hold)
        device->ops->hold(device, true);
    return true;
}

static bool plug_unit(struct machine *machine, unsigned number, const struct machine_unit *what,
                      struct error *error)
{
    struct machine_config *config = &machine->config;
    if (machine->frozen)
        return error_set(error, "the guest is being saved or loaded: no device may come or go");
    config->units[number] = *what;
    if (number >= config->unit_count)
        config->unit_count = number + 1;
    if (!machine_create_unit(machine, number, error)) {
        forget_unit(machine, number);
        return false;
    }
    return media_watch(machine);
}

bool machine_plug(struct machine *machine, struct machine_place place, const struct machine_config *config,
                  struct error *error)
{
    bool ok = false;
    machine_hold(machine);
    switch (place.list) {
    case MACHINE_LIST_PCI: ok = plug_pci(machine, place.number, &config->pci[place.number], error); break;
    case MACHINE_LIST_USB: ok = plug_usb(machine, place.number, &config->usb[place.number], error); break;
    case MACHINE_LIST_UNITS:
        ok = plug_unit(machine, place.number, &config->units[place.number], error);
        break;
    }
    machine_release(machine);
    return ok;
}

static enum machine_unplug refuse(struct error *error, const char *form, const char *what)
{
    error_set(error, form, what);
    return MACHINE_UNPLUG_REFUSED;
}

static bool is_called(const struct device_settings *settings, const char *id)
{
    return settings->id && strcmp(settings->id, id) == 0;
}

static enum machine_unplug unplug_pci(struct machine *machine, unsigned n, struct error *error)
{
    struct machine_pci_made *made = &machine->pci_made[n];
    struct pci_bridge *bridge = made->function->bus->bridge;
    const char *bus = machine->config.pci[n].bus, *id = machine->config.pci[n].plug.settings.id;
    if (!bridge || !bridge->slot)
        return refuse(error, "Bus '%s' does not support hotplugging", bus ? bus : "pcie.0");
    if (!machine->config.pci[n].plug.model->hot_plug)
        return refuse(error, "Device '%s' does not support hotplugging",
                      machine->config.pci[n].plug.model->name);
    if (made->asked_ms && host_now_ms() - made->asked_ms < PATIENCE_MS)
        return refuse(error, "Device %s is already in the process of unplug", id);
    if (bridge->slot->ask(bridge))
        empty_slot(machine, bridge);
    else
        made->asked_ms = host_now_ms();
    return MACHINE_UNPLUG_ASKED;
}

static void remove_usb(struct machine *machine, unsigned number)
{
    const struct machine_usb *what = &machine->config.usb[number];
    const char *id = what->plug.settings.id;
    struct pci_function *controller = machine->pci_made[what->controller].function;
    machine->config.pci[what->controller].plug.model->detach_usb(controller,
                                                                 machine->usb_made[number].device);
    forget_usb(machine, number);
    tell(machine, MACHINE_LIST_USB, number, id);
}

/* USB devices are pulled out without a question. What is behind a hub goes with it. */
static void unplug_usb(struct machine *machine, unsigned number)
{
    const struct machine_usb hub = machine->config.usb[number];
    size_t length = strlen(hub.path);
    for (unsigned depth = USB_DEPTH_MAX; depth > 0; depth--) { /* the farthest first */
        for (unsigned n = 0; n < machine->config.usb_count; n++) {
            const struct machine_usb *usb = &machine->config.usb[n];
            if (usb->plug.model && usb_path_depth(usb->path) == depth && usb->controller == hub.controller &&
                strncmp(usb->path, hub.path, length) == 0 && usb->path[length] == '.')
                remove_usb(machine, n);
        }
    }
    remove_usb(machine, number);
}

/* A disk on a SCSI host goes at once, as on QEMU: the driver is told that it is gone. */
static enum machine_unplug unplug_unit(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_unit *what = &machine->config.units[number];
    const char *id = what->settings.id;
    if (what->model->buses & DEVICE_BUS_IDE || what->controller > MACHINE_CONTROLLERS_MAX)
        return refuse(error, "Device '%s' does not support hotplugging", what->model->name);
    virtio_scsi_detach(machine->scsi_hosts[what->controller], machine->units_made[number].unit);
    forget_unit(machine, number);
    tell(machine, MACHINE_LIST_UNITS, number, id);
    return MACHINE_UNPLUG_ASKED;
}

static enum machine_unplug unplug(struct machine *machine, const char *id, struct error *error)
{
    struct machine_config *config = &machine->config;
    if (machine->frozen)
        return refuse(error, "the guest is being saved or loaded: %s cannot go now", id);
    for (unsigned n = 0; n < config->pci_count; n++)
        if (machine->pci_made[n].function && is_called(&config->pci[n].plug.settings, id))
            return unplug_pci(machine, n, error);
    for (unsigned n = 0; n < config->usb_count; n++) {
        if (!machine->usb_made[n].device || !is_called(&config->usb[n].plug.settings, id))
            continue;
        unplug_usb(machine, n);
        return MACHINE_UNPLUG_ASKED;
    }
    for (unsigned n = 0; n < config->unit_count; n++)
        if (config->units[n].model && is_called(&config->units[n].settings, id))
            return unplug_unit(machine, n, error);
    error_set(error, "Device '%s' not found", id);
    return MACHINE_UNPLUG_UNKNOWN;
}

enum machine_unplug machine_unplug(struct machine *machine, const char *id, struct error *error)
{
    machine_hold(machine);
    enum machine_unplug result = unplug(machine, id, error);
    machine_release(machine);
    return result;
}
