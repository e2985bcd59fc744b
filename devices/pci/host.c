/* SPDX-License-Identifier: MIT
 *
 * The host bridge: see host.h. ECAM has one 4 KiB page for each (bus, slot, function). The sizes of the
 * windows belong to the board, so each bridge has its own copy of their ops.
 */
#include "devices/pci/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "devices/pci/iommu.h"
#include "util/log.h"

enum { ECAM_BUS_SHIFT = 20, ECAM_SLOT_SHIFT = 15, ECAM_FUNCTION_SHIFT = 12 };
enum { BRIDGE_VENDOR = 0x1b36, BRIDGE_DEVICE = 0x0008, SUBSYSTEM_VENDOR = 0x1af4, SUBSYSTEM = 0x1100 };
enum { BRIDGE_CLASS = 0x060000 };
/* space codes of the FDT */
enum { RANGE_IO = 0x01000000, RANGE_MEM32 = 0x02000000, RANGE_MEM64 = 0x03000000 };

struct window {
    struct device device; /* must be first: the ops cast back to the whole */
    struct device_ops ops;
    struct pci_host *host;
    bool io;
    uint64_t pci_base; /* the address on the PCI bus of the window's first byte */
};

struct pci_host {
    struct window windows[PCI_WINDOW_COUNT];
    struct pci_bus bus;
    struct pci_host_config config;
    struct pci_function bridge;
};

static uint64_t all_ones(unsigned size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

/* ---- Windows ------------------------------------------------------------------------------------------- */

static struct pci_function *ecam_function(struct pci_host *host, uint64_t offset)
{
    struct pci_bus *bus = pci_bus_numbered(&host->bus, (unsigned)(offset >> ECAM_BUS_SHIFT));
    if (!bus)
        return NULL;
    return pci_bus_function(bus, offset >> ECAM_SLOT_SHIFT & (PCI_SLOTS - 1),
                            offset >> ECAM_FUNCTION_SHIFT & (PCI_FUNCTIONS - 1));
}

static uint64_t ecam_read(struct device *device, uint64_t offset, unsigned size)
{
    struct pci_function *function = ecam_function(((struct window *)device)->host, offset);
    return function ? pci_config_read(function, offset & 0xfff, size) : all_ones(size);
}

static void ecam_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_function *function = ecam_function(((struct window *)device)->host, offset);
    if (function)
        pci_config_write(function, offset & 0xfff, size, (uint32_t)value);
}

static uint64_t window_read(struct device *device, uint64_t offset, unsigned size)
{
    struct window *window = (struct window *)device;
    uint64_t address = window->pci_base + offset;
    struct pci_bar *bar = pci_bus_decode(&window->host->bus, window->io, address, size, &offset);
    if (bar)
        return pci_bar_read(bar, offset, size);
    LOG_GUEST("%s: read of %u bytes at 0x%llx, which no BAR decodes", device->ops->name, size,
              (unsigned long long)address);
    return all_ones(size);
}

static void window_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct window *window = (struct window *)device;
    uint64_t address = window->pci_base + offset;
    struct pci_bar *bar = pci_bus_decode(&window->host->bus, window->io, address, size, &offset);
    if (bar)
        pci_bar_write(bar, offset, size, value);
    else
        LOG_GUEST("%s: write of %u bytes at 0x%llx, which no BAR decodes", device->ops->name, size,
                  (unsigned long long)address);
}

/* The other windows do nothing here: ECAM's window resets, saves, loads and destroys what is behind all of
 * them. */
static void window_reset(struct device *device)
{
    (void)device;
}

static void window_save(struct device *device, struct state_writer *writer)
{
    (void)device, (void)writer;
}

static bool window_load(struct device *device, struct state_reader *reader)
{
    (void)device;
    return !reader->failed;
}

static void window_destroy(struct device *device)
{
    (void)device;
}

/* ---- The bridge ---------------------------------------------------------------------------------------- */

static struct pci_host *host_of(struct device *device)
{
    return ((struct window *)device)->host;
}

static void host_reset(struct device *device)
{
    pci_bus_reset(&host_of(device)->bus);
}

static void host_hold(struct device *device, bool held)
{
    pci_bus_hold(&host_of(device)->bus, held);
}

static void host_save(struct device *device, struct state_writer *writer)
{
    pci_bus_save(&host_of(device)->bus, "pci-host", writer);
}

static bool host_load(struct device *device, struct state_reader *reader)
{
    return pci_bus_load(&host_of(device)->bus, "pci-host", reader);
}

