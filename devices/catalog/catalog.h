/* SPDX-License-Identifier: MIT
 *
 * All kinds of devices that can be plugged in.
 */
#ifndef DEVICES_CATALOG_CATALOG_H
#define DEVICES_CATALOG_CATALOG_H

#include "devices/model.h"

/* In the order of -device help; ends with NULL. */
extern const struct device_model *const device_catalog[];

#endif
