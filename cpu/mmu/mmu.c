/* SPDX-License-Identifier: MIT
 *
 * Address translation (Priv. "Virtual Address Translation Process"). A miss of the software TLB walks the
 * page table (walk.h), checks permissions and PMP, and enters the page into the TLB if all of the page
 * behaves alike (tlb.h).
 *
 * Page-table entries are read and written in guest memory with atomic accesses, since other harts use them,
 * too; A and D are set by compare-and-swap, and after a lost race the walk is repeated.
 */
#include "cpu/mmu/mmu.h"

#include "cpu/accel.h"
#include "cpu/code_watch.h"
#include "cpu/mmu/gstage.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"

int mmu_page_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_PAGE,          [MMU_WRITE] = CAUSE_STORE_PAGE,
        [MMU_FETCH] = CAUSE_FETCH_PAGE,        [MMU_SHADOW_READ] = CAUSE_STORE_PAGE,
        [MMU_SHADOW_WRITE] = CAUSE_STORE_PAGE,
    };
    return causes[access];
}

int mmu_access_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_ACCESS,          [MMU_WRITE] = CAUSE_STORE_ACCESS,
        [MMU_FETCH] = CAUSE_FETCH_ACCESS,        [MMU_SHADOW_READ] = CAUSE_STORE_ACCESS,
        [MMU_SHADOW_WRITE] = CAUSE_STORE_ACCESS,
    };
    return causes[access];
}