static void host_destroy(struct device *device)
{
    struct pci_host *host = host_of(device);
    pci_bus_destroy(&host->bus);
    free(host);
}

/* ---- The device tree node (the PCI bus binding, IEEE 1275) --------------------------------------------- */

static fdt32_t *put_cells(fdt32_t *cell, uint64_t value, unsigned count)
{
    while (count--)
        fdt32_st(cell++, (uint32_t)(value >> 32 * count));
    return cell;
}

/* Each range has three cells of address on the bus, two of address here, two of size. */
static void fdt_ranges(struct fdt_node *node, const struct pci_host *host)
{
    static const struct {
        enum pci_window window;
        uint32_t space;
    } rows[] = { { PCI_WINDOW_IO, RANGE_IO },
                 { PCI_WINDOW_MEM32, RANGE_MEM32 },
                 { PCI_WINDOW_MEM64, RANGE_MEM64 } };
    fdt32_t *cell = fdt_node_cells(node, "ranges", 7 * 3);
    for (unsigned n = 0; cell && n < 3; n++) {
        const struct pci_host_range *range = &host->config.windows[rows[n].window];
        cell = put_cells(cell, rows[n].space, 1);
        cell = put_cells(cell, host->windows[rows[n].window].pci_base, 2);
        cell = put_cells(cell, range->base, 2);
        cell = put_cells(cell, range->size, 2);
    }
}

/* Slots 0 to 3 by pins A to D; the mask makes the other slots repeat these. */
static void fdt_interrupts(struct fdt_node *node, const struct pci_host *host)
{
    unsigned typed = host->config.irq_type ? 1 : 0;
    fdt32_t *cell = fdt_node_cells(node, "interrupt-map", (6 + typed) * PCI_PINS * PCI_PINS);
    for (unsigned n = 0; cell && n < PCI_PINS * PCI_PINS; n++) {
        unsigned slot = n / PCI_PINS, pin = n % PCI_PINS;
        cell = put_cells(cell, slot << 11, 1);
        cell = put_cells(cell, 0, 2);
        cell = put_cells(cell, pin + 1, 1);
        cell = put_cells(cell, host->config.irq_parent, 1);
        cell = put_cells(cell, host->config.first_irq + (slot + pin) % PCI_PINS, 1);
        cell = put_cells(cell, host->config.irq_type, typed);
    }
    cell = fdt_node_cells(node, "interrupt-map-mask", 4);
    if (cell)
        put_cells(put_cells(put_cells(cell, (PCI_PINS - 1) << 11, 1), 0, 2), 7, 1);
}

/* The IOMMU's node, if it is a function: its place is in bits 15 to 8 of the first cell. */
static void fdt_iommu_node(struct fdt_node *parent, const struct pci_iommu *iommu)
{
    char name[32], compatible[64];
    unsigned slot = iommu->function->slot, number = iommu->function->number;
    const uint8_t *id = iommu->function->config;
    snprintf(name, sizeof(name), "iommu@%x,%x", slot, number);
    int length =
        snprintf(compatible, sizeof(compatible), "pci%x,%x", id[0] | id[1] << 8, id[2] | id[3] << 8) + 1;
    length += snprintf(compatible + length, sizeof(compatible) - (size_t)length, "riscv,pci-iommu") + 1;
    struct fdt_node node = fdt_node_begin_plain(parent->fdt, name);
    fdt_node_bytes(&node, "compatible", compatible, (size_t)length);
    fdt_node_u32(&node, "#iommu-cells", 1);
    fdt_node_u32(&node, "phandle", iommu->phandle);
    fdt32_t *cell = fdt_node_cells(&node, "reg", 5);
    if (cell)
        put_cells(put_cells(put_cells(cell, slot << 11 | number << 8, 1), 0, 2), 0, 2);
    int status = fdt_node_end(&node);
    parent->status = parent->status ? parent->status : status;
}

/* Which requester ids the IOMMU translates: all but its own. A range has four cells: the first id, the IOMMU,
 * the first id there, how many. */
static void fdt_iommu(struct fdt_node *node, const struct pci_iommu *iommu)
{
    uint32_t own = iommu->function ? pci_requester_id(iommu->function) : 0, ids = 0x10000;
    unsigned ranges = iommu->function ? 2 : 1;
    fdt32_t *cell = fdt_node_cells(node, "iommu-map", 4ul * ranges);
    for (unsigned n = 0; cell && n < ranges; n++) {
        uint32_t first = n ? own + 1 : 0, count = ranges == 1 ? ids : n ? ids - first : own;
        cell = put_cells(put_cells(cell, first, 1), iommu->phandle, 1);
        cell = put_cells(put_cells(cell, first, 1), count, 1);
    }
    if (iommu->function)
        fdt_iommu_node(node, iommu);
}

