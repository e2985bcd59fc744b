/* SPDX-License-Identifier: MIT
 *
 * The x86-64 encoder, second part: VEX forms (AVX, FMA3, F16C, BMI1, BMI2). The caller has asked
 * x86_features().v3 before.
 */
#ifndef DBT_X86_VEX_H
#define DBT_X86_VEX_H

#include "dbt/x86/emit.h"

/* ---- Scalar floating point, of a format (`bits` 32 or 64) ---------------------------------------------- */

void x86_vload(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from); /* the rest is cleared */
void x86_vstore(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from);
/* The whole register (vmovaps), which the host renames. */
void x86_vmove(struct x86_emit *e, unsigned to, unsigned from);
/* to = a op b; the upper bits are those of a. SQRT and CONVERT are of b alone. */
void x86_vscalar(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a, unsigned b);
void x86_vscalar_mem(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a,
                     struct x86_mem b);
/* to = +-(second * to) +- third. */
void x86_vfused(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                unsigned third);
void x86_vfused_mem(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                    struct x86_mem third);
/* Flags as for unsigned numbers; parity: one is a NaN. Quiet, or it signals for every NaN. */
void x86_vcompare(struct x86_emit *e, unsigned bits, bool signals, unsigned a, unsigned b);
/* From a signed integer of 32 or 64 bits, by MXCSR's mode; the upper bits are those of `upper`. */
void x86_vcvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                           unsigned upper, enum x86_reg from);
/* To one, by MXCSR's mode or towards zero; what does not fit is the lowest one. */
void x86_vcvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, bool truncate,
                         enum x86_reg to, unsigned from);

/* ---- Bits of xmm registers ----------------------------------------------------------------------------- */

/* to = a op b, all bits; ANDN: not a, and b. The number is the opcode. */
enum x86_bitwise { X86_VAND = 0x54, X86_VANDN = 0x55, X86_VOR = 0x56, X86_VXOR = 0x57 };
void x86_vbitwise(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, unsigned b);
void x86_vbitwise_mem(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, struct x86_mem b);
/* The low 32 or 64 bits, from and to a general register; the rest is cleared. */
void x86_vmove_from(struct x86_emit *e, unsigned bits, unsigned to, enum x86_reg from);
void x86_vmove_to(struct x86_emit *e, unsigned bits, enum x86_reg to, unsigned from);
/* to = bits 32 to 63. */
void x86_vmove_high(struct x86_emit *e, enum x86_reg to, unsigned from);

/* ---- Half precision, and integers ---------------------------------------------------------------------- */

/* F16C: the four halves in the low 64 bits of a register or in memory, to and from the four singles of a
 * register. A signalling NaN is invalid in any of them. `mode` is one of
 * X86_ROUND_NEAREST..X86_ROUND_MXCSR. */
void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from);
void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from);
void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode);

/* to = from shifted by the count in a register, modulo the width; flags stay (BMI2). */
void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count);
/* to = as many bits of `from` as bits 8 to 15 of `control` say, from the bit on that its bits 0 to 7 say. */
void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control);
/* to = not a, and b, of 64 bits (BMI1). */
void x86_and_not(struct x86_emit *e, enum x86_reg to, enum x86_reg a, enum x86_reg b);
/* to = from rotated right by an immediate. */
void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count);

#endif
