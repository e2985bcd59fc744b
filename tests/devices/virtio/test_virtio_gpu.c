/* SPDX-License-Identifier: MIT
 *
 * The virtio graphics device through its queues: a picture goes from guest memory to the display, and the
 * commands of a hostile guest are refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/display/edid.h"
#include "devices/virtio/gpu/gpu.h"
#include "devices/virtio/gpu/internal.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define CONTROL_AT (GUEST_RAM_BASE + 0x10000)
#define CURSOR_AT  (GUEST_RAM_BASE + 0x14000)
#define COMMAND_AT (GUEST_RAM_BASE + 0x20000)
#define ANSWER_AT  (GUEST_RAM_BASE + 0x30000)
#define PIXELS_AT  (GUEST_RAM_BASE + 0x40000)
#define LIMIT      (1u << 20)

static struct guest guest;
static struct ring control, cursor;
static struct display *display;

static void setup(void)
{
    struct error error;
    display = display_create(640, 480, &error);
    guest_init(&guest, false);
    struct virtio_gpu_config config = {
        .display = display, .width = 800, .height = 600, .memory_limit = LIMIT
    };
    struct virtio_device *device = virtio_gpu_create(&config, &error);
    ck_assert_ptr_nonnull(device);
    guest_plug(&guest, device);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 16);
    guest_negotiate(&guest, 2);
    guest_ring(&guest, &control, 0, 8, CONTROL_AT);
    guest_ring(&guest, &cursor, 1, 8, CURSOR_AT);
    guest_driver_ok(&guest);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

/* Sends a command of that length and returns the type of the response. */
static uint32_t run_bytes(const void *command, size_t length, uint32_t room)
{
    uint32_t written = 0;
    memcpy(guest_host(&guest, COMMAND_AT), command, length);
    memset(guest_host(&guest, ANSWER_AT), 0xee, 2048);
    ring_desc(&control, 0, COMMAND_AT, (uint32_t)length, room ? DESC_NEXT : 0, 1);
    ring_desc(&control, 1, ANSWER_AT, room, DESC_WRITE, 0);
    ring_offer(&control, 0);
    ring_kick(&control);
    ck_assert(ring_take(&control, NULL, &written));
    if (room >= sizeof(struct gpu_header))
        ck_assert_uint_ge(written, sizeof(struct gpu_header));
    ck_assert_uint_le(written, room);
    uint32_t type;
    memcpy(&type, guest_host(&guest, ANSWER_AT), sizeof(type));
    return type;
}
#define run(command) run_bytes(&(command), sizeof(command), 2048)

static struct gpu_header header(uint32_t type)
{
    return (struct gpu_header){ .type = type };
}

static uint32_t create(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    struct gpu_create_2d command = { header(GPU_RESOURCE_CREATE_2D), id, format, width, height };
    return run(command);
}

/* Attaches `count` entries of `length` bytes each from `paddr` on. */
static uint32_t attach(uint32_t id, uint32_t count, uint64_t paddr, uint32_t length)
{
    struct {
        struct gpu_resource_command command;
        struct gpu_backing_entry entries[64];
    } all = { .command = { header(GPU_ATTACH_BACKING), id, count } };
    unsigned listed = count < 64 ? count : 64;
    for (unsigned n = 0; n < listed; n++)
        all.entries[n] = (struct gpu_backing_entry){ paddr + (uint64_t)n * length, length, 0 };
    return run_bytes(&all, sizeof(all.command) + listed * sizeof(all.entries[0]), 64);
}

static uint32_t simple(uint32_t type, uint32_t id)
{
    struct gpu_resource_command command = { header(type), id, 0 };
    return run(command);
}

static uint32_t transfer(uint32_t id, struct gpu_rect rect, uint64_t offset)
{
    struct gpu_transfer command = { header(GPU_TRANSFER_TO_HOST_2D), rect, offset, id, 0 };
    return run(command);
}

static uint32_t set_scanout(uint32_t scanout, uint32_t id, struct gpu_rect rect)
{
    struct gpu_set_scanout command = { header(GPU_SET_SCANOUT), rect, scanout, id };
    return run(command);
}

static uint32_t flush(uint32_t id, struct gpu_rect rect)
{
    struct gpu_flush command = { header(GPU_RESOURCE_FLUSH), rect, id, 0 };
    return run(command);
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    struct display_frame frame = display_lock(display, NULL);
    uint32_t value = x < frame.width && y < frame.height ? frame.pixels[y * frame.width + x] : 0xdeadbeef;
    display_unlock(display);
    return value;
}

