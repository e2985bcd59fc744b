/* SPDX-License-Identifier: MIT
 *
 * ivshmem-plain: memory that several machines, and programs of the host, share, as a BAR of a PCI function.
 * ivshmem-doorbell: the same with the memory of a server, and interrupts between its clients. Identity, BARs
 * and registers are those of QEMU's devices of these names (revision 1).
 */
#ifndef DEVICES_PCI_IVSHMEM_H
#define DEVICES_PCI_IVSHMEM_H

#include "devices/model.h"
#include "devices/pci/pci.h"

struct ivshmem_config {
    uint8_t *memory;    /* mapped; belongs to the device, which unmaps it, from a success on */
    uint64_t size;      /* a power of two, of pages */
    const char *server; /* its socket, instead of memory and size; NULL: there is none */
    unsigned vectors;   /* of MSI-X, with a server: 1 to IVSHMEM_VECTORS_MAX */
    unsigned wait_ms;   /* for the server's first messages */
    bool multifunction;
};

/* NULL and *error if the size is impossible, the server does not answer as it must, or the host has no
 * memory. */
struct pci_function *ivshmem_create(const struct ivshmem_config *config, struct error *error);

extern const struct device_model ivshmem_model;
extern const struct device_model ivshmem_doorbell_model;

#endif
