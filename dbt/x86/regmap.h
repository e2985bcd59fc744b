/* SPDX-License-Identifier: MIT
 *
 * Which host register holds what while translated code runs: the same at every block's border.
 */
#ifndef DBT_X86_REGMAP_H
#define DBT_X86_REGMAP_H

#include "dbt/runtime/state.h"
#include "dbt/x86/emit.h"

/* ---- Register map -------------------------------------------------------------------------------------- */

#define HOST_HART   X86_RBP /* the hart + HART_BIAS, so that x0..x31 have 8-bit displacements */
#define HOST_TLB    X86_R15 /* the TLB + TLB_BIAS */
#define HOST_BUDGET X86_R14
#define HART_BIAS   128
/* A TLB's address has no low 16 bits (TLB_ALIGN), so these are the register's: what `bextr` takes to get an
 * entry's number from an address, that many bits from that one on. */
#define TLB_BIAS (TLB_INDEX_BITS << 8 | PAGE_SHIFT)

/* Guest registers that live in host registers while translated code runs, the same at every block's border.
 * The first three are saved by C functions. */
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

/* In the hart's TLB, at an offset, and at entry `index` of an array there of 8-byte entries, or 1-byte
 * ones. */
static inline struct x86_mem tlb_array(enum x86_reg index, size_t offset)
{
    return x86_mem_scaled(HOST_TLB, index, 3, (int32_t)offset - TLB_BIAS);
}
static inline struct x86_mem tlb_bytes(enum x86_reg index, size_t offset)
{
    return x86_mem_index(HOST_TLB, index, (int32_t)offset - TLB_BIAS);
}

#endif
