/* SPDX-License-Identifier: MIT
 *
 * qemu-xhci: a USB controller (eXtensible Host Controller Interface for Universal Serial Bus 1.0) as a PCI
 * function, with the devices that are plugged into its ports. Identity, registers and limits are those of
 * QEMU's controller; streams and isochronous transfers are left out.
 */
#ifndef DEVICES_USB_XHCI_H
#define DEVICES_USB_XHCI_H

#include "devices/model.h"
#include "devices/pci/pci.h"
#include "devices/usb/usb.h"

#define XHCI_PORTS_MAX 15u /* of either kind */

struct xhci_config {
    struct dma *dma; /* borrowed, like the clock */
    struct clock *clock;
    unsigned usb2_ports, usb3_ports; /* up to XHCI_PORTS_MAX, and not both 0 */
    bool multifunction;
};

/* NULL and *error if a number is impossible or the host has no memory. */
struct pci_function *xhci_create(const struct xhci_config *config, struct error *error);
/* Plugs a device in, which then belongs to the controller. `path` is a port, or the ports of hubs and of the
 * device: "1", "2.3"; a hub comes before what is behind it. While no hart runs. False, with *error
 * filled, if there is no such port or it is taken; the caller then keeps the device. */
bool xhci_attach(struct pci_function *function, struct usb_device *device, const char *path,
                 struct error *error);

/* Takes a device out and destroys it, with nothing behind it. While no hart runs. */
void xhci_detach(struct pci_function *function, struct usb_device *device);

extern const struct device_model xhci_model;

#endif
