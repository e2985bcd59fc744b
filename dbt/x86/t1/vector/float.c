/* SPDX-License-Identifier: MIT
 *
 * Floating point ("Vector Floating-Point Instructions"): MXCSR rounds and keeps flags as for scalars
 * (t1/fp.c), and elements that are not active raise none. All results are computed before the first is
 * stored: if one is a NaN, nothing has been written, and the handler does the whole instruction again. Half
 * precision is in half.c.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

void t1v_begin_float(struct t1 *t)
{
    t->vector_cold = NULL;
    t1_fp_begin(t, true);
    unsigned vm = OP.rm;
    OP.rm = 7; /* all of them round as frm says */
    t1_fp_look_at_rounding(t);
    OP.rm = (uint8_t)vm;
    t1v_look(t, true);
}

/* Returns false if this file has no code for the operands. */
static bool begin(struct t1 *t, enum t1v_source source, struct pieces *p)
{
    if (!t1v_has_format(t) || !t1v_operands_fit(t, source, p) || p->count > T1V_RESULTS)
        return false;
    t1v_begin_float(t);
    t1v_take_scalar(t, *p, source);
    t1v_begin_calm(t, *p);
    if (t->dbt->host.avx512 && p->k.mask && p->count > 1)
        x86_klogic(&t->e, X86_KXOR, T1V_FOUND, T1V_FOUND, T1V_FOUND);
    return true;
}

/* Precedes the computation of a piece: makes its mask, and loads the elements that stay. On AVX2, end_piece()
 * loads them. */
static void begin_piece(struct t1 *t, struct pieces p, unsigned number)
{
    t1v_make_mask(t, p, number);
    if (t->dbt->host.avx512)
        t1v_keep_old(t, p, number, number);
}

/* ---- NaNs ---------------------------------------------------------------------------------------------- */

/* AVX2: notes the NaNs in the result of a piece, of which the active elements become vd's. */
static void end_calm_piece(struct t1 *t, struct pieces p, unsigned number)
{
    struct x86_emit *e = &t->e;
    if (!p.k.mask)
        return;
    x86_vnan_packed(e, 8u << p.log2, p.bytes, T1V_TEMP, number);
    x86_vpacked(e, X86_VOR_8, p.bytes, T1V_NANS, T1V_NANS, T1V_TEMP);
    t1v_load(t, p, T1V_MOVED, t1v_mem(t, OP.rd, p, number));
    x86_vblend(e, p.bytes, number, T1V_MOVED, number, T1V_LIVE);
}

/* Adds the NaNs in the result of a piece to T1V_FOUND, if its mask will be overwritten
 * by the next piece's. */
static void end_piece(struct t1 *t, struct pieces p, unsigned number)
{
    if (!t->dbt->host.avx512) {
        end_calm_piece(t, p, number);
        return;
    }
    if (!p.k.mask || p.count == 1)
        return;
    x86_ecompare_float(&t->e, p.log2, X86_FP_UNORDERED, p.k, T1V_SEEN, REG(number), REG(number));
    x86_klogic(&t->e, X86_KOR, T1V_FOUND, T1V_FOUND, T1V_SEEN);
}

static void look_for_nans(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.avx512 && p.k.mask) {
        x86_vsigns(e, 2, p.bytes, X86_RAX, T1V_NANS);
        x86_test(e, 32, X86_RAX, X86_RAX);
    } else if (p.k.mask && p.count > 1) {
        x86_ktest(e, T1V_FOUND, T1V_FOUND);
    } else if (t->dbt->host.avx512) {
        for (unsigned i = 0; i < p.count; i++) {
            x86_ecompare_float(e, p.log2, X86_FP_UNORDERED, p.k, i ? T1V_SEEN : T1V_FOUND, REG(i), REG(i));
            if (i)
                x86_klogic(e, X86_KOR, T1V_FOUND, T1V_FOUND, T1V_SEEN);
        }
        x86_ktest(e, T1V_FOUND, T1V_FOUND);
    } else {
        unsigned bits = 8u << p.log2;
        x86_vnan_packed(e, bits, p.bytes, T1V_NANS, 0);
        for (unsigned i = 1; i < p.count; i++) {
            x86_vnan_packed(e, bits, p.bytes, T1V_TEMP, i);
            x86_vpacked(e, X86_VOR_8, p.bytes, T1V_NANS, T1V_NANS, T1V_TEMP);
        }
        x86_vsigns(e, 2, p.bytes, X86_RAX, T1V_NANS);
        x86_test(e, 32, X86_RAX, X86_RAX);
    }
    t1_fp_handler_if(t, x86_jcc(e, X86_NE));
}

