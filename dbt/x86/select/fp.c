/* SPDX-License-Identifier: MIT
 *
 * Host code of floating point: scalar AVX on the low part of xmm registers, which hold the 64 bits of the f
 * register, a single-precision number boxed. MXCSR has the guest's rounding mode, which the region's
 * entry has checked, and its flags.
 *
 * A NaN that the host computes is not RISC-V's canonical one, but that shows only where its bits do: in
 * memory, in an x register, under a sign instruction, at an exit. There it is made canonical, if it may come
 * from arithmetic (t->fp.canonical, region->lazy). A fused multiply-add whose result is a NaN is left to T1,
 * since the flags may differ, too. So are other rare cases: NaNs of fmin and fmax, conversions that do not
 * fit, numbers that are not boxed.
 *
 * The upper 32 bits of a result come from the first operand, so boxed operands make boxed results.
 */
#include "dbt/x86/fragments.h"
#include "dbt/x86/select/select.h"

static uint32_t bit_of(unsigned variable)
{
    return 1u << (variable - T2_F0);
}

#define CONSTANT(name) DBT_MEM(fp_##name)

unsigned t2_use_f(struct t2_emit *t, unsigned variable, unsigned scratch)
{
    if (t2_in_register(t, variable))
        return t->r->home[variable];
    x86_vload(&t->e, 64, scratch, t2_home(variable));
    return scratch;
}

static unsigned dest(const struct t2_emit *t, unsigned variable)
{
    return t2_in_register(t, variable) ? t->r->home[variable] : 0;
}

static void move(struct t2_emit *t, unsigned to, unsigned from)
{
    if (to != from)
        x86_vmove(&t->e, to, from);
}

void t2_set_f(struct t2_emit *t, unsigned variable, unsigned from)
{
    if (t2_in_register(t, variable))
        move(t, t->r->home[variable], from);
    else
        x86_vstore(&t->e, 64, t2_home(variable), from);
}

void t2_emit_box(struct t2_emit *t, unsigned variable)
{
    unsigned reg = t2_use_f(t, variable, 0);
    x86_vbitwise_mem(&t->e, X86_VOR, reg, reg, CONSTANT(box));
    t2_set_f(t, variable, reg);
}

/* ---- What is known ------------------------------------------------------------------------------------- */

void t2_fp_block(struct t2_emit *t, unsigned number)
{
    unsigned before = t2_inherits(t->r, number);
    if (before != T2_NOT_HERE)
        t->fp = t->fp_ends[before];
    else
        t->fp = (struct t2_fp_facts){ .not_nan = 0, .canonical = ~t->r->steady, .boxed = t->r->boxed };
}

uint32_t t2_fp_lazy(const struct t2_emit *t)
{
    return (t->r->lazy[0] | t->r->lazy[1]) & ~(t->r->steady | t->fp.canonical | t->fp.not_nan);
}

static bool meets_others(const struct t2_emit *t, unsigned block, unsigned successor)
{
    return successor != T2_NOT_HERE && t2_inherits(t->r, successor) != block;
}

void t2_fp_meet(struct t2_emit *t)
{
    unsigned number = (unsigned)(t->at - t->r->blocks);
    if (!meets_others(t, number, t->at->taken) && !meets_others(t, number, t->at->next))
        return;
    uint32_t lazy = t2_fp_lazy(t);
    for (unsigned i = 0; i < 32; i++)
        if (lazy >> i & 1)
            t2_emit_canon(t, T2_F0 + i);
}

static unsigned lazy_bits(const struct ir *r, unsigned variable)
{
    return r->lazy[0] & bit_of(variable) ? 32 : r->lazy[1] & bit_of(variable) ? 64 : 0;
}

/* A NaN of that format becomes the canonical one, in cold code. */
static void canonicalise(struct t2_emit *t, unsigned variable, unsigned bits)
{
    unsigned reg = t2_use_f(t, variable, 0);
    x86_vcompare(&t->e, bits, false, reg, reg);
    struct t2_cold *cold = t2_cold(t, T2_COLD_CANON, x86_jcc(&t->e, X86_P));
    cold->reg = (uint8_t)reg;
    cold->bits = (uint8_t)bits;
    cold->back = x86_here(&t->e);
    if (!t2_in_register(t, variable))
        t2_set_f(t, variable, reg);
    t->fp.canonical |= bit_of(variable);
}

