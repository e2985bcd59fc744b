/* SPDX-License-Identifier: MIT
 *
 * An x86-64 encoder: appends machine instructions to a buffer. It knows nothing of RISC-V.
 *
 * The buffer has a fixed end. If an instruction does not fit, `overflow` is set and nothing more is written;
 * the caller checks it once, when it is done. Registers have the hardware's numbers. Sizes are in bits, 32 or
 * 64, unless a function says more. An operation of 32 bits clears the upper half of its destination.
 *
 *     x86_lea(e, 64, X86_RAX, x86_mem(X86_RBX, 16));        lea rax, [rbx + 16]
 *     x86_op_mem(e, X86_CMP, 64, X86_RAX, x86_mem(...));    cmp rax, [...]
 *     uint8_t *site = x86_jcc(e, X86_NE);                   jne rel32; x86_land(e, site) sets its target
 *
 * One thread at a time.
 */
#ifndef DBT_X86_EMIT_H
#define DBT_X86_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbt/x86/patch.h"

enum x86_reg {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R9,
    X86_R10,
    X86_R11,
    X86_R12,
    X86_R13,
    X86_R14,
    X86_R15,
    X86_NONE
};

/* Two-operand arithmetic; the number is the opcode's middle bits. */
enum x86_alu { X86_ADD = 0, X86_OR = 1, X86_AND = 4, X86_SUB = 5, X86_XOR = 6, X86_CMP = 7 };
enum x86_shift { X86_ROL = 0, X86_ROR = 1, X86_SHL = 4, X86_SHR = 5, X86_SAR = 7 };
/* Conditions; the number is the low nibble of the opcode; ^ 1 is the opposite. */
enum x86_cond {
    X86_B = 2,
    X86_AE = 3,
    X86_E = 4,
    X86_NE = 5,
    X86_A = 7,
    X86_S = 8,
    X86_NS = 9,
    X86_P = 10,
    X86_NP = 11,
    X86_L = 12,
    X86_GE = 13,
    X86_LE = 14,
    X86_G = 15
};

struct x86_mem {
    enum x86_reg base, index; /* index X86_NONE: none */
    int32_t disp;
    uint8_t scale; /* of the index: shifted left by 0 to 3 */
};

struct x86_emit {
    uint8_t *at, *end;
    ptrdiff_t run; /* address where a byte runs = address where it is written + run */
    bool overflow;
    uint16_t vectors; /* one bit for each register that VEX instructions have written since it was cleared */
};

static inline struct x86_mem x86_mem(enum x86_reg base, int32_t disp)
{
    return (struct x86_mem){ base, X86_NONE, disp, 0 };
}

static inline struct x86_mem x86_mem_index(enum x86_reg base, enum x86_reg index, int32_t disp)
{
    return (struct x86_mem){ base, index, disp, 0 };
}

static inline struct x86_mem x86_mem_scaled(enum x86_reg base, enum x86_reg index, unsigned scale,
                                            int32_t disp)
{
    return (struct x86_mem){ base, index, disp, (uint8_t)scale };
}

/* The address at which the next instruction will run. */
static inline const uint8_t *x86_here(const struct x86_emit *e)
{
    return e->at + e->run;
}

/* For the encoder's other files: appends ModRM, SIB and displacement of an operand in memory. */
void x86_modrm_mem(struct x86_emit *e, unsigned reg, struct x86_mem mem);
/* Appends a byte; four bytes. */
static inline void x86_byte(struct x86_emit *e, unsigned value)
{
    if (e->at < e->end)
        *e->at++ = (uint8_t)value;
    else
        e->overflow = true;
}

static inline void x86_dword(struct x86_emit *e, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        x86_byte(e, value >> 8 * i & 0xff);
}

/* Moves. */
void x86_mov(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from);
void x86_mov_imm(struct x86_emit *e, enum x86_reg to, int64_t value); /* the shortest form; keeps flags */
/* The same for a value of which `width` bits count, 32 or 64; the others become 0. */
static inline void x86_mov_imm_to(struct x86_emit *e, unsigned width, enum x86_reg to, int64_t value)
{
    x86_mov_imm(e, to, width == 32 ? (uint32_t)value : value);
}
void x86_load(struct x86_emit *e, unsigned bits, enum x86_reg to, struct x86_mem from);
void x86_store(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg from); /* 8, 16, 32, 64 */
void x86_store_imm(struct x86_emit *e, unsigned bits, struct x86_mem to, int32_t value); /* 32, 64 */
/* Sign or zero extension of 8, 16 or 32 bits to `width`, 32 or 64; then the same to 64. */
void x86_extend_to(struct x86_emit *e, unsigned width, unsigned bits, bool sign, enum x86_reg to,
                   enum x86_reg from);
void x86_load_extend_to(struct x86_emit *e, unsigned width, unsigned bits, bool sign, enum x86_reg to,
                        struct x86_mem from);
