/* SPDX-License-Identifier: MIT
 *
 * The bus that PCI functions are plugged into, and finding the one that an address belongs to; see pci.h. The
 * tables change only while no hart runs, so that harts read them without a lock.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/pci/bridge.h"
#include "devices/pci/iommu.h"
#include "devices/pci/pci.h"

enum { PLACES = PCI_SLOTS * PCI_FUNCTIONS };
enum { EXPRESS_FLAGS = 2, EXPRESS_LINK = 12, EXPRESS_LINK_STATUS = 18, EXPRESS_TYPE = 0xf0 };
enum { LINK_CAPABLE = 0x411, LINK_STATUS = 0x11 }; /* one lane at 2.5 GT/s */

/* The function that is the IOMMU of this bus; NULL: none. */
static struct pci_function *iommu_function(const struct pci_bus *bus)
{
    for (unsigned n = 0; bus->iommu && n < PLACES; n++)
        if (bus->functions[n] && bus->functions[n] == bus->iommu->function)
            return bus->functions[n];
    return NULL;
}

bool pci_bus_init(struct pci_bus *bus, struct error *error)
{
    *bus = (struct pci_bus){ .bars = calloc(PLACES * PCI_BARS, sizeof(*bus->bars)),
                             .bridges = calloc(PLACES, sizeof(struct pci_bridge *)) };
    if (!bus->bars || !bus->bridges) {
        free(bus->bars);
        free(bus->bridges);
        return error_set(error, "pci: out of memory");
    }
    pthread_mutex_init(&bus->lock, NULL);
    return true;
}

void pci_bus_destroy(struct pci_bus *bus)
{
    struct pci_function *iommu =
        iommu_function(bus); /* it goes last: the others use it until they are gone */
    for (unsigned n = 0; n < PLACES; n++)
        if (bus->functions[n] && bus->functions[n] != iommu)
            bus->functions[n]->ops->destroy(bus->functions[n]);
    if (iommu)
        iommu->ops->destroy(iommu);
    free(bus->bars);
    free(bus->bridges);
    pthread_mutex_destroy(&bus->lock);
}

/* Makes the lists of BARs and of bridges, in the order of the functions. */
static void list_bars(struct pci_bus *bus)
{
    bus->bar_count = bus->bridge_count = 0;
    for (unsigned n = 0; n < PLACES; n++) {
        for (unsigned i = 0; bus->functions[n] && i < PCI_BARS; i++) {
            if (bus->functions[n]->bars[i].kind != PCI_BAR_NONE)
                bus->bars[bus->bar_count++] = &bus->functions[n]->bars[i];
        }
        if (bus->functions[n] && bus->functions[n]->bridge)
            bus->bridges[bus->bridge_count++] = bus->functions[n]->bridge;
    }
}

/* PCI Express Base 7.5.3: an endpoint behind a port is not integrated into the root complex. */
static void give_link(struct pci_function *function)
{
    uint8_t *flags = function->config + function->express + EXPRESS_FLAGS;
    if ((*flags & EXPRESS_TYPE) != PCI_EXPRESS_INTEGRATED << 4)
        return;
    *flags = (uint8_t)((*flags & ~EXPRESS_TYPE) | PCI_EXPRESS_ENDPOINT << 4);
    pci_function_set_config(function, function->express + EXPRESS_LINK, 4, LINK_CAPABLE);
    pci_function_set_config(function, function->express + EXPRESS_LINK_STATUS, 2, LINK_STATUS);
}

bool pci_bus_plug(struct pci_bus *bus, struct pci_function *function, unsigned slot, unsigned number,
                  struct error *error)
{
    if (slot >= PCI_SLOTS || number >= PCI_FUNCTIONS)
        return error_set(error, "%s: there is no slot %x.%x on a PCI bus", function->ops->name, slot, number);
    if (bus->port && slot)
        return error_set(error, "%s: slot %x: behind a PCI Express port there is only slot 0",
                         function->ops->name, slot);
    struct pci_function **place = &bus->functions[slot * PCI_FUNCTIONS + number];
    if (*place)
        return error_set(error, "%s: slot %x.%x is taken by %s", function->ops->name, slot, number,
                         (*place)->ops->name);
    *place = function;
    function->bus = bus;
    function->slot = slot;
    function->number = number;
    if (bus->port && function->express)
        give_link(function);
    list_bars(bus);
    return true;
}

