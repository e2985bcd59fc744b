/* SPDX-License-Identifier: MIT
 *
 * HTIF at register level: commands in registers and in RAM, whole and in halves; the console, system calls
 * with hostile blocks, answers that nobody takes, saved state.
 */
#include <errno.h>

#include "devices/platform/htif.h"
#include "tests/devices/fake.h"

#define RAM      UINT64_C(0x80000000)
#define RAM_SIZE UINT64_C(0x20000)
#define TOHOST   (RAM + 0x1000)
#define FROMHOST (RAM + 0x1040)
#define BLOCK    (RAM + 0x2000)
#define PUTC     (UINT64_C(0x0101) << 48)
#define GETC     (UINT64_C(0x0100) << 48)

static struct fake_ram ram;
static struct fake_chardev serial;
static struct clock *guest_clock;
static struct device *htif;
static atomic_uint exits, status;
static uint64_t called[HTIF_CALL_WORDS];
static unsigned calls;

static void on_exit_status(void *opaque, unsigned code)
{
    (void)opaque;
    status = code;
    exits++;
}

static int64_t on_call(void *opaque, const uint64_t words[HTIF_CALL_WORDS])
{
    (void)opaque;
    memcpy(called, words, sizeof(called));
    calls++;
    return -ENOSYS;
}

static struct device *make(bool in_ram, uint64_t tohost, uint64_t fromhost)
{
    struct error error;
    struct htif_config config = {
        .chardev = &serial.chardev,
        .dma = &ram.dma,
        .clock = guest_clock,
        .in_ram = in_ram,
        .tohost = tohost,
        .fromhost = fromhost,
        .base = 0x1000000,
        .exit = on_exit_status,
        .call = on_call,
    };
    return htif_create(&config, &error);
}

static void setup(void)
{
    struct error error;
    fake_ram_init(&ram, RAM, RAM_SIZE);
    fake_chardev_init(&serial);
    guest_clock = clock_create(&error);
    exits = status = calls = 0;
    htif = make(true, TOHOST, FROMHOST);
    ck_assert_ptr_nonnull(htif);
}

static void teardown(void)
{
    htif->ops->destroy(htif);
    clock_destroy(guest_clock);
    fake_ram_destroy(&ram);
}

/* What a hart does. */
static void store(uint64_t paddr, unsigned size, uint64_t value)
{
    memcpy(ram.bytes + (paddr - RAM), &value, size);
    htif_stored(htif, paddr, size);
}

static uint64_t load(uint64_t paddr)
{
    uint64_t value;
    memcpy(&value, ram.bytes + (paddr - RAM), 8);
    return value;
}

static int64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t words[HTIF_CALL_WORDS] = { number, a, b, c };
    memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
    store(TOHOST, 8, BLOCK);
    ck_assert_uint_eq(load(FROMHOST), 1);
    store(FROMHOST, 8, 0);
    return (int64_t)load(BLOCK);
}

START_TEST(exit_codes)
{
    store(TOHOST - 8, 8, 1); /* a neighbour */
    ck_assert_uint_eq(exits, 0);
    store(TOHOST, 8, 1);
    ck_assert(exits == 1 && status == 0 && load(TOHOST) == 0);
    store(TOHOST, 8, 5 << 1 | 1); /* nothing happens after the end */
    store(TOHOST, 8, PUTC | 'x');
    ck_assert(exits == 1 && serial.output_length == 0);
    htif->ops->reset(htif);
    store(TOHOST, 8, 5 << 1 | 1);
    ck_assert(exits == 2 && status == 5);
    htif->ops->reset(htif);
    store(TOHOST, 8, 256 << 1 | 1); /* the low byte is 0, and it failed nevertheless */
    ck_assert(exits == 3 && status == 255);
    htif->ops->reset(htif);
    const uint64_t words[2] = { 93, 7 };
    memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
    store(TOHOST, 8, BLOCK);
    ck_assert(exits == 4 && status == 7);
}
END_TEST

