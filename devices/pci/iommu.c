/* SPDX-License-Identifier: MIT
 *
 * Accesses and messages of functions on their way through an IOMMU: see iommu.h.
 */
#include "devices/pci/iommu.h"

#include "devices/pci/bridge.h"

struct pci_bus *pci_bus_root(struct pci_bus *bus)
{
    while (bus->bridge)
        bus = bus->bridge->function.bus;
    return bus;
}

/* A bridge to a conventional bus makes the requests from there its own: as the first function of that bus if
 * it leads there from PCI Express (PCI Express to PCI Bridge 1.0 section 2.3), else as itself. */
uint32_t pci_requester_id(const struct pci_function *function)
{
    struct pci_bridge *bridge = function->bus->bridge;
    uint32_t place = function->slot * PCI_FUNCTIONS | function->number;
    uint32_t id = (bridge ? pci_bridge_secondary(bridge) : 0) << 8 | place;
    for (; bridge; bridge = bridge->function.bus->bridge) {
        if (bridge->bus.conventional)
            id = bridge->function.express ? pci_bridge_secondary(bridge) << 8
                                          : pci_requester_id(&bridge->function);
    }
    return id;
}

/* The IOMMU that the function's requests pass; NULL: none. */
static struct pci_iommu *iommu_of(const struct pci_function *function)
{
    struct pci_iommu *iommu = function->bus ? pci_bus_root(function->bus)->iommu : NULL;
    return iommu && iommu->function != function ? iommu : NULL;
}

bool pci_message_send(struct pci_function *function, uint64_t address, uint32_t data)
{
    const struct pci_msi_target *msi = &function->bus->msi;
    struct pci_iommu *iommu = iommu_of(function);
    uint64_t length = sizeof(data);
    if (!msi->send)
        return false;
    if (iommu && !iommu->translate(iommu, pci_requester_id(function), address, &length, true, &address))
        return false;
    return msi->send(msi->opaque, address, data);
}

/* ---- The functions' side of memory --------------------------------------------------------------------- */

static struct pci_dma *of_dma(struct dma *dma)
{
    return (struct pci_dma *)dma;
}

static void *pci_dma_map(struct dma *dma, uint64_t paddr, uint64_t length, bool write)
{
    struct dma *memory = of_dma(dma)->memory;
    return memory->ops->map(memory, paddr, length, write);
}

static void pci_dma_written(struct dma *dma, uint64_t paddr, uint64_t length)
{
    struct dma *memory = of_dma(dma)->memory;
    memory->ops->written(memory, paddr, length);
}

static bool pci_dma_discard(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros)
{
    return dma_discard(of_dma(dma)->memory, paddr, length, zeros);
}

static bool pci_dma_translate(struct dma *dma, uint64_t address, uint64_t *length, bool write,
                              uint64_t *paddr)
{
    const struct pci_function *function = of_dma(dma)->function;
    struct pci_iommu *iommu = function ? iommu_of(function) : NULL;
    *paddr = address;
    return !iommu || iommu->translate(iommu, pci_requester_id(function), address, length, write, paddr);
}

void pci_dma_init(struct pci_dma *dma, struct dma *memory)
{
    static const struct dma_ops ops = {
        .map = pci_dma_map,
        .written = pci_dma_written,
        .discard = pci_dma_discard,
        .translate = pci_dma_translate,
    };
    *dma = (struct pci_dma){ .dma = { &ops }, .memory = memory };
}
