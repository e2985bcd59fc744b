/* SPDX-License-Identifier: MIT
 *
 * Page tables; see walk.h.
 */
#include "cpu/mmu/walk.h"

#include "cpu/mmu/mmu.h"
#include "util/check.h"

#define PTE_RESERVED (0x7full << 54)
#define PTE_PBMT     (3ull << 61)
#define PTE_N        (1ull << 63)
#define PTE_MAE      (31ull << 59)
#define NAPOT_SHIFT  16 /* Svnapot: only 64 KiB */

struct paging walk_paging(const struct hart *hart, uint64_t satp)
{
    if (hart->isa.xlen == 32) {
        if (!(satp >> 31 & 1))
            return (struct paging){ 0 };
        return (struct paging){ .levels = 2,
                                .index_bits = 10,
                                .pte_size = 4,
                                .vaddr_bits = 32,
                                .envcfg = hart->menvcfg,
                                .root = (satp & 0x3fffff) << PAGE_SHIFT };
    }
    unsigned mode = (unsigned)(satp >> 60);
    if (mode < 8 || mode > 10)
        return (struct paging){ 0 };
    unsigned levels = mode - 5; /* 8: Sv39, 9: Sv48, 10: Sv57 */
    return (struct paging){ .levels = levels,
                            .index_bits = 9,
                            .pte_size = 8,
                            .vaddr_bits = 12 + 9 * levels,
                            .mae = isa_has(&hart->isa, ISA_XTheadMae),
                            .envcfg = hart->menvcfg,
                            .root = (satp & 0xfffffffffffull) << PAGE_SHIFT };
}

uint64_t walk_pte_paddr(const struct paging *paging, uint64_t pte)
{
    return (paging->pte_size == 4 ? pte >> 10 & 0x3fffff : pte >> 10 & 0xfffffffffffull) << PAGE_SHIFT;
}

static bool reserved(const struct hart *hart, const struct paging *paging, uint64_t pte, bool leaf)
{
    if (!leaf && pte & (PTE_A | PTE_D | PTE_U))
        return true;
    if (paging->pte_size == 4)
        return false;
    if (paging->mae)
        pte &= ~PTE_MAE;
    if (pte & PTE_RESERVED)
        return true;
    if (!leaf)
        return pte & (PTE_N | PTE_PBMT);
    if (pte & PTE_PBMT && (!isa_has(&hart->isa, ISA_Svpbmt) || !(paging->envcfg & ENVCFG_PBMTE)))
        return true;
    if ((pte & PTE_PBMT) == PTE_PBMT)
        return true;
    return pte & PTE_N && !isa_has(&hart->isa, ISA_Svnapot);
}

static bool napot(const struct paging *paging, uint64_t pte)
{
    return paging->pte_size == 8 && pte & PTE_N && !paging->mae;
}

/* Returns whether a page with W set and R clear is a page of a shadow stack: X is clear, and shadow stacks
 * are enabled ("Shadow Stack Memory Protection"). Otherwise it is reserved. */
static bool shadow_page(const struct paging *paging, uint64_t pte)
{
    return !(pte & PTE_X) && paging->envcfg & ENVCFG_SSE;
}

enum walk_end walk_entry(const struct hart *hart, const struct paging *paging, unsigned level, uint64_t pte)
{
    bool shadow = (pte & (PTE_R | PTE_W)) == PTE_W;
    if (!(pte & PTE_V) || (shadow && !shadow_page(paging, pte)))
        return WALK_INVALID;
    bool leaf = shadow || pte & (PTE_R | PTE_X);
    if (reserved(hart, paging, pte, leaf))
        return WALK_RESERVED;
    if (!leaf)
        return WALK_TABLE;
    uint64_t size = UINT64_C(1) << (PAGE_SHIFT + level * paging->index_bits);
    uint64_t paddr = walk_pte_paddr(paging, pte);
    if (paddr & (size - 1))
        return WALK_MISALIGNED;
    bool is_64k = level == 0 && (paddr >> PAGE_SHIFT & 15) == 8;
    return napot(paging, pte) && !is_64k ? WALK_MISALIGNED : WALK_MAPPED;
}

uint64_t walk_leaf(const struct paging *paging, unsigned level, uint64_t pte, uint64_t vaddr, uint64_t *paddr)
{
    unsigned shift = napot(paging, pte) ? NAPOT_SHIFT : PAGE_SHIFT + level * paging->index_bits;
    uint64_t size = UINT64_C(1) << shift;
    *paddr = (walk_pte_paddr(paging, pte) & ~(size - 1)) | (vaddr & (size - 1));
    return size;
}

/* The host address of a page-table entry, or NULL: page tables outside of memory are an access fault. */
static uint8_t *pte_host(struct hart *hart, uint64_t paddr, bool *writable)
{
    uint8_t *page = hart->bus->ops->page(hart->bus, paddr & PAGE_MASK, writable);
    return page ? page + (paddr & (PAGE_SIZE - 1)) : NULL;
}

uint64_t walk_pte_read(const uint8_t *host, unsigned size)
{
    return size == 4 ? __atomic_load_n((const uint32_t *)(const void *)host, __ATOMIC_ACQUIRE)
                     : __atomic_load_n((const uint64_t *)(const void *)host, __ATOMIC_ACQUIRE);
}

bool walk_canonical(const struct paging *paging, uint64_t vaddr)
{
    if (paging->guest)
        return vaddr >> paging->vaddr_bits == 0;
    unsigned shift = 64 - paging->vaddr_bits;
    return paging->pte_size == 4 || (uint64_t)((int64_t)(vaddr << shift) >> shift) == vaddr;
}

uint64_t walk_offset(const struct paging *paging, unsigned level, uint64_t vaddr)
{
    unsigned bits = paging->index_bits + (level == paging->levels - 1 ? paging->wide : 0);
    return (vaddr >> (PAGE_SHIFT + level * paging->index_bits) & ((1u << bits) - 1)) * paging->pte_size;
}

enum walk_end walk_level(struct hart *hart, const struct paging *paging, uint64_t table, unsigned level,
                         uint64_t vaddr, struct walk *walk)
{
    CHECK(walk->count < sizeof(walk->steps) / sizeof(walk->steps[0]));
    uint64_t paddr = table + walk_offset(paging, level, vaddr);
    walk->pte_host = pte_host(hart, paddr, &walk->pte_writable);
    if (!walk->pte_host)
        return WALK_NO_MEMORY;
    if (!pmp_allows(hart, paddr, paging->pte_size, PRIV_S, MMU_READ))
        return WALK_PMP;
    uint64_t pte = walk_pte_read(walk->pte_host, paging->pte_size);
    walk->steps[walk->count++] = (struct walk_step){ level, paddr, pte };
    walk->global |= (pte & PTE_G) != 0;
    return walk_entry(hart, paging, level, pte);
}

void walk_tables(struct hart *hart, const struct paging *paging, uint64_t vaddr, struct walk *walk)
{
    walk->count = 0;
    walk->pte_writable = walk->global = false;
    walk->end = walk_canonical(paging, vaddr) ? WALK_TABLE : WALK_NOT_CANONICAL;
    uint64_t table = paging->root;
    for (unsigned level = paging->levels; walk->end == WALK_TABLE && level-- > 0;) {
        walk->end = walk_level(hart, paging, table, level, vaddr, walk);
        if (walk->end == WALK_TABLE)
            table = walk_pte_paddr(paging, walk->steps[walk->count - 1].pte);
        else if (walk->end == WALK_MAPPED)
            walk->page_size = walk_leaf(paging, level, walk->steps[walk->count - 1].pte, vaddr, &walk->paddr);
    }
}
