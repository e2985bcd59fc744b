/* SPDX-License-Identifier: MIT
 *
 * Messages of a device that a guest of the guest uses (section "Process to translate addresses of MSIs"): its
 * addresses of interrupt files are found in a flat table. Memory-resident interrupt files are not offered, so
 * an entry for one is misconfigured, as is one with the custom bit.
 */
#include "devices/iommu/internal.h"

enum { MSI_V = 1, MSI_MODE = 6, MSI_BASIC = 6 };
#define MSI_RESERVED UINT64_C(0xffc00000000003f8) /* the custom bit, and what is reserved */

/* Packs the bits of `value` that `mask` has (the specification's extract()). */
static uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;
    for (unsigned at = 0; mask; mask &= mask - 1, at++)
        result |= (value >> __builtin_ctzll(mask) & 1) << at;
    return result;
}

bool iommu_translate_message(struct iommu *iommu, struct iommu_request *request, uint64_t gpa)
{
    CHECK_HELD(&iommu->lock);
    uint64_t page = gpa >> 12, entry[2];
    if ((page & ~request->msi_mask) != (request->msi_pattern & ~request->msi_mask))
        return true;
    uint64_t at = request->msi_table | extract(page, request->msi_mask) * sizeof(entry);
    if (!iommu_load_words(iommu, at, entry, 2))
        return iommu_fail(request, IOMMU_MSI_ACCESS_FAULT);
    if (!(entry[0] & MSI_V))
        return iommu_fail(request, IOMMU_MSI_INVALID);
    if ((entry[0] & MSI_MODE) != MSI_BASIC || entry[0] & MSI_RESERVED || entry[1])
        return iommu_fail(request, IOMMU_MSI_MISCONFIGURED);
    if (request->access == IOMMU_EXECUTE)
        return iommu_fail(request, IOMMU_ACCESS_FAULT_EXECUTE);
    request->paddr = (entry[0] & IOMMU_PPN) << 2 | (gpa & (IOMMU_PAGE - 1));
    request->is_message = true;
    return true;
}
