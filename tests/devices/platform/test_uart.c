/* SPDX-License-Identifier: MIT
 *
 * The 16550A at register level.
 */
#include "devices/platform/uart16550.h"
#include "tests/devices/fake.h"

static struct fake_irq irq;
static struct fake_chardev peer;
static struct device *uart;

static void setup(void)
{
    memset(&irq, 0, sizeof(irq));
    fake_chardev_init(&peer);
    uart = uart16550_create(&(struct uart16550_config){ .irq = fake_irq_line(&irq),
                                                        .chardev = &peer.chardev,
                                                        .clock_hz = 3686400 },
                            NULL);
}

static void teardown(void)
{
    uart->ops->destroy(uart);
}

START_TEST(test_output)
{
    for (const char *c = "hello"; *c; c++)
        fake_write(uart, 0, 1, (uint64_t)*c);
    fake_write(uart, 0, 4, 0xffffff21); /* sw */
    ck_assert_uint_eq(peer.output_length, 6);
    ck_assert_mem_eq(peer.output, "hello!", 6);
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x60);
    fake_write(uart, 3, 1, 0x83);
    fake_write(uart, 0, 1, 0x34);
    fake_write(uart, 1, 1, 0x12);
    ck_assert_uint_eq(fake_read(uart, 0, 1) | fake_read(uart, 1, 1) << 8, 0x1234);
    fake_write(uart, 3, 1, 3);
    ck_assert_uint_eq(peer.output_length, 6);
    ck_assert_uint_eq(fake_read(uart, 1, 1), 0);
    fake_write(uart, 7, 1, 0xa5);
    ck_assert_uint_eq(fake_read(uart, 7, 1), 0xa5);
    fake_write(uart, 0x80, 1, 1);
    ck_assert_uint_eq(fake_read(uart, 8, 1) | fake_read(uart, 0xf8, 8), 0);
}
END_TEST

START_TEST(test_thr_interrupt)
{
    ck_assert_uint_eq(fake_read(uart, 2, 1), 1);
    fake_write(uart, 1, 1, 2);
    ck_assert(irq.level); /* enabling it with THR empty raises it */
    ck_assert_uint_eq(fake_read(uart, 2, 1), 2);
    ck_assert(!irq.level); /* reading IIR acknowledged it */
    ck_assert_uint_eq(fake_read(uart, 2, 1), 1);
    fake_write(uart, 0, 1, 'x');
    ck_assert(irq.level);
    fake_write(uart, 1, 1, 0);
    ck_assert(!irq.level);
}
END_TEST

static unsigned raises;

static void count_raise(void *controller, unsigned number, bool level)
{
    (void)number;
    raises += level;
    fake_irq_set(controller, 0, level);
}

/* How often the wire has been raised since the last call: what a PLIC that looks at edges notices. */
static unsigned raises_since(void)
{
    unsigned count = raises;
    raises = 0;
    return count;
}

START_TEST(test_events)
{
    struct device *device = uart16550_create(
        &(struct uart16550_config){ .irq = { count_raise, &irq, 0 }, .chardev = &peer.chardev }, NULL);
    fake_write(device, 2, 1, 1);
    fake_write(device, 1, 1, 3);
    ck_assert_uint_eq(raises_since(), 1); /* THR is empty, and the interrupt is enabled */
    fake_read(device, 5, 1), fake_read(device, 1, 1), fake_read(device, 7, 1), fake_read(device, 6, 1);
    fake_write(device, 7, 1, 1), fake_write(device, 3, 1, 3), fake_write(device, 1, 1, 3);
    ck_assert_uint_eq(raises_since(), 0); /* nothing new */
    ck_assert(irq.level);
    fake_write(device, 0, 1, 'a');
    ck_assert_uint_eq(raises_since(), 1); /* although IIR was never read */
    fake_chardev_offer(&peer, "xyz", 3);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 3);
    ck_assert_uint_eq(raises_since(), 1);
    fake_read(device, 0, 1);
    ck_assert_uint_eq(raises_since(), 1); /* there is more input */
    fake_read(device, 2, 1);
    ck_assert_uint_eq(raises_since(), 0); /* IIR reported input: this does not acknowledge THRE */
    fake_read(device, 0, 1), fake_read(device, 0, 1);
    raises_since();
    ck_assert(irq.level); /* THRE has not been reported yet */
    ck_assert_uint_eq(fake_read(device, 2, 1), 0xc2);
    ck_assert(!irq.level);
    fake_read(device, 0, 1); /* no input is left */
    ck_assert_uint_eq(raises_since(), 0);
    device->ops->destroy(device);
}
END_TEST