void t2_emit_canon(struct t2_emit *t, unsigned variable)
{
    unsigned bits = lazy_bits(t->r, variable);
    if (!bits || (t->fp.canonical | t->fp.not_nan) & bit_of(variable))
        return;
    canonicalise(t, variable, bits);
}

void t2_emit_cold_canon(struct t2_emit *t, const struct t2_cold *cold)
{
    x86_vload(&t->e, 64, cold->reg, cold->bits == 64 ? CONSTANT(nan_double) : CONSTANT(nan_single));
    x86_jmp_to(&t->e, cold->back);
}

void t2_emit_canon_all(struct t2_emit *t, uint32_t set)
{
    struct x86_emit *e = &t->e;
    for (unsigned i = 0; i < 32; i++) {
        if (!(set >> i & 1))
            continue;
        unsigned bits = lazy_bits(t->r, T2_F0 + i), reg = t2_use_f(t, T2_F0 + i, 0);
        x86_vcompare(&t->e, bits, false, reg, reg);
        uint8_t *number = x86_jcc(e, X86_NP);
        x86_vload(e, 64, reg, bits == 64 ? CONSTANT(nan_double) : CONSTANT(nan_single));
        if (!t2_in_register(t, T2_F0 + i))
            t2_set_f(t, T2_F0 + i, reg);
        if (!e->overflow)
            x86_patch(number, e->run, x86_here(e));
    }
}

/* A single-precision operand must be boxed; otherwise T1 takes over. */
static void want_box(struct t2_emit *t, const struct t2_insn *insn, unsigned bits, unsigned variable)
{
    struct x86_emit *e = &t->e;
    if (bits == 64 || t->fp.boxed & bit_of(variable))
        return;
    if (t2_in_register(t, variable)) {
        x86_vmove_high(e, X86_RCX, t->r->home[variable]);
        x86_op_imm(e, X86_CMP, 32, X86_RCX, -1);
    } else {
        struct x86_mem high = t2_home(variable);
        high.disp += 4;
        x86_mem_op_imm(e, X86_CMP, 32, high, -1);
    }
    t2_exit_if(t, X86_NE, t2_exit_here(t, insn));
    t->fp.boxed |= bit_of(variable);
}

enum { KNOW_NOTHING, KNOW_NUMBER, KNOW_CANONICAL };

/* d has a result of that format. If it may be a NaN, and d is no register whose NaNs are made canonical late,
 * it is made canonical at once. */
static void know(struct t2_emit *t, const struct t2_insn *insn, unsigned bits, unsigned what)
{
    uint32_t bit = bit_of(insn->d);
    t->fp.boxed = bits == 32 ? t->fp.boxed | bit : t->fp.boxed & ~bit;
    t->fp.not_nan = what == KNOW_NUMBER ? t->fp.not_nan | bit : t->fp.not_nan & ~bit;
    t->fp.canonical = what != KNOW_NOTHING ? t->fp.canonical | bit : t->fp.canonical & ~bit;
    if (what == KNOW_NOTHING && !lazy_bits(t->r, insn->d))
        canonicalise(t, insn->d, bits);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

static void arithmetic(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_scalar op = insn->op == T2_FADD   ? X86_SCALAR_ADD
                         : insn->op == T2_FSUB ? X86_SCALAR_SUB
                         : insn->op == T2_FMUL ? X86_SCALAR_MUL
                                               : X86_SCALAR_DIV;
    want_box(t, insn, insn->bits, insn->a);
    want_box(t, insn, insn->bits, insn->b);
    unsigned a = t2_use_f(t, insn->a, 0), to = dest(t, insn->d);
    if (t2_in_register(t, insn->b))
        x86_vscalar(&t->e, op, insn->bits, to, a, t->r->home[insn->b]);
    else
        x86_vscalar_mem(&t->e, op, insn->bits, to, a, t2_home(insn->b));
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, KNOW_NOTHING);
}

