/* SPDX-License-Identifier: MIT
 *
 * The devices of Longan Nano at register level: Nuclei's interrupt controller and timer, GigaDevice's USART,
 * pins, timers, clocks and other registers; and what a hostile guest or file does to them.
 */
#include "devices/platform/gd32_pins.h"
#include "devices/platform/gd32_registers.h"
#include "devices/platform/gd32_timer.h"
#include "devices/platform/gd32_usart.h"
#include "devices/platform/nuclei_eclic.h"
#include "devices/platform/nuclei_timer.h"
#include "tests/devices/fake.h"

static void put(struct device *device, uint64_t offset, uint32_t value)
{
    ck_assert(fake_bus_write(device, offset, 4, value));
}

static void put_byte(struct device *device, uint64_t offset, uint32_t value)
{
    ck_assert(fake_bus_write(device, offset, 1, value));
}

static uint32_t get(struct device *device, uint64_t offset)
{
    uint64_t value = 0;
    ck_assert(fake_bus_read(device, offset, 4, &value));
    return (uint32_t)value;
}

/* All offsets, with ones and zeros, by words and by bytes: nothing may go wrong. */
static void scribble(struct device *device)
{
    uint64_t end = device->ops->size < 0x3000 ? device->ops->size : 0x3000;
    for (uint64_t offset = 0; offset < end; offset += 4) {
        put(device, offset, UINT32_MAX);
        get(device, offset);
        fake_bus_write(device, offset + 3, 1, 0xff);
        fake_bus_write(device, offset + 2, 2, 0xffff);
        put(device, offset, 0);
    }
    ck_assert(!fake_bus_write(device, device->ops->size, 4, 0));
    device->ops->reset(device);
}

/* `device` is saved into `other`, which then gets what a hostile file has; both are destroyed. */
static void end(struct device *device, struct device *other, const char *name)
{
    fake_state_copy(device, other);
    fake_state_mutate(other, fake_seed(name), 1000);
    scribble(other);
    scribble(device);
    device->ops->destroy(device);
    other->ops->destroy(other);
}

/* ---- The interrupt controller -------------------------------------------------------------------------- */

struct offer {
    bool any, vectored;
    unsigned id, level, times;
};

static void on_offer(void *opaque, bool any, unsigned id, unsigned level, bool vectored)
{
    struct offer *offer = opaque;
    *offer = (struct offer){ any, vectored, id, level, offer->times + 1 };
}

#define IP(id)   (0x1000 + 4 * (id))
#define IE(id)   (0x1001 + 4 * (id))
#define ATTR(id) (0x1002 + 4 * (id))
#define CTL(id)  (0x1003 + 4 * (id))

static void check_offer(const struct offer *offer, unsigned id, unsigned level, bool vectored)
{
    ck_assert(offer->any && offer->vectored == vectored);
    ck_assert_uint_eq(offer->id, id);
    ck_assert_uint_eq(offer->level, level);
}

START_TEST(eclic_levels)
{
    struct offer offer = { 0 }, unused = { 0 };
    struct device *device = nuclei_eclic_create(on_offer, &offer, NULL);
    struct irq_line seven = nuclei_eclic_input(device, 7), eight = nuclei_eclic_input(device, 8);
    ck_assert_uint_eq(get(device, 4), 87 | 4 << 21);
    put_byte(device, 0, 0xff);
    ck_assert_uint_eq(get(device, 0), 0x1e);
    put_byte(device, 0, 2 << 1); /* two bits of level, two of priority */
    irq_line_set(&seven, true);
    ck_assert(!offer.any && get(device, IP(7)) == (0x0fc00001));
    put_byte(device, IE(7), 1);
    check_offer(&offer, 7, 0x3f, false);
    put_byte(device, CTL(7), 0x90);
    check_offer(&offer, 7, 0xbf, false);
    put_byte(device, IE(8), 1);
    put_byte(device, CTL(8), 0x90);
    irq_line_set(&eight, true);
    check_offer(&offer, 8, 0xbf, false); /* of equals, the larger id */
    put_byte(device, CTL(7), 0xa0);
    check_offer(&offer, 7, 0xbf, false); /* the same level, but more urgent */
    put_byte(device, ATTR(7), 1);
    check_offer(&offer, 7, 0xbf, true);
    put_byte(device, 0xb, 0xbf); /* the threshold */
    ck_assert(!offer.any);
    put_byte(device, 0xb, 0xbe);
    check_offer(&offer, 7, 0xbf, true);
    put_byte(device, IP(7), 0); /* is what the input says */
    check_offer(&offer, 7, 0xbf, true);
    irq_line_set(&seven, false);
    check_offer(&offer, 8, 0xbf, false);
    struct nuclei_eclic_source source;
    ck_assert(nuclei_eclic_source(device, 8, &source) && source.level && source.pending && source.enabled);
    ck_assert(source.control == 0x9f && !nuclei_eclic_source(device, 87, &source));
    struct device *other = nuclei_eclic_create(on_offer, &unused, NULL);
    fake_state_copy(device, other);
    check_offer(&unused, 8, 0xbf, false);
    nuclei_eclic_taken(device, 4095);
    put(device, IP(87), UINT32_MAX);
    ck_assert_uint_eq(get(device, IP(87)), 0);
    end(device, other, "eclic");
}
END_TEST

