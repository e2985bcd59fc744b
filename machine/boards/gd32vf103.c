/* SPDX-License-Identifier: MIT
 *
 * The board `gd32vf103`: Sipeed's Longan Nano, GigaDevice's GD32VF103CB with a core of Nuclei's (GD32VF103
 * Datasheet, "Memory map", and User Manual, "Interrupt/event controller"). The program is in flash, which is
 * also seen at address 0. There is no device tree and no firmware.
 *
 * The ECLIC is the first device; `irq` of a row is its input. All clocks are those of a system clock of
 * 108 MHz, whatever RCU says, so mtime counts at 27 MHz.
 */
#include "devices/platform/gd32_pins.h"
#include "devices/platform/gd32_registers.h"
#include "devices/platform/gd32_timer.h"
#include "devices/platform/gd32_usart.h"
#include "devices/platform/nuclei_eclic.h"
#include "devices/platform/nuclei_timer.h"
#include "devices/platform/unimplemented.h"
#include "machine/boards/boards.h"

#define SYSTEM_HZ  UINT64_C(108000000)
#define MTIME_HZ   (SYSTEM_HZ / 4)
#define FLASH_BASE UINT64_C(0x08000000)
#define FLASH_SIZE UINT64_C(0x20000)
#define SRAM_BASE  UINT64_C(0x20000000)
#define SRAM_SIZE  UINT64_C(0x8000)

enum { IRQ_SOFTWARE = 3, IRQ_MTIME = 7 };

struct row {
    const char *name;
    uint32_t base;
    unsigned irq;
    unsigned number; /* of a -serial; of the register block; bytes of what is not implemented */
    struct device *(*create)(struct machine *machine, const struct row *row, struct error *error);
};

static struct irq_line line(struct machine *machine, unsigned irq)
{
    return irq ? nuclei_eclic_input(machine->devices[0].device, irq) : (struct irq_line){ .set = NULL };
}

/* ---- The core's own devices ---------------------------------------------------------------------------- */

static void on_offer(void *opaque, bool any, unsigned id, unsigned level, bool vectored)
{
    struct machine *machine = opaque;
    harts_set_irq(machine->harts[0], any ? HART_CLIC_OFFER(id, level, vectored) : HART_CLIC, any);
}

static void on_taken(void *opaque, unsigned id)
{
    struct machine *machine = opaque;
    nuclei_eclic_taken(machine->devices[0].device, id);
}

static struct device *create_eclic(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    struct device *eclic = nuclei_eclic_create(on_offer, machine, error);
    if (eclic)
        hart_set_clic(machine->harts[0], on_taken, machine);
    return eclic;
}

static struct device *create_mtime(struct machine *machine, const struct row *row, struct error *error)
{
    (void)row;
    struct nuclei_timer_config config = {
        .mtip = { line(machine, IRQ_MTIME), board_hart_line(machine, 0, BOARD_IRQ_M_TIMER) },
        .msip = { line(machine, IRQ_SOFTWARE), board_hart_line(machine, 0, BOARD_IRQ_M_SOFT) },
        .clock = machine->clock,
        .hz = MTIME_HZ,
        .mtime_offset = &machine->mtime_offset,
    };
    return nuclei_timer_create(&config, error);
}

/* ---- GigaDevice's -------------------------------------------------------------------------------------- */

static struct device *create_pins(struct machine *machine, const struct row *row, struct error *error)
{
    static const uint8_t inputs[GD32_EXTI_IRQS] = { 25, 26, 27, 28, 29, 42, 59, 20, 60, 61 };
    struct irq_line irqs[GD32_EXTI_IRQS];
    (void)row;
    for (unsigned i = 0; i < GD32_EXTI_IRQS; i++)
        irqs[i] = line(machine, inputs[i]);
    return gd32_pins_create(irqs, error);
}

static struct device *create_usart(struct machine *machine, const struct row *row, struct error *error)
{
    struct chardev *chardev = machine_open_serial(machine, row->number, error);
    return chardev ? gd32_usart_create(chardev, line(machine, row->irq), error) : NULL;
}

/* TIMER0 has an input for updates, and one for its channels, two further. */
static struct device *create_timer(struct machine *machine, const struct row *row, struct error *error)
{
    struct gd32_timer_config config = {
        .update = line(machine, row->irq),
        .split = row->number,
        .clock = machine->clock,
        .hz = SYSTEM_HZ,
    };
    if (row->number)
        config.channel = line(machine, row->irq + 2);
    return gd32_timer_create(&config, error);
}

static struct device *create_registers(struct machine *machine, const struct row *row, struct error *error)
{
    return gd32_registers_create((enum gd32_block)row->number, line(machine, row->irq), error);
}

