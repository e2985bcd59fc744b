/* SPDX-License-Identifier: MIT
 *
 * MSI-X of a PCI function (PCI 3.0 section 6.8.2): a table of vectors and an array of pending bits in one of
 * its BARs. Devices call the first three functions, pci.c the others; those marked [locked] are called with
 * the lock of the bus held.
 */
#ifndef DEVICES_PCI_MSIX_H
#define DEVICES_PCI_MSIX_H

#include "devices/pci/pci.h"

#define PCI_MSIX_VECTORS_MAX 2048u
#define PCI_MSIX_ENTRY       16u /* bytes of an entry of the table */

/* Adds the capability (12 bytes) at `offset`. Table and pending bits lie in memory BAR `bar` of the function,
 * at offsets that are multiples of 8, each wholly inside. The device does not see accesses to them. False and
 * *error if the host has no memory. */
bool pci_msix_add(struct pci_function *function, unsigned offset, unsigned vectors, unsigned bar,
                  uint32_t table_offset, uint32_t pba_offset, struct error *error);
/* Has the guest chosen MSI-X instead of INTx? Any thread. */
bool pci_msix_enabled(struct pci_function *function);
/* Sends the vector's message, or sets its pending bit while it is masked. Does nothing while MSI-X is not
 * enabled. Any thread. */
void pci_msix_notify(struct pci_function *function, unsigned vector);

/* [locked] */
bool pci_msix_is_enabled(const struct pci_function *function);
/* To be called when the guest may have unmasked the function: sends what is pending. [locked] */
void pci_msix_config_changed(struct pci_function *function);
/* Does an access at this place of a BAR concern the table or the pending bits? */
bool pci_msix_covers(const struct pci_function *function, unsigned bar, uint64_t offset);
uint64_t pci_msix_read(struct pci_function *function, uint64_t offset, unsigned size);
void pci_msix_write(struct pci_function *function, uint64_t offset, unsigned size, uint64_t value);
/* [locked] */
void pci_msix_reset(struct pci_function *function);
void pci_msix_save(const struct pci_function *function, struct state_writer *writer);
void pci_msix_load(struct pci_function *function, struct state_reader *reader);

#endif
