/* SPDX-License-Identifier: MIT
 *
 * The cache of translations (IOATC): a page of a device in each entry, found by a hash. Every command that
 * invalidates anything drops all of it, which the specification allows; a new epoch does that.
 */
#include <string.h>

#include "devices/iommu/internal.h"

static struct iommu_cached *entry_of(struct iommu *iommu, uint32_t device, uint64_t page)
{
    return &iommu->cache[((page >> 12) ^ device * 37u) % IOMMU_CACHE_ENTRIES];
}

bool iommu_cache_find(struct iommu *iommu, uint32_t device, uint64_t iova, bool write, uint64_t *paddr)
{
    CHECK_HELD(&iommu->lock);
    uint64_t page = iova & -IOMMU_PAGE;
    const struct iommu_cached *entry = entry_of(iommu, device, page);
    if (entry->epoch != iommu->epoch || entry->page != page || entry->device != device ||
        !(write ? entry->writable : entry->readable))
        return false;
    *paddr = entry->paddr | (iova & (IOMMU_PAGE - 1));
    return true;
}

void iommu_cache_fill(struct iommu *iommu, const struct iommu_request *request)
{
    CHECK_HELD(&iommu->lock);
    uint64_t page = request->iova & -IOMMU_PAGE;
    *entry_of(iommu, request->device, page) = (struct iommu_cached){
        .page = page,
        .paddr = request->paddr & -IOMMU_PAGE,
        .device = request->device,
        .epoch = iommu->epoch,
        .readable = request->readable,
        .writable = request->writable,
    };
}

void iommu_cache_drop(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    if (++iommu->epoch)
        return;
    memset(iommu->cache, 0, sizeof(iommu->cache)); /* after 2^32 of them */
    iommu->epoch = 1;
}
