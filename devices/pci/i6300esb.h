/* SPDX-License-Identifier: MIT
 *
 * i6300esb: the watchdog of Intel's 6300ESB I/O controller hub (datasheet 300641, chapter "Watchdog Timer").
 * Its two stages follow each other: the first one only notes that it has ended, the second one bites.
 */
#ifndef DEVICES_PCI_I6300ESB_H
#define DEVICES_PCI_I6300ESB_H

#include "devices/guest_event.h"
#include "devices/model.h"
#include "devices/pci/pci.h"

struct i6300esb_config {
    struct clock *clock;
    guest_event_fn *report; /* called with GUEST_EVENT_WATCHDOG on the clock's thread */
    void *opaque;
    bool multifunction;
};

/* NULL and *error if the host has no memory. */
struct pci_function *i6300esb_create(const struct i6300esb_config *config, struct error *error);

extern const struct device_model i6300esb_model;

#endif
