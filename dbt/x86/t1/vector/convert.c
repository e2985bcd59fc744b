/* SPDX-License-Identifier: MIT
 *
 * Conversions between formats, and between integers and formats of their width; floating point whose result
 * is twice as wide as its sources ("Vector Floating-Point/Integer Type-Convert Instructions", and the
 * widening ones). They are for AVX-512, which has all of them, with masks. As in float.c, nothing is stored
 * before all results are computed, and the handler does the instruction again if one of them may not be
 * RISC-V's: a NaN, or the host's result for a number that does not fit.
 *
 * A piece is a piece of the wider group.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Results that the handler must check. */
enum doubt { NONE, NANS, LOWEST, HIGHEST };

/* ---- Doubt --------------------------------------------------------------------------------------------- */

/* Where the doubtful number is: on AVX2, T1V_CONST has another one. */
static unsigned doubtful(const struct t1 *t)
{
    return t->dbt->host.avx512 ? T1V_CONST : T1V_SCALAR;
}

static void take_doubt(struct t1 *t, struct pieces p, enum doubt doubt)
{
    if (doubt != LOWEST && doubt != HIGHEST)
        return;
    t1v_spread_constant(t, p, doubtful(t), doubt == HIGHEST ? -1 : INT64_MIN >> (p.log2 == 3 ? 0 : 32));
}

/* If an element of a result is in doubt, the handler takes over. T1V_ACTIVE must still be the
 * mask of that piece. */
static void look_at_result(struct t1 *t, struct pieces p, unsigned result, enum doubt doubt)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes lanes = { p.k.bytes, p.k.mask, false };
    if (doubt == NONE)
        return;
    if (!t->dbt->host.avx512) {
        if (doubt == NANS)
            x86_vnan_packed(e, 8u << p.log2, p.bytes, T1V_TEMP, result);
        else
            x86_vequal(e, p.log2, p.bytes, T1V_TEMP, result, doubtful(t));
        x86_vsigns(e, 2, p.bytes, X86_RAX, T1V_TEMP);
        x86_test(e, 32, X86_RAX, X86_RAX);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        return;
    }
    if (doubt == NANS)
        x86_ecompare_float(e, p.log2, X86_FP_UNORDERED, lanes, T1V_SEEN, REG(result), REG(result));
    else
        x86_ecompare(e, p.log2, true, X86_P_EQ, lanes, T1V_SEEN, REG(result), REG(T1V_CONST));
    x86_ktest(e, T1V_SEEN, T1V_SEEN);
    t1_fp_handler_if(t, x86_jcc(e, X86_NE));
}

static bool store_all(struct t1 *t, struct pieces p)
{
    for (unsigned i = 0; i < p.count; i++) {
        t1v_store_half(t, p, i, i);
    }
    return t1v_end(t);
}

/* On AVX2: the active elements of vd's piece are the register's, and the others stay. */
static void keep_others(struct t1 *t, struct pieces p, unsigned number)
{
    if (!p.k.mask)
        return;
    t1v_load(t, p, T1V_MOVED, t1v_mem(t, OP.rd, p, number));
    x86_vblend(&t->e, p.bytes, number, T1V_MOVED, number, T1V_LIVE);
}

/* On AVX2: vd's piece = vs2's, converted. */
static void convert_piece(struct t1 *t, unsigned op, struct pieces p, unsigned number, enum doubt doubt)
{
    t1v_make_mask(t, p, number);
    t1v_load(t, p, number, t1v_mem(t, OP.rs2, p, number));
    t1v_calm(t, p, number, number);
    x86_vpacked(&t->e, op, p.bytes, number, 0, number);
    look_at_result(t, p, number, doubt);
    keep_others(t, p, number);
}

static void load_narrow(struct t1 *t, struct pieces half, unsigned to, struct x86_mem from)
{
    if (half.bytes < 16)
        x86_vload(&t->e, 64, to, from);
    else
        x86_vload_packed(&t->e, half.bytes, to, from);
}

/* On AVX2: the same if the sources have half the width. */
static void widen_piece(struct t1 *t, unsigned op, struct pieces p, unsigned number, enum doubt doubt)
{
    struct pieces half = t1v_narrow_of(p);
    load_narrow(t, half, T1V_OPERAND, t1v_mem(t, OP.rs2, half, number));
    t1v_make_mask(t, half, number);
    if (p.k.mask)
        x86_vblend(&t->e, 16, T1V_OPERAND, T1V_CONST, T1V_OPERAND, T1V_LIVE);
    x86_vpacked(&t->e, op, p.bytes, number, 0, T1V_OPERAND);
    look_at_result(t, p, number, doubt);
    t1v_make_mask(t, p, number);
    keep_others(t, p, number);
}

