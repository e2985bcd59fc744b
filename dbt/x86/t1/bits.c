/* SPDX-License-Identifier: MIT
 *
 * Lowerings of M, Zba, Zbb, Zbc, Zbs and Zicond; rotations and extensions are in int.c.
 */
#include "dbt/x86/t1/t1.h"

#define OP (t->op)

/* ---- M, Zbc -------------------------------------------------------------------------------------------- */

static bool multiply(struct t1 *t, unsigned bits)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_imul(&t->e, bits, X86_RAX, t1_use(t, OP.rs2, X86_RCX));
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

static bool multiply_high(struct t1 *t, bool sign)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_mul(&t->e, sign, XLEN, t1_use(t, OP.rs2, X86_RCX));
    t1_set(t, X86_RDX);
    return true;
}

/* The high half of signed times unsigned: that of unsigned times unsigned, less rs2 if rs1 is negative. */
static bool multiply_high_mixed(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    t1_copy(t, X86_RCX, OP.rs2);
    x86_mul(e, false, XLEN, X86_RCX);
    t1_copy(t, X86_RAX, OP.rs1);
    x86_shift_imm(e, X86_SAR, XLEN, X86_RAX, XLEN - 1);
    x86_op(e, X86_AND, XLEN, X86_RAX, X86_RCX);
    x86_op(e, X86_SUB, XLEN, X86_RDX, X86_RAX);
    t1_set(t, X86_RDX);
    return true;
}

/* The host traps where RISC-V has results ("Division Operations"): a division by 0 gives all ones, and the
 * dividend as the remainder. */
static bool divide_unsigned(struct t1 *t, unsigned bits, bool remainder)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RAX, OP.rs1);
    if (remainder)
        x86_mov(e, 64, X86_RDX, X86_RAX);
    else
        t1_mov_imm(t, X86_RDX, -1);
    x86_test(e, bits, X86_RCX, X86_RCX);
    uint8_t *zero = x86_jcc(e, X86_E);
    x86_op(e, X86_XOR, 32, X86_RDX, X86_RDX);
    x86_div(e, false, bits, X86_RCX);
    if (!remainder)
        x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_land(e, zero);
    t1_extend_result(t, bits, X86_RDX);
    t1_set(t, X86_RDX);
    return true;
}

/* Division by -1, which may overflow, gives the negated dividend, and 0 as the remainder; by 0, as above. rcx
 * is the divisor, rax the dividend. */
static void divide_special(struct t1 *t, unsigned bits, bool remainder)
{
    struct x86_emit *e = &t->e;
    if (remainder) {
        x86_not(e, bits, X86_RCX);
        x86_op(e, X86_AND, bits, X86_RAX, X86_RCX);
        return;
    }
    x86_neg(e, bits, X86_RAX);
    t1_mov_imm(t, X86_RDX, -1);
    x86_test(e, bits, X86_RCX, X86_RCX);
    x86_cmov(e, X86_E, bits, X86_RAX, X86_RDX);
}

static bool divide_signed(struct t1 *t, unsigned bits, bool remainder)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RAX, OP.rs1);
    x86_lea(e, bits, X86_RDX, x86_mem(X86_RCX, 1));
    x86_op_imm(e, X86_CMP, bits, X86_RDX, 1);
    uint8_t *normal = x86_jcc(e, X86_A);
    divide_special(t, bits, remainder);
    uint8_t *done = x86_jmp(e);
    x86_land(e, normal);
    x86_sign_to_rdx(e, bits);
    x86_div(e, true, bits, X86_RCX);
    if (remainder)
        x86_mov(e, 64, X86_RAX, X86_RDX);
    x86_land(e, done);
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* rd = bits of the product without carries, as many as a register has, from bit `from` on. */
static bool multiply_carryless(struct t1 *t, unsigned from)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.pclmul || !t->dbt->host.sse41)
        return false;
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RAX));
    x86_movq_from(e, 1, t1_use(t, OP.rs2, X86_RCX));
    x86_pclmul(e, 0, 1);
    if (XLEN == 32) { /* all of the product is in the low half */
        x86_movq_to(e, X86_RAX, 0);
        x86_shift_imm(e, X86_SHR, 64, X86_RAX, from);
        x86_mov(e, 32, X86_RAX, X86_RAX);
        t1_set(t, X86_RAX);
        return true;
    }
    if (from < 64)
        x86_movq_to(e, X86_RAX, 0);
    if (from > 0)
        x86_pextrq(e, X86_RDX, 0, 1);
    if (from == 63) {
        x86_shift_imm(e, X86_SHR, 64, X86_RAX, 63);
        x86_shift_imm(e, X86_SHL, 64, X86_RDX, 1);
        x86_op(e, X86_OR, 64, X86_RAX, X86_RDX);
    }
    t1_set(t, from == 64 ? X86_RDX : X86_RAX);
    return true;
}

/* ---- Zbs ----------------------------------------------------------------------------------------------- */

