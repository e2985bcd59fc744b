/* SPDX-License-Identifier: MIT
 *
 * usb-kbd, usb-tablet, usb-mouse: a keyboard, a tablet or a mouse on a display, as USB devices (Device Class
 * Definition for Human Interface Devices 1.11). Keyboard and mouse know the boot protocol, too, which is what
 * firmware speaks.
 */
#ifndef DEVICES_USB_HID_H
#define DEVICES_USB_HID_H

#include "devices/display/display.h"
#include "devices/model.h"
#include "devices/usb/usb.h"

/* NULL and *error if the host has no memory. The display is borrowed and outlives the device. */
struct usb_device *usb_hid_create(struct display *display, enum display_input_kind kind, struct error *error);
/* The lamps of the keyboard, as the driver last set them: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock. */
uint8_t usb_hid_leds(struct usb_device *device);

extern const struct device_model usb_kbd_model;
extern const struct device_model usb_tablet_model;
extern const struct device_model usb_mouse_model;

#endif
