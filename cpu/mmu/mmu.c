/* SPDX-License-Identifier: MIT
 *
 * Address translation (Priv. "Virtual Address Translation Process"). A miss of the software TLB walks the
 * page table (walk.h), checks permissions and PMP, and leaves an entry for the page behind where all of the
 * page behaves alike (tlb.h).
 *
 * Page-table entries are read and written in guest memory with atomic accesses, since other harts use them
 * too; A and D are set by compare-and-swap, and a lost race walks again.
 */
#include "cpu/mmu/mmu.h"

#include "cpu/accel.h"
#include "cpu/code_watch.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"

static int page_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_PAGE, [MMU_WRITE] = CAUSE_STORE_PAGE, [MMU_FETCH] = CAUSE_FETCH_PAGE
    };
    return causes[access];
}

static int access_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_ACCESS, [MMU_WRITE] = CAUSE_STORE_ACCESS, [MMU_FETCH] = CAUSE_FETCH_ACCESS
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

static bool pte_permits(const struct regime *regime, uint64_t pte, enum mmu_access access)
{
    if (pte & PTE_U) {
        if (regime->priv == PRIV_S && (access == MMU_FETCH || !regime->sum))
            return false;
    } else if (regime->priv == PRIV_U) {
        return false;
    }
    switch (access) {
    case MMU_READ: return pte & PTE_R || (regime->mxr && pte & PTE_X);
    case MMU_WRITE: return pte & PTE_W;
    case MMU_FETCH: return pte & PTE_X;
    }
    return false;
}

enum { WALK_AGAIN = -2 };

/* The leaf's permissions, A and D. */
static int use_leaf(struct hart *hart, const struct regime *regime, const struct paging *paging,
                    const struct walk *walk, enum mmu_access access)
{
    const struct walk_step *leaf = &walk->steps[walk->count - 1];
    if (!pte_permits(regime, leaf->pte, access))
        return page_fault(access);
    uint64_t wanted = leaf->pte | PTE_A | (access == MMU_WRITE ? PTE_D : 0);
    if (wanted == leaf->pte)
        return MMU_OK;
    if (!isa_has(&hart->isa, ISA_Svadu) || !(hart->menvcfg & ENVCFG_ADUE))
        return page_fault(access); /* Svade */
    if (!walk->pte_writable || !pmp_allows(hart, leaf->pte_paddr, paging->pte_size, PRIV_S, MMU_WRITE))
        return access_fault(access);
    return pte_replace(walk->pte_host, paging->pte_size, leaf->pte, wanted) ? MMU_OK : WALK_AGAIN;
}

static int walk_page_table(struct hart *hart, const struct regime *regime, const struct paging *paging,
                           uint64_t vaddr, enum mmu_access access, struct walk *walk)
{
    int status;
    do {
        walk_tables(hart, paging, vaddr, walk);
        switch (walk->end) {
        case WALK_MAPPED: status = use_leaf(hart, regime, paging, walk, access); break;
        case WALK_NO_MEMORY:
        case WALK_PMP: status = access_fault(access); break;
        default: status = page_fault(access); break;
        }
    } while (status == WALK_AGAIN);
    return status;
}

/* The widest physical address of the translation schemes: 56 bits, 34 on RV32. */
static bool paddr_valid(const struct hart *hart, uint64_t paddr)
{
    return paddr >> (hart->isa.xlen == 32 ? 34 : 56) == 0;
}

int mmu_translate(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access,
                  struct mmu_result *result)
{
    const struct regime regime = access == MMU_FETCH ? regime_of_fetches(hart) : regime_of_data(hart);
    struct tlb *tlb = access == MMU_FETCH ? hart->tlb_fetch : hart->tlb_data;
    *result = (struct mmu_result){ .paddr = vaddr };
    if (tlb_find_io(tlb, vaddr, access, &result->paddr))
        return MMU_OK;

    hart_count(&hart->counts.tlb_misses[access]);
    const struct paging paging = walk_paging(hart, regime.satp);
    uint64_t page_size = PAGE_SIZE;
    if (paging.levels) {
        struct walk walk;
        int status = walk_page_table(hart, &regime, &paging, vaddr, access, &walk);
        if (status != MMU_OK)
            return status;
        result->paddr = walk.paddr;
        page_size = walk.page_size;
    }
    if (!paddr_valid(hart, result->paddr) || !pmp_allows(hart, result->paddr, size, regime.priv, access))
        return access_fault(access);

    uint64_t page = result->paddr & PAGE_MASK;
    bool writable = false;
    uint8_t *host = hart->bus->ops->page(hart->bus, page, &writable);
    if (!host && access == MMU_FETCH && hart->bus->ops->code)
        host = (uint8_t *)(uintptr_t)hart->bus->ops->code(hart->bus, page);
    bool uniform = pmp_page_uniform(hart, page);
    if (page_size > PAGE_SIZE && uniform)
        tlb_note_large(tlb, vaddr, page_size);
    if (!host || (access == MMU_WRITE && !writable)) {
        if (uniform && access != MMU_FETCH)
            tlb_fill_io(tlb, vaddr, access, result->paddr);
        return MMU_OK;
    }
    if (access == MMU_WRITE) {
        result->watched = !code_watch_may_store(hart->watch, hart, page);
        if (!result->watched && hart->accel)
            hart->accel->ops->page_written(hart, page);
    }
    result->host = host + (vaddr & (PAGE_SIZE - 1));
    result->cacheable =
        uniform && !result->watched &&
        !(UNLIKELY(hart->debug.watches) && debug_page_watched(hart, vaddr, result->paddr, access));
    if (result->cacheable)
        tlb_fill(tlb, vaddr, access, result->paddr, host);
    return MMU_OK;
}
