/* SPDX-License-Identifier: MIT
 *
 * Division and remainder ("Vector Integer Divide Instructions"), on AVX-512, by the host's division of
 * floating point. If numbers have 64 bits, the handler takes over unless all of them fit in 53.
 *
 * The result is exact. Singles hold all integers of 16 bits, doubles those of 32 and of 53, and so the
 * integer part of every quotient, too: the quotient, rounded toward zero, is never less than that part. No
 * flag is raised, and MXCSR's rounding does not matter.
 *
 * Division by zero gives ones; the remainder a - q * b is then a, whatever q is. The least number divided
 * by -1 is 2^(SEW - 1), which the host's wider integer holds; cut to SEW, it is the least number again, and
 * the remainder is 0.
 *
 * A piece, w, is one of the numbers in floating point: singles for 8 and 16 bits, doubles for 32 and 64.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

enum { ZERO = 1, ONES, DIVIDEND, DIVISOR, QUOTIENT, TO, BY };

/* Returns the same pieces as integers, in which dividends, divisors and results are kept; they
 * have at least 32 bits. */
static struct pieces integers_of(const struct t1 *t, struct pieces w)
{
    struct pieces d = t->vector.sew == 2 ? t1v_narrow_of(w) : w;
    return t1v_whole(d);
}

/* `to` = integers as singles, or as doubles. Integers of less than 32 bits have been extended before. */
static void to_float(struct t1 *t, struct pieces w, unsigned to, unsigned from, bool sign)
{
    if (t->vector.sew == 2)
        t1v_unary(t, sign ? X86_E_X_TO_WF_32 : X86_E_XU_TO_WF_32, t1v_whole(w), to, from);
    else
        t1v_unary(t, X86_E_X_TO_F + w.log2, t1v_whole(w), to, from);
}

/* QUOTIENT = the integer part of TO / BY, or ones if the divisor is 0. */
static void divide_piece(struct t1 *t, struct pieces w)
{
    struct x86_emit *e = &t->e;
    struct pieces d = integers_of(t, w), chosen = d;
    x86_epacked_quiet(e, X86_E_FDIV + w.log2, true, REG(TO), REG(TO), REG(BY));
    x86_epacked_quiet(e, X86_E_FT_TO_X + w.log2, false, REG(QUOTIENT), 0, REG(TO));
    if (t->vector.sew == 2)
        x86_ecut(e, X86_CUT, 3, 2, t1v_all(w), REG(QUOTIENT), REG(QUOTIENT));
    x86_ecompare(e, d.log2, false, X86_P_EQ, d.k, T1V_SEEN, REG(DIVISOR), REG(ZERO));
    chosen.k.mask = T1V_SEEN;
    t1v_unary(t, X86_E_LOAD + d.log2, chosen, QUOTIENT, ONES);
}

/* For 64 bits: the handler takes over if an operand, even one of an element that is not active, has
 * more than 53 bits. */
static void look_at_size(struct t1 *t, struct pieces w, enum t1v_source source, bool sign)
{
    struct x86_emit *e = &t->e;
    struct pieces all = t1v_whole(w);
    t1v_spread_constant(t, all, TO, sign ? INT64_C(1) << 52 : 0);
    if (source == T1V_VECTOR)
        t1v_op(t, X86_E_XOR, all, QUOTIENT, QUOTIENT, QUOTIENT);
    else
        t1v_op(t, X86_E_ADD_64, all, QUOTIENT, DIVISOR, TO);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_op_mem(t, X86_E_ADD_64, all, DIVIDEND, TO, t1v_mem(t, OP.rs2, w, i));
        t1v_op(t, X86_E_OR, all, QUOTIENT, QUOTIENT, DIVIDEND);
        if (source == T1V_VECTOR) {
            t1v_op_mem(t, X86_E_ADD_64, all, DIVIDEND, TO, t1v_mem(t, OP.rs1, w, i));
            t1v_op(t, X86_E_OR, all, QUOTIENT, QUOTIENT, DIVIDEND);
        }
    }
    t1v_spread_constant(t, all, TO, (INT64_C(1) << 53) - 1);
    x86_ecompare(e, 3, false, X86_P_GT, all.k, T1V_SEEN, REG(QUOTIENT), REG(TO));
    x86_ktest(e, T1V_SEEN, T1V_SEEN);
    t1_fp_handler_if(t, x86_jcc(e, X86_NE));
}

static bool divide(struct t1 *t, enum t1v_source source, bool sign, bool remainder)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    struct pieces w = t1v_wider_of(t, p,
                                   p.log2 == 2   ? 1
                                   : p.log2 == 3 ? 0
                                                 : 2 - p.log2),
                  d = integers_of(t, w), result = d;
    result.k.mask = w.k.mask;
    t1v_spread_constant(t, d, ONES, -1);
    t1v_op(t, X86_E_XOR, d, ZERO, ZERO, ZERO);
    if (source != T1V_VECTOR)
        t1v_take_scalar_extended(t, d, DIVISOR, sign);
    if (p.log2 == 3)
        look_at_size(t, w, source, sign); /* before the conversion, which would be inexact */
    if (source != T1V_VECTOR)
        to_float(t, w, BY, DIVISOR, sign);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load_extended(t, d, DIVIDEND, OP.rs2, sign, i);
        to_float(t, w, TO, DIVIDEND, sign);
        if (source == T1V_VECTOR) {
            t1v_load_extended(t, d, DIVISOR, OP.rs1, sign, i);
            to_float(t, w, BY, DIVISOR, sign);
        }
        divide_piece(t, w);
        if (remainder) {
            t1v_op(t, X86_E_MUL + d.log2, d, QUOTIENT, QUOTIENT, DIVISOR);
            t1v_op(t, X86_E_SUB + d.log2, d, QUOTIENT, DIVIDEND, QUOTIENT);
        }
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, result, i, QUOTIENT, X86_CUT);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VDIVIDE(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
