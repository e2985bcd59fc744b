/* SPDX-License-Identifier: MIT
 *
 * The IOMMU as a device of the board: -machine iommu-sys=on. It has four wires, and its own table of messages
 * for a board that takes messages; the guest chooses by fctl.
 */
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "devices/iommu/iommu.h"

struct platform {
    struct device device; /* must be first */
    struct iommu_platform_config config;
    struct iommu *iommu;
};

static struct iommu *of_device(struct device *device)
{
    return ((struct platform *)device)->iommu;
}

static uint64_t platform_read(struct device *device, uint64_t offset, unsigned size)
{
    return iommu_read(of_device(device), offset, size);
}

static void platform_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    iommu_write(of_device(device), offset, size, value);
}

static void platform_reset(struct device *device)
{
    iommu_reset(of_device(device));
}

static void platform_save(struct device *device, struct state_writer *writer)
{
    iommu_save(of_device(device), writer);
}

static bool platform_load(struct device *device, struct state_reader *reader)
{
    return iommu_load(of_device(device), reader);
}

static void platform_hold(struct device *device, bool held)
{
    iommu_hold(of_device(device), held);
}

static void platform_destroy(struct device *device)
{
    iommu_destroy(of_device(device));
    free(device);
}

static int platform_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct iommu_platform_config *config = &((struct platform *)device)->config;
    if (!config->in_charge)
        return 0;
    struct fdt_node node = fdt_node_begin(fdt, "iommu", place);
    fdt_node_compatible(&node, "riscv,iommu");
    fdt_node_u32(&node, "#iommu-cells", 1);
    fdt_node_u32(&node, "phandle", config->phandle);
    fdt_node_interrupts(&node, place, IOMMU_VECTORS);
    if (config->msi_parent)
        fdt_node_u32(&node, "msi-parent", config->msi_parent);
    return fdt_node_end(&node);
}

struct device *iommu_platform_create(const struct iommu_platform_config *config, struct error *error)
{
    static const struct device_ops ops = {
        .name = "riscv-iommu",
        .size = IOMMU_REGISTER_BYTES,
        .access_min = 4,
        .access_max = 8,
        .read = platform_read,
        .write = platform_write,
        .reset = platform_reset,
        .save = platform_save,
        .load = platform_load,
        .hold = platform_hold,
        .destroy = platform_destroy,
        .fdt = platform_fdt,
    };
    struct platform *platform = calloc(1, sizeof(*platform));
    if (!platform) {
        error_set(error, "riscv-iommu: out of memory");
        return NULL;
    }
    platform->device.ops = &ops;
    platform->config = *config;
    platform->iommu = iommu_create(&config->iommu, error);
    if (!platform->iommu) {
        free(platform);
        return NULL;
    }
    iommu_for_pci(platform->iommu)->phandle = config->phandle;
    return &platform->device;
}

struct pci_iommu *iommu_platform_for_pci(struct device *device)
{
    return iommu_for_pci(of_device(device));
}
