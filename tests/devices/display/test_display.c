/* SPDX-License-Identifier: MIT
 *
 * The display core: damage, sources that take turns, input that finds its device, EDID, PNG.
 */
#include <fcntl.h>
#include <check.h>
#include <linux/input-event-codes.h>
#include <png.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/display/display.h"
#include "devices/display/edid.h"
#include "tests/suite.h"

static struct display *display;
static unsigned wakes;

static void on_wake(void *opaque)
{
    (void)opaque;
    wakes++;
}

static struct display_view view = { .wake = on_wake };

static void setup(void)
{
    struct error error;
    display = display_create(64, 48, &error);
    ck_assert_ptr_nonnull(display);
    wakes = 0;
    display_view_add(display, &view);
    display_view_take(display, &view);
}

static void teardown(void)
{
    display_view_remove(display, &view);
    display_destroy(display);
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    struct display_frame frame = display_lock(display, NULL);
    ck_assert(x < frame.width && y < frame.height);
    uint32_t value = frame.pixels[y * frame.width + x];
    display_unlock(display);
    return value;
}

static void expect_damage(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    struct display_changes changes = display_view_take(display, &view);
    ck_assert_uint_eq(changes.damage.x, x);
    ck_assert_uint_eq(changes.damage.y, y);
    ck_assert_uint_eq(changes.damage.width, width);
    ck_assert_uint_eq(changes.damage.height, height);
}

START_TEST(rectangles_intersect_without_overflow)
{
    struct display_rect a = { 10, 10, 20, 20 }, far = { UINT32_MAX, 5, UINT32_MAX, 10 };
    struct display_rect both =
        display_rect_intersect(a, (struct display_rect){ 25, 0, UINT32_MAX, UINT32_MAX });
    ck_assert_uint_eq(both.x, 25);
    ck_assert_uint_eq(both.width, 5);
    ck_assert_uint_eq(both.height, 20);
    ck_assert_uint_eq(display_rect_intersect(a, far).width, 0);
    ck_assert_uint_eq(display_rect_intersect(a, (struct display_rect){ 30, 10, 5, 5 }).width, 0);
}
END_TEST

START_TEST(drawing_wakes_once_and_adds_damage)
{
    static const uint32_t pixels[4] = { 1, 2, 3, 4 };
    struct display_source source = { .name = "test" };
    display_source_add(display, &source);
    ck_assert(display_show(display, &source, 32, 16));
    struct display_changes changes = display_view_take(display, &view);
    ck_assert(changes.resized);
    ck_assert_uint_eq(changes.damage.width, 32);
    wakes = 0;
    display_draw(display, &source, pixels, 8, (struct display_rect){ 4, 5, 2, 2 });
    display_draw(display, &source, pixels, 8, (struct display_rect){ 10, 7, 2, 2 });
    ck_assert_uint_eq(wakes, 1);
    expect_damage(4, 5, 8, 4);
    expect_damage(0, 0, 0, 0);
    ck_assert_uint_eq(pixel(5, 6), 4);
    ck_assert_uint_eq(pixel(10, 7), 1);
    ck_assert_uint_eq(pixel(12, 7), 0);
    /* Half of it is outside. */
    display_draw(display, &source, pixels, 8, (struct display_rect){ 31, 15, 2, 2 });
    expect_damage(31, 15, 1, 1);
    display_draw(display, &source, pixels, 8, (struct display_rect){ 32, 0, 2, 2 });
    expect_damage(0, 0, 0, 0);
    ck_assert_uint_eq(wakes, 2);
    display_source_remove(display, &source);
}
END_TEST