void pci_bus_unplug(struct pci_function *function)
{
    struct pci_bus *bus = function->bus;
    pci_function_reset(function);
    pci_function_set_intx(function, false);
    bus->functions[function->slot * PCI_FUNCTIONS + function->number] = NULL;
    list_bars(bus);
}

bool pci_bus_is_empty(const struct pci_bus *bus)
{
    for (unsigned n = 0; n < PLACES; n++)
        if (bus->functions[n])
            return false;
    return true;
}

struct pci_function *pci_bus_function(const struct pci_bus *bus, unsigned slot, unsigned number)
{
    return slot < PCI_SLOTS && number < PCI_FUNCTIONS ? bus->functions[slot * PCI_FUNCTIONS + number] : NULL;
}

/* ---- Finding ---------------------------------------------------------------------------------------------
 */

struct pci_bus *pci_bus_numbered(struct pci_bus *bus, unsigned number)
{
    while (bus && number) {
        struct pci_bridge *bridge = NULL;
        for (unsigned n = 0; n < bus->bridge_count && !bridge; n++)
            bridge = pci_bridge_leads_to(bus->bridges[n], number) ? bus->bridges[n] : NULL;
        if (bridge && pci_bridge_secondary(bridge) == number)
            return &bridge->bus;
        bus = bridge ? &bridge->bus : NULL;
    }
    return bus;
}

static struct pci_bar *decode_here(const struct pci_bus *bus, bool io, uint64_t address, unsigned size,
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

/* Returns the bus behind the first bridge whose windows have the address; NULL: none. */
static const struct pci_bus *behind(const struct pci_bus *bus, bool io, uint64_t address, unsigned size)
{
    for (unsigned n = 0; n < bus->bridge_count; n++)
        if (pci_bridge_passes(bus->bridges[n], io, address, size))
            return &bus->bridges[n]->bus;
    return NULL;
}

struct pci_bar *pci_bus_decode(const struct pci_bus *bus, bool io, uint64_t address, unsigned size,
                               uint64_t *offset)
{
    struct pci_bar *bar = NULL;
    for (; bus && !bar; bus = behind(bus, io, address, size))
        bar = decode_here(bus, io, address, size, offset);
    return bar;
}

/* ---- All functions ------------------------------------------------------------------------------------- */

void pci_bus_reset(struct pci_bus *bus)
{
    for (unsigned n = 0; n < PLACES; n++)
        if (bus->functions[n])
            pci_function_reset(bus->functions[n]);
}

void pci_bus_hold(struct pci_bus *bus, bool held)
{
    for (unsigned n = 0; n < PLACES; n++)
        if (bus->functions[n] && bus->functions[n]->ops->hold)
            bus->functions[n]->ops->hold(bus->functions[n], held);
}

static unsigned count_functions(const struct pci_bus *bus)
{
    unsigned count = 0;
    for (unsigned n = 0; n < PLACES; n++)
        count += bus->functions[n] != NULL;
    return count;
}

void pci_bus_save(struct pci_bus *bus, const char *name, struct state_writer *writer)
{
    state_section(writer, name, 1);
    state_put(writer, "functions", count_functions(bus));
    /* What others load may need their translations. */
    struct pci_function *iommu = iommu_function(bus);
    if (iommu)
        pci_function_save(iommu, writer);
    for (unsigned n = 0; n < PLACES; n++)
        if (bus->functions[n] && bus->functions[n] != iommu)
            pci_function_save(bus->functions[n], writer);
}

bool pci_bus_load(struct pci_bus *bus, const char *name, struct state_reader *reader)
{
    unsigned count = count_functions(bus);
    if (!state_open(reader, name, 1))
        return false;
    uint64_t saved = state_get(reader, "functions", PLACES);
    if (!reader->failed && saved != count) {
        reader->failed = true;
        error_set(reader->error,
                  "saved state: the PCI bus had %u functions, here it has %u; start with the same devices",
                  (unsigned)saved, count);
    }
    struct pci_function *iommu = iommu_function(bus);
    if (iommu && !reader->failed && !pci_function_load(iommu, reader))
        return false;
    for (unsigned n = 0; n < PLACES && !reader->failed; n++) {
        if (bus->functions[n] && bus->functions[n] != iommu && !pci_function_load(bus->functions[n], reader))
            return false;
    }
    return !reader->failed;
}
