/* SPDX-License-Identifier: MIT
 *
 * CLINT registers, timer interrupts against the real clock, and the rounding between ns and ticks.
 */
#include "devices/platform/aclint.h"
#include "tests/devices/fake.h"

#define HZ 10000000u

static struct fake_irq mtip[2], msip[2];
static struct clock *wall;
static _Atomic int64_t offset;
static uint64_t at_reset = UINT64_MAX;

static struct device *make(void)
{
    struct aclint_hart harts[2];
    for (unsigned i = 0; i < 2; i++)
        harts[i] = (struct aclint_hart){ fake_irq_line(&mtip[i]), fake_irq_line(&msip[i]), 4 - 2 * i };
    return aclint_create(&(struct aclint_config){ .hart_count = 2,
                                                  .harts = harts,
                                                  .clock = wall,
                                                  .timebase_hz = HZ,
                                                  .mtime_offset = &offset,
                                                  .mtimecmp_at_reset = at_reset },
                         NULL);
}

/* mtimecmp is 0: the interrupt is pending from the start, and after each reset. */
START_TEST(test_mtimecmp_at_reset)
{
    wall = clock_create(NULL);
    offset = 0;
    at_reset = 0;
    mtip[0].level = mtip[1].level = false;
    struct device *device = make();
    ck_assert(mtip[0].level && mtip[1].level);
    ck_assert_uint_eq(fake_read(device, 0x4000, 8) | fake_read(device, 0x4008, 8), 0);
    fake_write(device, 0x4000, 4, UINT32_MAX); /* the low half alone */
    ck_assert_uint_eq(fake_read(device, 0x4000, 8), UINT32_MAX);
    ck_assert(!mtip[0].level && mtip[1].level);
    device->ops->reset(device);
    ck_assert(mtip[0].level && mtip[1].level);
    ck_assert_uint_eq(fake_read(device, 0x4000, 8), 0);
    device->ops->destroy(device);
    at_reset = UINT64_MAX;
    device = make();
    device->ops->reset(device);
    ck_assert(!mtip[0].level && !mtip[1].level);
    device->ops->destroy(device);
    clock_destroy(wall);
}
END_TEST

START_TEST(test_rounding)
{
    unsigned seed = fake_seed("rounding");
    ck_assert_uint_eq(aclint_ticks_from_ns(UINT64_MAX, HZ), UINT64_MAX / 100);
    ck_assert_uint_eq(aclint_ns_from_ticks(UINT64_MAX, HZ), CLOCK_NEVER);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t hz = i % 2 ? HZ : 1 + (uint64_t)rand_r(&seed);
        uint64_t ticks = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 20);
        uint64_t ns = aclint_ns_from_ticks(ticks, hz);
        if (ns == CLOCK_NEVER)
            continue;
        if (hz <= 1000000000)
            ck_assert_uint_eq(aclint_ticks_from_ns(ns, hz), ticks);
        else
            ck_assert_uint_ge(aclint_ticks_from_ns(ns, hz), ticks);
        ck_assert(ns == 0 || aclint_ticks_from_ns(ns - 1, hz) < ticks);
    }
}
END_TEST