/* Zbs with a register: the host takes the number modulo the width, too. */
static bool bit(struct t1 *t, enum x86_bit op)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    x86_bit_op(e, op, XLEN, X86_RAX, t1_use(t, OP.rs2, X86_RCX));
    if (op == X86_BT) { /* into the carry */
        x86_setcc(e, X86_B, X86_RAX);
        x86_extend(e, 8, false, X86_RAX, X86_RAX);
    }
    t1_set(t, X86_RAX);
    return true;
}

/* Zbs with an immediate. */
static bool single_bit(struct t1 *t, enum isa_insn insn)
{
    t1_copy(t, X86_RAX, OP.rs1);
    if (insn == ISA_INSN_bexti) {
        x86_shift_imm(&t->e, X86_SHR, 64, X86_RAX, (unsigned)OP.imm);
        x86_op_imm(&t->e, X86_AND, 32, X86_RAX, 1);
    } else {
        uint64_t bit = 1ull << OP.imm;
        x86_mov_imm(&t->e, X86_RCX, (int64_t)(insn == ISA_INSN_bclri ? ~bit : bit));
        x86_op(&t->e,
               insn == ISA_INSN_bclri   ? X86_AND
               : insn == ISA_INSN_bseti ? X86_OR
                                        : X86_XOR,
               64, X86_RAX, X86_RCX);
    }
    t1_set(t, X86_RAX);
    return true;
}

/* ---- Zba ----------------------------------------------------------------------------------------------- */

/* rd = (rs1 << n) + rs2; `word`: only the low 32 bits of rs1 count. */
static bool shift_add(struct t1 *t, unsigned n, bool word)
{
    t1_copy(t, X86_RAX, OP.rs1);
    if (word)
        x86_extend(&t->e, 32, false, X86_RAX, X86_RAX);
    if (n)
        x86_shift_imm(&t->e, X86_SHL, XLEN, X86_RAX, n);
    t1_op_guest(t, X86_ADD, XLEN, X86_RAX, OP.rs2);
    t1_set(t, X86_RAX);
    return true;
}

static bool shift_left_unsigned_word(struct t1 *t)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_extend(&t->e, 32, false, X86_RAX, X86_RAX);
    x86_shift_imm(&t->e, X86_SHL, 64, X86_RAX, (unsigned)OP.imm);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- Zbb, Zicond --------------------------------------------------------------------------------------- */

/* rd = rs1 op ~rs2. */
static bool binary_not(struct t1 *t, enum x86_alu op)
{
    t1_copy(t, X86_RAX, OP.rs2);
    x86_not(&t->e, XLEN, X86_RAX);
    t1_op_guest(t, op, XLEN, X86_RAX, OP.rs1);
    t1_set(t, X86_RAX);
    return true;
}

/* rd = cond(rs1, rs2) ? rs1 : rs2. */
static bool select_if(struct t1 *t, enum x86_cond cond)
{
    t1_copy(t, X86_RAX, OP.rs2);
    enum x86_reg a = t1_use(t, OP.rs1, X86_RCX);
    x86_op(&t->e, X86_CMP, XLEN, a, X86_RAX);
    x86_cmov(&t->e, cond, XLEN, X86_RAX, a);
    t1_set(t, X86_RAX);
    return true;
}

/* Zicond: rd = rs2 is zero (or not) ? 0 : rs1. */
static bool zero_if(struct t1 *t, enum x86_cond cond)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_mov_imm(&t->e, X86_RDX, 0);
    enum x86_reg b = t1_use(t, OP.rs2, X86_RCX);
    x86_test(&t->e, 64, b, b);
    x86_cmov(&t->e, cond, 64, X86_RAX, X86_RDX);
    t1_set(t, X86_RAX);
    return true;
}

static bool count_bits(struct t1 *t, enum x86_count op, unsigned bits, bool available)
{
    if (!available)
        return false;
    x86_count(&t->e, op, bits, X86_RAX, t1_use(t, OP.rs1, X86_RCX));
    t1_set(t, X86_RAX);
    return true;
}

static bool reverse_bytes(struct t1 *t)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_bswap(&t->e, XLEN, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* Sets bit 7 of each byte that is not zero, and makes it all bits of the byte: (x << 1) - (x >> 7). `invert`:
 * the bytes that are zero become all ones. */
static bool or_bytes(struct t1 *t, bool invert)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    x86_mov_imm(e, X86_RCX, 0x7f7f7f7f7f7f7f7f);
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_op(e, X86_AND, 64, X86_RDX, X86_RCX);
    x86_op(e, X86_ADD, 64, X86_RDX, X86_RCX);
    x86_op(e, X86_OR, 64, X86_RAX, X86_RDX);
    x86_not(e, 64, X86_RCX);
    x86_op(e, X86_AND, 64, X86_RAX, X86_RCX);
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_shift_imm(e, X86_SHR, 64, X86_RDX, 7);
    x86_shift_imm(e, X86_SHL, 64, X86_RAX, 1);
    x86_op(e, X86_SUB, 64, X86_RAX, X86_RDX);
    if (invert)
        x86_not(e, XLEN, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define BITS(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
