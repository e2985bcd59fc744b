/* SPDX-License-Identifier: MIT
 *
 * sifive_test, syscon, the goldfish RTC and fw_cfg at register level; fw_cfg also with hostile DMA.
 */
#include <unistd.h>

#include "devices/platform/fw_cfg.h"
#include "devices/platform/rtc_goldfish.h"
#include "devices/platform/sifive_test.h"
#include "devices/platform/syscon.h"
#include "tests/devices/fake.h"

static unsigned power_count, power_code;
static enum power_action power_action;
static void note_power(void *opaque, enum power_action action, unsigned code)
{
    (void)opaque;
    power_count++;
    power_action = action;
    power_code = code;
}

START_TEST(test_finisher)
{
    struct device *device =
        sifive_test_create(&(struct sifive_test_config){ .power = note_power, .phandle = 6 }, NULL);
    fake_write(device, 0, 4, 0x1234);
    fake_write(device, 4, 4, 0x5555);
    ck_assert_uint_eq(power_count, 0);
    fake_write(device, 0, 4, 0x5555);
    ck_assert(power_count == 1 && power_action == POWER_OFF && power_code == 0);
    fake_write(device, 0, 4, 0x2a3333);
    ck_assert(power_count == 2 && power_action == POWER_OFF && power_code == 42);
    fake_write(device, 0, 4, 0x7777);
    ck_assert(power_count == 3 && power_action == POWER_RESET);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x100000, .size = 0x1000 });
    FAKE_FDT_STRINGS(fdt, "/soc/test@100000", "compatible", "sifive,test1\0sifive,test0\0syscon");
    FAKE_FDT_CELLS(fdt, "/soc/test@100000", "phandle", 6);
    ck_assert_int_eq(fdt_create(fdt, 4096), 0);
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    ck_assert_int_eq(device->ops->fdt_root(device, fdt), 0);
    fdt_end_node(fdt);
    ck_assert_int_eq(fdt_finish(fdt), 0);
    FAKE_FDT_CELLS(fdt, "/poweroff", "value", 0x5555);
    FAKE_FDT_CELLS(fdt, "/reboot", "value", 0x7777);
    FAKE_FDT_CELLS(fdt, "/reboot", "regmap", 6);
    free(fdt);
    device->ops->destroy(device);
}
END_TEST

START_TEST(test_syscon)
{
    struct syscon_config config = { .actions = { { 8, 0x0500, 0xff00, POWER_OFF }, { 8, 7, 7, POWER_RESET } },
                                    .count = 2,
                                    .power = note_power };
    struct device *device = syscon_create(&config, NULL), *second = syscon_create(&config, NULL);
    power_count = 0;
    fake_write(device, 0xc, 4, 0x0500);
    fake_write(device, 8, 4, 0x1234);
    ck_assert_uint_eq(power_count, 0);
    ck_assert_uint_eq(fake_read(device, 8, 4), 0x1234);
    fake_write(device, 9, 1, 5); /* one byte of the word */
    ck_assert(power_count == 1 && power_action == POWER_OFF && power_code == 0);
    ck_assert_uint_eq(fake_read(device, 8, 4), 0x0534);
    ck_assert_uint_eq(fake_read(device, 9, 1), 5);
    fake_write(device, 8, 2, 0xf7);
    ck_assert(power_count == 2 && power_action == POWER_RESET);
    fake_write(device, SYSCON_SIZE - 4, 4, 0xfeedbeef);
    fake_state_copy(device, second);
    ck_assert_uint_eq(fake_read(second, SYSCON_SIZE - 2, 2), 0xfeed);
    fake_state_mutate(second, fake_seed("syscon"), 500);
    device->ops->reset(device);
    ck_assert_uint_eq(fake_read(device, 8, 4), 0);
    device->ops->destroy(device);
    second->ops->destroy(second);
}
END_TEST

static uint64_t rtc_time(struct device *rtc)
{
    uint64_t low = fake_read(rtc, 0, 4);
    return low | fake_read(rtc, 4, 4) << 32;
}

