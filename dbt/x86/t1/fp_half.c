/* SPDX-License-Identifier: MIT
 *
 * Half precision on the host's single precision and F16C: how it is computed, and the lowerings of Zfh that
 * are unlike those of F and D (fp.c, fp_convert.c).
 *
 * F16C converts four numbers at a time. In a boxed half, the upper three are quiet NaNs, which raise nothing
 * on the way to single precision and back, and scalar instructions leave them alone: the result of a chain of
 * these is boxed already. A signalling NaN is invalid in the conversion, as it is in every instruction that
 * converts its operands.
 *
 * Why this is exact. Every half is a single, and the result of an operation in single precision is rounded
 * twice:
 *  - Towards a side: to round to finer steps first changes nothing, since coarse steps are fine ones, too.
 *  - To nearest: only an exact result beside the middle of two halves could be drawn onto it. With 24 bits
 *    and 11, neither add, sub, mul, div nor sqrt has such a result (24 >= 2 * 11 + 2), not even if the half
 *    is subnormal: then sums and products are exact in single precision, and a quotient a / b that is neither
 *    such a middle m nor a half is 2^-22 of its size away, since a - m * b is a whole number of units of 22
 *    bits.
 *  - NX is that of either step. OF, UF and their NX come from the second step: halves make no single that is
 *    too large or too small, and the first step draws no inexact result onto a subnormal half, as above. The
 *    host detects tininess after rounding, as RISC-V does.
 * A sum of a product needs more bits. In double precision the product is exact, and so is a sum of less than
 * 2^5; larger sums may be rounded, but only if the product is too small to come near a middle. The way from
 * double to single is then made exact, too: the last bit stands for all behind it (round to odd).
 */
#include "dbt/x86/t1/fp.h"
#include "dbt/x86/vex.h"

#define OP (t->op)

/* From half to single or double, which is exact; but a reserved rounding mode is reserved here, too. */
static bool widen(struct t1 *t, unsigned to_bits)
{
    if (!t1_fp_possible(t, 16))
        return false;
    t1_fp_begin(t, true);
    if (OP.rm == 7)
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, 16, OP.rs1);
    t1_fp_load(t, 16, 0, OP.rs1);
    if (to_bits == 64)
        x86_sse_op(&t->e, 32, X86_SCALAR_CONVERT, 0, 0);
    t1_fp_set_result(t, to_bits);
    return true;
}

static bool from_single(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!t1_fp_possible(t, 16))
        return false;
    t1_fp_begin(t, true);
    if (OP.rm == 7) /* F16C has the others itself */
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, 32, OP.rs1);
    x86_sse_load(e, 32, 1, t1_f_mem(OP.rs1));
    x86_packed_logic(e, X86_PCMPEQD, 0, 0);
    x86_sse_op(e, 32, X86_SCALAR_MOVE, 0, 1);
    t1_fp_set_result(t, 16);
    return true;
}

/* xmm0 = ones, and below them the double in rax as a single, rounded to odd; uses rcx and xmm1. A number that
 * is too large for a single, or subnormal there, is rounded as MXCSR says, which does not change how it is
 * rounded to a half. */
static void emit_to_single(struct t1 *t)
{
    const int32_t lost = (1 << (52 - 23)) - 1;
    struct x86_emit *e = &t->e;
    x86_mov(e, 32, X86_RCX, X86_RAX);
    x86_op_imm(e, X86_AND, 32, X86_RCX, lost);
    x86_op_imm(e, X86_ADD, 32, X86_RCX, lost); /* carries into the last bit that is kept */
    x86_op(e, X86_OR, 64, X86_RAX, X86_RCX);
    x86_op_imm(e, X86_AND, 64, X86_RAX, ~lost);
    x86_movq_from(e, 1, X86_RAX);
    x86_packed_logic(e, X86_PCMPEQD, 0, 0);
    x86_sse_op(e, 64, X86_SCALAR_CONVERT, 0, 1);
}

static bool from_double(struct t1 *t)
{
    if (!t1_fp_possible(t, 16))
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_rounding(t);
    x86_load(&t->e, 64, X86_RAX, t1_f_mem(OP.rs1));
    emit_to_single(t);
    t1_fp_set_result(t, 16);
    return true;
}

/* xmm0 = +-rs1, in single precision. */
static void load_factor(struct t1 *t, bool negate)
{
    struct x86_emit *e = &t->e;
    if (!negate) {
        t1_fp_load(t, 16, 0, OP.rs1);
        return;
    }
    x86_load(e, 64, X86_RAX, t1_f_mem(OP.rs1));
    x86_op_imm(e, X86_XOR, 32, X86_RAX, 0x8000); /* the box is not needed here */
    x86_movq_from(e, 0, X86_RAX);
    x86_halves_to_singles(e, 0, 0);
}

/* +-(rs1 * rs2) +- rs3. */
static bool fused(struct t1 *t, bool negate, enum x86_scalar op)
{
    struct x86_emit *e = &t->e;
    if (!t1_fp_possible(t, 16))
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, 16, OP.rs1);
    t1_fp_look_at_box(t, 16, OP.rs2);
    t1_fp_look_at_box(t, 16, OP.rs3);
    load_factor(t, negate);
    t1_fp_load(t, 16, 1, OP.rs2);
    x86_sse_op(e, 32, X86_SCALAR_MUL, 0, 1);
    x86_sse_op(e, 32, X86_SCALAR_CONVERT, 0, 0);
    t1_fp_load(t, 16, 1, OP.rs3);
    x86_sse_op(e, 32, X86_SCALAR_CONVERT, 1, 1);
    x86_sse_op(e, 64, op, 0, 1);
    x86_movq_to(e, X86_RAX, 0);
    emit_to_single(t);
    t1_fp_set_result(t, 16);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define HALF(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
