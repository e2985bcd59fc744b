/* SPDX-License-Identifier: MIT
 *
 * usb-hub: a high-speed hub with eight ports (Universal Serial Bus Specification 2.0, chapter 11).
 */
#ifndef DEVICES_USB_HUB_H
#define DEVICES_USB_HUB_H

#include "devices/model.h"
#include "devices/usb/usb.h"

/* NULL and *error if the host has no memory. */
struct usb_device *usb_hub_create(struct error *error);

extern const struct device_model usb_hub_model;

#endif