static int host_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct pci_host *host = host_of(device);
    uint32_t last_bus = (uint32_t)(place->size >> ECAM_BUS_SHIFT) - 1;
    struct fdt_node node = fdt_node_begin(fdt, "pci", place);
    fdt_node_compatible(&node, "pci-host-ecam-generic");
    fdt_node_bytes(&node, "device_type", "pci", sizeof("pci"));
    fdt_node_u32(&node, "#address-cells", 3);
    fdt_node_u32(&node, "#size-cells", 2);
    fdt_node_u32(&node, "#interrupt-cells", 1);
    fdt_node_u32(&node, "linux,pci-domain", 0);
    fdt32_t *cell = fdt_node_cells(&node, "bus-range", 2);
    if (cell)
        put_cells(put_cells(cell, 0, 1), last_bus, 1);
    fdt_node_bytes(&node, "dma-coherent", NULL, 0);
    if (host->config.msi_parent)
        fdt_node_u32(&node, "msi-parent", host->config.msi_parent);
    fdt_ranges(&node, host);
    fdt_interrupts(&node, host);
    if (host->bus.iommu)
        fdt_iommu(&node, host->bus.iommu);
    return fdt_node_end(&node);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static uint64_t bridge_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)function, (void)bar, (void)offset;
    return all_ones(size); /* the bridge has no BARs */
}

static void bridge_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                         uint64_t value)
{
    (void)function, (void)bar, (void)offset, (void)size, (void)value;
}

static void bridge_destroy(struct pci_function *function)
{
    pci_function_fini(function); /* everything else is part of the host */
}

static const struct pci_function_ops bridge_ops = {
    .name = "the PCI host bridge",
    .access_max = 8,
    .read = bridge_read,
    .write = bridge_write,
    .destroy = bridge_destroy,
};

static void make_window(struct pci_host *host, enum pci_window number, const char *name, unsigned access_max)
{
    struct window *window = &host->windows[number];
    window->ops = (struct device_ops){
        .name = name,
        .size = host->config.windows[number].size,
        .access_min = 1,
        .access_max = (uint8_t)access_max,
        .read = window_read,
        .write = window_write,
        .reset = window_reset,
        .save = window_save,
        .load = window_load,
        .destroy = window_destroy,
    };
    window->device.ops = &window->ops;
    window->host = host;
    window->io = number == PCI_WINDOW_IO;
    window->pci_base = window->io ? 0 : host->config.windows[number].base;
}

static void make_windows(struct pci_host *host)
{
    make_window(host, PCI_WINDOW_ECAM, "pci-host", 4);
    make_window(host, PCI_WINDOW_IO, "pci-io", 4);
    make_window(host, PCI_WINDOW_MEM32, "pci-mem32", 8);
    make_window(host, PCI_WINDOW_MEM64, "pci-mem64", 8);
    struct device_ops *ecam = &host->windows[PCI_WINDOW_ECAM].ops;
    ecam->read = ecam_read;
    ecam->write = ecam_write;
    ecam->reset = host_reset;
    ecam->save = host_save;
    ecam->load = host_load;
    ecam->hold = host_hold;
    ecam->destroy = host_destroy;
    ecam->fdt = host_fdt;
}

struct pci_host *pci_host_create(const struct pci_host_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = BRIDGE_VENDOR,
        .device = BRIDGE_DEVICE,
        .subsystem_vendor = SUBSYSTEM_VENDOR,
        .subsystem = SUBSYSTEM,
        .class_code = BRIDGE_CLASS,
    };
    struct pci_host *host = calloc(1, sizeof(*host));
    if (!host) {
        error_set(error, "pci-host: out of memory");
        return NULL;
    }
    host->config = *config;
    if (!pci_bus_init(&host->bus, error)) {
        free(host);
        return NULL;
    }
    for (unsigned n = 0; n < PCI_PINS; n++)
        host->bus.intx[n] = config->intx[n];
    host->bus.msi = config->msi;
    make_windows(host);
    pci_function_init(&host->bridge, &bridge_ops, &identity);
    pci_bus_plug(&host->bus, &host->bridge, 0, 0, error); /* it cannot fail: the bus is empty */
    return host;
}

struct device *pci_host_window(struct pci_host *host, enum pci_window window)
{
    return &host->windows[window].device;
}

struct pci_bus *pci_host_bus(struct pci_host *host)
{
    return &host->bus;
}
