/* SPDX-License-Identifier: MIT
 *
 * The boards, for their list, and what their files share.
 */
#ifndef MACHINE_BOARDS_BOARDS_H
#define MACHINE_BOARDS_BOARDS_H

#include "devices/pci/pci.h"
#include "devices/platform/sifive_test.h"
#include "machine/internal.h"

extern const struct board board_virt, board_spike, board_sifive_e, board_sifive_u, board_gd32vf103, board_dt,
    board_none;
#define BOARD_VIRT_PCI_IRQ 32 /* to 35 */

/* Puts a device on the bus and into the device tree. The machine owns it from then on, even on failure.
 * `plug` is what the user plugged into it, if it is a slot; NULL: nothing. */
bool board_add_device(struct machine *machine, struct device *device, uint64_t base, unsigned irq,
                      const struct machine_plug *plug, struct error *error);
/* The same for a device that is not at an address of the bus: its words are in RAM. */
void board_add_hidden_device(struct machine *machine, struct device *device);

/* parts.c: what several boards have. Bits of mip: */
enum {
    BOARD_IRQ_S_SOFT = 1,
    BOARD_IRQ_M_SOFT = 3,
    BOARD_IRQ_M_TIMER = 7,
    BOARD_IRQ_S_EXT = 9,
    BOARD_IRQ_M_EXT = 11
};
struct irq_line board_hart_line(struct machine *machine, unsigned hart, unsigned bit);
/* A PLIC with a context for M-mode of each hart and, with `s_mode`, one for S-mode; a first hart
 * that is another one has only M-mode. */
struct device *board_plic(struct machine *machine, unsigned sources, bool s_mode, struct error *error);
struct device *board_clint(struct machine *machine, struct error *error);
/* The same with other wires: `harts` has those of `count` groups of registers. */
struct aclint_hart;
struct device *board_clint_of(struct machine *machine, const struct aclint_hart *harts, unsigned count,
                              struct error *error);
/* The number in so many cells of a device tree, 32 bits each, big-endian; of more than two, the last two. */
uint64_t board_cells(const uint8_t *at, unsigned count);
/* What QEMU's boards have: the clock, with what the user says about it; a 16550 behind `chardev`, whose
 * registers are 1 << reg_shift bytes apart; a slot, with what is plugged into it; fw_cfg, with what is in
 * it; a bank of flash, whose node describes `fdt_banks` banks. */
struct device *board_rtc(struct machine *machine, struct irq_line irq, struct error *error);
struct device *board_uart(struct machine *machine, struct chardev *chardev, struct irq_line irq,
                          unsigned reg_shift, struct error *error);
struct device *board_virtio_slot(struct machine *machine, unsigned slot, struct irq_line irq,
                                 struct error *error);
struct device *board_fw_cfg(struct machine *machine, struct error *error);
struct device *board_flash(struct machine *machine, unsigned bank, unsigned fdt_banks, struct error *error);
/* For the `power` of devices; `machine` is the opaque pointer. */
void board_power(void *machine, enum power_action action, unsigned code);
/* Where OpenSBI's generic firmware may be. */
extern const struct board_firmware board_opensbi[];

/* dt.c: for a board that was made of a device tree. */
bool board_dt_create(struct machine *machine, struct error *error);

/* spike.c: HTIF where the program's symbols say, or else at `base`. */
#define BOARD_HTIF_BASE UINT64_C(0x1000000)
bool board_create_htif(struct machine *machine, uint64_t base, struct error *error);

/* aia.c: the advanced interrupt controllers of `virt`; the first device is the APLIC. Where PCI functions
 * send messages to, and the phandle of that; send == NULL and 0: nowhere. */
bool board_aia_create(struct machine *machine, struct error *error);
struct pci_msi_target board_aia_messages(struct machine *machine);
uint32_t board_aia_msi_parent(const struct machine *machine);

/* iommu.c: IOMMUs of the PCI bus. The one that is a device of the board, with its wires; it has a node, and
 * is in charge of the bus, unless a function of the bus is an IOMMU. */
struct device *board_iommu(struct machine *machine, const struct irq_line *lines, struct error *error);
/* What a function reaches memory by: function number `number` of the configuration. */
struct dma *board_pci_dma(struct machine *machine, unsigned number);
/* To be called when that function has been plugged in. False and *error if it is an IOMMU in a wrong place.
 */
bool board_pci_join_iommu(struct machine *machine, unsigned number, struct error *error);
/* To be called when the root bus has been made. */
void board_pci_adopt_iommu(struct machine *machine);

/* pci.c: the PCI host bridge of `virt`, and the functions that are plugged into it. input() gives the wires
 * of the board's interrupt controller. */
bool board_pci_create(struct machine *machine,
                      struct irq_line (*input)(struct machine *machine, unsigned number),
                      struct error *error);
/* Whether a device tree describes that bridge: its ECAM, and its windows in `ranges`. */
bool board_pci_is(const struct board_range *ram, unsigned xlen, const struct board_range *ecam,
                  const uint8_t *ranges, uint32_t length);
/* Returns the bus whose name is the id of a bridge, or the root bus (id NULL); NULL: there is no such
 * bridge. */
struct pci_bus *board_pci_bus(const struct machine *machine, const char *id);
/* Makes function number `number` of the configuration, and plugs it into its bus. If that fails, the back end
 * that was opened for it may be in pci_made[] already. */
bool board_pci_plug(struct machine *machine, unsigned number, struct error *error);

#endif
