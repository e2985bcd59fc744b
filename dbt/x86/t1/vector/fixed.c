/* SPDX-License-Identifier: MIT
 *
 * Fixed point ("Vector Fixed-Point Arithmetic Instructions"). A block that rounds is made for one
 * value of vxrm (config.c). vxsat is set, once for each instruction, if an active element did not fit.
 *
 * To round is to shift v right by d. To nearest, bit d - 1 of v is added. If d is 0, nothing is lost: the
 * host's shift by -1, which finds that bit, leaves 0. Shifted left by width - d, v has only the bits that are
 * lost. If any of them is 1, rounding to odd sets the last bit. If only the first of them is 1, v lies in the
 * middle between two results, and rounding to even clears the last bit.
 *
 * The host does not shift bytes, and multiplies elements of some widths only. Other elements are extended to
 * twice their width, and their results are cut, as the result of a clip is.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

enum vxrm { NEAREST_UP, NEAREST_EVEN, DOWN, TO_ODD };

/* Registers besides those of vector.h: counts of shifts, and constants in each element. */
enum { BEFORE = 1, LEFT, ONE, EDGE, WIDTH, LIMIT, BIAS };

static enum vxrm rounding(const struct t1 *t)
{
    return (enum vxrm)t->block->vxrm;
}

static int64_t bit(unsigned number)
{
    return (int64_t)(UINT64_C(1) << number);
}

static int64_t bits_below(unsigned number)
{
    return (int64_t)((UINT64_C(1) << number) - 1);
}

/* ---- vxsat --------------------------------------------------------------------------------------------- */

static bool end_saturating(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_ktest(e, T1V_FOUND, T1V_FOUND);
    uint8_t *none = x86_jcc(e, X86_E);
    x86_mov_imm(e, X86_RAX, 1);
    x86_store(e, 8, HART_MEM(vector.vxsat), X86_RAX);
    x86_land(e, none);
    return t1v_end(t);
}

/* ---- Sums that saturate -------------------------------------------------------------------------------- */

/* For 32 and 64 bits: computes the sum that wraps, and replaces it by the limit if it is wrong. */
static bool saturating_long(struct t1 *t, bool sign, bool subtract, enum t1v_source source)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, source);
    unsigned width = 8u << p.log2;
    struct pieces all = t1v_whole(p), chosen = p;
    t1v_spread_constant(t, p, EDGE, sign ? bits_below(width - 1) : -!subtract);
    x86_mov_imm(e, X86_RAX, width - 1);
    t1v_take_count(t, T1V_COUNTS);
    for (unsigned i = 0; i < p.count; i++) {
        unsigned seen = t1v_seen_by(i), a = T1V_OPERAND, b, limit = EDGE;
        chosen.k.mask = (uint8_t)seen;
        t1v_make_mask(t, p, i);
        t1v_load(t, p, a, t1v_mem(t, OP.rs2, p, i));
        b = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        t1v_op(t, (subtract ? X86_E_SUB : X86_E_ADD) + p.log2, all, 0, a, b);
        if (sign) {
            t1v_unary(t, X86_E_LOAD + p.log2, all, T1V_TEMP, 0);
            /* It is wrong if the sum's sign differs from both operands', or if the difference's and
             * b's differ from a's. */
            x86_eternary(e, subtract ? 0x24 : 0x18, all.k, REG(T1V_TEMP), REG(a), REG(b));
            t1v_op(t, X86_E_XOR, all, LIMIT, LIMIT, LIMIT);
            x86_ecompare(e, p.log2, true, X86_P_LT, p.k, seen, REG(T1V_TEMP), REG(LIMIT));
            t1v_op(t, X86_E_SAR + p.log2, all, LIMIT, a, T1V_COUNTS);
            t1v_op(t, X86_E_XOR, all, LIMIT, LIMIT, EDGE);
            limit = LIMIT;
        } else {
            x86_ecompare(e, p.log2, false, X86_P_LT, p.k, seen, REG(subtract ? a : 0), REG(subtract ? b : a));
        }
        t1v_unary(t, X86_E_LOAD + p.log2, chosen, 0, limit);
        t1v_note_seen(t, i);
        t1v_put(t, p, i, 0);
    }
    return end_saturating(t);
}