START_TEST(the_last_source_is_seen)
{
    static const uint32_t one = 1, two = 2;
    struct display_source first = { .name = "first" }, second = { .name = "second" };
    struct display_rect corner = { 0, 0, 1, 1 };
    display_source_add(display, &first);
    display_source_add(display, &second);
    ck_assert(display_show(display, &first, 10, 10));
    ck_assert(display_show(display, &second, 20, 20));
    display_draw(display, &first, &one, 4, corner);
    ck_assert_uint_eq(pixel(0, 0), 0);
    display_draw(display, &second, &two, 4, corner);
    ck_assert_uint_eq(pixel(0, 0), 2);
    /* The same size again clears nothing, because there are guests that flip pages. */
    ck_assert(display_show(display, &second, 20, 20));
    ck_assert_uint_eq(pixel(19, 19) + pixel(0, 0), 2);
    display_hide(display, &second);
    display_draw(display, &first, &one, 4, corner);
    ck_assert_uint_eq(pixel(0, 0), 1);
    struct display_frame frame = display_lock(display, NULL);
    ck_assert_uint_eq(frame.width, 10);
    display_unlock(display);
    ck_assert(!display_show(display, &second, 0, 10));
    ck_assert(!display_show(display, &second, 10, DISPLAY_SIDE_MAX + 1));
    display_source_remove(display, &second);
    display_source_remove(display, &first);
    frame = display_lock(display, NULL);
    ck_assert_uint_eq(frame.width, 64);
    ck_assert_uint_eq(frame.height, 48);
    display_unlock(display);
}
END_TEST

/* A device that records the events it gets. */
struct recorder {
    struct display_input input; /* must be first */
    struct display_event events[64];
    unsigned count;
};

static void record(struct display_input *input, const struct display_event *events, unsigned count)
{
    struct recorder *recorder = (struct recorder *)input;
    ck_assert_uint_le(recorder->count + count, 64);
    memcpy(recorder->events + recorder->count, events, count * sizeof(*events));
    recorder->count += count;
    ck_assert_uint_eq(events[count - 1].type, EV_SYN);
}

static void expect_event(struct recorder *recorder, unsigned n, unsigned type, unsigned code, int value)
{
    ck_assert_uint_lt(n, recorder->count);
    ck_assert_uint_eq(recorder->events[n].type, type);
    ck_assert_uint_eq(recorder->events[n].code, code);
    ck_assert_int_eq(recorder->events[n].value, value);
}

START_TEST(keys_go_to_an_active_keyboard)
{
    struct recorder keyboard = { .input = { .kind = DISPLAY_KEYBOARD, .events = record } };
    display_input_add(display, &keyboard.input);
    display_key(display, KEY_A, true);
    display_key(display, KEY_A, false);
    ck_assert_uint_eq(keyboard.count, 0);
    display_input_set_active(display, &keyboard.input, true);
    ck_assert(display_view_take(display, &view).state);
    display_key(display, KEY_A, true);
    display_key(display, KEY_A, true);
    display_key(display, KEY_LEFTSHIFT, true);
    display_key(display, 0x7000, true);
    ck_assert_uint_eq(keyboard.count, 4);
    expect_event(&keyboard, 0, EV_KEY, KEY_A, 1);
    expect_event(&keyboard, 2, EV_KEY, KEY_LEFTSHIFT, 1);
    display_release_all(display);
    ck_assert_uint_eq(keyboard.count, 8);
    expect_event(&keyboard, 4, EV_KEY, KEY_A, 0);
    expect_event(&keyboard, 6, EV_KEY, KEY_LEFTSHIFT, 0);
    display_input_remove(display, &keyboard.input);
    display_key(display, KEY_A, true);
    ck_assert_uint_eq(keyboard.count, 8);
}
END_TEST

/* What the monitor asks before it presses keys and buttons. */
START_TEST(what_there_is_and_where_it_is)
{
    struct recorder tablet = { .input = { .kind = DISPLAY_TABLET, .events = record } };
    ck_assert(!display_has_input(display, DISPLAY_TABLET));
    display_input_add(display, &tablet.input);
    ck_assert(display_has_input(display, DISPLAY_TABLET));
    ck_assert(!display_has_input(display, DISPLAY_KEYBOARD));
    ck_assert(!display_pointer_now(display).absolute);
    display_input_set_active(display, &tablet.input, true);
    display_pointer(display, &(struct display_pointer){
                                 .absolute = true, .x = 100, .y = 1 << 30, .buttons = DISPLAY_RIGHT });
    struct display_pointer now = display_pointer_now(display);
    ck_assert(now.absolute);
    ck_assert_int_eq(now.x, 100);
    ck_assert_int_eq(now.y, DISPLAY_ABS_MAX);
    ck_assert_uint_eq(now.buttons, DISPLAY_RIGHT);
    ck_assert(!now.wheel && !now.tilt);
    display_input_remove(display, &tablet.input);
}
END_TEST