START_TEST(test_registers)
{
    uint64_t value;
    wall = clock_create(NULL);
    struct device *device = make();
    fake_write(device, 4, 4, 0xffffffff);
    ck_assert(msip[1].level && !msip[0].level);
    ck_assert_uint_eq(fake_read(device, 4, 4), 1);
    ck_assert_uint_eq(fake_read(device, 0, 8), 1ull << 32);
    fake_write(device, 4, 4, 0);
    ck_assert(!msip[1].level);
    ck_assert_uint_eq(fake_read(device, 0x4008, 8), UINT64_MAX);
    fake_write(device, 0x400c, 4, 0x12345678);
    fake_write(device, 0x4008, 4, 0x9abcdef0);
    ck_assert_uint_eq(fake_read(device, 0x4008, 8), 0x123456789abcdef0);
    ck_assert_uint_eq(fake_read(device, 0x400c, 4), 0x12345678);
    fake_write(device, 0xbff8, 8, 0xffffffff00000000);
    ck_assert_uint_eq(fake_read(device, 0xbffc, 4), 0xffffffff);
    ck_assert(mtip[1].level && !mtip[0].level);
    fake_write(device, 0xbff8, 8, 0);
    ck_assert(!mtip[1].level);
    fake_write(device, 8, 4, 1);      /* no such hart */
    fake_write(device, 0x4010, 8, 1); /* no such hart */
    ck_assert_uint_eq(fake_read(device, 8, 4) | fake_read(device, 0x4010, 8) | fake_read(device, 0xc000, 8),
                      0);
    fake_write(device, 0xfffc, 4, 1);
    ck_assert(!fake_bus_read(device, 0, 2, &value) && !fake_bus_read(device, 4, 8, &value));
    device->ops->destroy(device);
    clock_destroy(wall);
}
END_TEST

START_TEST(test_timer)
{
    wall = clock_create(NULL);
    struct device *device = make();
    for (unsigned i = 0; i < 50; i++) {
        uint64_t when = aclint_mtime(device) + 3001;
        fake_write(device, 0x4000, 8, when);
        FAKE_WAIT(mtip[0].level);
        ck_assert_uint_ge(aclint_mtime(device), when);
    }
    ck_assert_uint_ge(mtip[0].rises, 40);
    fake_write(device, 0x4000, 8, UINT64_MAX);
    ck_assert(!mtip[0].level);
    fake_write(device, 0x4000, 8, 1000000000); /* 100 s: reached by writing mtime */
    fake_write(device, 0xbff8, 8, 999999000);
    FAKE_WAIT(mtip[0].level);
    fake_write(device, 0xbff8, 8, UINT64_MAX - 20000); /* wraps in 2 ms */
    ck_assert(mtip[0].level);
    FAKE_WAIT(!mtip[0].level);
    struct device *second = make();
    fake_state_copy(device, second);
    fake_state_mutate(second, fake_seed("aclint"), 2000);
    second->ops->destroy(second);
    device->ops->reset(device);
    ck_assert_uint_lt(aclint_mtime(device), HZ);
    ck_assert_uint_eq(fake_read(device, 0x4000, 8), UINT64_MAX);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x2000000, .size = 0x10000 });
    FAKE_FDT_CELLS(fdt, "/soc/clint@2000000", "interrupts-extended", 4, 3, 4, 7, 2, 3, 2, 7);
    FAKE_FDT_STRINGS(fdt, "/soc/clint@2000000", "compatible", "sifive,clint0\0riscv,clint0");
    free(fdt);
    device->ops->destroy(device);
    clock_destroy(wall);
}
END_TEST

START_TEST(test_sswi)
{
    struct aclint_sswi_hart harts[2] = { { fake_irq_line(&msip[0]), 4 }, { fake_irq_line(&msip[1]), 2 } };
    struct device *device = aclint_sswi_create(&(struct aclint_sswi_config){ 2, harts }, NULL);
    fake_write(device, 4, 4, 0);
    fake_write(device, 8, 4, 1);
    ck_assert(!msip[0].level && !msip[1].level);
    fake_write(device, 4, 4, 1);
    ck_assert(!msip[0].level && msip[1].level);
    fake_write(device, 4, 4, 0);
    ck_assert(msip[1].level);
    ck_assert_uint_eq(fake_read(device, 4, 4), 0);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x2f00000, .size = 0x4000 });
    FAKE_FDT_CELLS(fdt, "/soc/sswi@2f00000", "interrupts-extended", 4, 1, 2, 1);
    free(fdt);
    device->ops->destroy(device);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("aclint");
    TCase *c = tcase_create("aclint");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_rounding);
    tcase_add_test(c, test_registers);
    tcase_add_test(c, test_mtimecmp_at_reset);
    tcase_add_test(c, test_timer);
    tcase_add_test(c, test_sswi);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