/* vd = vs2 op vs1, saturated. An element has saturated if the result of `plain` is another one. */
static bool saturating(struct t1 *t, unsigned first, unsigned plain, enum t1v_source source)
{
    struct pieces p;
    if (t->vector.known && t->vector.sew >= 2)
        return saturating_long(t, first == X86_E_ADDS || first == X86_E_SUBS, plain == X86_E_SUB, source);
    if (!t->dbt->host.avx512)
        return t->vector.known && t1v_saturating_on_avx2(t, first, plain, source);
    if (!t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        t1v_op(t, plain + p.log2, t1v_whole(p), T1V_TEMP, T1V_OPERAND, other);
        t1v_op(t, first + p.log2, t1v_whole(p), 0, T1V_OPERAND, other);
        x86_ecompare(&t->e, p.log2, false, X86_P_NE, p.k, t1v_seen_by(i), REG(0), REG(T1V_TEMP));
        t1v_note_seen(t, i);
        t1v_put(t, p, i, 0);
    }
    return end_saturating(t);
}

/* ---- Averages ------------------------------------------------------------------------------------------ */

/* Shifts T1V_TEMP, which is vs2 ^ vs1, right by one. Bytes are shifted as words of 16 bits; the bit that a
 * byte got from its neighbour is cut off, and its sign is extended. */
static void halve(struct t1 *t, struct pieces all, bool sign)
{
    if (all.log2) {
        t1v_op(t, (sign ? X86_E_SAR : X86_E_SHR) + all.log2, all, T1V_TEMP, T1V_TEMP, T1V_COUNTS);
        return;
    }
    t1v_op(t, X86_E_SHR_16, all, T1V_TEMP, T1V_TEMP, T1V_COUNTS);
    t1v_op(t, X86_E_AND, all, T1V_TEMP, T1V_TEMP, LIMIT);
    if (sign) {
        t1v_op(t, X86_E_XOR, all, T1V_TEMP, T1V_TEMP, BIAS);
        t1v_op(t, X86_E_SUB, all, T1V_TEMP, T1V_TEMP, BIAS);
    }
}

/* Rounds register 0, half of the sum or the difference. LEFT has the bit that was lost. */
static void round_average(struct t1 *t, struct pieces all)
{
    switch (rounding(t)) {
    case NEAREST_EVEN: t1v_op(t, X86_E_AND, all, LEFT, LEFT, 0); /* fall through */
    case NEAREST_UP: t1v_op(t, X86_E_ADD + all.log2, all, 0, 0, LEFT); break;
    case TO_ODD: t1v_op(t, X86_E_OR, all, 0, 0, LEFT); break;
    case DOWN: break;
    }
}

/* a + b is (a ^ b) + 2 * (a & b), a - b is (a ^ b) - 2 * (~a & b). */
static void average_piece(struct t1 *t, struct pieces p, unsigned a, unsigned b, bool sign, bool subtract)
{
    struct pieces all = t1v_whole(p);
    t1v_op(t, X86_E_XOR, all, T1V_TEMP, a, b);
    t1v_op(t, subtract ? X86_E_ANDN : X86_E_AND, all, 0, a, b);
    t1v_op(t, X86_E_AND, all, LEFT, T1V_TEMP, ONE);
    halve(t, all, sign);
    t1v_op(t, (subtract ? X86_E_SUB : X86_E_ADD) + p.log2, all, 0, T1V_TEMP, 0);
    round_average(t, all);
}

static void take_average_constants(struct t1 *t, struct pieces p)
{
    t1v_spread_constant(t, p, ONE, 1);
    t1v_take_count(t, T1V_COUNTS);
    if (p.log2)
        return;
    t1v_spread_constant(t, p, LIMIT, 0x7f);
    t1v_spread_constant(t, p, BIAS, 0x40);
}

/* vd = (vs2 +- vs1) / 2. */
static bool average(struct t1 *t, enum t1v_source source, bool sign, bool subtract)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    bool by_host = !sign && !subtract && p.log2 < 2 && rounding(t) == NEAREST_UP;
    t1v_begin_with(t, p, source);
    if (!by_host)
        take_average_constants(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        if (by_host)
            t1v_op(t, X86_E_AVG + p.log2, t1v_whole(p), 0, T1V_OPERAND, other);
        else
            average_piece(t, p, T1V_OPERAND, other, sign, subtract);
        t1v_put(t, p, i, 0);
    }
    return t1v_end(t);
}

/* ---- Shifts that round --------------------------------------------------------------------------------- */

/* Takes the counts for shifts of elements of w, all by the count in rax. */
static void take_counts(struct t1 *t, struct pieces w)
{
    struct x86_emit *e = &t->e;
    int32_t width = 8 << w.log2;
    t1v_take_count(t, T1V_COUNTS);
    x86_neg(e, 64, X86_RAX);
    x86_op_imm(e, X86_ADD, 64, X86_RAX, width);
    t1v_take_count(t, LEFT);
    x86_neg(e, 64, X86_RAX);
    x86_op_imm(e, X86_ADD, 64, X86_RAX, width - 1);
    t1v_take_count(t, BEFORE);
}

