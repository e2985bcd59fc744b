/* SPDX-License-Identifier: MIT
 *
 * The boards, for their list, and what their files share.
 */
#ifndef MACHINE_BOARDS_BOARDS_H
#define MACHINE_BOARDS_BOARDS_H

#include "machine/internal.h"

extern const struct board board_virt, board_none;
#define BOARD_VIRT_PCI_IRQ 32 /* to 35 */

/* Puts a device on the bus and into the device tree. The machine owns it from then on, even on failure.
 * `plug` is what the user plugged into it, if it is a slot; NULL: nothing. */
bool board_add_device(struct machine *machine, struct device *device, uint64_t base, unsigned irq,
                      const struct machine_plug *plug, struct error *error);
/* pci.c: the PCI host bridge of `virt`, and the functions that are plugged into it. Its interrupts lead to
 * `plic`. */
bool board_pci_create(struct machine *machine, struct device *plic, struct error *error);

#endif