static uint32_t *guest_pixels(void)
{
    return guest_host(&guest, PIXELS_AT);
}

START_TEST(tells_size_and_edid)
{
    struct gpu_header info = header(GPU_GET_DISPLAY_INFO);
    struct gpu_display_info answer;
    info.flags = GPU_FLAG_FENCE;
    info.fence_id = 0x1234567890;
    ck_assert_uint_eq(run(info), GPU_OK_DISPLAY_INFO);
    memcpy(&answer, guest_host(&guest, ANSWER_AT), sizeof(answer));
    ck_assert_uint_eq(answer.header.flags, GPU_FLAG_FENCE);
    ck_assert_uint_eq(answer.header.fence_id, 0x1234567890);
    ck_assert_uint_eq(answer.modes[0].rect.width, 800);
    ck_assert_uint_eq(answer.modes[0].rect.height, 600);
    ck_assert_uint_eq(answer.modes[0].enabled, 1);
    ck_assert_uint_eq(answer.modes[1].enabled, 0);
    uint8_t expected[EDID_SIZE];
    struct gpu_edid edid;
    edid_make(expected, 800, 600);
    ck_assert_uint_eq(simple(GPU_GET_EDID, 0), GPU_OK_EDID);
    memcpy(&edid, guest_host(&guest, ANSWER_AT), sizeof(edid));
    ck_assert_uint_eq(edid.size, EDID_SIZE);
    ck_assert_mem_eq(edid.edid, expected, EDID_SIZE);
    ck_assert_uint_eq(simple(GPU_GET_EDID, 1), GPU_ERR_SCANOUT);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 8), 1);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 12), 0);
}
END_TEST

START_TEST(shows_a_picture)
{
    /* 32 x 8 in pieces of 100 bytes: rows cross the entries. */
    for (uint32_t n = 0; n < 256; n++)
        guest_pixels()[n] = 0x010101 * n;
    ck_assert_uint_eq(create(7, 2, 32, 8), GPU_OK_NODATA);
    ck_assert_uint_eq(attach(7, 11, PIXELS_AT, 100), GPU_OK_NODATA);
    ck_assert_uint_eq(transfer(7, (struct gpu_rect){ 0, 0, 32, 8 }, 0), GPU_OK_NODATA);
    ck_assert_uint_eq(set_scanout(0, 7, (struct gpu_rect){ 0, 0, 32, 8 }), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(31, 7), 0);
    ck_assert_uint_eq(flush(7, (struct gpu_rect){ 0, 0, 32, 8 }), GPU_OK_NODATA);
    for (uint32_t n = 0; n < 256; n++)
        ck_assert_uint_eq(pixel(n % 32, n / 32), 0x010101 * n);
    /* One part: only that part changes, and only when it is flushed. */
    for (uint32_t n = 0; n < 256; n++)
        guest_pixels()[n] = 0xff0000 + n;
    ck_assert_uint_eq(transfer(7, (struct gpu_rect){ 30, 3, 2, 2 }, (3 * 32 + 30) * 4), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(30, 3), 0x010101 * (3 * 32 + 30));
    ck_assert_uint_eq(flush(7, (struct gpu_rect){ 30, 0, 2, 4 }), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(30, 3), 0xff0000 + 3 * 32 + 30);
    ck_assert_uint_eq(pixel(31, 4), 0x010101 * (4 * 32 + 31));
    ck_assert_uint_eq(pixel(29, 3), 0x010101 * (3 * 32 + 29));
    /* A part of the resource becomes the scanout. */
    ck_assert_uint_eq(set_scanout(0, 7, (struct gpu_rect){ 30, 3, 2, 5 }), GPU_OK_NODATA);
    ck_assert_uint_eq(flush(7, (struct gpu_rect){ 0, 0, 32, 8 }), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(1, 1), 0xff0000 + 4 * 32 + 31);
    ck_assert_uint_eq(pixel(2, 0), 0xdeadbeef);
    /* Without its resource the scanout is off. */
    ck_assert_uint_eq(simple(GPU_DETACH_BACKING, 7), GPU_OK_NODATA);
    ck_assert_uint_eq(simple(GPU_RESOURCE_UNREF, 7), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(639, 479), 0);
}
END_TEST

