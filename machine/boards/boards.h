/* SPDX-License-Identifier: MIT
 *
 * The boards, for their list, and what their files share.
 */
#ifndef MACHINE_BOARDS_BOARDS_H
#define MACHINE_BOARDS_BOARDS_H

#include "machine/internal.h"

extern const struct board board_virt;
#define BOARD_VIRT_PCI_IRQ 32 /* to 35 */

/* Puts a device on the bus and into the device tree; it is the machine's from then on, in any case. `plug` is
 * what the user plugged into it, where it has a slot for that; NULL: it has none. */
bool board_add_device(struct machine *machine, struct device *device, uint64_t base, unsigned irq,
                      const struct machine_plug *plug, struct error *error);
/* pci.c: the PCI host bridge of `virt`, and what is plugged into it. Its interrupts lead to `plic`. */
bool board_pci_create(struct machine *machine, struct device *plic, struct error *error);

#endif