START_TEST(halves)
{
    /* As RV32 programs for QEMU do. */
    store(TOHOST, 4, 'h');
    ck_assert_uint_eq(serial.output_length, 0);
    store(TOHOST + 4, 4, PUTC >> 32);
    ck_assert(serial.output_length == 1 && serial.output[0] == 'h');
    /* As riscv-tests do, of which the older never write the upper half. */
    store(TOHOST, 4, 3 << 1 | 1);
    ck_assert_uint_eq(exits, 0);
    store(TOHOST, 4, 3 << 1 | 1);
    ck_assert(exits == 1 && status == 3);
    htif->ops->reset(htif);
    /* Once is enough if nothing follows. */
    store(TOHOST, 4, 4 << 1 | 1);
    FAKE_WAIT(exits == 2);
    ck_assert_uint_eq(status, 4);
    htif->ops->reset(htif);
    for (unsigned i = 0; i < 8; i++)
        store(TOHOST + i, 1, (PUTC | 'b') >> 8 * i & 0xff);
    ck_assert(serial.output_length == 2 && serial.output[1] == 'b');
}
END_TEST

START_TEST(console)
{
    store(TOHOST, 8, PUTC | 'a');
    ck_assert_uint_eq(load(FROMHOST), PUTC | 0x100 | 'a');
    store(TOHOST, 8, PUTC | 'b'); /* Spike's programs leave these answers there */
    ck_assert_uint_eq(load(FROMHOST), PUTC | 0x100 | 'b');
    fake_chardev_offer(&serial, "xyz", 3);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 0);
    store(TOHOST, 8, GETC);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 1);
    ck_assert_uint_eq(load(FROMHOST), GETC | 0x100 | 'x');
    store(TOHOST, 8, GETC);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 1);
    ck_assert_uint_eq(load(FROMHOST), GETC | 0x100 | 'x'); /* not taken yet */
    store(TOHOST, 8, PUTC | 'c');                          /* its answer does not push the key away */
    store(FROMHOST, 8, 0);
    ck_assert_uint_eq(load(FROMHOST), GETC | 0x100 | 'y');
    for (unsigned i = 0; i < 200; i++)
        store(TOHOST, 8, GETC);
    ck_assert_mem_eq(serial.output, "abc", 3);
}
END_TEST

START_TEST(registers)
{
    struct device *device = make(false, 0, 0);
    uint64_t value;
    ck_assert(fake_bus_write(device, 8, 8, PUTC | 'r'));
    ck_assert(fake_bus_read(device, 0, 8, &value) && value == (PUTC | 0x100 | 'r'));
    ck_assert(fake_bus_read(device, 8, 4, &value) && value == 0);
    ck_assert(fake_bus_write(device, 0, 4, 0) && fake_bus_write(device, 4, 4, 0));
    ck_assert(fake_bus_write(device, 8, 4, 9 << 1 | 1) && exits == 0);
    ck_assert(fake_bus_write(device, 12, 4, 0) && exits == 1 && status == 9);
    ck_assert(!fake_bus_write(device, 16, 4, 1));
    device->ops->destroy(device);
    ck_assert_ptr_null(make(true, TOHOST + 4, FROMHOST));
    ck_assert_ptr_null(make(true, RAM + RAM_SIZE, FROMHOST));
    ck_assert_ptr_null(make(true, TOHOST, UINT64_MAX - 7));
    device = make(true, TOHOST, 0);
    ck_assert_ptr_nonnull(device);
    device->ops->destroy(device);
}
END_TEST

