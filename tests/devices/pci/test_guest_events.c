/* SPDX-License-Identifier: MIT
 *
 * pvpanic-pci and i6300esb at register level: what is reported and when, the watchdog's key, lock and stages,
 * saved state, and a guest that writes anything anywhere.
 */
#include "devices/pci/i6300esb.h"
#include "devices/pci/pvpanic.h"
#include "tests/devices/pci/function.h"
#include "util/clock.h"

enum { FIRST = 0, SECOND = 4, INTERRUPT = 8, RELOAD = 12, FEED = 0x100, TIMED_OUT = 0x200 };
enum { CONFIG = 0x60, FAST = 4, NO_BITE = 0x20, LOCK = 0x68, LOCKED = 1, ENABLE = 2, FREE = 4 };
#define SLOW_NS (30ull << 15) /* of one count */
#define FAST_NS (30ull << 5)

static struct function_bus board;
static struct clock *wall;
static atomic_uint reports[4];

static void report(void *opaque, enum guest_event event)
{
    ck_assert_ptr_eq(opaque, &board);
    atomic_fetch_add(&reports[event], 1);
}

static void setup(void)
{
    memset(reports, 0, sizeof(reports));
    wall = clock_create(NULL);
    clock_stop(wall);
}

static void teardown(void)
{
    function_unplug(&board);
    clock_destroy(wall);
}

/* ---- pvpanic ------------------------------------------------------------------------------------------- */

static void plug_pvpanic(uint8_t events)
{
    struct error error;
    function_plug(&board, pvpanic_create(&(struct pvpanic_config){ report, &board, events, false }, &error));
}

START_TEST(pvpanic_reports)
{
    plug_pvpanic(PVPANIC_ALL);
    ck_assert_uint_eq(pci_config_read(board.function, 0, 4), 0x00111b36);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_CLASS + 1, 2), 0x0880);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_INTERRUPT_PIN, 1), 0);
    ck_assert_uint_eq(function_get(&board, 0, 1), 7);
    ck_assert_uint_eq(function_get(&board, 0, 4), 7);
    function_put(&board, 0, 1, 0);
    function_put(&board, 0, 1, 0xf8);
    function_put(&board, 1, 1, 7);
    function_put(&board, 15, 1, 7);
    for (unsigned n = 0; n < 4; n++)
        ck_assert_uint_eq(reports[n], 0);
    function_put(&board, 0, 1, PVPANIC_PANICKED);
    ck_assert_uint_eq(reports[GUEST_EVENT_PANICKED], 1);
    function_put(&board, 0, 1, PVPANIC_CRASHLOADED);
    ck_assert_uint_eq(reports[GUEST_EVENT_CRASHLOADED], 1);
    function_put(&board, 0, 4, PVPANIC_SHUTDOWN);
    ck_assert_uint_eq(reports[GUEST_EVENT_SHUTDOWN], 1);
    ck_assert_uint_eq(reports[GUEST_EVENT_PANICKED], 1);
    function_copy(board.function, board.function);
    function_mutate(board.function, fake_seed("pvpanic"), 500);
    function_hammer(&board, fake_seed("pvpanic"), 5000, 32);
}
END_TEST

START_TEST(pvpanic_without_some)
{
    plug_pvpanic(PVPANIC_PANICKED);
    ck_assert_uint_eq(function_get(&board, 0, 1), 1);
    function_put(&board, 0, 1, 0xff);
    ck_assert_uint_eq(reports[GUEST_EVENT_PANICKED], 1);
    ck_assert_uint_eq(reports[GUEST_EVENT_CRASHLOADED] + reports[GUEST_EVENT_SHUTDOWN], 0);
}
END_TEST

/* ---- i6300esb ------------------------------------------------------------------------------------------ */

static struct pci_function *make_watchdog(void)
{
    struct error error;
    return i6300esb_create(&(struct i6300esb_config){ wall, report, &board, false }, &error);
}

static void plug_watchdog(void)
{
    function_plug(&board, make_watchdog());
    function_master(&board, false);
}

