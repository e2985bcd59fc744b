/* SPDX-License-Identifier: MIT
 *
 * ramfb: a screen that is a piece of guest memory. Firmware says where it is by writing the file etc/ramfb of
 * fw_cfg (QEMU docs/specs/fw_cfg; EDK2 and U-Boot do so); there is nothing else to it, no registers and no
 * interrupt, which is why firmware likes it.
 */
#ifndef DEVICES_PLATFORM_RAMFB_H
#define DEVICES_PLATFORM_RAMFB_H

#include "devices/device.h"
#include "devices/display/display.h"
#include "devices/model.h"

struct ramfb;
struct ramfb_config {
    struct display *display; /* borrowed, like the others */
    struct device *fw_cfg; /* gets the file; outlives the ramfb, but writes nothing once that is destroyed */
    struct dma *dma;
};

/* NULL and *error where memory is short or fw_cfg is full. Its state is saved with the file in fw_cfg. */
struct ramfb *ramfb_create(const struct ramfb_config *config, struct error *error);
/* Takes the picture away, as a reset of the machine does. */
void ramfb_reset(struct ramfb *ramfb);
/* With all harts stopped and no view left. */
void ramfb_destroy(struct ramfb *ramfb);

extern const struct device_model ramfb_model;

#endif