/* On AVX2: the same for singles that become halves. */
static void halves_piece(struct t1 *t, struct pieces p, unsigned number)
{
    struct pieces half = t1v_narrow_of(p);
    t1v_make_mask(t, p, number);
    t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, number));
    t1v_calm(t, p, T1V_OPERAND, T1V_OPERAND);
    look_at_result(t, p, T1V_OPERAND, NANS);
    x86_vhalves(&t->e, p.bytes, number, T1V_OPERAND);
    if (!p.k.mask)
        return;
    t1v_make_mask(t, half, number);
    load_narrow(t, half, T1V_MOVED, t1v_mem(t, OP.rd, half, number));
    x86_vblend(&t->e, 16, number, T1V_MOVED, number, T1V_LIVE);
}

/* ---- Conversions --------------------------------------------------------------------------------------- */

/* Conversions to the same width. */
static bool convert(struct t1 *t, unsigned first, enum doubt doubt)
{
    struct pieces p;
    if (t->vector.sew == 1)
        return doubt == NONE ? t1v_half_from_integers(t, first == X86_E_X_TO_F)
                             : t1v_half_to_integers(t, first, doubt == LOWEST);
    if (t->vector.sew < 2 || !t1v_op_is(t, first + t->vector.sew) || !t1v_operands_fit(t, T1V_NOTHING, &p) ||
        p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    take_doubt(t, p, doubt);
    t1v_begin_calm(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        if (!t->dbt->host.avx512) {
            convert_piece(t, first + p.log2, p, i, doubt);
            continue;
        }
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, i, i);
        t1v_unary_mem(t, first + p.log2, p, i, t1v_mem(t, OP.rs2, p, i));
        look_at_result(t, p, i, doubt);
    }
    return store_all(t, p);
}

/* Conversions from 16 bits to 32: halves to integers, or integers to singles. `first`: the form for
 * elements of 32 bits. */
static bool widen_16(struct t1 *t, unsigned first, enum doubt doubt)
{
    struct pieces p;
    bool halves = doubt != NONE;
    if (!t->dbt->host.avx512 || (halves && !t1v_has_format(t)) ||
        !t1v_widening_fits(t, T1V_NOTHING, false, &p) || p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    take_doubt(t, p, doubt);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, i, i);
        if (halves)
            t1v_load_halves(t, p, T1V_OPERAND, OP.rs2, i);
        else
            t1v_load_extended(t, p, T1V_OPERAND, OP.rs2, first == X86_E_X_TO_F, i);
        t1v_unary(t, first + 2, p, i, T1V_OPERAND);
        look_at_result(t, p, i, doubt);
    }
    return store_all(t, p);
}

/* Conversions to twice the width; from 32 bits to 64, the host has the instruction. */
static bool widen(struct t1 *t, unsigned first, enum doubt doubt)
{
    struct pieces p;
    if (t->vector.sew == 0)
        return doubt == NONE && t1v_half_from_integers(t, first == X86_E_X_TO_WF);
    if (t->vector.sew == 1)
        return widen_16(t, X86_E_F_TO_X + (first - X86_E_F_TO_WX), doubt);
    if (!t1v_op_is(t, first + 2) || !t1v_widening_fits(t, T1V_NOTHING, false, &p) || p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    take_doubt(t, p, doubt);
    t1v_begin_calm(t, t1v_narrow_of(p));
    for (unsigned i = 0; i < p.count; i++) {
        if (!t->dbt->host.avx512) {
            widen_piece(t, first + 2, p, i, doubt);
            continue;
        }
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, i, i);
        t1v_unary_mem(t, first + 2, p, i, t1v_mem(t, OP.rs2, t1v_narrow_of(p), i));
        look_at_result(t, p, i, doubt);
    }
    return store_all(t, p);
}

/* Conversions from 32 bits to 16, and from 16 to 8. */
static bool narrow_less(struct t1 *t, enum x86_enarrowing op)
{
    static const unsigned singles[X86_ENARROWINGS] = { [X86_WF_TO_X] = X86_E_F_TO_X,
                                                       [X86_WF_TO_XU] = X86_E_F_TO_XU,
                                                       [X86_WFT_TO_X] = X86_E_FT_TO_X,
                                                       [X86_WFT_TO_XU] = X86_E_FT_TO_XU };
    if (op == X86_WX_TO_F || op == X86_WXU_TO_F)
        return t->vector.sew == 1 && t1v_halves_from_words(t, op == X86_WX_TO_F);
    return t1v_narrow_to_integers(t, singles[op], op == X86_WF_TO_X || op == X86_WFT_TO_X);
}

