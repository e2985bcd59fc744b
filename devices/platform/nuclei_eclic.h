/* SPDX-License-Identifier: MIT
 *
 * The interrupt controller of Nuclei's cores, ECLIC (Nuclei "Bumblebee Core Architecture Manual", chapter
 * "ECLIC"). It offers the core one interrupt at a time; the core's part is cpu/csr/clic.c.
 */
#ifndef DEVICES_PLATFORM_NUCLEI_ECLIC_H
#define DEVICES_PLATFORM_NUCLEI_ECLIC_H

#include "devices/device.h"

#define NUCLEI_ECLIC_SOURCES 87

/* What the core is offered; `any` is false: nothing. The low four bits of a level are ones. Called with the
 * device's lock held, from any thread. */
typedef void nuclei_eclic_offer_fn(void *opaque, bool any, unsigned id, unsigned level, bool vectored);

struct device *nuclei_eclic_create(nuclei_eclic_offer_fn *offer, void *opaque, struct error *error);
/* One of its NUCLEI_ECLIC_SOURCES inputs. */
struct irq_line nuclei_eclic_input(struct device *eclic, unsigned id);
/* For a monitor: a source as it is now. False: there is none of that number. Any thread. */
struct nuclei_eclic_source {
    bool level, pending, enabled;
    unsigned control; /* level and priority, as they were written */
};
bool nuclei_eclic_source(struct device *eclic, unsigned id, struct nuclei_eclic_source *source);
/* The core takes the interrupt: an edge is not pending any more. Without the device's lock. */
void nuclei_eclic_taken(struct device *eclic, unsigned id);

#endif
