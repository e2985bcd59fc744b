/* SPDX-License-Identifier: MIT
 *
 * Where messages for harts' interrupt files are written to (AIA 1.0 "Memory region for an interrupt file"): a
 * page for each hart's file, and behind it those of its guests' files. The files themselves are the harts'
 * (cpu/csr/imsic.c).
 */
#ifndef DEVICES_PLATFORM_IMSIC_H
#define DEVICES_PLATFORM_IMSIC_H

#include "devices/device.h"

#define IMSIC_PAGE UINT64_C(4096)

/* Copied, with its array. */
struct imsic_config {
    unsigned hart_count;
    const uint32_t *intc_phandles; /* one for each hart */
    uint32_t hart_irq;             /* 11: the files of M-mode, 9: those of S-mode */
    uint32_t phandle;              /* of the node that fdt() writes */
    unsigned identities;           /* 1 .. identities */
    unsigned guest_bits;           /* each hart has so many pages, as a power of two */
    /* A message with an identity that exists, for the hart's file (guest: 0) or that of a guest, whether the
     * hart has it or not. Any thread. */
    void (*receive)(void *opaque, unsigned hart, unsigned guest, unsigned identity);
    void *opaque;
};

/* NULL, with *error filled, if memory is short. Freed by ops->destroy(). */
struct device *imsic_create(const struct imsic_config *config, struct error *error);

/* A write of 4 bytes by a device. False: no register is there. Any thread. */
bool imsic_send(struct device *imsic, uint64_t offset, uint32_t value);

#endif
