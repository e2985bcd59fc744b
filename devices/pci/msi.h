/* SPDX-License-Identifier: MIT
 *
 * MSI of a PCI function (PCI 3.0 section 6.8.1): one address and a number of data that differ in their low
 * bits, all in configuration space. The form is that with a 64-bit address and without masking, so nothing is
 * ever pending. Devices call the first three functions, pci.c the last, which is marked [locked]: the lock of
 * the bus is held. The registers are saved with configuration space.
 */
#ifndef DEVICES_PCI_MSI_H
#define DEVICES_PCI_MSI_H

#include "devices/pci/pci.h"

#define PCI_MSI_VECTORS_MAX 32u
#define PCI_MSI_LENGTH      14u /* bytes of the capability */

/* Adds the capability at `offset`. vectors: a power of two, up to PCI_MSI_VECTORS_MAX. */
void pci_msi_add(struct pci_function *function, unsigned offset, unsigned vectors);
/* Has the guest chosen MSI instead of INTx? Any thread. */
bool pci_msi_enabled(struct pci_function *function);
/* Sends the vector's message. If the guest allows fewer vectors than the function has, those that are left
 * stand for the others, too. Does nothing while MSI is not enabled, or the function may not master the bus.
 * Any thread. */
void pci_msi_notify(struct pci_function *function, unsigned vector);

/* [locked] */
bool pci_msi_is_enabled(const struct pci_function *function);

#endif
