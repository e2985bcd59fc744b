/* SPDX-License-Identifier: MIT
 *
 * A RISC-V IOMMU (RISC-V IOMMU Architecture Specification 1.0): between the masters of the PCI bus and
 * memory, it translates their addresses by tables of the guest: a device directory, process directories, a
 * first and a second stage, and tables for messages. What it offers is in the constants of internal.h; every
 * bit of a register or table that belongs to something else reads as 0, or gives the specification's fault.
 *
 * There are two forms, with the same registers: a device of the board (platform.c) and a PCI function
 * (pci.c).
 *
 * The IOMMU's lock is taken by registers, translations and its worker. It comes after the locks of devices
 * and PCI buses, so it is never held when the function sends a message. The worker executes commands and
 * sends the messages. Faults are recorded on the thread of the access.
 */
#ifndef DEVICES_IOMMU_IOMMU_H
#define DEVICES_IOMMU_IOMMU_H

#include "devices/device.h"
#include "devices/model.h"
#include "devices/pci/iommu.h"

#define IOMMU_VECTORS        4u /* of interrupts */
#define IOMMU_REGISTER_BYTES 4096u

struct iommu_config {
    const char *name;               /* for messages */
    struct dma *memory;             /* physical; outlives the IOMMU, like all that follows */
    struct pci_msi_target messages; /* what takes messages: of its own, and those that commands store */
    bool passes;                    /* until the guest says otherwise, it lets everything pass */
    /* Either it has wires, besides its own table of messages, or notify() sends the message of a vector. That
     * is called by the worker with no lock held. */
    bool has_wires;
    struct irq_line lines[IOMMU_VECTORS];
    void (*notify)(void *opaque, unsigned vector);
    void *opaque;
};

struct iommu;
/* NULL and *error if the host has no memory or thread. */
struct iommu *iommu_create(const struct iommu_config *config, struct error *error);
void iommu_destroy(struct iommu *iommu);
/* What the root bus points at while this IOMMU is in charge of it. */
struct pci_iommu *iommu_for_pci(struct iommu *iommu);
/* The registers; any size, aligned, offset below IOMMU_REGISTER_BYTES. */
uint64_t iommu_read(struct iommu *iommu, uint64_t offset, unsigned size);
void iommu_write(struct iommu *iommu, uint64_t offset, unsigned size, uint64_t value);
/* As in struct device_ops. */
void iommu_reset(struct iommu *iommu);
void iommu_hold(struct iommu *iommu, bool held);
void iommu_save(struct iommu *iommu, struct state_writer *writer);
bool iommu_load(struct iommu *iommu, struct state_reader *reader);

/* platform.c: as a device of the board. `phandle` is that of its node; `msi_parent` that of what takes its
 * messages, or 0. `in_charge`: it has a node, since no PCI function is in its place. */
struct iommu_platform_config {
    struct iommu_config iommu;
    uint32_t phandle, msi_parent;
    bool in_charge;
};
struct device *iommu_platform_create(const struct iommu_platform_config *config, struct error *error);
struct pci_iommu *iommu_platform_for_pci(struct device *device);

/* pci.c: as a function. */
extern const struct device_model riscv_iommu_model;
struct pci_iommu *iommu_function_for_pci(struct pci_function *function);

#endif