static void unlocked(unsigned offset, uint32_t value)
{
    function_put(&board, RELOAD, 2, 0x80);
    function_put(&board, RELOAD, 2, 0x86);
    function_put(&board, offset, offset == RELOAD ? 2 : 4, value);
}

static uint32_t get(unsigned offset)
{
    return (uint32_t)function_get(&board, offset, 4);
}

static unsigned bites(void)
{
    return reports[GUEST_EVENT_WATCHDOG];
}

/* Lets guest time pass, and the clock's thread see it. */
static void pass(uint64_t ns)
{
    clock_shift(wall, (int64_t)ns);
    clock_start(wall);
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    clock_stop(wall);
}

/* The same until the first stage ends, however slow the host is. */
static void pass_first_stage(uint64_t ns)
{
    clock_shift(wall, (int64_t)ns);
    clock_start(wall);
    FAKE_WAIT(get(INTERRUPT) == 1);
    clock_stop(wall);
}

static void start(unsigned config, unsigned lock, uint32_t first, uint32_t second)
{
    pci_config_write(board.function, CONFIG, 2, config);
    unlocked(FIRST, first);
    unlocked(SECOND, second);
    pci_config_write(board.function, LOCK, 1, lock);
}

START_TEST(watchdog_registers)
{
    plug_watchdog();
    ck_assert_uint_eq(pci_config_read(board.function, 0, 4), 0x25ab8086);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_CLASS + 1, 2), 0x0880);
    ck_assert_uint_eq(pci_config_read(board.function, CONFIG, 2), 0);
    ck_assert_uint_eq(pci_config_read(board.function, LOCK, 1), 0);
    ck_assert_uint_eq(get(FIRST), 0xfffff);
    ck_assert_uint_eq(get(SECOND), 0xfffff);
    pci_config_write(board.function, CONFIG, 2, 0xffff);
    ck_assert_uint_eq(pci_config_read(board.function, CONFIG, 2), 0x27);
    /* Without the whole key nothing changes; the key is good for one write. */
    static const uint32_t keys[][2] = {
        { 0, 0 }, { 0x80, 0 }, { 0x86, 0x80 }, { 0x86, 0x86 }, { 0x80, 0x80 }
    };
    for (unsigned n = 0; n < 5; n++) {
        function_put(&board, RELOAD, 2, keys[n][0]);
        function_put(&board, RELOAD, 2, keys[n][1]);
        function_put(&board, FIRST, 4, 5);
        ck_assert_uint_eq(get(FIRST), 0xfffff);
    }
    function_put(&board, FIRST, 4, 0x80);
    function_put(&board, FIRST, 4, 0x86);
    function_put(&board, FIRST, 4, 5);
    ck_assert_uint_eq(get(FIRST), 0xfffff);
    unlocked(FIRST, 0xfff12345);
    function_put(&board, FIRST, 4, 5);
    ck_assert_uint_eq(get(FIRST), 0x12345);
    ck_assert_uint_eq(function_get(&board, FIRST + 1, 1), 0x23);
    unlocked(SECOND, 6);
    ck_assert_uint_eq(get(SECOND), 6);
    pci_function_reset(board.function);
    ck_assert_uint_eq(get(FIRST), 0xfffff);
    ck_assert_uint_eq(pci_config_read(board.function, CONFIG, 2), 0);
}
END_TEST

START_TEST(watchdog_bites)
{
    uint64_t count = _i ? FAST_NS : SLOW_NS;
    uint32_t first = _i ? 0xfffff : 60000, second = _i ? 0xfffff : 60000;
    plug_watchdog();
    start(_i ? FAST : 0, ENABLE, first, second);
    pass(count * first * 6 / 10);
    ck_assert_uint_eq(get(INTERRUPT), 0);
    unlocked(RELOAD, FEED);
    pass(count * first * 6 / 10);
    ck_assert_uint_eq(get(INTERRUPT), 0);
    pass_first_stage(count * first);
    unlocked(INTERRUPT, 1);
    ck_assert_uint_eq(get(INTERRUPT), 0);
    if (!_i) { /* the fast clock's longest stage is a second */
        pass(count * (second / 2));
        ck_assert_uint_eq(bites(), 0);
        ck_assert_uint_eq(get(RELOAD), 0);
    }
    clock_shift(wall, (int64_t)(count * second));
    clock_start(wall);
    FAKE_WAIT(bites() == 1);
    ck_assert_uint_eq(get(RELOAD), TIMED_OUT);
    pci_function_reset(board.function);
    ck_assert_uint_eq(get(RELOAD), TIMED_OUT); /* the guest learns why it was reset */
    unlocked(RELOAD, TIMED_OUT);
    ck_assert_uint_eq(get(RELOAD), 0);
    pass(count * (first + second) * 4);
    ck_assert_uint_eq(bites(), 1);
}
END_TEST

