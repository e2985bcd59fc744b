/* SPDX-License-Identifier: MIT
 *
 * usb-storage: a disk as a USB device (Universal Serial Bus Mass Storage Class, Bulk-Only Transport 1.0),
 * which carries the commands of a SCSI unit.
 */
#ifndef DEVICES_USB_STORAGE_H
#define DEVICES_USB_STORAGE_H

#include "devices/scsi/scsi.h"
#include "devices/usb/usb.h"

/* NULL and *error if a value is impossible or the host has no memory. `unit` as for scsi_unit_plug(); its
 * serial number is also that of the USB device. */
struct usb_device *usb_storage_create(const struct device_unit *unit, struct error *error);

extern const struct device_model usb_storage_model;

#endif
