/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge of the board `virt`, with the windows and interrupts of QEMU's, and the functions that
 * the command line plugs into it. The 64-bit window is 16 GiB, above RAM. On a 32-bit machine it is smaller,
 * so that it lies within the 34 bits of a physical address.
 */
#include <stdio.h>
#include <string.h>

#include "devices/pci/bridge.h"
#include "devices/pci/host.h"
#include "devices/virtio/transport/pci.h"
#include "machine/boards/boards.h"

#define ECAM_BASE       UINT64_C(0x30000000)
#define ECAM_SIZE       UINT64_C(0x10000000)
#define IO_BASE         UINT64_C(0x3000000)
#define IO_SIZE         UINT64_C(0x10000)
#define MEM32_BASE      UINT64_C(0x40000000)
#define MEM32_SIZE      UINT64_C(0x40000000)
#define MEM64_SIZE      UINT64_C(0x400000000)
#define MEM64_BASE_RV32 UINT64_C(0x300000000)
#define MEM64_SIZE_RV32 UINT64_C(0x100000000)

static struct pci_host_range mem64(uint64_t ram_end, unsigned xlen)
{
    if (xlen == 32)
        return (struct pci_host_range){ MEM64_BASE_RV32, MEM64_SIZE_RV32 };
    return (struct pci_host_range){ (ram_end + MEM64_SIZE - 1) & -MEM64_SIZE, MEM64_SIZE };
}

static struct pci_host *create_host(struct machine *machine,
                                    struct irq_line (*input)(struct machine *machine, unsigned number),
                                    struct error *error)
{
    struct pci_host_config config = {
        .windows = { [PCI_WINDOW_ECAM] = { ECAM_BASE, ECAM_SIZE },
                     [PCI_WINDOW_IO] = { IO_BASE, IO_SIZE },
                     [PCI_WINDOW_MEM32] = { MEM32_BASE, MEM32_SIZE },
                     [PCI_WINDOW_MEM64] = mem64(machine->config.board->ram_base + machine->config.ram_size,
                                                machine->config.isa.xlen) },
        .first_irq = BOARD_VIRT_PCI_IRQ,
        .irq_parent = FDT_PHANDLE_PLIC(machine->hart_count),
        .irq_type = machine->config.aia == MACHINE_AIA_NONE ? 0 : FDT_IRQ_LEVEL_HIGH,
        .msi = board_aia_messages(machine),
        .msi_parent = board_aia_msi_parent(machine),
    };
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = input(machine, BOARD_VIRT_PCI_IRQ + n);
    struct pci_host *host = pci_host_create(&config, error);
    /* The window of ECAM is added first, since the first one is destroyed last, and this one destroys the
     * bridge. */
    for (unsigned n = 0; host && n < PCI_WINDOW_COUNT; n++) {
        if (!board_add_device(machine, pci_host_window(host, n), config.windows[n].base, 0, NULL, error))
            return NULL;
    }
    return host;
}

/* A range is 7 cells: the kind of the space (PCI Bus Binding to Open Firmware), the address there, the
 * hart's address, the size. */
bool board_pci_is(const struct board_range *ram, unsigned xlen, const struct board_range *ecam,
                  const uint8_t *ranges, uint32_t length)
{
    const struct pci_host_range high = mem64(ram->base + ram->size, xlen);
    const struct {
        uint32_t kind;
        uint64_t bus, base, size;
    } wanted[] = { { 0x1000000, 0, IO_BASE, IO_SIZE },
                   { 0x2000000, MEM32_BASE, MEM32_BASE, MEM32_SIZE },
                   { 0x3000000, high.base, high.base, high.size } };
    if (ecam->base != ECAM_BASE || ecam->size != ECAM_SIZE ||
        length != sizeof(wanted) / sizeof(wanted[0]) * 28)
        return false;
    for (unsigned n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++, ranges += 28)
        if (board_cells(ranges, 1) != wanted[n].kind || board_cells(ranges + 4, 2) != wanted[n].bus ||
            board_cells(ranges + 12, 2) != wanted[n].base || board_cells(ranges + 20, 2) != wanted[n].size)
            return false;
    return true;
}

/* Makes the screen that virtio-vga has for firmware. */
static struct bochs_vbe *create_vga(struct machine *machine, const struct machine_pci *what,
                                    struct error *error)
{
    struct bochs_vbe_config config = { what->plug.model->name, machine->config.display,
                                       what->plug.settings.width, what->plug.settings.height };
    return bochs_vbe_create(&config, error);
}

static bool check_iommu_platform(const struct machine_pci *what, struct error *error)
{
    return !what->plug.settings.iommu_platform ||
           (what->legacy != VIRTIO_PCI_LEGACY_ON && !what->no_modern) ||
           error_set(error, "%s-pci: iommu_platform=on: the legacy interface knows no IOMMU",
                     what->plug.model->name);
}