START_TEST(test_rtc)
{
    struct fake_irq irq = { 0 };
    struct clock *wall = clock_create(NULL);
    struct rtc_goldfish_config config = { fake_irq_line(&irq), wall };
    struct device *rtc = rtc_goldfish_create(&config, NULL), *second = rtc_goldfish_create(&config, NULL);
    uint64_t time = rtc_time(rtc), now = clock_wall_ns(wall);
    ck_assert(time <= now && now - time < 1000000000);
    uint64_t alarm = rtc_time(rtc) + 20000000;
    fake_write(rtc, 0x10, 4, 1);
    fake_write(rtc, 0xc, 4, alarm >> 32);
    fake_write(rtc, 8, 4, alarm & 0xffffffff);
    ck_assert(irq.level || fake_read(rtc, 0x18, 4) == 1 || rtc_time(rtc) >= alarm);
    FAKE_WAIT(irq.level);
    ck_assert_uint_ge(rtc_time(rtc), alarm);
    ck_assert_uint_eq(fake_read(rtc, 0x18, 4), 0);
    fake_write(rtc, 0x1c, 4, 1);
    ck_assert(!irq.level);
    fake_write(rtc, 4, 4, 0x10000000);
    fake_write(rtc, 0, 4, 0);
    time = rtc_time(rtc);
    ck_assert(time >> 32 == 0x10000000 && (uint32_t)time < 1000000000);
    fake_write(rtc, 0xc, 4, 0xffffffff);
    fake_write(rtc, 8, 4, 0xffffffff);
    ck_assert_uint_eq(fake_read(rtc, 0x18, 4), 1);
    fake_state_copy(rtc, second);
    fake_state_mutate(second, fake_seed("rtc"), 2000);
    fake_write(rtc, 0x14, 4, 1);
    ck_assert_uint_eq(fake_read(rtc, 0x18, 4), 0);
    ck_assert_uint_eq(fake_read(rtc, 0xffc, 4), 0);
    rtc->ops->destroy(rtc);
    second->ops->destroy(second);
    clock_destroy(wall);
}
END_TEST

static void count_call(void *opaque)
{
    atomic_fetch_add((atomic_int *)opaque, 1);
}

/* A stopped clock stands still and keeps its timers; its calendar catches up when it runs again. */
START_TEST(test_clock_stop)
{
    struct clock *wall = clock_create(NULL);
    struct clock_timer timer;
    atomic_int fired = 0;
    clock_timer_init(&timer, wall, count_call, &fired);
    clock_timer_arm(&timer, clock_ns(wall) + 20000000);
    clock_stop(wall);
    clock_stop(wall);
    uint64_t stopped = clock_ns(wall), calendar = clock_wall_ns(wall);
    usleep(100000);
    ck_assert_uint_eq(clock_ns(wall), stopped);
    ck_assert_int_eq(atomic_load(&fired), 0);
    clock_start(wall);
    clock_start(wall);
    uint64_t after = clock_ns(wall);
    ck_assert(after >= stopped && after - stopped < 50000000);
    ck_assert_uint_ge(clock_wall_ns(wall) - calendar, 100000000);
    FAKE_WAIT(atomic_load(&fired) == 1);
    clock_timer_cancel(&timer);
    clock_destroy(wall);
}
END_TEST

/* -rtc clock=vm: the calendar stands with the guest. */
START_TEST(test_clock_wall_stops)
{
    struct clock *wall = clock_create(NULL);
    clock_stop_wall(wall);
    clock_stop(wall);
    uint64_t calendar = clock_wall_ns(wall);
    usleep(300000);
    ck_assert_uint_eq(clock_wall_ns(wall), calendar);
    clock_start(wall);
    ck_assert_uint_lt(clock_wall_ns(wall) - calendar, 300000000);
    clock_destroy(wall);
}
END_TEST

static struct fake_ram ram;
static struct device *cfg;

/* Runs a DMA request with its block at `at`; returns the control word afterwards. */
static uint32_t dma_request(uint64_t at, uint32_t control, uint32_t length, uint64_t address)
{
    uint8_t *block = ram.bytes + (at - ram.base);
    fdt32_st(block, control);
    fdt32_st(block + 4, length);
    fdt64_st(block + 8, address);
    fake_write(cfg, 16, 4, __builtin_bswap32((uint32_t)(at >> 32)));
    fake_write(cfg, 20, 4, __builtin_bswap32((uint32_t)at));
    return fdt32_ld((const void *)block);
}

