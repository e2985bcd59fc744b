/* SPDX-License-Identifier: MIT
 *
 * Clocks of SiFive's E31 (SiFive FE310-G000 Manual, chapter "Power, Reset, Clock, Interrupt (PRCI) Control
 * and Status Registers"). They are ready and locked at once, and change nothing.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_E_PRCI_H
#define DEVICES_PLATFORM_SIFIVE_E_PRCI_H

#include "devices/device.h"

struct device *sifive_e_prci_create(struct error *error);

#endif
