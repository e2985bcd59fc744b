/* SPDX-License-Identifier: MIT
 *
 * The USART of GD32VF103 (GD32VF103 User Manual, chapter "USART"): bytes without parity to and from a
 * chardev.
 */
#ifndef DEVICES_PLATFORM_GD32_USART_H
#define DEVICES_PLATFORM_GD32_USART_H

#include "devices/char/chardev.h"
#include "devices/device.h"

/* `chardev` is attached here; its owner destroys it, before the device. NULL: there is no other end. */
struct device *gd32_usart_create(struct chardev *chardev, struct irq_line irq, struct error *error);

#endif
