/* SPDX-License-Identifier: MIT
 *
 * The devices of HiFive1 at register level: UART, pins, clocks, watchdog, and registers that are not
 * implemented.
 */
#include "devices/platform/sifive_e_aon.h"
#include "devices/platform/sifive_e_prci.h"
#include "devices/platform/sifive_gpio.h"
#include "devices/platform/sifive_uart.h"
#include "devices/platform/unimplemented.h"
#include "tests/devices/fake.h"

static void put(struct device *device, uint64_t offset, uint32_t value)
{
    ck_assert(fake_bus_write(device, offset, 4, value));
}

static uint32_t get(struct device *device, uint64_t offset)
{
    uint64_t value = 0;
    ck_assert(fake_bus_read(device, offset, 4, &value));
    return (uint32_t)value;
}

/* All offsets, with ones and zeros: nothing may go wrong. */
static void scribble(struct device *device)
{
    for (uint64_t offset = 0; offset < device->ops->size; offset += 4) {
        put(device, offset, UINT32_MAX);
        get(device, offset);
        put(device, offset, 0);
    }
    ck_assert(!fake_bus_write(device, device->ops->size, 4, 0));
    device->ops->reset(device);
}

/* ---- UART ---------------------------------------------------------------------------------------------- */

enum { TXDATA = 0, RXDATA = 4, TXCTRL = 8, RXCTRL = 12, IE = 16, IP = 20, DIV = 24 };

START_TEST(uart)
{
    struct fake_irq irq = { 0 };
    struct fake_chardev serial;
    fake_chardev_init(&serial);
    struct sifive_uart_config config = { fake_irq_line(&irq), &serial.chardev, { 7, 3 } };
    struct device *device = sifive_uart_create(&config, NULL);
    put(device, TXDATA, 'a');
    ck_assert(serial.output_length == 1 && serial.output[0] == 'a' && get(device, TXDATA) == 0);
    ck_assert_uint_eq(get(device, RXDATA), 0x80000000);
    put(device, IE, 3);
    ck_assert(!irq.level && get(device, IP) == 0);
    put(device, TXCTRL, 0x10001);
    ck_assert(irq.level && get(device, IP) == 1);
    put(device, IE, 2);
    ck_assert(!irq.level);
    put(device, RXCTRL, 0x20001); /* more than two bytes */
    fake_chardev_offer(&serial, "0123456789", 10);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 8);
    ck_assert(irq.level && get(device, IP) == 3);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(get(device, RXDATA), '0' + i);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(device, RXDATA), '5');
    ck_assert(!irq.level);
    put(device, DIV, 0x12345);
    ck_assert_uint_eq(get(device, DIV), 0x2345);
    struct device *other = sifive_uart_create(&(struct sifive_uart_config){ .chardev = NULL }, NULL);
    fake_state_copy(device, other);
    ck_assert(get(other, RXDATA) == '6' && get(other, RXDATA) == '7' && get(other, RXDATA) >> 31);
    fake_state_mutate(other, fake_seed("uart"), 1000);
    for (unsigned i = 0; i < 20; i++)
        get(other, RXDATA);
    scribble(other);
    void *fdt = fake_fdt(
        device, &(struct fdt_place){ .base = 0x10013000, .size = 0x1000, .irq = 3, .irq_parent = 3 });
    FAKE_FDT_STRINGS(fdt, "/soc/serial@10013000", "compatible", "sifive,uart0");
    ck_assert_ptr_nonnull(fdt_getprop(fdt, fdt_path_offset(fdt, "/soc/serial@10013000"), "clocks", NULL));
    free(fdt);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

/* ---- Pins ---------------------------------------------------------------------------------------------- */

