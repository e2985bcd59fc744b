/* SPDX-License-Identifier: MIT
 *
 * The x86-64 encoder, second part: VEX forms (AVX, FMA3, F16C, BMI1, BMI2). They are for hosts with
 * x86_features().v3.
 */
#ifndef DBT_X86_VEX_H
#define DBT_X86_VEX_H

#include "dbt/x86/emit.h"

/* ---- Scalar floating point, of a format (`bits` 32 or 64) ---------------------------------------------- */

void x86_vload(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from); /* the rest is cleared */
void x86_vstore(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from);
/* The whole register (vmovaps), which the host renames. */
void x86_vmove(struct x86_emit *e, unsigned to, unsigned from);
/* to = a op b; the upper bits are those of a. SQRT and CONVERT take b alone. */
void x86_vscalar(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a, unsigned b);
void x86_vscalar_mem(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a,
                     struct x86_mem b);
/* to = +-(second * to) +- third. */
void x86_vfused(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                unsigned third);
void x86_vfused_mem(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                    struct x86_mem third);
/* Sets flags as for unsigned numbers, and parity if one is a NaN. `signals`: every NaN is invalid; otherwise
 * only a signalling NaN. */
void x86_vcompare(struct x86_emit *e, unsigned bits, bool signals, unsigned a, unsigned b);
/* From a signed integer of 32 or 64 bits, by MXCSR's mode; the upper bits are those of `upper`. */
void x86_vcvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                           unsigned upper, enum x86_reg from);
/* To a signed integer, by MXCSR's mode or towards zero; a value that does not fit becomes the lowest
 * integer. */
void x86_vcvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, bool truncate,
                         enum x86_reg to, unsigned from);

/* ---- Bits of xmm registers ----------------------------------------------------------------------------- */

/* to = a op b, all bits; ANDN: ~a & b. The number is the opcode. */
enum x86_bitwise { X86_VAND = 0x54, X86_VANDN = 0x55, X86_VOR = 0x56, X86_VXOR = 0x57 };
void x86_vbitwise(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, unsigned b);
void x86_vbitwise_mem(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, struct x86_mem b);
/* The low 32 or 64 bits, from and to a general register; the rest is cleared. */
void x86_vmove_from(struct x86_emit *e, unsigned bits, unsigned to, enum x86_reg from);
void x86_vmove_to(struct x86_emit *e, unsigned bits, enum x86_reg to, unsigned from);
/* to = 16 bytes, from byte `count` on, of the 32 bytes that have b as their lower half and a as their
 * upper. */
void x86_valign(struct x86_emit *e, unsigned to, unsigned a, unsigned b, unsigned count);
/* to = bits 32 to 63. */
void x86_vmove_high(struct x86_emit *e, enum x86_reg to, unsigned from);

/* ---- Packed: 16 or 32 bytes of a register (AVX2, FMA3) ------------------------------------------------- */

/* Each operation has four numbers, for elements of 8, 16, 32 and 64 bits, so that X86_VADD_8 + log2 of the
 * bytes is the form for an element. Not all forms exist: x86_vpacked_is(). */
