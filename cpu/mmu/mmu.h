/* SPDX-License-Identifier: MIT
 *
 * Address translation (Sv32, Sv39, Sv48, Sv57), the software TLB, and PMP.
 */
#ifndef CPU_MMU_MMU_H
#define CPU_MMU_MMU_H

#include "cpu/hart_state.h"

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

struct mmu_result {
    uint64_t paddr;
    uint8_t *host;  /* of vaddr, or NULL where a device answers */
    bool cacheable; /* the whole page allows this access, and no debugger wants to see it */
    bool watched;   /* code is kept of the page: code_watch_stored() wants to know of a store */
};

#define MMU_OK (-1)

/* Translates [vaddr, vaddr + size), which lies in one page, for an access as the hart makes it now (MPRV, SUM
 * and MXR included), checks permissions and PMP, updates A and D, and fills the TLB. Returns MMU_OK or the
 * exception code (enum cause). */
int mmu_translate(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access,
                  struct mmu_result *result);

/* Recomputes the ranges after a write to pmpcfg or pmpaddr. */
void pmp_update(struct hart *hart);
/* PMP's verdict on an access of a privilege mode (Priv. "Physical Memory Protection"). */
bool pmp_allows(const struct hart *hart, uint64_t paddr, unsigned size, enum privilege priv,
                enum mmu_access access);
/* True where every byte of the page gets the same verdict. */
bool pmp_page_uniform(const struct hart *hart, uint64_t paddr);

#endif
