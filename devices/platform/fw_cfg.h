/* SPDX-License-Identifier: MIT
 *
 * QEMU's firmware configuration device, memory-mapped (QEMU docs/specs/fw_cfg): numbered items of bytes, some
 * of them listed by name in a directory, read through a data register or by DMA.
 */
#ifndef DEVICES_PLATFORM_FW_CFG_H
#define DEVICES_PLATFORM_FW_CFG_H

#include "devices/device.h"

struct fw_cfg_config {
    struct dma *dma; /* outlives the device */
};

struct device *fw_cfg_create(const struct fw_cfg_config *config, struct error *error);

/* Adds an item under a well-known key (below 0x20, except 0, 1 and 0x19, which are the device's own). The
 * bytes are copied. Before the machine runs. */
bool fw_cfg_add_item(struct device *device, uint16_t key, const void *bytes, uint32_t length,
                     struct error *error);
/* Adds a named file (name below 56 bytes), as fw_cfg_add_item(). */
bool fw_cfg_add_file(struct device *device, const char *name, const void *bytes, uint32_t length,
                     struct error *error);
/* Adds a file that the guest may overwrite by DMA. After that `written` (may be NULL) is called with the
 * whole contents, in the hart's thread, with the device's lock held. */
bool fw_cfg_add_writable_file(struct device *device, const char *name, const void *bytes, uint32_t length,
                              void (*written)(void *opaque, const uint8_t *bytes, uint32_t length),
                              void *opaque, struct error *error);

#endif