/* vd = the registers 0 to count - 1. */
static bool store_all(struct t1 *t, struct pieces p)
{
    for (unsigned i = 0; i < p.count; i++)
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), i);
    return t1v_end(t);
}

static bool end(struct t1 *t, struct pieces p)
{
    look_for_nans(t, p);
    return store_all(t, p);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

/* AVX2, with a mask: register `number` = vs2 op the other source, or the other way round. */
static void compute_calm(struct t1 *t, unsigned op, struct pieces p, enum t1v_source source, bool swapped,
                         unsigned number)
{
    t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, number));
    unsigned a = t1v_calm(t, p, T1V_OPERAND, T1V_OPERAND);
    unsigned b = t1v_source(t, p, T1V_OPERAND + 1, source, number);
    b = t1v_calm(t, p, T1V_OPERAND + 1, b);
    x86_vpacked(&t->e, op, p.bytes, number, swapped ? b : a, swapped ? a : b);
}

static bool is_calm(const struct t1 *t, struct pieces p)
{
    return !t->dbt->host.avx512 && p.k.mask;
}

static bool floating(struct t1 *t, unsigned first, enum t1v_source source, bool swapped)
{
    struct pieces p;
    if (t->vector.sew == 1)
        return t1v_half_arithmetic(t, first, source, swapped);
    if (!begin(t, source, &p))
        return false;
    unsigned op = first + t->vector.sew;
    for (unsigned i = 0; i < p.count; i++) {
        begin_piece(t, p, i);
        if (is_calm(t, p)) {
            compute_calm(t, op, p, source, swapped, i);
        } else if (swapped) {
            t1v_op_mem(t, op, p, i, T1V_SCALAR, t1v_mem(t, OP.rs2, p, i));
        } else {
            t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
            t1v_operate(t, op, p, i, T1V_OPERAND, source, i);
        }
        end_piece(t, p, i);
    }
    return end(t, p);
}

/* `first` is a form 231, vd = +-(vs1 * vs2) +- vd, or 213, vd = +-(vs1 * vd) +- vs2. */
static bool fused(struct t1 *t, unsigned first, enum t1v_source source)
{
    struct pieces p;
    if (t->vector.sew == 1)
        return t1v_half_fused(t, first, source);
    if (!begin(t, source, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, i, t1v_mem(t, OP.rd, p, i));
        unsigned factor = t1v_source(t, p, T1V_OPERAND, source, i);
        if (is_calm(t, p)) {
            t1v_calm(t, p, i, i);
            factor = t1v_calm(t, p, T1V_OPERAND, factor);
            t1v_load(t, p, T1V_OPERAND + 1, t1v_mem(t, OP.rs2, p, i));
            t1v_calm(t, p, T1V_OPERAND + 1, T1V_OPERAND + 1);
            x86_vpacked(&t->e, first + t->vector.sew, p.bytes, i, factor, T1V_OPERAND + 1);
        } else {
            t1v_op_mem(t, first + t->vector.sew, p, i, factor, t1v_mem(t, OP.rs2, p, i));
        }
        end_piece(t, p, i);
    }
    return end(t, p);
}

