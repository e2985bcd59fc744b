/* SPDX-License-Identifier: MIT
 *
 * The HID devices: requests of their class, their interrupt endpoint, and what comes from windows. See hid.h
 * and hid_internal.h.
 *
 * A window calls input_events() with the display's input lock held, which takes the controller's lock.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/usb/hid_internal.h"
#include "util/check.h"

enum { /* section 7.2 */
       GET_REPORT = 1,
       GET_IDLE = 2,
       GET_PROTOCOL = 3,
       SET_REPORT = 9,
       SET_IDLE = 10,
       SET_PROTOCOL = 11
};
enum { REPORT_INPUT = 1, REPORT_OUTPUT = 2 };
enum { DESCRIPTOR_HID = 0x21, DESCRIPTOR_REPORT = 0x22, HID_AT = 18, HID_BYTES = 9 };
enum { PROTOCOL_BOOT = 0, PROTOCOL_REPORT = 1 };

struct usb_hid {
    struct usb_device device; /* must be first */
    struct display *display;
    struct display_input input;
    uint8_t protocol, idle; /* idle is only remembered: a report is sent when something has changed */
    struct hid_keys keys;
    struct hid_pointer pointer;
};

static enum display_input_kind kind_of(const struct usb_hid *hid)
{
    return hid->input.kind;
}

/* ---- Reports ------------------------------------------------------------------------------------------- */

static unsigned report_length(const struct usb_hid *hid)
{
    switch (kind_of(hid)) {
    case DISPLAY_KEYBOARD: return 8;
    case DISPLAY_TABLET: return 6;
    case DISPLAY_MOUSE: return hid->protocol == PROTOCOL_BOOT ? 3 : 4;
    }
    return 0;
}

static bool next_report(struct usb_hid *hid, uint8_t report[HID_REPORT_MAX])
{
    return kind_of(hid) == DISPLAY_KEYBOARD
               ? hid_keys_report(&hid->keys, report)
               : hid_pointer_report(&hid->pointer, kind_of(hid) == DISPLAY_TABLET, report);
}

static enum usb_result hid_transfer(struct usb_device *device, uint8_t endpoint, struct usb_packet *packet)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    uint8_t report[HID_REPORT_MAX];
    if (endpoint != HID_ENDPOINT)
        return USB_NO_ENDPOINT;
    if (!next_report(hid, report))
        return USB_NAK;
    return usb_packet_write(packet, report, report_length(hid)) < 0 ? USB_BAD_MEMORY : USB_DONE;
}

static void input_events(struct display_input *input, const struct display_event *events, unsigned count)
{
    struct usb_hid *hid = (struct usb_hid *)((char *)input - offsetof(struct usb_hid, input));
    usb_device_lock(&hid->device);
    if (hid->device.configuration) {
        if (kind_of(hid) == DISPLAY_KEYBOARD)
            hid_keys_add(&hid->keys, events, count);
        else
            hid_pointer_add(&hid->pointer, events, count, kind_of(hid) == DISPLAY_TABLET);
        usb_device_ready(&hid->device, HID_ENDPOINT);
    }
    usb_device_unlock(&hid->device);
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static int get_descriptor(const struct usb_hid *hid, const struct usb_setup *setup, uint8_t *data)
{
    const struct hid_report_descriptor *report = &hid_report_descriptors[kind_of(hid)];
    switch (setup->value >> 8) {
    case DESCRIPTOR_HID:
        memcpy(data, hid->device.descriptors->configuration + HID_AT, HID_BYTES);
        return HID_BYTES;
    case DESCRIPTOR_REPORT: memcpy(data, report->bytes, report->length); return (int)report->length;
    default: return -1;
    }
}

static int get_report(struct usb_hid *hid, const struct usb_setup *setup, uint8_t *data)
{
    if (setup->value >> 8 != REPORT_INPUT)
        return -1;
    next_report(hid, data);
    return (int)report_length(hid);
}

static int set_report(struct usb_hid *hid, const struct usb_setup *setup, const uint8_t *data)
{
    if (kind_of(hid) != DISPLAY_KEYBOARD || setup->value >> 8 != REPORT_OUTPUT || !setup->length)
        return -1;
    hid->keys.leds = data[0];
    return 0;
}

static int set_protocol(struct usb_hid *hid, unsigned protocol)
{
    if (kind_of(hid) == DISPLAY_TABLET || protocol > PROTOCOL_REPORT)
        return -1;
    hid->protocol = (uint8_t)protocol;
    return 0;
}

static int hid_control(struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    bool in = setup->type & USB_TYPE_IN;
    if ((setup->type & USB_TYPE_TO) != USB_TO_INTERFACE)
        return -1;
    if ((setup->type & USB_TYPE_KIND) == USB_TYPE_STANDARD)
        return in ? get_descriptor(hid, setup, data) : -1;
    if ((setup->type & USB_TYPE_KIND) != USB_TYPE_CLASS)
        return -1;
    switch (setup->request) {
    case GET_REPORT: return in ? get_report(hid, setup, data) : -1;
    case GET_IDLE: data[0] = hid->idle; return in ? 1 : -1;
    case GET_PROTOCOL: data[0] = hid->protocol; return in ? 1 : -1;
    case SET_REPORT: return in ? -1 : set_report(hid, setup, data);
    case SET_IDLE: hid->idle = (uint8_t)(setup->value >> 8); return in ? -1 : 0;
    case SET_PROTOCOL: return in ? -1 : set_protocol(hid, setup->value);
    default: return -1;
    }
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* A device that is configured gets what comes from windows. */
static void hid_configured(struct usb_device *device)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    display_input_set_active(hid->display, &hid->input, device->configuration != 0);
}

static void hid_reset(struct usb_device *device)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    hid->protocol = PROTOCOL_REPORT;
    hid->idle = 0;
    memset(&hid->keys, 0, sizeof(hid->keys));
    memset(&hid->pointer, 0, sizeof(hid->pointer));
    hid_configured(device);
}

