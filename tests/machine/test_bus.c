/* SPDX-License-Identifier: MIT
 *
 * The bus: look-up, sizes and alignment, region ends, the devices' side, stores into pages with decoded code.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine/bus.h"
#include "tests/suite.h"

#define RAM   UINT64_C(0x80000000)
#define PAGES 4
#define SIZE  (UINT64_C(4096) * PAGES)

/* A device that remembers its accesses. */
struct probe {
    struct device device;
    unsigned count;
    uint64_t offsets[16], values[16];
    unsigned sizes[16];
};

static void note(struct probe *probe, uint64_t offset, unsigned size, uint64_t value)
{
    ck_assert_uint_lt(probe->count, 16);
    probe->offsets[probe->count] = offset;
    probe->sizes[probe->count] = size;
    probe->values[probe->count++] = value;
}

static uint64_t probe_read(struct device *device, uint64_t offset, unsigned size)
{
    note((struct probe *)device, offset, size, 0);
    return UINT64_C(0xffffffffa5a50000) + offset; /* the bus must remove the rubbish above the size */
}

static void probe_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    note((struct probe *)device, offset, size, value);
}

static const struct device_ops probe_ops = {
    .name = "probe",
    .size = 0x100,
    .access_min = 2,
    .access_max = 4,
    .read = probe_read,
    .write = probe_write,
};

static struct bus *bus;
static struct probe probe;
static uint8_t *ram, *rom;
static unsigned written_calls;

static void code_written(void *opaque, uint64_t paddr, uint64_t length)
{
    ck_assert_ptr_eq(opaque, &probe);
    ck_assert_uint_ge(paddr, 1);
    ck_assert_uint_ge(length, 1);
    written_calls++;
}

static void setup(void)
{
    struct error error;
    bus = bus_create(code_written, &probe, &error);
    probe = (struct probe){ .device = { .ops = &probe_ops } };
    written_calls = 0;
    rom = bus_add_rom(bus, 0x1000, 4096, &error);
    ram = bus_add_ram(bus, RAM, SIZE, &error);
    ck_assert_ptr_nonnull(rom);
    ck_assert_ptr_nonnull(ram);
    ck_assert(bus_add_device(bus, 0x10000000, &probe.device, &error));
}

static void teardown(void)
{
    bus_destroy(bus);
}

START_TEST(ram_any_alignment)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (uint64_t offset = 0; offset < 16; offset++) {
            uint64_t value = UINT64_C(0x1122334455667788) + offset, back;
            uint64_t mask = UINT64_MAX >> (64 - 8 * size);
            ck_assert(bus_write(bus, RAM + 4090 + offset, size, value));
            ck_assert(bus_read(bus, RAM + 4090 + offset, size, &back));
            ck_assert_uint_eq(back, value & mask);
            ck_assert_int_eq(memcmp(ram + 4090 + offset, &value, size), 0);
        }
    }
}
END_TEST

START_TEST(ends_of_regions)
{
    uint64_t value;
    struct error error;
    ck_assert(!bus_read(bus, RAM + SIZE, 1, &value));
    ck_assert(!bus_read(bus, RAM + SIZE - 4, 8, &value));
    ck_assert(!bus_write(bus, RAM + SIZE - 4, 8, 0x1111111111111111));
    ck_assert_uint_eq(ram[SIZE - 4], 0);
    ck_assert(!bus_read(bus, RAM - 1, 1, &value));
    ck_assert(!bus_read(bus, 0, 8, &value));
    ck_assert(!bus_read(bus, UINT64_MAX, 8, &value));
    ck_assert(!bus_write(bus, UINT64_MAX - 3, 8, 0));
    /* to an access, two memories side by side are one */
    uint8_t *next = bus_add_ram(bus, RAM + SIZE, 4096, &error);
    ck_assert_ptr_nonnull(next);
    ck_assert(bus_write(bus, RAM + SIZE - 3, 8, UINT64_C(0x8877665544332211)));
    ck_assert_uint_eq(ram[SIZE - 1], 0x33);
    ck_assert_uint_eq(next[0], 0x44);
    ck_assert_uint_eq(next[4], 0x88);
    ck_assert(bus_read(bus, RAM + SIZE - 3, 8, &value));
    ck_assert_uint_eq(value, UINT64_C(0x8877665544332211));
}
END_TEST