/* Conversions to half the width; from 64 bits to 32, the host has the instruction. */
static bool narrow(struct t1 *t, enum x86_enarrowing op, enum doubt doubt)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (t->vector.sew < 2 && op != X86_WF_TO_F)
        return narrow_less(t, op);
    if (!t->dbt->host.avx512 || t->vector.sew != 2 || !t1v_narrowing_fits(t, T1V_NOTHING, &p) ||
        p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    struct pieces half = t1v_narrow_of(p), spread = half;
    spread.bytes = half.k.bytes;
    take_doubt(t, spread, doubt);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old_half(t, half, i, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        x86_enarrow_convert(e, op, p.k, REG(i), REG(T1V_OPERAND));
        look_at_result(t, half, i, doubt);
    }
    return store_all(t, half);
}

/* ---- Halves -------------------------------------------------------------------------------------------- */

/* Whether halves and singles may be converted. */
static bool converts_halves(const struct t1 *t)
{
    return t->vector.sew == 1 && isa_has(&t->hart->isa, ISA_Zvfhmin);
}

static bool halves_to_singles(struct t1 *t)
{
    struct pieces p;
    if (!converts_halves(t) || !t1v_widening_fits(t, T1V_NOTHING, false, &p) || p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    t1v_begin_calm(t, t1v_narrow_of(p));
    for (unsigned i = 0; i < p.count; i++) {
        if (!t->dbt->host.avx512) {
            widen_piece(t, X86_E_H_TO_F_16, p, i, NANS);
            continue;
        }
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, i, i);
        t1v_unary_mem(t, X86_E_H_TO_F_16, p, i, t1v_mem(t, OP.rs2, t1v_narrow_of(p), i));
        look_at_result(t, p, i, NANS);
    }
    return store_all(t, p);
}

/* NaNs are looked for among the singles, since the host does not compare halves. */
static bool singles_to_halves(struct t1 *t)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!converts_halves(t) || !t1v_narrowing_fits(t, T1V_NOTHING, &p) || p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    struct pieces half = t1v_narrow_of(p);
    t1v_begin_calm(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        if (!t->dbt->host.avx512) {
            halves_piece(t, p, i);
            continue;
        }
        t1v_make_mask(t, p, i);
        t1v_keep_old_half(t, half, i, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        look_at_result(t, p, T1V_OPERAND, NANS);
        x86_ehalves(e, p.k, REG(i), REG(T1V_OPERAND));
    }
    return store_all(t, half);
}

/* ---- Arithmetic on widened operands -------------------------------------------------------------------- */

/* Returns the conversion of halves to singles, or of singles to doubles; it is exact. */
static enum x86_epacked widening(struct pieces p)
{
    return p.log2 == 2 ? X86_E_H_TO_F_16 : X86_E_F_TO_WF_32;
}

/* `to` = a piece of half the width, widened. Elements that are not active become 0 and raise no flag. */
static void load_widened(struct t1 *t, struct pieces p, unsigned to, unsigned guest, unsigned number)
{
    struct x86_lanes lanes = { p.k.bytes, p.k.mask, p.k.mask != 0 };
    x86_epacked_mem(&t->e, widening(p), lanes, REG(to), 0, t1v_mem(t, guest, t1v_narrow_of(p), number));
}

/* T1V_OPERAND + 1 = T1V_SCALAR, widened, in each active element. It is done for each piece: if no element is
 * active, no flag is raised. */
static void widen_scalar(struct t1 *t, struct pieces p)
{
    struct x86_lanes lanes = { p.k.bytes, p.k.mask, p.k.mask != 0 };
    x86_epacked(&t->e, widening(p), lanes, REG(T1V_OPERAND + 1), 0, REG(T1V_SCALAR));
}

static unsigned other_operand(struct t1 *t, struct pieces p, enum t1v_source source, unsigned number)
{
    if (source == T1V_VECTOR)
        load_widened(t, p, T1V_OPERAND + 1, OP.rs1, number);
    else
        widen_scalar(t, p);
    return T1V_OPERAND + 1;
}

/* `first`: an operation on two operands or, with `fused`, on three, of which vd is one. */
static bool arithmetic(struct t1 *t, unsigned first, enum t1v_source source, bool wide, bool fused)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_has_format(t) || !t1v_widening_fits(t, source, wide, &p) ||
        p.count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    struct pieces half = t1v_narrow_of(p);
    half.bytes = half.k.bytes;
    t1v_take_scalar(t, half, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        if (fused)
            t1v_load(t, p, i, t1v_mem(t, OP.rd, p, i));
        else
            t1v_keep_old(t, p, i, i);
        if (wide)
            t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        else
            load_widened(t, p, T1V_OPERAND, OP.rs2, i);
        unsigned other = other_operand(t, p, source, i);
        t1v_op(t, first + p.log2, p, i, T1V_OPERAND, other);
        look_at_result(t, p, i, NANS);
    }
    return store_all(t, p);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VCONVERT(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