START_TEST(eclic_edges)
{
    struct offer offer = { 0 }, unused = { 0 };
    struct device *device = nuclei_eclic_create(on_offer, &offer, NULL);
    struct irq_line line = nuclei_eclic_input(device, 20);
    put(device, IP(20), 0x80020100); /* all four bytes: enabled, edge */
    ck_assert_uint_eq(get(device, IP(20)), 0x8fc20100);
    irq_line_set(&line, true);
    check_offer(&offer, 20, 0xff, false); /* no bits of level: all are of the highest */
    irq_line_set(&line, false);
    ck_assert(offer.any);
    nuclei_eclic_taken(device, 20);
    ck_assert(!offer.any);
    put_byte(device, IP(20), 1); /* by software */
    ck_assert(offer.any);
    put_byte(device, IP(20), 0);
    ck_assert(!offer.any);
    put_byte(device, ATTR(20), 6); /* a falling edge */
    irq_line_set(&line, true);
    ck_assert(!offer.any);
    irq_line_set(&line, false);
    ck_assert(offer.any);
    put_byte(device, ATTR(20), 0);
    ck_assert(!offer.any);
    end(device, nuclei_eclic_create(on_offer, &unused, NULL), "eclic edges");
}
END_TEST

/* ---- Timers, by a clock that stands -------------------------------------------------------------------- */

START_TEST(core_timer)
{
    struct fake_irq irqs[4] = { 0 };
    _Atomic int64_t offset = 0, other_offset = 0;
    struct clock *clock = clock_create(NULL);
    struct nuclei_timer_config config = {
        .mtip = { fake_irq_line(&irqs[0]), fake_irq_line(&irqs[1]) },
        .msip = { fake_irq_line(&irqs[2]), { .set = NULL } },
        .clock = clock,
        .hz = 1000000,
        .mtime_offset = &offset,
    };
    struct device *device = nuclei_timer_create(&config, NULL);
    clock_stop(clock);
    put(device, 4, 0);
    put(device, 0, 100);
    ck_assert(get(device, 0) == 100 && get(device, 4) == 0 && !irqs[0].level);
    put(device, 8, 1100);
    put(device, 12, 0);
    clock_shift(clock, 999000);
    ck_assert_uint_eq(get(device, 0), 1099);
    put(device, 0xff8, 1); /* stopped */
    clock_shift(clock, 1000000);
    ck_assert(get(device, 0) == 1099 && get(device, 0xff8) == 1 && !irqs[0].level);
    put(device, 0xff8, 0);
    ck_assert(get(device, 0) == 1099);
    clock_start(clock);
    FAKE_WAIT(irqs[0].level);
    ck_assert(irqs[1].level && get(device, 0) >= 1100);
    put(device, 12, 1);
    ck_assert(!irqs[0].level && !irqs[1].level);
    put(device, 0xffc, UINT32_MAX);
    ck_assert(irqs[2].level && get(device, 0xffc) == 1);
    struct nuclei_timer_config unused = { .clock = clock, .hz = 1000000, .mtime_offset = &other_offset };
    clock_stop(clock);
    end(device, nuclei_timer_create(&unused, NULL), "nuclei timer");
    clock_destroy(clock);
}
END_TEST

enum {
    CTL0 = 0x00,
    DMAINTEN = 0x0c,
    INTF = 0x10,
    SWEVG = 0x14,
    CNT = 0x24,
    PSC = 0x28,
    CAR = 0x2c,
    CH0CV = 0x34
};

/* The other channels show 0, and so have flags at each update; away with them. */
static void other_channels_off(struct device *device)
{
    for (unsigned channel = 1; channel < 4; channel++)
        put(device, CH0CV + 4 * channel, 0xffff);
}

