/* SPDX-License-Identifier: MIT
 *
 * The board `dt`: what a device tree describes (-machine dt,dtb=FILE). The front end has board_from_tree()
 * make the real board from the file; board_dt only has the name. The guest gets the same tree.
 *
 * The user is told what there is no model for. Such registers read as 0, so that a driver that looks at them
 * does not fault (`-d unimp` names each use).
 */
#include <inttypes.h>

#include "devices/platform/unimplemented.h"
#include "machine/boards/tree.h"
#include "util/log.h"

static void tell(const struct board_tree *tree, const struct tree_device *device)
{
    char compatible[TREE_NAME_MAX];
    uint32_t length;
    const char *text = tree_texts(tree, device->node, "compatible", &length);
    tree_name(compatible, sizeof(compatible), text, length);
    log_warn_line("-machine dt: no model for %s (%s) at 0x%" PRIx64 "%s", device->name, compatible,
                  device->range.base, device->left_out ? ", where something else is" : ": it reads as 0");
}

static bool add_unknown(struct machine *machine, struct board_tree *tree, struct error *error)
{
    if (tree->missing[0])
        log_warn_line("-machine dt: the harts do not have these extensions of the device tree:%s",
                      tree->missing);
    for (unsigned n = 0; n < tree->device_count; n++) {
        const struct tree_device *device = &tree->devices[n];
        if (device->listed)
            tell(tree, device);
        if (device->model || device->left_out)
            continue;
        struct device *nothing = unimplemented_create(device->name, device->range.size, error);
        if (!nothing || !board_add_device(machine, nothing, device->range.base, 0, NULL, error))
            return false;
    }
    if (tree->dropped)
        log_warn_line("-machine dt: and %u devices more, for which there is no room", tree->dropped);
    return true;
}

bool board_dt_create(struct machine *machine, struct error *error)
{
    const struct board *board = machine->config.board;
    struct board_tree *tree = board->tree;
    if (!tree)
        return error_set(error, "-machine dt needs a device tree: dtb=FILE");
    if (machine->config.ram_size != board->ram_size)
        return error_set(error, "-machine dt: the device tree says how much RAM there is: leave out -m");
    for (unsigned n = 1; n < tree->memory_count; n++)
        if (!bus_add_ram(machine->bus, tree->memories[n].base, tree->memories[n].size, error))
            return false;
    return tree_create_devices(machine, tree, error) && add_unknown(machine, tree, error);
}

/* The numbers are for lists of boards only. */
const struct board board_dt = {
    .name = "dt",
    .text = "what a device tree describes: -machine dt,dtb=FILE",
    .compatible = "",
    .model = "",
    .timebase_hz = UINT64_C(10000000),
    .rom = { 0x1000, 0x1000 },
    .ram_base = UINT64_C(0x80000000),
    .ram_max = UINT64_C(256) << 30,
    .ram_max_rv32 = UINT64_C(256) << 30,
    .harts_max = MACHINE_HARTS_MAX,
    .stdout_path = "",
    .smp = 1,
    .ram_size = UINT64_C(128) << 20,
    .of_tree = true,
    .firmware = board_opensbi,
    .create = board_dt_create,
};
