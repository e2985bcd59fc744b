/* SPDX-License-Identifier: MIT
 *
 * edu: a device for people who learn to write drivers, with the registers of QEMU's (QEMU, "EDU device"). It
 * inverts a number, computes factorials and copies up to 4 KiB between guest memory and a buffer of its own;
 * the last two take time, and can end with an interrupt (INTA or MSI).
 */
#ifndef DEVICES_PCI_EDU_H
#define DEVICES_PCI_EDU_H

#include "devices/model.h"
#include "devices/pci/pci.h"

#define EDU_DMA_NS UINT64_C(100000000) /* how long a copy takes in guest time */

struct edu_config {
    struct clock *clock;
    struct dma *dma;
    uint64_t dma_mask; /* the bits of addresses that the device has */
    bool multifunction;
};

/* NULL and *error if the host has no memory. */
struct pci_function *edu_create(const struct edu_config *config, struct error *error);

extern const struct device_model edu_model;

#endif
