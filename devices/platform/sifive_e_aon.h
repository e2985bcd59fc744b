/* SPDX-License-Identifier: MIT
 *
 * The always-on block of SiFive's E31 (SiFive FE310-G000 Manual, chapters "Always-On (AON) Domain" and
 * "Watchdog Timer (WDT)"): the watchdog, as QEMU has it. The RTC, the power-management unit and the backup
 * registers are not implemented; the log names them.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_E_AON_H
#define DEVICES_PLATFORM_SIFIVE_E_AON_H

#include "devices/device.h"
#include "util/clock.h"

struct sifive_e_aon_config {
    struct irq_line irq; /* of the watchdog */
    struct clock *clock; /* outlives the device */
    uint32_t clock_hz;   /* of the watchdog: LFCLK */
    /* The watchdog resets the board. On a hart's thread or the clock's; it must only note that and return. */
    void (*reset)(void *opaque);
    void *opaque;
};

struct device *sifive_e_aon_create(const struct sifive_e_aon_config *config, struct error *error);

#endif