START_TEST(the_pointer_finds_tablet_or_mouse)
{
    struct recorder tablet = { .input = { .kind = DISPLAY_TABLET, .events = record } };
    struct recorder mouse = { .input = { .kind = DISPLAY_MOUSE, .events = record } };
    display_input_add(display, &tablet.input);
    display_input_add(display, &mouse.input);
    display_input_set_active(display, &mouse.input, true);
    ck_assert(!display_is_absolute(display));
    display_pointer(display, &(struct display_pointer){ false, 3, -4, DISPLAY_RIGHT, 0, 0 });
    ck_assert_uint_eq(mouse.count, 4);
    expect_event(&mouse, 0, EV_REL, REL_X, 3);
    expect_event(&mouse, 1, EV_REL, REL_Y, -4);
    expect_event(&mouse, 2, EV_KEY, BTN_RIGHT, 1);
    display_pointer(display, &(struct display_pointer){ false, 0, 0, DISPLAY_RIGHT, 0, 0 });
    ck_assert_uint_eq(mouse.count, 4);
    display_input_set_active(display, &tablet.input, true);
    ck_assert(display_is_absolute(display));
    display_pointer(display, &(struct display_pointer){ true, -5, 99999, DISPLAY_LEFT, 1, -1 });
    expect_event(&tablet, 0, EV_ABS, ABS_X, 0);
    expect_event(&tablet, 1, EV_ABS, ABS_Y, DISPLAY_ABS_MAX);
    expect_event(&tablet, 2, EV_KEY, BTN_LEFT, 1);
    expect_event(&tablet, 3, EV_KEY, BTN_RIGHT, 0);
    expect_event(&tablet, 4, EV_REL, REL_WHEEL, 1);
    expect_event(&tablet, 5, EV_REL, REL_HWHEEL, -1);
    display_pointer(display, &(struct display_pointer){ true, 0, 5, DISPLAY_LEFT, 0, 0 });
    ck_assert_uint_eq(tablet.count, 9); /* x has not changed */
    expect_event(&tablet, 7, EV_ABS, ABS_Y, 5);
    display_input_remove(display, &tablet.input);
    display_input_remove(display, &mouse.input);
}
END_TEST

START_TEST(cursor_is_kept_in_bounds)
{
    static uint32_t shape[DISPLAY_CURSOR_MAX * DISPLAY_CURSOR_MAX] = { 0xff112233 };
    const struct display_cursor *cursor;
    display_cursor_set(display, shape, DISPLAY_CURSOR_MAX, DISPLAY_CURSOR_MAX, 9999, 3);
    display_cursor_move(display, -3, 7);
    struct display_changes changes = display_view_take(display, &view);
    ck_assert(changes.cursor_image && changes.cursor_moved);
    display_lock(display, &cursor);
    ck_assert(cursor->visible);
    ck_assert_uint_eq(cursor->hot_x, DISPLAY_CURSOR_MAX - 1);
    ck_assert_int_eq(cursor->x, -3);
    ck_assert_uint_eq(cursor->pixels[0], 0xff112233);
    display_unlock(display);
    display_cursor_set(display, shape, DISPLAY_CURSOR_MAX + 1, 1, 0, 0);
    ck_assert(!display_view_take(display, &view).cursor_image);
    display_cursor_set(display, NULL, 0, 0, 0, 0);
    display_lock(display, &cursor);
    ck_assert(!cursor->visible && cursor->known);
    display_unlock(display);
    ck_assert(display_view_take(display, &view).cursor_image);
    display_cursor_forget(display);
    ck_assert(display_view_take(display, &view).cursor_image);
    display_lock(display, &cursor);
    ck_assert(!cursor->known);
    display_unlock(display);
}
END_TEST

/* One thread draws and changes the size, one moves the cursor, one types; the test's thread looks. */
static atomic_bool stop;
static struct display_source busy = { .name = "busy" };

