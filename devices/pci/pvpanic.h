/* SPDX-License-Identifier: MIT
 *
 * pvpanic-pci: the register through which a guest's kernel says that it has panicked (QEMU, "PVPANIC
 * device").
 */
#ifndef DEVICES_PCI_PVPANIC_H
#define DEVICES_PCI_PVPANIC_H

#include "devices/guest_event.h"
#include "devices/model.h"
#include "devices/pci/pci.h"

enum { PVPANIC_PANICKED = 1, PVPANIC_CRASHLOADED = 2, PVPANIC_SHUTDOWN = 4, PVPANIC_ALL = 7 };

struct pvpanic_config {
    guest_event_fn *report;
    void *opaque;
    uint8_t events; /* what the guest may report: a sum of PVPANIC_... */
    bool multifunction;
};

/* NULL and *error if the host has no memory. */
struct pci_function *pvpanic_create(const struct pvpanic_config *config, struct error *error);

extern const struct device_model pvpanic_model;

#endif
