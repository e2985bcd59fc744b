/* SPDX-License-Identifier: MIT
 *
 * The timers of GD32VF103 (GD32VF103 User Manual, chapter "TIMER"), as far as they count: up or down, with
 * prescaler, reload value, update events, single pulses, and compare flags of four channels. Nothing is
 * connected to the channels.
 */
#ifndef DEVICES_PLATFORM_GD32_TIMER_H
#define DEVICES_PLATFORM_GD32_TIMER_H

#include "devices/device.h"
#include "util/clock.h"

struct gd32_timer_config {
    struct irq_line update, channel; /* `split`: two inputs; else all is `update` */
    bool split;
    struct clock *clock; /* outlives the device */
    uint64_t hz;         /* before the prescaler */
};

struct device *gd32_timer_create(const struct gd32_timer_config *config, struct error *error);

#endif
