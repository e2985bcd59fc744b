/* SPDX-License-Identifier: MIT
 *
 * Half precision (Zvfh) and BF16 (Zvfbfmin, Zvfbfwma), on AVX-512. They are computed in single
 * precision, as t1/fp_half.c does for scalars; that file says why it is exact. An operation is one on
 * singles and a conversion of its result; a fused multiply-add is computed in doubles, rounded to odd on
 * the way to single precision.
 *
 * Elements that are not active are 0 as singles, and operations leave them out if 0 would raise a flag. As in
 * float.c, nothing is stored before all results are there: if one is a NaN, the handler does the whole
 * instruction again.
 *
 * A piece, w, is one of singles (of doubles in a fused multiply-add); its piece of halves
 * has as many elements.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* ---- Loads, scalars, results --------------------------------------------------------------------------- */

/* Returns the piece of halves. */
static struct pieces halves_of(struct pieces w)
{
    struct pieces n = w;
    n.log2 = 1;
    n.bytes = w.bytes >> (w.log2 - 1);
    n.k.bytes = n.bytes < 16 ? 16 : (uint8_t)n.bytes;
    return n;
}

static struct x86_lanes or_zero(struct pieces w)
{
    return (struct x86_lanes){ w.k.bytes, w.k.mask, w.k.mask != 0 };
}

void t1v_load_halves(struct t1 *t, struct pieces w, unsigned to, unsigned guest, unsigned number)
{
    x86_epacked_mem(&t->e, X86_E_H_TO_F_16, or_zero(w), REG(to), 0, t1v_mem(t, guest, halves_of(w), number));
}

void t1v_take_half(struct t1 *t, struct pieces w)
{
    struct x86_emit *e = &t->e;
    t1v_scalar_to_rax(t, T1V_SCALAR_F);
    x86_mov(e, 32, X86_RCX, X86_RAX);
    x86_op_imm(e, X86_AND, 32, X86_RCX, 0x7fff);
    x86_op_imm(e, X86_CMP, 32, X86_RCX, 0x7c00);
    t1_fp_handler_if(t, x86_jcc(e, X86_A));
    struct pieces n = halves_of(w);
    n.bytes = n.k.bytes;
    t1v_spread(t, n, T1V_SCALAR);
    t1v_unary(t, X86_E_H_TO_F_16, t1v_whole(w), T1V_SCALAR, T1V_SCALAR);
}

unsigned t1v_source_halves(struct t1 *t, struct pieces w, enum t1v_source source, unsigned number)
{
    if (source != T1V_VECTOR)
        return T1V_SCALAR;
    t1v_load_halves(t, w, T1V_OPERAND + 1, OP.rs1, number);
    return T1V_OPERAND + 1;
}

/* Begins an instruction of halves alone; *w = pieces of elements that are 1 << `up` times as wide. */
static bool begin(struct t1 *t, unsigned up, enum t1v_source source, struct pieces *w)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_has_format(t) || !t1v_operands_fit(t, source, &p) ||
        t1v_wider_of(t, p, up).count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    *w = t1v_wider_of(t, p, up);
    if (source == T1V_SCALAR_F)
        t1v_take_half(t, up == 1 ? *w : t1v_narrow_of(*w));
    return true;
}

/* T1V_FOUND = the elements whose results, or operands, are NaNs. */
static void look_for_nans(struct t1 *t, struct pieces w, unsigned number, unsigned a, unsigned b)
{
    struct x86_lanes lanes = { w.k.bytes, w.k.mask, false };
    x86_ecompare_float(&t->e, w.log2, X86_FP_UNORDERED, lanes, t1v_seen_by(number), REG(a), REG(b));
    t1v_note_seen(t, number);
}

/* Result `number` = the singles of T1V_OPERAND as halves. */
static void take_result(struct t1 *t, struct pieces w, unsigned number)
{
    struct pieces n = halves_of(w);
    t1v_keep_old_half(t, n, number, number);
    x86_ehalves(&t->e, w.k, REG(number), REG(T1V_OPERAND));
}

static bool end(struct t1 *t, struct pieces n)
{
    x86_ktest(&t->e, T1V_FOUND, T1V_FOUND);
    t1_fp_handler_if(t, x86_jcc(&t->e, X86_NE));
    for (unsigned i = 0; i < n.count; i++)
        t1v_store_half(t, n, i, i);
    return t1v_end(t);
}

/* ---- Of one width -------------------------------------------------------------------------------------- */

bool t1v_half_arithmetic(struct t1 *t, unsigned first, enum t1v_source source, bool swapped)
{
    struct pieces w;
    if (!begin(t, 1, source, &w))
        return false;
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, i);
        unsigned other = t1v_source_halves(t, w, source, i);
        t1v_op(t, first + w.log2, w, T1V_OPERAND, swapped ? other : T1V_OPERAND,
               swapped ? T1V_OPERAND : other);
        look_for_nans(t, w, i, T1V_OPERAND, T1V_OPERAND);
        take_result(t, w, i);
    }
    return end(t, halves_of(w));
}

