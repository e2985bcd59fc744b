/* SPDX-License-Identifier: MIT
 *
 * Bridges without a slot for hot plug: pcie-pci-bridge and pci-bridge, behind which is a conventional bus
 * (PCI-to-PCI Bridge 1.2, PCI Express to PCI Bridge 1.0), i82801b11-bridge, the same of an ICH9, and
 * x3130-upstream, the port of a switch on whose bus its downstream ports are (root_port.h). Ids and layout of
 * configuration space are those of QEMU's. QEMU's first two have a controller for hot plug (SHPC), with an
 * interrupt of its own, which is not there: they are as with shpc=off.
 */
#ifndef DEVICES_PCI_BRIDGES_H
#define DEVICES_PCI_BRIDGES_H

#include "devices/model.h"
#include "devices/pci/bridge.h"

enum pci_bridge_kind { PCI_BRIDGE_EXPRESS, PCI_BRIDGE_CONVENTIONAL, PCI_BRIDGE_I82801B11, PCI_BRIDGE_X3130 };

/* `chassis`: of a pci-bridge, its number in the capability that names its slots. NULL and *error if the host
 * has no memory. */
struct pci_function *pci_bridge_create(enum pci_bridge_kind kind, unsigned chassis, bool multifunction,
                                       struct error *error);

extern const struct device_model pcie_pci_bridge_model, pci_bridge_model, i82801b11_model, x3130_model;

#endif
