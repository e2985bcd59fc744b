/* SPDX-License-Identifier: MIT
 *
 * The software TLBs of a hart: which one is used, what is in them, what leaves them. The hart's own thread.
 */
#ifndef CPU_MMU_TLB_H
#define CPU_MMU_TLB_H

#include "cpu/mmu/mmu.h"

/* What selects a translation, and keys the pool of TLBs. M-mode ignores satp, SUM and MXR, which are 0 then,
 * and U-mode ignores SUM. */
struct regime {
    uint64_t satp;
    enum privilege priv;
    bool sum, mxr;
};
struct regime regime_of_fetches(const struct hart *hart);
/* Of loads and stores: MPRV may lend them another privilege. */
struct regime regime_of_data(const struct hart *hart);

/* Enters a page whose every byte allows the access: `page` is the host's address of it. */
void tlb_fill(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr, uint8_t *page);
/* The same for a page without memory. */
void tlb_fill_io(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr);
bool tlb_find_io(const struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t *paddr);
/* What was entered, or will be, is part of a large page: flushing any address in it flushes all of it. */
void tlb_note_large(struct tlb *tlb, uint64_t vaddr, uint64_t size);

/* Makes a TLB of the pool free; for new memory, all zero. */
void tlb_init(struct tlb *tlb);
/* Looks in the second level of the TLB for loads or stores. True: the translation for this access is in the
 * first level again, and *host is the access's address. */
bool tlb_recall(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access, uint8_t **host);
/* Picks the TLBs for the present privilege, mstatus and satp. To be called when one of them changes. */
void tlb_select(struct hart *hart);
void tlb_flush_all(struct hart *hart);
/* SFENCE.VMA (Priv. "Supervisor Memory-Management Fence Instruction"): any_vaddr, any_asid: rs1, rs2 = x0. */
void tlb_flush(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid);

#endif