static inline void x86_extend(struct x86_emit *e, unsigned bits, bool sign, enum x86_reg to,
                              enum x86_reg from)
{
    x86_extend_to(e, 64, bits, sign, to, from);
}
static inline void x86_load_extend(struct x86_emit *e, unsigned bits, bool sign, enum x86_reg to,
                                   struct x86_mem from)
{
    x86_load_extend_to(e, 64, bits, sign, to, from);
}
void x86_lea(struct x86_emit *e, unsigned bits, enum x86_reg to, struct x86_mem from);

/* Arithmetic. */
void x86_op(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, enum x86_reg from);
void x86_op_mem(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, struct x86_mem from);
void x86_op_imm(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, int32_t value);
void x86_mem_op_imm(struct x86_emit *e, enum x86_alu op, unsigned bits, struct x86_mem to, int32_t value);
/* bits: 8, 16, 32, 64. */
void x86_mem_op(struct x86_emit *e, enum x86_alu op, unsigned bits, struct x86_mem to, enum x86_reg from);
void x86_test(struct x86_emit *e, unsigned bits, enum x86_reg a, enum x86_reg b);
void x86_test_mem_imm(struct x86_emit *e, struct x86_mem a, int32_t value);
void x86_shift_imm(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, unsigned count);
void x86_shift_cl(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to);
void x86_imul(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from);
/* to = from * value. */
void x86_imul_imm(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, int32_t value);
void x86_not(struct x86_emit *e, unsigned bits, enum x86_reg to);
void x86_neg(struct x86_emit *e, unsigned bits, enum x86_reg to);
/* rdx:rax = rax * from. */
void x86_mul(struct x86_emit *e, bool sign, unsigned bits, enum x86_reg from);
void x86_setcc(struct x86_emit *e, enum x86_cond cond, enum x86_reg to); /* low byte; then extend */
void x86_cmov(struct x86_emit *e, enum x86_cond cond, unsigned bits, enum x86_reg to, enum x86_reg from);
void x86_bswap(struct x86_emit *e, unsigned bits, enum x86_reg to);
/* F3 0F B8/BC/BD: popcnt, tzcnt, lzcnt; the CPU has them. */
enum x86_count { X86_POPCNT = 0xb8, X86_TZCNT = 0xbc, X86_LZCNT = 0xbd };
void x86_count(struct x86_emit *e, enum x86_count op, unsigned bits, enum x86_reg to, enum x86_reg from);
void x86_mfence(struct x86_emit *e);
void x86_trap(struct x86_emit *e); /* an instruction that is none (ud2) */
/* rax = rdx:rax / from, rdx = the remainder; the host traps if `from` is 0 or the quotient does not fit. */
void x86_div(struct x86_emit *e, bool sign, unsigned bits, enum x86_reg from);
void x86_sign_to_rdx(struct x86_emit *e, unsigned bits); /* cdq, cqo */
/* One bit of a register; the number is taken modulo `bits`. */
enum x86_bit { X86_BT = 0xa3, X86_BTS = 0xab, X86_BTR = 0xb3, X86_BTC = 0xbb };
void x86_bit_op(struct x86_emit *e, enum x86_bit op, unsigned bits, enum x86_reg to, enum x86_reg number);
void x86_test_imm8(struct x86_emit *e, enum x86_reg a, unsigned value); /* of the low byte; rax..rbx */

void x86_test_imm32(struct x86_emit *e, enum x86_reg a, int32_t value);

/* Atomic: x86_lock() before an x86_mem_op*(), x86_xadd() or x86_cmpxchg(); x86_xchg() locks by itself. bits:
 * 8, 16, 32, 64. */
void x86_lock(struct x86_emit *e);
void x86_xadd(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg reg);
void x86_xchg(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg reg);
void x86_cmpxchg(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg from); /* with rax */

/* Scalar arithmetic in a format (32, 64), SSE2 and AVX; the number is the opcode's last byte. CONVERT is from
 * that format to the other one. */
enum x86_scalar {
    X86_SCALAR_MOVE = 0x10,
    X86_SCALAR_SQRT = 0x51,
    X86_SCALAR_ADD = 0x58,
    X86_SCALAR_MUL = 0x59,
    X86_SCALAR_CONVERT = 0x5a,
    X86_SCALAR_SUB = 0x5c,
    X86_SCALAR_MIN = 0x5d,
    X86_SCALAR_DIV = 0x5e,
    X86_SCALAR_MAX = 0x5f
};
void x86_sse_op(struct x86_emit *e, unsigned bits, enum x86_scalar op, unsigned to, unsigned from);
void x86_sse_op_mem(struct x86_emit *e, unsigned bits, enum x86_scalar op, unsigned to, struct x86_mem from);
void x86_sse_load(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from);
void x86_sse_store(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from);
void x86_ldmxcsr(struct x86_emit *e, struct x86_mem from);
void x86_stmxcsr(struct x86_emit *e, struct x86_mem to);
void x86_ucomis(struct x86_emit *e, unsigned bits, unsigned a, unsigned b); /* quiet */
void x86_comis(struct x86_emit *e, unsigned bits, unsigned a, unsigned b);  /* signals for every NaN */
void x86_cvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                          enum x86_reg from);
void x86_cvtt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                         struct x86_mem from); /* truncating */
/* FMA3: to = +-(second * to) +- from, the scalar 213 forms, with xmm0..7 only. */
enum x86_fused {
    X86_FMADD213 = 0xa9,
    X86_FMSUB213 = 0xab,
    X86_FNMADD213 = 0xad, /* -(second * to) + from */
    X86_FNMSUB213 = 0xaf  /* -(second * to) - from */
};
void x86_fma_mem(struct x86_emit *e, unsigned bits, enum x86_fused op, unsigned to, unsigned second,
                 struct x86_mem from);
