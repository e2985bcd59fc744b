/* SPDX-License-Identifier: MIT
 *
 * Finding translated code by the guest's pc, from within translated code: what a hart does when the table of
 * its address space does not know where a jump leads. The page's physical address comes from the TLB for
 * fetches, the block from the hash table, which is read without the lock: blocks are put in with a release
 * store, and taken out only while no hart is in translated code (dbt->running).
 */
#include "dbt/dbt_state.h"

struct t1_block *dbt_find_block(struct hart *hart, uint64_t pc)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    const struct tlb_exec *page = &hart->tlb_fetch->exec[pc >> PAGE_SHIFT & (TLB_EXEC_SIZE - 1)];
    if (page->tag != (pc & PAGE_MASK) || hart->tlb_data != hart->tlb_fetch ||
        atomic_load_explicit(&hart->requests, memory_order_acquire))
        return NULL;
    uint64_t paddr = page->paddr | (pc & (PAGE_SIZE - 1));
    uint32_t ref = __atomic_load_n(&dbt->blocks[dbt_hash(paddr, 1)], __ATOMIC_ACQUIRE);
    struct t1_block *block;
    while ((block = code_at(&dbt->cache, ref)) &&
           !(block->span.paddr == paddr && __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE)))
        ref = __atomic_load_n(&block->hash_next, __ATOMIC_ACQUIRE);
    return block;
}

const uint8_t *dbt_find(struct hart *hart, uint64_t pc)
{
    const struct t1_block *block = dbt_find_block(hart, pc);
    const uint8_t *entry = block ? __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE) : NULL;
    if (!entry)
        return NULL;
    hart->tlb_fetch->native[TLB_NATIVE_INDEX(pc)] = (struct tlb_native){ pc, entry };
    hart->tlb_fetch->native_used = true;
    return entry;
}
