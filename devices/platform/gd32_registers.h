/* SPDX-License-Identifier: MIT
 *
 * Blocks of GD32VF103 of which the registers are there, and little of what they do: the clocks (RCU), the
 * flash's controller (FMC), SPI, the watchdogs, RTC, power (PMU), backup registers (BKP), the debugger's
 * (DBG), and what is known of the chip (GD32VF103 User Manual, the chapters of these names).
 */
#ifndef DEVICES_PLATFORM_GD32_REGISTERS_H
#define DEVICES_PLATFORM_GD32_REGISTERS_H

#include "devices/device.h"

enum gd32_block {
    GD32_RCU,
    GD32_FMC,
    GD32_SPI,
    GD32_FWDGT,
    GD32_WWDGT,
    GD32_RTC,
    GD32_PMU,
    GD32_BKP,
    GD32_DBG,
    GD32_INFO,
    GD32_BLOCKS
};

/* `irq` is that of an SPI controller; others have none. */
struct device *gd32_registers_create(enum gd32_block block, struct irq_line irq, struct error *error);

#endif
