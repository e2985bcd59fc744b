/* SPDX-License-Identifier: MIT
 *
 * Finding translated code by the guest's pc, from within translated code: a hart does this if the table of
 * its address space does not know where a jump leads. The page's physical address comes from the TLB for
 * fetches, the block from the hash table, which is read without the lock: blocks are added with a release
 * store. A block whose code has changed first loses its entry and is then removed, while harts may still be
 * at it: its memory, and so the way on from it, stays until its segment is evicted (dbt->running).
 */
#include "cpu/mmu/mmu.h"
#include "dbt/runtime/find.h"
#include "dbt/runtime/link.h"
#include "util/check.h"

/* The physical address of the guest's pc, by the TLB for fetches or, if that does not know the page, by the
 * page table. False: the run loop must fetch, and trap. */
static bool physical(struct hart *hart, uint64_t pc, uint64_t *paddr)
{
    const struct tlb_exec *page = &hart->tlb_fetch->exec[TLB_EXEC_INDEX(pc)];
    struct mmu_result result;
    if (page->tag != (pc & PAGE_MASK)) {
        if (mmu_translate(hart, pc, 2, MMU_FETCH, &result) != MMU_OK || page->tag != (pc & PAGE_MASK))
            return false;
        if (UNLIKELY(atomic_load_explicit(&hart->debug.breaks, memory_order_relaxed)))
            debug_fetch_page(hart, pc, result.paddr); /* drops translated code with a breakpoint */
    }
    *paddr = page->paddr | (pc & (PAGE_SIZE - 1));
    return true;
}

/* Whether the page after pc is the one that the block's second half was on, if it has one. */
static bool second_matches(struct hart *hart, const struct dbt *dbt, const struct t1_block *block,
                           uint64_t pc)
{
    const struct code_span *second = code_at(&dbt->cache, block->second);
    uint64_t paddr, next = (pc & PAGE_MASK) + PAGE_SIZE;
    if (hart->isa.xlen == 32)
        next = (uint32_t)next;
    return !second || (physical(hart, next, &paddr) && paddr == second->paddr);
}

struct t1_block *dbt_find_block(struct hart *hart, uint64_t pc)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    uint64_t paddr;
    CHECK_HELD_SHARED(&dbt->running);
    if (hart->tlb_data != hart->tlb_fetch || atomic_load_explicit(&hart->requests, memory_order_acquire) ||
        !physical(hart, pc, &paddr))
        return NULL;
    uint32_t ref = __atomic_load_n(&dbt->blocks[dbt_hash(paddr, 1)], __ATOMIC_ACQUIRE);
    struct t1_block *block;
    while ((block = code_at(&dbt->cache, ref)) &&
           !(block->span.paddr == paddr && __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE) &&
             t1_block_fits(block, hart) && second_matches(hart, dbt, block, pc)))
        ref = __atomic_load_n(&block->hash_next, __ATOMIC_ACQUIRE);
    return block;
}

void dbt_entry_gone(struct dbt *dbt, uint64_t paddr)
{
    CHECK_HELD(&dbt->lock);
    dbt->gone[dbt->generation % DBT_GONE] = (uint16_t)(paddr & (PAGE_SIZE - 1));
    dbt->generation++;
}

void dbt_entries_gone(struct dbt *dbt)
{
    dbt->generation += DBT_GONE + 1; /* more than dbt->gone has */
}

/* The virtual address of a block is not known, but where it is in its page is. Entries for blocks at the same
 * place of other pages are removed, too; that only costs a search each. */
void dbt_forget_gone(struct dbt *dbt, struct hart *hart, uint64_t since)
{
    CHECK_HELD(&dbt->lock);
    if (dbt->generation - since > DBT_GONE) {
        tlb_forget_native(hart);
        return;
    }
    for (uint64_t at = since; at != dbt->generation; at++)
        tlb_forget_native_at(hart, dbt->gone[at % DBT_GONE]);
}

void dbt_correct(struct hart *hart, uint64_t pc, const uint8_t *entry)
{
    struct tlb_native *native = &hart->tlb_fetch->native[TLB_NATIVE_INDEX(pc)];
    if (native->pc == pc)
        native->code = entry;
}

DBT_THROUGH_CODE const uint8_t *dbt_find_linked(struct hart *hart, uint64_t number)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    const struct t1_link *link = code_at(&dbt->cache, (uint32_t)number);
    struct t1_block *block = dbt_find_block(hart, dbt_hart(hart)->page + link->offset);
    if (!block)
        return NULL;
    pthread_mutex_lock(&dbt->lock);
    t1_link_to(dbt, (uint32_t)number, block);
    pthread_mutex_unlock(&dbt->lock);
    return __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE);
}

const uint8_t *dbt_find(struct hart *hart, uint64_t pc)
{
    const struct t1_block *block = dbt_find_block(hart, pc);
    const uint8_t *entry = block ? __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE) : NULL;
    if (!entry)
        return NULL;
    struct tlb *tlb = hart->tlb_fetch;
    unsigned bit = TLB_NATIVE_PAGE_BIT(pc);
    tlb->native[TLB_NATIVE_INDEX(pc)] = (struct tlb_native){ pc, entry };
    tlb->native_pages[bit / 8] |= (uint8_t)(1u << bit % 8);
    tlb->native_groups |= 1ull << TLB_NATIVE_GROUP(pc);
    return entry;
}
