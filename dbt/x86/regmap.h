/* SPDX-License-Identifier: MIT
 *
 * Which host register holds what while translated code runs: the same at every block's border.
 */
#ifndef DBT_X86_REGMAP_H
#define DBT_X86_REGMAP_H

#include "cpu/mmu/window.h"
#include "dbt/runtime/state.h"
#include "dbt/x86/emit.h"

/* ---- Register map -------------------------------------------------------------------------------------- */

#define HOST_HART   X86_RBP /* the hart + HART_BIAS, so that x0..x31 have 8-bit displacements */
#define HOST_TLB    X86_R15 /* the TLB + TLB_BIAS */
#define HOST_BUDGET X86_R14
#define HART_BIAS   128
/* The low 16 bits of a TLB's address are 0 (TLB_ALIGN), so the register can have others there: what `bextr`
 * needs to take an entry's number from an address, which is how many bits to take and the first of them. */
#define TLB_BIAS (TLB_INDEX_BITS << 8 | PAGE_SHIFT)

/* Guest registers that live in host registers while translated code runs, the same at every block's border. C
 * functions keep the first three. */
#define DBT_PINNED(X)                                                                                        \
    X(2, X86_RBX)                                                                                            \
    X(8, X86_R12)                                                                                            \
    X(9, X86_R13) X(10, X86_RSI) X(11, X86_RDI) X(12, X86_R8) X(13, X86_R9) X(14, X86_R10) X(15, X86_R11)

/* The same as a table; C functions keep the first DBT_PINNED_KEPT. */
static const struct {
    uint8_t guest, host;
} dbt_pinned_map[] = {
#define X(guest_, host_) { guest_, host_ },
    DBT_PINNED(X)
#undef X
};
#define DBT_PINNED_COUNT (sizeof(dbt_pinned_map) / sizeof(dbt_pinned_map[0]))
#define DBT_PINNED_KEPT  3

/* Host register of a pinned guest register, or X86_NONE. */
static inline enum x86_reg dbt_pinned(unsigned guest)
{
    switch (guest) {
#define X(guest_, host)                                                                                      \
    case guest_: return host;
        DBT_PINNED(X)
#undef X
    default: return X86_NONE;
    }
}

static inline struct x86_mem hart_mem(size_t offset)
{
    return x86_mem(HOST_HART, (int32_t)offset - HART_BIAS);
}
/* A member of struct hart; of struct dbt_hart. */
#define HART_MEM(member) hart_mem(offsetof(struct hart, member))
#define DBT_MEM(member)  hart_mem(DBT_HART_OFFSET(member))

/* An operand in the window beside the TLB (cpu/mmu/window.h), in code of a kind TLB_KIND_*: guest address
 * `base` + disp. */
static inline struct x86_mem window_mem(unsigned kind, enum x86_reg base, int32_t disp)
{
    int32_t offset = (int32_t)(kind == TLB_KIND_HIGH ? WINDOW_HIGH_OFFSET : WINDOW_LOW_OFFSET);
    return x86_mem_index(HOST_TLB, base, disp + offset - TLB_BIAS);
}

/* An operand in the hart's TLB: entry `index` of the array at `offset`, whose entries have 8 bytes, or 1
 * byte. */
static inline struct x86_mem tlb_array(enum x86_reg index, size_t offset)
{
    return x86_mem_scaled(HOST_TLB, index, 3, (int32_t)offset - TLB_BIAS);
}
static inline struct x86_mem tlb_bytes(enum x86_reg index, size_t offset)
{
    return x86_mem_index(HOST_TLB, index, (int32_t)offset - TLB_BIAS);
}

#endif
