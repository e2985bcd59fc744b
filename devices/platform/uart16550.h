/* SPDX-License-Identifier: MIT
 *
 * A 16550A serial port with 16-byte FIFOs (National Semiconductor PC16550D), registers one byte apart, or
 * 2 or 4 bytes (a device tree's reg-shift).
 */
#ifndef DEVICES_PLATFORM_UART16550_H
#define DEVICES_PLATFORM_UART16550_H

#include "devices/char/chardev.h"
#include "devices/device.h"

#define UART16550_SHIFT_MAX 2

struct uart16550_config {
    struct irq_line irq;
    struct chardev
        /* attached here; its owner destroys it, before the device. NULL: there is no other end */
        *chardev;
    uint32_t clock_hz;    /* for the FDT only: output takes no time. QEMU's virt: 3686400 */
    unsigned reg_shift;   /* 0 to UART16550_SHIFT_MAX: the registers are 1 << reg_shift bytes apart */
    uint8_t mcr_at_reset; /* the modem control outputs; loopback is off */
};

struct device *uart16550_create(const struct uart16550_config *config, struct error *error);

#endif
