/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge of the board `virt`, with the windows and interrupts of QEMU's, and the functions that
 * the command line plugs into it. The 64-bit window is 16 GiB, above RAM. On a 32-bit machine it is smaller,
 * so that it lies within the 34 bits of a physical address.
 */
#include <stdio.h>

#include "devices/pci/host.h"
#include "devices/platform/plic.h"
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

static struct pci_host_range mem64(const struct machine_config *config)
{
    if (config->isa.xlen == 32)
        return (struct pci_host_range){ MEM64_BASE_RV32, MEM64_SIZE_RV32 };
    uint64_t ram_end = config->board->ram_base + config->ram_size;
    return (struct pci_host_range){ (ram_end + MEM64_SIZE - 1) & -MEM64_SIZE, MEM64_SIZE };
}

static struct pci_host *create_host(struct machine *machine, struct device *plic, struct error *error)
{
    struct pci_host_config config = {
        .windows = { [PCI_WINDOW_ECAM] = { ECAM_BASE, ECAM_SIZE },
                     [PCI_WINDOW_IO] = { IO_BASE, IO_SIZE },
                     [PCI_WINDOW_MEM32] = { MEM32_BASE, MEM32_SIZE },
                     [PCI_WINDOW_MEM64] = mem64(&machine->config) },
        .first_irq = BOARD_VIRT_PCI_IRQ,
        .irq_parent = FDT_PHANDLE_PLIC(machine->hart_count),
    };
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = plic_input(plic, BOARD_VIRT_PCI_IRQ + n);
    struct pci_host *host = pci_host_create(&config, error);
    /* The window of ECAM is added first, since the first one is destroyed last, and this one destroys the
     * bridge. */
    for (unsigned n = 0; host && n < PCI_WINDOW_COUNT; n++) {
        if (!board_add_device(machine, pci_host_window(host, n), config.windows[n].base, 0, NULL, error))
            return NULL;
    }
    return host;
}

/* Makes the screen that virtio-vga has for firmware. */
static struct bochs_vbe *create_vga(struct machine *machine, const struct machine_pci *what,
                                    struct error *error)
{
    struct bochs_vbe_config config = { what->plug.model->name, machine->config.display,
                                       what->plug.settings.width, what->plug.settings.height };
    return bochs_vbe_create(&config, error);
}

static struct pci_function *create_virtio(struct machine *machine, const struct machine_pci *what,
                                          struct error *error)
{
    const struct device_model *model = what->plug.model;
    char name[32];
    snprintf(name, sizeof(name), "%s%s", model->name, model->buses & DEVICE_BUS_MMIO ? "-pci" : "");
    struct virtio_pci_config config = {
        .name = name,
        .dma = bus_for_devices(machine->bus),
        .legacy = what->legacy,
        .no_modern = what->no_modern,
        .multifunction = what->multifunction,
        .vectors = what->vectors,
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

bool board_pci_create(struct machine *machine, struct device *plic, struct error *error)
{
    struct pci_host *host = create_host(machine, plic, error);
    for (unsigned n = 0; host && n < machine->config.pci_count; n++) {
        const struct machine_pci *what = &machine->config.pci[n];
        struct pci_function *function =
            what->plug.model->create_pci
                ? machine_create_plugged_pci(machine, &what->plug, what->multifunction, error)
                : create_virtio(machine, what, error);
        if (!function)
            return false;
        if (!pci_bus_plug(pci_host_bus(host), function, what->slot, what->function, error)) {
            function->ops->destroy(function);
            return false;
        }
    }
    if (host)
        machine->pci_bus = pci_host_bus(host);
    return host != NULL;
}
