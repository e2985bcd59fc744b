/* SPDX-License-Identifier: MIT
 *
 * The controller of the FU540's level-2 cache (SiFive FU540-C000 Manual, chapter "Level 2 Cache Controller").
 * There is no cache: the registers hold what is written, and no error is ever found.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_U_L2CC_H
#define DEVICES_PLATFORM_SIFIVE_U_L2CC_H

#include "devices/device.h"

struct device *sifive_u_l2cc_create(struct error *error);

#endif
