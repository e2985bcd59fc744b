/* SPDX-License-Identifier: MIT
 *
 * The bus that PCI functions are plugged into, and finding the one that an address belongs to; see pci.h. The
 * tables are filled before the guest runs and do not change afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/pci/pci.h"

bool pci_bus_init(struct pci_bus *bus, struct error *error)
{
    *bus = (struct pci_bus){ .bars = calloc(PCI_SLOTS * PCI_FUNCTIONS * PCI_BARS, sizeof(*bus->bars)) };
    if (!bus->bars)
        return error_set(error, "pci: out of memory");
    pthread_mutex_init(&bus->lock, NULL);
    return true;
}

void pci_bus_destroy(struct pci_bus *bus)
{
    for (unsigned n = 0; n < PCI_SLOTS * PCI_FUNCTIONS; n++) {
        if (bus->functions[n])
            bus->functions[n]->ops->destroy(bus->functions[n]);
    }
    free(bus->bars);
    pthread_mutex_destroy(&bus->lock);
}

/* Makes the list of BARs, in the order of the functions. */
static void list_bars(struct pci_bus *bus)
{
    bus->bar_count = 0;
    for (unsigned n = 0; n < PCI_SLOTS * PCI_FUNCTIONS; n++) {
        for (unsigned i = 0; bus->functions[n] && i < PCI_BARS; i++) {
            if (bus->functions[n]->bars[i].kind != PCI_BAR_NONE)
                bus->bars[bus->bar_count++] = &bus->functions[n]->bars[i];
        }
    }
}

bool pci_bus_plug(struct pci_bus *bus, struct pci_function *function, unsigned slot, unsigned number,
                  struct error *error)
{
    if (slot >= PCI_SLOTS || number >= PCI_FUNCTIONS)
        return error_set(error, "%s: there is no slot %x.%x on a PCI bus", function->ops->name, slot, number);
    struct pci_function **place = &bus->functions[slot * PCI_FUNCTIONS + number];
    if (*place)
        return error_set(error, "%s: slot %x.%x is taken by %s", function->ops->name, slot, number,
                         (*place)->ops->name);
    *place = function;
    function->bus = bus;
    function->slot = slot;
    function->number = number;
    list_bars(bus);
    return true;
}

struct pci_function *pci_bus_function(const struct pci_bus *bus, unsigned slot, unsigned number)
{
    return slot < PCI_SLOTS && number < PCI_FUNCTIONS ? bus->functions[slot * PCI_FUNCTIONS + number] : NULL;
}

struct pci_bar *pci_bus_decode(const struct pci_bus *bus, bool io, uint64_t address, unsigned size,
                               uint64_t *offset)
{
    for (unsigned n = 0; n < bus->bar_count; n++) {
        struct pci_bar *bar = bus->bars[n];
        uint64_t base = atomic_load_explicit(&bar->base, memory_order_acquire);
        if ((bar->kind == PCI_BAR_IO) == io && base != PCI_UNMAPPED && address >= base &&
            address - base < bar->size && size <= bar->size - (address - base)) {
            *offset = address - base;
            return bar;
        }
    }
    return NULL;
}
