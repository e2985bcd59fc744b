/* SPDX-License-Identifier: MIT
 *
 * The virtio console (Virtio 1.2 section 5.3) with one port, on a chardev.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/chardev.h"
#include "devices/virtio.h"

struct virtio_console_config {
    struct chardev *chardev; /* borrowed; for its end, see virtio_console_create() */
    uint16_t columns, rows;  /* 0: not known, the size is not offered */
};

/* Attaches itself to the chardev, whose thread then calls back. So they end in this order: the harts stop,
 * the slot is reset (the device then writes nothing more), the chardev is destroyed, the device is destroyed.
 * NULL and *error where the host has no memory or thread. */
struct virtio_device *virtio_console_create(const struct virtio_console_config *config, struct error *error);
/* The terminal has another size now (only where it was known at first). From any thread. */
void virtio_console_resize(struct virtio_device *device, uint16_t columns, uint16_t rows);

#endif
