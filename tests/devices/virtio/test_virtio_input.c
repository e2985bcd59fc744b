/* SPDX-License-Identifier: MIT
 *
 * Virtio input devices: what they report about themselves, events in whole packets, LEDs, saved state.
 */
#include <check.h>
#include <linux/input-event-codes.h>
#include <string.h>

#include "devices/virtio/input.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define EVENTS_AT (GUEST_RAM_BASE + 0x10000)
#define STATUS_AT (GUEST_RAM_BASE + 0x14000)
#define DATA_AT   (GUEST_RAM_BASE + 0x20000)

static struct guest guest;
static struct ring events, status;
static struct display *display;
static uint8_t answer[128];

static void plug(enum display_input_kind kind)
{
    struct error error;
    struct virtio_input_config config = { display, kind };
    struct virtio_device *device = virtio_input_create(&config, &error);
    ck_assert_ptr_nonnull(device);
    guest_plug(&guest, device);
}

static void start(void)
{
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &events, 0, 16, EVENTS_AT);
    guest_ring(&guest, &status, 1, 8, STATUS_AT);
    guest_driver_ok(&guest);
}

static void setup(void)
{
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest, false);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

static uint64_t config_read(unsigned offset, unsigned size)
{
    return guest.slot->ops->read(guest.slot, REG_CONFIG + offset, size);
}

/* Selects, and reads the answer; returns its size. */
static unsigned ask(unsigned select, unsigned subselect)
{
    guest.slot->ops->write(guest.slot, REG_CONFIG, 1, select);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 1, 1, subselect);
    for (unsigned n = 0; n < 128; n++)
        answer[n] = (uint8_t)config_read(8 + n, 1);
    return (unsigned)config_read(2, 1);
}

static bool has(unsigned type, unsigned code)
{
    unsigned size = ask(0x11, type);
    return code / 8 < size && answer[code / 8] >> code % 8 & 1;
}

START_TEST(keyboard_says_what_it_has)
{
    plug(DISPLAY_KEYBOARD);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 18);
    ck_assert_uint_eq(ask(1, 0), strlen("Rvive Virtio Keyboard"));
    ck_assert_mem_eq(answer, "Rvive Virtio Keyboard", 21);
    ck_assert_uint_eq(ask(3, 0), 8);
    ck_assert(has(EV_KEY, KEY_ESC) && has(EV_KEY, KEY_A) && has(EV_KEY, KEY_RIGHTMETA));
    ck_assert(!has(EV_KEY, KEY_RESERVED) && !has(EV_KEY, BTN_LEFT));
    ck_assert(has(EV_LED, LED_CAPSL) && has(EV_REP, REP_DELAY));
    ck_assert(!has(EV_ABS, ABS_X) && !has(EV_REL, REL_X));
    for (unsigned select = 0; select < 256; select++)
        for (unsigned subselect = 0; subselect < 256; subselect += 5)
            ck_assert_uint_le(ask(select, subselect), 128);
    ck_assert_uint_eq(config_read(136, 1), 0xff);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 2, 1, 77);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 8, 8, 77);
    guest.slot->ops->write(guest.slot, REG_CONFIG, 8, 0x1111);
    ck_assert_uint_ne(config_read(2, 1), 77);
}
END_TEST

START_TEST(tablet_and_mouse_say_what_they_have)
{
    plug(DISPLAY_TABLET);
    ck_assert(has(EV_ABS, ABS_X) && has(EV_ABS, ABS_Y) && !has(EV_REL, REL_X) && has(EV_REL, REL_WHEEL));
    ck_assert(has(EV_KEY, BTN_LEFT) && has(EV_KEY, BTN_EXTRA) && !has(EV_KEY, KEY_A));
    ck_assert_uint_eq(ask(0x12, ABS_X), 20);
    uint32_t max;
    memcpy(&max, answer + 4, 4);
    ck_assert_uint_eq(max, DISPLAY_ABS_MAX);
    ck_assert_uint_eq(ask(0x12, ABS_Z), 0);
    guest.slot->ops->destroy(guest.slot);
    struct error error;
    struct virtio_mmio_config config = { .dma = &guest.dma };
    guest.slot = virtio_mmio_create(&config, &error);
    plug(DISPLAY_MOUSE);
    ck_assert(has(EV_REL, REL_X) && !has(EV_ABS, ABS_X) && has(EV_KEY, BTN_RIGHT));
    ck_assert_uint_eq(ask(0x12, ABS_X), 0);
}
END_TEST

static void offer_event_buffers(unsigned first, unsigned count)
{
    for (unsigned n = first; n < first + count; n++) {
        ring_desc(&events, n, DATA_AT + 8 * n, 8, DESC_WRITE, 0);
        ring_offer(&events, n);
    }
    ring_kick(&events);
}

