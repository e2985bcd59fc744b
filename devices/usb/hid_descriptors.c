/* SPDX-License-Identifier: MIT
 *
 * What the HID devices say about themselves: descriptors of the device and its configuration (Universal
 * Serial Bus Specification 2.0 section 9.6), and of their reports (Device Class Definition for HID 1.11
 * section 6.2.2). Vendor and products are those of QEMU's devices.
 */
#include "devices/usb/hid_internal.h"

/* ---- Reports ------------------------------------------------------------------------------------------- */

/* 8 modifiers, a byte that is 0, six keys; out: five lamps. It has the layout of the boot protocol. */
static const uint8_t keyboard_report[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,                                     /* a keyboard */
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01,             /* modifiers: a bit each */
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02,                                     /* 8 of them */
    0x75, 0x08, 0x95, 0x01, 0x81, 0x01,                                     /* one byte of nothing */
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05,                                     /* lamps */
    0x75, 0x01, 0x95, 0x05, 0x91, 0x02, 0x75, 0x03, 0x95, 0x01, 0x91, 0x01, /* 5, and 3 bits of nothing */
    0x05, 0x07, 0x19, 0x00, 0x29, 0xff, 0x15, 0x00, 0x26, 0xff, 0x00,       /* keys: a number each */
    0x75, 0x08, 0x95, 0x06, 0x81, 0x00,                                     /* 6 of them */
    0xc0,
};

#define POINTER_BEGIN                                                                                        \
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00,     /* a pointer */                          \
        0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, /* buttons */                            \
        0x75, 0x01, 0x95, 0x05, 0x81, 0x02, 0x75, 0x03, 0x95, 0x01, 0x81, 0x01

/* Buttons, x, y and wheel, a byte each. The first three are the boot protocol. */
static const uint8_t mouse_report[] = {
    POINTER_BEGIN, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, /* x, y, wheel */
    0x15,          0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0, 0xc0,
};

/* Buttons, x and y of 16 bits from 0 to DISPLAY_ABS_MAX, wheel. */
static const uint8_t tablet_report[] = {
    POINTER_BEGIN, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31,                   /* x, y */
    0x15,          0x00, 0x26, 0xff, 0x7f, 0x35, 0x00, 0x46, 0xff, 0x7f, /* their range */
    0x75,          0x10, 0x95, 0x02, 0x81, 0x02, 0x09, 0x38,             /* wheel */
    0x15,          0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00, 0x75, 0x08, 0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0,
};
_Static_assert(DISPLAY_ABS_MAX == 0x7fff, "the range in the report's descriptor");

const struct hid_report_descriptor hid_report_descriptors[] = {
    [DISPLAY_KEYBOARD] = { keyboard_report, sizeof(keyboard_report) },
    [DISPLAY_TABLET] = { tablet_report, sizeof(tablet_report) },
    [DISPLAY_MOUSE] = { mouse_report, sizeof(mouse_report) },
};

/* ---- Devices ------------------------------------------------------------------------------------------- */

static const uint8_t device[18] = {
    18,   USB_DESCRIPTOR_DEVICE,
    0x00, 0x02, /* USB 2.0 */
    0,    0,
    0,    64, /* interfaces have classes; packets of endpoint 0 */
    0x27, 0x06,
    0x01, 0x00, /* vendor, product */
    0x00, 0x00, /* release */
    1,    2,
    3, /* strings: manufacturer, product, serial number */
    1, /* configurations */
};

/* One configuration with one interface, which has the report's descriptor and an interrupt endpoint. It is
 * powered by the bus, and asked every 2^(7-1) microframes, which is 8 ms. */
#define CONFIGURATION(subclass, protocol, report, packet)                                                    \
    {                                                                                                        \
        9, USB_DESCRIPTOR_CONFIGURATION, 34, 0, 1, 1, 0, 0x80, 50, 9, USB_DESCRIPTOR_INTERFACE, 0, 0, 1, 3,  \
            subclass, protocol, 0, 9, 0x21, 0x11, 0x01, 0, 1, 0x22, sizeof(report), 0, 7,                    \
            USB_DESCRIPTOR_ENDPOINT, HID_ENDPOINT, 3, packet, 0, 7                                           \
    }
/* clang-format off */
static const uint8_t keyboard[34] = CONFIGURATION(1, 1, keyboard_report, 8);
static const uint8_t tablet[34] = CONFIGURATION(0, 0, tablet_report, 8);
static const uint8_t mouse[34] = CONFIGURATION(1, 2, mouse_report, 4);
/* clang-format on */

static const char *const keyboard_strings[] = { "Rvive", "Rvive USB Keyboard", "1", NULL };
static const char *const tablet_strings[] = { "Rvive", "Rvive USB Tablet", "1", NULL };
static const char *const mouse_strings[] = { "Rvive", "Rvive USB Mouse", "1", NULL };

const struct usb_descriptors hid_descriptors[] = {
    [DISPLAY_KEYBOARD] = { device, keyboard, keyboard_strings },
    [DISPLAY_TABLET] = { device, tablet, tablet_strings },
    [DISPLAY_MOUSE] = { device, mouse, mouse_strings },
};
