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

/* Recomputes the ranges after a write to pmpcfg or pmpaddr. */
void pmp_update(struct hart *hart);
/* PMP's decision about an access of a privilege mode (Priv. "Physical Memory Protection"). */
bool pmp_allows(const struct hart *hart, uint64_t paddr, unsigned size, enum privilege priv,
                enum mmu_access access);
/* True if every byte of the page gets the same decision. */
bool pmp_page_uniform(const struct hart *hart, uint64_t paddr);

#endif
