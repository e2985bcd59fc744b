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

/* Destroys a function, if it was made, and its back end. [run_lock], with the harts stopped, like all that
 * follow */
static void drop(struct machine *machine, unsigned number)
{
    struct machine_pci_made *made = &machine->pci_made[number];
    if (made->function)
        pci_bus_unplug(made->function);
    if (made->function)
        made->function->ops->destroy(made->function);
    if (made->disk)
        machine_close_disk(machine, made->disk);
    *made = (struct machine_pci_made){ .function = NULL };
    machine->config.pci[number] = (struct machine_pci){ .left = true };
}

static void remove_function(struct machine *machine, unsigned number)
{
    const char *id = machine->config.pci[number].plug.settings.id;
    drop(machine, number);
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next)
        if (listener->device_deleted)
            listener->device_deleted(listener->opaque, number, id);
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
    for (; ports; ports &= ports - 1)
        empty_slot(machine, machine->pci_made[__builtin_ctzll(ports)].function->bridge);
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

static bool plug(struct machine *machine, unsigned number, const struct machine_pci *what,
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
    bridge->slot->plugged(bridge);
    return true;
}

bool machine_plug(struct machine *machine, unsigned number, const struct machine_pci *what,
                  struct error *error)
{
    machine_hold(machine);
    bool ok = plug(machine, number, what, error);
    machine_release(machine);
    return ok;
}

static enum machine_unplug refuse(struct error *error, const char *form, const char *what)
{
    error_set(error, form, what);
    return MACHINE_UNPLUG_REFUSED;
}

static enum machine_unplug unplug(struct machine *machine, const char *id, struct error *error)
{
    unsigned n = 0;
    for (; n < machine->config.pci_count; n++) {
        const char *own = machine->config.pci[n].plug.settings.id;
        if (machine->pci_made[n].function && own && strcmp(own, id) == 0)
            break;
    }
    if (n == machine->config.pci_count) {
        error_set(error, "Device '%s' not found", id);
        return MACHINE_UNPLUG_UNKNOWN;
    }
    struct machine_pci_made *made = &machine->pci_made[n];
    struct pci_bridge *bridge = made->function->bus->bridge;
    const char *bus = machine->config.pci[n].bus;
    if (machine->frozen)
        return refuse(error, "the guest is being saved or loaded: %s cannot go now", id);
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

enum machine_unplug machine_unplug(struct machine *machine, const char *id, struct error *error)
{
    machine_hold(machine);
    enum machine_unplug result = unplug(machine, id, error);
    machine_release(machine);
    return result;
}
