/* SPDX-License-Identifier: MIT
 *
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0) with the memory map of QEMU's
 * `virt` board. A source becomes pending when its device raises the wire. After the claimed request is
 * completed, it becomes pending again if the device has raised the wire once more in the meantime
 * (irq_line_set(true), even if the wire was high) and has not lowered it since. QEMU's PLIC behaves like
 * that, and kernels that do not lower a device's level rely on it (docs/compatibility.md). With `strict` the
 * gateways are those of level-triggered sources (spec 1.0.0 chapter 5): a wire that is still high at
 * completion makes its source pending again.
 *
 * A context is one interrupt target: one privilege mode of one hart. Its wire is the hart's MEIP or SEIP.
 */
#ifndef DEVICES_PLATFORM_PLIC_H
#define DEVICES_PLATFORM_PLIC_H

#include "devices/device.h"

#define PLIC_SOURCES_MAX  1023 /* the specification's limit */
#define PLIC_CONTEXTS_MAX 1024 /* what fits into the window of 0x600000 bytes */

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
    bool strict; /* gateways look at levels; a context can only complete sources that it has enabled */
};

/* NULL, with *error filled, if a count is out of range or memory is short. Freed by ops->destroy(). */
struct device *plic_create(const struct plic_config *config, struct error *error);

/* The wire into the gateway of `source` (1 .. source_count). For any other number the line is not connected.
 * Any thread. */
struct irq_line plic_input(struct device *plic, unsigned source);

/* The state of one source, for a monitor. False if there is no such source. Any thread. */
struct plic_source {
    bool level; /* the wire; without `strict` only if it was raised since the last claim */
    bool pending, claimed;
    unsigned priority;
    unsigned enabled; /* how many contexts have enabled it */
};
bool plic_source(struct device *plic, unsigned number, struct plic_source *source);

#endif
