/* SPDX-License-Identifier: MIT
 *
 * The file etc/vmcoreinfo of fw_cfg (QEMU docs/specs/vmcoreinfo): a kernel writes there where its note of
 * that name is, which tools for dumps of memory need.
 */
#ifndef DEVICES_PLATFORM_VMCOREINFO_H
#define DEVICES_PLATFORM_VMCOREINFO_H

#include "devices/device.h"
#include "devices/model.h"

/* Adds the file; fw_cfg keeps, saves and resets it. False, with *error filled, on failure. */
bool vmcoreinfo_add(struct device *fw_cfg, struct error *error);

extern const struct device_model vmcoreinfo_model;

#endif
