/* SPDX-License-Identifier: MIT
 *
 * ramfb: what firmware writes to etc/ramfb, well and badly, and pictures that change without notice.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/platform/fw_cfg.h"
#include "devices/platform/ramfb.h"
#include "tests/suite.h"

#define RAM_SIZE   0x100000u
#define BLOCK_AT   0x1000u
#define FILE_AT    0x2000u
#define PICTURE_AT 0x10000u
#define XR24       0x34325258u
#define RG16       0x36314752u
#define RG24       0x34324752u

static uint8_t *ram;
static struct display *display;
static struct device *fw_cfg;
static struct ramfb *ramfb;

static void *ram_map(struct dma *dma, uint64_t paddr, uint64_t length, bool write)
{
    (void)dma, (void)write;
    return paddr < RAM_SIZE && length <= RAM_SIZE - paddr ? ram + paddr : NULL;
}

static void ram_written(struct dma *dma, uint64_t paddr, uint64_t length)
{
    (void)dma, (void)paddr, (void)length;
}

static const struct dma_ops ram_ops = { .map = ram_map, .written = ram_written };
static struct dma dma = { &ram_ops };

static void setup(void)
{
    struct error error;
    ram = calloc(1, RAM_SIZE);
    display = display_create(64, 48, &error);
    fw_cfg = fw_cfg_create(&(struct fw_cfg_config){ &dma }, &error);
    ramfb = ramfb_create(&(struct ramfb_config){ display, fw_cfg, &dma }, &error);
    ck_assert_ptr_nonnull(ramfb);
}

static void teardown(void)
{
    ramfb_destroy(ramfb);
    fw_cfg->ops->destroy(fw_cfg);
    display_destroy(display);
    free(ram);
}

static void put32(uint32_t at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(ram + at, &value, 4);
}

/* The file is the first in the directory: key 0x20. */
static void configure(uint64_t paddr, uint32_t fourcc, uint32_t width, uint32_t height, uint32_t stride)
{
    put32(FILE_AT, (uint32_t)(paddr >> 32));
    put32(FILE_AT + 4, (uint32_t)paddr);
    put32(FILE_AT + 8, fourcc);
    put32(FILE_AT + 12, 0);
    put32(FILE_AT + 16, width);
    put32(FILE_AT + 20, height);
    put32(FILE_AT + 24, stride);
    put32(BLOCK_AT, 0x20u << 16 | 8 | 16);
    put32(BLOCK_AT + 4, 28);
    put32(BLOCK_AT + 8, 0);
    put32(BLOCK_AT + 12, FILE_AT);
    fw_cfg->ops->write(fw_cfg, 16, 8, __builtin_bswap64(BLOCK_AT));
    uint32_t status;
    memcpy(&status, ram + BLOCK_AT, 4);
    ck_assert_uint_eq(status, 0);
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    struct display_frame frame = display_lock(display, NULL);
    uint32_t value = x < frame.width && y < frame.height ? frame.pixels[y * frame.width + x] : 0xdeadbeef;
    display_unlock(display);
    return value & 0xffffff;
}

START_TEST(shows_what_changes)
{
    uint32_t *picture = (uint32_t *)(void *)(ram + PICTURE_AT);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    configure(PICTURE_AT, XR24, 40, 33, 200);
    picture[50 * 32 + 39] = 0xabcdef;
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(39, 32), 0xabcdef);
    ck_assert_int_eq(display_refresh(display), DISPLAY_UNCHANGED);
    picture[50 * 20 + 1] = 0x123456;
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(1, 20), 0x123456);
    ramfb_reset(ramfb);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    ck_assert_uint_eq(pixel(1, 20), 0);
}
END_TEST

