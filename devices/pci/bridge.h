/* SPDX-License-Identifier: MIT
 *
 * PCI-to-PCI bridges (PCI-to-PCI Bridge 1.2 chapter 3): a function with a second bus behind it. The guest
 * gives that bus its number, and the bridge windows of I/O and memory that it passes on. Wires of functions
 * behind it reach the bus of the bridge, rotated by the bridge's slot (section 9.1).
 *
 * A bridge passes on all that functions behind it do on their own (memory accesses, messages), even while it
 * may not master the bus itself, as QEMU's does.
 *
 * The lock of the bus behind a bridge is taken before that of the bus in front of it. What an access asks a
 * bridge is atomic.
 */
#ifndef DEVICES_PCI_BRIDGE_H
#define DEVICES_PCI_BRIDGE_H

#include "devices/pci/pci.h"

enum pci_bridge_window { PCI_BRIDGE_IO, PCI_BRIDGE_MEMORY, PCI_BRIDGE_PREFETCH, PCI_BRIDGE_WINDOWS };

enum { /* registers of configuration space, header type 1 */
       PCI_BRIDGE_PRIMARY = 0x18,
       PCI_BRIDGE_SECONDARY = 0x19,
       PCI_BRIDGE_SUBORDINATE = 0x1a,
       PCI_BRIDGE_IO_BASE = 0x1c,
       PCI_BRIDGE_IO_LIMIT = 0x1d,
       PCI_BRIDGE_SECONDARY_STATUS = 0x1e,
       PCI_BRIDGE_MEMORY_BASE = 0x20,
       PCI_BRIDGE_MEMORY_LIMIT = 0x22,
       PCI_BRIDGE_PREFETCH_BASE = 0x24,
       PCI_BRIDGE_PREFETCH_LIMIT = 0x26,
       PCI_BRIDGE_PREFETCH_BASE_HIGH = 0x28,
       PCI_BRIDGE_PREFETCH_LIMIT_HIGH = 0x2c,
       PCI_BRIDGE_CONTROL = 0x3e,
       PCI_BRIDGE_CONTROL_RESET = 0x40 /* of the bus behind it */
};

/* What a bridge does when functions come to the bus behind it, or go, while the machine runs. To be called
 * while no hart runs. */
struct pci_slot_ops {
    /* A function was plugged in. */
    void (*plugged)(struct pci_bridge *bridge);
    /* The user wants to take out what is there. True: the guest does not use it, it may go at once. False:
     * the guest was asked; the bridge tells when it is done. */
    bool (*ask)(struct pci_bridge *bridge);
    /* All functions are gone. */
    void (*emptied)(struct pci_bridge *bridge);
};

struct pci_bridge {
    struct pci_function function;    /* must be first */
    struct pci_bus bus;              /* the secondary one */
    const struct pci_slot_ops *slot; /* NULL: what is behind it stays there */
    atomic_bool shut;                /* the functions behind it have no power: nothing reaches them */
    _Atomic uint32_t numbers;        /* secondary, subordinate << 8 */
    struct {
        _Atomic uint64_t base, limit; /* closed if base > limit */
    } windows[PCI_BRIDGE_WINDOWS];
    bool wires[PCI_PINS]; /* of the bus behind; protected by the lock of the bus in front */
};

/* ---- For files of bridges ------------------------------------------------------------------------------ */

/* Initialises function and bus. False and *error if the host has no memory. */
bool pci_bridge_init(struct pci_bridge *bridge, const struct pci_function_ops *ops,
                     const struct pci_identity *identity, struct error *error);
/* For destroy(), with the functions behind it; does not free the bridge itself. */
void pci_bridge_fini(struct pci_bridge *bridge);
/* For the function's ops; a file that has such an op of its own calls these in it. */
void pci_bridge_config_written(struct pci_function *function, unsigned offset, unsigned size);
void pci_bridge_reset(struct pci_function *function);
void pci_bridge_save(struct pci_function *function, struct state_writer *writer);
bool pci_bridge_load(struct pci_function *function, struct state_reader *reader);
void pci_bridge_hold(struct pci_function *function, bool held);
uint64_t pci_bridge_bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size);
void pci_bridge_bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                          uint64_t value);

/* ---- For the bus; any thread --------------------------------------------------------------------------- */

/* Computes anew what follows from the registers. [lock of the bus in front] */
void pci_bridge_update(struct pci_bridge *bridge);
/* 0: the guest has not given the bus a number. */
unsigned pci_bridge_secondary(const struct pci_bridge *bridge);
unsigned pci_bridge_subordinate(const struct pci_bridge *bridge);
/* Is the bus of that number behind it? */
bool pci_bridge_leads_to(const struct pci_bridge *bridge, unsigned number);
/* Is the access within its windows? */
bool pci_bridge_passes(const struct pci_bridge *bridge, bool io, uint64_t address, unsigned size);
/* A window as the registers have it, even if it is closed. */
void pci_bridge_range(struct pci_bridge *bridge, enum pci_bridge_window window, uint64_t *base,
                      uint64_t *limit);

#endif