START_TEST(timer_counts)
{
    struct fake_irq irqs[2] = { 0 };
    struct clock *clock = clock_create(NULL);
    struct gd32_timer_config config = {
        .update = fake_irq_line(&irqs[0]), .channel = fake_irq_line(&irqs[1]), true, clock, 1000000
    };
    struct device *device = gd32_timer_create(&config, NULL);
    clock_stop(clock);
    other_channels_off(device);
    put(device, PSC, 9);
    put(device, CAR, 99);
    put(device, CH0CV, 50);
    put(device, SWEVG, 1); /* takes the prescaler */
    ck_assert_uint_eq(get(device, INTF), 1);
    put(device, INTF, 0);
    put(device, CTL0, 1);
    clock_shift(clock, 490000);
    ck_assert(get(device, CNT) == 49 && get(device, INTF) == 0);
    clock_shift(clock, 10000);
    ck_assert(get(device, CNT) == 50 && get(device, INTF) == 2 && !irqs[1].level);
    put(device, DMAINTEN, 3);
    ck_assert(irqs[1].level && !irqs[0].level);
    put(device, INTF, ~2u);
    clock_shift(clock, 500000);
    ck_assert(get(device, CNT) == 0 && get(device, INTF) == 1 && irqs[0].level && !irqs[1].level);
    put(device, PSC, 0); /* from the next update on */
    clock_shift(clock, 990000);
    ck_assert_uint_eq(get(device, CNT), 99);
    clock_shift(clock, 10000);
    ck_assert_uint_eq(get(device, CNT), 0);
    clock_shift(clock, 1234567 * INT64_C(100000) + 42000); /* many periods */
    ck_assert(get(device, CNT) == 42 && get(device, INTF) == 3);
    put(device, CTL0, 0x11); /* down, from what it shows */
    ck_assert_uint_eq(get(device, CNT), 42);
    clock_shift(clock, 40000);
    ck_assert_uint_eq(get(device, CNT), 2);
    put(device, INTF, 0);
    put(device, CTL0, 0x19); /* once */
    clock_shift(clock, 3000);
    ck_assert(get(device, CTL0) == 0x18 && get(device, INTF) == 1);
    struct gd32_timer_config unused = { .clock = clock, .hz = 1000000 };
    end(device, gd32_timer_create(&unused, NULL), "gd32 timer");
    clock_destroy(clock);
}
END_TEST

START_TEST(timer_interrupts)
{
    struct fake_irq irq = { 0 };
    struct clock *clock = clock_create(NULL);
    struct gd32_timer_config config = { .update = fake_irq_line(&irq), .clock = clock, .hz = 1000000 };
    struct device *device = gd32_timer_create(&config, NULL);
    other_channels_off(device);
    put(device, CAR, 999);
    put(device, CH0CV, 5000); /* never */
    put(device, DMAINTEN, 3);
    put(device, CTL0, 1);
    for (unsigned i = 0; i < 3; i++) {
        FAKE_WAIT(irq.level);
        ck_assert_uint_eq(get(device, INTF), 1);
        put(device, INTF, 0);
    }
    put(device, CH0CV, 0);
    FAKE_WAIT(get(device, INTF) & 2);
    struct gd32_timer_config unused = { .clock = clock, .hz = UINT32_MAX };
    clock_stop(clock);
    end(device, gd32_timer_create(&unused, NULL), "gd32 timer irq");
    clock_destroy(clock);
}
END_TEST

/* ---- USART, pins, registers ---------------------------------------------------------------------------- */

START_TEST(usart)
{
    struct fake_irq irq = { 0 };
    struct fake_chardev serial;
    fake_chardev_init(&serial);
    struct device *device = gd32_usart_create(&serial.chardev, fake_irq_line(&irq), NULL);
    ck_assert_uint_eq(get(device, 0), 0xc0);
    put(device, 4, 'a'); /* it is off */
    fake_chardev_offer(&serial, "xyz", 3);
    ck_assert(serial.output_length == 0 && fake_chardev_pump(&serial) == 0);
    put(device, 12, 0x200c);
    put(device, 4, 'b');
    ck_assert(serial.output_length == 1 && serial.output[0] == 'b' && !irq.level);
    put(device, 12, 0x20ac);
    ck_assert(irq.level); /* it is empty */
    put(device, 12, 0x202c);
    ck_assert(!irq.level);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 1);
    ck_assert(irq.level && get(device, 0) == 0xe0);
    ck_assert(get(device, 4) == 'x' && !irq.level && get(device, 0) == 0xc0);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 1);
    put(device, 0, 0);
    ck_assert(!irq.level && get(device, 0) == 0x80);
    put(device, 8, 0x123456);
    ck_assert_uint_eq(get(device, 8), 0x3456);
    end(device, gd32_usart_create(NULL, (struct irq_line){ .set = NULL }, NULL), "gd32 usart");
}
END_TEST

#define EXTI(reg)       (0x400 + 4 * (reg))
#define PORT(port, reg) (0x800 + 0x400 * (port) + 4 * (reg))
enum { INTEN, EVEN, RTEN, FTEN, SWIEV, PD };
enum { MODE0, MODE1, ISTAT, OCTL, BOP, BC };

