/* SPDX-License-Identifier: MIT
 *
 * The two stages; see gstage.h. The second stage is walked for each table of the first, and for the address
 * that the first leads to. Each fault of the second stage is a guest-page fault of the access that the guest
 * made, whichever of these it was; fault_insn tells them apart ("Transformed Instruction or Pseudoinstruction
 * for mtinst or htinst").
 */
#include "cpu/mmu/gstage.h"

/* Pseudoinstructions: a read or a write of an entry of the first stage. */
#define PSEUDO_READ(hart)  ((hart)->isa.xlen == 32 ? 0x2000u : 0x3000u)
#define PSEUDO_WRITE(hart) (PSEUDO_READ(hart) | 0x20)

/* One walk of the second stage. */
struct second {
    const struct regime *regime;
    enum mmu_access access;   /* what is to be done at the address */
    enum mmu_access original; /* the guest's access, which faults */
    uint32_t pseudo;          /* 0: it is the guest's access itself */
    bool look;                /* change nothing and check nothing */
};

static int guest_page_fault(enum mmu_access access)
{
    return access == MMU_FETCH  ? CAUSE_FETCH_GUEST_PAGE
           : access == MMU_READ ? CAUSE_LOAD_GUEST_PAGE
                                : CAUSE_STORE_GUEST_PAGE;
}

static int fault(struct hart *hart, uint64_t gpa, uint32_t pseudo, enum mmu_access original)
{
    hart->hyper.fault_gpa = gpa;
    hart->hyper.fault_insn = pseudo;
    return guest_page_fault(original);
}

/* hgatp's schemes are those of satp with addresses that are 2 bits wider. There are no pages of shadow
 * stacks. */
static struct paging second_paging(const struct hart *hart, uint64_t hgatp)
{
    struct paging paging = walk_paging(hart, hgatp);
    paging.guest = true;
    paging.wide = 2;
    paging.vaddr_bits += 2;
    paging.envcfg &= ~ENVCFG_SSE;
    return paging;
}

/* All accesses are those of U-mode. MXR counts for loads, and not for the tables of the first stage. */
static bool permitted(const struct second *second, uint64_t pte)
{
    const struct regime *regime = second->regime;
    bool table = second->pseudo;
    if (!(pte & PTE_U))
        return false;
    switch (second->access) {
    case MMU_READ:
        if (regime->code && !table)
            return pte & PTE_X;
        return pte & PTE_R || (regime->gmxr && !table && pte & PTE_X);
    case MMU_FETCH: return pte & PTE_X;
    case MMU_SHADOW_READ: return pte & PTE_R && pte & PTE_W;
    default: return pte & PTE_W;
    }
}

static int second_leaf(struct hart *hart, const struct second *second, const struct paging *paging,
                       const struct walk *walk, uint64_t gpa)
{
    if (!permitted(second, walk->steps[walk->count - 1].pte))
        return fault(hart, gpa, second->pseudo, second->original);
    int status = mmu_mark_leaf(hart, second->regime, paging, walk, second->access);
    if (status == MMU_OK || status == MMU_AGAIN)
        return status;
    bool denied = status == mmu_access_fault(second->access);
    return denied ? mmu_access_fault(second->original) : fault(hart, gpa, second->pseudo, second->original);
}

/* From a guest physical address to a physical one. */
static int walk_second(struct hart *hart, const struct second *second, uint64_t gpa, uint64_t *paddr,
                       uint64_t *page_size)
{
    const struct paging paging = second_paging(hart, second->regime->hgatp);
    struct walk walk;
    int status;
    *paddr = gpa;
    *page_size = UINT64_MAX;
    if (!paging.levels)
        return MMU_OK;
    do {
        walk_tables(hart, &paging, gpa, &walk);
        if (walk.end == WALK_NO_MEMORY || walk.end == WALK_PMP)
            return mmu_access_fault(second->original);
        if (walk.end != WALK_MAPPED)
            return fault(hart, gpa, second->pseudo, second->original);
        status = second->look ? MMU_OK : second_leaf(hart, second, &paging, &walk, gpa);
    } while (status == MMU_AGAIN);
    *paddr = walk.paddr;
    *page_size = walk.page_size;
    return status;
}

int gstage_may_mark(struct hart *hart, const struct regime *regime, uint64_t pte_gpa, enum mmu_access access)
{
    uint64_t paddr, page_size;
    const struct second second = { regime, MMU_WRITE, access, PSEUDO_WRITE(hart), false };
    return walk_second(hart, &second, pte_gpa, &paddr, &page_size);
}

/* ---- The first stage ----------------------------------------------------------------------------------- */