bool t1v_half_square_root(struct t1 *t)
{
    struct pieces w;
    if (!begin(t, 1, T1V_NOTHING, &w))
        return false;
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, i);
        t1v_unary(t, X86_E_FSQRT_32, w, T1V_OPERAND, T1V_OPERAND);
        look_for_nans(t, w, i, T1V_OPERAND, T1V_OPERAND);
        take_result(t, w, i);
    }
    return end(t, halves_of(w));
}

/* NaNs are left to the handler, which knows the results. */
bool t1v_half_choose(struct t1 *t, enum t1v_source source, bool larger)
{
    struct pieces w;
    if (!begin(t, 1, source, &w))
        return false;
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, i);
        unsigned other = t1v_source_halves(t, w, source, i);
        look_for_nans(t, w, i, T1V_OPERAND, other);
        x86_erange(&t->e, w.log2, larger, w.k, REG(T1V_OPERAND), REG(T1V_OPERAND), REG(other));
        take_result(t, w, i);
    }
    return end(t, halves_of(w));
}

/* ---- Fused multiply-add -------------------------------------------------------------------------------- */

enum { LOST = T1V_CONST, SIGNS = T1V_COUNTS };

void t1v_take_lost(struct t1 *t, struct pieces w)
{
    t1v_spread_constant(t, w, LOST, (1 << (52 - 23)) - 1);
}

void t1v_round_to_odd(struct t1 *t, struct pieces w)
{
    struct pieces all = t1v_whole(w);
    t1v_op(t, X86_E_AND, all, T1V_TEMP, T1V_OPERAND, LOST);
    t1v_op(t, X86_E_ADD_64, all, T1V_TEMP, T1V_TEMP, LOST); /* carries into the last bit that is kept */
    t1v_op(t, X86_E_OR, all, T1V_OPERAND, T1V_OPERAND, T1V_TEMP);
    t1v_op(t, X86_E_ANDN, all, T1V_OPERAND, LOST, T1V_OPERAND);
    x86_enarrow_convert(&t->e, X86_WF_TO_F, all.k, REG(T1V_OPERAND), REG(T1V_OPERAND));
}

/* T1V_OPERAND = +-(T1V_OPERAND * other) +- T1V_TEMP, in doubles. The product of two halves fits in a
 * single. The product of elements that are not active is not computed, so they stay 0: an infinite factor
 * would make them NaNs. */
static void multiply_add(struct t1 *t, struct pieces w, unsigned other, bool negate, bool subtract)
{
    struct pieces all = t1v_whole(w), singles = t1v_narrow_of(w);
    t1v_op(t, X86_E_FMUL_32, singles, T1V_OPERAND, T1V_OPERAND, other);
    if (negate)
        t1v_op(t, X86_E_XOR_32, t1v_whole(singles), T1V_OPERAND, T1V_OPERAND, SIGNS);
    t1v_unary(t, X86_E_F_TO_WF_32, all, T1V_OPERAND, T1V_OPERAND);
    t1v_unary(t, X86_E_F_TO_WF_32, all, T1V_TEMP, T1V_TEMP);
    t1v_op(t, subtract ? X86_E_FSUB_64 : X86_E_FADD_64, all, T1V_OPERAND, T1V_OPERAND, T1V_TEMP);
}

/* `first` is a form as in float.c: 231 is vs1 * vs2 and vd, 213 is vs1 * vd and vs2. */
bool t1v_half_fused(struct t1 *t, unsigned first, enum t1v_source source)
{
    bool plain = first == X86_VFMADD231_8 || first == X86_VFMADD213_8;
    bool negate = first == X86_VFNMADD231_8 || first == X86_VFNMADD213_8;
    bool both = first == X86_VFNMSUB231_8 || first == X86_VFNMSUB213_8;
    bool by_d = first < X86_VFMADD231_8;
    struct pieces w;
    if (!begin(t, 2, source, &w))
        return false;
    struct pieces singles = t1v_narrow_of(w);
    t1v_take_lost(t, w);
    t1v_spread_constant(t, singles, SIGNS, INT32_MIN);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, singles, T1V_OPERAND, by_d ? OP.rd : OP.rs2, i);
        t1v_load_halves(t, singles, T1V_TEMP, by_d ? OP.rs2 : OP.rd, i);
        unsigned other = t1v_source_halves(t, singles, source, i);
        multiply_add(t, w, other, negate || both, !plain && !negate);
        look_for_nans(t, w, i, T1V_OPERAND, T1V_OPERAND);
        t1v_round_to_odd(t, w);
        take_result(t, singles, i);
    }
    return end(t, halves_of(w));
}

