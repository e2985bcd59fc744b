/* SPDX-License-Identifier: MIT
 *
 * Pieces of host code that more than one part of the translator writes. Each appends to *e.
 */
#ifndef DBT_X86_FRAGMENTS_H
#define DBT_X86_FRAGMENTS_H

#include "dbt/x86/regmap.h"

/* HOST_TLB = the hart's TLB. */
void emit_load_tlb(struct x86_emit *e);
/* The pinned registers, from the first-th on, to struct hart and back. C functions keep those in front of
 * DBT_PINNED_KEPT. */
void emit_store_pinned(struct x86_emit *e, unsigned first);
void emit_load_pinned(struct x86_emit *e, unsigned first);
/* Around a call of C from a region: the low halves of xmm2 to xmm15, which is all that they have, to the
 * stack and back. */
#define EMIT_XMM_BYTES 112
void emit_save_xmm(const struct dbt *dbt, struct x86_emit *e);
void emit_restore_xmm(const struct dbt *dbt, struct x86_emit *e);
/* The jump to the guest pc in rax, by the table of the address space. The index is TLB_NATIVE_INDEX(),
 * times 16. */
void emit_jump_by_table(struct dbt *dbt, struct x86_emit *e);
/* The same where the offset in the page is known, and rcx is the page. */
void emit_jump_by_table_far(struct dbt *dbt, struct x86_emit *e, unsigned offset);
/* `addend` = that of the page that holds base + low to base + high - 1, by the side of the TLB at offset
 * `side`; rcx and rdx are lost. The returned jump is taken where the TLB does not have it, or where it is two
 * pages; and without `exact`, which takes one more instruction, perhaps where base is in the page before. */
uint8_t *emit_look_up(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, int32_t low, int32_t high,
                      bool exact, size_t side, enum x86_reg addend);
/* to = fflags, those in the hart's copy of MXCSR and those that software raised. */
void emit_fflags(struct x86_emit *e, enum x86_reg to, enum x86_reg scratch);

#endif