void x86_fma(struct x86_emit *e, unsigned bits, enum x86_fused op, unsigned to, unsigned second,
             unsigned from);

/* Whole xmm registers 0..7. */
void x86_movq_from(struct x86_emit *e, unsigned to, enum x86_reg from); /* upper half cleared */
void x86_movq_to(struct x86_emit *e, enum x86_reg to, unsigned from);
void x86_pextrq(struct x86_emit *e, enum x86_reg to, unsigned from, unsigned lane); /* SSE4.1 */
void x86_pclmul(struct x86_emit *e, unsigned to, unsigned from);                    /* of the lower halves */
/* X86_PCMPEQD of a register with itself: all ones. */
enum x86_packed {
    X86_PUNPCKLQDQ = 0x6c,
    X86_PCMPEQD = 0x76,
    X86_PAND = 0xdb,
    X86_PADDUSB = 0xdc,
    X86_POR = 0xeb,
    X86_PXOR = 0xef
};
void x86_packed_logic(struct x86_emit *e, enum x86_packed op, unsigned to, unsigned from);
void x86_movups_store(struct x86_emit *e, struct x86_mem to, unsigned from);
void x86_pshufb(struct x86_emit *e, unsigned to, unsigned numbers); /* SSSE3 */
/* Each of the four dwords of `to` becomes the dword of that number in `from`. */
void x86_broadcast_dword(struct x86_emit *e, unsigned to, unsigned from, unsigned number);
/* AES-NI. */
enum x86_aes {
    X86_AESIMC = 0xdb,
    X86_AESENC = 0xdc,
    X86_AESENCLAST = 0xdd,
    X86_AESDEC = 0xde,
    X86_AESDECLAST = 0xdf
};
void x86_aes(struct x86_emit *e, enum x86_aes op, unsigned to, unsigned from);
/* The SHA extensions: two rounds, whose words are in the low half of xmm0; the message's schedule. */
enum x86_sha { X86_SHA256_ROUNDS = 0xcb, X86_SHA256_MESSAGE_1 = 0xcc, X86_SHA256_MESSAGE_2 = 0xcd };
void x86_sha(struct x86_emit *e, enum x86_sha op, unsigned to, unsigned from);
void x86_aes_key(struct x86_emit *e, unsigned to, unsigned from, unsigned constant);

/* Scalar conversions to an integer: rounded by MXCSR's mode, and truncated. x86_round() gives an integral
 * value in the same format (SSE4.1); with X86_ROUND_QUIET it does not raise the inexact flag. */
void x86_cvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                        unsigned from);
void x86_cvtt_to_integer_reg(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                             unsigned from);
enum {
    X86_ROUND_NEAREST,
    X86_ROUND_DOWN,
    X86_ROUND_UP,
    X86_ROUND_ZERO,
    X86_ROUND_MXCSR,
    X86_ROUND_QUIET = 8
};
void x86_round(struct x86_emit *e, unsigned bits, unsigned to, unsigned from, unsigned mode);

/* Control. A rel32 that may be changed while harts run must lie in an aligned unit of 8 bytes, which every
 * CPU fetches and stores as a whole. x86_align_patch() pads so that the rel32 of the jump that follows does
 * (its opcode has `opcode_bytes` bytes). x86_align_patch_at() inserts the padding at an earlier place, before
 * code that may be moved, so that a comparison stays next to its jump. The functions that return an address
 * return that of the rel32, as written. */
void x86_align_patch(struct x86_emit *e, unsigned opcode_bytes);
void x86_align_patch_at(struct x86_emit *e, uint8_t *before, unsigned opcode_bytes);
uint8_t *x86_jmp(struct x86_emit *e);
uint8_t *x86_jcc(struct x86_emit *e, enum x86_cond cond);
uint8_t *x86_call(struct x86_emit *e);
void x86_jmp_to(struct x86_emit *e, const uint8_t *target);
void x86_call_to(struct x86_emit *e, const uint8_t *target);
void x86_jcc_to(struct x86_emit *e, enum x86_cond cond, const uint8_t *target);
void x86_jmp_reg(struct x86_emit *e, enum x86_reg to);
void x86_jmp_mem(struct x86_emit *e, struct x86_mem to);
void x86_call_mem(struct x86_emit *e, struct x86_mem to);
void x86_call_reg(struct x86_emit *e, enum x86_reg to);
void x86_ret(struct x86_emit *e);
void x86_push(struct x86_emit *e, enum x86_reg reg);
void x86_pop(struct x86_emit *e, enum x86_reg reg);
/* Makes a rel32 lead to the next instruction; does nothing after an overflow. */
void x86_land(struct x86_emit *e, uint8_t *site);

#endif
