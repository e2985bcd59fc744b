/* SPDX-License-Identifier: MIT
 *
 * The list of the boards, and what their files share. A new board needs a file here, an `extern` in boards.h,
 * and a word in the list.
 */
#include "machine/boards/boards.h"

#include <stddef.h>
#include <string.h>

const struct board *const boards[] = { &board_virt,      &board_spike, &board_sifive_e, &board_sifive_u,
                                       &board_gd32vf103, &board_dt,    &board_none,     NULL };

const struct board *board_find(const char *name)
{
    for (const struct board *const *board = boards; *board; board++) {
        if (strcmp((*board)->name, name) == 0)
            return *board;
    }
    return NULL;
}

bool board_add_device(struct machine *machine, struct device *device, uint64_t base, unsigned irq,
                      const struct machine_plug *plug, struct error *error)
{
    machine->plugs[machine->device_count] = plug;
    machine->devices[machine->device_count++] = (struct fdt_device){
        .device = device,
        .place = { .base = base,
                   .size = device->ops->size,
                   .irq = irq,
                   .irq_parent = FDT_PHANDLE_PLIC(machine->hart_count),
                   .irq_type = machine->config.aia == MACHINE_AIA_NONE ? 0 : FDT_IRQ_LEVEL_HIGH },
    };
    return bus_add_device(machine->bus, base, device, error);
}

void board_add_hidden_device(struct machine *machine, struct device *device)
{
    machine->devices[machine->device_count++] = (struct fdt_device){ .device = device };
}
