/* SPDX-License-Identifier: MIT
 *
 * The virtio entropy device (Virtio 1.2 section 5.4).
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

struct virtio_rng_config {
    const char *path;   /* a character device of the host (-object rng-random,filename=); NULL: getrandom() */
    uint64_t max_bytes; /* that the guest gets in a period; 0: there is no limit */
    uint32_t period_ms; /* of the host's time */
};

/* NULL and *error if the source cannot be opened or read. */
struct virtio_device *virtio_rng_create(const struct virtio_rng_config *config, struct error *error);

extern const struct device_model virtio_rng_model;

#endif
