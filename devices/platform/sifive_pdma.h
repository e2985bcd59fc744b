/* SPDX-License-Identifier: MIT
 *
 * SiFive's platform DMA engine (SiFive FU540-C000 Manual, chapter "Platform DMA Engine (PDMA)"): four
 * channels that copy RAM. A transfer is done when the write that starts it returns.
 */
#ifndef DEVICES_PLATFORM_SIFIVE_PDMA_H
#define DEVICES_PLATFORM_SIFIVE_PDMA_H

#include "devices/device.h"

#define SIFIVE_PDMA_CHANNELS 4

struct sifive_pdma_config {
    struct irq_line irqs[2 * SIFIVE_PDMA_CHANNELS]; /* of each channel: done, error */
    struct dma *dma;
};

struct device *sifive_pdma_create(const struct sifive_pdma_config *config, struct error *error);

#endif
