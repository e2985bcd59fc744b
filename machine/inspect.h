/* SPDX-License-Identifier: MIT
 *
 * A machine looked at from above (monitor, profiler): its parts by number, as plain values.
 *
 * Between machine_hold() and machine_release(), or while it is paused, unless marked "any time".
 */
#ifndef MACHINE_INSPECT_H
#define MACHINE_INSPECT_H

#include <stdio.h>

#include "cpu/hart.h"
#include "devices/chardev.h"
#include "devices/plic.h"
#include "machine/bus.h"
#include "machine/machine.h"

unsigned machine_hart_count(const struct machine *machine); /* any time */
/* NULL where there is no such hart. */
struct hart *machine_hart(struct machine *machine, unsigned number);
/* Executes one instruction of a hart of a paused machine. False, with *error filled. Takes the hold itself.
 */
bool machine_step(struct machine *machine, unsigned number, struct error *error);

/* gdb has stopped the guest, so only gdb can let it go on. Any time. */
bool machine_held_by_gdb(struct machine *machine);

/* The parts of the address space; false behind the last. Any time. */
bool machine_region(struct machine *machine, unsigned number, struct bus_region *region);
/* The devices in the order of the device tree; false behind the last. Any time. */
struct machine_device {
    const char *name;
    uint64_t base, size;
    unsigned irq; /* input of the PLIC; 0: none */
};
bool machine_device(struct machine *machine, unsigned number, struct machine_device *device);
/* A wire of the interrupt controller; false behind the last. Any time. */
bool machine_irq_source(struct machine *machine, unsigned number, struct plic_source *source);
/* Counters of the translator, one a line; says so where there is none. Any time. */
void machine_print_jit(struct machine *machine, FILE *out);
/* The categories of the log have changed. Any time. */
void machine_trace_changed(struct machine *machine);
/* What the makers of optional parts tell the monitor: text about a topic, and a picture of the screen. Each
 * is set at most once, before the machine runs; printing and dumping are for any time. */
enum machine_topic { MACHINE_TOPIC_NETWORK, MACHINE_TOPIC_PCI, MACHINE_TOPIC_COUNT };
typedef void machine_describe_fn(void *opaque, FILE *out);
typedef bool machine_screendump_fn(void *opaque, const char *path, struct error *error);
void machine_set_topic(struct machine *machine, enum machine_topic topic, machine_describe_fn *describe,
                       void *opaque);
void machine_set_screendump(struct machine *machine, machine_screendump_fn *screendump, void *opaque);
/* False where the machine has no such part. */
bool machine_describe(struct machine *machine, enum machine_topic topic, FILE *out);
bool machine_screendump(struct machine *machine, const char *path, struct error *error);
/* The console with Ctrl-A keys, for a monitor to share; NULL: none. Any time. */
struct chardev *machine_console(struct machine *machine);

#endif
