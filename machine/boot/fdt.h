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

/* Phandles: hart n, its interrupt controller, and behind those of all harts those of the board. */
#define FDT_PHANDLE_CPU(n)          ((uint32_t)(2 * (n) + 1))
#define FDT_PHANDLE_INTC(n)         ((uint32_t)(2 * (n) + 2))
#define FDT_PHANDLE_PLIC(harts)     ((uint32_t)(2 * (harts) + 1))
#define FDT_PHANDLE_FINISHER(harts) ((uint32_t)(2 * (harts) + 2))
#define FDT_PHANDLE_OTHER(harts, n) ((uint32_t)(2 * (harts) + 3 + (n))) /* as the board likes */

struct fdt_device {
    struct device *device;
    struct fdt_place place;
};

struct fdt_content {
    const struct board *board;
    const struct isa_config *isa, *first_isa; /* of the harts, and of hart 0 */
    unsigned harts;
    uint64_t ram_size;
    const struct fdt_device *devices; /* nodes under /soc, in this order */
    unsigned device_count;
    const struct machine_node *nodes; /* in the order of their memory */
    unsigned node_count;              /* 0: memory is all the same */
    bool has_distances;               /* of node to node */
    const uint8_t (*distances)[MACHINE_NODES_MAX];
};

/* A kernel or RAM disk in memory for a hypervisor (the multiboot protocol of Xen's device trees). */
struct fdt_module {
    uint64_t addr, size;
    bool ramdisk;
    const char *bootargs; /* NULL: none */
};

/* What /chosen contains for one boot. */
struct fdt_chosen {
    const char *bootargs;              /* NULL: none */
    uint64_t initrd_start, initrd_end; /* equal: none */
    struct fdt_module modules[MACHINE_LOADS_MAX];
    unsigned module_count;
};

/* Builds the board's tree, with room left for /chosen. The caller frees it. NULL, with *error filled. */
void *boot_fdt_build(const struct fdt_content *content, struct error *error);
/* Reads a tree from a file (-dtb), checks it, and leaves the same room. The caller frees it. */
void *boot_fdt_read(const char *path, struct error *error);
/* A copy of a tree that has been checked, with the same room. */
void *boot_fdt_copy(const void *tree, struct error *error);
/* Fills in /chosen, with a fresh rng-seed; to be called before each boot. */
bool boot_fdt_set_chosen(void *tree, const struct fdt_chosen *chosen, struct error *error);
/* The bytes that the tree takes in memory, including the room for /chosen. */
uint32_t boot_fdt_size(const void *tree);
/* Writes a packed copy to a file (dumpdtb). */
bool boot_fdt_dump(const void *tree, const char *path, struct error *error);

#endif
