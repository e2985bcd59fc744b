/* SPDX-License-Identifier: MIT
 *
 * Pieces of host code that more than one part of the translator writes. Each appends to *e.
 */
#ifndef DBT_X86_FRAGMENTS_H
#define DBT_X86_FRAGMENTS_H

#include "dbt/x86/regmap.h"

/* HOST_TLB = the hart's TLB. */
void emit_load_tlb(struct x86_emit *e);
/* Store the pinned registers, from the first-th on, to struct hart, and load them. C functions keep the first
 * DBT_PINNED_KEPT. */
void emit_store_pinned(struct x86_emit *e, unsigned first);
void emit_load_pinned(struct x86_emit *e, unsigned first);
/* Around a call of C from a region: save the low halves of xmm2 to xmm15 on the stack, and restore them.
 * Regions keep nothing in the upper halves. */
#define EMIT_XMM_BYTES 112
void emit_save_xmm(const struct dbt *dbt, struct x86_emit *e);
void emit_restore_xmm(const struct dbt *dbt, struct x86_emit *e);
/* The jump to the guest pc in rax, by the table of the address space. The index is TLB_NATIVE_INDEX(),
 * times 16. */
void emit_jump_by_table(struct dbt *dbt, struct x86_emit *e);
/* The same if the offset in the page is known; rcx is the page. */
void emit_jump_by_table_far(struct dbt *dbt, struct x86_emit *e, unsigned offset);
/* `addend` = that of the page that holds base + low to base + high - 1, from the side of the TLB at offset
 * `side`; rcx and rdx are lost. The returned jump is taken if the TLB does not have the page, or if there are
 * two pages. Without `exact`, which takes one more instruction, it may also be taken if base is in the page
 * before. */
uint8_t *emit_look_up(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, int32_t low, int32_t high,
                      bool exact, size_t side, enum x86_reg addend);
/* The same for an access from `base` to the byte whose address is in rcx, less than a page behind. */
uint8_t *emit_look_up_to(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, size_t side,
                         enum x86_reg addend);
/* RV64: compares a guest address with the bounds of windows of a kind TLB_KIND_*; the returned jump is taken
 * if it is in the other half, or not canonical. */
uint8_t *emit_compare_bounds(struct x86_emit *e, unsigned kind, enum x86_reg address);
/* to = fflags: the flags in the hart's copy of MXCSR, and those that software raised. */
void emit_fflags(struct x86_emit *e, enum x86_reg to, enum x86_reg scratch);

#endif
