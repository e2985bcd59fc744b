/* SPDX-License-Identifier: MIT
 *
 * The x86-64 encoder, second part: VEX forms (AVX, FMA3, F16C, BMI1, BMI2). The caller has asked
 * x86_v3_supported() before.
 */
#ifndef DBT_X86_VEX_H
#define DBT_X86_VEX_H

#include "dbt/x86/emit.h"

/* The host has what x86-64-v3 has: AVX, FMA3, F16C, BMI1, BMI2, LZCNT, POPCNT, and the system keeps AVX
 * state. */
bool x86_v3_supported(void);

enum x86_vex_map { X86_0F = 1, X86_0F38 = 2, X86_0F3A = 3 };
enum x86_vex_prefix { X86_PP_NONE = 0, X86_PP_66 = 1, X86_PP_F3 = 2, X86_PP_F2 = 3 };

/* Which instruction, as the manual's "VEX.128.pp.map.W opcode" says. */
struct x86_vex {
    uint8_t opcode;
    uint8_t map, prefix; /* enum x86_vex_map, enum x86_vex_prefix */
    bool wide;           /* W */
};

/* reg: ModRM.reg; second: VEX.vvvv (0 where there is none); the last operand is ModRM.rm. */
void x86_vex(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, unsigned rm);
void x86_vex_mem(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, struct x86_mem rm);
/* With an 8-bit immediate behind. */
void x86_vex_imm(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, unsigned rm,
                 unsigned immediate);

/* Scalar arithmetic of a format (32, 64): add 0x58, mul 0x59, sub 0x5c, min 0x5d, div 0x5e, max 0x5f, sqrt
 * 0x51, conversion between the formats 0x5a; moves 0x10, 0x11. */
static inline struct x86_vex x86_vex_scalar(unsigned bits, unsigned opcode)
{
    return (struct x86_vex){ (uint8_t)opcode, X86_0F, bits == 64 ? X86_PP_F2 : X86_PP_F3, false };
}

/* F16C: the four halves in the low 64 bits of a register or in memory, to and from the four singles of a
 * register. A signalling NaN is invalid in any of them. `mode` is one of X86_ROUND_NEAREST..X86_ROUND_MXCSR.
 */
void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from);
void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from);
void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode);

/* to = from shifted by the count in a register, modulo the width; flags stay (BMI2). */
void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count);
/* to = as many bits of `from` as bits 8 to 15 of `control` say, from the bit on that its bits 0 to 7 say. */
void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control);
/* to = from rotated right by an immediate. */
void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count);

#endif
