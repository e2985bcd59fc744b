/* SPDX-License-Identifier: MIT
 *
 * Makes a board of a device tree; see tree.h. RAM is the largest range of memory, other ranges are more RAM.
 * The boot ROM, which no tree describes, is put where nothing else is.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/boards/tree.h"

#define PAGE      UINT64_C(4096)
#define PADDR_MAX (UINT64_C(1) << 56)
#define GIB       (UINT64_C(1) << 30)
#define ROM_SIZE  PAGE
#define ROM_FIRST UINT64_C(0x1000)
#define RAM_MAX   (256 * GIB)

static bool overlap(const struct board_range *a, const struct board_range *b)
{
    return a->size && b->size && a->base <= b->base + (b->size - 1) && b->base <= a->base + (a->size - 1);
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

/* Adds a range, or makes one that it follows longer. */
static bool add_memory(struct board_tree *tree, const struct board_range *range, struct error *error)
{
    struct board_range *list = tree->memories;
    if (range->base % PAGE || range->size % PAGE || range->base >= PADDR_MAX ||
        range->size > PADDR_MAX - range->base)
        return error_set(error,
                         "memory of the device tree, 0x%" PRIx64 " bytes at 0x%" PRIx64
                         ", is not made of whole pages of 4 KiB below 2^56",
                         range->size, range->base);
    for (unsigned n = 0; n < tree->memory_count; n++) {
        if (overlap(&list[n], range))
            return error_set(error, "memory of the device tree at 0x%" PRIx64 " overlaps other memory",
                             range->base);
    }
    for (unsigned n = 0; n < tree->memory_count; n++) {
        if (list[n].base + list[n].size != range->base)
            continue;
        list[n].size += range->size;
        return true;
    }
    if (tree->memory_count == TREE_MEMORIES_MAX)
        return error_set(error, "the device tree has more than %d ranges of memory", TREE_MEMORIES_MAX);
    list[tree->memory_count++] = *range;
    return true;
}

static bool is_memory(const struct board_tree *tree, uint32_t node)
{
    int length = 0;
    const char *name = fdt_get_name(tree->fdt, tree->nodes[node].offset, &length);
    return tree_has_text(tree, node, "device_type", "memory") ||
           (name && length >= 7 && strncmp(name, "memory@", 7) == 0);
}

static bool read_memory(struct board_tree *tree, struct error *error)
{
    struct board_range range;
    uint64_t sum = 0;
    uint32_t node = TREE_NONE;
    while ((node = tree_child(tree, 0, node)) != TREE_NONE)
        for (unsigned n = 0; is_memory(tree, node) && tree_reg(tree, node, n, &range); n++)
            if (!add_memory(tree, &range, error))
                return false;
    if (!tree->memory_count)
        return error_set(error, "the device tree has no memory");
    for (unsigned n = 0; n < tree->memory_count; n++) {
        struct board_range *largest = &tree->memories[0], first = *largest;
        if (tree->memories[n].size > largest->size) {
            *largest = tree->memories[n];
            tree->memories[n] = first;
        }
    }
    for (unsigned n = 0; n < tree->memory_count; n++) {
        sum += tree->memories[n].size;
        if (tree->memories[n].size > RAM_MAX || sum > RAM_MAX)
            return error_set(error, "the device tree has more than %" PRIu64 " GiB of memory", RAM_MAX / GIB);
    }
    return true;
}

static void add_reserved(struct board_tree *tree, const struct board_range *range)
{
    if (range->size && tree->board.reserved_count < TREE_RESERVED_MAX)
        tree->reserved[tree->board.reserved_count++] = *range;
}

/* Where the device tree must not be put. */
static void read_reserved(struct board_tree *tree)
{
    struct board_range range;
    uint32_t parent = tree_at(tree, fdt_path_offset(tree->fdt, "/reserved-memory")), node = TREE_NONE;
    int count = fdt_num_mem_rsv(tree->fdt);
    for (int n = 0; n < count && n < TREE_RESERVED_MAX; n++)
        if (fdt_get_mem_rsv(tree->fdt, n, &range.base, &range.size) == 0)
            add_reserved(tree, &range);
    while (parent != TREE_NONE && (node = tree_child(tree, parent, node)) != TREE_NONE)
        for (unsigned n = 0; n < TREE_RESERVED_MAX && tree_reg(tree, node, n, &range); n++)
            add_reserved(tree, &range);
    tree->board.reserved = tree->reserved;
}

/* ---- Devices ------------------------------------------------------------------------------------------- */

static bool is_below(const struct board_tree *tree, uint32_t node, uint32_t parent)
{
    while (node != TREE_NONE && node != parent)
        node = tree->nodes[node].parent;
    return node != TREE_NONE && parent != TREE_NONE;
}

