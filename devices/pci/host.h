/* SPDX-License-Identifier: MIT
 *
 * A generic PCI Express host bridge (the device tree's `pci-host-ecam-generic`): bus 0, with functions that
 * are part of the root complex, and bridges to further buses (bridge.h). The board maps four windows of it:
 * ECAM (configuration space, 4 KiB a function; PCI Express Base 7.2.2), I/O ports, 32-bit and 64-bit memory.
 * The bridge passes an access to the function that has a BAR there; where no BAR is, reads give all ones.
 *
 * Windows have no state of their own; what is behind them is locked as pci.h says. The bridge itself appears
 * as function 00.0, with the ids of QEMU's bridge.
 */
#ifndef DEVICES_PCI_HOST_H
#define DEVICES_PCI_HOST_H

#include "devices/pci/pci.h"

enum pci_window { PCI_WINDOW_ECAM, PCI_WINDOW_IO, PCI_WINDOW_MEM32, PCI_WINDOW_MEM64, PCI_WINDOW_COUNT };

/* Guest physical addresses. Memory has the same addresses on the PCI bus; the I/O window begins with port 0
 * of the bus. */
struct pci_host_range {
    uint64_t base, size;
};

struct pci_host_config {
    struct pci_host_range windows[PCI_WINDOW_COUNT];
    struct irq_line intx[PCI_PINS]; /* INTA .. INTD of slot 0 */
    unsigned first_irq;             /* the number of intx[0] in the device tree; the others follow */
    uint32_t irq_parent;            /* phandle of the interrupt controller */
    uint32_t irq_type;              /* as in struct fdt_place */
    uint32_t msi_parent;            /* phandle of what takes messages; 0: nothing */
    struct pci_msi_target msi;      /* send == NULL: there are no MSIs, and guests have to use INTx */
};

/* NULL and *error if the host has no memory. */
struct pci_host *pci_host_create(const struct pci_host_config *config, struct error *error);
/* The windows as devices of the board's bus. The window of ECAM stands for the bridge: it has the device tree
 * node, resets, saves and loads all functions, and destroys them with the bridge. It must be destroyed
 * last. */
struct device *pci_host_window(struct pci_host *host, enum pci_window window);
/* For pci_bus_plug(). */
struct pci_bus *pci_host_bus(struct pci_host *host);

#endif