static void expect_event(unsigned type, unsigned code, uint32_t value)
{
    uint32_t head, written;
    struct display_event event;
    ck_assert_uint_gt(ring_returned(&events), 0);
    ck_assert(ring_take(&events, &head, &written));
    ck_assert_uint_eq(written, 8);
    memcpy(&event, guest_host(&guest, DATA_AT + 8 * head), 8);
    ck_assert_uint_eq(event.type, type);
    ck_assert_uint_eq(event.code, code);
    ck_assert_uint_eq((uint32_t)event.value, value);
}

START_TEST(events_wait_for_buffers)
{
    plug(DISPLAY_KEYBOARD);
    display_key(display, KEY_Q, true); /* there is no driver yet */
    start();
    display_key(display, KEY_A, true);
    ck_assert_uint_eq(ring_returned(&events), 0);
    offer_event_buffers(0, 3);
    expect_event(EV_KEY, KEY_A, 1);
    expect_event(EV_SYN, SYN_REPORT, 0);
    ck_assert(atomic_load(&guest.irq));
    display_key(display, KEY_A, false);
    expect_event(EV_KEY, KEY_A, 0);
    ck_assert_uint_eq(ring_returned(&events), 0);
    offer_event_buffers(4, 1);
    expect_event(EV_SYN, SYN_REPORT, 0);
}
END_TEST

START_TEST(packets_are_dropped_whole)
{
    plug(DISPLAY_TABLET);
    start();
    for (int n = 0; n < 2000; n++) /* three events each */
        display_pointer(display, &(struct display_pointer){ .absolute = true, .x = n + 1, .y = n + 1 });
    unsigned got = 0;
    for (;;) {
        offer_event_buffers(0, 3);
        if (!ring_returned(&events))
            break;
        expect_event(EV_ABS, ABS_X, got + 1);
        expect_event(EV_ABS, ABS_Y, got + 1);
        expect_event(EV_SYN, SYN_REPORT, 0);
        got++;
    }
    ck_assert_uint_eq(got, 1024 / 3);
}
END_TEST

START_TEST(bad_buffers_break_the_device)
{
    plug(DISPLAY_KEYBOARD);
    start();
    ring_desc(&events, 0, DATA_AT, 7, DESC_WRITE, 0);
    ring_offer(&events, 0);
    ring_kick(&events);
    display_key(display, KEY_A, true);
    ck_assert(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET);
    display_key(display, KEY_A, false);
    start();
    offer_event_buffers(0, 2);
    display_key(display, KEY_B, true);
    expect_event(EV_KEY, KEY_B, 1);
}
END_TEST

static void send_status(const struct display_event *list, uint32_t bytes)
{
    memcpy(guest_host(&guest, DATA_AT + 0x1000), list, bytes);
    ring_desc(&status, 0, DATA_AT + 0x1000, bytes, 0, 0);
    ring_offer(&status, 0);
    ring_kick(&status);
    ck_assert(ring_take(&status, NULL, NULL));
}

START_TEST(lamps_are_remembered_and_saved)
{
    static const struct display_event on[] = { { EV_LED, LED_CAPSL, 1 },
                                               { EV_LED, 999, 1 },
                                               { EV_LED, LED_NUML, 7 } };
    static const struct display_event off[] = { { EV_LED, LED_NUML, 0 }, { EV_KEY, LED_CAPSL, 0 } };
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    plug(DISPLAY_KEYBOARD);
    start();
    send_status(on, sizeof(on));
    ck_assert_uint_eq(virtio_input_leds(guest.vdev), 1u << LED_CAPSL | 1u << LED_NUML);
    send_status(off, sizeof(off) - 1);
    ck_assert_uint_eq(virtio_input_leds(guest.vdev), 1u << LED_CAPSL);
    display_key(display, KEY_Z, true);
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    guest_write(&guest, REG_STATUS, 0);
    ck_assert_uint_eq(virtio_input_leds(guest.vdev), 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    ck_assert_uint_eq(virtio_input_leds(guest.vdev), 1u << LED_CAPSL);
    offer_event_buffers(0, 2);
    expect_event(EV_KEY, KEY_Z, 1);
    expect_event(EV_SYN, SYN_REPORT, 0);
    state_writer_destroy(&writer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio_input");
    TCase *tests = tcase_create("virtio_input");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, keyboard_says_what_it_has);
    tcase_add_test(tests, tablet_and_mouse_say_what_they_have);
    tcase_add_test(tests, events_wait_for_buffers);
    tcase_add_test(tests, packets_are_dropped_whole);
    tcase_add_test(tests, bad_buffers_break_the_device);
    tcase_add_test(tests, lamps_are_remembered_and_saved);
    suite_add_tcase(suite, tests);
    return suite;
}
