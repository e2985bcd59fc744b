/* SPDX-License-Identifier: MIT
 *
 * One-time programmable memory of the FU540 (SiFive FU540-C000 Manual, chapter "One-Time Programmable Memory
 * Interface"): 16 KiB of fuses, of which the board's maker has burnt the serial number. What the guest burns
 * is kept until the machine ends.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_U_OTP_H
#define DEVICES_PLATFORM_SIFIVE_U_OTP_H

#include "devices/device.h"

struct device *sifive_u_otp_create(uint32_t serial, struct error *error);

#endif