enum x86_vpacked {
    X86_VADD_8,
    X86_VSUB_8 = X86_VADD_8 + 4,
    X86_VMIN_8 = X86_VSUB_8 + 4, /* signed */
    X86_VMINU_8 = X86_VMIN_8 + 4,
    X86_VMAX_8 = X86_VMINU_8 + 4,
    X86_VMAXU_8 = X86_VMAX_8 + 4,
    X86_VMUL_8 = X86_VMAXU_8 + 4, /* the lower half */
    X86_VSHL_8 = X86_VMUL_8 + 4,  /* by the count in the low 64 bits of an xmm register */
    X86_VSHR_8 = X86_VSHL_8 + 4,
    X86_VSAR_8 = X86_VSHR_8 + 4,
    X86_VSHLV_8 = X86_VSAR_8 + 4, /* each by its own count */
    X86_VSHRV_8 = X86_VSHLV_8 + 4,
    X86_VSARV_8 = X86_VSHRV_8 + 4,
    X86_VAND_8 = X86_VSARV_8 + 4, /* one form for all */
    X86_VOR_8 = X86_VAND_8 + 4,
    X86_VXOR_8 = X86_VOR_8 + 4,
    X86_VFADD_8 = X86_VXOR_8 + 4, /* 32 and 64 bits, and below */
    X86_VFSUB_8 = X86_VFADD_8 + 4,
    X86_VFMUL_8 = X86_VFSUB_8 + 4,
    X86_VFDIV_8 = X86_VFMUL_8 + 4,
    X86_VFMADD213_8 = X86_VFDIV_8 + 4, /* to = +-(a * to) +- b */
    X86_VFMSUB213_8 = X86_VFMADD213_8 + 4,
    X86_VFNMADD213_8 = X86_VFMSUB213_8 + 4,
    X86_VFNMSUB213_8 = X86_VFNMADD213_8 + 4,
    X86_VFMADD231_8 = X86_VFNMSUB213_8 + 4, /* to = +-(a * b) +- to */
    X86_VFMSUB231_8 = X86_VFMADD231_8 + 4,
    X86_VFNMADD231_8 = X86_VFMSUB231_8 + 4,
    X86_VFNMSUB231_8 = X86_VFNMADD231_8 + 4,
    X86_VPACKED_COUNT = X86_VFNMSUB231_8 + 4
};
/* `op` is one of these, or one of enum x86_epacked (evex.h), of which some have a VEX form, too. A form with
 * one operand takes b, and a is 0. */
bool x86_vpacked_is(unsigned op);
void x86_vpacked(struct x86_emit *e, unsigned op, unsigned bytes, unsigned to, unsigned a, unsigned b);
void x86_vpacked_mem(struct x86_emit *e, unsigned op, unsigned bytes, unsigned to, unsigned a,
                     struct x86_mem b);
void x86_vload_packed(struct x86_emit *e, unsigned bytes, unsigned to, struct x86_mem from);
void x86_vstore_packed(struct x86_emit *e, unsigned bytes, struct x86_mem to, unsigned from);
/* From register to register, which the host renames. */
void x86_vmove_packed(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from);
/* The zero flag = whether a & b is 0 in all bits. */
void x86_vtest(struct x86_emit *e, unsigned bytes, unsigned a, unsigned b);
/* Each element of `to`, of 1 << log2 bytes, becomes the lowest one of xmm `from`. */
void x86_vbroadcast(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned from);
void x86_vsqrt_packed(struct x86_emit *e, unsigned bits, unsigned bytes, unsigned to, unsigned from);
/* Each element of `to` becomes all ones if that of `from` is a NaN, otherwise 0. */
void x86_vnan_packed(struct x86_emit *e, unsigned bits, unsigned bytes, unsigned to, unsigned from);
/* Each element of `to` becomes all ones if the comparison of a and b holds, otherwise 0. */
void x86_vequal(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a, unsigned b);
void x86_vequal_mem(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a,
                    struct x86_mem b);
void x86_vgreater(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a, unsigned b);
/* The same for floating-point numbers; `predicate` is one of enum x86_fpredicate (evex.h). */
void x86_vcompare_packed(struct x86_emit *e, unsigned bits, unsigned predicate, unsigned bytes, unsigned to,
                         unsigned a, unsigned b);