START_TEST(knows_the_formats)
{
    configure(PICTURE_AT, RG16, 16, 16, 0);
    ram[PICTURE_AT + 2] = 0x1f; /* blue */
    ram[PICTURE_AT + 5] = 0xf8; /* red */
    display_refresh(display);
    ck_assert_uint_eq(pixel(1, 0), 0x0000ff);
    ck_assert_uint_eq(pixel(2, 0), 0xff0000);
    configure(PICTURE_AT, RG24, 16, 16, 48);
    memcpy(ram + PICTURE_AT + 48 + 3, "\x11\x22\x33", 3);
    display_refresh(display);
    ck_assert_uint_eq(pixel(1, 1), 0x332211);
}
END_TEST

/* The picture of a device tree is there from the start, and stays. */
START_TEST(fixed)
{
    static const struct ramfb_fixed bad[] = {
        { PICTURE_AT, "r5g6b5", 16, 16, 31 },     { PICTURE_AT, "a1r5g5b5", 16, 16, 64 },
        { PICTURE_AT, "r5g6b5", 0, 16, 32 },      { PICTURE_AT, "r5g6b5", 16, 0x80000001, 32 },
        { RAM_SIZE - 100, "r5g6b5", 16, 16, 32 }, { UINT64_MAX - 10, "r5g6b5", 16, 16, 32 },
    };
    struct ramfb_config config = { .display = display, .dma = &dma };
    struct ramfb_fixed picture = { PICTURE_AT, "r5g6b5", 40, 33, 96 };
    struct error error;
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        ck_assert_ptr_null(ramfb_create_fixed(&config, &bad[n], &error));
        ck_assert_uint_eq(ramfb_fixed_bytes(&bad[n]), n < 4 ? 0 : 512);
    }
    ck_assert_uint_eq(ramfb_fixed_bytes(&picture), 33 * 96);
    struct ramfb *second = ramfb_create_fixed(&config, &picture, &error);
    ck_assert_ptr_nonnull(second);
    ram[PICTURE_AT + 96 * 32 + 2 * 39] = 0x1f;
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(39, 32), 0x0000ff);
    ramfb_reset(second);
    ram[PICTURE_AT + 3] = 0xf8;
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(1, 0), 0xff0000);
    ramfb_destroy(second);
}
END_TEST

START_TEST(refuses_nonsense)
{
    static const struct {
        uint64_t paddr;
        uint32_t fourcc, width, height, stride;
    } bad[] = {
        { PICTURE_AT, 0x12345678, 10, 10, 0 }, { PICTURE_AT, XR24, 10, 0, 0 },
        { PICTURE_AT, XR24, 8193, 10, 0 },     { PICTURE_AT, XR24, 0xffffffff, 0xffffffff, 0 },
        { PICTURE_AT, XR24, 10, 10, 39 },      { PICTURE_AT, XR24, 10, 10, 0xffffffff },
        { RAM_SIZE - 399, XR24, 10, 10, 0 },   { UINT64_MAX, XR24, 10, 10, 0 },
        { PICTURE_AT, XR24, 8192, 8192, 0 },
    };
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        configure(bad[n].paddr, bad[n].fourcc, bad[n].width, bad[n].height, bad[n].stride);
        ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
    }
    configure(RAM_SIZE - 400, XR24, 10, 10, 0);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    configure(0, 0, 0, 0, 0);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CALM);
}
END_TEST

START_TEST(state_is_that_of_the_file)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    configure(PICTURE_AT, XR24, 20, 10, 0);
    ram[PICTURE_AT + 4] = 0x77;
    state_writer_init(&writer);
    fw_cfg->ops->save(fw_cfg, &writer);
    ramfb_reset(ramfb);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(fw_cfg->ops->load(fw_cfg, &reader), "%s", error.text);
    ck_assert_int_eq(display_refresh(display), DISPLAY_CHANGED);
    ck_assert_uint_eq(pixel(1, 0), 0x77);
    state_writer_destroy(&writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ramfb");
    TCase *tests = tcase_create("ramfb");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, shows_what_changes);
    tcase_add_test(tests, knows_the_formats);
    tcase_add_test(tests, fixed);
    tcase_add_test(tests, refuses_nonsense);
    tcase_add_test(tests, state_is_that_of_the_file);
    suite_add_tcase(suite, tests);
    return suite;
}
