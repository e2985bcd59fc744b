/* SPDX-License-Identifier: MIT
 *
 * SiFive's UART (SiFive FE310-G000 Manual, chapter "Universal Asynchronous Receiver/Transmitter").
 */
#ifndef DEVICES_PLATFORM_SIFIVE_UART_H
#define DEVICES_PLATFORM_SIFIVE_UART_H

#include "devices/char/chardev.h"
#include "devices/device.h"

struct sifive_uart_config {
    struct irq_line irq;
    /* Attached here; its owner destroys it, before the device. NULL: there is no other end. */
    struct chardev *chardev;
    uint32_t clock[2]; /* in the device tree: the phandle of what gives its clock, and which one; 0: none */
};

struct device *sifive_uart_create(const struct sifive_uart_config *config, struct error *error);

#endif
