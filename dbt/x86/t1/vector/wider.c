/* SPDX-License-Identifier: MIT
 *
 * Integers of a width for which the host lacks the operation: they are extended to twice
 * their width, or to 32 bits, and the results are cut. This file has products of bytes, upper halves of
 * products, shifts of bytes by counts of their own, rotations of bytes and of words of 16 bits, and
 * their leading zeros.
 *
 * A piece, w, is one of the wide elements.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Begins an instruction: *w = pieces of elements that are 1 << `up` times as wide, and T1V_SCALAR = rs1,
 * extended, or the immediate, in each. */
static bool begin(struct t1 *t, unsigned up, enum t1v_source source, bool sign, struct pieces *w)
{
    struct pieces p;
    if (!t1v_operands_fit(t, source, &p) || p.log2 + up > 3 || (!t->dbt->host.avx512 && up > 1))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    *w = t1v_wider_of(t, p, up);
    if (source == T1V_SCALAR_X) {
        t1v_take_scalar_extended(t, *w, T1V_SCALAR, sign);
    } else if (source == T1V_IMMEDIATE) {
        t1v_take_scalar(t, *w, source);
    }
    return true;
}

/* ---- Products ------------------------------------------------------------------------------------------ */

bool t1v_wider_product(struct t1 *t, enum t1v_source source, bool sign_2, bool sign_1, bool high)
{
    struct pieces w;
    if (t->vector.sew == 3 || !t1v_op_is(t, t1v_product(t->vector.sew + 1u, sign_2, sign_1)) ||
        !begin(t, 1, source, sign_1, &w))
        return false;
    struct pieces all = t1v_whole(w);
    if (high) {
        x86_mov_imm(&t->e, X86_RAX, 4 << w.log2);
        t1v_take_count(t, T1V_COUNTS);
    }
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, sign_2, i);
        unsigned other = t1v_source_extended(t, w, T1V_OPERAND + 1, source, sign_1, i);
        t1v_op(t, t1v_product(w.log2, sign_2, sign_1), all, T1V_OPERAND, T1V_OPERAND, other);
        if (high)
            t1v_op(t, X86_E_SHR + w.log2, all, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}

bool t1v_wider_multiply_add(struct t1 *t, enum t1v_source source, bool times_d, bool subtract)
{
    struct pieces w;
    unsigned factor = times_d ? OP.rd : OP.rs2, summand = times_d ? OP.rs2 : OP.rd;
    if (!begin(t, 1, source, false, &w))
        return false;
    struct pieces all = t1v_whole(w);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, w, T1V_OPERAND, factor, false, i);
        unsigned other = t1v_source_extended(t, w, T1V_OPERAND + 1, source, false, i);
        t1v_op(t, X86_E_MUL + w.log2, all, T1V_OPERAND, T1V_OPERAND, other);
        t1v_load_extended(t, w, T1V_TEMP, summand, false, i);
        t1v_op(t, (subtract ? X86_E_SUB : X86_E_ADD) + w.log2, all, T1V_TEMP, T1V_TEMP, T1V_OPERAND);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_TEMP, X86_CUT);
    }
    return t1v_end(t);
}

/* ---- Shifts -------------------------------------------------------------------------------------------- */

/* T1V_CONST = the bits that count in the count of a shift of an element of SEW. */
static void take_count_mask(struct t1 *t, struct pieces w)
{
    t1v_spread_constant(t, w, T1V_CONST, (8 << t->vector.sew) - 1);
}

bool t1v_wider_shift_each(struct t1 *t, unsigned first)
{
    struct pieces w;
    if (!t1v_op_is(t, first + t->vector.sew + 1) || !begin(t, 1, T1V_VECTOR, false, &w))
        return false;
    struct pieces all = t1v_whole(w);
    take_count_mask(t, w);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, first == X86_E_SARV, i);
        t1v_load_extended(t, w, T1V_COUNTS, OP.rs1, false, i);
        t1v_op(t, X86_E_AND, all, T1V_COUNTS, T1V_COUNTS, T1V_CONST);
        t1v_op(t, first + w.log2, all, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}

/* The element is put twice, side by side, into one of twice its width, which is shifted right: by the count,
 * or, to rotate left, by the element's width less the count. */
bool t1v_wider_rotate(struct t1 *t, enum t1v_source source, bool left)
{
    struct pieces w;
    if (!t1v_op_is(t, X86_E_SHRV + t->vector.sew + 1) || !begin(t, 1, source, false, &w))
        return false;
    struct pieces all = t1v_whole(w);
    take_count_mask(t, w);
    x86_mov_imm(&t->e, X86_RAX, 4 << w.log2);
    t1v_take_count(t, T1V_COUNTS);
    t1v_op(t, X86_E_XOR, all, 0, 0, 0);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, false, i);
        unsigned count = t1v_source_extended(t, w, T1V_OPERAND + 1, source, false, i);
        if (left) {
            t1v_op(t, X86_E_SUB + w.log2, all, T1V_OPERAND + 1, 0, count);
            count = T1V_OPERAND + 1;
        }
        t1v_op(t, X86_E_AND, all, T1V_OPERAND + 1, count, T1V_CONST);
        t1v_op(t, X86_E_SHL + w.log2, all, T1V_TEMP, T1V_OPERAND, T1V_COUNTS);
        t1v_op(t, X86_E_OR, all, T1V_OPERAND, T1V_OPERAND, T1V_TEMP);
        t1v_op(t, X86_E_SHRV + w.log2, all, T1V_OPERAND, T1V_OPERAND, T1V_OPERAND + 1);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}

/* ---- Leading zeros ------------------------------------------------------------------------------------- */

bool t1v_wider_leading_zeros(struct t1 *t)
{
    struct pieces w;
    if (!t->dbt->host.avx512_bits || !begin(t, 2u - t->vector.sew, T1V_NOTHING, false, &w))
        return false;
    struct pieces all = t1v_whole(w);
    t1v_spread_constant(t, w, T1V_CONST, 32 - (8 << t->vector.sew));
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, false, i);
        t1v_unary(t, X86_E_LZCNT_32, all, T1V_OPERAND, T1V_OPERAND);
        t1v_op(t, X86_E_SUB_32, all, T1V_OPERAND, T1V_OPERAND, T1V_CONST);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}
