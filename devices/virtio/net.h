/* SPDX-License-Identifier: MIT
 *
 * The virtio network device (Virtio 1.2 section 5.1): a network card on a netdev, with one pair of queues.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/net/netdev.h"
#include "devices/virtio/virtio.h"

struct virtio_net_config {
    /* borrowed; see below when it may be destroyed. NULL: there is none */
    struct netdev *netdev;
    uint8_t mac[6];
};

/* Attaches itself to the netdev, whose thread then calls back, until the device is destroyed. These must end
 * in this order: the harts stop, the slot is reset, the device is destroyed, the netdev is destroyed. NULL
 * and *error if the host has no memory. */
struct virtio_device *virtio_net_create(const struct virtio_net_config *config, struct error *error);

extern const struct device_model virtio_net_model;

#endif
