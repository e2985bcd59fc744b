/* SPDX-License-Identifier: MIT
 *
 * A USB hub behind an xHCI controller: its ports, a keyboard in one of them, requests that make no sense,
 * saved state.
 */
#include <linux/input-event-codes.h>

#include "devices/usb/hid.h"
#include "devices/usb/hub.h"
#include "tests/devices/usb/xhci_guest.h"
#include "tests/suite.h"

enum { SET_PORT = 0x23, GET_PORT = 0xa3, POWER = 8, RESET = 4, ENABLE = 1, SUSPEND = 2 };
enum { C_CONNECTION = 16, C_RESET = 20 };
#define PORT 3u /* where the keyboard is */

static struct xhci_guest guest;
static struct display *display;
static unsigned slot;

static void plug(struct pci_function *function)
{
    struct error error = { "" };
    ck_assert(xhci_attach(function, usb_hub_create(&error), "1", &error));
    ck_assert(xhci_attach(function, usb_hid_create(display, DISPLAY_KEYBOARD, &error), "1.3", &error));
}

static void setup(void)
{
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest);
    plug(guest.board.function);
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2);
    guest_configure(&guest, slot);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

/* Returns the length of the data, or 1000 and more if the request stalls. */
static unsigned request(uint8_t type, uint8_t what, uint16_t value, uint16_t index, uint16_t size)
{
    unsigned length;
    unsigned code = control(&guest, slot, (struct usb_setup){ type, what, value, index, size }, &length);
    if (code == XHCI_STALL)
        guest_recover(&guest, slot, 1);
    return code == XHCI_SUCCESS ? length : code + 1000;
}

static void set(bool on, unsigned feature)
{
    ck_assert_uint_eq(request(SET_PORT, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, (uint16_t)feature, PORT, 0),
                      0);
}

/* Status, and changes above it. */
static uint32_t port_status(void)
{
    ck_assert_uint_eq(request(GET_PORT, USB_GET_STATUS, 0, PORT, 4), 4);
    return *(uint32_t *)guest_host(&guest, DATA_AT);
}

/* The hub tells of these ports. */
static void expect_change(unsigned ports)
{
    guest_poll(&guest, slot, 2);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(*(uint16_t *)guest_host(&guest, DATA_AT + 0x100), ports);
}

/* Finds the keyboard behind the hub; returns its slot. */
static unsigned find_keyboard(void)
{
    unsigned keyboard;
    set(true, POWER);
    expect_change(1u << PORT);
    ck_assert_uint_eq(port_status(), 0x10101);
    set(false, C_CONNECTION);
    set(true, RESET);
    expect_change(1u << PORT);
    ck_assert_uint_eq(port_status(), 0x100503);
    set(false, C_RESET);
    ck_assert_uint_eq(port_status(), 0x503);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), &keyboard), XHCI_SUCCESS);
    put_device(&guest, keyboard, FIRST_USB2, PORT);
    ck_assert_uint_eq(command(&guest, INPUT_AT, XHCI_TYPE(TRB_ADDRESS_DEVICE) | keyboard << 24, NULL),
                      XHCI_SUCCESS);
    guest_configure(&guest, keyboard);
    return keyboard;
}

static struct usb_device *at(const char *path)
{
    struct usb_device *device = ((struct xhci *)guest.board.function)->devices;
    while (device && strcmp(device->path, path) != 0)
        device = device->next;
    return device;
}

/* What comes to a hub, or goes, while it is used. */
START_TEST(hot_plug)
{
    struct pci_function *function = guest.board.function;
    struct error error;
    unsigned keyboard = find_keyboard();
    guest_poll(&guest, keyboard, 8);
    xhci_detach(function, at("1.3"));
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_TRANSACTION);
    expect_change(1u << PORT);
    ck_assert_uint_eq(port_status(), 0x10100);
    set(false, C_CONNECTION);
    ck_assert_uint_eq(port_status(), 0x100);
    set(true, RESET); /* there is nothing */
    ck_assert_uint_eq(port_status(), 0x100);
    guest_attach(&guest, usb_hid_create(display, DISPLAY_MOUSE, &error), "1.3");
    expect_change(1u << PORT);
    ck_assert_uint_eq(port_status(), 0x10101);
    guest_attach(&guest, usb_hid_create(display, DISPLAY_MOUSE, &error), "1.4"); /* without power yet */
    struct usb_device *mouse = usb_hid_create(display, DISPLAY_MOUSE, &error);
    ck_assert(!xhci_attach(function, mouse, "1.4", &error));
    mouse->ops->destroy(mouse);
    ck_assert_uint_eq(port_status(), 0x10101);
    xhci_detach(function, at("1.4"));
    xhci_detach(function, at("1.3"));
    xhci_detach(function, at("1"));
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)) & ~0x20000u, 0x2a0);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_TRANSACTION);
}
END_TEST

