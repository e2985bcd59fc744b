/* SPDX-License-Identifier: MIT
 *
 * Conversions to half the width whose results have less than 32 bits ("Narrowing Floating-Point/Integer
 * Type-Convert Instructions"), on AVX-512: singles to integers of 16 bits, halves to bytes, integers of
 * 32 bits to halves.
 *
 * A number that does not fit is invalid, and not inexact as well. For the host it could be inexact, since its
 * integers have 32 bits. So the numbers are first truncated, without a flag. If one of them is not well
 * inside the range, the handler does the instruction.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* What is added to a number, and how large it may be then: before, and after it is rounded. */
enum { BIAS = 12, LIMIT, BIAS_AFTER, LIMIT_AFTER };

static void take_range(struct t1 *t, struct pieces w, bool sign)
{
    int32_t numbers = 1 << (8 << t->vector.sew);
    t1v_spread_constant(t, w, BIAS, sign ? numbers / 2 - 2 : 0);
    t1v_spread_constant(t, w, LIMIT, sign ? numbers - 4 : numbers - 2);
    t1v_spread_constant(t, w, BIAS_AFTER, sign ? numbers / 2 : 0);
    t1v_spread_constant(t, w, LIMIT_AFTER, numbers - 1);
}

/* Mask register `to` = the elements of `reg` that are out of range. */
static void look_at_range(struct t1 *t, struct pieces w, unsigned to, unsigned reg, unsigned bias)
{
    struct x86_lanes lanes = { w.k.bytes, w.k.mask, false };
    t1v_op(t, X86_E_ADD_32, t1v_whole(w), T1V_TEMP, reg, bias);
    x86_ecompare(&t->e, 2, false, X86_P_GT, lanes, to, REG(T1V_TEMP), REG(bias + 1));
}

/* T1V_OPERAND = vs2's piece as singles. */
static void load(struct t1 *t, struct pieces w, unsigned number)
{
    if (t->vector.sew == 1)
        t1v_load(t, w, T1V_OPERAND, t1v_mem(t, OP.rs2, w, number));
    else
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, number);
}

bool t1v_narrow_to_integers(struct t1 *t, unsigned first, bool sign)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    unsigned sew = t->vector.sew;
    if (!t->dbt->host.avx512 || (sew == 0 && !isa_has(&t->hart->isa, ISA_Zvfh)) ||
        !t1v_narrowing_fits(t, T1V_NOTHING, &p) || t1v_wider_of(t, p, 1 - sew).count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    struct pieces w = t1v_wider_of(t, p, 1 - sew), n = t1v_narrow_of(w);
    if (sew == 0)
        n = t1v_narrow_of(n);
    take_range(t, w, sign);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        load(t, w, i);
        x86_epacked_quiet(e, X86_E_FT_TO_X_32, false, REG(T1V_OPERAND + 1), 0, REG(T1V_OPERAND));
        look_at_range(t, w, T1V_SEEN, T1V_OPERAND + 1, BIAS);
        x86_ktest(e, T1V_SEEN, T1V_SEEN);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        t1v_unary(t, first + 2, w, T1V_OPERAND, T1V_OPERAND);
        look_at_range(t, w, t1v_seen_by(i), T1V_OPERAND, BIAS_AFTER);
        t1v_note_seen(t, i);
        t1v_keep_old_half(t, n, i, i);
        x86_ecut(e, X86_CUT, 2, sew, w.k, REG(i), REG(T1V_OPERAND));
    }
    x86_ktest(e, T1V_FOUND, T1V_FOUND);
    t1_fp_handler_if(t, x86_jcc(e, X86_NE));
    for (unsigned i = 0; i < w.count; i++)
        t1v_store_half(t, n, i, i);
    return t1v_end(t);
}

bool t1v_halves_from_words(struct t1 *t, bool sign)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_has_format(t) || !t1v_narrowing_fits(t, T1V_NOTHING, &p))
        return false;
    t1v_begin_float(t);
    struct pieces w = t1v_wider_of(t, p, 1), words = t1v_narrow_of(w), n = t1v_narrow_of(words);
    t1v_take_lost(t, w);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_unary_mem(t, sign ? X86_E_X_TO_WF_32 : X86_E_XU_TO_WF_32, t1v_whole(w), T1V_OPERAND,
                      t1v_mem(t, OP.rs2, words, i));
        t1v_round_to_odd(t, w);
        t1v_keep_old_half(t, n, 0, i);
        x86_ehalves(&t->e, words.k, REG(0), REG(T1V_OPERAND));
        t1v_store_half(t, n, i, 0);
    }
    return t1v_end(t);
}
