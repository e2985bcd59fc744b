/* SPDX-License-Identifier: MIT
 *
 * VEX encodings; see x86/vex.h. Always the three-byte form of VEX: code size has not been seen to matter.
 */
#include "dbt/x86/vex.h"

enum vex_map { MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };
enum vex_prefix { PP_NONE = 0, PP_66 = 1, PP_F3 = 2, PP_F2 = 3 };

/* Which instruction, as the manual's "VEX.128.pp.map.W opcode" says. */
struct vex {
    uint8_t opcode;
    uint8_t map, prefix; /* enum vex_map, enum vex_prefix */
    bool wide;           /* W */
};

static void prefix(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned index,
                   unsigned rm)
{
    x86_byte(e, 0xc4);
    x86_byte(e, (reg & 8 ? 0 : 0x80u) | (index & 8 ? 0 : 0x40u) | (rm & 8 ? 0 : 0x20u) | form.map);
    x86_byte(e, (form.wide ? 0x80u : 0) | (~second & 15u) << 3 | form.prefix);
    x86_byte(e, form.opcode);
}

/* reg: ModRM.reg; second: VEX.vvvv (0 where there is none); the last operand is ModRM.rm. */
static void emit(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned rm)
{
    prefix(e, form, reg, second, 0, rm);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void emit_mem(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, struct x86_mem rm)
{
    prefix(e, form, reg, second, rm.index == X86_NONE ? 0 : rm.index, rm.base);
    x86_modrm_mem(e, reg, rm);
}

/* With an 8-bit immediate behind. */
static void emit_imm(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned rm,
                     unsigned immediate)
{
    emit(e, form, reg, second, rm);
    x86_byte(e, immediate);
}

/* ---- Scalar floating point ----------------------------------------------------------------------------- */

static struct vex scalar(unsigned bits, unsigned opcode)
{
    return (struct vex){ (uint8_t)opcode, MAP_0F, bits == 64 ? PP_F2 : PP_F3, false };
}

/* Packed forms, whose prefix says the format. */
static struct vex packed(unsigned bits, unsigned opcode)
{
    return (struct vex){ (uint8_t)opcode, MAP_0F, bits == 64 ? PP_66 : PP_NONE, false };
}

static struct vex fused(unsigned bits, enum x86_fused op)
{
    return (struct vex){ (uint8_t)op, MAP_0F38, PP_66, bits == 64 };
}

enum { STORE = 0x11, MOVE_ALL = 0x28, FROM_INTEGER = 0x2a, TO_INTEGER = 0x2d, TRUNCATE = 0x2c };
enum { COMPARE_QUIET = 0x2e, COMPARE = 0x2f };

void x86_vload(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from)
{
    emit_mem(e, scalar(bits, X86_SCALAR_MOVE), to, 0, from);
}

void x86_vstore(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from)
{
    emit_mem(e, scalar(bits, STORE), from, 0, to);
}

void x86_vmove(struct x86_emit *e, unsigned to, unsigned from)
{
    emit(e, packed(32, MOVE_ALL), to, 0, from);
}

void x86_vscalar(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a, unsigned b)
{
    emit(e, scalar(bits, op), to, a, b);
}

void x86_vscalar_mem(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a,
                     struct x86_mem b)
{
    emit_mem(e, scalar(bits, op), to, a, b);
}

void x86_vfused(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                unsigned third)
{
    emit(e, fused(bits, op), to, second, third);
}

void x86_vfused_mem(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                    struct x86_mem third)
{
    emit_mem(e, fused(bits, op), to, second, third);
}

void x86_vcompare(struct x86_emit *e, unsigned bits, bool signals, unsigned a, unsigned b)
{
    emit(e, packed(bits, signals ? COMPARE : COMPARE_QUIET), a, 0, b);
}

void x86_vcvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                           unsigned upper, enum x86_reg from)
{
    struct vex form = scalar(bits, FROM_INTEGER);
    form.wide = integer_bits == 64;
    emit(e, form, to, upper, from);
}

void x86_vcvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, bool truncate,
                         enum x86_reg to, unsigned from)
{
    struct vex form = scalar(bits, truncate ? TRUNCATE : TO_INTEGER);
    form.wide = integer_bits == 64;
    emit(e, form, to, 0, from);
}

/* ---- Bits of xmm registers ----------------------------------------------------------------------------- */

void x86_vbitwise(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, unsigned b)
{
    emit(e, packed(32, op), to, a, b);
}

void x86_vbitwise_mem(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, struct x86_mem b)
{
    emit_mem(e, packed(32, op), to, a, b);
}

void x86_vmove_from(struct x86_emit *e, unsigned bits, unsigned to, enum x86_reg from)
{
    emit(e, (struct vex){ 0x6e, MAP_0F, PP_66, bits == 64 }, to, 0, from);
}

void x86_vmove_to(struct x86_emit *e, unsigned bits, enum x86_reg to, unsigned from)
{
    emit(e, (struct vex){ 0x7e, MAP_0F, PP_66, bits == 64 }, from, 0, to);
}

void x86_vmove_high(struct x86_emit *e, enum x86_reg to, unsigned from)
{
    emit_imm(e, (struct vex){ 0x16, MAP_0F3A, PP_66, false }, from, 0, to, 1);
}

/* ---- Half precision, and integers ---------------------------------------------------------------------- */

static const struct vex from_halves = { 0x13, MAP_0F38, PP_66, false };
static const struct vex to_halves = { 0x1d, MAP_0F3A, PP_66, false };

void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from)
{
    emit(e, from_halves, to, 0, from);
}

void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    emit_mem(e, from_halves, to, 0, from);
}

void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode)
{
    emit_mem(e, to_halves, from, 0, to);
    x86_byte(e, mode);
}

void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count)
{
    unsigned pp = op == X86_SHL ? PP_66 : op == X86_SHR ? PP_F2 : PP_F3;
    emit(e, (struct vex){ 0xf7, MAP_0F38, (uint8_t)pp, bits == 64 }, to, count, from);
}

void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control)
{
    emit(e, (struct vex){ 0xf7, MAP_0F38, 0, bits == 64 }, to, control, from);
}

void x86_and_not(struct x86_emit *e, enum x86_reg to, enum x86_reg a, enum x86_reg b)
{
    emit(e, (struct vex){ 0xf2, MAP_0F38, PP_NONE, true }, to, a, b);
}

void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count)
{
    emit_imm(e, (struct vex){ 0xf0, MAP_0F3A, PP_F2, bits == 64 }, to, 0, from, count);
}