static uint32_t console_of(const struct board_tree *tree)
{
    uint32_t length, chosen = tree_at(tree, fdt_path_offset(tree->fdt, "/chosen"));
    const char *path = tree_texts(tree, chosen, "stdout-path", &length);
    if (!path)
        path = tree_texts(tree, chosen, "linux,stdout-path", &length);
    return path ? tree_at(tree, fdt_path_offset_namelen(tree->fdt, path, (int)strcspn(path, ":")))
                : TREE_NONE;
}

/* Something with registers and a `compatible`. */
static bool describe(const struct board_tree *tree, uint32_t node, struct tree_device *device)
{
    uint32_t length;
    int name_length = 0;
    *device = (struct tree_device){ .node = node };
    if (!tree_texts(tree, node, "compatible", &length) || !tree_is_enabled(tree, node) ||
        is_memory(tree, node))
        return false;
    const char *name = fdt_get_name(tree->fdt, tree->nodes[node].offset, &name_length);
    tree_name(device->name, sizeof(device->name), name, name_length > 0 ? (size_t)name_length : 0);
    bool has_reg = tree_reg(tree, node, 0, &device->range);
    device->model = tree_find_model(tree, device);
    uint64_t offset = 0;
    if (has_reg && device->model && device->model->kind == TREE_SERIAL &&
        tree_number(tree, node, "reg-offset", &offset) && offset < device->range.size)
        device->range = (struct board_range){ device->range.base + offset, device->range.size - offset };
    if (has_reg && device->model && device->model->size)
        device->range.size = device->model->size;
    device->listed = !device->model;
    return device->range.base + (device->range.size - 1) >= device->range.base &&
           (has_reg || (device->model && tree_has_text(tree, node, "compatible", "ucb,htif0")));
}

/* For an SD card. */
static bool has_slot(const struct board_tree *tree, uint32_t node)
{
    uint32_t child = TREE_NONE;
    while ((child = tree_child(tree, node, child)) != TREE_NONE)
        if (tree_has_text(tree, child, "compatible", "mmc-spi-slot"))
            return true;
    return false;
}

/* Numbers of what the command line counts. Slots of virtio count from the lowest address, as on QEMU. */
static void number_device(struct board_tree *tree, struct tree_device *device, uint32_t console,
                          unsigned *serials)
{
    struct board *board = &tree->board;
    if (!device->model)
        return;
    switch (device->model->kind) {
    case TREE_SERIAL: device->number = device->node == console ? 0 : (*serials)++; break;
    case TREE_VIRTIO:
        if (board->virtio_slots == MACHINE_VIRTIO_SLOTS_MAX) {
            device->model = NULL;
            device->listed = true;
            break;
        }
        for (unsigned n = 0; n < tree->device_count; n++) {
            struct tree_device *other = &tree->devices[n];
            if (!other->model || other->model->kind != TREE_VIRTIO)
                continue;
            bool below = other->range.base < device->range.base;
            device->number += below;
            other->number += !below;
        }
        board->virtio_slots++;
        break;
    case TREE_FLASH: board->flash_banks = 2; break;
    case TREE_SD:
        device->number = !board->has_sd && has_slot(tree, device->node);
        board->has_sd |= device->number;
        break;
    case TREE_PCI: board->pci_irq = BOARD_VIRT_PCI_IRQ; break;
    default: break;
    }
}

/* One of a kind: a second one has no model. */
static void check_only(const struct board_tree *tree, struct tree_device *device)
{
    enum tree_kind kind = device->model ? device->model->kind : TREE_OTHER;
    for (unsigned n = 0; n < tree->device_count; n++)
        if ((kind == TREE_PLIC || kind == TREE_CLINT || kind == TREE_PCI || kind == TREE_FLASH ||
             kind == TREE_SCREEN) &&
            tree->devices[n].model && tree->devices[n].model->kind == kind) {
            device->model = NULL;
            device->listed = true;
            return;
        }
}

static void read_devices(struct board_tree *tree)
{
    struct tree_device device;
    uint32_t cpus = tree_at(tree, fdt_path_offset(tree->fdt, "/cpus")), console = console_of(tree);
    uint32_t reserved = tree_at(tree, fdt_path_offset(tree->fdt, "/reserved-memory"));
    unsigned serials = console != TREE_NONE;
    for (uint32_t node = 1; node < tree->count; node++) {
        if (is_below(tree, node, cpus) || is_below(tree, node, reserved) || !describe(tree, node, &device))
            continue;
        if (tree->device_count == TREE_DEVICES_MAX) {
            tree->dropped++;
            continue;
        }
        check_only(tree, &device);
        number_device(tree, &device, console, &serials);
        tree->devices[tree->device_count++] = device;
    }
}

/* ---- The places of everything -------------------------------------------------------------------------- */

