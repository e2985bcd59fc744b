/* SPDX-License-Identifier: MIT
 *
 * Copies between a device and guest memory, on top of the operations that a board provides; see device.h.
 */
#include <string.h>

#include "devices/device.h"

bool dma_read(struct dma *dma, uint64_t paddr, void *bytes, uint64_t length)
{
    if (length == 0)
        return true;
    const void *from = dma->ops->map(dma, paddr, length, false);
    if (!from)
        return false;
    memcpy(bytes, from, length);
    return true;
}

bool dma_write(struct dma *dma, uint64_t paddr, const void *bytes, uint64_t length)
{
    if (length == 0)
        return true;
    void *to = dma->ops->map(dma, paddr, length, true);
    if (!to)
        return false;
    memcpy(to, bytes, length);
    dma->ops->written(dma, paddr, length);
    return true;
}

bool dma_discard(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros)
{
    return dma->ops->discard && dma->ops->discard(dma, paddr, length, zeros);
}
