/* SPDX-License-Identifier: MIT
 *
 * SiFive's GPIO (SiFive FE310-G000 Manual, chapter "General Purpose Input/Output Controller"): 32 pins, each
 * with an interrupt of its own. Nothing is connected to the pins: a pin that the guest drives reads what is
 * driven, another one reads 1 if its pull-up is on.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_GPIO_H
#define DEVICES_PLATFORM_SIFIVE_GPIO_H

#include "devices/device.h"

#define SIFIVE_GPIO_PINS 32

struct sifive_gpio_config {
    struct irq_line irqs[SIFIVE_GPIO_PINS];
};

struct device *sifive_gpio_create(const struct sifive_gpio_config *config, struct error *error);

#endif
