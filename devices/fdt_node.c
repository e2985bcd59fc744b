/* SPDX-License-Identifier: MIT
 *
 * One node of the FDT with a sticky error; see fdt_node.h.
 */
#include "devices/fdt_node.h"

#include <stdio.h>

struct fdt_node fdt_node_begin_plain(void *fdt, const char *name)
{
    return (struct fdt_node){ .fdt = fdt, .status = fdt_begin_node(fdt, name) };
}

struct fdt_node fdt_node_begin(void *fdt, const char *name, const struct fdt_place *place)
{
    char full[64];
    snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)place->base);
    struct fdt_node node = fdt_node_begin_plain(fdt, full);
    fdt64_t reg[2] = { cpu_to_fdt64(place->base), cpu_to_fdt64(place->size) };
    fdt_node_bytes(&node, "reg", reg, sizeof(reg));
    return node;
}

void fdt_node_bytes(struct fdt_node *node, const char *property, const void *bytes, size_t length)
{
    if (!node->status)
        node->status = fdt_property(node->fdt, property, bytes, (int)length);
}

void fdt_node_u32(struct fdt_node *node, const char *property, uint32_t value)
{
    if (!node->status)
        node->status = fdt_property_u32(node->fdt, property, value);
}

fdt32_t *fdt_node_cells(struct fdt_node *node, const char *property, size_t count)
{
    void *cells = NULL;
    if (!node->status)
        node->status = fdt_property_placeholder(node->fdt, property, (int)(count * 4), &cells);
    return node->status ? NULL : cells;
}

void fdt_node_interrupt(struct fdt_node *node, const struct fdt_place *place)
{
    if (place->irq == 0)
        return;
    fdt_node_interrupts(node, place, 1);
}

void fdt_node_interrupts(struct fdt_node *node, const struct fdt_place *place, unsigned count)
{
    unsigned cells = place->irq_type ? 2 : 1;
    fdt32_t *inputs = fdt_node_cells(node, "interrupts", (size_t)count * cells);
    for (unsigned i = 0; inputs && i < count; i++) {
        fdt32_st(&inputs[i * cells], place->irq + i);
        if (place->irq_type)
            fdt32_st(&inputs[i * cells + 1], place->irq_type);
    }
    fdt_node_u32(node, "interrupt-parent", place->irq_parent);
}

void fdt_node_clock(struct fdt_node *node, const uint32_t clock[2])
{
    fdt32_t *cells = clock[0] ? fdt_node_cells(node, "clocks", 2) : NULL;
    for (unsigned i = 0; cells && i < 2; i++)
        fdt32_st(&cells[i], clock[i]);
}

int fdt_node_end(struct fdt_node *node)
{
    if (!node->status)
        node->status = fdt_end_node(node->fdt);
    return node->status;
}