START_TEST(knows_the_formats)
{
    static const struct {
        uint32_t format;
        uint8_t bytes[4]; /* of red 0x11, green 0x22, blue 0x33 */
    } formats[] = {
        { 1, { 0x33, 0x22, 0x11, 0xff } },   { 2, { 0x33, 0x22, 0x11, 0 } },
        { 3, { 0xff, 0x11, 0x22, 0x33 } },   { 4, { 0, 0x11, 0x22, 0x33 } },
        { 67, { 0x11, 0x22, 0x33, 0xff } },  { 68, { 0, 0x33, 0x22, 0x11 } },
        { 121, { 0xff, 0x33, 0x22, 0x11 } }, { 134, { 0x11, 0x22, 0x33, 0 } },
    };
    struct gpu_rect one = { 0, 0, 1, 1 };
    for (unsigned n = 0; n < 8; n++) {
        memcpy(guest_pixels(), formats[n].bytes, 4);
        ck_assert_uint_eq(create(n + 1, formats[n].format, 1, 1), GPU_OK_NODATA);
        ck_assert_uint_eq(attach(n + 1, 1, PIXELS_AT, 4), GPU_OK_NODATA);
        ck_assert_uint_eq(transfer(n + 1, one, 0), GPU_OK_NODATA);
        ck_assert_uint_eq(set_scanout(0, n + 1, one), GPU_OK_NODATA);
        ck_assert_uint_eq(flush(n + 1, one), GPU_OK_NODATA);
        ck_assert_uint_eq(pixel(0, 0) & 0xffffff, 0x112233);
    }
    ck_assert_uint_eq(create(100, 5, 1, 1), GPU_ERR_PARAMETER);
}
END_TEST

