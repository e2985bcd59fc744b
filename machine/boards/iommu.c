/* SPDX-License-Identifier: MIT
 *
 * IOMMUs of the PCI bus: one that is a device of the board (-machine iommu-sys=on), and one that is a
 * function of the root bus (-device riscv-iommu-pci). If there are both, the function is in charge of the
 * bus, and the other one has nothing to do, as with QEMU.
 */
#include "devices/iommu/iommu.h"
#include "machine/boards/boards.h"

enum { PHANDLE_IOMMU = 3 }; /* number of FDT_PHANDLE_OTHER(), behind those of aia.c */

static uint32_t phandle(const struct machine *machine)
{
    return FDT_PHANDLE_OTHER(machine->hart_count, PHANDLE_IOMMU);
}

static bool is_function(const struct machine_pci *what)
{
    return what->plug.model == &riscv_iommu_model;
}

static bool has_function(const struct machine *machine)
{
    for (unsigned n = 0; n < machine->config.pci_count; n++)
        if (is_function(&machine->config.pci[n]))
            return true;
    return false;
}

struct device *board_iommu(struct machine *machine, const struct irq_line *lines, struct error *error)
{
    struct iommu_platform_config config = {
        .iommu = { .name = "riscv-iommu",
                   .memory = bus_for_devices(machine->bus),
                   .messages = board_aia_messages(machine),
                   .has_wires = true },
        .phandle = phandle(machine),
        .msi_parent = board_aia_msi_parent(machine),
        .in_charge = !has_function(machine),
    };
    for (unsigned n = 0; n < IOMMU_VECTORS; n++)
        config.iommu.lines[n] = lines[n];
    struct device *device = iommu_platform_create(&config, error);
    if (device && config.in_charge)
        machine->iommu = iommu_platform_for_pci(device);
    return device;
}

void board_pci_adopt_iommu(struct machine *machine)
{
    machine->pci_bus->iommu = machine->iommu;
}

struct dma *board_pci_dma(struct machine *machine, unsigned number)
{
    struct pci_dma *dma = &machine->pci_made[number].dma;
    struct dma *memory = bus_for_devices(machine->bus);
    if (!machine->config.iommu_sys && !has_function(machine))
        return memory;
    pci_dma_init(dma, memory);
    return &dma->dma;
}

bool board_pci_join_iommu(struct machine *machine, unsigned number, struct error *error)
{
    struct machine_pci_made *made = &machine->pci_made[number];
    made->dma.function = made->function;
    if (!is_function(&machine->config.pci[number]))
        return true;
    if (made->function->bus != machine->pci_bus)
        return error_set(error, "riscv-iommu-pci: bus=%s: it is a function of pcie.0",
                         machine->config.pci[number].bus);
    if (machine->pci_bus->iommu)
        return error_set(error, "riscv-iommu-pci: the bus has an IOMMU already");
    machine->pci_bus->iommu = iommu_function_for_pci(made->function);
    machine->pci_bus->iommu->phandle = phandle(machine);
    return true;
}
