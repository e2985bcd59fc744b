/* SPDX-License-Identifier: MIT
 *
 * USB keyboards, tablets and mice behind an xHCI controller: descriptors, requests of their class, reports,
 * what waits for the driver, saved state.
 */
#include <linux/input-event-codes.h>

#include "devices/usb/hid.h"
#include "tests/devices/usb/xhci_guest.h"
#include "tests/suite.h"

enum { REQUEST_IN = 0xa1, REQUEST_OUT = 0x21 };

static struct xhci_guest guest;
static struct display *display;
static struct usb_device *device;
static unsigned slot;

static void setup(void)
{
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

/* Plugs a device in, and configures it. */
static void plug(enum display_input_kind kind)
{
    struct error error;
    device = usb_hid_create(display, kind, &error);
    guest_attach(&guest, device, "2");
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2 + 1);
    guest_configure(&guest, slot);
}

static uint8_t *data(void)
{
    return guest_host(&guest, DATA_AT);
}

static unsigned request(uint8_t type, uint8_t what, uint16_t value, uint16_t size)
{
    unsigned length;
    struct usb_setup setup = { type, what, value, 0, size };
    unsigned code = control(&guest, slot, setup, &length);
    if (code == XHCI_STALL)
        guest_recover(&guest, slot, 1);
    return code == XHCI_SUCCESS ? length : code + 1000;
}
#define STALLED (XHCI_STALL + 1000u)

