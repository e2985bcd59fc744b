/* SPDX-License-Identifier: MIT
 *
 * The flattened device tree that the board hands to the guest (Devicetree Specification 0.4).
 */
#ifndef MACHINE_BOOT_FDT_H
#define MACHINE_BOOT_FDT_H

#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"
#include "machine/machine.h"

/* Phandles: hart n, its interrupt controller, and after those of all harts the board's own. */
#define FDT_PHANDLE_CPU(n)          ((uint32_t)(2 * (n) + 1))
#define FDT_PHANDLE_INTC(n)         ((uint32_t)(2 * (n) + 2))
#define FDT_PHANDLE_PLIC(harts)     ((uint32_t)(2 * (harts) + 1))
#define FDT_PHANDLE_FINISHER(harts) ((uint32_t)(2 * (harts) + 2))

struct fdt_device {
    struct device *device;
    struct fdt_place place;
};

struct fdt_board {
    const struct isa_config *isa;
    unsigned harts;
    uint64_t timebase_hz;
    uint64_t ram_base, ram_size;
    const char *stdout_path;          /* "/soc/serial@10000000", also the alias serial0 */
    const struct fdt_device *devices; /* nodes under /soc, in this order */
    unsigned device_count;
    struct device
        *finisher; /* the sifive_test whose poweroff and reboot nodes stand beside /soc; NULL: none */
};

/* What /chosen says of one boot. */
struct fdt_chosen {
    const char *bootargs;              /* NULL: none */
    uint64_t initrd_start, initrd_end; /* equal: none */
};

/* Builds the board's tree, with room left for /chosen. The caller frees it. NULL, with *error filled. */
void *board_fdt_build(const struct fdt_board *board, struct error *error);
/* Reads a tree from a file (-dtb), checks it, and leaves the same room. The caller frees it. */
void *board_fdt_read(const char *path, struct error *error);
/* Fills in /chosen, with a fresh rng-seed; to be called before each boot. */
bool board_fdt_set_chosen(void *tree, const struct fdt_chosen *chosen, struct error *error);
/* Bytes the tree takes in memory, the room included. */
uint32_t board_fdt_size(const void *tree);
/* Writes a packed copy to a file (dumpdtb). */
bool board_fdt_dump(const void *tree, const char *path, struct error *error);

#endif
