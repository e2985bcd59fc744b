/* SPDX-License-Identifier: MIT
 *
 * What SiFive's boards share: a table of their devices, with the PLIC in its first row.
 */
#ifndef MACHINE_BOARDS_SIFIVE_H
#define MACHINE_BOARDS_SIFIVE_H

#include "machine/boards/boards.h"

struct sifive_row {
    const char *name;
    uint64_t base;
    unsigned irq;    /* input of the PLIC, the first one; 0: none */
    unsigned number; /* of a UART or SPI controller; bytes of what is not implemented */
    struct device *(*create)(struct machine *machine, const struct sifive_row *row, struct error *error);
};

/* Makes the devices of `count` rows, in their order. False, with *error filled. */
bool sifive_create_rows(struct machine *machine, const struct sifive_row *rows, size_t count,
                        struct error *error);
/* An input of the PLIC, which has been made. */
struct irq_line sifive_line(struct machine *machine, unsigned irq);

/* For rows: the CLINT, and registers that are not implemented. */
struct device *sifive_create_clint(struct machine *machine, const struct sifive_row *row,
                                   struct error *error);
struct device *sifive_create_nothing(struct machine *machine, const struct sifive_row *row,
                                     struct error *error);

#endif