/* What is at a range already, besides device number `except`; NULL: nothing. */
static const struct board_range *taken(const struct board_tree *tree, const struct board_range *range,
                                       unsigned except)
{
    for (unsigned n = 0; n < tree->memory_count; n++)
        if (overlap(&tree->memories[n], range))
            return &tree->memories[n];
    for (unsigned n = 0; n < tree->device_count; n++)
        if (n != except && !tree->devices[n].left_out && overlap(&tree->devices[n].range, range))
            return &tree->devices[n].range;
    return overlap(&tree->board.rom, range) ? &tree->board.rom : NULL;
}

/* A screen whose pixels are in RAM. */
static bool is_in_memory(const struct board_tree *tree, const struct tree_device *device)
{
    const struct board_range *range = &device->range;
    for (unsigned n = 0; n < tree->memory_count; n++) {
        const struct board_range *memory = &tree->memories[n];
        if (device->model && device->model->kind == TREE_SCREEN && range->size <= memory->size &&
            range->base - memory->base <= memory->size - range->size)
            return true;
    }
    return false;
}

/* Registers that nothing implements give way to all others. */
static bool place_devices(struct board_tree *tree, struct error *error)
{
    for (unsigned n = 0; n < tree->device_count; n++) {
        struct tree_device *device = &tree->devices[n];
        device->left_out = !device->model || is_in_memory(tree, device);
        if (device->model && device->left_out)
            add_reserved(tree, &device->range);
    }
    for (unsigned n = 0; n < tree->device_count; n++) {
        struct tree_device *device = &tree->devices[n];
        const struct board_range *other = device->left_out ? NULL : taken(tree, &device->range, n);
        if (other)
            return error_set(error,
                             "%s of the device tree, 0x%" PRIx64 " bytes at 0x%" PRIx64
                             ", overlaps what is at 0x%" PRIx64,
                             device->name, device->range.size, device->range.base, other->base);
    }
    return true;
}

static bool place_rom(struct board_tree *tree, struct error *error)
{
    struct board_range rom = { ROM_FIRST, ROM_SIZE };
    const struct board_range *other;
    for (unsigned n = 0; n <= TREE_DEVICES_MAX + TREE_MEMORIES_MAX; n++) {
        if (!(other = taken(tree, &rom, TREE_DEVICES_MAX))) {
            tree->board.rom = rom;
            return true;
        }
        rom.base = (other->base + other->size + PAGE - 1) & -PAGE;
        if (rom.base < ROM_FIRST || rom.base > UINT32_MAX - ROM_SIZE)
            break;
    }
    return error_set(error, "the device tree leaves no room for a boot ROM below 4 GiB");
}

static void place_unknown(struct board_tree *tree)
{
    for (unsigned n = 0; n < tree->device_count; n++) {
        struct tree_device *device = &tree->devices[n];
        if (!device->model)
            device->left_out = taken(tree, &device->range, n) != NULL;
    }
}

static void fill_board(struct board_tree *tree)
{
    struct board *board = &tree->board;
    const struct board_range *ram = &tree->memories[0];
    board->name = "dt";
    board->text = board->compatible = board->model = board->stdout_path = "";
    board->ram_base = ram->base;
    board->ram_size = board->ram_max = board->ram_max_rv32 = ram->size;
    board->smp = board->harts_max = board->harts_min = tree->hart_count;
    board->cpu[0] = board->cpu[1] = tree->cpu;
    if (strcmp(tree->cpu, tree->first) != 0)
        board->first_cpu[0] = board->first_cpu[1] = tree->first;
    if (tree->memory_count > 1)
        board->scratch = tree->memories[1];
    for (unsigned n = 0; n < tree->device_count; n++)
        if (tree->devices[n].model && tree->devices[n].model->kind == TREE_FLASH)
            board->flash =
                (struct board_range){ tree->devices[n].range.base, tree->devices[n].range.size / 2 };
    board->firmware = board_opensbi;
    board->tree = tree;
    board->create = board_dt_create;
}

const struct board *board_from_tree(const char *path, struct error *error)
{
    struct board_tree *tree = calloc(1, sizeof(*tree));
    struct error why = { .text = "" };
    if (!tree) {
        error_set(error, "out of memory for the device tree");
        return NULL;
    }
    tree->fdt = boot_fdt_read(path, error);
    if (tree->fdt && tree_index(tree, &why) && tree_read_harts(tree, &why) && read_memory(tree, &why)) {
        read_reserved(tree);
        read_devices(tree);
        if (place_devices(tree, &why) && place_rom(tree, &why)) {
            place_unknown(tree);
            fill_board(tree);
            return &tree->board;
        }
    }
    if (tree->fdt)
        error_set(error, "-machine dt: %.200s: %.300s", path, why.text);
    board_free_tree(&tree->board);
    return NULL;
}

/* The board is the beginning of its tree. */
void board_free_tree(const struct board *board)
{
    struct board_tree *tree = (struct board_tree *)(uintptr_t)board;
    if (!tree)
        return;
    free(tree->fdt);
    free(tree->nodes);
    free(tree);
}

const void *board_tree_fdt(const struct board *board)
{
    return board->tree->fdt;
}
