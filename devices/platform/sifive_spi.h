/* SPDX-License-Identifier: MIT
 *
 * SiFive's SPI controller (SiFive FU540-C000 Manual, chapter "Serial Peripheral Interface (SPI)"), with one
 * chip select. The flash interface of the first controller of a chip is not there.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_SPI_H
#define DEVICES_PLATFORM_SIFIVE_SPI_H

#include "devices/device.h"
#include "devices/platform/sd_card.h"

struct sifive_spi_config {
    struct irq_line irq;
    struct sd_card
        *card;         /* at the other end; the controller's from then on, even on failure. NULL: nothing */
    bool has_slot;     /* for a card, in the device tree */
    uint32_t clock[2]; /* as of sifive_uart.h */
};

struct device *sifive_spi_create(const struct sifive_spi_config *config, struct error *error);

#endif