START_TEST(rom_ignores_stores)
{
    uint64_t value;
    bool writable = true;
    struct hart_bus *harts = bus_for_harts(bus);
    rom[8] = 0x5a;
    ck_assert(bus_write(bus, 0x1008, 4, 0));
    ck_assert(bus_read(bus, 0x1008, 1, &value));
    ck_assert_uint_eq(value, 0x5a);
    ck_assert_ptr_eq(harts->ops->page(harts, 0x1000, &writable), rom);
    ck_assert(!writable);
    ck_assert_ptr_eq(harts->ops->page(harts, RAM + 4096, &writable), ram + 4096);
    ck_assert(writable);
    ck_assert_ptr_null(harts->ops->page(harts, 0x10000000, &writable));
    ck_assert_ptr_null(harts->ops->page(harts, 0x3000, &writable));
}
END_TEST

START_TEST(device_sizes)
{
    uint64_t value;
    ck_assert(bus_read(bus, 0x10000010, 4, &value));
    ck_assert_uint_eq(value, 0xa5a50010);
    ck_assert(bus_read(bus, 0x10000012, 2, &value));
    ck_assert_uint_eq(value, 0x0012);
    ck_assert(bus_read(bus, 0x10000020, 8, &value)); /* wider: two pieces, the low one first */
    ck_assert_uint_eq(value, UINT64_C(0xa5a50024a5a50020));
    ck_assert_uint_eq(probe.count, 4);
    ck_assert_uint_eq(probe.offsets[2], 0x20);
    ck_assert_uint_eq(probe.offsets[3], 0x24);
    ck_assert(!bus_read(bus, 0x10000010, 1, &value)); /* narrower */
    ck_assert(!bus_read(bus, 0x10000011, 2, &value)); /* misaligned */
    ck_assert(!bus_read(bus, 0x10000012, 4, &value));
    ck_assert(!bus_read(bus, 0x100000fc, 8, &value)); /* across its end */
    ck_assert(!bus_read(bus, 0x10000100, 4, &value));
    ck_assert_uint_eq(probe.count, 4);
}
END_TEST

START_TEST(device_stores)
{
    ck_assert(bus_write(bus, 0x10000008, 8, UINT64_C(0x1122334455667788)));
    ck_assert(bus_write(bus, 0x10000002, 2, UINT64_C(0xffff1234)));
    ck_assert(!bus_write(bus, 0x10000001, 2, 1));
    ck_assert(!bus_write(bus, 0x10000004, 1, 1));
    ck_assert_uint_eq(probe.count, 3);
    ck_assert_uint_eq(probe.values[0], 0x55667788);
    ck_assert_uint_eq(probe.values[1], 0x11223344);
    ck_assert_uint_eq(probe.offsets[1], 12);
    ck_assert_uint_eq(probe.values[2], 0x1234);
    ck_assert_uint_eq(probe.sizes[2], 2);
}
END_TEST

START_TEST(devices_reach_only_ram)
{
    struct dma *dma = bus_for_devices(bus);
    ck_assert_ptr_eq(dma->ops->map(dma, RAM + 100, SIZE - 100, true), ram + 100);
    ck_assert_ptr_null(dma->ops->map(dma, RAM + 100, SIZE - 99, true));
    ck_assert_ptr_null(dma->ops->map(dma, RAM + 100, UINT64_MAX, false));
    ck_assert_ptr_null(dma->ops->map(dma, UINT64_MAX, 2, false));
    ck_assert_ptr_null(dma->ops->map(dma, 0x1000, 4, false));
    ck_assert_ptr_null(dma->ops->map(dma, 0x10000000, 4, false));
    ck_assert_ptr_null(dma->ops->map(dma, 0, 4, false));
}
END_TEST

/* The address that (uint64_t)pointer gives in C on RV32. */
START_TEST(sign_extended_addresses)
{
    struct dma *dma = bus_for_devices(bus);
    const uint64_t extended = RAM + 100 + 0xffffffff00000000;
    ck_assert_ptr_null(dma->ops->map(dma, extended, 4, true));
    ck_assert(!bus_for_harts(bus)->device_atomics);
    bus_be_lenient(bus, 64);
    ck_assert(bus_for_harts(bus)->device_atomics);
    ck_assert(bus_for_harts(bus)->sfence_is_fence_i);
    ck_assert_ptr_null(dma->ops->map(dma, extended, 4, true));
    bus_be_lenient(bus, 32);
    ck_assert_ptr_eq(dma->ops->map(dma, extended, 4, true), ram + 100);
    ck_assert_ptr_null(dma->ops->map(dma, UINT64_MAX, 2, false));
    ck_assert_ptr_null(dma->ops->map(dma, UINT64_MAX, UINT64_MAX, false));
    ck_assert_ptr_null(dma->ops->map(dma, 0xfffffffe00000000 | (RAM + 100), 4, false));
    bus_for_harts(bus)->ops->code_page(bus_for_harts(bus), RAM);
    dma->ops->written(dma, extended, 4);
    ck_assert_uint_eq(written_calls, 1);
}
END_TEST

