/* SPDX-License-Identifier: MIT
 *
 * The virtio 9P transport: a folder of the host as a file system of the guest (mount -t 9p -o
 * trans=virtio,version=9p2000.L TAG /mnt).
 */
#ifndef DEVICES_VIRTIO_9P_9P_H
#define DEVICES_VIRTIO_9P_9P_H

#include "devices/virtio/9p/server.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_9P_TAG_MAX 31 /* bytes */

struct virtio_9p_config {
    struct p9_server_config folder; /* strings are borrowed while it is made */
    const char *tag;                /* up to VIRTIO_9P_TAG_MAX bytes */
};

/* NULL and *error if the folder cannot be shared like this, or the host has no memory or thread. */
struct virtio_device *virtio_9p_create(const struct virtio_9p_config *config, struct error *error);

extern const struct device_model virtio_9p_model;

#endif
