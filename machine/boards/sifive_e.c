/* SPDX-License-Identifier: MIT
 *
 * The board `sifive_e`: SiFive's HiFive1 with the microcontroller E31, as QEMU's machine of that name. The
 * program is in the flash; the mask ROM jumps to it. There is no device tree and no firmware. As on QEMU, the
 * two UARTs, the pins, the clocks and the watchdog are there; SPI and PWM are registers that read as 0.
 */
#include "devices/platform/sifive_e_aon.h"
#include "devices/platform/sifive_e_prci.h"
#include "devices/platform/sifive_gpio.h"
#include "devices/platform/sifive_uart.h"
#include "machine/boards/sifive.h"

#define LFCLK_HZ     UINT64_C(32768)
#define PLIC_SOURCES 52
#define XIP_BASE     UINT64_C(0x20000000)
#define XIP_SIZE     UINT64_C(0x20000000)
#define DTIM_SIZE    UINT64_C(0x4000)

static struct device *create_plic(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)row;
    return board_plic(machine, PLIC_SOURCES, false, error);
}

static void on_watchdog(void *machine)
{
    board_power(machine, POWER_RESET, 0);
}

static struct device *create_aon(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_e_aon_config config = {
        .irq = sifive_line(machine, row->irq),
        .clock = machine->clock,
        .clock_hz = (uint32_t)LFCLK_HZ,
        .reset = on_watchdog,
        .opaque = machine,
    };
    return sifive_e_aon_create(&config, error);
}

static struct device *create_prci(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)machine, (void)row;
    return sifive_e_prci_create(error);
}

static struct device *create_gpio(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_gpio_config config = { 0 };
    for (unsigned pin = 0; pin < SIFIVE_GPIO_PINS; pin++)
        config.irqs[pin] = sifive_line(machine, row->irq + pin);
    return sifive_gpio_create(&config, error);
}

static struct device *create_uart(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_uart_config config = { .irq = sifive_line(machine, row->irq) };
    config.chardev = machine_open_serial(machine, row->number, error);
    return config.chardev ? sifive_uart_create(&config, error) : NULL;
}

static const struct sifive_row rows[] = {
    { "plic", 0xc000000, 0, 0, create_plic },
    { "clint", 0x2000000, 0, 0, sifive_create_clint },
    { "aon", 0x10000000, 1, 0, create_aon },
    { "prci", 0x10008000, 0, 0, create_prci },
    { "sifive-e-otp", 0x10010000, 0, 0x1000, sifive_create_nothing },
    { "gpio", 0x10012000, 8, 0, create_gpio },
    { "uart0", 0x10013000, 3, 0, create_uart },
    { "sifive-e-qspi0", 0x10014000, 0, 0x1000, sifive_create_nothing },
    { "sifive-e-pwm0", 0x10015000, 0, 0x1000, sifive_create_nothing },
    { "uart1", 0x10023000, 4, 1, create_uart },
    { "sifive-e-qspi1", 0x10024000, 0, 0x1000, sifive_create_nothing },
    { "sifive-e-pwm1", 0x10025000, 0, 0x1000, sifive_create_nothing },
    { "sifive-e-qspi2", 0x10034000, 0, 0x1000, sifive_create_nothing },
    { "sifive-e-pwm2", 0x10035000, 0, 0x1000, sifive_create_nothing },
};

static bool create(struct machine *machine, struct error *error)
{
    if (!bus_add_rom(machine->bus, XIP_BASE, XIP_SIZE, error))
        return false;
    return sifive_create_rows(machine, rows, sizeof(rows) / sizeof(rows[0]), error);
}

static const struct board_firmware firmware[] = { { 0, NULL } };

/* Programs of the first board begin behind its bootloader, those of revision B where its own ends. */
static const uint64_t starts[] = { 0x20400000, 0x20010000, 0 };

const struct board board_sifive_e = {
    .name = "sifive_e",
    .text = "SiFive's HiFive1: E31, 16 KiB of RAM, the program in flash",
    .compatible = "sifive,hifive1",
    .model = "SiFive HiFive1",
    .cpu = { "sifive-e31", "sifive-e51" },
    .timebase_hz = LFCLK_HZ,
    .rom = { 0x1000, 0x2000 },
    .code = { XIP_BASE, XIP_SIZE },
    .starts = starts,
    .flash = { XIP_BASE, 0 },
    .ram_base = UINT64_C(0x80000000),
    .ram_max = DTIM_SIZE,
    .ram_max_rv32 = DTIM_SIZE,
    .harts_max = 1,
    .stdout_path = "",
    .smp = 1,
    .ram_size = DTIM_SIZE,
    .no_tree = true,
    .firmware = firmware,
    .create = create,
};
