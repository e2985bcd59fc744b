/* SPDX-License-Identifier: MIT
 *
 * Where the memory accesses and messages of PCI functions pass through an IOMMU. An IOMMU hooks itself into
 * the root bus (`struct pci_bus`, iommu). Each function that masters the bus has a `struct pci_dma`, which
 * the board gives it as its `struct dma`: it names the function to the IOMMU by its requester id (PCI Express
 * Base 2.2.6.2). A board without an IOMMU gives its functions the memory itself, so they pay nothing.
 *
 * translate() may be called with the lock of a device and of a bus held, and from any thread.
 */
#ifndef DEVICES_PCI_IOMMU_H
#define DEVICES_PCI_IOMMU_H

#include "devices/pci/pci.h"

struct pci_iommu {
    /* As dma_ops.translate, for a requester id. */
    bool (*translate)(struct pci_iommu *iommu, uint32_t requester, uint64_t iova, uint64_t *length,
                      bool write, uint64_t *paddr);
    /* It is this function of the root bus, which itself is not translated; NULL: it is part of the board. */
    const struct pci_function *function;
    uint32_t phandle; /* of its node in the device tree */
};

struct pci_dma {
    struct dma dma; /* must be first */
    struct dma *memory;
    struct pci_function *function; /* set when it is plugged in; before, it accesses nothing */
};

/* Makes the `struct dma` of a function; `memory` is guest memory, and outlives it. */
void pci_dma_init(struct pci_dma *dma, struct dma *memory);
/* The bus at the root of the hierarchy. */
struct pci_bus *pci_bus_root(struct pci_bus *bus);
/* The id by which requests of the function are known at the root, as the guest has numbered the buses. */
uint32_t pci_requester_id(const struct pci_function *function);
/* Sends a message of the function, by way of the IOMMU if there is one. False if nothing took it. To be
 * called with the lock of its bus held, or with none. */
bool pci_message_send(struct pci_function *function, uint64_t address, uint32_t data);

#endif
