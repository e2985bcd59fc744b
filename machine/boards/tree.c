/* SPDX-License-Identifier: MIT
 *
 * Reading a device tree (Devicetree Specification 0.4); see tree.h. libfdt has checked the structure before.
 * It looks for a node from the start of the tree each time, so here the nodes have numbers: nothing takes
 * longer than one pass over them.
 */
#include "machine/boards/tree.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 4 /* of an address */

bool tree_index(struct board_tree *tree, struct error *error)
{
    uint32_t parents[TREE_DEPTH_MAX + 1] = { TREE_NONE };
    int depth = 0;
    if (!tree->nodes)
        tree->nodes = calloc(TREE_NODES_MAX, sizeof(*tree->nodes));
    if (!tree->nodes)
        return error_set(error, "out of memory for the device tree");
    tree->count = 0;
    for (int offset = 0; offset >= 0 && depth >= 0; offset = fdt_next_node(tree->fdt, offset, &depth)) {
        if (depth >= TREE_DEPTH_MAX || tree->count == TREE_NODES_MAX)
            return error_set(error,
                             "the device tree is too large: it may have %d nodes, nested %d deep at most",
                             TREE_NODES_MAX, TREE_DEPTH_MAX);
        parents[depth + 1] = tree->count;
        tree->nodes[tree->count++] =
            (struct tree_node){ offset, parents[depth], fdt_get_phandle(tree->fdt, offset) };
    }
    return true;
}

uint32_t tree_at(const struct board_tree *tree, int offset)
{
    for (uint32_t n = 0; offset >= 0 && n < tree->count; n++)
        if (tree->nodes[n].offset == offset)
            return n;
    return TREE_NONE;
}

uint32_t tree_by_phandle(const struct board_tree *tree, uint32_t phandle)
{
    for (uint32_t n = 0; phandle && n < tree->count; n++)
        if (tree->nodes[n].phandle == phandle)
            return n;
    return TREE_NONE;
}

uint32_t tree_child(const struct board_tree *tree, uint32_t node, uint32_t child)
{
    for (uint32_t n = (child == TREE_NONE ? node : child) + 1; n < tree->count; n++)
        if (tree->nodes[n].parent == node)
            return n;
    return TREE_NONE;
}

/* ---- Properties ---------------------------------------------------------------------------------------- */

const void *tree_bytes(const struct board_tree *tree, uint32_t node, const char *name, uint32_t *length)
{
    int size = 0;
    const void *value =
        node < tree->count ? fdt_getprop(tree->fdt, tree->nodes[node].offset, name, &size) : NULL;
    *length = value && size > 0 ? (uint32_t)size : 0;
    return value;
}

const char *tree_texts(const struct board_tree *tree, uint32_t node, const char *name, uint32_t *length)
{
    const char *value = tree_bytes(tree, node, name, length);
    return value && *length && value[*length - 1] == 0 ? value : NULL;
}

bool tree_has_text(const struct board_tree *tree, uint32_t node, const char *name, const char *text)
{
    uint32_t length;
    const char *list = tree_texts(tree, node, name, &length);
    for (uint32_t at = 0; list && at < length; at += (uint32_t)strlen(list + at) + 1)
        if (strcmp(list + at, text) == 0)
            return true;
    return false;
}

bool tree_number(const struct board_tree *tree, uint32_t node, const char *name, uint64_t *number)
{
    uint32_t length;
    const uint8_t *value = tree_bytes(tree, node, name, &length);
    if (!value || (length != 4 && length != 8))
        return false;
    *number = board_cells(value, length / 4);
    return true;
}

