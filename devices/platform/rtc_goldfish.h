/* SPDX-License-Identifier: MIT
 *
 * The goldfish real-time clock: nanoseconds since 1970 and one alarm.
 */
#ifndef DEVICES_PLATFORM_RTC_GOLDFISH_H
#define DEVICES_PLATFORM_RTC_GOLDFISH_H

#include "devices/device.h"
#include "util/clock.h"

struct rtc_goldfish_config {
    struct irq_line irq;
    struct clock *clock; /* outlives the device */
};

struct device *rtc_goldfish_create(const struct rtc_goldfish_config *config, struct error *error);

#endif
