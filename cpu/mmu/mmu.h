/* SPDX-License-Identifier: MIT
 *
 * Address translation (Sv32, Sv39, Sv48, Sv57), the software TLB, and PMP.
 */
#ifndef CPU_MMU_MMU_H
#define CPU_MMU_MMU_H

#include "cpu/hart_state.h"

/* The last two are the accesses of the shadow stack's instructions ("Shadow Stack Memory Protection"): they
 * are never cached in the TLB, and their exceptions are those of stores. */
enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH, MMU_SHADOW_READ, MMU_SHADOW_WRITE };

struct mmu_result {
    uint64_t paddr;
    uint8_t *host;  /* of vaddr; NULL: a device answers there */
    bool cacheable; /* the whole page allows this access, and no debugger wants to see it */
    bool watched;   /* a store must be reported to code_watch_stored(): code of the page is kept, or the bus
                     * is to be told */
};

#define MMU_OK (-1)

/* Returns the address that a load or store of vaddr really accesses: the upper bits that the hart's mode
 * masks are replaced ("Pointer Masking", the "ignore" transformation). Traps and debuggers report this
 * address. */
uint64_t mmu_effective(const struct hart *hart, uint64_t vaddr);

/* Translates [pointer, pointer + size), which lies in one page, for an access as the hart makes it now (MPRV,
 * SUM, MXR and masked pointers included), checks permissions and PMP, updates A and D, and fills the TLB.
 * Returns MMU_OK or the exception code (enum cause). */
int mmu_translate(struct hart *hart, uint64_t pointer, unsigned size, enum mmu_access access,
                  struct mmu_result *result);

/* The exceptions of an access: of a page table, and of physical memory. */
int mmu_page_fault(enum mmu_access access);
int mmu_access_fault(enum mmu_access access);
static inline bool mmu_is_shadow(enum mmu_access access)
{
    return access == MMU_SHADOW_READ || access == MMU_SHADOW_WRITE;
}
static inline bool mmu_is_write(enum mmu_access access)
{
    return access == MMU_WRITE || access == MMU_SHADOW_WRITE;
}

struct regime;
struct paging;
struct walk;
/* What comes of a walk. If it has found a leaf: checks its permissions, and sets A and D if they are to be
 * set. MMU_OK, the exception, or MMU_AGAIN: the entry has changed meanwhile, and the walk is to be repeated.
 */
#define MMU_AGAIN (-2)
int mmu_end_walk(struct hart *hart, const struct regime *regime, const struct paging *paging,
                 const struct walk *walk, enum mmu_access access);
/* The part of it that follows after a leaf's permissions. */
int mmu_mark_leaf(struct hart *hart, const struct regime *regime, const struct paging *paging,
                  const struct walk *walk, enum mmu_access access);

/* Recomputes the ranges after a write to pmpcfg or pmpaddr. */
void pmp_update(struct hart *hart);
/* PMP's decision about an access of a privilege mode (Priv. "Physical Memory Protection"). */
bool pmp_allows(const struct hart *hart, uint64_t paddr, unsigned size, enum privilege priv,
                enum mmu_access access);
/* True if every byte of the page gets the same decision. */
bool pmp_page_uniform(const struct hart *hart, uint64_t paddr);

#endif