/* Each byte of `to` is that of b if the highest bit of `mask`'s byte is set, otherwise that of a. */
void x86_vblend(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b, unsigned mask);
/* to = the sign bits of elements of 1 << log2 bytes, which are 1, 4 or 8. */
void x86_vsigns(struct x86_emit *e, unsigned log2, unsigned bytes, enum x86_reg to, unsigned from);
/* In each 16 bytes: signed numbers of 2 bytes, those of a and then those of b, become the nearest bytes. */
void x86_vpack_signed(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b);
/* to = the upper 16 bytes of `from`. */
void x86_vupper(struct x86_emit *e, unsigned to, unsigned from);
/* to = the lower 16 bytes of `low`, and above them those of `high`. */
void x86_vjoin(struct x86_emit *e, unsigned to, unsigned low, unsigned high);
/* Each 8 bytes of `to` become 8 bytes of `from`, whose numbers are four times 2 bits of `order`. */
void x86_vorder_64(struct x86_emit *e, unsigned to, unsigned from, unsigned order);
/* Each 16 bytes of `to` become those of `from`, shifted right by `count` bytes. */
void x86_vshift_bytes(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from, unsigned count);
/* The 16 bytes of `to` become those of `from`, shifted left by `count` bytes. */
void x86_vshift_bytes_left(struct x86_emit *e, unsigned to, unsigned from, unsigned count);
/* to = the carry-less product of 8 bytes of a and of b, their upper or their lower ones (PCLMULQDQ). */
void x86_vclmul(struct x86_emit *e, unsigned to, unsigned a, bool a_high, unsigned b, bool b_high);
/* The 16 bytes of `to` become those of `from`, except for element `number`, which is loaded from memory. */
void x86_vinsert(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, struct x86_mem mem,
                 unsigned number);
/* The same from a general register, of which the low bits count. */
void x86_vinsert_from(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, enum x86_reg element,
                      unsigned number);
/* Each 4 bytes of `to` are those of b if their bit of `bits` is set, otherwise those of a. */
void x86_vblend_32(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b, unsigned bits);
/* Both halves of `to` become 16 bytes of memory; the upper half of `to` becomes those, and the lower that of
 * `low`. */
void x86_vload_twice(struct x86_emit *e, unsigned to, struct x86_mem from);
void x86_vjoin_mem(struct x86_emit *e, unsigned to, unsigned low, struct x86_mem high);
/* Each element of 1 << log2 bytes, which are 2 or more, is shifted by `count` bits. */
void x86_vshift_imm(struct x86_emit *e, bool left, unsigned log2, unsigned bytes, unsigned to, unsigned from,
                    unsigned count);
/* to = the smaller numbers of a and b, or the larger ones. If one is a NaN, or if both are zeros, that is b.
 */
void x86_vextreme(struct x86_emit *e, unsigned bits, bool larger, unsigned bytes, unsigned to, unsigned a,
                  unsigned b);
/* Halves, as many as singles are in `bytes` bytes of a register, to memory; MXCSR says how they are rounded.
 */
void x86_vhalves(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from);
/* Stores elements of 1 << log2 bytes, which are 4 or 8, whose highest bit in `mask` is set. */
void x86_vstore_masked(struct x86_emit *e, unsigned log2, unsigned bytes, struct x86_mem to, unsigned mask,
                       unsigned from);
/* Clears the upper halves of all registers: legacy SSE code is slow unless they are 0. */
void x86_vzeroupper(struct x86_emit *e);

/* ---- Half precision, and integers ---------------------------------------------------------------------- */

/* F16C: the four halves in the low 64 bits of a register or in memory, to and from the four singles of a
 * register. A signalling NaN raises invalid. `mode` is one of X86_ROUND_NEAREST..X86_ROUND_MXCSR. */
void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from);
void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from);
void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode);

/* to = from shifted by the count in a register, modulo the width; flags stay (BMI2). */
void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count);
/* to = bits of `from`: bits 0 to 7 of `control` say the first, bits 8 to 15 how many. */
void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control);
/* to = ~a & b, of 64 bits (BMI1). */
void x86_and_not(struct x86_emit *e, enum x86_reg to, enum x86_reg a, enum x86_reg b);
/* to = from rotated right by an immediate (BMI2). */
void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count);

#endif