START_TEST(stores_to_code)
{
    struct dma *dma = bus_for_devices(bus);
    struct hart_bus *harts = bus_for_harts(bus);
    dma->ops->written(dma, RAM, SIZE);
    ck_assert_uint_eq(written_calls, 0);
    harts->ops->code_page(harts, RAM + 2 * 4096);
    harts->ops->code_page(harts, 0x1000);      /* ROM: nobody stores there */
    harts->ops->code_page(harts, 0x10000000);  /* no memory at all */
    dma->ops->written(dma, RAM, 2 * 4096);     /* up to that page */
    dma->ops->written(dma, RAM + 3 * 4096, 1); /* after it */
    dma->ops->written(dma, RAM + 2 * 4096, 0);
    ck_assert_uint_eq(written_calls, 0);
    dma->ops->written(dma, RAM + 2 * 4096 - 1, 2);
    ck_assert_uint_eq(written_calls, 1);
    dma->ops->written(dma, RAM + 3 * 4096 - 1, 1);
    ck_assert_uint_eq(written_calls, 2);
    dma->ops->written(dma, RAM, SIZE);
    ck_assert_uint_eq(written_calls, 3);
    dma->ops->written(dma, RAM, SIZE + 1); /* not all of it is RAM */
    ck_assert_uint_eq(written_calls, 3);
}
END_TEST

/* Fills page `n` and gives it back; returns whether that was done. What the page holds then is in *byte. */
static bool discard_page(unsigned n, bool zeros, uint8_t *byte)
{
    struct dma *dma = bus_for_devices(bus);
    memset(ram + n * 4096, 0x77, 4096);
    bool done = dma->ops->discard(dma, RAM + n * 4096, 4096, zeros);
    *byte = ram[n * 4096 + 9];
    for (unsigned at = 0; at < 4096; at++)
        ck_assert_uint_eq(ram[n * 4096 + at], *byte);
    return done;
}