START_TEST(refuses_bad_resources)
{
    ck_assert_uint_eq(create(0, 2, 1, 1), GPU_ERR_RESOURCE);
    ck_assert_uint_eq(create(1, 2, 0, 1), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(create(1, 2, 0x40000000, 4), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(create(1, 2, 0xffffffff, 0xffffffff), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(create(1, 2, 8192, 8192), GPU_ERR_OUT_OF_MEMORY);
    ck_assert_uint_eq(create(1, 2, 256, 256), GPU_OK_NODATA);
    ck_assert_uint_eq(create(1, 2, 1, 1), GPU_ERR_RESOURCE);
    /* A quarter of the limit is in use; memory that is given back can be used again, as often as the guest
     * likes. */
    unsigned made = 1;
    while (create(made + 1, 2, 256, 256) == GPU_OK_NODATA)
        made++;
    ck_assert_uint_eq(made, 3);
    for (unsigned n = 0; n < 100; n++) {
        ck_assert_uint_eq(simple(GPU_RESOURCE_UNREF, 2), GPU_OK_NODATA);
        ck_assert_uint_eq(create(2, 2, 256, 256), GPU_OK_NODATA);
        ck_assert_uint_eq(attach(2, 8, PIXELS_AT, 16), GPU_OK_NODATA);
    }
    ck_assert_uint_eq(simple(GPU_RESOURCE_UNREF, 0), GPU_ERR_RESOURCE);
    ck_assert_uint_eq(simple(GPU_RESOURCE_UNREF, 99), GPU_ERR_RESOURCE);
}
END_TEST

START_TEST(refuses_bad_backings)
{
    uint64_t end = GUEST_RAM_BASE + GUEST_RAM_SIZE;
    ck_assert_uint_eq(create(1, 2, 4, 4), GPU_OK_NODATA);
    ck_assert_uint_eq(attach(9, 1, PIXELS_AT, 64), GPU_ERR_RESOURCE);
    ck_assert_uint_eq(attach(1, 0, PIXELS_AT, 64), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(attach(1, 0xffffffff, PIXELS_AT, 64), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(attach(1, GPU_BACKING_MAX, PIXELS_AT, 64), GPU_ERR_PARAMETER); /* 64 entries follow */
    ck_assert_uint_eq(attach(1, 1, 0x1000, 64), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(attach(1, 1, end - 63, 64), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(attach(1, 1, UINT64_MAX - 3, 64), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(attach(1, 1, PIXELS_AT, 0), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(simple(GPU_DETACH_BACKING, 1), GPU_ERR_UNSPEC);
    ck_assert_uint_eq(transfer(1, (struct gpu_rect){ 0, 0, 1, 1 }, 0), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(attach(1, 1, end - 64, 64), GPU_OK_NODATA);
    ck_assert_uint_eq(attach(1, 1, end - 64, 64), GPU_ERR_UNSPEC);
}
END_TEST

START_TEST(refuses_bad_rectangles)
{
    static const struct gpu_rect bad[] = {
        { 5, 0, 1, 1 },          { 0, 0, 5, 1 },          { 4, 0, 1, 1 },
        { 0, 3, 1, 2 },          { 0xffffffff, 0, 2, 1 }, { 1, 1, 0xffffffff, 0xffffffff },
        { 0, 0xfffffffe, 1, 4 },
    };
    ck_assert_uint_eq(create(1, 2, 4, 4), GPU_OK_NODATA);
    ck_assert_uint_eq(attach(1, 1, PIXELS_AT, 64), GPU_OK_NODATA);
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        ck_assert_uint_eq(transfer(1, bad[n], 0), GPU_ERR_PARAMETER);
        ck_assert_uint_eq(set_scanout(0, 1, bad[n]), GPU_ERR_PARAMETER);
        ck_assert_uint_eq(flush(1, bad[n]), GPU_ERR_PARAMETER);
    }
    struct gpu_rect all = { 0, 0, 4, 4 };
    ck_assert_uint_eq(transfer(1, all, 1), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(transfer(1, all, UINT64_MAX), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(transfer(1, all, 0), GPU_OK_NODATA);
    ck_assert_uint_eq(transfer(1, (struct gpu_rect){ 3, 3, 1, 1 }, 60), GPU_OK_NODATA);
    ck_assert_uint_eq(transfer(1, (struct gpu_rect){ 3, 3, 1, 1 }, 61), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(set_scanout(1, 1, all), GPU_ERR_SCANOUT);
    ck_assert_uint_eq(set_scanout(0, 2, all), GPU_ERR_RESOURCE);
    ck_assert_uint_eq(set_scanout(0, 1, (struct gpu_rect){ 0, 0, 0, 4 }), GPU_ERR_PARAMETER);
    ck_assert_uint_eq(flush(3, all), GPU_ERR_RESOURCE);
}
END_TEST

START_TEST(survives_short_and_unknown_commands)
{
    struct gpu_transfer whole = { .header = header(GPU_TRANSFER_TO_HOST_2D) };
    for (size_t length = 1; length < sizeof(whole); length++)
        ck_assert_uint_eq(run_bytes(&whole, length, 64), GPU_ERR_UNSPEC);
    struct gpu_header other = header(0x200);
    ck_assert_uint_eq(run(other), GPU_ERR_UNSPEC);
    other = header(GPU_GET_CAPSET_INFO);
    ck_assert_uint_eq(run(other), GPU_ERR_PARAMETER);
    /* No room, or little, for the response. */
    other = header(GPU_GET_DISPLAY_INFO);
    run_bytes(&other, sizeof(other), 0);
    run_bytes(&other, sizeof(other), 10);
    ck_assert_uint_eq(run(other), GPU_OK_DISPLAY_INFO);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
}
END_TEST

static void send_cursor(uint32_t type, uint32_t resource, uint32_t x, uint32_t y)
{
    struct gpu_cursor command = {
        .header = header(type), .x = x, .y = y, .resource = resource, .hot_x = 3, .hot_y = 90
    };
    memcpy(guest_host(&guest, COMMAND_AT), &command, sizeof(command));
    ring_desc(&cursor, 0, COMMAND_AT, sizeof(command), 0, 0);
    ring_offer(&cursor, 0);
    ring_kick(&cursor);
    ck_assert(ring_take(&cursor, NULL, NULL));
}

/* Of format 1 (BGRA), and of format 2 (BGRX), as Linux makes them. */
START_TEST(sets_the_cursor)
{
    const struct display_cursor *seen;
    ck_assert_uint_eq(create(1, (uint32_t)_i, 64, 64), GPU_OK_NODATA);
    ck_assert_uint_eq(create(2, 1, 255, 255), GPU_OK_NODATA);
    guest_pixels()[64] = 0x80aabbcc;
    ck_assert_uint_eq(attach(1, 4, PIXELS_AT, 4096), GPU_OK_NODATA);
    ck_assert_uint_eq(transfer(1, (struct gpu_rect){ 0, 0, 64, 64 }, 0), GPU_OK_NODATA);
    send_cursor(GPU_UPDATE_CURSOR, 1, 10, 20);
    display_lock(display, &seen);
    ck_assert(seen->visible);
    ck_assert_uint_eq(seen->width, 64);
    ck_assert_uint_eq(seen->hot_x, 3);
    ck_assert_uint_eq(seen->hot_y, 63);
    ck_assert_uint_eq(seen->pixels[64], 0x80aabbcc);
    ck_assert_int_eq(seen->y, 20);
    display_unlock(display);
    send_cursor(GPU_MOVE_CURSOR, 0, 0xffffffff, 21);
    display_lock(display, &seen);
    ck_assert(seen->visible);
    ck_assert_int_eq(seen->x, -1);
    display_unlock(display);
    send_cursor(GPU_UPDATE_CURSOR, 2, 0, 0); /* too large: no cursor */
    display_lock(display, &seen);
    ck_assert(!seen->visible);
    display_unlock(display);
    send_cursor(GPU_UPDATE_CURSOR, 77, 0, 0);
    send_cursor(GPU_TRANSFER_TO_HOST_2D, 1, 0, 0);
    send_cursor(GPU_UPDATE_CURSOR, 0, 0, 0);
}
END_TEST

START_TEST(passes_on_the_window_size)
{
    struct gpu_header info = header(GPU_GET_DISPLAY_INFO);
    struct gpu_display_info answer;
    display_request_size(display, 1234, 567);
    ck_assert(atomic_load(&guest.irq));
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 2);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG), 1);
    guest_write(&guest, REG_CONFIG + 4, 1);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG), 0);
    guest_write(&guest, REG_ACK, 3);
    ck_assert_uint_eq(run(info), GPU_OK_DISPLAY_INFO);
    memcpy(&answer, guest_host(&guest, ANSWER_AT), sizeof(answer));
    ck_assert_uint_eq(answer.modes[0].rect.width, 1234);
    ck_assert_uint_eq(answer.modes[0].rect.height, 567);
    guest_write(&guest, REG_ACK, 3);
    display_request_size(display, 1234, 567);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 0);
}
END_TEST

START_TEST(state_survives)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    struct gpu_rect all = { 0, 0, 4, 4 };
    for (uint32_t n = 0; n < 16; n++)
        guest_pixels()[n] = n + 1;
    ck_assert_uint_eq(create(5, 2, 4, 4), GPU_OK_NODATA);
    ck_assert_uint_eq(attach(5, 2, PIXELS_AT, 32), GPU_OK_NODATA);
    ck_assert_uint_eq(transfer(5, all, 0), GPU_OK_NODATA);
    ck_assert_uint_eq(set_scanout(0, 5, all), GPU_OK_NODATA);
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    ck_assert(!writer.failed);
    guest_write(&guest, REG_STATUS, 0);
    ck_assert_uint_eq(pixel(639, 479), 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    ck_assert_uint_eq(pixel(3, 3), 16);
    guest_pixels()[15] = 99;
    ck_assert_uint_eq(transfer(5, all, 0), GPU_OK_NODATA);
    ck_assert_uint_eq(flush(5, all), GPU_OK_NODATA);
    ck_assert_uint_eq(pixel(3, 3), 99);
    /* A saved state that is cut short anywhere is refused, and the device is as after a reset. */
    for (size_t length = 0; length < writer.length; length += 13) {
        state_reader_init(&reader, writer.bytes, length, &error);
        ck_assert(!guest.slot->ops->load(guest.slot, &reader));
    }
    state_writer_destroy(&writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio_gpu");
    TCase *tests = tcase_create("virtio_gpu");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, tells_size_and_edid);
    tcase_add_test(tests, shows_a_picture);
    tcase_add_test(tests, knows_the_formats);
    tcase_add_test(tests, refuses_bad_resources);
    tcase_add_test(tests, refuses_bad_backings);
    tcase_add_test(tests, refuses_bad_rectangles);
    tcase_add_test(tests, survives_short_and_unknown_commands);
    tcase_add_loop_test(tests, sets_the_cursor, 1, 3);
    tcase_add_test(tests, passes_on_the_window_size);
    tcase_add_test(tests, state_survives);
    suite_add_tcase(suite, tests);
    return suite;
}
