/* SPDX-License-Identifier: MIT
 *
 * The timer unit of Nuclei's cores (Nuclei "Bumblebee Core Architecture Manual", chapter "TIMER"): mtime,
 * mtimecmp, mstop, msip.
 */
#ifndef DEVICES_PLATFORM_NUCLEI_TIMER_H
#define DEVICES_PLATFORM_NUCLEI_TIMER_H

#include "devices/device.h"
#include "util/clock.h"

struct nuclei_timer_config {
    struct irq_line mtip[2], msip[2]; /* to the ECLIC, and to mip */
    struct clock *clock;              /* outlives the device */
    uint64_t hz;
    _Atomic int64_t *mtime_offset; /* shared with the harts' time CSR; only this device writes it */
};

struct device *nuclei_timer_create(const struct nuclei_timer_config *config, struct error *error);

#endif
