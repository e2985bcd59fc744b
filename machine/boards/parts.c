/* SPDX-License-Identifier: MIT
 *
 * What several boards have: the interrupt controllers of the harts, the way to power off, the places of
 * OpenSBI.
 */
#include "devices/platform/aclint.h"
#include "devices/platform/plic.h"
#include "devices/platform/sifive_test.h"
#include "machine/boards/boards.h"

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
    struct aclint_config config = {
        .hart_count = machine->hart_count,
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

void board_power(void *opaque, enum power_action action, unsigned code)
{
    run_state_end_boot(opaque, action == POWER_RESET ? MACHINE_EVENT_RESET : MACHINE_EVENT_POWEROFF, code);
}

/* Where OpenSBI may be: where its own package puts it, then where QEMU's packages put it, which have both
 * widths. */
const struct board_firmware board_opensbi[] = {
    { 64, "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin" }, /* Debian, Ubuntu */
    { 64, "/usr/share/opensbi/lp64/generic/firmware/fw_dynamic.bin" },   /* as OpenSBI installs itself */
    { 64, "/usr/share/opensbi/generic/firmware/fw_dynamic.bin" },
    { 64, "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" }, /* QEMU: Debian, Fedora, Arch, SUSE */
    { 64, "/usr/local/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" },
    { 32, "/usr/lib/riscv32-linux-gnu/opensbi/generic/fw_dynamic.bin" },
    { 32, "/usr/share/opensbi/ilp32/generic/firmware/fw_dynamic.bin" },
    { 32, "/usr/share/opensbi/lp32/generic/firmware/fw_dynamic.bin" },
    { 32, "/usr/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" },
    { 32, "/usr/local/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin" },
    { 0, NULL },
};
