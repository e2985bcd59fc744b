/* SPDX-License-Identifier: MIT
 *
 * Lowerings of scalar cryptography: AES with the host's instructions for it, hashes with rotations. Handlers
 * do the rest (SM4, xperm4), and AES on a host without those instructions.
 */
#include "dbt/x86/t1/t1.h"

#include "cpu/crypto.h"

#define OP (t->op)

/* ---- Zknd, Zkne ---------------------------------------------------------------------------------------- */

/* One round, without a key, of the state in rs2:rs1; the low half of the host's result is the guest's. */
static bool aes_round(struct t1 *t, enum x86_aes op)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.aes)
        return false;
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RAX));
    x86_movq_from(e, 1, t1_use(t, OP.rs2, X86_RCX));
    x86_packed_logic(e, X86_PUNPCKLQDQ, 0, 1);
    x86_packed_logic(e, X86_PXOR, 1, 1);
    x86_aes(e, op, 0, 1);
    x86_movq_to(e, X86_RAX, 0);
    t1_set(t, X86_RAX);
    return true;
}

static bool aes_unmix(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.aes)
        return false;
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RAX));
    x86_aes(e, X86_AESIMC, 0, 0);
    x86_movq_to(e, X86_RAX, 0);
    t1_set(t, X86_RAX);
    return true;
}

/* The host's result for rs1's high word: in dword 0 the word, substituted; in dword 1 the same, rotated and
 * with the constant. */
static bool aes_key(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    unsigned round = (unsigned)OP.imm;
    if (!t->dbt->host.aes || round > CRYPTO_AES_KEY_PLAIN)
        return false;
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RAX));
    x86_aes_key(e, 0, 0, crypto_aes_round_constant(round));
    x86_broadcast_dword(e, 0, 0, round == CRYPTO_AES_KEY_PLAIN ? 0 : 1);
    x86_movq_to(e, X86_RAX, 0);
    t1_set(t, X86_RAX);
    return true;
}

static bool aes_key_next(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    x86_shift_imm(e, X86_SHR, 64, X86_RAX, 32);
    t1_op_guest(t, X86_XOR, 64, X86_RAX, OP.rs2);
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_shift_imm(e, X86_SHL, 64, X86_RDX, 32);
    x86_op(e, X86_XOR, 64, X86_RAX, X86_RDX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- Zknh, Zksh ---------------------------------------------------------------------------------------- */

/* rd = rs1 rotated to the right by `a`, xor rs1 rotated to the right by `b`, xor rs1 rotated or shifted by
 * `c`. */
static bool sigma(struct t1 *t, unsigned bits, unsigned a, unsigned b, enum x86_shift third, unsigned c)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RCX, OP.rs1);
    x86_mov(e, bits, X86_RAX, X86_RCX);
    x86_mov(e, bits, X86_RDX, X86_RCX);
    if (a)
        x86_shift_imm(e, X86_ROR, bits, X86_RAX, a);
    x86_shift_imm(e, X86_ROR, bits, X86_RDX, b);
    x86_shift_imm(e, third, bits, X86_RCX, c);
    x86_op(e, X86_XOR, bits, X86_RAX, X86_RDX);
    x86_op(e, X86_XOR, bits, X86_RAX, X86_RCX);
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- Zbkb, Zbkx ---------------------------------------------------------------------------------------- */

/* rd = low `bits` of rs1, and the same of rs2 above them. */
static bool pack(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RAX, OP.rs1);
    if (bits == 8)
        x86_extend(e, 8, false, X86_RCX, X86_RCX);
    x86_shift_imm(e, X86_SHL, XLEN, X86_RCX, bits);
    x86_extend(e, bits, false, X86_RAX, X86_RAX);
    x86_op(e, X86_OR, 64, X86_RAX, X86_RCX);
    if (bits == 16)
        t1_extend_result(t, 32, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* The halves of each byte change places, then the halves of those, then single bits. */
static bool reverse_bits(struct t1 *t)
{
    static const uint64_t lower[] = { 0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f };
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    for (unsigned i = 3; i-- > 0;) {
        x86_mov_imm(e, X86_RCX, (int64_t)lower[i]);
        x86_mov(e, 64, X86_RDX, X86_RAX);
        x86_shift_imm(e, X86_SHR, 64, X86_RDX, 1u << i);
        x86_op(e, X86_AND, 64, X86_RAX, X86_RCX);
        x86_op(e, X86_AND, 64, X86_RDX, X86_RCX);
        x86_shift_imm(e, X86_SHL, 64, X86_RAX, 1u << i);
        x86_op(e, X86_OR, 64, X86_RAX, X86_RDX);
    }
    t1_set(t, X86_RAX);
    return true;
}

/* The host takes a number modulo 16, or gives 0 if its bit 7 is set: the sum sets it for numbers of 16 and
 * more. */
static bool permute_bytes(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.ssse3)
        return false;
    x86_movq_from(e, 1, t1_use(t, OP.rs2, X86_RCX));
    x86_mov_imm(e, X86_RDX, 0x7070707070707070);
    x86_movq_from(e, 0, X86_RDX);
    x86_packed_logic(e, X86_PADDUSB, 1, 0);
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RCX));
    x86_pshufb(e, 0, 1);
    x86_movq_to(e, X86_RAX, 0);
    if (XLEN == 32) /* the numbers above those of rs2 have taken bytes, too */
        x86_mov(e, 32, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define CRYPTO(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
