/* SPDX-License-Identifier: MIT
 *
 * The devices of SiFive's boards, row by row; see sifive.h.
 */
#include "machine/boards/sifive.h"

#include "devices/platform/plic.h"
#include "devices/platform/unimplemented.h"

struct irq_line sifive_line(struct machine *machine, unsigned irq)
{
    return plic_input(machine->devices[0].device, irq);
}

struct device *sifive_create_clint(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)row;
    return board_clint(machine, error);
}

struct device *sifive_create_nothing(struct machine *machine, const struct sifive_row *row,
                                     struct error *error)
{
    (void)machine;
    return unimplemented_create(row->name, row->number, error);
}

bool sifive_create_rows(struct machine *machine, const struct sifive_row *rows, size_t count,
                        struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct device *device = rows[i].create(machine, &rows[i], error);
        if (!device || !board_add_device(machine, device, rows[i].base, rows[i].irq, NULL, error))
            return false;
    }
    return true;
}
