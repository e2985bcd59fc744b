/* SPDX-License-Identifier: MIT
 *
 * Writing one node of the sequential-write FDT, with a sticky error: a device's fdt() adds its properties one
 * after the other and looks at the status once, at the end. The functions do nothing once `status` is not 0.
 */
#ifndef DEVICES_FDT_NODE_H
#define DEVICES_FDT_NODE_H

#include <libfdt.h>

#include "devices/device.h"

struct fdt_node {
    void *fdt;
    int status; /* 0, or the first libfdt error */
};

/* Opens NAME@BASE with its `reg` (2 address and 2 size cells). */
struct fdt_node fdt_node_begin(void *fdt, const char *name, const struct fdt_place *place);
/* Opens a node without address. */
struct fdt_node fdt_node_begin_plain(void *fdt, const char *name);
void fdt_node_bytes(struct fdt_node *node, const char *property, const void *bytes, size_t length);
void fdt_node_u32(struct fdt_node *node, const char *property, uint32_t value);
/* Room for `count` cells, to be filled with fdt32_st(); NULL after an error. */
fdt32_t *fdt_node_cells(struct fdt_node *node, const char *property, size_t count);
/* `interrupts` and `interrupt-parent`, if the place has an interrupt. */
void fdt_node_interrupt(struct fdt_node *node, const struct fdt_place *place);
/* `interrupts` for several inputs of the controller, from the place's on. */
void fdt_node_interrupts(struct fdt_node *node, const struct fdt_place *place, unsigned count);
/* `clocks`: the phandle of what gives the clock, and its number there; nothing if the phandle is 0. */
void fdt_node_clock(struct fdt_node *node, const uint32_t clock[2]);
/* Closes the node; returns the status. */
int fdt_node_end(struct fdt_node *node);

/* `compatible` from a literal; "a\0b" is a list of two. */
#define fdt_node_compatible(node, literal) fdt_node_bytes(node, "compatible", literal, sizeof(literal))

#endif
