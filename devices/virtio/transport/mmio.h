/* SPDX-License-Identifier: MIT
 *
 * One virtio-mmio slot: a window of registers (Virtio 1.2 section 4.2) with a virtio device behind it, or
 * nothing. The board has eight; a guest finds out by the device ID which are in use.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_MMIO_H
#define DEVICES_VIRTIO_TRANSPORT_MMIO_H

#include "devices/device.h"
#include "devices/virtio/virtio.h"

struct virtio_mmio_config {
    struct irq_line irq;
    struct dma *dma;
    bool legacy; /* version 1, section 4.2.4; false: version 2 (-global virtio-mmio.force-legacy=false) */
    /* the legacy registers have no value before the driver writes one; this is also `strict` of the device */
    bool strict;
};

/* An empty slot. NULL and *error if the host has no memory. */
struct device *virtio_mmio_create(const struct virtio_mmio_config *config, struct error *error);
/* Puts the device into the slot, once and before the guest runs; the slot then destroys it. */
void virtio_mmio_plug(struct device *slot, struct virtio_device *device);
bool virtio_mmio_is_empty(const struct device *slot);

#endif