/* Without iommu_platform=on its addresses are physical, as drivers expect that do not know otherwise. */
static struct pci_function *create_virtio(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_pci *what = &machine->config.pci[number];
    bool iommu = what->plug.settings.iommu_platform;
    if (!check_iommu_platform(what, error))
        return NULL;
    const struct device_model *model = what->plug.model;
    char name[32];
    snprintf(name, sizeof(name), "%s%s", model->name, model->buses & DEVICE_BUS_MMIO ? "-pci" : "");
    struct virtio_pci_config config = {
        .name = name,
        .dma = iommu ? board_pci_dma(machine, number) : bus_for_devices(machine->bus),
        .legacy = iommu && what->legacy == VIRTIO_PCI_LEGACY_AUTO ? VIRTIO_PCI_LEGACY_OFF : what->legacy,
        .no_modern = what->no_modern,
        .multifunction = what->multifunction,
        .vectors = what->vectors,
        .express = what->bus && !board_pci_bus(machine, what->bus)->conventional,
    };
    struct virtio_device *device = machine_create_plugged(machine, &what->plug, error);
    if (!device)
        return NULL;
    device->strict = machine->config.strict;
    if (model->vga)
        config.vga = create_vga(machine, what, error);
    struct pci_function *function =
        model->vga && !config.vga ? NULL : virtio_pci_create(&config, device, error);
    if (function)
        return function;
    if (config.vga)
        bochs_vbe_destroy(config.vga);
    virtio_device_destroy(device);
    return NULL;
}

struct pci_bus *board_pci_bus(const struct machine *machine, const char *id)
{
    for (unsigned n = 0; id && n < machine->config.pci_count; n++) {
        const char *bridge = machine->config.pci[n].plug.settings.id;
        struct pci_function *function = machine->pci_made[n].function;
        if (function && function->bridge && bridge && strcmp(bridge, id) == 0)
            return &function->bridge->bus;
    }
    return id ? NULL : machine->pci_bus;
}

static struct pci_function *create_function(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_pci *what = &machine->config.pci[number];
    return what->plug.model->create_pci
               ? machine_create_plugged_pci(machine, &what->plug, board_pci_dma(machine, number),
                                            what->multifunction, error)
               : create_virtio(machine, number, error);
}

bool board_pci_plug(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_pci *what = &machine->config.pci[number];
    struct machine_pci_made *made = &machine->pci_made[number];
    struct pci_bus *bus = board_pci_bus(machine, what->bus);
    unsigned disks = machine->blockdev_count, chardevs = machine->chardev_count;
    if (!bus)
        return error_set(error, "Bus '%s' not found", what->bus ? what->bus : "pcie.0");
    struct pci_function *function = create_function(machine, number, error);
    if (what->plug.model->backend == DEVICE_BACKEND_DISK && machine->blockdev_count > disks)
        made->disk = machine->blockdevs[disks];
    for (unsigned n = 0; n < VIRTIO_CONSOLE_PORTS_MAX && chardevs < machine->chardev_count; n++)
        made->chardevs[n] = machine->chardevs[chardevs++];
    if (function && !pci_bus_plug(bus, function, what->slot, what->function, error)) {
        function->ops->destroy(function);
        function = NULL;
    }
    made->function = function;
    return function && board_pci_join_iommu(machine, number, error);
}

/* Plugs in what is on a bus that is there, until nothing is left to do: bridges may come after what is behind
 * them. */
static bool plug_all(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    for (bool more = true; more;) {
        more = false;
        for (unsigned n = 0; n < config->pci_count; n++) {
            if (machine->pci_made[n].function || !board_pci_bus(machine, config->pci[n].bus))
                continue;
            if (!board_pci_plug(machine, n, error))
                return false;
            more = true;
        }
    }
    for (unsigned n = 0; n < config->pci_count; n++)
        if (!machine->pci_made[n].function)
            return board_pci_plug(machine, n, error); /* says that there is no such bus */
    return true;
}

bool board_pci_create(struct machine *machine,
                      struct irq_line (*input)(struct machine *machine, unsigned number), struct error *error)
{
    struct pci_host *host = create_host(machine, input, error);
    if (!host)
        return false;
    machine->pci_bus = pci_host_bus(host);
    board_pci_adopt_iommu(machine);
    if (!plug_all(machine, error))
        return false;
    /* Ports find out what is in their slots. */
    for (unsigned n = 0; n < machine->config.pci_count; n++)
        if (machine->pci_made[n].function->bridge)
            pci_function_reset(machine->pci_made[n].function);
    return true;
}