static struct paging first_paging(const struct hart *hart, const struct regime *regime)
{
    struct paging paging = walk_paging(hart, regime->satp);
    paging.envcfg = hart->hyper.henvcfg;
    return paging;
}

/* Walks its tables. MMU_OK: walk->end tells where it ended; otherwise the second stage of a table failed. */
static int walk_first(struct hart *hart, const struct paging *paging, const struct second *tables,
                      uint64_t vaddr, struct walk *walk)
{
    uint64_t table = paging->root, place, page_size;
    walk->count = 0;
    walk->pte_writable = walk->global = false;
    walk->end = walk_canonical(paging, vaddr) ? WALK_TABLE : WALK_NOT_CANONICAL;
    for (unsigned level = paging->levels; walk->end == WALK_TABLE && level-- > 0;) {
        walk->pte_gpa = table + walk_offset(paging, level, vaddr);
        int status = walk_second(hart, tables, walk->pte_gpa, &place, &page_size);
        if (status != MMU_OK)
            return status;
        walk->end = walk_level(hart, paging, place & PAGE_MASK, level, vaddr, walk);
        if (walk->end == WALK_TABLE)
            table = walk_pte_paddr(paging, walk->steps[walk->count - 1].pte);
        else if (walk->end == WALK_MAPPED)
            walk->page_size = walk_leaf(paging, level, walk->steps[walk->count - 1].pte, vaddr, &walk->paddr);
    }
    return MMU_OK;
}

static int translate_first(struct hart *hart, const struct regime *regime, const struct paging *paging,
                           uint64_t vaddr, enum mmu_access access, struct walk *walk)
{
    const struct second tables = { regime, MMU_READ, access, PSEUDO_READ(hart), false };
    int status;
    do {
        status = walk_first(hart, paging, &tables, vaddr, walk);
        if (status != MMU_OK)
            return status;
        status = mmu_end_walk(hart, regime, paging, walk, access);
    } while (status == MMU_AGAIN);
    return status;
}

int gstage_translate(struct hart *hart, const struct regime *regime, uint64_t vaddr, enum mmu_access access,
                     uint64_t *paddr, uint64_t *page_size)
{
    const struct paging paging = first_paging(hart, regime);
    const struct second second = { regime, access, access, 0, false };
    uint64_t gpa = vaddr, second_size;
    *page_size = PAGE_SIZE;
    if (paging.levels) {
        struct walk walk;
        int status = translate_first(hart, regime, &paging, vaddr, access, &walk);
        if (status != MMU_OK)
            return status;
        gpa = walk.paddr;
        *page_size = walk.page_size;
    }
    return walk_second(hart, &second, gpa, paddr, &second_size);
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

static bool look_second(struct hart *hart, const struct regime *regime, uint64_t gpa, uint64_t *paddr,
                        uint64_t *page_size)
{
    const struct hart_hyper before = hart->hyper;
    const struct second second = { regime, MMU_READ, MMU_READ, 0, true };
    int status = walk_second(hart, &second, gpa, paddr, page_size);
    hart->hyper.fault_gpa = before.fault_gpa;
    hart->hyper.fault_insn = before.fault_insn;
    return status == MMU_OK;
}

bool gstage_look(struct hart *hart, uint64_t gpa, uint64_t *paddr)
{
    const struct regime regime = { .virt = true, .hgatp = hart->hyper.hgatp };
    uint64_t page_size;
    return look_second(hart, &regime, gpa, paddr, &page_size);
}

/* Of two sizes of pages; without either stage there is none. */
static uint64_t smaller(uint64_t a, uint64_t b)
{
    uint64_t size = a < b ? a : b;
    return size == UINT64_MAX ? PAGE_SIZE : size;
}

void gstage_walk(struct hart *hart, const struct regime *regime, uint64_t vaddr, struct walk *walk)
{
    const struct paging paging = first_paging(hart, regime);
    const struct second tables = { regime, MMU_READ, MMU_READ, 0, true };
    const struct hart_hyper before = hart->hyper;
    uint64_t size;
    *walk = (struct walk){ .end = WALK_MAPPED, .paddr = vaddr, .page_size = UINT64_MAX };
    if (paging.levels && walk_first(hart, &paging, &tables, vaddr, walk) != MMU_OK)
        walk->end = WALK_NO_MEMORY;
    hart->hyper.fault_gpa = before.fault_gpa;
    hart->hyper.fault_insn = before.fault_insn;
    if (walk->end != WALK_MAPPED)
        return;
    if (!look_second(hart, regime, walk->paddr, &walk->paddr, &size))
        walk->end = WALK_INVALID;
    walk->page_size = smaller(walk->page_size, size);
}
