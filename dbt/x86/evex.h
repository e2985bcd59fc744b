/* SPDX-License-Identifier: MIT
 *
 * The x86-64 encoder, third part: EVEX forms (AVX-512 F, VL, BW, DQ), mask registers, BZHI. They are for
 * hosts with x86_features().avx512. Forms of other parts of AVX-512 need the feature that the host
 * reports for that part.
 *
 * Vector registers are numbered from 0 to 31, mask registers from 0 to 7. Operands in memory always have a
 * displacement of 32 bits, because the host scales one of 8 bits by the operand's size.
 */
#ifndef DBT_X86_EVEX_H
#define DBT_X86_EVEX_H

#include "dbt/x86/emit.h"

enum x86_epacked {
#define EVEX4(name, w8, w16, w32, w64) X86_E_##name, X86_E_##name##_16, X86_E_##name##_32, X86_E_##name##_64,
#include "dbt/x86/evex.def"
#undef EVEX4
    X86_EPACKED_COUNT
};

/* bytes: how much of a register is used, 16, 32 or 64 bytes. mask: the mask register whose bits choose the
 * elements that are written (0: all of them). The other elements keep their values, or become 0 if `zero` is
 * set; in the result of a comparison, their bits become 0. */
struct x86_lanes {
    uint8_t bytes, mask;
    bool zero;
};

/* Returns whether x86 has the form, for elements of its size. */
bool x86_epacked_is(enum x86_epacked op);
/* Returns its name, for tests. */
const char *x86_epacked_name(enum x86_epacked op);
/* to = a op b. If a form has one operand, that is b, and a is 0. Shifts by one count take it
 * from xmm register b. */
void x86_epacked(struct x86_emit *e, enum x86_epacked op, struct x86_lanes lanes, unsigned to, unsigned a,
                 unsigned b);
void x86_epacked_mem(struct x86_emit *e, enum x86_epacked op, struct x86_lanes lanes, unsigned to, unsigned a,
                     struct x86_mem b);
/* Stores elements of 1 << log2 bytes. Neither stores nor loads access the elements that the
 * mask does not choose. */
void x86_estore(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, struct x86_mem to, unsigned from);
/* Each element of 1 << log2 bytes becomes the low bytes of general register `from`. */
void x86_ebroadcast(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to,
                    enum x86_reg from);
/* Mask register `to` = one bit for each element. The values of `predicate` are those that x86 encodes. */
enum x86_predicate { X86_P_EQ, X86_P_LT, X86_P_LE, X86_P_NE = 4, X86_P_GE, X86_P_GT };
void x86_ecompare(struct x86_emit *e, unsigned log2, bool sign, enum x86_predicate predicate,
                  struct x86_lanes lanes, unsigned to, unsigned a, unsigned b);
void x86_ecompare_mem(struct x86_emit *e, unsigned log2, bool sign, enum x86_predicate predicate,
                      struct x86_lanes lanes, unsigned to, unsigned a, struct x86_mem b);
/* The same for floating-point numbers. EQ, NE and UNORDERED signal only for signalling NaNs; the others
 * signal for every NaN. If one of the numbers is a NaN, NE and UNORDERED are true and the others false. */
enum x86_fpredicate {
    X86_FP_EQ = 0,
    X86_FP_LT = 1,
    X86_FP_LE = 2,
    X86_FP_UNORDERED = 3,
    X86_FP_NE = 4,
    X86_FP_GE = 13,
    X86_FP_GT = 14
};
void x86_ecompare_float(struct x86_emit *e, unsigned log2, enum x86_fpredicate predicate,
                        struct x86_lanes lanes, unsigned to, unsigned a, unsigned b);
enum x86_ternary { X86_XOR_3 = 0x96, X86_CHOOSE = 0xca /* `to` ? a : b */, X86_MAJORITY = 0xe8 };
/* Each bit of `to` becomes bit 4 * t + 2 * a + b of `table`. t is the bit's value before, a and b are the
 * bits of the operands at the same place. */
void x86_eternary(struct x86_emit *e, unsigned table, struct x86_lanes lanes, unsigned to, unsigned a,
                  unsigned b);
/* to = the smaller number of a and b, or the larger one; -0 is less than 0. Neither may be a NaN. */
void x86_erange(struct x86_emit *e, unsigned log2, bool larger, struct x86_lanes lanes, unsigned to,
                unsigned a, unsigned b);
/* Packs the elements whose mask bits are set, from element 0 on. The other elements become 0 if
 * lanes.zero is set. */
void x86_ecompress(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from);
/* Elements of 1 << from_log2 bytes become elements of 1 << to_log2 bytes. They are cut, or become the nearest
 * number of the smaller size, signed or unsigned. The values of x86_ecut are parts of the opcode. lanes.bytes
 * is the size of the source. */
enum x86_ecut { X86_CUT = 0x30, X86_CUT_SIGNED = 0x20, X86_CUT_UNSIGNED = 0x10 };
void x86_ecut(struct x86_emit *e, enum x86_ecut how, unsigned from_log2, unsigned to_log2,
              struct x86_lanes lanes, unsigned to, unsigned from);
