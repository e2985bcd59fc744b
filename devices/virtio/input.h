/* SPDX-License-Identifier: MIT
 *
 * Virtio input devices (Virtio 1.2 section 5.8): a keyboard, a tablet or a mouse, on a display.
 */
#ifndef DEVICES_VIRTIO_INPUT_H
#define DEVICES_VIRTIO_INPUT_H

#include "devices/display/display.h"
#include "devices/virtio/virtio.h"

struct virtio_input_config {
    struct display *display; /* borrowed; outlives the device */
    enum display_input_kind kind;
};

/* NULL and *error if the host has no memory. */
struct virtio_device *virtio_input_create(const struct virtio_input_config *config, struct error *error);
/* The lamps of the keyboard as the driver last set them: bit n is LED code n of Linux. Any thread. */
uint32_t virtio_input_leds(struct virtio_device *device);

extern const struct device_model virtio_keyboard_model;
extern const struct device_model virtio_tablet_model;
extern const struct device_model virtio_mouse_model;

#endif
