/* SPDX-License-Identifier: MIT
 *
 * The translation of an address (section "Process to translate an IOVA"): directories, first stage, messages,
 * second stage. Page tables have the formats of the Privileged specification. Each table that is read takes
 * one level off, so a walk ends after at most 5 * 6 + 5 entries, whatever the guest has put there. Entries
 * are read once each, and only from RAM: a table elsewhere is an access fault.
 *
 * A and D are never set: where one is missing there is a page fault, as without capabilities.AMO_HWAD.
 */
#include "devices/iommu/internal.h"

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 0x10, PTE_A = 0x40, PTE_D = 0x80 };
#define PTE_RESERVED UINT64_C(0xffc0000000000000) /* Svnapot, Svpbmt, and what has no name */

bool iommu_load_words(struct iommu *iommu, uint64_t paddr, uint64_t *words, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        const uint64_t *host =
            iommu->config.memory->ops->map(iommu->config.memory, paddr + 8ull * n, 8, false);
        if (!host)
            return false;
        words[n] = __atomic_load_n(host, __ATOMIC_ACQUIRE);
    }
    return true;
}

static uint64_t ppn_address(uint64_t entry)
{
    return (entry & IOMMU_PPN) << 2;
}

/* What a leaf allows the request. `user` is whether the access counts as one of U-mode. */
static bool leaf_allows(const struct iommu_request *request, uint64_t pte, enum iommu_access access,
                        bool user)
{
    static const unsigned bits[] = { [IOMMU_EXECUTE] = PTE_X, [IOMMU_READ] = PTE_R, [IOMMU_WRITE] = PTE_W };
    bool of_user = pte & PTE_U;
    if (user != of_user && (user || access == IOMMU_EXECUTE || !request->sum))
        return false;
    return pte & bits[access] && pte & PTE_A && (access != IOMMU_WRITE || pte & PTE_D);
}

/* Is the entry a table, in a place where a table may be? */
static bool is_table(uint64_t pte, unsigned level)
{
    return level && !(pte & (PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D));
}

static bool is_valid(uint64_t pte)
{
    return pte & PTE_V && !(pte & PTE_RESERVED) && (pte & PTE_R || !(pte & PTE_W));
}

static void note_rights(struct iommu_request *request, uint64_t pte, bool user)
{
    request->readable &= leaf_allows(request, pte, IOMMU_READ, user);
    request->writable &= leaf_allows(request, pte, IOMMU_WRITE, user);
}

/* The address in a leaf's page; false if a large page is not aligned. */
static bool leaf_address(uint64_t pte, uint64_t address, unsigned level, uint64_t *result)
{
    uint64_t size = IOMMU_PAGE << 9 * level, base = ppn_address(pte);
    *result = base | (address & (size - 1));
    return base % size == 0;
}

/* ---- The second stage ---------------------------------------------------------------------------------- */

/* iotval2: the guest's address, and whether it was a table's. */
static bool guest_fault(struct iommu_request *request, uint64_t gpa, bool implicit)
{
    request->value2 = (gpa & ~UINT64_C(3)) | (implicit ? 1 : 0);
    return iommu_fail(request, iommu_cause_of(request, IOMMU_GUEST_FAULT_EXECUTE));
}

bool iommu_second_stage(struct iommu *iommu, struct iommu_request *request, uint64_t gpa, bool implicit)
{
    unsigned levels = request->second.levels;
    enum iommu_access access = implicit ? IOMMU_READ : request->access;
    uint64_t table = request->second.root, pte;
    request->paddr = gpa;
    if (!levels)
        return true;
    if (gpa >> (12 + 9 * levels + 2))
        return guest_fault(request, gpa, implicit);
    for (unsigned level = levels; level-- > 0; table = ppn_address(pte)) {
        /* The root has two more bits than the other tables. */
        uint64_t index = gpa >> (12 + 9 * level) & (level == levels - 1 ? 0x7ff : 0x1ff);
        if (!iommu_load_words(iommu, table + 8 * index, &pte, 1))
            return iommu_fail(request, iommu_cause_of(request, IOMMU_ACCESS_FAULT_EXECUTE));
        if (!is_valid(pte))
            break;
        if (is_table(pte, level))
            continue;
        if (!leaf_allows(request, pte, access, true) || !leaf_address(pte, gpa, level, &request->paddr))
            break;
        if (!implicit)
            note_rights(request, pte, true);
        return true;
    }
    return guest_fault(request, gpa, implicit);
}

/* ---- The first stage ----------------------------------------------------------------------------------- */

static bool is_canonical(uint64_t iova, unsigned levels)
{
    unsigned unused = 64 - (12 + 9 * levels);
    return (uint64_t)((int64_t)(iova << unused) >> unused) == iova;
}

static bool page_fault(struct iommu_request *request)
{
    return iommu_fail(request, iommu_cause_of(request, IOMMU_PAGE_FAULT_EXECUTE));
}

static bool first_stage(struct iommu *iommu, struct iommu_request *request, uint64_t *gpa)
{
    unsigned levels = request->first.levels;
    uint64_t table = request->first.root, pte;
    *gpa = request->iova;
    if (!levels)
        return true;
    if (!is_canonical(request->iova, levels))
        return page_fault(request);
    for (unsigned level = levels; level-- > 0; table = ppn_address(pte)) {
        uint64_t index = request->iova >> (12 + 9 * level) & 0x1ff;
        if (!iommu_second_stage(iommu, request, table + 8 * index, true))
            return false;
        if (!iommu_load_words(iommu, request->paddr, &pte, 1))
            return iommu_fail(request, iommu_cause_of(request, IOMMU_ACCESS_FAULT_EXECUTE));
        if (!is_valid(pte))
            break;
        if (is_table(pte, level))
            continue;
        if (!leaf_allows(request, pte, request->access, !request->privileged) ||
            !leaf_address(pte, request->iova, level, gpa))
            break;
        note_rights(request, pte, !request->privileged);
        return true;
    }
    return page_fault(request);
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

bool iommu_walk(struct iommu *iommu, struct iommu_request *request)
{
    CHECK_HELD(&iommu->lock);
    uint64_t gpa;
    request->cause = IOMMU_FAULT_NONE;
    request->value2 = 0;
    request->quiet = request->is_message = request->has_messages = request->sum = false;
    request->readable = request->writable = true;
    request->first.levels = request->second.levels = 0;
    request->paddr = request->iova;
    switch (atomic_load(&iommu->mode)) {
    case IOMMU_OFF: return iommu_fail(request, IOMMU_ALL_DISALLOWED);
    case IOMMU_BARE: return true;
    default: break;
    }
    if (!iommu_find_context(iommu, request) || !first_stage(iommu, request, &gpa))
        return false;
    if (request->has_messages && !iommu_translate_message(iommu, request, gpa))
        return false;
    return request->is_message || iommu_second_stage(iommu, request, gpa, false);
}
