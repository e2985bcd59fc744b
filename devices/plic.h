/* SPDX-License-Identifier: MIT
 *
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0) with the memory map of QEMU's
 * `virt` board. Level-triggered gateways: a source whose wire is high becomes pending, and not again before a
 * claimed request is completed.
 *
 * A context is one interrupt target: one privilege mode of one hart. Its wire is the hart's MEIP or SEIP.
 */
#ifndef DEVICES_PLIC_H
#define DEVICES_PLIC_H

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
};

/* NULL, with *error filled, where a count is out of range or memory is short. Freed by ops->destroy(). */
struct device *plic_create(const struct plic_config *config, struct error *error);

/* The wire into the gateway of `source` (1 .. source_count); unconnected for any other number. Any thread. */
struct irq_line plic_input(struct device *plic, unsigned source);

/* One source, for a monitor. False where there is no such source. Any thread. */
struct plic_source {
    bool level, pending, claimed;
    unsigned priority;
    unsigned enabled; /* contexts that take it */
};
bool plic_source(struct device *plic, unsigned number, struct plic_source *source);

#endif
