/* SPDX-License-Identifier: MIT
 *
 * bochs-display: a simple screen on the PCI bus, for which EDK2 and Linux have drivers. One BAR is the memory
 * for the picture, another has registers and an EDID (bochs_vbe.h).
 */
#ifndef DEVICES_PCI_BOCHS_DISPLAY_H
#define DEVICES_PCI_BOCHS_DISPLAY_H

#include "devices/display/display.h"
#include "devices/model.h"
#include "devices/pci/pci.h"

struct bochs_display_config {
    struct display *display; /* borrowed; outlives the device */
    uint32_t width, height;  /* the size that the EDID prefers; 0: 1280 x 800 */
    bool multifunction;
};

/* NULL and *error if memory is short. */
struct pci_function *bochs_display_create(const struct bochs_display_config *config, struct error *error);

extern const struct device_model bochs_display_model;

#endif