static void *draw_thread(void *opaque)
{
    static uint32_t pixels[64 * 64];
    (void)opaque;
    for (uint32_t n = 0; !atomic_load(&stop); n++) {
        for (uint32_t i = 0; i < 64 * 64; i++)
            pixels[i] = n;
        if (n % 16 == 0)
            display_show(display, &busy, 40 + n % 24, 64);
        display_draw(display, &busy, pixels, 256, (struct display_rect){ 0, 0, 64, 64 });
        if (n % 64 == 63)
            display_hide(display, &busy);
    }
    return NULL;
}

static void *cursor_thread(void *opaque)
{
    static const uint32_t shape[4] = { 1, 2, 3, 4 };
    (void)opaque;
    for (int32_t n = 0; !atomic_load(&stop); n++) {
        display_cursor_move(display, n, n);
        display_cursor_set(display, n & 1 ? shape : NULL, 2, 2, 0, 0);
    }
    return NULL;
}

static void *type_thread(void *opaque)
{
    struct recorder *keyboard = opaque;
    for (unsigned n = 0; !atomic_load(&stop); n++) {
        display_input_set_active(display, &keyboard->input, n & 1);
        display_key(display, KEY_A, n & 2);
        keyboard->count = 0;
    }
    return NULL;
}

static atomic_uint busy_wakes;

static void on_busy_wake(void *opaque)
{
    (void)opaque;
    atomic_fetch_add(&busy_wakes, 1);
}

