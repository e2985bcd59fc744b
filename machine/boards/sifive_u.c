/* SPDX-License-Identifier: MIT
 *
 * The board `sifive_u`: SiFive's HiFive Unleashed with the FU540, as QEMU's machine of that name. Hart 0 is
 * an E51 with M-mode and U-mode, the others are U54. The switches of the board (msel) say where the ROM goes.
 *
 * Missing, with a name in the log: PWM, Ethernet, the memory controller, and the flash behind the first SPI
 * controller. The memory that the flash is seen in is read-only here, and filled by the loader alone.
 */
#include "devices/platform/sifive_gpio.h"
#include "devices/platform/sifive_pdma.h"
#include "devices/platform/sifive_spi.h"
#include "devices/platform/sifive_u_l2cc.h"
#include "devices/platform/sifive_u_otp.h"
#include "devices/platform/sifive_u_prci.h"
#include "devices/platform/sifive_uart.h"
#include "machine/boards/sifive.h"

#define RTCCLK_HZ    UINT64_C(1000000)
#define PLIC_SOURCES 53
#define FLASH_BASE   UINT64_C(0x20000000)
#define FLASH_SIZE   UINT64_C(0x10000000)
#define LIM_BASE     UINT64_C(0x8000000)
#define LIM_SIZE     UINT64_C(0x2000000)
#define GPIO_PINS    16
#define RESTART_PIN  10
#define SLOT         2

enum { PHANDLE_PRCI, PHANDLE_GPIO, PHANDLE_HFCLK, PHANDLE_RTCCLK };

static uint32_t phandle(const struct machine *machine, unsigned number)
{
    return FDT_PHANDLE_OTHER(machine->hart_count, number);
}

static struct device *create_plic(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)row;
    return board_plic(machine, PLIC_SOURCES, true, error);
}

static struct device *create_prci(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_u_prci_config config = {
        .phandle = phandle(machine, PHANDLE_PRCI),
        .hfclk_phandle = phandle(machine, PHANDLE_HFCLK),
        .rtcclk_phandle = phandle(machine, PHANDLE_RTCCLK),
        .rtcclk_hz = (uint32_t)RTCCLK_HZ,
    };
    (void)row;
    return sifive_u_prci_create(&config, error);
}

static struct device *create_uart(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_uart_config config = {
        .irq = sifive_line(machine, row->irq),
        .clock = { phandle(machine, PHANDLE_PRCI), SIFIVE_U_CLOCK_TL },
    };
    config.chardev = machine_open_serial(machine, row->number, error);
    return config.chardev ? sifive_uart_create(&config, error) : NULL;
}

static void on_restart(void *machine)
{
    board_power(machine, POWER_RESET, 0);
}

static struct device *create_gpio(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_gpio_config config = {
        .pins = GPIO_PINS,
        .reset = on_restart,
        .opaque = machine,
        .reset_pin = RESTART_PIN,
        .has_node = true,
        .phandle = phandle(machine, PHANDLE_GPIO),
        .clock = { phandle(machine, PHANDLE_PRCI), SIFIVE_U_CLOCK_TL },
    };
    for (unsigned pin = 0; pin < GPIO_PINS; pin++)
        config.irqs[pin] = sifive_line(machine, row->irq + pin);
    return sifive_gpio_create(&config, error);
}

static struct device *create_pdma(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    struct sifive_pdma_config config = { .dma = bus_for_devices(machine->bus) };
    for (unsigned i = 0; i < 2 * SIFIVE_PDMA_CHANNELS; i++)
        config.irqs[i] = sifive_line(machine, row->irq + i);
    return sifive_pdma_create(&config, error);
}

/* The first one leads to the flash, the last one to the slot for an SD card. */
static struct device *create_spi(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    const struct blockdev_config *image = &machine->config.sd;
    struct sifive_spi_config config = {
        .irq = sifive_line(machine, row->irq),
        .has_slot = row->number == SLOT,
        .clock = { phandle(machine, PHANDLE_PRCI), SIFIVE_U_CLOCK_TL },
    };
    if (config.has_slot && image->path) {
        struct blockdev *blockdev = machine_open_disk(machine, image, error);
        config.card = blockdev ? sd_card_create(blockdev, error) : NULL;
        if (!config.card)
            return NULL;
    }
    return sifive_spi_create(&config, error);
}

static struct device *create_l2cc(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)machine, (void)row;
    return sifive_u_l2cc_create(error);
}

static struct device *create_otp(struct machine *machine, const struct sifive_row *row, struct error *error)
{
    (void)row;
    return sifive_u_otp_create(machine->config.otp_serial, error);
}

static const struct sifive_row rows[] = {
    { "plic", 0xc000000, 0, 0, create_plic },
    { "clint", 0x2000000, 0, 0, sifive_create_clint },
    { "l2cc", 0x2010000, 1, 0, create_l2cc },
    { "pdma", 0x3000000, 23, 0, create_pdma },
    { "prci", 0x10000000, 0, 0, create_prci },
    { "uart0", 0x10010000, 4, 0, create_uart },
    { "uart1", 0x10011000, 5, 1, create_uart },
    { "sifive-u-pwm0", 0x10020000, 0, 0x1000, sifive_create_nothing },
    { "sifive-u-pwm1", 0x10021000, 0, 0x1000, sifive_create_nothing },
    { "spi0", 0x10040000, 51, 0, create_spi },
    { "spi2", 0x10050000, 6, SLOT, create_spi },
    { "gpio", 0x10060000, 7, 0, create_gpio },
    { "otp", 0x10070000, 0, 0, create_otp },
    { "sifive-u-gem", 0x10090000, 0, 0x2000, sifive_create_nothing },
    { "sifive-u-gem-mgmt", 0x100a0000, 0, 0x1000, sifive_create_nothing },
    { "sifive-u-dmc", 0x100b0000, 0, 0x10000, sifive_create_nothing },
};

static bool create(struct machine *machine, struct error *error)
{
    if (!bus_add_rom(machine->bus, FLASH_BASE, FLASH_SIZE, error) ||
        !bus_add_ram(machine->bus, LIM_BASE, LIM_SIZE, error))
        return false;
    return sifive_create_rows(machine, rows, sizeof(rows) / sizeof(rows[0]), error);
}

static const char *const aliases[] = { "serial1", "/soc/serial@10011000", NULL };

const struct board board_sifive_u = {
    .name = "sifive_u",
    .text = "SiFive's HiFive Unleashed: an E51 and up to four U54",
    .compatible = "sifive,hifive-unleashed-a00",
    .model = "SiFive HiFive Unleashed A00",
    .cpu = { "sifive-u34", "sifive-u54" },
    .cpu_is_wide = true,
    .first_cpu = { "sifive-e31", "sifive-e51" },
    .timebase_hz = RTCCLK_HZ,
    .rom = { 0x1000, 0xf000 },
    .has_msel = true,
    .code = { FLASH_BASE, FLASH_SIZE },
    .scratch = { LIM_BASE, LIM_SIZE },
    .flash = { FLASH_BASE, 0 },
    .ram_base = UINT64_C(0x80000000),
    .ram_max = UINT64_C(256) << 30,
    .ram_max_rv32 = UINT64_C(2) << 30,
    .harts_max = 5,
    .harts_min = 2,
    .stdout_path = "/soc/serial@10010000",
    .aliases = aliases,
    .has_sd = true,
    .smp = 2,
    .ram_size = UINT64_C(128) << 20,
    .firmware = board_opensbi,
    .create = create,
};
