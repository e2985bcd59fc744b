/* SPDX-License-Identifier: MIT
 *
 * Fixed point on hosts with AVX2 only: sums of 8 and 16 bits that saturate, and the last step of clips. An
 * element has saturated if its result is another one than without that; vxsat is set once for each
 * instruction.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* All ones in some bits of elements that have saturated. fixed.c has this register for shifts by vs1 only. */
enum { SEEN = 5 };

void t1v_begin_saturating_on_avx2(struct t1 *t)
{
    x86_vpacked(&t->e, X86_VXOR_8, 32, SEEN, SEEN, SEEN);
}

/* Adds the active elements in which two registers differ. */
static void note_difference(struct t1 *t, struct pieces p, unsigned a, unsigned b)
{
    struct x86_emit *e = &t->e;
    x86_vpacked(e, X86_VXOR_8, p.bytes, T1V_MOVED, a, b);
    if (p.k.mask)
        x86_vpacked(e, X86_VAND_8, p.bytes, T1V_MOVED, T1V_MOVED, T1V_LIVE);
    x86_vpacked(e, X86_VOR_8, p.bytes, SEEN, SEEN, T1V_MOVED);
}

bool t1v_end_saturating_on_avx2(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_vpacked(e, X86_VXOR_8, 32, T1V_TEMP, T1V_TEMP, T1V_TEMP);
    x86_vequal(e, 0, 32, T1V_TEMP, T1V_TEMP, SEEN);
    x86_vsigns(e, 0, 32, X86_RAX, T1V_TEMP);
    x86_op_imm(e, X86_CMP, 32, X86_RAX, -1);
    uint8_t *none = x86_jcc(e, X86_E);
    x86_mov_imm(e, X86_RAX, 1);
    x86_store(e, 8, HART_MEM(vector.vxsat), X86_RAX);
    x86_land(e, none);
    return t1v_end(t);
}

bool t1v_saturating_on_avx2(struct t1 *t, unsigned first, unsigned plain, enum t1v_source source)
{
    struct pieces p;
    if (!t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, source);
    t1v_begin_saturating_on_avx2(t);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        x86_vpacked(&t->e, plain + p.log2, p.bytes, T1V_TEMP, T1V_OPERAND, other);
        x86_vpacked(&t->e, first + p.log2, p.bytes, 0, T1V_OPERAND, other);
        note_difference(t, p, 0, T1V_TEMP);
        t1v_put(t, p, i, 0);
    }
    return t1v_end_saturating_on_avx2(t);
}

void t1v_put_clipped_on_avx2(struct t1 *t, struct pieces w, unsigned number, unsigned reg, unsigned least,
                             unsigned most)
{
    struct x86_emit *e = &t->e;
    bool sign = least != reg;
    t1v_make_mask(t, w, number);
    if (sign)
        x86_vpacked(e, X86_VMAX_8 + w.log2, w.bytes, T1V_TEMP, reg, least);
    x86_vpacked(e, (sign ? X86_VMIN_8 : X86_VMINU_8) + w.log2, w.bytes, T1V_TEMP, sign ? T1V_TEMP : reg,
                most);
    note_difference(t, w, T1V_TEMP, reg);
    t1v_put_halves(t, w, number, T1V_TEMP);
}