static void hid_save(struct usb_device *device, struct state_writer *writer)
{
    const struct usb_hid *hid = (const struct usb_hid *)device;
    state_put(writer, "protocol", hid->protocol);
    state_put(writer, "idle", hid->idle);
    if (kind_of(hid) == DISPLAY_KEYBOARD)
        hid_keys_save(&hid->keys, writer);
    else
        hid_pointer_save(&hid->pointer, writer);
}

static void hid_load(struct usb_device *device, struct state_reader *reader)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    hid->protocol = (uint8_t)state_get(reader, "protocol", PROTOCOL_REPORT);
    hid->idle = (uint8_t)state_get(reader, "idle", UINT8_MAX);
    if (kind_of(hid) == DISPLAY_KEYBOARD)
        hid_keys_load(&hid->keys, reader);
    else
        hid_pointer_load(&hid->pointer, reader);
    hid_configured(device);
}

static void hid_destroy(struct usb_device *device)
{
    struct usb_hid *hid = (struct usb_hid *)device;
    display_input_remove(hid->display, &hid->input);
    free(hid);
}

#define HID_OPS(called)                                                                                      \
    {                                                                                                        \
        .name = called, .speed = USB_SPEED_HIGH, .control = hid_control, .transfer = hid_transfer,           \
        .reset = hid_reset, .configured = hid_configured, .save = hid_save, .load = hid_load,                \
        .destroy = hid_destroy                                                                               \
    }
static const struct usb_device_ops hid_ops[] = {
    [DISPLAY_KEYBOARD] = HID_OPS("usb-kbd"),
    [DISPLAY_TABLET] = HID_OPS("usb-tablet"),
    [DISPLAY_MOUSE] = HID_OPS("usb-mouse"),
};

struct usb_device *usb_hid_create(struct display *display, enum display_input_kind kind, struct error *error)
{
    struct usb_hid *hid = calloc(1, sizeof(*hid));
    if (!hid) {
        error_set(error, "%s: out of memory", hid_ops[kind].name);
        return NULL;
    }
    hid->device.ops = &hid_ops[kind];
    hid->device.descriptors = &hid_descriptors[kind];
    hid->display = display;
    hid->protocol = PROTOCOL_REPORT;
    hid->input.kind = kind;
    hid->input.events = input_events;
    display_input_add(display, &hid->input);
    return &hid->device;
}

uint8_t usb_hid_leds(struct usb_device *device)
{
    usb_device_lock(device);
    uint8_t leds = ((struct usb_hid *)device)->keys.leds;
    usb_device_unlock(device);
    return leds;
}

/* ---- The models ---------------------------------------------------------------------------------------- */

static struct usb_device *create_keyboard(const struct device_plug *plug, struct error *error)
{
    return usb_hid_create(plug->display, DISPLAY_KEYBOARD, error);
}

static struct usb_device *create_tablet(const struct device_plug *plug, struct error *error)
{
    return usb_hid_create(plug->display, DISPLAY_TABLET, error);
}

static struct usb_device *create_mouse(const struct device_plug *plug, struct error *error)
{
    return usb_hid_create(plug->display, DISPLAY_MOUSE, error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

#define HID_MODEL(called, what, maker)                                                                       \
    {                                                                                                        \
        .name = called, .text = what, .buses = DEVICE_BUS_USB, .backend = DEVICE_BACKEND_INPUT,              \
        .keys = no_keys, .create_usb = maker                                                                 \
    }
const struct device_model usb_kbd_model = HID_MODEL("usb-kbd", "a USB keyboard", create_keyboard);
const struct device_model usb_tablet_model = HID_MODEL("usb-tablet", "a USB tablet", create_tablet);
const struct device_model usb_mouse_model = HID_MODEL("usb-mouse", "a USB mouse", create_mouse);
