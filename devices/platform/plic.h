/* SPDX-License-Identifier: MIT
 *
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0) with the memory map of QEMU's
 * `virt` board. A source becomes pending when its device raises the wire, and again, once the claimed request
 * is completed, if the device raised it anew meanwhile (irq_line_set(true), also of a wire that is high) and
 * has not lowered it since. That is how QEMU's PLIC comes to it, and kernels that leave a device's level up
 * rely on it (docs/compatibility.md). `strict` has the gateways of level-triggered sources (spec 1.0.0
 * chapter 5): what is still high at completion is pending again.
 *
 * A context is one interrupt target: one privilege mode of one hart. Its wire is the hart's MEIP or SEIP.
 */
#ifndef DEVICES_PLATFORM_PLIC_H
#define DEVICES_PLATFORM_PLIC_H

#include "devices/device.h"

#define PLIC_SOURCES_MAX  1023 /* the specification's limit */
#define PLIC_CONTEXTS_MAX 1024 /* what the window of 0x600000 bytes holds */

/* One context: its wire, and how the FDT names the other end of it. */
struct plic_context {
    struct irq_line line;
    uint32_t hart_intc_phandle; /* of the hart's interrupt-controller node */
    uint32_t hart_irq;          /* 11: machine external, 9: supervisor external */
};

/* Copied, with its array. */
struct plic_config {
    unsigned source_count; /* ids 1 .. source_count; QEMU's virt: 95 */
    unsigned context_count;
    const struct plic_context *contexts; /* in the order of the hardware's context numbers */
    uint32_t phandle;                    /* of the node that fdt() writes */
    bool strict; /* levels at completion; a context completes only what it has enabled */
};

/* NULL, with *error filled, where a count is out of range or memory is short. Freed by ops->destroy(). */
struct device *plic_create(const struct plic_config *config, struct error *error);

/* The wire into the gateway of `source` (1 .. source_count); unconnected for any other number. Any thread. */
struct irq_line plic_input(struct device *plic, unsigned source);

/* One source, for a monitor. False where there is no such source. Any thread. */
struct plic_source {
    bool level; /* the wire; without `strict` only if it was raised since the last claim */
    bool pending, claimed;
    unsigned priority;
    unsigned enabled; /* contexts that take it */
};
bool plic_source(struct device *plic, unsigned number, struct plic_source *source);

#endif