START_TEST(test_input)
{
    uint8_t input[40];
    for (unsigned i = 0; i < 40; i++)
        input[i] = (uint8_t)(i + 1);
    fake_chardev_offer(&peer, input, 40);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 1); /* no FIFO: one byte */
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x61);
    ck_assert_uint_eq(fake_read(uart, 0, 1), 1);
    fake_write(uart, 2, 1, 0x81); /* FIFO, trigger at 8 */
    fake_write(uart, 1, 1, 1);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 16);
    ck_assert(irq.level);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xc4);
    for (unsigned i = 0; i < 9; i++)
        ck_assert_uint_eq(fake_read(uart, 0, 1), i + 2);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xcc); /* below the trigger: timeout */
    for (unsigned i = 9; i < 16; i++)
        ck_assert_uint_eq(fake_read(uart, 0, 1), i + 2);
    ck_assert(!irq.level);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xc1);
    ck_assert_uint_eq(fake_read(uart, 0, 1), 0);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 16);
    fake_write(uart, 2, 1, 0x83); /* clears the FIFO */
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x60);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 7);
}
END_TEST

START_TEST(test_break)
{
    fake_write(uart, 2, 1, 1); /* FIFO */
    fake_write(uart, 1, 1, 4); /* line status interrupt */
    fake_chardev_offer(&peer, (const uint8_t *)"a", 1);
    fake_chardev_pump(&peer);
    peer.chardev.front.event(peer.chardev.front.opaque, CHARDEV_EVENT_BREAK);
    fake_chardev_offer(&peer, (const uint8_t *)"b", 1);
    fake_chardev_pump(&peer);
    ck_assert(!irq.level); /* the break is behind a byte */
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x61);
    ck_assert_uint_eq(fake_read(uart, 0, 1), 'a');
    ck_assert(irq.level);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xc6);
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x71);
    ck_assert(!irq.level);
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x61); /* reported once */
    ck_assert_uint_eq(fake_read(uart, 0, 1), 0);
    ck_assert_uint_eq(fake_read(uart, 0, 1), 'b');
    peer.chardev.front.event(peer.chardev.front.opaque, CHARDEV_EVENT_BREAK);
    fake_write(uart, 2, 1, 3); /* the FIFO is cleared, and with it the break */
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x60);
}
END_TEST

START_TEST(test_loopback)
{
    fake_read(uart, 6, 1);
    fake_write(uart, 4, 1, 0x1a);
    ck_assert_uint_eq(fake_read(uart, 6, 1) & 0xf0, 0x90); /* as drivers probe it */
    fake_write(uart, 2, 1, 1);
    for (unsigned i = 0; i < 17; i++)
        fake_write(uart, 0, 1, i);
    ck_assert_uint_eq(peer.output_length, 0);
    fake_write(uart, 1, 1, 4);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xc6);
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x63);
    ck_assert_uint_eq(fake_read(uart, 5, 1), 0x61); /* the overrun was read */
    ck_assert(!irq.level);
    fake_chardev_offer(&peer, "x", 1);
    ck_assert_uint_eq(fake_chardev_pump(&peer), 0);
    fake_write(uart, 1, 1, 8);
    fake_write(uart, 4, 1, 0);
    ck_assert(irq.level);
    ck_assert_uint_eq(fake_read(uart, 2, 1), 0xc0);
    ck_assert_uint_ne(fake_read(uart, 6, 1) & 0xf, 0);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(test_state_fdt)
{
    struct fake_chardev other;
    fake_chardev_init(&other);
    fake_write(uart, 2, 1, 0x41);
    fake_write(uart, 1, 1, 3);
    fake_chardev_offer(&peer, "abcdefgh", 8);
    fake_chardev_pump(&peer);
    fake_read(uart, 0, 1);
    struct device *second = uart16550_create(&(struct uart16550_config){ .chardev = &other.chardev }, NULL);
    fake_state_copy(uart, second);
    ck_assert_uint_eq(fake_read(second, 0, 1), 'b');
    fake_state_mutate(second, fake_seed("uart"), 3000);
    fake_write(second, 2, 1, 1);
    second->ops->destroy(second);
    void *fdt =
        fake_fdt(uart, &(struct fdt_place){ .base = 0x10000000, .size = 0x100, .irq = 10, .irq_parent = 5 });
    const char *path = "/soc/serial@10000000";
    FAKE_FDT_CELLS(fdt, path, "reg", 0, 0x10000000, 0, 0x100);
    FAKE_FDT_CELLS(fdt, path, "clock-frequency", 3686400);
    FAKE_FDT_CELLS(fdt, path, "interrupts", 10);
    FAKE_FDT_CELLS(fdt, path, "interrupt-parent", 5);
    FAKE_FDT_STRINGS(fdt, path, "compatible", "ns16550a");
    free(fdt);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("uart");
    TCase *c = tcase_create("uart");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_output);
    tcase_add_test(c, test_thr_interrupt);
    tcase_add_test(c, test_events);
    tcase_add_test(c, test_input);
    tcase_add_test(c, test_break);
    tcase_add_test(c, test_loopback);
    tcase_add_test(c, test_state_fdt);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