static void take_constants(struct t1 *t, struct pieces w)
{
    t1v_spread_constant(t, w, ONE, 1);
    t1v_spread_constant(t, w, EDGE, rounding(t) == NEAREST_EVEN ? bit((8u << w.log2) - 1) : 0);
}

/* Begins shifts of elements of w, by vs1, modulo `modulus`, or all by one count. */
static void begin_shift(struct t1 *t, struct pieces w, enum t1v_source source, unsigned modulus)
{
    if (source != T1V_VECTOR) {
        t1v_count_to_rax(t, source, modulus);
        take_counts(t, w);
    } else {
        t1v_spread_constant(t, w, T1V_SCALAR, modulus - 1);
        t1v_spread_constant(t, w, WIDTH, 8 << w.log2);
    }
    take_constants(t, w);
}

/* Takes the counts of a piece, if they are in vs1. */
static void take_counts_of(struct t1 *t, struct pieces w, enum t1v_source source, unsigned number)
{
    struct pieces all = t1v_whole(w);
    if (source != T1V_VECTOR)
        return;
    t1v_load_extended(t, w, T1V_COUNTS, OP.rs1, false, number);
    t1v_op(t, X86_E_AND, all, T1V_COUNTS, T1V_COUNTS, T1V_SCALAR);
    t1v_op(t, X86_E_SUB + w.log2, all, BEFORE, T1V_COUNTS, ONE);
    t1v_op(t, X86_E_SUB + w.log2, all, LEFT, WIDTH, T1V_COUNTS);
}

/* reg = reg shifted right, rounded. `each`: every element has a count of its own. */
static void round_shift(struct t1 *t, struct pieces w, unsigned reg, bool each, bool sign)
{
    enum vxrm vxrm = rounding(t);
    bool nearest = vxrm == NEAREST_UP || vxrm == NEAREST_EVEN;
    unsigned log2 = w.log2, right = (each ? X86_E_SHRV : X86_E_SHR) + log2;
    struct pieces all = t1v_whole(w), chosen = all;
    chosen.k.mask = T1V_SEEN;
    if (vxrm == NEAREST_EVEN || vxrm == TO_ODD) {
        t1v_op(t, (each ? X86_E_SHLV : X86_E_SHL) + log2, all, T1V_TEMP, reg, LEFT);
        x86_ecompare(&t->e, log2, false, vxrm == TO_ODD ? X86_P_NE : X86_P_EQ, all.k, T1V_SEEN, REG(T1V_TEMP),
                     REG(EDGE));
    }
    if (nearest) {
        t1v_op(t, right, all, T1V_TEMP, reg, BEFORE);
        t1v_op(t, X86_E_AND, all, T1V_TEMP, T1V_TEMP, ONE);
    }
    if (sign)
        right = (each ? X86_E_SARV : X86_E_SAR) + log2;
    t1v_op(t, right, all, reg, reg, T1V_COUNTS);
    if (nearest)
        t1v_op(t, X86_E_ADD + log2, all, reg, reg, T1V_TEMP);
    if (vxrm == NEAREST_EVEN)
        t1v_op(t, X86_E_ANDN + log2, chosen, reg, ONE, reg);
    if (vxrm == TO_ODD)
        t1v_op(t, X86_E_OR + log2, chosen, reg, reg, ONE);
}

/* vssrl, vssra. */
static bool scaling_shift(struct t1 *t, enum t1v_source source, bool sign)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    struct pieces w = t1v_wider_of(t, p, p.log2 == 0);
    begin_shift(t, w, source, 8u << p.log2);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        take_counts_of(t, w, source, i);
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, sign, i);
        round_shift(t, w, T1V_OPERAND, source == T1V_VECTOR, sign);
        t1v_put_cut(t, w, i, T1V_OPERAND, X86_CUT);
    }
    return t1v_end(t);
}

/* ---- Clips --------------------------------------------------------------------------------------------- */

/* Takes the largest number of half the width. Signed numbers are compared with it after 2^(width / 2 - 1) has
 * been added to them. */
static void take_limits(struct t1 *t, struct pieces w, bool sign)
{
    unsigned half = 4u << w.log2;
    t1v_spread_constant(t, w, LIMIT, bits_below(half));
    if (sign)
        t1v_spread_constant(t, w, BIAS, bit(half - 1));
}