START_TEST(system_calls)
{
    memcpy(ram.bytes, "hello", 5);
    ck_assert_int_eq(system_call(64, 1, RAM, 5), 5);
    ck_assert_int_eq(system_call(64, 2, RAM, 0), 0);
    ck_assert_mem_eq(serial.output, "hello", 5);
    ck_assert_int_eq(system_call(64, 1, RAM + RAM_SIZE - 2, 3), -EFAULT);
    ck_assert_int_eq(system_call(64, 1, UINT64_MAX - 1, 4), -EFAULT);
    serial.output_length = 0;
    ck_assert_int_eq(system_call(64, 1, RAM + RAM_SIZE - 0x4000, UINT64_MAX), 0x4000); /* what is RAM */
    serial.output_length = 0;
    ck_assert_int_eq(system_call(64, 1, RAM, UINT64_MAX), 0x10000); /* no more at once */
    ck_assert_int_eq(system_call(64, 3, RAM, 5), -ENOSYS);
    ck_assert(calls == 1 && called[0] == 64 && called[1] == 3 && called[3] == 5);
    ck_assert_int_eq(system_call(63, 0, RAM, 0), 0);
    ck_assert_int_eq(system_call(63, 0, RAM + RAM_SIZE, 1), -EFAULT);
    /* A block outside RAM, and commands and devices that are not there. */
    store(TOHOST, 8, RAM + RAM_SIZE - 8);
    store(TOHOST, 8, 0xfffffffffff8);
    store(TOHOST, 8, UINT64_C(0x02ff000000000001));
    store(TOHOST, 8, UINT64_C(0x0002000000000002));
    store(TOHOST, 8, UINT64_C(0x01ff000000000002));
    ck_assert(load(FROMHOST) == 0 && calls == 1);
}
END_TEST

START_TEST(input)
{
    const uint64_t words[HTIF_CALL_WORDS] = { 63, 0, RAM, 4 };
    memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
    store(TOHOST, 8, BLOCK);
    ck_assert_uint_eq(load(FROMHOST), 0);
    fake_chardev_offer(&serial, "keyboard", 8);
    ck_assert_uint_eq(fake_chardev_pump(&serial), 4);
    ck_assert(load(FROMHOST) == 1 && load(BLOCK) == 4);
    ck_assert_mem_eq(ram.bytes, "keyb", 4);
    store(FROMHOST, 8, 0);
    memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
    store(TOHOST, 8, BLOCK);
    serial.chardev.front.event(serial.chardev.front.opaque, CHARDEV_EVENT_CLOSED);
    ck_assert(load(FROMHOST) == 1 && load(BLOCK) == 0);
    store(FROMHOST, 8, 0);
    ck_assert_int_eq(system_call(63, 0, RAM, 4), 0); /* nothing comes any more, */
    serial.chardev.front.event(serial.chardev.front.opaque, CHARDEV_EVENT_OPENED);
    memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
    store(TOHOST, 8, BLOCK);
    ck_assert_uint_eq(load(FROMHOST), 0); /* until somebody else is there */
}
END_TEST

START_TEST(answers_that_wait)
{
    uint64_t words[HTIF_CALL_WORDS] = { 1 };
    for (unsigned i = 0; i < 100; i++) {
        memcpy(ram.bytes + (BLOCK - RAM), words, sizeof(words));
        store(TOHOST, 8, BLOCK);
    }
    unsigned taken = 0;
    for (; load(FROMHOST) == 1; taken++)
        store(FROMHOST, 8, 0);
    ck_assert_uint_eq(taken, 65); /* one there, and as many as wait */
}
END_TEST

START_TEST(state)
{
    struct device *other = make(false, 0, 0), *device = make(false, 0, 0);
    fake_bus_write(device, 8, 8, PUTC | 'r');
    fake_bus_write(device, 8, 8, GETC);
    fake_bus_write(device, 8, 8, GETC);
    fake_chardev_offer(&serial, "ab", 2);
    fake_state_copy(device, other);
    fake_state_mutate(other, fake_seed("htif"), 2000);
    other->ops->destroy(other);
    device->ops->destroy(device);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("htif");
    TCase *tests = tcase_create("htif");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, exit_codes);
    tcase_add_test(tests, halves);
    tcase_add_test(tests, console);
    tcase_add_test(tests, registers);
    tcase_add_test(tests, system_calls);
    tcase_add_test(tests, input);
    tcase_add_test(tests, answers_that_wait);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}

FAKE_MAIN(suite)
