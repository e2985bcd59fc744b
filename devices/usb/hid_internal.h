/* SPDX-License-Identifier: MIT
 *
 * What the files of the HID devices share. What has happened waits in a ring of the device until the driver
 * asks, and each answer takes one step of it: so a key that was pressed and released in between, or a short
 * click, is not lost.
 */
#ifndef DEVICES_USB_HID_INTERNAL_H
#define DEVICES_USB_HID_INTERNAL_H

#include "devices/usb/hid.h"

#define HID_REPORT_MAX   8u  /* bytes */
#define HID_KEYS_WAITING 64u /* changes of keys that wait; a power of two */
#define HID_KEYS_DOWN    16u /* keys that are remembered to be down, besides the modifiers */
#define HID_KEYS_SHOWN   6u  /* of which a report has room for */
#define HID_STEPS        32u /* of a pointer, that wait; a power of two */
#define HID_ENDPOINT     0x81u

struct hid_keys {
    uint8_t waiting[HID_KEYS_WAITING][2]; /* a ring of usages, and whether the key is down */
    uint32_t first, count;
    uint8_t modifiers, down_count;
    uint8_t down[HID_KEYS_DOWN]; /* usages, in the order in which they were pressed */
    uint8_t leds;
};

struct hid_step { /* of a pointer: how far it moved (a tablet: where it is), with these buttons down */
    int32_t x, y, wheel;
    uint32_t buttons;
};

struct hid_pointer {
    struct hid_step waiting[HID_STEPS]; /* a ring */
    uint32_t first, count;
    struct hid_step now;  /* what came last from the window; of a mouse only the buttons */
    struct hid_step told; /* the same, as the driver knows it */
};

/* hid_keyboard.c. All [locked] */
void hid_keys_add(struct hid_keys *keys, const struct display_event *events, unsigned count);
/* Takes a step and fills in the report, 8 bytes. False: nothing has changed; the report is as before. */
bool hid_keys_report(struct hid_keys *keys, uint8_t report[HID_REPORT_MAX]);
void hid_keys_save(const struct hid_keys *keys, struct state_writer *writer);
void hid_keys_load(struct hid_keys *keys, struct state_reader *reader);

/* hid_pointer.c; the same. `length`: of the report, at most 6. */
void hid_pointer_add(struct hid_pointer *pointer, const struct display_event *events, unsigned count,
                     bool tablet);
bool hid_pointer_report(struct hid_pointer *pointer, bool tablet, uint8_t report[HID_REPORT_MAX]);
void hid_pointer_save(const struct hid_pointer *pointer, struct state_writer *writer);
void hid_pointer_load(struct hid_pointer *pointer, struct state_reader *reader);

/* hid_descriptors.c; the index is an enum display_input_kind. */
struct hid_report_descriptor {
    const uint8_t *bytes;
    unsigned length;
};
extern const struct usb_descriptors hid_descriptors[];
extern const struct hid_report_descriptor hid_report_descriptors[];

#endif
