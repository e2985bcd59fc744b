/* SPDX-License-Identifier: MIT
 *
 * ramfb: a screen that is a piece of guest memory. Firmware says where it is by writing the file etc/ramfb of
 * fw_cfg (QEMU docs/specs/fw_cfg); EDK2 and U-Boot do so. It has no registers and no interrupt, so it is easy
 * for firmware to use. The same with a place that never changes is the simple-framebuffer of a device tree.
 */
#ifndef DEVICES_PLATFORM_RAMFB_H
#define DEVICES_PLATFORM_RAMFB_H

#include "devices/device.h"
#include "devices/display/display.h"
#include "devices/model.h"

struct ramfb;
struct ramfb_config {
    struct display *display; /* borrowed, like the others */
    /* gets the file; outlives the ramfb, but must not write the file after the ramfb was destroyed */
    struct device *fw_cfg;
    struct dma *dma;
};

/* NULL and *error if memory is short or fw_cfg is full. Its state is saved by fw_cfg, as that of the file. */
struct ramfb *ramfb_create(const struct ramfb_config *config, struct error *error);
/* One without fw_cfg, whose picture is always at the same place. `format` is as in the binding
 * simple-framebuffer: "a8r8g8b8", "x8r8g8b8", "r8g8b8" or "r5g6b5"; `stride` is in bytes. NULL and *error if
 * memory is short or there can be no such picture. */
struct ramfb_fixed {
    uint64_t paddr;
    const char *format;
    uint32_t width, height, stride;
};
struct ramfb *ramfb_create_fixed(const struct ramfb_config *config, const struct ramfb_fixed *picture,
                                 struct error *error);
/* The bytes of such a picture in memory; 0: there can be none. */
uint64_t ramfb_fixed_bytes(const struct ramfb_fixed *picture);
/* Takes the picture off the screen, as a reset of the machine does; one that is fixed stays. */
void ramfb_reset(struct ramfb *ramfb);
/* To be called with all harts stopped and no view left. */
void ramfb_destroy(struct ramfb *ramfb);

extern const struct device_model ramfb_model;

#endif
