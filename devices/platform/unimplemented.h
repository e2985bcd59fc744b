/* SPDX-License-Identifier: MIT
 *
 * Registers that a board has and that are not implemented: they read as 0, writes do nothing, and the log
 * (`-d unimp`) names the device.
 */
#ifndef DEVICES_PLATFORM_UNIMPLEMENTED_H
#define DEVICES_PLATFORM_UNIMPLEMENTED_H

#include "devices/device.h"

/* `name` is static. */
struct device *unimplemented_create(const char *name, uint64_t size, struct error *error);

#endif
