/* SPDX-License-Identifier: MIT
 *
 * The board `virt`: the devices and address map of QEMU's machine of that name. The table below is the board:
 * a row says where a device is, which input of the PLIC (or the APLIC: aia.c) it has, and what makes it. Rows
 * are made in order, so that what a row needs has been made before it (the PLIC comes first). The device tree
 * has the nodes in the same order, so Linux finds the virtio slots from the highest to the lowest.
 */
#include "devices/iommu/iommu.h"
#include "devices/platform/aclint.h"
#include "devices/platform/aplic.h"
#include "devices/platform/pflash_cfi.h"
#include "devices/platform/plic.h"
#include "devices/platform/sifive_test.h"
#include "machine/boards/boards.h"

#define TIMEBASE_HZ  UINT64_C(10000000)
#define FLASH_BASE   UINT64_C(0x20000000)
#define FLASH_BANKS  2
#define PLIC_SOURCES 95

struct row {
    const char *name;
    uint64_t base;
    unsigned irq;  /* input of the PLIC; 0: none */
    unsigned slot; /* the number of a virtio-mmio slot or of a bank of flash */
    struct device *(*create)(struct machine *machine, const struct row *row, struct error *error);
};

/* ---- Lines --------------------------------------------------------------------------------------------- */

static struct irq_line input(struct machine *machine, unsigned number)
{
    struct device *controller = machine->devices[0].device;
    return machine->config.aia == MACHINE_AIA_NONE ? plic_input(controller, number)
                                                   : aplic_input(controller, number);
}

static struct irq_line line_of(struct machine *machine, const struct row *row)
{
    return input(machine, row->irq);
}

/* ---- Rows' makers -------------------------------------------------------------------------------------- */

static struct device *create_plic(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    return board_plic(machine, PLIC_SOURCES, true, error);
}

static struct device *create_aclint(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    return board_clint(machine, error);
}

static struct device *create_sswi(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    struct aclint_sswi_hart harts[MACHINE_HARTS_MAX];
    for (unsigned i = 0; i < machine->hart_count; i++)
        harts[i] =
            (struct aclint_sswi_hart){ board_hart_line(machine, i, BOARD_IRQ_S_SOFT), FDT_PHANDLE_INTC(i) };
    struct aclint_sswi_config config = { .hart_count = machine->hart_count, .harts = harts };
    return aclint_sswi_create(&config, error);
}

static struct device *create_finisher(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    struct sifive_test_config config = {
        .power = board_power,
        .opaque = machine,
        .phandle = FDT_PHANDLE_FINISHER(machine->hart_count),
    };
    return sifive_test_create(&config, error);
}

static struct device *create_rtc(struct machine *machine, const struct row *row, struct error *error)
{
    return board_rtc(machine, line_of(machine, row), error);
}

static struct device *create_uart(struct machine *machine, const struct row *row, struct error *error)
{
    struct chardev *chardev = machine_open_serial(machine, 0, error);
    return chardev ? board_uart(machine, chardev, line_of(machine, row), 0, error) : NULL;
}

static struct device *create_fw_cfg(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    return board_fw_cfg(machine, error);
}

static struct device *create_flash(struct machine *machine, const struct row *row, struct error *error)
{
    return board_flash(machine, row->slot, row->slot ? 0 : FLASH_BANKS, error);
}

static struct device *create_virtio_slot(struct machine *machine, const struct row *row, struct error *error)
{
    return board_virtio_slot(machine, row->slot, line_of(machine, row), error);
}

static struct device *create_iommu(struct machine *machine, const struct row *row, struct error *error)
{
    struct irq_line lines[IOMMU_VECTORS];
    for (unsigned n = 0; n < IOMMU_VECTORS; n++)
        lines[n] = input(machine, row->irq + n);
    return board_iommu(machine, lines, error);
}

/* ---- The board ----------------------------------------------------------------------------------------- */

static const struct row rows[] = {
    { "plic", 0xc000000, 0, 0, create_plic },
    { "clint", 0x2000000, 0, 0, create_aclint },
    { "sswi", 0x2f00000, 0, 0, create_sswi },
    { "test", 0x100000, 0, 0, create_finisher },
    { "rtc", 0x101000, 11, 0, create_rtc },
    { "serial", 0x10000000, 10, 0, create_uart },
    { "iommu", 0x3010000, 36, 0, create_iommu },
    { "fw-cfg", 0x10100000, 0, 0, create_fw_cfg },
    { "flash", FLASH_BASE, 0, 0, create_flash },
    { "flash", FLASH_BASE + PFLASH_BANK_BYTES, 0, 1, create_flash },
    { "virtio-mmio", 0x10008000, 8, 7, create_virtio_slot },
    { "virtio-mmio", 0x10007000, 7, 6, create_virtio_slot },
    { "virtio-mmio", 0x10006000, 6, 5, create_virtio_slot },
    { "virtio-mmio", 0x10005000, 5, 4, create_virtio_slot },
    { "virtio-mmio", 0x10004000, 4, 3, create_virtio_slot },
    { "virtio-mmio", 0x10003000, 3, 2, create_virtio_slot },
    { "virtio-mmio", 0x10002000, 2, 1, create_virtio_slot },
    { "virtio-mmio", 0x10001000, 1, 0, create_virtio_slot },
};

/* An APLIC is in the place of the PLIC. With interrupt files, these take the harts' messages to each other,
 * too. */
static bool is_absent(const struct machine *machine, const struct row *row)
{
    return (row->create == create_plic && machine->config.aia != MACHINE_AIA_NONE) ||
           (row->create == create_sswi && machine->config.aia == MACHINE_AIA_APLIC_IMSIC) ||
           (row->create == create_iommu && !machine->config.iommu_sys);
}

static bool create(struct machine *machine, struct error *error)
{
    if (machine->config.aia != MACHINE_AIA_NONE && !board_aia_create(machine, error))
        return false;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (is_absent(machine, row))
            continue;
        bool slot = row->create == create_virtio_slot;
        struct device *device = row->create(machine, row, error);
        if (!device || !board_add_device(machine, device, row->base, row->irq,
                                         slot ? &machine->config.virtio[row->slot] : NULL, error))
            return false;
        if (row->create == create_flash)
            bus_set_code(machine->bus, row->base, machine->flash_code[row->slot]);
    }
    return board_pci_create(machine, input, error);
}

const struct board board_virt = {
    .name = "virt",
    .text = "the address map of QEMU's virt (default)",
    .compatible = "riscv-virtio",
    .model = "riscv-virtio,rvive",
    .timebase_hz = TIMEBASE_HZ,
    .rom = { 0x1000, 0xf000 },
    .flash = { FLASH_BASE, PFLASH_BANK_BYTES },
    .ram_base = UINT64_C(0x80000000),
    .ram_max = UINT64_C(256) << 30,
    .ram_max_rv32 = UINT64_C(2) << 30, /* as much as fits below 4 GiB */
    .harts_max = MACHINE_HARTS_MAX,
    .virtio_slots = 8,
    .flash_banks = FLASH_BANKS,
    .pci_irq = BOARD_VIRT_PCI_IRQ,
    .has_aia = true,
    .has_iommu = true,
    .stdout_path = "/soc/serial@10000000",
    .smp = 1,
    .ram_size = UINT64_C(128) << 20,
    .firmware = board_opensbi,
    .create = create,
};
