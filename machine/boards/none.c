/* SPDX-License-Identifier: MIT
 *
 * The board `none`: a hart and RAM from address 0, and nothing else: no devices, no firmware, no device tree.
 * It is for programs that start the emulator to ask its monitor what it has, as libvirt does, and for
 * programs that need only memory (-device loader, semihosting).
 */
#include "machine/boards/boards.h"

static bool create(struct machine *machine, struct error *error)
{
    (void)machine, (void)error;
    return true;
}

static const struct board_firmware firmware[] = { { 0, NULL } };

const struct board board_none = {
    .name = "none",
    .text = "one hart and RAM from address 0, no devices",
    .compatible = "none",
    .model = "none",
    .timebase_hz = UINT64_C(10000000),
    .rom = { 0x7fff0000, 0xf000 },
    .flash = { 0x7ff00000, 0 },
    .ram_base = 0,
    .ram_max = UINT64_C(1) << 30,
    .ram_max_rv32 = UINT64_C(1) << 30,
    .harts_max = 1,
    .stdout_path = "",
    .smp = 1,
    .ram_size = UINT64_C(64) << 10,
    .bare = true,
    .firmware = firmware,
    .create = create,
};
