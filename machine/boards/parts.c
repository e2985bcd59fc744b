/* SPDX-License-Identifier: MIT
 *
 * What several boards have: the interrupt controllers of the harts, the devices of QEMU's `virt`, the way to
 * power off, the places of OpenSBI.
 */
#include "devices/platform/aclint.h"
#include "devices/platform/fw_cfg.h"
#include "devices/platform/pflash_cfi.h"
#include "devices/platform/plic.h"
#include "devices/platform/rtc_goldfish.h"
#include "devices/platform/sifive_test.h"
#include "devices/platform/uart16550.h"
#include "devices/platform/vmcoreinfo.h"
#include "devices/virtio/transport/mmio.h"
#include "machine/boards/boards.h"

#define UART_CLOCK_HZ  3686400
#define UART_MCR_OUT2  8 /* set after reset, as on QEMU; in PC16550D table I all bits are 0 */
#define FW_CFG_NB_CPUS 5 /* QEMU docs/specs/fw_cfg: number of processors, 16 bits */

struct irq_line board_hart_line(struct machine *machine, unsigned hart, unsigned bit)
{
    return (struct irq_line){ .set = harts_set_irq, .controller = machine->harts[hart], .number = bit };
}

struct device *board_plic(struct machine *machine, unsigned sources, bool s_mode, struct error *error)
{
    struct plic_context contexts[2 * MACHINE_HARTS_MAX];
    unsigned count = 0;
    for (unsigned hart = 0; hart < machine->hart_count; hart++) {
        bool both = s_mode && (hart || !machine->config.board->first_cpu[0]);
        for (unsigned mode = 0; mode <= both; mode++) {
            unsigned bit = mode ? BOARD_IRQ_S_EXT : BOARD_IRQ_M_EXT;
            contexts[count++] = (struct plic_context){
                .line = board_hart_line(machine, hart, bit),
                .hart_intc_phandle = FDT_PHANDLE_INTC(hart),
                .hart_irq = bit,
            };
        }
    }
    struct plic_config config = {
        .source_count = sources,
        .context_count = count,
        .contexts = contexts,
        .phandle = FDT_PHANDLE_PLIC(machine->hart_count),
        .strict = machine->config.strict,
    };
    return plic_create(&config, error);
}

static void on_mtime_changed(void *opaque)
{
    struct machine *machine = opaque;
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_time_changed(machine->harts[i]);
}

struct device *board_clint(struct machine *machine, struct error *error)
{
    struct aclint_hart harts[MACHINE_HARTS_MAX];
    for (unsigned i = 0; i < machine->hart_count; i++)
        harts[i] = (struct aclint_hart){
            .mtip = board_hart_line(machine, i, BOARD_IRQ_M_TIMER),
            .msip = board_hart_line(machine, i, BOARD_IRQ_M_SOFT),
            .intc_phandle = FDT_PHANDLE_INTC(i),
        };
    return board_clint_of(machine, harts, machine->hart_count, error);
}

struct device *board_clint_of(struct machine *machine, const struct aclint_hart *harts, unsigned count,
                              struct error *error)
{
    struct aclint_config config = {
        .hart_count = count,
        .harts = harts,
        .clock = machine->clock,
        .timebase_hz = machine->config.board->timebase_hz,
        .mtime_offset = &machine->mtime_offset,
        .mtime_changed = on_mtime_changed,
        .opaque = machine,
        .mtimecmp_at_reset = machine->config.strict ? UINT64_MAX : 0,
        .split_nodes = machine->config.aclint,
    };
    return aclint_create(&config, error);
}

uint64_t board_cells(const uint8_t *at, unsigned count)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < 4 * count; n++)
        value = value << 8 | at[n];
    return value;
}

/* ---- Devices of QEMU's boards -------------------------------------------------------------------------- */

struct device *board_rtc(struct machine *machine, struct irq_line irq, struct error *error)
{
    if (machine->config.rtc_dated)
        clock_set_wall(machine->clock, machine->config.rtc_date);
    else
        clock_shift_wall(machine->clock, machine->config.rtc_offset);
    if (machine->config.rtc_stands)
        clock_stop_wall(machine->clock);
    struct rtc_goldfish_config config = { .irq = irq, .clock = machine->clock };
    return rtc_goldfish_create(&config, error);
}

struct device *board_uart(struct machine *machine, struct chardev *chardev, struct irq_line irq,
                          unsigned reg_shift, struct error *error)
{
    struct uart16550_config config = { .chardev = chardev,
                                       .irq = irq,
                                       .clock_hz = UART_CLOCK_HZ,
                                       .mcr_at_reset = machine->config.strict ? 0 : UART_MCR_OUT2,
                                       .reg_shift = reg_shift };
    return uart16550_create(&config, error);
}

