/* SPDX-License-Identifier: MIT
 *
 * A bank of NOR flash: two 16-bit chips side by side on a 32-bit bus, with the commands of Intel's basic
 * command set (Common Flash Interface, JEDEC JESD68 and JEP137: command set 1). The board has two such banks;
 * firmware lies in the first, its variables in the second.
 */
#ifndef DEVICES_PLATFORM_PFLASH_CFI_H
#define DEVICES_PLATFORM_PFLASH_CFI_H

#include "devices/block/blockdev.h"
#include "devices/device.h"

#define PFLASH_BANK_BYTES (32u << 20)

struct pflash_config {
    /* borrowed, PFLASH_BANK_BYTES long; NULL: the bank is erased at first, and not saved */
    struct blockdev *blockdev;
    /* banks in a row that this bank's node describes; 0: another bank's node describes it */
    unsigned fdt_banks;
};

/* Reads the whole image. NULL and *error if that fails or its size is wrong. */
struct device *pflash_cfi_create(const struct pflash_config *config, struct error *error);
/* The bytes of the array, for instruction fetch. They live as long as the device. */
uint8_t *pflash_cfi_bytes(struct device *device);

#endif
