/* SPDX-License-Identifier: MIT
 *
 * ivshmem-plain: memory that several machines, and programs of the host, share, as a BAR of a PCI function.
 * Identity, BARs and registers are those of QEMU's device of that name (revision 1, without interrupts).
 */
#ifndef DEVICES_PCI_IVSHMEM_H
#define DEVICES_PCI_IVSHMEM_H

#include "devices/model.h"
#include "devices/pci/pci.h"

struct ivshmem_config {
    uint8_t *memory; /* mapped; belongs to the device, which unmaps it, from a success on */
    uint64_t size;   /* a power of two, of pages */
    bool multifunction;
};

/* NULL and *error if the size is impossible or the host has no memory. */
struct pci_function *ivshmem_create(const struct ivshmem_config *config, struct error *error);

extern const struct device_model ivshmem_model;

#endif
