/* SPDX-License-Identifier: MIT
 *
 * Address translation of virtual machines (Priv. "Two-Stage Address Translation"): the first stage (vsatp)
 * leads from virtual addresses to the guest's physical ones, and the second (hgatp) from those to physical
 * ones. The tables of the first stage are at guest physical addresses, too.
 */
#ifndef CPU_MMU_GSTAGE_H
#define CPU_MMU_GSTAGE_H

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"

/* Both stages of an access in a virtual machine: permissions, A and D are checked and updated, PMP is checked
 * for the tables only. Returns MMU_OK, with the size of the first stage's page, which a fence of any of its
 * addresses forgets as a whole; or the exception; of a guest-page fault hart->hyper.fault_* then tell more.
 */
int gstage_translate(struct hart *hart, const struct regime *regime, uint64_t vaddr, enum mmu_access access,
                     uint64_t *paddr, uint64_t *page_size);

/* Whether an entry of the first stage may be written, to set A or D for that access. */
int gstage_may_mark(struct hart *hart, const struct regime *regime, uint64_t pte_gpa, enum mmu_access access);

/* Looks where both stages lead, for monitors: without permissions, and without a change. */
void gstage_walk(struct hart *hart, const struct regime *regime, uint64_t vaddr, struct walk *walk);
/* The same for the second stage alone. False: it leads nowhere. */
bool gstage_look(struct hart *hart, uint64_t gpa, uint64_t *paddr);

#endif
