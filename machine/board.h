/* SPDX-License-Identifier: MIT
 *
 * The description of a board. Only a board's own file (machine/boards/) knows an address, a device or a name
 * of one. The loader, the device tree, the harts, the command line and the monitor read this description.
 *
 * Boards are constant; any thread may read them. One is made of a device tree, by the command line.
 */
#ifndef MACHINE_BOARD_H
#define MACHINE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct machine;
struct board_tree;

struct board_range {
    uint64_t base, size; /* guest physical, bytes */
};

/* A file that may be the default firmware, for harts of that width. */
struct board_firmware {
    unsigned xlen;
    const char *path;
};

struct board {
    const char *name, *text;        /* -machine NAME, and what -machine help says */
    const char *compatible, *model; /* of the device tree's root */

    uint64_t timebase_hz;
    struct board_range rom;   /* harts start here, unless the user says otherwise */
    struct board_range flash; /* the first bank */
    struct board_range code;  /* read-only memory for programs, besides RAM; size 0: none */
    /* Where harts go from the ROM: the first of these places that an image covers, whatever its entry is;
     * ends with 0. NULL, or none covered: the entry of the firmware or the kernel. */
    const uint64_t *starts;
    bool raw_in_code;           /* images without addresses of their own go there, too, not to RAM */
    struct board_range scratch; /* memory on the chip, for early programs; size 0: none */
    const char *cpu[2];         /* its processor with 32 and 64 bits, for -cpu; NULL: the user's choice */
    bool cpu_is_wide;           /* the one with 64 bits is the real one */
    const char *first_cpu[2];   /* that of hart 0, which is another one; NULL: all harts are alike */
    bool has_msel;              /* switches that say where to start from, the ROM's first word */
    uint64_t ram_base;
    uint64_t ram_max, ram_max_rv32; /* bytes */
    unsigned harts_max;             /* up to MACHINE_HARTS_MAX */
    unsigned harts_min;             /* 0: 1 */
    unsigned virtio_slots;          /* of virtio-mmio, up to MACHINE_VIRTIO_SLOTS_MAX */
    unsigned flash_banks;           /* up to MACHINE_PFLASH_BANKS_MAX */
    unsigned
        /* The input of the interrupt controller for INTA of slot 0, followed by those for B to D; 0: no PCI
         * bus. */
        pci_irq;
    const char *stdout_path; /* in the device tree: the path of the console */
    /* Names and paths of more aliases in the device tree; ends with NULL. NULL: there are none. */
    const char *const *aliases;
    bool has_aia;                       /* it may have advanced interrupt controllers: -machine aia= */
    bool has_iommu;                     /* it may have an IOMMU: -machine iommu-sys= */
    bool has_sd;                        /* a slot for an SD card: -drive if=sd */
    const struct board_range *reserved; /* parts of RAM that no device tree may be put into */
    unsigned reserved_count;
    bool of_tree;            /* only the name of one: board_from_tree() makes the board */
    struct board_tree *tree; /* of a board that was made of a device tree; else NULL */

    unsigned smp; /* the number of harts if the user does not choose one */
    uint64_t ram_size;
    bool bare;                             /* it has no device tree and no UART, and needs no firmware */
    bool no_tree;                          /* it has no device tree and needs no firmware */
    const struct board_firmware *firmware; /* tried in this order; ends with { 0, NULL } */

    /* Makes the devices and puts them on the bus, on the thread that makes the machine. */
    bool (*create)(struct machine *machine, struct error *error);
};

/* All boards, the default first; ends with NULL. */
extern const struct board *const boards[];
/* Returns the board of that name; NULL: there is none. */
const struct board *board_find(const char *name);

/* The board that the device tree in a file describes, which may be hostile. To be freed after the machine.
 * NULL, with *error filled. */
const struct board *board_from_tree(const char *path, struct error *error);
/* The flattened tree of such a board, as its guests are to see it. */
const void *board_tree_fdt(const struct board *board);
void board_free_tree(const struct board *board); /* NULL: nothing happens */

#endif