static struct device *create_nothing(struct machine *machine, const struct row *row, struct error *error)
{
    (void)machine;
    return unimplemented_create(row->name, row->number, error);
}

static const struct row rows[] = {
    { "eclic", 0xd2000000, 0, 0, create_eclic },
    { "mtime", 0xd1000000, 0, 0, create_mtime },
    { "rcu", 0x40021000, 0, GD32_RCU, create_registers },
    { "fmc", 0x40022000, 0, GD32_FMC, create_registers },
    { "pins", 0x40010000, 0, 0, create_pins },
    { "usart0", 0x40013800, 56, 0, create_usart },
    { "usart1", 0x40004400, 57, 1, create_usart },
    { "usart2", 0x40004800, 58, 2, create_usart },
    { "uart3", 0x40004c00, 71, 3, create_usart },
    { "uart4", 0x40005000, 72, 4, create_usart },
    { "timer0", 0x40012c00, 44, 1, create_timer },
    { "timer1", 0x40000000, 47, 0, create_timer },
    { "timer2", 0x40000400, 48, 0, create_timer },
    { "timer3", 0x40000800, 49, 0, create_timer },
    { "timer4", 0x40000c00, 69, 0, create_timer },
    { "timer5", 0x40001000, 73, 0, create_timer },
    { "timer6", 0x40001400, 74, 0, create_timer },
    { "spi0", 0x40013000, 54, GD32_SPI, create_registers },
    { "spi1", 0x40003800, 55, GD32_SPI, create_registers },
    { "spi2", 0x40003c00, 70, GD32_SPI, create_registers },
    { "rtc", 0x40002800, 0, GD32_RTC, create_registers },
    { "wwdgt", 0x40002c00, 0, GD32_WWDGT, create_registers },
    { "fwdgt", 0x40003000, 0, GD32_FWDGT, create_registers },
    { "bkp", 0x40006c00, 0, GD32_BKP, create_registers },
    { "pmu", 0x40007000, 0, GD32_PMU, create_registers },
    { "dbg", 0xe0042000, 0, GD32_DBG, create_registers },
    { "info", 0x1ffff7e0, 0, GD32_INFO, create_registers },
    { "gd32-i2c0", 0x40005400, 0, 0x400, create_nothing },
    { "gd32-i2c1", 0x40005800, 0, 0x400, create_nothing },
    { "gd32-can0", 0x40006400, 0, 0x400, create_nothing },
    { "gd32-can1", 0x40006800, 0, 0x400, create_nothing },
    { "gd32-dac", 0x40007400, 0, 0x400, create_nothing },
    { "gd32-adc0", 0x40012400, 0, 0x400, create_nothing },
    { "gd32-adc1", 0x40012800, 0, 0x400, create_nothing },
    { "gd32-dma0", 0x40020000, 0, 0x400, create_nothing },
    { "gd32-dma1", 0x40020400, 0, 0x400, create_nothing },
    { "gd32-crc", 0x40023000, 0, 0x400, create_nothing },
    { "gd32-usbfs", 0x50000000, 0, 0x40000, create_nothing },
    { "gd32-exmc", 0xa0000000, 0, 0x1000, create_nothing },
};

static bool create(struct machine *machine, struct error *error)
{
    if (!bus_add_rom(machine->bus, FLASH_BASE, FLASH_SIZE, error) ||
        !bus_add_alias(machine->bus, 0, FLASH_BASE, error))
        return false;
    if (!machine->config.isa.eclic)
        return error_set(error, "-machine gd32vf103 needs -cpu gd32v, whose interrupts its devices have");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct device *device = rows[i].create(machine, &rows[i], error);
        if (!device || !board_add_device(machine, device, rows[i].base, rows[i].irq, NULL, error))
            return false;
    }
    return true;
}

static const struct board_firmware firmware[] = { { 0, NULL } };
static const uint64_t starts[] = { FLASH_BASE, 0 };

const struct board board_gd32vf103 = {
    .name = "gd32vf103",
    .text = "Sipeed's Longan Nano: GD32VF103CB, 128 KiB of flash, 32 KiB of RAM",
    .compatible = "sipeed,longan-nano",
    .model = "Sipeed Longan Nano",
    .cpu = { "gd32v", "gd32v" },
    .timebase_hz = MTIME_HZ,
    .rom = { 0x1fffb000, 0x1000 },
    .code = { FLASH_BASE, FLASH_SIZE },
    .raw_in_code = true,
    .starts = starts,
    .flash = { FLASH_BASE, 0 },
    .ram_base = SRAM_BASE,
    .ram_max = SRAM_SIZE,
    .ram_max_rv32 = SRAM_SIZE,
    .harts_max = 1,
    .stdout_path = "",
    .smp = 1,
    .ram_size = SRAM_SIZE,
    .no_tree = true,
    .firmware = firmware,
    .create = create,
};
