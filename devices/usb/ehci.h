/* SPDX-License-Identifier: MIT
 *
 * usb-ehci: a USB 2 controller (Enhanced Host Controller Interface for Universal Serial Bus 1.0) as a PCI
 * function, with the devices that are plugged into its ports. Identity and registers are those of QEMU's
 * controller. It has no companion, so its ports take high-speed devices only, which all of Rvive's are.
 * Isochronous transfers and split transactions are left out.
 */
#ifndef DEVICES_USB_EHCI_H
#define DEVICES_USB_EHCI_H

#include "devices/model.h"
#include "devices/pci/pci.h"
#include "devices/usb/usb.h"

#define EHCI_PORTS 6u

struct ehci_config {
    struct dma *dma; /* borrowed, like the clock */
    struct clock *clock;
    bool ich9; /* it is that of an ICH9: another identity */
    bool multifunction;
};

/* NULL and *error if the host has no memory. */
struct pci_function *ehci_create(const struct ehci_config *config, struct error *error);
/* As xhci_attach(). */
bool ehci_attach(struct pci_function *function, struct usb_device *device, const char *path,
                 struct error *error);

/* As xhci_detach(). */
void ehci_detach(struct pci_function *function, struct usb_device *device);

extern const struct device_model ehci_model;
extern const struct device_model ehci_ich9_model;

#endif
