/* SPDX-License-Identifier: MIT
 *
 * Lowerings of F, D, Zfh and Zfa that convert, round and move. fp.c explains how floating-point lowerings
 * work, fp_half.c has the conversions between half precision and the other formats.
 */
#include "dbt/x86/t1/fp.h"

#define OP (t->op)

/* ---- Moves --------------------------------------------------------------------------------------------- */

static bool to_x(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    t1_load(t, bits, true, X86_RAX, t1_f_mem(OP.rs1));
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool from_x(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    t1_copy(t, X86_RAX, OP.rs1);
    t1_fp_set_bits(t, bits);
    return true;
}

static bool constant(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    unsigned index = (unsigned)OP.imm;
    uint64_t value = bits == 64 ? fp_f64_fli(index) : bits == 32 ? fp_f32_fli(index) : fp_f16_fli(index);
    x86_mov_imm(&t->e, X86_RAX, (int64_t)value);
    t1_fp_set_bits(t, bits);
    return true;
}

/* rcx = the class of a number that is not negative, rdx = that of its negative; see fp_classify(). */
static void emit_classes(struct x86_emit *e, unsigned size)
{
    x86_mov_imm(e, X86_RCX, 1 << (4 + size));
    x86_mov_imm(e, X86_RDX, 1 << (3 - size));
}

/* rcx is the exponent, 0 or its maximum. Does the same as emit_classes(); for a NaN, only rcx is set, and the
 * returned jump is taken. */
static uint8_t *emit_special_classes(struct x86_emit *e, unsigned fraction)
{
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_shift_imm(e, X86_SHL, 64, X86_RDX, 64 - fraction); /* quiet NaNs have the uppermost bit */
    x86_test(e, 32, X86_RCX, X86_RCX);
    uint8_t *small = x86_jcc(e, X86_E);
    x86_test(e, 64, X86_RDX, X86_RDX);
    emit_classes(e, 3); /* keeps the flags, as all moves do */
    uint8_t *infinity = x86_jcc(e, X86_E);
    x86_mov_imm(e, X86_RCX, 1 << 8);
    x86_mov_imm(e, X86_RDX, 1 << 9);
    x86_cmov(e, X86_S, 32, X86_RCX, X86_RDX);
    uint8_t *nan = x86_jmp(e);
    x86_land(e, small);
    x86_test(e, 64, X86_RDX, X86_RDX);
    emit_classes(e, 0);
    uint8_t *zero = x86_jcc(e, X86_E);
    emit_classes(e, 1);
    x86_land(e, infinity);
    x86_land(e, zero);
    return nan;
}

static bool classify(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    unsigned fraction = fp_fraction_bits(bits), exponent = (unsigned)fp_exponent_max(bits);
    t1_fp_begin(t, true);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_load_bits(t, bits, true, X86_RAX, OP.rs1);
    x86_mov(e, bits, X86_RCX, X86_RAX);
    x86_shift_imm(e, X86_SHR, bits, X86_RCX, fraction);
    x86_op_imm(e, X86_AND, 32, X86_RCX, (int32_t)exponent);
    x86_lea(e, 32, X86_RDX, x86_mem(X86_RCX, -1));
    x86_op_imm(e, X86_CMP, 32, X86_RDX, (int32_t)exponent - 2);
    uint8_t *special = x86_jcc(e, X86_A);
    emit_classes(e, 2);
    uint8_t *normal = x86_jmp(e);
    x86_land(e, special);
    uint8_t *nan = emit_special_classes(e, fraction);
    x86_land(e, normal);
    x86_test(e, bits, X86_RAX, X86_RAX);
    x86_cmov(e, X86_S, 32, X86_RCX, X86_RDX);
    x86_land(e, nan);
    t1_set(t, X86_RCX);
    t1_fp_end(t);
    return true;
}

/* ---- From integers ------------------------------------------------------------------------------------- */

/* rax = the integer, extended to 64 bits. */
static void load_integer(struct t1 *t, unsigned integer_bits, bool sign)
{
    t1_copy(t, X86_RAX, OP.rs1);
    if (integer_bits == 32)
        x86_extend(&t->e, 32, sign, X86_RAX, X86_RAX);
}

/* Exact from 32 bits to double, otherwise rounded; an integer with the highest of 64 bits set is left to the
 * handler. To half by way of single: a number that single precision rounds, in whatever mode, is 2^24 or more
 * and overflows. */
static bool from_integer(struct t1 *t, unsigned bits, unsigned integer_bits, bool sign)
{
    struct x86_emit *e = &t->e;
    bool any_mode = bits == 16 || (bits == 64 && integer_bits == 32);
    if (!t1_fp_possible(t, bits))
        return false;
    t1_fp_begin(t, true);
    if (!any_mode || OP.rm == 7) /* frm may be reserved */
        t1_fp_look_at_rounding(t);
    load_integer(t, integer_bits, sign);
    if (integer_bits == 64 && !sign) {
        x86_test(e, 64, X86_RAX, X86_RAX);
        t1_fp_handler_if(t, x86_jcc(e, X86_S));
    }
    /* The conversion keeps the upper bits: so that it does not wait for them, they are cleared, or become the
     * box. */
    x86_packed_logic(e, bits == 16 ? X86_PCMPEQD : X86_PXOR, 0, 0);
    x86_cvt_from_integer(e, t1_fp_host_bits(bits), 64, 0, X86_RAX);
    t1_fp_set_number(t, bits);
    return true;
}

/* ---- To integers --------------------------------------------------------------------------------------- */

/* rax = xmm0, in the host's format, rounded as rm says. True: this raised no inexact flag; a truncating
 * conversion of xmm0 must do that, once it is known that the integer fits. */
static bool emit_to_integer(struct t1 *t, unsigned bits, unsigned integer_bits)
{
    struct x86_emit *e = &t->e;
    if (OP.rm == 7) {
        x86_cvt_to_integer(e, bits, integer_bits, X86_RAX, 0);
    } else if (OP.rm == 1) {
        x86_cvtt_to_integer_reg(e, bits, integer_bits, X86_RAX, 0);
    } else {
        x86_round(e, bits, 1, 0, X86_ROUND_QUIET | t1_fp_host_mode(OP.rm));
        x86_cvtt_to_integer_reg(e, bits, integer_bits, X86_RAX, 1);
        return true;
    }
    return false;
}

/* The host gives the lowest integer for all that does not fit; the handler looks at that one again. */
static bool to_signed(struct t1 *t, unsigned bits, unsigned integer_bits)
{
    struct x86_emit *e = &t->e;
    unsigned host = t1_fp_host_bits(bits);
    if (!t1_fp_possible(t, bits))
        return false;
    if (OP.rm != 1 && OP.rm != 7 && !t->dbt->host.sse41)
        return false;
    t1_fp_begin(t, true);
    if (OP.rm == 7)
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_load(t, bits, 0, OP.rs1);
    bool flags = emit_to_integer(t, host, integer_bits);
    x86_mov_imm(e, X86_RCX, integer_bits == 64 ? INT64_MIN : 0x80000000ll);
    x86_op(e, X86_CMP, integer_bits, X86_RAX, X86_RCX);
    t1_fp_handler_if(t, x86_jcc(e, X86_E));
    if (flags)
        x86_cvtt_to_integer_reg(e, host, integer_bits, X86_RCX, 0);
    t1_extend_result(t, integer_bits, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

/* From +0 to the last value that fits in every mode, by the signed conversion to 64 bits; the handler does
 * the others. */
static bool to_unsigned(struct t1 *t, unsigned bits, unsigned integer_bits)
{
    static const uint64_t last[3][2] = { { 0x7bff, 0x7bff },
                                         { 0x4f7fffff, 0x5effffff },
                                         { 0x41efffffffe00000, 0x43dfffffffffffff } };
    struct x86_emit *e = &t->e;
    unsigned host = t1_fp_host_bits(bits);
    if (!t1_fp_possible(t, bits))
        return false;
    if (OP.rm != 1 && OP.rm != 7 && !t->dbt->host.sse41)
        return false;
    t1_fp_begin(t, true);
    if (OP.rm == 7)
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_load_bits(t, bits, false, X86_RAX, OP.rs1);
    x86_mov_imm(e, X86_RCX, (int64_t)last[bits / 32][integer_bits == 64]);
    x86_op(e, X86_CMP, bits, X86_RAX, X86_RCX);
    t1_fp_handler_if(t, x86_jcc(e, X86_A));
    t1_fp_load(t, bits, 0, OP.rs1);
    if (emit_to_integer(t, host, 64))
        x86_cvtt_to_integer_reg(e, host, 64, X86_RCX, 0);
    t1_extend_result(t, integer_bits, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

/* ---- Formats, and integral values ---------------------------------------------------------------------- */

/* Between single and double. */
static bool convert(struct t1 *t, unsigned from_bits)
{
    struct x86_emit *e = &t->e;
    bool exact = from_bits == 32;
    if (!t1_fp_possible(t, from_bits))
        return false;
    t1_fp_begin(t, true);
    if (!exact || OP.rm == 7)
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, from_bits, OP.rs1);
    x86_packed_logic(e, X86_PXOR, 0, 0);
    if (t1_fp_in_x(t)) {
        t1_fp_load(t, from_bits, 1, OP.rs1);
        x86_sse_op(e, from_bits, X86_SCALAR_CONVERT, 0, 1);
    } else {
        x86_sse_op_mem(e, from_bits, X86_SCALAR_CONVERT, 0, t1_f_mem(OP.rs1));
    }
    t1_fp_set_result(t, 96 - from_bits);
    return true;
}

static bool round_to_integral(struct t1 *t, unsigned bits, bool inexact)
{
    struct x86_emit *e = &t->e;
    if (!t1_fp_possible(t, bits) || !t->dbt->host.sse41)
        return false;
    t1_fp_begin(t, true);
    if (OP.rm == 7)
        t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_load(t, bits, 0, OP.rs1);
    x86_round(e, t1_fp_host_bits(bits), 0, 0, (inexact ? 0 : X86_ROUND_QUIET) | t1_fp_host_mode(OP.rm));
    t1_fp_set_result(t, bits);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define CONVERT(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
