/* SPDX-License-Identifier: MIT
 *
 * The software TLBs of a hart: which one is used, what is entered, and what is dropped. Only the hart's own
 * thread.
 */
#ifndef CPU_MMU_TLB_H
#define CPU_MMU_TLB_H

#include "cpu/mmu/mmu.h"

/* What selects a translation, and is the key of a TLB in the pool. M-mode ignores satp, SUM and MXR, which
 * are 0 then, and U-mode ignores SUM. If pointers are masked, an entry's tag is the address with the
 * program's upper bits, so that translated code and the handlers find it in the usual way. */
struct regime {
    uint64_t satp;
    enum privilege priv;
    bool sum, mxr;
    uint8_t pmm; /* how many upper bits of an address are masked: PMM_* */
    /* Of a virtual machine (gstage.h): satp is vsatp, and hgatp is the second stage. MXR of the second stage;
     * and whether the access is HLVX's, which needs the right to execute in place of that to read. */
    bool virt, gmxr, code;
    uint64_t hgatp;
};
/* The fields PMM of menvcfg, senvcfg and mseccfg ("Pointer Masking"). */
enum { PMM_NONE = 0, PMM_7 = 2, PMM_16 = 3 };
struct regime regime_of_fetches(const struct hart *hart);
/* Of loads and stores: MPRV may lend them another privilege. */
struct regime regime_of_data(const struct hart *hart);

/* Whether a leaf's bits R, W, X and U allow the access. */
bool mmu_pte_permits(const struct regime *regime, uint64_t pte, enum mmu_access access);

/* Enters a page whose every byte allows the access: `page` is the host's address of it. */
void tlb_fill(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr, uint8_t *page);
/* The same for a page without memory. */
void tlb_fill_io(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr);
bool tlb_find_io(const struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t *paddr);
/* The same for stores to a page whose code is watched; `page` is the host's address of it. */
void tlb_fill_beside(struct tlb *tlb, uint64_t vaddr, uint64_t paddr, uint8_t *page);
/* The entry for the address, or NULL. */
const struct tlb_beside *tlb_find_beside(const struct tlb *tlb, uint64_t vaddr);
/* Notes that entries, present or future, are part of a large page: flushing any address in that page flushes
 * all of it. */
void tlb_note_large(struct tlb *tlb, uint64_t vaddr, uint64_t size);

/* One TLB for all address spaces. S-mode without SUM mostly runs a kernel, whose pages are global (bit G):
 * they are in all address spaces. So one TLB serves that regime for every satp with the same scheme. It is
 * already filled when a process starts, and fences of one ASID do not clear it ("Supervisor Memory-Management
 * Fence Instruction"). This sharing ends when the hart meets a page without G. It is tried again after some
 * fences of everything, each time after twice as many.
 *
 * tlb_may_keep() tells whether a page, global or not, may be entered into the TLB of the regime. If not,
 * sharing ends when the hart serves its requests, which flushes all its TLBs. */
bool tlb_may_keep(struct hart *hart, const struct regime *regime, bool global);
/* Whether the TLB, which is in use, serves all address spaces. */
bool tlb_is_shared(const struct hart *hart, const struct tlb *tlb);
/* Begins sharing, at reset. */
void tlb_share(struct hart *hart);

/* Marks a TLB of the pool as free; for new memory, all zero. */
void tlb_init(struct tlb *tlb);
/* Looks in the second level of the TLB for loads or stores. True: the translation for this access is in the
 * first level again, and *host is the access's address. */
bool tlb_recall(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access, uint8_t **host);
/* Selects the TLBs for the present privilege, mstatus, satp and envcfg, and other state that depends on the
 * privilege. To be called when one of them changes. */
void tlb_select(struct hart *hart);
void tlb_flush_all(struct hart *hart);
/* HFENCE.VVMA and HFENCE.GVMA (Priv. "Hypervisor Memory-Management Fence Instructions"): of the present
 * virtual machine; of all of them, or of one VMID. */
void tlb_flush_guest(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid);
void tlb_flush_guests(struct hart *hart, bool any_vmid, unsigned vmid);
/* SFENCE.VMA (Priv. "Supervisor Memory-Management Fence Instruction"): any_vaddr, any_asid: rs1, rs2 = x0. */
void tlb_flush(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid);

#endif