START_TEST(pins)
{
    struct fake_irq irqs[GD32_EXTI_IRQS] = { 0 };
    struct irq_line lines[GD32_EXTI_IRQS], unused[GD32_EXTI_IRQS] = { { .set = NULL } };
    for (unsigned i = 0; i < GD32_EXTI_IRQS; i++)
        lines[i] = fake_irq_line(&irqs[i]);
    struct device *device = gd32_pins_create(lines, NULL);
    ck_assert(get(device, PORT(4, MODE0)) == 0x44444444 && get(device, PORT(0, ISTAT)) == 0);
    put(device, PORT(2, MODE1), 0x44344844); /* pin 10 has a pull, pin 13 is an output */
    put(device, PORT(2, BOP), 1 << 10 | 1 << 13 | 1 << 14);
    ck_assert(get(device, PORT(2, ISTAT)) == (1 << 10 | 1 << 13) && get(device, PORT(2, OCTL)) == 0x6400);
    put(device, 0x14, 0x0020); /* line 13 is that pin */
    put(device, EXTI(INTEN), 0xffffffff);
    ck_assert_uint_eq(get(device, EXTI(INTEN)), 0x7ffff);
    put(device, EXTI(FTEN), 1 << 13);
    put(device, PORT(2, BC), 1 << 13);
    ck_assert(irqs[6].level && get(device, EXTI(PD)) == 1 << 13);
    put(device, EXTI(SWIEV), 1 << 10 | 1 << 5);
    ck_assert(irqs[5].level && irqs[6].rises == 1);
    put(device, EXTI(PD), 1 << 13);
    ck_assert(irqs[6].level); /* the other line of the group */
    put(device, EXTI(PD), 1 << 10);
    ck_assert(!irqs[6].level && get(device, EXTI(SWIEV)) == 1 << 5);
    put(device, PORT(2, BOP), 1 << 13 | UINT32_C(1) << 26); /* set 13, clear 10: no edge that is asked for */
    ck_assert(!irqs[6].level && get(device, PORT(2, ISTAT)) == 1 << 13);
    end(device, gd32_pins_create(unused, NULL), "gd32 pins");
}
END_TEST

static struct device *make_registers(enum gd32_block block)
{
    return gd32_registers_create(block, (struct irq_line){ .set = NULL }, NULL);
}

START_TEST(registers)
{
    struct fake_irq irq = { 0 };
    struct device *rcu = make_registers(GD32_RCU), *fmc = make_registers(GD32_FMC);
    ck_assert_uint_eq(get(rcu, 0), 0x83);
    put(rcu, 0, 0x01010001);
    ck_assert_uint_eq(get(rcu, 0), 0x03030003);
    put(rcu, 0, 1);
    ck_assert_uint_eq(get(rcu, 0), 3);
    put(rcu, 4, 2);
    ck_assert_uint_eq(get(rcu, 4), 0xa);
    put(fmc, 0x10, 1);
    ck_assert_uint_eq(get(fmc, 0x10), 0x80);
    put(fmc, 4, 0x45670123);
    put(fmc, 4, 0x45670123);
    ck_assert_uint_eq(get(fmc, 0x10), 0x80);
    put(fmc, 4, 0x45670123);
    put(fmc, 4, 0xcdef89ab);
    put(fmc, 0x10, 2);
    ck_assert_uint_eq(get(fmc, 0x10), 2);
    put(fmc, 0x10, 0x80);
    put(fmc, 0x10, 0);
    ck_assert_uint_eq(get(fmc, 0x10), 0x80);
    struct device *spi = gd32_registers_create(GD32_SPI, fake_irq_line(&irq), NULL);
    put(spi, 4, 0x40);
    put(spi, 12, 0x55);
    ck_assert(!irq.level && get(spi, 8) == 2); /* it is off */
    put(spi, 0, 0x40);
    put(spi, 12, 0x55);
    ck_assert(irq.level && get(spi, 8) == 3 && get(spi, 12) == 0xff && !irq.level && get(spi, 8) == 2);
    end(rcu, make_registers(GD32_RCU), "rcu");
    end(fmc, make_registers(GD32_FMC), "fmc");
    end(spi, make_registers(GD32_SPI), "spi");
    for (unsigned block = 0; block < GD32_BLOCKS; block++)
        end(make_registers((enum gd32_block)block), make_registers((enum gd32_block)block), "registers");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("gd32");
    TCase *tests = tcase_create("registers");
    tcase_add_test(tests, eclic_levels);
    tcase_add_test(tests, eclic_edges);
    tcase_add_test(tests, core_timer);
    tcase_add_test(tests, timer_counts);
    tcase_add_test(tests, timer_interrupts);
    tcase_add_test(tests, usart);
    tcase_add_test(tests, pins);
    tcase_add_test(tests, registers);
    suite_add_tcase(suite, tests);
    return suite;
}

FAKE_MAIN(suite)