static bool square_root(struct t1 *t)
{
    struct pieces p;
    if (t->vector.sew == 1)
        return t1v_half_square_root(t);
    if (!begin(t, T1V_NOTHING, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        begin_piece(t, p, i);
        if (t->dbt->host.avx512) {
            t1v_unary_mem(t, X86_E_FSQRT + p.log2, p, i, t1v_mem(t, OP.rs2, p, i));
        } else {
            t1v_load(t, p, i, t1v_mem(t, OP.rs2, p, i));
            t1v_calm(t, p, i, i);
            x86_vsqrt_packed(&t->e, 8u << p.log2, p.bytes, i, i);
        }
        end_piece(t, p, i);
    }
    return end(t, p);
}

/* ---- Minimum, maximum, signs --------------------------------------------------------------------------- */

/* On AVX2. The host's result for two zeros is the second one: both orders together have the sign that is
 * wanted. NaNs are looked for before, since the host's operation would raise a flag. */
static bool choose_on_avx2(struct t1 *t, enum t1v_source source, bool larger)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!begin(t, source, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        begin_piece(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned a = t1v_calm(t, p, T1V_OPERAND, T1V_OPERAND);
        unsigned b = t1v_calm(t, p, T1V_OPERAND + 1, t1v_source(t, p, T1V_OPERAND + 1, source, i));
        x86_vcompare_packed(e, 8u << p.log2, X86_FP_UNORDERED, p.bytes, T1V_TEMP, a, b);
        x86_vsigns(e, 2, p.bytes, X86_RAX, T1V_TEMP);
        x86_test(e, 32, X86_RAX, X86_RAX);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        x86_vextreme(e, 8u << p.log2, larger, p.bytes, T1V_TEMP, a, b);
        x86_vextreme(e, 8u << p.log2, larger, p.bytes, i, b, a);
        x86_vpacked(e, larger ? X86_VAND_8 : X86_VOR_8, p.bytes, i, i, T1V_TEMP);
        end_piece(t, p, i);
    }
    return store_all(t, p);
}

/* NaNs are left to the handler, which knows the results; a signalling one raises the invalid flag in the
 * comparison already. */
static bool choose(struct t1 *t, enum t1v_source source, bool larger)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (t->vector.sew == 1)
        return t1v_half_choose(t, source, larger);
    if (!t->dbt->host.avx512)
        return choose_on_avx2(t, source, larger);
    if (!begin(t, source, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        begin_piece(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        x86_ecompare_float(e, p.log2, X86_FP_UNORDERED, p.k, T1V_SEEN, REG(T1V_OPERAND), REG(other));
        x86_ktest(e, T1V_SEEN, T1V_SEEN);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        x86_erange(e, p.log2, larger, p.k, REG(i), REG(T1V_OPERAND), REG(other));
    }
    return store_all(t, p);
}

/* vd = vs2 with a sign that is made of its own and that of vs1 or f[rs1]. `table` is x86_eternary()'s; its
 * operands are the place of the sign bit, vs1, and vs2. */
enum { SIGN_OF = 0xca, SIGN_NOT = 0x3a, SIGN_XOR = 0x6a };

/* On AVX2: T1V_TEMP = `own` with that sign. T1V_CONST = the place of the sign bit. */
static void make_sign(struct t1 *t, struct pieces p, unsigned own, unsigned other, unsigned table)
{
    struct x86_emit *e = &t->e;
    if (table == SIGN_NOT)
        x86_vpacked(e, X86_E_ANDN, p.bytes, T1V_TEMP, other, T1V_CONST);
    else
        x86_vpacked(e, X86_VAND_8, p.bytes, T1V_TEMP, other, T1V_CONST);
    if (table != SIGN_XOR)
        x86_vpacked(e, X86_E_ANDN, p.bytes, own, T1V_CONST, own);
    x86_vpacked(e, X86_VXOR_8, p.bytes, T1V_TEMP, T1V_TEMP, own);
}

static bool sign(struct t1 *t, enum t1v_source source, unsigned table)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!begin(t, source, &p))
        return false;
    t1v_spread_constant(t, p, T1V_CONST, INT64_MIN >> (64 - (8 << p.log2)));
    for (unsigned i = 0; i < p.count && !t->dbt->host.avx512; i++) {
        unsigned other = t1v_source(t, p, T1V_OPERAND, source, i);
        t1v_load(t, p, T1V_OPERAND + 1, t1v_mem(t, OP.rs2, p, i));
        make_sign(t, p, T1V_OPERAND + 1, other, table);
        t1v_put_active(t, p, i, T1V_TEMP);
    }
    if (!t->dbt->host.avx512)
        return t1v_end(t);
    for (unsigned i = 0; i < p.count; i++) {
        begin_piece(t, p, i);
        unsigned other = t1v_source(t, p, T1V_OPERAND, source, i);
        t1v_load(t, p, T1V_OPERAND + 1, t1v_mem(t, OP.rs2, p, i));
        t1v_unary(t, X86_E_LOAD + p.log2, t1v_whole(p), T1V_TEMP, T1V_CONST);
        x86_eternary(e, table, t1v_all(p), REG(T1V_TEMP), REG(other), REG(T1V_OPERAND + 1));
        t1v_unary(t, X86_E_LOAD + p.log2, p, i, T1V_TEMP);
    }
    return store_all(t, p);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VFLOAT(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
