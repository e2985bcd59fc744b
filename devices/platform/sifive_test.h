/* SPDX-License-Identifier: MIT
 *
 * SiFive's test finisher: the register through which a guest powers off, ends the emulator with an exit code,
 * or resets. Also a syscon, whose poweroff and reboot nodes fdt() writes.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_TEST_H
#define DEVICES_PLATFORM_SIFIVE_TEST_H

#include "devices/device.h"

enum power_action { POWER_OFF, POWER_RESET };

struct sifive_test_config {
    /* Called in the hart's thread, with no lock held; it must only note the request and return. `code` is the
     * exit status for POWER_OFF: 0 for a pass, 0..65535 for a failure. */
    void (*power)(void *opaque, enum power_action action, unsigned code);
    void *opaque;
    uint32_t phandle; /* of the syscon node */
};

struct device *sifive_test_create(const struct sifive_test_config *config, struct error *error);

#endif