static bool pte_replace(uint8_t *host, unsigned size, uint64_t old, uint64_t new)
{
    if (size == 4) {
        uint32_t expected = (uint32_t)old;
        return __atomic_compare_exchange_n((uint32_t *)(void *)host, &expected, (uint32_t) new, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    return __atomic_compare_exchange_n((uint64_t *)(void *)host, &old, new, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* For a page of a shadow stack, which the walk accepts only if shadow stacks are enabled: loads may read it.
 * The shadow stack's own instructions may not access other pages. A read-only page causes a page fault for
 * them, since copy-on-write may turn it into a page of the shadow stack. */
static int shadow_permits(uint64_t pte, enum mmu_access access)
{
    uint64_t kind = pte & (PTE_R | PTE_W | PTE_X);
    if (mmu_is_shadow(access))
        return kind == PTE_W ? MMU_OK : kind == PTE_R ? mmu_page_fault(access) : mmu_access_fault(access);
    return access == MMU_READ ? MMU_OK : mmu_access_fault(access);
}

/* MMU_OK, or the exception. */
static int pte_permits(const struct regime *regime, uint64_t pte, enum mmu_access access)
{
    bool permitted = false;
    if (pte & PTE_U) {
        if (regime->priv == PRIV_S && (access == MMU_FETCH || !regime->sum))
            return mmu_page_fault(access);
    } else if (regime->priv == PRIV_U) {
        return mmu_page_fault(access);
    }
    if (UNLIKELY(mmu_is_shadow(access) || (pte & (PTE_R | PTE_W | PTE_X)) == PTE_W))
        return shadow_permits(pte, access);
    switch (access) {
    case MMU_READ:
        permitted = regime->code ? pte & PTE_X : pte & PTE_R || (regime->mxr && pte & PTE_X);
        break;
    case MMU_WRITE: permitted = pte & PTE_W; break;
    case MMU_FETCH: permitted = pte & PTE_X; break;
    default: break;
    }
    return permitted ? MMU_OK : mmu_page_fault(access);
}

bool mmu_pte_permits(const struct regime *regime, uint64_t pte, enum mmu_access access)
{
    return pte_permits(regime, pte, access) == MMU_OK;
}

static int use_leaf(struct hart *hart, const struct regime *regime, const struct paging *paging,
                    const struct walk *walk, enum mmu_access access)
{
    int status = pte_permits(regime, walk->steps[walk->count - 1].pte, access);
    return status == MMU_OK ? mmu_mark_leaf(hart, regime, paging, walk, access) : status;
}

int mmu_end_walk(struct hart *hart, const struct regime *regime, const struct paging *paging,
                 const struct walk *walk, enum mmu_access access)
{
    switch (walk->end) {
    case WALK_MAPPED: return use_leaf(hart, regime, paging, walk, access);
    case WALK_NO_MEMORY:
    case WALK_PMP: return mmu_access_fault(access);
    default: return mmu_page_fault(access);
    }
}

int mmu_mark_leaf(struct hart *hart, const struct regime *regime, const struct paging *paging,
                  const struct walk *walk, enum mmu_access access)
{
    const struct walk_step *leaf = &walk->steps[walk->count - 1];
    uint64_t wanted = leaf->pte | PTE_A | (mmu_is_write(access) ? PTE_D : 0);
    if (wanted == leaf->pte)
        return MMU_OK;
    if (!isa_has(&hart->isa, ISA_Svadu) || !(paging->envcfg & ENVCFG_ADUE))
        return mmu_page_fault(access); /* Svade */
    if (UNLIKELY(regime->virt) && !paging->guest) {
        int status = gstage_may_mark(hart, regime, walk->pte_gpa, access);
        if (status != MMU_OK)
            return status;
    }
    if (!walk->pte_writable || !pmp_allows(hart, leaf->pte_paddr, paging->pte_size, PRIV_S, MMU_WRITE))
        return mmu_access_fault(access);
    if (UNLIKELY(hart->recorder))
        hart->recorder->ops->page(hart->recorder, leaf->pte_paddr);
    return pte_replace(walk->pte_host, paging->pte_size, leaf->pte, wanted) ? MMU_OK : MMU_AGAIN;
}

static int walk_page_table(struct hart *hart, const struct regime *regime, const struct paging *paging,
                           uint64_t vaddr, enum mmu_access access, struct walk *walk)
{
    int status;
    do {
        walk_tables(hart, paging, vaddr, walk);
        status = mmu_end_walk(hart, regime, paging, walk, access);
    } while (status == MMU_AGAIN);
    return status;
}

/* The widest physical address of the translation schemes: 56 bits, on RV32 34. */
static bool paddr_valid(const struct hart *hart, uint64_t paddr)
{
    return paddr >> (hart->isa.xlen == 32 ? 34 : 56) == 0;
}

/* Virtual addresses are sign-extended, physical ones are zero-extended. */
static uint64_t mask_pointer(const struct hart *hart, const struct regime *regime, uint64_t vaddr)
{
    if (LIKELY(regime->pmm == PMM_NONE))
        return vaddr;
    unsigned masked = regime->pmm == PMM_7 ? 7 : 16;
    return walk_paging(hart, regime->satp).levels ? (uint64_t)((int64_t)(vaddr << masked) >> masked)
                                                  : vaddr << masked >> masked;
}

uint64_t mmu_effective(const struct hart *hart, uint64_t vaddr)
{
    const struct regime regime = regime_of_data(hart);
    return mask_pointer(hart, &regime, vaddr);
}

/* An access to a shadow stack needs the rights to read and to write, whichever it does. */
static bool pmp_permits(const struct hart *hart, const struct regime *regime, uint64_t paddr, unsigned size,
                        enum mmu_access access)
{
    if (UNLIKELY(regime->code) && !pmp_allows(hart, paddr, size, regime->priv, MMU_FETCH))
        return false; /* HLVX needs both rights here */
    if (!mmu_is_shadow(access))
        return pmp_allows(hart, paddr, size, regime->priv, access);
    return pmp_allows(hart, paddr, size, regime->priv, MMU_READ) &&
           pmp_allows(hart, paddr, size, regime->priv, MMU_WRITE);
}

/* A store beside code that is still watched: it has been translated before. */
static bool find_beside(struct hart *hart, const struct tlb *tlb, uint64_t pointer, struct mmu_result *result)
{
    const struct tlb_beside *entry = tlb_find_beside(tlb, pointer);
    if (!entry || !code_watch_watches(hart->watch, entry->paddr))
        return false;
    uint64_t offset = pointer & (PAGE_SIZE - 1);
    *result =
        (struct mmu_result){ .host = entry->host + offset, .paddr = entry->paddr | offset, .watched = true };
    return true;
}

int mmu_translate(struct hart *hart, uint64_t pointer, unsigned size, enum mmu_access access,
                  struct mmu_result *result)
{
    const struct regime regime = access == MMU_FETCH ? regime_of_fetches(hart) : regime_of_data(hart);
    struct tlb *tlb = access == MMU_FETCH ? hart->tlb_fetch : hart->tlb_data;
    uint64_t vaddr = access == MMU_FETCH ? pointer : mask_pointer(hart, &regime, pointer);
    *result = (struct mmu_result){ .paddr = vaddr };
    if (tlb_find_io(tlb, pointer, access, &result->paddr) ||
        (access == MMU_WRITE && find_beside(hart, tlb, pointer, result)))
        return MMU_OK;

    hart_count(&hart->counts.tlb_misses[access == MMU_FETCH ? MMU_FETCH : mmu_is_write(access)]);
    const struct paging paging = walk_paging(hart, regime.satp);
    /* M-mode's accesses, and accesses of other modes without translation. */
    if (mmu_is_shadow(access) && !paging.levels)
        return mmu_access_fault(access);
    uint64_t page_size = PAGE_SIZE;
    bool keep = true;
    if (UNLIKELY(regime.virt)) {
        int status = gstage_translate(hart, &regime, vaddr, access, &result->paddr, &page_size);
        if (status != MMU_OK)
            return status;
    } else if (paging.levels) {
        struct walk walk;
        int status = walk_page_table(hart, &regime, &paging, vaddr, access, &walk);
        if (status != MMU_OK)
            return status;
        result->paddr = walk.paddr;
        page_size = walk.page_size;
        keep = tlb_may_keep(hart, &regime, walk.global);
    }
    if (!paddr_valid(hart, result->paddr) || !pmp_permits(hart, &regime, result->paddr, size, access))
        return mmu_access_fault(access);

    uint64_t page = result->paddr & PAGE_MASK;
    bool writable = false;
    uint8_t *host = hart->bus->ops->page(hart->bus, page, &writable);
    if (!host && access == MMU_FETCH && hart->bus->ops->code)
        host = (uint8_t *)(uintptr_t)hart->bus->ops->code(hart->bus, page);
    bool uniform = keep && pmp_page_uniform(hart, page);
    if (page_size > PAGE_SIZE && uniform)
        tlb_note_large(tlb, pointer, page_size);
    /* Registers of devices are not idempotent, so they cannot be a shadow stack. */
    if (mmu_is_shadow(access) && (!host || !writable))
        return mmu_access_fault(access);
    if (!host || (access == MMU_WRITE && !writable)) {
        if (uniform && access != MMU_FETCH)
            tlb_fill_io(tlb, pointer, access, result->paddr);
        return MMU_OK;
    }
    hart_ram_use(&hart->bus->ram, host);
    if (mmu_is_write(access)) {
        if (UNLIKELY(hart->recorder))
            hart->recorder->ops->page(hart->recorder, page);
        result->watched = !code_watch_may_store(hart->watch, hart, page);
        if (!result->watched && hart->accel)
            hart->accel->ops->page_written(hart, page);
        result->watched |= hart_bus_is_told(hart->bus, page);
    }
    result->host = host + (vaddr & (PAGE_SIZE - 1));
    result->cacheable =
        uniform && !result->watched && !mmu_is_shadow(access) &&
        !(UNLIKELY(hart->debug.watches) && debug_page_watched(hart, vaddr, result->paddr, access));
    if (result->cacheable)
        tlb_fill(tlb, pointer, access, result->paddr, host);
    else if (access == MMU_WRITE && result->watched && uniform)
        tlb_fill_beside(tlb, pointer, result->paddr, host);
    return MMU_OK;
}