/* The same as x86_epacked() with registers of 64 bytes, but it raises no flag. With `round`, an operation
 * that rounds does so toward zero, whatever MXCSR says. A conversion that truncates anyway has no such
 * choice, and needs `round` to be false. */
void x86_epacked_quiet(struct x86_emit *e, enum x86_epacked op, bool round, unsigned to, unsigned a,
                       unsigned b);
/* 64-bit elements become elements of 32 bits: doubles singles, and so on. WF, WX and WXU are the source, of
 * 64 bits: a double, a signed or an unsigned integer. */
enum x86_enarrowing {
    X86_WF_TO_F,
    X86_WF_TO_X,
    X86_WF_TO_XU,
    X86_WFT_TO_X, /* truncating */
    X86_WFT_TO_XU,
    X86_WX_TO_F,
    X86_WXU_TO_F,
    X86_ENARROWINGS
};
void x86_enarrow_convert(struct x86_emit *e, enum x86_enarrowing op, struct x86_lanes lanes, unsigned to,
                         unsigned from);
/* Singles become halves; MXCSR says how they are rounded. */
void x86_ehalves(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned from);
/* The 16 bytes of `to` become those of `from`, except for element `number`, which is loaded from memory. */
void x86_einsert(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, struct x86_mem mem,
                 unsigned number);
/* to = a, except for 16 bytes, the number-th, which become b's lowest 16. lanes.bytes is 32 or 64. */
void x86_einsert_16(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, unsigned b,
                    unsigned number);
/* to = one part of `from`, which has 64 bytes: the number-th 32 bytes, or the number-th
 * 16, if `bytes` is 16. */
void x86_eextract(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from, unsigned number);
/* Each 16 bytes of `to` become the 16 bytes of `from` at the same place, shifted by `count` bytes. */
void x86_eshift_bytes(struct x86_emit *e, bool left, struct x86_lanes lanes, unsigned to, unsigned from,
                      unsigned count);
/* Each 16 bytes of `to` become a carry-less product (VPCLMULQDQ). Its factors are the upper 8 bytes of a if
 * `a_high` is set, otherwise the lower 8, and those of b that `b_high` chooses in the same way. */
void x86_eclmul(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, bool a_high, unsigned b,
                bool b_high);
/* One round of AES on each 16 bytes of a, with the round keys in b (VAES). X86_AESIMC has no such form. */
void x86_eaes(struct x86_emit *e, enum x86_aes op, struct x86_lanes lanes, unsigned to, unsigned a,
              unsigned b);
/* The 16 bytes in memory are copied to each 16 bytes of a register of 64. */
void x86_ebroadcast_16(struct x86_emit *e, unsigned to, struct x86_mem from);
/* The bits of each byte of a, in the order that the 8 bytes of b at the same place say (GFNI). */
#define X86_BITS_REVERSED 0x8040201008040201
void x86_eaffine(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, unsigned b);
/* A linear map of the bits of each byte of a, or of the byte's reciprocal in AES's field, to which a constant
 * is added: bit i is the parity of the byte with byte 7 - i of b (a bitwise and). */
void x86_emap(struct x86_emit *e, bool reciprocal, struct x86_lanes lanes, unsigned to, unsigned a,
              unsigned b, unsigned constant);
/* Elements of 4 or 8 bytes are rotated, or shifted, to the right. */
void x86_erotate(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from,
                 unsigned count);
void x86_eshift_right(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from,
                      unsigned count);
/* Each 4 bytes of `to` become 4 bytes of the same 16 bytes of `from`. `order` has four numbers of 2 bits,
 * which say which ones. */
void x86_eshuffle_32(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned from, unsigned order);
/* Elements of 8 bytes: those of `low` from element `number` on, followed by those of `high`. */
void x86_ealign_64(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned high, unsigned low,
                   unsigned number);
/* Moves the low 8 bytes of a vector register: to memory, from memory, to a general register. */
void x86_estore_low(struct x86_emit *e, struct x86_mem to, unsigned from);
void x86_eload_low(struct x86_emit *e, unsigned to, struct x86_mem from);
void x86_emove_to(struct x86_emit *e, enum x86_reg to, unsigned from);

/* ---- Mask registers, bits ------------------------------------------------------------------------------ */

void x86_kmove_from(struct x86_emit *e, unsigned to, enum x86_reg from); /* 64 bits */
void x86_kmove_to(struct x86_emit *e, enum x86_reg to, unsigned from);
/* These work on 64 bits; the values of x86_klogic are the opcodes. KANDN is ~a & b. */
enum x86_klogic { X86_KAND = 0x41, X86_KANDN = 0x42, X86_KOR = 0x45, X86_KXOR = 0x47 };
void x86_klogic(struct x86_emit *e, enum x86_klogic op, unsigned to, unsigned a, unsigned b);
/* Sets the zero flag if no bit is set in either register (KORTEST). */
void x86_ktest(struct x86_emit *e, unsigned a, unsigned b);
/* to = the low bits of `from` (BMI2): as many as the low byte of `count` says, or all of them if
 * that is 64 or more. */
void x86_low_bits(struct x86_emit *e, enum x86_reg to, enum x86_reg from, enum x86_reg count);
void x86_low_bits_mem(struct x86_emit *e, enum x86_reg to, struct x86_mem from, enum x86_reg count);

#endif