/* The next report is these bytes. */
static void expect_report(const void *bytes, unsigned length)
{
    struct xhci_trb event;
    const uint8_t *report = guest_host(&guest, DATA_AT + 0x100);
    memset(guest_host(&guest, DATA_AT + 0x100), 0xee, 16);
    guest_poll(&guest, slot, 8);
    unsigned code = expect(&guest, TRB_TRANSFER_EVENT, &event);
    ck_assert_uint_eq(code, length == 8 ? XHCI_SUCCESS : XHCI_SHORT_PACKET);
    ck_assert_uint_eq(event.status & 0xffffff, 8 - length);
    ck_assert_mem_eq(report, bytes, length);
    ck_assert_uint_eq(report[length], 0xee);
}
#define EXPECT_REPORT(...)                                                                                   \
    expect_report((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void expect_no_report(void)
{
    guest_poll(&guest, slot, 8);
    expect_nothing(&guest);
}

static void point(bool absolute, int32_t x, int32_t y, unsigned buttons, int32_t wheel)
{
    display_pointer(display, &(struct display_pointer){ absolute, x, y, buttons, wheel, 0 });
}

START_TEST(keyboard_requests)
{
    plug(DISPLAY_KEYBOARD);
    ck_assert_uint_eq(request(0x81, USB_GET_DESCRIPTOR, 0x2200, 255), 64);
    ck_assert_mem_eq(data(), "\5\1\x09\6\xa1\1", 6);
    ck_assert_uint_eq(data()[63], 0xc0);
    ck_assert_uint_eq(request(0x81, USB_GET_DESCRIPTOR, 0x2100, 255), 9);
    ck_assert_uint_eq(data()[7], 64);
    ck_assert_uint_eq(request(0x81, USB_GET_DESCRIPTOR, 0x2300, 255), STALLED);
    ck_assert_uint_eq(request(0x80, USB_GET_DESCRIPTOR, 0x300, 255), 4);
    ck_assert_mem_eq(data(), "\4\3\x09\4", 4);
    ck_assert_uint_eq(request(0x80, USB_GET_DESCRIPTOR, 0x304, 255), STALLED);
    ck_assert_uint_eq(request(0x80, USB_GET_DESCRIPTOR, 0x201, 255), STALLED);
    ck_assert_uint_eq(request(0x80, USB_GET_CONFIGURATION, 0, 1), 1);
    ck_assert_uint_eq(data()[0], 1);
    ck_assert_uint_eq(request(0x80, USB_GET_STATUS, 0, 2), 2);
    ck_assert_uint_eq(request(0x01, USB_SET_INTERFACE, 0, 0), 0);
    ck_assert_uint_eq(request(0x01, USB_SET_INTERFACE, 1, 0), STALLED);
    ck_assert_uint_eq(request(0x00, USB_SET_ADDRESS, 5, 0), STALLED); /* for the controller alone */
    ck_assert_uint_eq(request(REQUEST_OUT, 10, 0x500, 0), 0);
    ck_assert_uint_eq(request(REQUEST_IN, 2, 0, 1), 1);
    ck_assert_uint_eq(data()[0], 5);
    ck_assert_uint_eq(request(REQUEST_OUT, 11, 0, 0), 0);
    ck_assert_uint_eq(request(REQUEST_IN, 3, 0, 1), 1);
    ck_assert_uint_eq(data()[0], 0);
    ck_assert_uint_eq(request(REQUEST_OUT, 11, 2, 0), STALLED);
    ck_assert_uint_eq(request(REQUEST_OUT, 1, 0x100, 8), STALLED); /* in the wrong direction */
    ck_assert_uint_eq(request(REQUEST_IN, 77, 0, 1), STALLED);
    ck_assert_uint_eq(request(0xc1, 1, 0, 1), STALLED); /* of a vendor */
    data()[0] = 5;
    ck_assert_uint_eq(request(REQUEST_OUT, 9, 0x200, 1), 1);
    ck_assert_uint_eq(usb_hid_leds(device), 5);
    ck_assert_uint_eq(request(REQUEST_OUT, 9, 0x300, 1), STALLED);
    ck_assert_uint_eq(request(REQUEST_OUT, 9, 0x200, 0), STALLED);
}
END_TEST

START_TEST(keys)
{
    static const unsigned many[] = { KEY_A, KEY_S, KEY_D, KEY_F, KEY_J, KEY_K, KEY_L };
    plug(DISPLAY_KEYBOARD);
    expect_no_report();
    display_key(display, KEY_POWER, true);
    expect(&guest, TRB_TRANSFER_EVENT, NULL);
    display_key(display, KEY_POWER, false);
    EXPECT_REPORT(0, 0, 0, 0, 0, 0, 0, 0);
    /* A key that was pressed and released before the driver asked, and one that has no number. */
    display_key(display, KEY_RIGHTALT, true);
    display_key(display, KEY_WWW, true);
    display_key(display, KEY_102ND, true);
    display_key(display, KEY_102ND, false);
    display_key(display, KEY_RIGHTALT, false);
    EXPECT_REPORT(0x40, 0, 0, 0, 0, 0, 0, 0);
    EXPECT_REPORT(0x40, 0, 0x64, 0, 0, 0, 0, 0);
    ck_assert_uint_eq(request(REQUEST_IN, 1, 0x100, 8), 8); /* a request takes a step, too */
    ck_assert_mem_eq(data(), "\x40\0\0\0\0\0\0\0", 8);
    EXPECT_REPORT(0, 0, 0, 0, 0, 0, 0, 0);
    /* More keys than a report has room for. */
    for (unsigned n = 0; n < 7; n++)
        display_key(display, many[n], true);
    for (unsigned n = 0; n < 5; n++)
        ck_assert_uint_eq(request(REQUEST_IN, 1, 0x100, 8), 8);
    EXPECT_REPORT(0, 0, 4, 0x16, 7, 9, 0x0d, 0x0e);
    EXPECT_REPORT(0, 0, 1, 1, 1, 1, 1, 1);
    display_key(display, KEY_A, false);
    EXPECT_REPORT(0, 0, 0x16, 7, 9, 0x0d, 0x0e, 0x0f);
    /* More changes than can wait: the last ones are dropped. */
    for (unsigned n = 0; n < 1000; n++)
        display_key(display, KEY_Z, n % 2 == 0);
    for (unsigned n = 0; n < 64; n++)
        ck_assert_uint_eq(request(REQUEST_IN, 1, 0x100, 8), 8);
    expect_no_report();
}
END_TEST

START_TEST(tablet)
{
    plug(DISPLAY_TABLET);
    ck_assert(display_is_absolute(display));
    ck_assert_uint_eq(request(0x81, USB_GET_DESCRIPTOR, 0x2200, 255), 72);
    ck_assert_uint_eq(request(REQUEST_OUT, 11, 0, 0), STALLED); /* it knows no boot protocol */
    point(true, 0x1234, 0x7fff, 0, 0);
    EXPECT_REPORT(0, 0x34, 0x12, 0xff, 0x7f, 0);
    point(true, 1, 2, 0, 0);
    point(true, 3, 4, 0, 1); /* movements are put together */
    point(true, 3, 4, DISPLAY_LEFT | DISPLAY_MIDDLE, 0);
    point(true, 3, 4, 0, 0);
    EXPECT_REPORT(0, 3, 0, 4, 0, 1);
    EXPECT_REPORT(5, 3, 0, 4, 0, 0);
    EXPECT_REPORT(0, 3, 0, 4, 0, 0);
    ck_assert_uint_eq(request(REQUEST_IN, 1, 0x100, 8), 6);
    point(true, 3, 4, 0, -300);
    EXPECT_REPORT(0, 3, 0, 4, 0, 0x81);
    EXPECT_REPORT(0, 3, 0, 4, 0, 0x81);
    EXPECT_REPORT(0, 3, 0, 4, 0, 0xd2);
    expect_no_report();
    guest_put(&guest, PORT_AT(FIRST_USB2 + 1), 1u << 9 | 1u << 4);
    ck_assert(!display_is_absolute(display)); /* a reset takes the configuration away */
}
END_TEST

START_TEST(mouse)
{
    plug(DISPLAY_MOUSE);
    ck_assert_uint_eq(request(0x81, USB_GET_DESCRIPTOR, 0x2200, 255), 52);
    point(false, 200, -3, DISPLAY_RIGHT, 0);
    EXPECT_REPORT(2, 127, 0xfd, 0);
    EXPECT_REPORT(2, 73, 0, 0);
    point(false, 1, 0, DISPLAY_RIGHT, 0);
    point(false, 2, 5, DISPLAY_RIGHT, -1);
    point(false, 0, 0, 0, 0);
    EXPECT_REPORT(2, 3, 5, 0xff);
    ck_assert_uint_eq(request(REQUEST_IN, 1, 0x100, 8), 4);
    ck_assert_mem_eq(data(), "\0\0\0\0", 4);
    expect_no_report();
    ck_assert_uint_eq(request(REQUEST_OUT, 11, 0, 0), 0); /* the boot protocol */
    point(false, -1, 1, 0, 0);
    expect(&guest, TRB_TRANSFER_EVENT, NULL);
    ck_assert_mem_eq(guest_host(&guest, DATA_AT + 0x100), "\0\xff\1", 3);
    /* Clicks without end, and movements of any length, while nobody asks. */
    for (unsigned n = 0; n < 1000; n++)
        point(false, INT32_MAX, INT32_MIN, n % 3, INT32_MAX);
    EXPECT_REPORT(0, 127, 0x81);
}
END_TEST

START_TEST(state)
{
    static const enum display_input_kind kinds[] = { DISPLAY_KEYBOARD, DISPLAY_TABLET, DISPLAY_MOUSE };
    for (unsigned n = 0; n < 3; n++) {
        struct function_bus other;
        struct error error = { "" };
        plug(kinds[n]);
        display_key(display, KEY_A, true);
        display_key(display, KEY_A, false);
        point(n == 1, 500, 600, 0, 3);
        point(n == 1, 500, 600, 1, 3);
        function_plug(&other, guest_make(&guest));
        ck_assert(xhci_attach(other.function, usb_hid_create(display, kinds[n], &error), "2", &error));
        function_copy(guest.board.function, other.function);
        struct state_writer one, two;
        state_writer_init(&one);
        state_writer_init(&two);
        pci_function_save(guest.board.function, &one);
        pci_function_save(other.function, &two);
        ck_assert_uint_eq(one.length, two.length);
        ck_assert_mem_eq(one.bytes, two.bytes, one.length);
        state_writer_destroy(&one);
        state_writer_destroy(&two);
        function_mutate(other.function, fake_seed("hid"), 500);
        function_unplug(&other);
        teardown();
        setup();
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("usb_hid");
    TCase *tests = tcase_create("usb_hid");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, keyboard_requests);
    tcase_add_test(tests, keys);
    tcase_add_test(tests, tablet);
    tcase_add_test(tests, mouse);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}
