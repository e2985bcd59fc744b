/* SPDX-License-Identifier: MIT
 *
 * Clocks and resets of the FU540 (SiFive FU540-C000 Manual, chapter "Clocking and Reset"). Nothing here
 * depends on a clock's frequency: all oscillators are ready and all PLLs are locked at once.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_U_PRCI_H
#define DEVICES_PLATFORM_SIFIVE_U_PRCI_H

#include "devices/device.h"

#define SIFIVE_U_CLOCK_TL 3 /* number of the clock that the bus of the devices has */

struct sifive_u_prci_config {
    uint32_t phandle, hfclk_phandle, rtcclk_phandle; /* in the device tree */
    uint32_t rtcclk_hz;
};

struct device *sifive_u_prci_create(const struct sifive_u_prci_config *config, struct error *error);

#endif
