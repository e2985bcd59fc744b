/* SPDX-License-Identifier: MIT
 *
 * The virtio block device (Virtio 1.2 section 5.2): a disk on a blockdev.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/block/on_error.h"
#include "devices/virtio/virtio.h"

struct virtio_blk_config {
    struct blockdev *blockdev;    /* borrowed: outlives the device */
    const char *serial;           /* up to 20 bytes are shown to the guest; NULL: none */
    unsigned queues;              /* 0: 1 */
    unsigned queue_size;          /* descriptors, a power of two from 4 to 1024; 0: 256 */
    unsigned size_max;            /* bytes of one buffer; 0: no limit is told */
    unsigned logical_block_size;  /* bytes, powers of two from 512 to 64 KiB; 0: 512 */
    unsigned physical_block_size; /* 0: as the logical one */
    struct block_on_error on_error;
};

/* NULL and *error if a value is impossible or the host has no memory or thread. */
struct virtio_device *virtio_blk_create(const struct virtio_blk_config *config, struct error *error);

extern const struct device_model virtio_blk_model;

#endif
