/* SPDX-License-Identifier: MIT
 *
 * pcie-root-port and ioh3420: ports of the root complex (PCI Express Base 7.5.3), and xio3130-downstream, a
 * port of a switch. Each has a slot into which a function can be plugged while the machine runs, and taken
 * out again. Ids and layout of configuration space are those of QEMU's ports, without their extended
 * capabilities (AER, ACS).
 *
 * The slot has an attention button, a power controller and a power indicator (6.7). A function that is
 * plugged in shows as a change of presence, together with a press of the button, and the guest switches the
 * power on. To take it out, the user presses the button. The guest then stops its driver, and switches off
 * the power and the indicator. At that moment the slot is empty for the guest; the owner of the port is told,
 * and unplugs the functions.
 */
#ifndef DEVICES_PCI_ROOT_PORT_H
#define DEVICES_PCI_ROOT_PORT_H

#include "devices/model.h"
#include "devices/pci/bridge.h"

enum { ROOT_PORT_SLOT_MAX = 0x1fff };

enum root_port_kind { ROOT_PORT_GENERIC, ROOT_PORT_IOH3420, ROOT_PORT_XIO3130 };

struct root_port_config {
    enum root_port_kind kind;
    uint8_t port;  /* its number in the link's capabilities */
    uint16_t slot; /* its number in the slot's capabilities: up to ROOT_PORT_SLOT_MAX */
    bool fixed;    /* what is in the slot stays there */
    bool multifunction;
    /* The guest has given up the functions behind the port, which it cannot reach any more: they are to be
     * unplugged. Called on a hart's thread, or while a state is loaded; must not wait. */
    void (*ejected)(void *opaque, struct pci_function *port);
    void *opaque;
};

/* NULL and *error if the host has no memory. */
struct pci_function *root_port_create(const struct root_port_config *config, struct error *error);

extern const struct device_model root_port_model, ioh3420_model, xio3130_model;

#endif
