/* SPDX-License-Identifier: MIT
 *
 * Page tables as they lie in memory (Priv. "Virtual Address Translation Process"): the one walker, for harts
 * and for those who look at them. It goes from the root to the leaf and says where it ended; it asks for no
 * permission of the leaf and changes nothing. PMP is asked for each table, as for the implicit accesses of
 * S-mode.
 */
#ifndef CPU_MMU_WALK_H
#define CPU_MMU_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

/* The scheme that satp selects. levels 0: none, an address is physical. */
struct paging {
    unsigned levels, index_bits, pte_size, vaddr_bits;
    uint64_t root; /* physical address of the first table */
};
struct paging walk_paging(const struct hart *hart, uint64_t satp);

enum {
    PTE_V = 1 << 0,
    PTE_R = 1 << 1,
    PTE_W = 1 << 2,
    PTE_X = 1 << 3,
    PTE_U = 1 << 4,
    PTE_A = 1 << 6,
    PTE_D = 1 << 7,
};

/* How a walk ends, and what an entry is; all but the first two mean that the guest's access faults. */
enum walk_end {
    WALK_MAPPED,        /* a leaf */
    WALK_TABLE,         /* of an entry: it leads to the next table. Of a walk: the last level has no leaf */
    WALK_NOT_CANONICAL, /* upper bits are not copies of the highest one */
    WALK_INVALID,       /* V clear, or W without R */
    WALK_RESERVED,      /* bits that must be zero with this hart's extensions are set */
    WALK_MISALIGNED,    /* a large page that does not start at a multiple of its size; not 64 KiB with N */
    WALK_NO_MEMORY,     /* a table is not in memory: an access fault */
    WALK_PMP,           /* nor is it, to S-mode */
};

struct walk_step {
    unsigned level; /* counted down to 0 */
    uint64_t pte_paddr, pte;
};
struct walk {
    struct walk_step steps[5]; /* from the root; the last one is the leaf where the end is MAPPED */
    unsigned count;
    enum walk_end end;
    uint64_t paddr, page_size; /* MAPPED: of the virtual address, and of its page */
    uint8_t *pte_host;         /* of the last step */
    bool pte_writable;
};

/* levels must not be 0. The hart's own thread, or anybody while it does not run. */
void walk_tables(struct hart *hart, const struct paging *paging, uint64_t vaddr, struct walk *walk);
/* What an entry is at its level. */
enum walk_end walk_entry(const struct hart *hart, const struct paging *paging, unsigned level, uint64_t pte);
/* Where a leaf maps vaddr to; returns the size of its page. */
uint64_t walk_leaf(const struct paging *paging, unsigned level, uint64_t pte, uint64_t vaddr,
                   uint64_t *paddr);
/* The physical page that an entry names. */
uint64_t walk_pte_paddr(const struct paging *paging, uint64_t pte);

#endif
