/* SPDX-License-Identifier: MIT
 *
 * Results of twice the sources' width, and of half: "Vector Widening Integer Add/Subtract", multiplications,
 * "Vector Narrowing Integer Right Shift Instructions". If groups of different widths overlap, the handler
 * does the instruction, except in the one case of narrowing that compilers use, vd = vs2.
 *
 * A piece is a piece of the wide group; the narrow group's is half as large.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* How an operand becomes wide. */
enum extension { ZERO, SIGN, IS_WIDE };

/* ---- Widening ------------------------------------------------------------------------------------------ */

static bool begin_widening(struct t1 *t, enum t1v_source source, enum extension two, enum extension one,
                           struct pieces *p)
{
    if (!t1v_widening_fits(t, source, two == IS_WIDE, p))
        return false;
    t1v_take_small(t, p);
    t1v_begin(t, true);
    if (source != T1V_VECTOR)
        t1v_take_scalar_extended(t, *p, T1V_SCALAR, one == SIGN);
    return true;
}

/* T1V_OPERAND = vs2's piece. */
static void load_first(struct t1 *t, struct pieces p, enum extension two, unsigned number)
{
    if (two == IS_WIDE)
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, number));
    else
        t1v_load_extended(t, p, T1V_OPERAND, OP.rs2, two == SIGN, number);
}

/* vd = vs2 op vs1; `two` and `one` say how they are extended. */
static bool widening(struct t1 *t, unsigned first, enum t1v_source source, enum extension two,
                     enum extension one)
{
    struct pieces p;
    if (!begin_widening(t, source, two, one, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        load_first(t, p, two, i);
        unsigned other = t1v_source_extended(t, p, T1V_OPERAND + 1, source, one == SIGN, i);
        t1v_op(t, first + p.log2, p, 0, T1V_OPERAND, other);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* vd = vs2 * vs1; with `add`, vd + vs2 * vs1. */
static bool multiply(struct t1 *t, enum t1v_source source, enum extension two, enum extension one, bool add)
{
    struct pieces p;
    unsigned product = t1v_product(t->vector.sew + 1u, two == SIGN, one == SIGN);
    if (!t->vector.known || !t1v_op_is(t, product) || !begin_widening(t, source, two, one, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        load_first(t, p, two, i);
        unsigned other = t1v_source_extended(t, p, T1V_OPERAND + 1, source, one == SIGN, i);
        if (add) {
            t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
            t1v_op(t, product, t1v_whole(p), T1V_OPERAND, T1V_OPERAND, other);
            t1v_op(t, X86_E_ADD + p.log2, p, 0, 0, T1V_OPERAND);
        } else {
            t1v_keep_old(t, p, 0, i);
            t1v_op(t, product, p, 0, T1V_OPERAND, other);
        }
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* ---- Shifts of wide elements --------------------------------------------------------------------------- */

/* Whether the host shifts the wide elements so. */
static bool shift_is(const struct t1 *t, enum t1v_source source, unsigned by_each, unsigned by_one)
{
    return t1v_op_is(t, (source == T1V_VECTOR ? by_each : by_one) + t->vector.sew + 1u);
}

/* Takes the count of all elements; or, if the counts are in vs1, the bits that count in them. */
static void take_counts(struct t1 *t, struct pieces p, enum t1v_source source, unsigned width)
{
    if (source == T1V_VECTOR) {
        t1v_spread_constant(t, p, T1V_SCALAR, width - 1);
    } else {
        t1v_count_to_rax(t, source, width);
        t1v_take_count(t, T1V_COUNTS);
    }
}

/* Shifts T1V_OPERAND. */
static void shift(struct t1 *t, struct pieces p, enum t1v_source source, unsigned by_each, unsigned by_one,
                  unsigned number)
{
    struct pieces all = t1v_whole(p);
    if (source == T1V_VECTOR) {
        t1v_load_extended(t, p, T1V_COUNTS, OP.rs1, false, number);
        t1v_op(t, X86_E_AND + p.log2, all, T1V_COUNTS, T1V_COUNTS, T1V_SCALAR);
        t1v_op(t, by_each + p.log2, all, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
    } else {
        t1v_op(t, by_one + p.log2, all, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
    }
}

/* ---- Narrowing ----------------------------------------------------------------------------------------- */

/* vd = the low halves of vs2's elements, shifted right by vs1, rs1 or the immediate, modulo twice SEW. */
static bool narrowing(struct t1 *t, enum t1v_source source, unsigned by_each, unsigned by_one)
{
    struct pieces p;
    unsigned width = 16u << t->vector.sew;
    if (!t1v_narrowing_fits(t, source, &p) || !shift_is(t, source, by_each, by_one))
        return false;
    if (t1v_vlmax(t) << p.log2 == 8)
        t1v_take_small(t, &p);
    t1v_begin(t, true);
    take_counts(t, p, source, width);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        shift(t, p, source, by_each, by_one, i);
        t1v_make_mask(t, p, i);
        t1v_put_cut(t, p, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}

/* vwsll: vd = vs2, extended, shifted left by vs1, rs1 or the immediate, modulo twice SEW. */
static bool widening_shift(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    unsigned width = 16u << t->vector.sew;
    if (!t1v_widening_fits(t, source, false, &p) || !shift_is(t, source, X86_E_SHLV, X86_E_SHL))
        return false;
    t1v_begin(t, true);
    take_counts(t, p, source, width);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        load_first(t, p, ZERO, i);
        shift(t, p, source, X86_E_SHLV, X86_E_SHL, i);
        t1v_put(t, p, i, T1V_OPERAND);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VWIDEN(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
