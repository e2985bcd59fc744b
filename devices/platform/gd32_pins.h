/* SPDX-License-Identifier: MIT
 *
 * The pins of GD32VF103 (GD32VF103 User Manual, chapters "GPIO and AFIO" and "EXTI"): ports A to E, which of
 * them the lines of EXTI are, and their interrupts. Nothing is connected to the pins: an output reads what it
 * drives, an input with a pull-up 1, another input 0.
 */
#ifndef DEVICES_PLATFORM_GD32_PINS_H
#define DEVICES_PLATFORM_GD32_PINS_H

#include "devices/device.h"

/* Interrupts: of lines 0 to 4, of 5 to 9 together, of 10 to 15, and of 16, 17 and 18, which software alone
 * makes pending. */
#define GD32_EXTI_IRQS 10

struct device *gd32_pins_create(const struct irq_line irqs[GD32_EXTI_IRQS], struct error *error);

#endif
