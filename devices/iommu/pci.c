/* SPDX-License-Identifier: MIT
 *
 * The IOMMU as a PCI function, with the ids of QEMU's: -device riscv-iommu-pci. Its registers are a BAR of
 * one page. The specification's table of messages has the layout of MSI-X, so the function's MSI-X table lies
 * in its place, and the function has no wires. What the function itself sends is not translated.
 */
#include <stdlib.h>

#include "devices/iommu/iommu.h"
#include "devices/pci/msix.h"

enum { OFF_IS_OFF = 1 }; /* the value of off=off */
enum { BAR_REGISTERS = 0, EXPRESS_AT = 0x40, MSIX_AT = 0x7c, MSIX_TABLE = 0x300, MSIX_PBA = 0x400 };

struct iommu_function {
    struct pci_function function; /* must be first */
    struct iommu *iommu;
};

static struct iommu *of_function(struct pci_function *function)
{
    return ((struct iommu_function *)function)->iommu;
}

static uint64_t function_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)bar;
    return iommu_read(of_function(function), offset, size);
}

static void function_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                           uint64_t value)
{
    (void)bar;
    iommu_write(of_function(function), offset, size, value);
}

static void function_reset(struct pci_function *function)
{
    iommu_reset(of_function(function));
}

static void function_save(struct pci_function *function, struct state_writer *writer)
{
    iommu_save(of_function(function), writer);
}

static bool function_load(struct pci_function *function, struct state_reader *reader)
{
    return iommu_load(of_function(function), reader);
}

static void function_hold(struct pci_function *function, bool held)
{
    iommu_hold(of_function(function), held);
}

static void function_destroy(struct pci_function *function)
{
    if (function->bus && function->bus->iommu == iommu_function_for_pci(function))
        function->bus->iommu = NULL;
    iommu_destroy(of_function(function));
    pci_function_fini(function);
    free(function);
}

static const struct pci_function_ops function_ops = {
    .name = "riscv-iommu-pci",
    .access_max = 8,
    .read = function_read,
    .write = function_write,
    .reset = function_reset,
    .save = function_save,
    .load = function_load,
    .hold = function_hold,
    .destroy = function_destroy,
};

static void notify(void *opaque, unsigned vector)
{
    struct pci_function *function = opaque;
    if (function->bus)
        pci_msix_notify(function, vector);
}

struct pci_iommu *iommu_function_for_pci(struct pci_function *function)
{
    return iommu_for_pci(of_function(function));
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static bool add_registers(struct pci_function *function, const struct device_plug *plug, struct error *error)
{
    const struct device_settings *settings = plug->settings;
    const struct pci_identity identity = {
        .vendor = (uint16_t)settings->iommu_vendor,
        .device = (uint16_t)settings->iommu_device,
        .subsystem_vendor = (uint16_t)settings->iommu_vendor,
        .subsystem = (uint16_t)settings->iommu_device,
        .class_code = 0x080600, /* IOMMU */
        .revision = (uint8_t)settings->iommu_revision,
    };
    pci_function_init(function, &function_ops, &identity);
    pci_function_set_bar(function, BAR_REGISTERS, PCI_BAR_MEM64, IOMMU_REGISTER_BYTES, false);
    pci_function_add_express(function, EXPRESS_AT, PCI_EXPRESS_INTEGRATED);
    if (plug->multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return pci_msix_add(function, MSIX_AT, IOMMU_VECTORS, BAR_REGISTERS, MSIX_TABLE, MSIX_PBA, error);
}

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct iommu_function *function = calloc(1, sizeof(*function));
    if (!function) {
        error_set(error, "riscv-iommu-pci: out of memory");
        return NULL;
    }
    struct iommu_config config = {
        .name = function_ops.name,
        .memory = plug->board,
        .messages = *plug->messages,
        .passes = plug->settings->iommu_off == OFF_IS_OFF,
        .notify = notify,
        .opaque = function,
    };
    if (!add_registers(&function->function, plug, error) ||
        !(function->iommu = iommu_create(&config, error))) {
        pci_function_fini(&function->function);
        free(function);
        return NULL;
    }
    iommu_function_for_pci(&function->function)->function = &function->function;
    return &function->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static const struct device_key model_keys[] = {
    { "off", DEVICE_KEY_AUTO, "off: everything passes until the guest sets it up; default: nothing",
      DEVICE_SETTING(iommu_off) },
    { "vendor-id", DEVICE_KEY_NUMBER, "of its configuration space", DEVICE_SETTING(iommu_vendor),
      .most = 0xffff, .fallback = 0x1b36 },
    { "device-id", DEVICE_KEY_NUMBER, "the same", DEVICE_SETTING(iommu_device), .most = 0xffff,
      .fallback = 0x0014 },
    { "revision", DEVICE_KEY_NUMBER, "the same", DEVICE_SETTING(iommu_revision), .most = 0xff,
      .fallback = 1 },
    { .name = NULL },
};

const struct device_model riscv_iommu_model = {
    .name = "riscv-iommu-pci",
    .text = "a RISC-V IOMMU for the functions on the PCI bus",
    .buses = DEVICE_BUS_PCI,
    .keys = model_keys,
    .create_pci = model_create,
};