START_TEST(pins)
{
    struct fake_irq irqs[SIFIVE_GPIO_PINS] = { 0 };
    struct sifive_gpio_config config = { 0 };
    for (unsigned pin = 0; pin < SIFIVE_GPIO_PINS; pin++)
        config.irqs[pin] = fake_irq_line(&irqs[pin]);
    struct device *device = sifive_gpio_create(&config, NULL);
    put(device, 0x04, 3); /* input_en */
    put(device, 0x18, 1); /* rise_ie */
    put(device, 0x20, 1); /* fall_ie */
    ck_assert_uint_eq(get(device, 0x00), 0);
    put(device, 0x10, 2); /* pull-up of pin 1 */
    ck_assert_uint_eq(get(device, 0x00), 2);
    put(device, 0x08, 3); /* both are driven: to 0 */
    ck_assert(get(device, 0x00) == 0 && !irqs[0].level);
    put(device, 0x0c, 1);
    ck_assert(get(device, 0x00) == 1 && irqs[0].level && !irqs[1].level && get(device, 0x1c) & 1);
    put(device, 0x1c, 1);
    ck_assert(!irqs[0].level && get(device, 0x00) == 1);
    put(device, 0x40, 1); /* inverted: it falls */
    ck_assert(get(device, 0x00) == 0 && irqs[0].level && get(device, 0x24) & 1);
    put(device, 0x24, UINT32_MAX);
    ck_assert(!irqs[0].level);
    put(device, 0x30, 1); /* low_ie: it is low, and pends again at once */
    ck_assert(irqs[0].level);
    put(device, 0x34, 1);
    ck_assert(irqs[0].level && get(device, 0x34) & 1);
    put(device, 0x00, UINT32_MAX); /* read-only */
    ck_assert_uint_eq(get(device, 0x00), 0);
    struct device *other = sifive_gpio_create(&(struct sifive_gpio_config){ 0 }, NULL);
    fake_state_copy(device, other);
    fake_state_mutate(other, fake_seed("gpio"), 1000);
    scribble(other);
    scribble(device);
    ck_assert(!irqs[0].level && !irqs[31].level);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

/* ---- Clocks, and what is not there --------------------------------------------------------------------- */

START_TEST(clocks)
{
    struct device *device = sifive_e_prci_create(NULL), *other = sifive_e_prci_create(NULL);
    ck_assert(get(device, 0) == 0xc0000000 && get(device, 4) == 0xc0000000);
    ck_assert(get(device, 8) == 0x80060000 && get(device, 12) == 0x100);
    put(device, 8, 0x00030df1);
    ck_assert_uint_eq(get(device, 8), 0x80030df1); /* locked */
    put(device, 0, 0x40100004);
    ck_assert_uint_eq(get(device, 0), 0xc0100004); /* ready */
    fake_state_copy(device, other);
    fake_state_mutate(other, fake_seed("prci"), 1000);
    scribble(device);
    ck_assert_uint_eq(get(device, 8), 0x80060000);
    device->ops->destroy(device);
    other->ops->destroy(other);
    device = unimplemented_create("nothing", 0x1000, NULL);
    put(device, 0xffc, 1);
    ck_assert_uint_eq(get(device, 0xffc), 0);
    other = unimplemented_create("nothing", 0x1000, NULL);
    fake_state_copy(device, other);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

/* ---- Watchdog ------------------------------------------------------------------------------------------ */

enum { CFG = 0, COUNT = 8, SCALED = 0x10, FEED = 0x18, KEY = 0x1c, CMP = 0x20 };

static atomic_uint resets;

static void on_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

static void unlocked(struct device *device, uint64_t offset, uint32_t value)
{
    put(device, KEY, 0x51f15e);
    ck_assert_uint_eq(get(device, KEY), 1);
    put(device, offset, value);
    ck_assert_uint_eq(get(device, KEY), 0);
}

START_TEST(watchdog)
{
    struct error error;
    struct fake_irq irq = { 0 };
    struct clock *clock = clock_create(&error);
    struct sifive_e_aon_config config = { fake_irq_line(&irq), clock, 32768, on_reset, NULL };
    struct device *device = sifive_e_aon_create(&config, NULL);
    resets = 0;
    ck_assert(get(device, CMP) == 0xbeef && get(device, COUNT) == 0 && get(device, CFG) == 0);
    put(device, COUNT, 5);
    put(device, KEY, 0x51f15f);
    put(device, COUNT, 5);
    ck_assert_uint_eq(get(device, COUNT), 0);
    unlocked(device, COUNT, 0x80001234);
    ck_assert_uint_eq(get(device, COUNT), 0x1234);
    unlocked(device, FEED, 1);
    ck_assert_uint_eq(get(device, COUNT), 0x1234);
    unlocked(device, FEED, 0xd09f00d);
    ck_assert_uint_eq(get(device, COUNT), 0);
    unlocked(device, CMP, 0x30020); /* 1 ms */
    ck_assert_uint_eq(get(device, CMP), 0x20);
    unlocked(device, CFG, 1 << 12);
    FAKE_WAIT(irq.level);
    ck_assert(get(device, CFG) == (1 << 12 | 1 << 28) && get(device, COUNT) >= 0x20 && resets == 0);
    unlocked(device, CFG, 0);
    ck_assert(!irq.level);
    unlocked(device, COUNT, 0x700);
    unlocked(device, CFG, 4);
    ck_assert_uint_eq(get(device, SCALED), 0x70);
    unlocked(device, CFG, 1 << 12 | 1 << 9 | 4); /* the counter begins again */
    ck_assert(irq.level && get(device, COUNT) < 0x700);
    unlocked(device, CFG, 0);
    unlocked(device, CFG, 1 << 13 | 1 << 8);
    FAKE_WAIT(resets);
    device->ops->reset(device);
    ck_assert(!irq.level && get(device, CMP) == 0xbeef);
    struct device *other = sifive_e_aon_create(&config, NULL);
    unlocked(device, COUNT, 0x1234);
    fake_state_copy(device, other);
    ck_assert_uint_eq(get(other, COUNT), 0x1234);
    fake_state_mutate(other, fake_seed("aon"), 500);
    scribble(other);
    device->ops->destroy(device);
    other->ops->destroy(other);
    clock_destroy(clock);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sifive_e");
    TCase *tests = tcase_create("sifive_e");
    tcase_add_test(tests, uart);
    tcase_add_test(tests, pins);
    tcase_add_test(tests, clocks);
    tcase_add_test(tests, watchdog);
    suite_add_tcase(suite, tests);
    return suite;
}

FAKE_MAIN(suite)