/* ---- Conversions --------------------------------------------------------------------------------------- */

/* Conversions to integers of 16 bits. Halves that do not fit have no fraction, so the host raises no flag
 * besides the handler's. */
bool t1v_half_to_integers(struct t1 *t, unsigned first, bool sign)
{
    struct pieces w;
    struct x86_emit *e = &t->e;
    if (!begin(t, 1, T1V_NOTHING, &w))
        return false;
    struct pieces n = halves_of(w), all = t1v_whole(w);
    t1v_spread_constant(t, w, T1V_CONST, UINT16_MAX);
    t1v_spread_constant(t, w, T1V_COUNTS, sign ? 0x8000 : 0);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, i);
        t1v_unary(t, first + w.log2, all, T1V_OPERAND, T1V_OPERAND);
        t1v_op(t, X86_E_ADD_32, all, T1V_TEMP, T1V_OPERAND, T1V_COUNTS);
        x86_ecompare(e, w.log2, false, X86_P_GT, w.k, t1v_seen_by(i), REG(T1V_TEMP), REG(T1V_CONST));
        t1v_note_seen(t, i);
        t1v_keep_old_half(t, n, i, i);
        x86_ecut(e, X86_CUT, w.log2, n.log2, w.k, REG(i), REG(T1V_OPERAND));
    }
    return end(t, n);
}

/* Conversions from integers of 16 bits, which singles hold, or of 8. */
bool t1v_half_from_integers(struct t1 *t, bool sign)
{
    struct pieces p;
    bool bytes = t->vector.sew == 0;
    if (!t->dbt->host.avx512 || !isa_has(&t->hart->isa, ISA_Zvfh) ||
        !(bytes ? t1v_widening_fits(t, T1V_NOTHING, false, &p) : t1v_operands_fit(t, T1V_NOTHING, &p)))
        return false;
    t1v_begin_float(t);
    struct pieces w = t1v_wider_of(t, p, 1), n = halves_of(w);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_extended(t, w, T1V_OPERAND, OP.rs2, sign, i);
        t1v_unary(t, X86_E_X_TO_F_32, t1v_whole(w), T1V_OPERAND, T1V_OPERAND);
        t1v_keep_old_half(t, n, 0, i);
        x86_ehalves(&t->e, w.k, REG(0), REG(T1V_OPERAND));
        t1v_store_half(t, n, i, 0);
    }
    return t1v_end(t);
}

/* ---- BF16 ---------------------------------------------------------------------------------------------- */

/* Begins an instruction that makes singles from BF16, which is a single's upper half; the
 * other half becomes 0. */
static bool begin_wide(struct t1 *t, enum t1v_source source, struct pieces *w)
{
    if (!t->dbt->host.avx512 || t->vector.sew != 1 || !t1v_widening_fits(t, source, false, w) ||
        w->count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    if (source == T1V_SCALAR_F) {
        t1v_scalar_to_rax(t, source);
        x86_shift_imm(&t->e, X86_SHL, 32, X86_RAX, 16);
        t1v_spread(t, *w, T1V_SCALAR);
    }
    x86_mov_imm(&t->e, X86_RAX, 16);
    t1v_take_count(t, T1V_COUNTS);
    return true;
}

static void load_wide(struct t1 *t, struct pieces w, unsigned to, unsigned guest, unsigned number)
{
    t1v_load_extended(t, w, to, guest, false, number);
    t1v_op(t, X86_E_SHL_32, t1v_whole(w), to, to, T1V_COUNTS);
}

static bool widen_bf16(struct t1 *t)
{
    struct pieces w;
    if (!begin_wide(t, T1V_NOTHING, &w))
        return false;
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_keep_old(t, w, i, i);
        load_wide(t, w, T1V_OPERAND, OP.rs2, i);
        look_for_nans(t, w, i, T1V_OPERAND, T1V_OPERAND);
        t1v_unary(t, X86_E_LOAD_32, w, i, T1V_OPERAND);
    }
    return end(t, w);
}

static bool accumulate_bf16(struct t1 *t, enum t1v_source source)
{
    struct pieces w;
    if (!begin_wide(t, source, &w))
        return false;
    for (unsigned i = 0; i < w.count; i++) {
        unsigned other = T1V_SCALAR;
        t1v_make_mask(t, w, i);
        t1v_load(t, w, i, t1v_mem(t, OP.rd, w, i));
        load_wide(t, w, T1V_OPERAND, OP.rs2, i);
        if (source == T1V_VECTOR) {
            other = T1V_OPERAND + 1;
            load_wide(t, w, other, OP.rs1, i);
        }
        t1v_op(t, X86_E_FMADD231_32, w, i, T1V_OPERAND, other);
        look_for_nans(t, w, i, i, i);
    }
    return end(t, w);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VHALF(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