START_TEST(test_fw_cfg)
{
    fake_ram_init(&ram, 0x80000000, 0x10000);
    cfg = fw_cfg_create(&(struct fw_cfg_config){ &ram.dma }, NULL);
    ck_assert(fw_cfg_add_file(cfg, "opt/hello", "hello world", 11, NULL));
    ck_assert(fw_cfg_add_writable_file(cfg, "etc/w", "....", 4, NULL, NULL, NULL));
    ck_assert(!fw_cfg_add_item(cfg, 0, "x", 1, NULL) && fw_cfg_add_item(cfg, 5, "\2\0", 2, NULL));
    ck_assert_uint_eq(fake_read(cfg, 0, 4), 0x554d4551); /* QEMU */
    ck_assert_uint_eq(fake_read(cfg, 16, 8), 0x47464320554d4551);
    fake_write(cfg, 8, 2, 0x0100);
    ck_assert_uint_eq(fake_read(cfg, 0, 8), 3);
    fake_write(cfg, 8, 2, 0x1900);
    ck_assert_uint_eq(fake_read(cfg, 0, 4), 0x02000000);
    ck_assert_uint_eq(fake_read(cfg, 0, 8), 0x000020000b000000);
    ck_assert_uint_eq(fake_read(cfg, 0, 1), 'o');
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000a, 16, 0x80000100), 0); /* select and read */
    ck_assert_mem_eq(ram.bytes + 0x100, "hello world\0\0\0\0", 16);
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000c, 6, 0), 0); /* select and skip */
    ck_assert_uint_eq(dma_request(0x80000000, 2, 5, 0x80000200), 0);
    ck_assert_mem_eq(ram.bytes + 0x200, "world", 5);
    ck_assert_uint_eq(dma_request(0x80000000, 0x210018, 4, 0x80000200), 0); /* write */
    ck_assert_uint_eq(dma_request(0x80000000, 0x21000a, 4, 0x80000300), 0);
    ck_assert_mem_eq(ram.bytes + 0x300, "worl", 4);
    ck_assert_uint_eq(dma_request(0x80000000, 0x210018, 5, 0x80000200), 1); /* too long */
    ck_assert_uint_eq(dma_request(0x80000000, 0x200018, 1, 0x80000200), 1); /* read-only */
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000a, 0xffffffff, 0x80000000), 1);
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000a, 4, 0x1000), 1);
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000a, 4, UINT64_MAX - 1), 1);
    ck_assert_uint_eq(dma_request(0x80000000, 0x20000a, 16, 0x80000000), 0); /* onto its own block */
    ck_assert_mem_eq(ram.bytes + 4, "o world", 7);
    ck_assert_uint_eq(dma_request(0x8000fff0, 0xffff000a, 8, 0x8000fff8), 0);
    fake_write(cfg, 16, 8, __builtin_bswap64(0x8000fff1)); /* blocks that are not in RAM */
    fake_write(cfg, 16, 8, UINT64_MAX);
    struct device *second = fw_cfg_create(&(struct fw_cfg_config){ &ram.dma }, NULL);
    fw_cfg_add_file(second, "opt/hello", "hello world", 11, NULL);
    fw_cfg_add_writable_file(second, "etc/w", "....", 4, NULL, NULL, NULL);
    fake_state_copy(cfg, second);
    fake_state_mutate(second, fake_seed("fw_cfg"), 2000);
    fake_read(second, 0, 8);
    unsigned seed = fake_seed("fw_cfg dma");
    for (unsigned i = 0; i < 20000; i++) { /* random bytes: nothing may break */
        uint64_t address = ram.base - 64 + (unsigned)rand_r(&seed) % 0x10080;
        dma_request(ram.base + (unsigned)rand_r(&seed) % 0xfff1, (uint32_t)rand_r(&seed) << 1 & 0x3f001f,
                    (uint32_t)rand_r(&seed) >> (rand_r(&seed) % 31), address);
    }
    second->ops->destroy(second);
    cfg->ops->destroy(cfg);
    fake_ram_destroy(&ram);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("small devices");
    TCase *c = tcase_create("small devices");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_finisher);
    tcase_add_test(c, test_syscon);
    tcase_add_test(c, test_rtc);
    tcase_add_test(c, test_clock_stop);
    tcase_add_test(c, test_clock_wall_stops);
    tcase_add_test(c, test_fw_cfg);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
