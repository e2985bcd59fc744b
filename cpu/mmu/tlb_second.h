/* SPDX-License-Identifier: MIT
 *
 * The second level of the software TLB: entries for which the first level, which translated code searches,
 * has no room. A miss of the first level that is found here saves a walk of the page table.
 *
 * An entry's tag has the page in its upper bits and a generation in its lower ones, so that zeroed memory is
 * empty and forgetting everything is a new generation. Owned by the hart's thread.
 */
#ifndef CPU_MMU_TLB_SECOND_H
#define CPU_MMU_TLB_SECOND_H

#include <string.h>

#include "cpu/hart_state.h"

static inline struct tlb_entry *tlb_second_entry(struct tlb *tlb, bool write, uint64_t vaddr)
{
    return &tlb->second[write]
                .entries[(vaddr >> PAGE_SHIFT ^ vaddr >> (PAGE_SHIFT + 13)) & (TLB_SECOND_SIZE - 1)];
}

static inline void tlb_second_put(struct tlb *tlb, bool write, uint64_t tag, uint64_t addend)
{
    *tlb_second_entry(tlb, write, tag) = (struct tlb_entry){ tag | tlb->second[write].generation, addend };
}

/* NULL: it has none. The entry's tag differs from that of the first level. */
static inline const struct tlb_entry *tlb_second_find(struct tlb *tlb, bool write, uint64_t vaddr)
{
    const struct tlb_entry *entry = tlb_second_entry(tlb, write, vaddr);
    return entry->tag == ((vaddr & PAGE_MASK) | tlb->second[write].generation) ? entry : NULL;
}

static inline void tlb_second_drop(struct tlb *tlb, uint64_t vaddr)
{
    for (unsigned write = 0; write < 2; write++) {
        struct tlb_entry *entry = tlb_second_entry(tlb, write, vaddr);
        if (!((entry->tag ^ vaddr) & PAGE_MASK))
            entry->tag = 0;
    }
}

static inline void tlb_second_clear(struct tlb *tlb, bool write)
{
    if (++tlb->second[write].generation < PAGE_SIZE)
        return;
    memset(tlb->second[write].entries, 0, sizeof(tlb->second[write].entries));
    tlb->second[write].generation = 1; /* never 0, which is the generation of empty entries */
}

#endif