/* Pages of anonymous memory, of a shared file, of a private copy of a file. */
START_TEST(pages_given_back)
{
    struct dma *dma = bus_for_devices(bus);
    uint8_t byte, page[4096];
    int shared = memfd_create("shared", 0), file = memfd_create("file", 0);
    memset(page, 0x22, sizeof(page));
    ck_assert(ftruncate(shared, 4096) == 0 && write(file, page, sizeof(page)) == 4096);
    ck_assert(mmap(ram + 4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, shared, 0) !=
              MAP_FAILED);
    ck_assert(mmap(ram + 8192, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED);
    uint8_t *other = mmap(NULL, 4096, PROT_READ, MAP_SHARED, shared, 0);
    ck_assert(discard_page(0, true, &byte) && !byte);
    ck_assert(discard_page(1, true, &byte) && !byte);
    ck_assert_uint_eq(other[9], 0); /* another window to the same page */
    ck_assert(!discard_page(2, true, &byte) && byte == 0x77);
    ck_assert(discard_page(2, false, &byte) && byte == 0x22);
    /* All at once, in spite of the different kinds. */
    bus_mix_ram(bus);
    memset(ram, 0x77, SIZE);
    bus_for_harts(bus)->ops->code_page(bus_for_harts(bus), RAM + 3 * 4096);
    ck_assert(dma->ops->discard(dma, RAM, SIZE, false));
    ck_assert(!ram[0] && !ram[4096] && ram[8192] == 0x22 && !ram[3 * 4096]);
    ck_assert_uint_eq(written_calls, 1);
    ck_assert(!dma->ops->discard(dma, RAM, SIZE, true));
    munmap(other, 4096);
    close(shared);
    close(file);
}
END_TEST

/* RAM that is a file's: huge pages that were given back as a whole may be asked for again, others not. */
START_TEST(huge_pages_given_back)
{
    enum { CHUNKS = 3 };
    const uint64_t base = UINT64_C(0x100000000), chunk = MAP_HUGE_SIZE;
    struct dma *dma = bus_for_devices(bus);
    struct error error;
    bus_share_ram(bus);
    uint8_t *memory = bus_add_ram(bus, base, CHUNKS * chunk + 4096, &error);
    const struct hart_ram *shared = &bus_for_harts(bus)->ram;
    ck_assert_ptr_nonnull(memory);
    ck_assert(shared->host == memory && shared->used);
    memset(memory, 0x77, CHUNKS * chunk);
    *shared->used = 7;
    ck_assert(dma->ops->discard(dma, base + 4096, 2 * chunk - 4096, true)); /* all of one, a part of one */
    ck_assert_uint_eq(*shared->used, 5);
    ck_assert(memory[0] == 0x77 && !memory[4096] && !memory[2 * chunk - 1] && memory[2 * chunk] == 0x77);
    ck_assert(dma->ops->discard(dma, base, CHUNKS * chunk + 4096, true));
    ck_assert_uint_eq(*shared->used, 0);
}
END_TEST

START_TEST(pages_that_are_not_there)
{
    struct dma *dma = bus_for_devices(bus);
    static const uint64_t bad[][2] = { { RAM + 1, 4096 },           { RAM, 4095 },
                                       { RAM, SIZE + 4096 },        { RAM - 4096, 4096 },
                                       { RAM + SIZE, 4096 },        { 0x1000, 4096 },
                                       { 0x10000000, 4096 },        { 0, UINT64_MAX - 4095 },
                                       { UINT64_MAX - 4095, 4096 }, { RAM + 4096, UINT64_MAX - 4095 } };
    memset(ram, 0x77, SIZE);
    memset(rom, 0x77, 4096);
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
        ck_assert(!dma->ops->discard(dma, bad[n][0], bad[n][1], false));
    for (unsigned n = 0; n < SIZE; n++)
        ck_assert_uint_eq(ram[n], 0x77);
    ck_assert_uint_eq(rom[0], 0x77);
}
END_TEST

static void stored(void *opaque, uint64_t paddr, unsigned size)
{
    note(opaque, paddr - RAM, size, 0);
}

START_TEST(stores_are_told)
{
    struct hart_bus *harts = bus_for_harts(bus);
    struct error error;
    ck_assert(!hart_bus_is_told(harts, RAM));
    ck_assert(!bus_tell_stores(bus, RAM + 4, stored, &probe, &error));
    ck_assert(!bus_tell_stores(bus, RAM + SIZE, stored, &probe, &error));
    ck_assert(!bus_tell_stores(bus, UINT64_MAX - 7, stored, &probe, &error));
    ck_assert(bus_tell_stores(bus, RAM + 0x1008, stored, &probe, &error));
    ck_assert(bus_tell_stores(bus, RAM + 0x1ff8, stored, &probe, &error));
    ck_assert(bus_tell_stores(bus, RAM + 0x3000, stored, &probe, &error));
    ck_assert(!bus_tell_stores(bus, RAM + 0x2000, stored, &probe, &error));
    ck_assert(hart_bus_is_told(harts, RAM + 0x1000) && hart_bus_is_told(harts, RAM + 0x3000));
    ck_assert(!hart_bus_is_told(harts, RAM) && !hart_bus_is_told(harts, RAM + 0x2000));
    harts->ops->stored(harts, RAM + 0x1008, 4);
    ck_assert(probe.count == 1 && probe.offsets[0] == 0x1008 && probe.sizes[0] == 4);
}
END_TEST

START_TEST(layout_errors)
{
    struct error error;
    ck_assert_ptr_null(bus_add_ram(bus, RAM + 4096, 4096, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "overlaps"));
    ck_assert_ptr_null(bus_add_ram(bus, RAM - 4096, 8192, &error));
    ck_assert_ptr_null(bus_add_ram(bus, 0x40000000, 4095, &error));
    ck_assert_ptr_null(bus_add_ram(bus, 0x40000001, 4096, &error));
    ck_assert_ptr_null(bus_add_ram(bus, 0x40000000, 0, &error));
    ck_assert(!bus_add_device(bus, 0x10000080, &probe.device, &error));
    ck_assert(!bus_add_device(bus, UINT64_MAX - 0x10, &probe.device, &error));
    ck_assert_ptr_eq(bus_host(bus, RAM, SIZE), ram);
    ck_assert_ptr_null(bus_host(bus, RAM, SIZE + 1));
    ck_assert_ptr_null(bus_host(bus, 0x10000000, 1));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bus");
    TCase *tests = tcase_create("bus");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, ram_any_alignment);
    tcase_add_test(tests, ends_of_regions);
    tcase_add_test(tests, rom_ignores_stores);
    tcase_add_test(tests, device_sizes);
    tcase_add_test(tests, device_stores);
    tcase_add_test(tests, devices_reach_only_ram);
    tcase_add_test(tests, sign_extended_addresses);
    tcase_add_test(tests, stores_to_code);
    tcase_add_test(tests, pages_given_back);
    tcase_add_test(tests, huge_pages_given_back);
    tcase_add_test(tests, pages_that_are_not_there);
    tcase_add_test(tests, stores_are_told);
    tcase_add_test(tests, layout_errors);
    suite_add_tcase(suite, tests);
    return suite;
}
