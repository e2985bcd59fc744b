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

/* Makes a TLB of the pool empty and free; for new memory. */
void tlb_init(struct tlb *tlb);
/* Looks in the second level of the TLB for loads or stores. True: the translation for this access is in the
 * first level again, and *host is the access's address. */
bool tlb_recall(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access, uint8_t **host);
/* Picks the TLBs for the present privilege, mstatus and satp. To be called when one of them changes. */
void tlb_select(struct hart *hart);
void tlb_flush_all(struct hart *hart);
/* SFENCE.VMA (Priv. "Supervisor Memory-Management Fence Instruction"): any_vaddr, any_asid: rs1, rs2 = x0. */
void tlb_flush(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid);

/* Recomputes the ranges after a write to pmpcfg or pmpaddr. */
void pmp_update(struct hart *hart);
/* PMP's verdict on an access of a privilege mode (Priv. "Physical Memory Protection"). */
bool pmp_allows(const struct hart *hart, uint64_t paddr, unsigned size, enum privilege priv,
                enum mmu_access access);
/* True where every byte of the page gets the same verdict. */
bool pmp_page_uniform(const struct hart *hart, uint64_t paddr);

#endif