static void square_root(struct t2_emit *t, const struct t2_insn *insn)
{
    want_box(t, insn, insn->bits, insn->a);
    unsigned a = t2_use_f(t, insn->a, 0), to = dest(t, insn->d);
    x86_vscalar(&t->e, X86_SCALAR_SQRT, insn->bits, to, a, a);
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, KNOW_NOTHING);
}

static void fused(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_fused op = insn->op == T2_FMADD    ? X86_FMADD213
                        : insn->op == T2_FMSUB  ? X86_FMSUB213
                        : insn->op == T2_FNMSUB ? X86_FNMADD213
                                                : X86_FNMSUB213;
    want_box(t, insn, insn->bits, insn->a);
    want_box(t, insn, insn->bits, insn->b);
    want_box(t, insn, insn->bits, insn->c);
    move(t, 0, t2_use_f(t, insn->a, 0));
    unsigned b = t2_use_f(t, insn->b, 1);
    if (t2_in_register(t, insn->c))
        x86_vfused(&t->e, op, insn->bits, 0, b, t->r->home[insn->c]);
    else
        x86_vfused_mem(&t->e, op, insn->bits, 0, b, t2_home(insn->c));
    x86_vcompare(&t->e, insn->bits, false, 0, 0);
    t2_exit_if(t, X86_P, t2_exit_here(t, insn));
    t2_set_f(t, insn->d, 0);
    know(t, insn, insn->bits, KNOW_NUMBER);
}

/* Of equal operands only zeros differ in bits: the smaller one has the sign bit of either, the larger one
 * that of both. */
static void minimum(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    bool max = insn->op == T2_FMAX;
    want_box(t, insn, insn->bits, insn->a);
    want_box(t, insn, insn->bits, insn->b);
    unsigned a = t2_use_f(t, insn->a, 0), b = t2_use_f(t, insn->b, 1);
    x86_vcompare(&t->e, insn->bits, false, a, b);
    t2_exit_if(t, X86_P, t2_exit_here(t, insn));
    uint8_t *equal = x86_jcc(e, X86_E);
    x86_vscalar(e, max ? X86_SCALAR_MAX : X86_SCALAR_MIN, insn->bits, 0, a, b);
    uint8_t *done = x86_jmp(e);
    if (e->overflow)
        return;
    x86_patch(equal, e->run, x86_here(e));
    x86_vbitwise(&t->e, max ? X86_VAND : X86_VOR, 0, a, b);
    if (e->overflow)
        return;
    x86_patch(done, e->run, x86_here(e));
    t2_set_f(t, insn->d, 0);
    know(t, insn, insn->bits, KNOW_NUMBER);
}

/* ---- Signs and moves ----------------------------------------------------------------------------------- */

static void sign(struct t2_emit *t, const struct t2_insn *insn)
{
    bool single = insn->bits == 32;
    struct x86_mem sign_bit = single ? CONSTANT(sign_single) : CONSTANT(sign_double);
    struct x86_mem others = single ? CONSTANT(abs_single) : CONSTANT(abs_double);
    want_box(t, insn, insn->bits, insn->a);
    want_box(t, insn, insn->bits, insn->b);
    t2_emit_canon(t, insn->a);
    t2_emit_canon(t, insn->b);
    bool number = t->fp.not_nan & bit_of(insn->a);
    unsigned a = t2_use_f(t, insn->a, 0), to = dest(t, insn->d);
    if (insn->a == insn->b) {
        if (insn->op == T2_FSGNJ)
            to = a;
        else if (insn->op == T2_FSGNJN)
            x86_vbitwise_mem(&t->e, X86_VXOR, to, a, sign_bit);
        else
            x86_vbitwise_mem(&t->e, X86_VAND, to, a, others);
    } else {
        x86_vload(&t->e, 64, 1, sign_bit);
        /* xmm1 = the sign of b, or its opposite: ~b & sign, or (b & sign) ^ sign. */
        if (t2_in_register(t, insn->b))
            x86_vbitwise(&t->e, insn->op == T2_FSGNJN ? X86_VANDN : X86_VAND, 1, t->r->home[insn->b], 1);
        else if (insn->op == T2_FSGNJN) {
            x86_vbitwise_mem(&t->e, X86_VAND, 1, 1, t2_home(insn->b));
            x86_vbitwise_mem(&t->e, X86_VXOR, 1, 1, sign_bit);
        } else
            x86_vbitwise_mem(&t->e, X86_VAND, 1, 1, t2_home(insn->b));
        if (insn->op == T2_FSGNJX) {
            x86_vbitwise(&t->e, X86_VXOR, to, a, 1);
        } else {
            x86_vbitwise_mem(&t->e, X86_VAND, 0, a, others);
            x86_vbitwise(&t->e, X86_VOR, to, 0, 1);
        }
    }
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, number ? KNOW_NUMBER : KNOW_CANONICAL);
}

