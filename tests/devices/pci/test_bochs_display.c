/* SPDX-License-Identifier: MIT
 *
 * bochs-display, and the same registers in virtio-vga, through their BARs: modes, good and impossible, what
 * is drawn and when, and a guest that writes anything anywhere.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/display/edid.h"
#include "devices/pci/bochs_display.h"
#include "devices/virtio/gpu/gpu.h"
#include "devices/virtio/transport/pci.h"
#include "tests/suite.h"

#define VBE(index) (0x500u + 2 * (index))
#define MEMORY     0x1000000u

static struct display *display;
static struct pci_bus bus;
static struct pci_function *function;

static void plug(void)
{
    struct error error;
    ck_assert_ptr_nonnull(function);
    ck_assert(pci_bus_init(&bus, &error));
    ck_assert(pci_bus_plug(&bus, function, 1, 0, &error));
}

static void setup_bochs(void)
{
    struct error error;
    display = display_create(64, 48, &error);
    function = bochs_display_create(&(struct bochs_display_config){ display, 1024, 768, false }, &error);
    plug();
}

static void setup_vga(void)
{
    struct error error;
    display = display_create(64, 48, &error);
    struct bochs_vbe_config vbe = { "virtio-vga", display, 1024, 768 };
    struct virtio_gpu_config gpu = { display, 1024, 768, 0 };
    struct virtio_pci_config config = { .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    config.vga = bochs_vbe_create(&vbe, &error);
    struct virtio_device *device = virtio_gpu_create(&gpu, &error);
    ck_assert(config.vga && device);
    function = virtio_pci_create(&config, device, &error);
    plug();
}

static void teardown(void)
{
    pci_bus_destroy(&bus);
    display_destroy(display);
}

static uint64_t get(unsigned bar, uint64_t offset, unsigned size)
{
    return pci_bar_read(&function->bars[bar], offset, size);
}

static void put(unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    pci_bar_write(&function->bars[bar], offset, size, value);
}

static void set_mode(unsigned width, unsigned height, unsigned bits)
{
    put(2, VBE(4), 2, 0);
    put(2, VBE(1), 2, width);
    put(2, VBE(2), 2, height);
    put(2, VBE(3), 2, bits);
    put(2, VBE(4), 2, 0x41);
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    struct display_frame frame = display_lock(display, NULL);
    uint32_t value = x < frame.width && y < frame.height ? frame.pixels[y * frame.width + x] : 0xdeadbeef;
    display_unlock(display);
    return value;
}

START_TEST(says_what_it_is)
{
    uint8_t edid[EDID_SIZE];
    edid_make(edid, 1024, 768);
    for (unsigned n = 0; n < EDID_SIZE; n++)
        ck_assert_uint_eq(get(2, n, 1), edid[n]);
    ck_assert_uint_eq(get(2, VBE(0), 2), 0xb0c5);
    ck_assert_uint_eq(get(2, VBE(10), 2), MEMORY >> 16);
    ck_assert_uint_eq(get(2, 0x604, 4), 0x1e1e1e1e);
    put(2, VBE(0), 2, 1);
    put(2, VBE(10), 2, 1);
    put(2, 0, 4, 1);
    ck_assert_uint_eq(get(2, VBE(0), 2), 0xb0c5);
    ck_assert_uint_eq(get(2, VBE(10), 2), MEMORY >> 16);
    ck_assert_uint_eq(get(2, 0, 1), edid[0]);
}
END_TEST

START_TEST(bochs_is_alone)
{
    ck_assert_uint_eq(pci_config_read(function, PCI_VENDOR_ID, 4), 0x11111234);
    ck_assert_uint_eq(pci_config_read(function, PCI_REVISION, 4) >> 8, 0x038000);
}
END_TEST

START_TEST(vga_has_virtio_behind)
{
    ck_assert_uint_eq(pci_config_read(function, PCI_VENDOR_ID, 4), 0x10501af4);
    ck_assert_uint_eq(pci_config_read(function, PCI_REVISION, 4) >> 8, 0x030000);
    /* The common configuration (Virtio 1.2 section 4.1.4): its BAR and its offset there. */
    ck_assert_uint_eq(pci_config_read(function, 0x40 + 3, 1), 1);
    ck_assert_uint_eq(pci_config_read(function, 0x40 + 4, 1), 2);
    ck_assert_uint_eq(pci_config_read(function, 0x40 + 8, 4), 0x1000);
    ck_assert_uint_eq(get(2, 0x1000 + 18, 2), 2); /* queues */
    put(2, 0x1000 + 20, 1, 3);
    ck_assert_uint_eq(get(2, 0x1000 + 20, 1), 3);
    /* The device's own registers end where virtio's begin, and virtio's end before the BAR does. */
    set_mode(100, 50, 32);
    ck_assert_uint_eq(get(2, 0x1000 + 20, 1), 3);
    put(2, 0x5000, 4, UINT32_MAX);
    ck_assert_uint_eq(get(2, 0x5000, 4), 0);
    ck_assert_uint_eq(get(2, 0x7ffc, 4), 0);
}
END_TEST