START_TEST(a_keyboard_behind_a_hub)
{
    unsigned length;
    put_device(&guest, 2, FIRST_USB2, PORT);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(command(&guest, INPUT_AT, XHCI_TYPE(TRB_ADDRESS_DEVICE) | 2 << 24, NULL),
                      XHCI_TRANSACTION); /* the port has no power yet */
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_DISABLE_SLOT) | 2 << 24, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(request(0xa0, USB_GET_DESCRIPTOR, 0x2900, 0, 255), 11);
    ck_assert_uint_eq(((uint8_t *)guest_host(&guest, DATA_AT))[2], 8);
    unsigned keyboard = find_keyboard();
    guest_poll(&guest, keyboard, 8);
    display_key(display, KEY_A, true);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(((uint8_t *)guest_host(&guest, DATA_AT + 0x102))[0], 4);
    /* Asleep and awake, disabled, without power. */
    set(true, SUSPEND);
    ck_assert_uint_eq(port_status(), 0x507);
    set(false, SUSPEND);
    ck_assert_uint_eq(port_status(), 0x40503);
    set(false, ENABLE);
    ck_assert_uint_eq(get_descriptor(&guest, keyboard, 0x100, 18, &length), XHCI_TRANSACTION);
    set(false, POWER);
    ck_assert_uint_eq(port_status(), 0);
    display_key(display, KEY_B, true);                         /* nobody listens */
    guest_put(&guest, PORT_AT(FIRST_USB2), 1u << 9 | 1u << 4); /* a reset of the hub */
    slot = 1;
    ck_assert_uint_eq(request(GET_PORT, USB_GET_STATUS, 0, PORT, 4), 4);
}
END_TEST

START_TEST(requests_that_make_no_sense)
{
    static const struct usb_setup rows[] = {
        { GET_PORT, USB_GET_STATUS, 0, 0, 4 },
        { GET_PORT, USB_GET_STATUS, 0, 9, 4 },
        { GET_PORT, 77, 0, 1, 4 },
        { SET_PORT, USB_SET_FEATURE, 5, 1, 0 },
        { SET_PORT, USB_CLEAR_FEATURE, 21, 1, 0 },
        { SET_PORT, USB_CLEAR_FEATURE, 0xffff, 1, 0 },
        { 0x20, USB_SET_FEATURE, 2, 0, 0 },
        { 0xa0, 77, 0, 0, 4 },
        { 0xa1, USB_GET_STATUS, 0, 1, 4 },
        { 0x20, USB_GET_DESCRIPTOR, 0x2900, 0, 0 },
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
        ck_assert_uint_eq(
            request(rows[n].type, rows[n].request, rows[n].value, rows[n].index, rows[n].length),
            1000 + XHCI_STALL);
    ck_assert_uint_eq(request(SET_PORT, USB_SET_FEATURE, RESET, 1, 0), 0); /* nothing is there */
    ck_assert_uint_eq(request(SET_PORT, USB_SET_FEATURE, POWER, 1, 0), 0);
    guest_poll(&guest, slot, 2);
    expect_nothing(&guest);
}
END_TEST

START_TEST(state)
{
    struct function_bus other, first;
    unsigned keyboard = find_keyboard();
    display_key(display, KEY_C, true);
    function_plug(&other, guest_make(&guest));
    plug(other.function);
    function_copy(guest.board.function, other.function);
    first = guest.board;
    guest.board = other;
    guest.board.function->bus = &guest.board.bus;
    first.function->bus = &first.bus;
    guest_poll(&guest, keyboard, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(((uint8_t *)guest_host(&guest, DATA_AT + 0x102))[0], 6);
    ck_assert_uint_eq(port_status(), 0x503);
    function_mutate(first.function, fake_seed("usb-hub"), 1000);
    function_unplug(&first);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("usb_hub");
    TCase *tests = tcase_create("usb_hub");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_keyboard_behind_a_hub);
    tcase_add_test(tests, hot_plug);
    tcase_add_test(tests, requests_that_make_no_sense);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}