static void bits_to_x(struct t2_emit *t, const struct t2_insn *insn)
{
    t2_emit_canon(t, insn->a);
    unsigned a = t2_use_f(t, insn->a, 0);
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
    x86_vmove_to(&t->e, insn->bits, to, a);
    if (insn->bits < t->r->isa.xlen)
        x86_extend(&t->e, 32, true, to, to);
    t2_set(t, insn->d, to);
}

static void bits_from_x(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg a = t2_use(t, insn->a, X86_RCX);
    unsigned to = dest(t, insn->d);
    x86_vmove_from(&t->e, insn->bits, to, a);
    if (insn->bits == 32)
        x86_vbitwise_mem(&t->e, X86_VOR, to, to, CONSTANT(box));
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, insn->a == T2_X0 ? KNOW_NUMBER : KNOW_CANONICAL);
}

/* ---- Comparisons --------------------------------------------------------------------------------------- */

/* Leaves if the operand may be a NaN. No floating-point instruction finds that out, since it might raise a
 * flag. */
static void refuse_nan(struct t2_emit *t, const struct t2_insn *insn, unsigned variable)
{
    struct x86_emit *e = &t->e;
    if (t->fp.not_nan & bit_of(variable))
        return;
    unsigned reg = t2_use_f(t, variable, 0);
    x86_vmove_to(e, insn->bits, X86_RCX, reg);
    x86_op(e, X86_ADD, insn->bits, X86_RCX, X86_RCX);
    x86_mov_imm(e, X86_RDX, insn->bits == 64 ? (int64_t)0xffe0000000000000 : (int64_t)0xff000000);
    x86_op(e, X86_CMP, insn->bits, X86_RCX, X86_RDX);
    t2_exit_if(t, X86_A, t2_exit_here(t, insn));
    t->fp.not_nan |= bit_of(variable);
}

static void compare(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    want_box(t, insn, insn->bits, insn->a);
    want_box(t, insn, insn->bits, insn->b);
    if (insn->sign) {
        refuse_nan(t, insn, insn->a);
        refuse_nan(t, insn, insn->b);
    }
    unsigned a = t2_use_f(t, insn->a, 0), b = t2_use_f(t, insn->b, 1);
    enum x86_reg to = insn->d == T2_NONE ? X86_RCX : t2_dest(t, insn->d, X86_RCX);
    if (insn->cond == T2_EQ) {
        x86_vcompare(&t->e, insn->bits, false, a, b);
        x86_setcc(e, X86_E, X86_RCX);
        x86_setcc(e, X86_NP, X86_RDX);
        x86_op(e, X86_AND, 32, X86_RCX, X86_RDX);
    } else { /* b above a: a NaN sets the carry, and both fail */
        x86_vcompare(&t->e, insn->bits, !insn->sign, b, a);
        x86_setcc(e, insn->cond == T2_LT ? X86_A : X86_AE, X86_RCX);
    }
    x86_extend(e, 8, false, to, X86_RCX);
    t2_set(t, insn->d, to);
}

/* ---- Conversions --------------------------------------------------------------------------------------- */