/* A piece of vd = the wide elements of `reg`, or, if they do not fit, the nearest number that does. */
static void store_clipped(struct t1 *t, struct pieces w, unsigned number, unsigned reg, bool sign)
{
    unsigned compared = reg;
    if (sign) {
        t1v_op(t, X86_E_ADD + w.log2, t1v_whole(w), T1V_TEMP, reg, BIAS);
        compared = T1V_TEMP;
    }
    x86_ecompare(&t->e, w.log2, false, X86_P_GT, w.k, t1v_seen_by(number), REG(compared), REG(LIMIT));
    t1v_note_seen(t, number);
    t1v_put_cut(t, w, number, reg, sign ? X86_CUT_SIGNED : X86_CUT_UNSIGNED);
}

/* On AVX2: to 8 and 16 bits, by one count, rounded up or down. */
static bool clip_on_avx2(struct t1 *t, enum t1v_source source, bool sign)
{
    struct pieces w;
    if (!t->vector.known || t->vector.sew > 1 || source == T1V_VECTOR || rounding(t) == NEAREST_EVEN ||
        rounding(t) == TO_ODD || !t1v_narrowing_fits(t, source, &w))
        return false;
    t1v_begin_with(t, w, T1V_NOTHING);
    begin_shift(t, w, source, 8u << w.log2);
    t1v_spread_constant(t, w, LIMIT, bits_below((4u << w.log2) - sign));
    t1v_spread_constant(t, w, BIAS, -bit((4u << w.log2) - 1));
    t1v_begin_saturating_on_avx2(t);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_load(t, w, T1V_OPERAND, t1v_mem(t, OP.rs2, w, i));
        round_shift(t, w, T1V_OPERAND, false, sign);
        t1v_put_clipped_on_avx2(t, w, i, T1V_OPERAND, sign ? BIAS : T1V_OPERAND, LIMIT);
    }
    return t1v_end_saturating_on_avx2(t);
}

/* vd = vs2, of twice SEW, shifted right by vs1, rs1 or the immediate, rounded, and saturated. */
static bool clip(struct t1 *t, enum t1v_source source, bool sign)
{
    struct pieces w;
    if (!t->dbt->host.avx512)
        return clip_on_avx2(t, source, sign);
    if (!t1v_narrowing_fits(t, source, &w))
        return false;
    t1v_begin_with(t, w, T1V_NOTHING);
    begin_shift(t, w, source, 8u << w.log2);
    take_limits(t, w, sign);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        take_counts_of(t, w, source, i);
        t1v_load(t, w, T1V_OPERAND, t1v_mem(t, OP.rs2, w, i));
        round_shift(t, w, T1V_OPERAND, source == T1V_VECTOR, sign);
        store_clipped(t, w, i, T1V_OPERAND, sign);
    }
    return end_saturating(t);
}

/* ---- Products of fractions ----------------------------------------------------------------------------- */

/* For 16 bits, rounded to nearest (up), the host has the instruction; only the square of the
 * least number differs. */
static bool fractions_by_host(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, source);
    struct pieces chosen = p;
    t1v_spread_constant(t, p, EDGE, INT16_MIN);
    t1v_spread_constant(t, p, LIMIT, INT16_MAX);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_operate(t, X86_E_MULHRS_16, t1v_whole(p), 0, T1V_OPERAND, source, i);
        chosen.k.mask = (uint8_t)t1v_seen_by(i);
        x86_ecompare(&t->e, p.log2, false, X86_P_EQ, p.k, chosen.k.mask, REG(0), REG(EDGE));
        t1v_unary(t, X86_E_LOAD_16, chosen, 0, LIMIT);
        t1v_note_seen(t, i);
        t1v_put(t, p, i, 0);
    }
    return end_saturating(t);
}

/* vd = vs2 * vs1 / 2^(SEW - 1). Only the square of the least number does not fit. */
static bool fractions(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    if (!t->vector.known || t->vector.sew == 3)
        return false;
    if (t->vector.sew == 1 && rounding(t) == NEAREST_UP)
        return fractions_by_host(t, source);
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    struct pieces w = t1v_wider_of(t, p, 1), all = t1v_whole(w);
    if (source != T1V_VECTOR)
        t1v_take_scalar_extended(t, w, T1V_SCALAR, true);
    x86_mov_imm(&t->e, X86_RAX, (8 << p.log2) - 1);
    take_counts(t, w);
    take_constants(t, w);
    take_limits(t, w, true);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, true, i);
        unsigned other = t1v_source_extended(t, w, T1V_OPERAND + 1, source, true, i);
        t1v_op(t, t1v_product(w.log2, true, true), all, T1V_OPERAND, T1V_OPERAND, other);
        round_shift(t, w, T1V_OPERAND, false, true);
        store_clipped(t, w, i, T1V_OPERAND, true);
    }
    return end_saturating(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VFIXED(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