START_TEST(takes_anything)
{
    unsigned seed =
        getenv("RVIVE_SEED") ? (unsigned)strtoul(getenv("RVIVE_SEED"), NULL, 0) : (unsigned)time(NULL);
    printf("seed %u (RVIVE_SEED=%u repeats it)\n", seed, seed);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned size = 1u << rand_r(&seed) % 4;
        unsigned value = (unsigned)rand_r(&seed) >> rand_r(&seed) % 31;
        unsigned at = (unsigned)rand_r(&seed) & -size;
        switch (rand_r(&seed) % 4) {
        case 0: put(0, at % MEMORY, size, value); break;
        case 1: put(2, VBE(at % 12), 2, value % 9000); break;
        case 2: put(2, at % 0x1000, size, value); break;
        default: get(2, at % 0x1000, size); break;
        }
        if (n % 64 == 0)
            display_refresh(display);
    }
    pci_function_reset(function);
    set_mode(100, 50, 32);
    put(0, 0, 4, 0xabcdef);
    display_refresh(display);
    ck_assert_uint_eq(pixel(0, 0), 0xabcdef);
}
END_TEST

START_TEST(draws_rows_that_changed)
{
    set_mode(101, 50, 32);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_int_eq(display_refresh(display), DISPLAY_UNCHANGED);
    put(0, 4 * (101 * 49 + 99), 4, 0x123456);
    put(0, 4 * 101 * 3 - 4, 8, 0x00ffee0000aabbccull); /* across the end of row 2 */
    ck_assert_uint_eq(pixel(99, 49), 0);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(99, 49), 0x123456);
    ck_assert_int_eq(display_refresh(display), DISPLAY_UNCHANGED);
    ck_assert_uint_eq(pixel(100, 2), 0xaabbcc);
    ck_assert_uint_eq(pixel(0, 3), 0xffee00);
    ck_assert_uint_eq(get(0, 4 * 101 * 3, 4), 0xffee00);
    put(0, MEMORY - 8, 8, 1); /* far beyond the picture */
    ck_assert_int_eq(display_refresh(display), DISPLAY_UNCHANGED);
    /* Scrolled by two rows. */
    put(2, VBE(9), 2, 2);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(100, 0), 0xaabbcc);
    put(2, VBE(4), 2, 0);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
}
END_TEST

START_TEST(has_sixteen_bits_and_wide_rows)
{
    put(2, VBE(6), 2, 256);
    set_mode(100, 50, 16);
    put(0, 2 * 256 + 2, 2, 0xf81f);
    display_refresh(display);
    ck_assert_uint_eq(pixel(1, 1), 0xff00ff);
}
END_TEST

START_TEST(refuses_impossible_modes)
{
    static const struct {
        unsigned width, height, bits;
    } bad[] = { { 0, 10, 32 },   { 10, 0, 32 },      { 10, 10, 8 },
                { 8193, 1, 32 }, { 4096, 4096, 32 }, { 65535, 65535, 32 } };
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        set_mode(100, 50, 32);
        ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
        set_mode(bad[n].width, bad[n].height, bad[n].bits);
        ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
        put(0, MEMORY - 8, 8, n);
    }
    put(2, VBE(6), 2, 0xffff);
    put(2, VBE(9), 2, 0xffff);
    set_mode(100, 50, 32);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    /* The last row may end where the memory does, and not one row later. */
    put(2, VBE(6), 2, 1024);
    put(2, VBE(9), 2, 4096 - 50);
    set_mode(1024, 50, 32);
    put(0, MEMORY - 8, 8, 0x0011223300445566ull);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(1023, 49), 0x112233);
    put(2, VBE(9), 2, 4096 - 49);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    ck_assert_uint_eq(get(0, MEMORY, 4), UINT32_MAX);
}
END_TEST

START_TEST(state_survives)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    set_mode(100, 50, 32);
    put(0, 0, 4, 0xabcdef);
    state_writer_init(&writer);
    pci_function_save(function, &writer);
    pci_function_reset(function);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    put(0, 0, 4, 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(pci_function_load(function, &reader), "%s", error.text);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(0, 0), 0xabcdef);
    state_reader_init(&reader, writer.bytes, writer.length / 2, &error);
    ck_assert(!pci_function_load(function, &reader));
    state_writer_destroy(&writer);
}
END_TEST

static TCase *add_tests(Suite *suite, const char *name, void (*setup)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, says_what_it_is);
    tcase_add_test(tests, draws_rows_that_changed);
    tcase_add_test(tests, has_sixteen_bits_and_wide_rows);
    tcase_add_test(tests, refuses_impossible_modes);
    tcase_add_test(tests, state_survives);
    tcase_add_test(tests, takes_anything);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("bochs_display");
    tcase_add_test(add_tests(suite, "bochs-display", setup_bochs), bochs_is_alone);
    tcase_add_test(add_tests(suite, "virtio-vga", setup_vga), vga_has_virtio_behind);
    return suite;
}
