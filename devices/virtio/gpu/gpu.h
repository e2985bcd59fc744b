/* SPDX-License-Identifier: MIT
 *
 * The virtio graphics device (Virtio 1.2 section 5.7), 2D with one scanout, on a display.
 */
#ifndef DEVICES_VIRTIO_GPU_GPU_H
#define DEVICES_VIRTIO_GPU_GPU_H

#include "devices/display/display.h"
#include "devices/virtio/virtio.h"

struct virtio_gpu_config {
    struct display *display; /* borrowed; outlives the device */
    uint32_t width,
        height; /* the size that the driver is told to prefer until the window asks for one; 0: 1280 x 800 */
    uint64_t memory_limit; /* bytes that the guest's resources may take on the host; 0: 256 MiB */
};

/* NULL and *error if the host has no memory or thread. */
struct virtio_device *virtio_gpu_create(const struct virtio_gpu_config *config, struct error *error);

extern const struct device_model virtio_gpu_model;
extern const struct device_model virtio_vga_model;

#endif
