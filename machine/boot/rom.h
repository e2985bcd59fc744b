/* SPDX-License-Identifier: MIT
 *
 * The boot ROM at 0x1000: what every hart runs after reset.
 */
#ifndef MACHINE_BOOT_ROM_H
#define MACHINE_BOOT_ROM_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct boot_rom_config {
    unsigned xlen;
    uint64_t start_addr; /* where the harts go: the firmware, or a kernel without firmware */
    uint64_t fdt_addr;   /* device tree, for a1 */
    uint64_t next_addr;  /* where OpenSBI's fw_dynamic goes next; 0: nowhere */
    bool has_msel;       /* the first word is `msel`, and the reset pc is behind it */
    uint32_t msel;
};

/* Fills `rom`, of `size` bytes, which is mapped at the reset pc, or at the word before it. False, with
 * *error, if it is too small. */
bool boot_rom_write(const struct boot_rom_config *config, uint8_t *rom, size_t size, struct error *error);

#endif
