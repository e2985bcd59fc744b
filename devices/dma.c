/* SPDX-License-Identifier: MIT
 *
 * Copies between a device and guest memory, on top of the operations that a board provides; see device.h.
 * What is contiguous for a master behind an IOMMU may be pieces of memory.
 */
#include <string.h>

#include "devices/device.h"

void *dma_map(struct dma *dma, uint64_t address, uint64_t *length, bool write, uint64_t *paddr)
{
    *paddr = address;
    if (dma->ops->translate && !dma->ops->translate(dma, address, length, write, paddr))
        return NULL;
    return dma->ops->map(dma, *paddr, *length, write);
}

bool dma_read(struct dma *dma, uint64_t address, void *bytes, uint64_t length)
{
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = length - done, paddr;
        const void *from = dma_map(dma, address + done, &piece, false, &paddr);
        if (!from)
            return false;
        memcpy((uint8_t *)bytes + done, from, piece);
        done += piece;
    }
    return true;
}

bool dma_write(struct dma *dma, uint64_t address, const void *bytes, uint64_t length)
{
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = length - done, paddr;
        void *to = dma_map(dma, address + done, &piece, true, &paddr);
        if (!to)
            return false;
        memcpy(to, (const uint8_t *)bytes + done, piece);
        dma->ops->written(dma, paddr, piece);
        done += piece;
    }
    return true;
}

bool dma_discard(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros)
{
    return dma->ops->discard && dma->ops->discard(dma, paddr, length, zeros);
}
