/* SPDX-License-Identifier: MIT
 *
 * The advanced platform-level interrupt controller (RISC-V Advanced Interrupt Architecture 1.0, "Advanced
 * Platform-Level Interrupt Controller") with two interrupt domains, as on QEMU's `virt`: the root domain for
 * M-mode, and its child for S-mode. Each is a device of the board's bus. Which domain has a source is what
 * the root's sourcecfg says.
 *
 * The delivery mode is fixed: either both domains raise the wires of harts, or both send messages to the
 * harts' interrupt files. Big-endian registers do not exist.
 */
#ifndef DEVICES_PLATFORM_APLIC_H
#define DEVICES_PLATFORM_APLIC_H

#include "devices/device.h"

#define APLIC_SOURCES_MAX 1023
#define APLIC_HARTS_MAX   512 /* what fits into the window */

enum aplic_level { APLIC_M, APLIC_S, APLIC_LEVELS };

/* Where a hart's external interrupts are: its wires, and how the device tree names the other end. */
struct aplic_hart {
    struct irq_line lines[APLIC_LEVELS];
    uint32_t intc_phandle;
};

/* Copied, with its array. */
struct aplic_config {
    unsigned source_count; /* ids 1 .. source_count */
    unsigned guest_bits; /* messages of the child domain can go to so many guests of a hart, a power of two */
    unsigned hart_count;
    const struct aplic_hart *harts;
    uint32_t phandles[APLIC_LEVELS];     /* of the nodes that fdt() writes */
    uint32_t msi_phandles[APLIC_LEVELS]; /* of the messages' targets */
    /* Sends a message; false: nothing is there. NULL: interrupts are delivered by the wires. */
    bool (*send)(void *opaque, uint64_t address, uint32_t data);
    void *opaque;
};

/* Fills in the devices of both domains. The root domain's saves and loads all state; it must be destroyed
 * last. False, with *error filled, if a count is out of range or memory is short. */
bool aplic_create(const struct aplic_config *config, struct device *devices[APLIC_LEVELS],
                  struct error *error);

/* The wire of a source, into the root domain's device. For a source that does not exist the line is not
 * connected. Any thread. */
struct irq_line aplic_input(struct device *root, unsigned source);

/* The state of one source, for a monitor. False if there is no such source. Any thread. */
struct aplic_source {
    bool level, pending, enabled; /* in the domain that has it */
    unsigned priority;            /* or the identity of its message */
};
bool aplic_source(struct device *root, unsigned number, struct aplic_source *source);

#endif