bool tree_is_enabled(const struct board_tree *tree, uint32_t node)
{
    uint32_t length;
    const char *status = tree_texts(tree, node, "status", &length);
    return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

void tree_name(char *to, size_t size, const char *from, size_t length)
{
    size_t n = 0;
    for (; from && n < length && n + 1 < size && from[n]; n++)
        to[n] = from[n] > ' ' && from[n] < 0x7f ? from[n] : '?';
    to[n] = 0;
}

/* ---- Addresses ----------------------------------------------------------------------------------------- */

static bool cell_count(const struct board_tree *tree, uint32_t node, const char *name, uint32_t usual,
                       uint32_t *count)
{
    uint64_t number = usual;
    uint32_t length;
    if (tree_bytes(tree, node, name, &length) && !tree_number(tree, node, name, &number))
        return false;
    *count = (uint32_t)number;
    return number <= CELLS_MAX;
}

/* An address or size of up to 64 bits. */
static bool take_cells(const uint8_t *at, uint32_t count, uint64_t *value)
{
    *value = board_cells(at, count);
    for (uint32_t n = 0; count > 2 && n < 4 * (count - 2); n++)
        if (at[n])
            return false;
    return true;
}

/* From the addresses that the children of `bus` have to those that it has itself. */
static bool translate(const struct board_tree *tree, uint32_t bus, struct board_range *range)
{
    uint32_t length, child, parent, size;
    const uint8_t *ranges = tree_bytes(tree, bus, "ranges", &length);
    if (!ranges)
        return false;
    if (!length)
        return true;
    if (!cell_count(tree, bus, "#address-cells", 2, &child) ||
        !cell_count(tree, bus, "#size-cells", 1, &size) ||
        !cell_count(tree, tree->nodes[bus].parent, "#address-cells", 2, &parent))
        return false;
    uint32_t step = 4 * (child + parent + size);
    for (; step && length >= step; ranges += step, length -= step) {
        uint64_t from, to, bytes;
        if (!take_cells(ranges, child, &from) || !take_cells(ranges + 4 * child, parent, &to) ||
            !take_cells(ranges + 4 * (child + parent), size, &bytes))
            continue;
        if (range->size <= bytes && range->base - from <= bytes - range->size) {
            range->base = to + (range->base - from);
            return true;
        }
    }
    return false;
}

bool tree_reg(const struct board_tree *tree, uint32_t node, unsigned n, struct board_range *range)
{
    uint32_t length, address, size, bus = tree->nodes[node].parent;
    const uint8_t *reg = tree_bytes(tree, node, "reg", &length);
    if (!reg || bus == TREE_NONE || !cell_count(tree, bus, "#address-cells", 2, &address) ||
        !cell_count(tree, bus, "#size-cells", 1, &size) || !address || !size)
        return false;
    uint32_t step = 4 * (address + size);
    if (n >= length / step || length % step)
        return false;
    reg += n * step;
    if (!take_cells(reg, address, &range->base) || !take_cells(reg + 4 * address, size, &range->size) ||
        !range->size)
        return false;
    for (; tree->nodes[bus].parent != TREE_NONE; bus = tree->nodes[bus].parent)
        if (!translate(tree, bus, range))
            return false;
    return range->base + (range->size - 1) >= range->base;
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

struct tree_wires tree_wires(const struct board_tree *tree, uint32_t node)
{
    struct tree_wires wires = { .tree = tree, .parent = TREE_NONE };
    uint64_t phandle = 0;
    wires.at = tree_bytes(tree, node, "interrupts-extended", &wires.left);
    if (wires.at)
        return wires;
    wires.at = tree_bytes(tree, node, "interrupts", &wires.left);
    for (uint32_t up = node; up != TREE_NONE && !phandle; up = tree->nodes[up].parent)
        if (!tree_number(tree, up, "interrupt-parent", &phandle))
            phandle = 0;
    wires.parent = tree_by_phandle(tree, (uint32_t)phandle);
    if (wires.parent == TREE_NONE)
        wires.left = 0;
    return wires;
}

bool tree_next_wire(struct tree_wires *wires, uint32_t *controller, uint32_t *number)
{
    uint32_t count, extended = wires->parent == TREE_NONE;
    if (!wires->at || wires->left < 4)
        return false;
    *controller =
        extended ? tree_by_phandle(wires->tree, (uint32_t)board_cells(wires->at, 1)) : wires->parent;
    if (*controller == TREE_NONE || !cell_count(wires->tree, *controller, "#interrupt-cells", 1, &count) ||
        !count || wires->left < 4 * (count + extended))
        return false;
    *number = (uint32_t)board_cells(wires->at + 4 * extended, 1);
    wires->at += 4 * (count + extended);
    wires->left -= 4 * (count + extended);
    return true;
}