static void from_integer(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    enum x86_reg a = t2_use(t, insn->a, X86_RCX);
    unsigned to = dest(t, insn->d);
    bool wide = insn->imm == 64;
    if (!insn->sign && insn->imm == 32) { /* as a positive number of 64 bits */
        x86_mov(e, 32, X86_RCX, a);
        a = X86_RCX;
        wide = true;
    } else if (!insn->sign) {
        x86_test(e, 64, a, a);
        t2_exit_if(t, X86_S, t2_exit_here(t, insn));
    }
    x86_vbitwise(&t->e, X86_VXOR, 0, 0, 0); /* so that it does not wait for an old value */
    x86_vcvt_from_integer(e, insn->bits, wide ? 64 : 32, to, 0, a);
    if (insn->bits == 32)
        x86_vbitwise_mem(&t->e, X86_VOR, to, to, CONSTANT(box));
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, KNOW_NUMBER);
}

/* A number that does not fit gives the host's indefinite integer, the lowest one: T1 looks again. */
static void to_integer(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    want_box(t, insn, insn->bits, insn->a);
    unsigned a = t2_use_f(t, insn->a, 0);
    bool narrow = insn->imm == 32 && insn->sign;
    /* A negative number may raise another flag: it leaves before the host raises any. */
    if (!insn->sign) {
        x86_vmove_to(e, insn->bits, X86_RCX, a);
        x86_test(e, insn->bits, X86_RCX, X86_RCX);
        t2_exit_if(t, X86_S, t2_exit_here(t, insn));
        /* So does a number that does not fit: above 2^32 - 1, or above the last number below 2^63. */
        const int64_t last[2][2] = { { 0x4f7fffff, 0x5effffff }, { 0x41efffffffe00000, 0x43dfffffffffffff } };
        x86_mov_imm(e, X86_RDX, last[insn->bits == 64][insn->imm == 64]);
        x86_op(e, X86_CMP, insn->bits, X86_RCX, X86_RDX);
        t2_exit_if(t, X86_A, t2_exit_here(t, insn));
    }
    x86_vcvt_to_integer(e, insn->bits, narrow ? 32 : 64, insn->cond == T2_EQ, X86_RCX, a);
    x86_mov_imm(e, X86_RDX, narrow ? 0x80000000ll : INT64_MIN);
    x86_op(e, X86_CMP, narrow ? 32 : 64, X86_RCX, X86_RDX);
    t2_exit_if(t, X86_E, t2_exit_here(t, insn));
    if (insn->imm < t->r->isa.xlen)
        x86_extend(e, 32, true, X86_RCX, X86_RCX);
    t2_set(t, insn->d, X86_RCX);
}

static void convert(struct t2_emit *t, const struct t2_insn *insn)
{
    unsigned from = 96u - insn->bits;
    want_box(t, insn, from, insn->a);
    unsigned a = t2_use_f(t, insn->a, 0), to = dest(t, insn->d);
    x86_vscalar(&t->e, X86_SCALAR_CONVERT, from, to, a, a);
    if (insn->bits == 32)
        x86_vbitwise_mem(&t->e, X86_VOR, to, to, CONSTANT(box));
    t2_set_f(t, insn->d, to);
    know(t, insn, insn->bits, KNOW_NOTHING);
}

static void read_flags(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    x86_stmxcsr(e, DBT_MEM(mxcsr));
    emit_fflags(e, X86_RCX, X86_RDX);
    t2_set(t, insn->d, X86_RCX);
}

void t2_emit_fp(struct t2_emit *t, const struct t2_insn *insn)
{
    switch (insn->op) {
    case T2_FADD:
    case T2_FSUB:
    case T2_FMUL:
    case T2_FDIV: arithmetic(t, insn); break;
    case T2_FSQRT: square_root(t, insn); break;
    case T2_FMADD:
    case T2_FMSUB:
    case T2_FNMSUB:
    case T2_FNMADD: fused(t, insn); break;
    case T2_FMIN:
    case T2_FMAX: minimum(t, insn); break;
    case T2_FSGNJ:
    case T2_FSGNJN:
    case T2_FSGNJX: sign(t, insn); break;
    case T2_FCMP: compare(t, insn); break;
    case T2_FMVX: bits_to_x(t, insn); break;
    case T2_XMVF: bits_from_x(t, insn); break;
    case T2_FCVTFI: from_integer(t, insn); break;
    case T2_FCVTIF: to_integer(t, insn); break;
    case T2_FCVTFF: convert(t, insn); break;
    case T2_FFLAGS: read_flags(t, insn); break;
    }
}