START_TEST(watchdog_lock)
{
    plug_watchdog();
    start(0, ENABLE, 1000, 1000);
    pci_config_write(board.function, LOCK, 1, 0);
    ck_assert_uint_eq(pci_config_read(board.function, LOCK, 1), 0);
    pass(SLOW_NS * 5000);
    ck_assert_uint_eq(get(INTERRUPT) + bites(), 0);
    pci_config_write(board.function, LOCK - 4, 4, UINT32_MAX);
    pci_config_write(board.function, LOCK, 4, ENABLE | LOCKED);
    pci_config_write(board.function, LOCK, 1, 0);
    pci_config_write(board.function, LOCK, 4, FREE);
    ck_assert_uint_eq(pci_config_read(board.function, LOCK, 1), ENABLE | LOCKED);
    pass_first_stage(SLOW_NS * 1001);
    pci_function_reset(board.function);
    ck_assert_uint_eq(pci_config_read(board.function, LOCK, 1), 0);
    pci_config_write(board.function, LOCK, 1, FREE);
    ck_assert_uint_eq(pci_config_read(board.function, LOCK, 1), FREE);
}
END_TEST

START_TEST(watchdog_without_teeth)
{
    plug_watchdog();
    start(NO_BITE, ENABLE, 1, 1);
    clock_start(wall);
    FAKE_WAIT(get(RELOAD) == TIMED_OUT);
    ck_assert_uint_eq(bites(), 0);
    /* Free-running, with the shortest time: it bites again and again, but not as fast as it can. */
    pci_function_reset(board.function);
    start(FAST, ENABLE | FREE, 0, 0);
    FAKE_WAIT(bites() >= 3);
    pci_config_write(board.function, LOCK, 1, 0);
}
END_TEST

START_TEST(watchdog_state)
{
    plug_watchdog();
    start(0, ENABLE, 1000, 60000);
    pass_first_stage(SLOW_NS * 1001);
    function_put(&board, RELOAD, 2, 0x80);
    struct function_bus other;
    function_plug(&other, make_watchdog());
    function_copy(board.function, other.function);
    pci_function_reset(board.function);
    ck_assert_uint_eq(pci_config_read(other.function, LOCK, 1), ENABLE);
    function_put(&other, RELOAD, 2, 0x86);
    function_put(&other, FIRST, 4, 77);
    ck_assert_uint_eq(function_get(&other, FIRST, 4), 77);
    ck_assert_uint_eq(function_get(&other, SECOND, 4), 60000);
    clock_shift(wall, (int64_t)(SLOW_NS * 60000));
    clock_start(wall);
    FAKE_WAIT(bites() == 1);
    function_mutate(other.function, fake_seed("i6300esb"), 2000);
    function_unplug(&other);
    function_hammer(&board, fake_seed("i6300esb"), 20000, 0x80);
}
END_TEST

static Suite *guest_events_suite(void)
{
    Suite *suite = suite_create("guest_events");
    TCase *tcase = tcase_create("guest_events");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, pvpanic_reports);
    tcase_add_test(tcase, pvpanic_without_some);
    tcase_add_test(tcase, watchdog_registers);
    tcase_add_loop_test(tcase, watchdog_bites, 0, 2);
    tcase_add_test(tcase, watchdog_lock);
    tcase_add_test(tcase, watchdog_without_teeth);
    tcase_add_test(tcase, watchdog_state);
    suite_add_tcase(suite, tcase);
    return suite;
}

FAKE_MAIN(guest_events_suite)
