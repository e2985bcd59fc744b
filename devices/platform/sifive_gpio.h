/* SPDX-License-Identifier: MIT
 *
 * SiFive's GPIO (SiFive FE310-G000 Manual, chapter "General Purpose Input/Output Controller"): up to 32
 * pins, each with an interrupt of its own. Nothing is connected to the pins: a pin that the guest drives
 * reads what is driven, another one reads 1 if its pull-up is on. A board may connect one output to its
 * reset.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_GPIO_H
#define DEVICES_PLATFORM_SIFIVE_GPIO_H

#include "devices/device.h"

#define SIFIVE_GPIO_PINS 32

struct sifive_gpio_config {
    struct irq_line irqs[SIFIVE_GPIO_PINS];
    unsigned pins; /* that there are; 0: all */
    /* Called when the guest drives this pin low, with the device's lock held. NULL: no pin does that. */
    void (*reset)(void *opaque);
    void *opaque;
    unsigned reset_pin;
    bool has_node;              /* in the device tree, with the node that tells of the reset */
    uint32_t phandle, clock[2]; /* there */
};

struct device *sifive_gpio_create(const struct sifive_gpio_config *config, struct error *error);

#endif