static bool create_ramfb(struct machine *machine, struct device *fw_cfg, struct error *error)
{
    struct ramfb_config config = {
        .display = machine->config.display,
        .fw_cfg = fw_cfg,
        .dma = bus_for_devices(machine->bus),
    };
    if (machine->config.ramfb)
        machine->ramfb = ramfb_create(&config, error);
    return machine->ramfb || !machine->config.ramfb;
}

struct device *board_fw_cfg(struct machine *machine, struct error *error)
{
    struct fw_cfg_config config = { .dma = bus_for_devices(machine->bus) };
    const uint8_t harts[2] = { (uint8_t)machine->hart_count, (uint8_t)(machine->hart_count >> 8) };
    struct device *device = fw_cfg_create(&config, error);
    if (device && fw_cfg_add_item(device, FW_CFG_NB_CPUS, harts, sizeof(harts), error) &&
        create_ramfb(machine, device, error) &&
        (!machine->config.vmcoreinfo || vmcoreinfo_add(device, error)) &&
        boot_flash_add_kernel(machine, device, error)) {
        machine->fw_cfg = device;
        return device;
    }
    if (device)
        device->ops->destroy(device);
    return NULL;
}

struct device *board_flash(struct machine *machine, unsigned bank, unsigned fdt_banks, struct error *error)
{
    const struct machine_pflash *what = &machine->config.pflash[bank];
    struct pflash_config config = { .fdt_banks = fdt_banks };
    if (what->present && !(config.blockdev = machine_open_disk(machine, &what->drive, error)))
        return NULL;
    struct device *device = pflash_cfi_create(&config, error);
    if (device)
        machine->flash_code[bank] = pflash_cfi_bytes(device);
    return device;
}

struct device *board_virtio_slot(struct machine *machine, unsigned number, struct irq_line irq,
                                 struct error *error)
{
    const struct machine_plug *what = &machine->config.virtio[number];
    /* Drivers of devices that came with Virtio 1 expect its interface. */
    bool modern = what->model && what->model->ops && !what->model->ops->pci_legacy;
    struct virtio_mmio_config config = {
        .irq = irq,
        .dma = bus_for_devices(machine->bus),
        .legacy = machine->config.virtio_legacy && !modern,
        .strict = machine->config.strict,
    };
    struct device *slot = virtio_mmio_create(&config, error);
    if (!slot || !what->model)
        return slot;
    struct virtio_device *device = machine_create_plugged(machine, what, error);
    if (device) {
        virtio_mmio_plug(slot, device);
        return slot;
    }
    slot->ops->destroy(slot);
    return NULL;
}

/* ---- Power, firmware ----------------------------------------------------------------------------------- */

void board_power(void *opaque, enum power_action action, unsigned code)
{
    run_state_end_boot(opaque, action == POWER_RESET ? MACHINE_EVENT_RESET : MACHINE_EVENT_POWEROFF, code);
}

/* Where OpenSBI may be: where its own package puts it, then where QEMU's packages put it, which have both
 * widths. */
const struct board_firmware board_opensbi[] = {
    { 64, "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin" },   /* Debian, Ubuntu */
    { 64, "/usr/share/opensbi/lp64/generic/firmware/fw_dynamic.bin" },     /* as OpenSBI installs itself */
    { 64, "/usr/share/opensbi/generic/firmware/fw_dynamic.bin" },          /* Fedora, Alpine */
    { 64, "/usr/share/opensbi-unstable/generic/firmware/fw_dynamic.bin" }, /* Fedora for RISC-V */
    { 64, "/usr/share/opensbi/opensbi.bin" },                              /* openSUSE */
    { 64, "/usr/local/share/opensbi/lp64/generic/firmware/fw_dynamic.bin" },
    { 64, "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" }, /* QEMU: Debian, Fedora, Arch, SUSE */
    { 64, "/usr/local/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" },
    { 64, "/run/current-system/sw/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" }, /* NixOS */
    { 64, "/home/linuxbrew/.linuxbrew/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" },
    { 32, "/usr/lib/riscv32-linux-gnu/opensbi/generic/fw_dynamic.bin" },
    { 32, "/usr/share/opensbi/ilp32/generic/firmware/fw_dynamic.bin" },
    { 32, "/usr/share/opensbi/lp32/generic/firmware/fw_dynamic.bin" },
    { 32, "/usr/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" },
    { 32, "/usr/local/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" },
    { 32, "/run/current-system/sw/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" }, /* NixOS */
    { 32, "/home/linuxbrew/.linuxbrew/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" },
    { 0, NULL },
};