START_TEST(threads_do_not_meet)
{
    static struct recorder keyboard = { .input = { .kind = DISPLAY_KEYBOARD, .events = record } };
    void *(*const mains[3])(void *) = { draw_thread, cursor_thread, type_thread };
    struct display_view own = { .wake = on_busy_wake };
    pthread_t threads[3];
    display_view_remove(display, &view);
    display_source_add(display, &busy);
    display_input_add(display, &keyboard.input);
    display_view_add(display, &own);
    for (unsigned n = 0; n < 3; n++)
        ck_assert_int_eq(pthread_create(&threads[n], NULL, mains[n], &keyboard), 0);
    while (atomic_load(&busy_wakes) < 1000) { /* the test's time limit ends it otherwise */
        struct display_changes changes = display_view_take(display, &own);
        struct display_frame frame = display_lock(display, NULL);
        struct display_rect all = { 0, 0, frame.width, frame.height };
        struct display_rect damage = display_rect_intersect(changes.damage, all);
        /* Each picture has one colour: it is never half one picture and half the next. */
        bool same = true;
        for (uint32_t i = 1; i < frame.width * frame.height; i++)
            same &= frame.pixels[i] == frame.pixels[0];
        ck_assert(same);
        ck_assert_uint_le(damage.width, frame.width);
        display_unlock(display);
    }
    atomic_store(&stop, true);
    for (unsigned n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
    display_view_remove(display, &own);
    display_view_add(display, &view);
    display_input_remove(display, &keyboard.input);
    display_source_remove(display, &busy);
}
END_TEST

/* Checks fields of the first detailed timing. */
static void expect_edid(uint32_t asked_width, uint32_t asked_height, uint32_t width, uint32_t height)
{
    uint8_t edid[EDID_SIZE], sum = 0;
    edid_make(edid, asked_width, asked_height);
    for (unsigned n = 0; n < EDID_SIZE; n++)
        sum = (uint8_t)(sum + edid[n]);
    ck_assert_uint_eq(sum, 0);
    ck_assert_mem_eq(edid, "\0\xff\xff\xff\xff\xff\xff\0", 8);
    const uint8_t *timing = edid + 54;
    uint32_t h = timing[2] | (timing[4] >> 4) << 8, h_blank = timing[3] | (timing[4] & 15) << 8;
    uint32_t v = timing[5] | (timing[7] >> 4) << 8, v_blank = timing[6] | (timing[7] & 15) << 8;
    ck_assert_uint_eq(h, width);
    ck_assert_uint_eq(v, height);
    uint64_t clock = (uint64_t)(timing[0] | timing[1] << 8) * 10000;
    ck_assert_uint_gt(clock, 0);
    uint64_t millihertz = clock * 1000 / ((h + h_blank) * (v + v_blank));
    if (width <= 2560)
        ck_assert_msg(millihertz > 59000 && millihertz < 61000, "%u x %u: %u mHz", width, height,
                      (unsigned)millihertz);
}

START_TEST(edid_says_the_size)
{
    expect_edid(1280, 800, 1280, 800);
    expect_edid(640, 480, 640, 480);
    expect_edid(1920, 1080, 1920, 1080);
    expect_edid(1001, 703, 1001, 703);
    expect_edid(3840, 2160, 3840, 2160);
    expect_edid(320, 200, 320, 200);
    expect_edid(8192, 8192, EDID_SIDE_MAX, EDID_SIDE_MAX);
}
END_TEST

START_TEST(screendump_writes_pictures)
{
    char path[] = "/tmp/rvive-display-XXXXXX";
    struct error error = { "" };
    struct display_source source = { .name = "test" };
    uint32_t pixels[6] = { 0xff0000, 0x00ff00, 0x0000ff, 0x123456, 0xffffffff, 0 };
    uint8_t rgb[18];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    display_source_add(display, &source);
    ck_assert(display_show(display, &source, 3, 2));
    display_draw(display, &source, pixels, 12, (struct display_rect){ 0, 0, 3, 2 });
    ck_assert_msg(display_screendump(display, path, "png", &error), "%s", error.text);
    png_image image = { .version = PNG_IMAGE_VERSION };
    ck_assert(png_image_begin_read_from_file(&image, path));
    ck_assert_uint_eq(image.width, 3);
    ck_assert_uint_eq(image.height, 2);
    image.format = PNG_FORMAT_RGB;
    ck_assert(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    ck_assert_mem_eq(rgb, "\xff\0\0\0\xff\0\0\0\xff\x12\x34\x56\xff\xff\xff\0\0\0", 18);
    /* Without a format the name of the file decides. */
    static const char ppm[] = "P6\n3 2\n255\n\xff\0\0\0\xff\0\0\0\xff\x12\x34\x56\xff\xff\xff\0\0\0";
    char bytes[64], name[80];
    ck_assert_msg(display_screendump(display, path, NULL, &error), "%s", error.text);
    fd = open(path, O_RDONLY);
    ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), sizeof(ppm) - 1);
    ck_assert_mem_eq(bytes, ppm, sizeof(ppm) - 1);
    close(fd);
    unlink(path);
    snprintf(name, sizeof(name), "%s.PNG", path);
    ck_assert_msg(display_screendump(display, name, NULL, &error), "%s", error.text);
    ck_assert(png_image_begin_read_from_file(&image, name));
    png_image_free(&image);
    unlink(name);
    ck_assert(!display_screendump(display, path, "bmp", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "\"bmp\""));
    ck_assert(!display_screendump(display, "/nonexistent/x.png", NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/x.png"));
    /* A link is followed, never replaced: it may lead to a device. */
    char target[128];
    snprintf(target, sizeof(target), "%s-target", path);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_msg(display_screendump(display, path, "ppm", &error), "%s", error.text);
    ck_assert_int_gt(readlink(path, bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(unlink(target), 0);
    unlink(path);
    ck_assert_int_eq(symlink("/dev/full", path), 0);
    for (unsigned png = 0; png < 2; png++) {
        ck_assert(!display_screendump(display, path, png ? "png" : "ppm", &error));
        ck_assert_int_gt(readlink(path, bytes, sizeof(bytes)), 0);
    }
    unlink(path);
    display_source_remove(display, &source);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("display");
    TCase *tests = tcase_create("display");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rectangles_intersect_without_overflow);
    tcase_add_test(tests, drawing_wakes_once_and_adds_damage);
    tcase_add_test(tests, the_last_source_is_seen);
    tcase_add_test(tests, keys_go_to_an_active_keyboard);
    tcase_add_test(tests, what_there_is_and_where_it_is);
    tcase_add_test(tests, the_pointer_finds_tablet_or_mouse);
    tcase_add_test(tests, cursor_is_kept_in_bounds);
    tcase_add_test(tests, threads_do_not_meet);
    tcase_add_test(tests, edid_says_the_size);
    tcase_add_test(tests, screendump_writes_pictures);
    suite_add_tcase(suite, tests);
    return suite;
}
