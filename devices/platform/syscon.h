/* SPDX-License-Identifier: MIT
 *
 * Registers of a system controller by which a guest powers off or resets (Linux' bindings syscon-poweroff and
 * syscon-reboot): a value is written to one of them. All other registers hold what is written.
 */
#ifndef DEVICES_PLATFORM_SYSCON_H
#define DEVICES_PLATFORM_SYSCON_H

#include "devices/device.h"
#include "devices/platform/sifive_test.h"

#define SYSCON_SIZE        0x1000
#define SYSCON_ACTIONS_MAX 4

/* A store of `value` in the bits of `mask` at that offset, a multiple of 4. */
struct syscon_action {
    uint32_t offset, value, mask;
    enum power_action action;
};

struct syscon_config {
    struct syscon_action actions[SYSCON_ACTIONS_MAX];
    unsigned count;
    /* As of sifive_test.h. */
    void (*power)(void *opaque, enum power_action action, unsigned code);
    void *opaque;
};

struct device *syscon_create(const struct syscon_config *config, struct error *error);

#endif
