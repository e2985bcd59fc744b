/* SPDX-License-Identifier: MIT
 *
 * Lowerings of the scalar cryptography: AES by the host's instructions for it, hashes by rotations. What is
 * not here (SM4, xperm4), and AES on a host without those instructions, is done by handlers.
 */
#include "dbt/x86/t1/t1.h"

#include "cpu/crypto.h"

#define OP (t->op)

/* ---- Zknd, Zkne ------------------------------------------------------------------------------------------
 */

static bool has_aes(void)
{
    return __builtin_cpu_supports("aes");
}

/* One round without a key of the state in rs2:rs1; the host's half of it is the guest's result. */
static bool aes_round(struct t1 *t, enum x86_aes op)
{
    struct x86_emit *e = &t->e;
    if (!has_aes())
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
    if (!has_aes())
        return false;
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RAX));
    x86_aes(e, X86_AESIMC, 0, 0);
    x86_movq_to(e, X86_RAX, 0);
    t1_set(t, X86_RAX);
    return true;
}

/* The host makes of rs1's high word: itself substituted in dword 0; rotated and with the constant in 1. */
static bool aes_key(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    unsigned round = (unsigned)OP.imm;
    if (!has_aes() || round > CRYPTO_AES_KEY_PLAIN)
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

/* ---- Zknh, Zksh ------------------------------------------------------------------------------------------
 */

/* rs1 rotated to the right by `a` and by `b`, and rotated or shifted by `c`, added without carries. */
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
    if (bits == 32)
        x86_extend(e, 32, true, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- Zbkb, Zbkx ------------------------------------------------------------------------------------------
 */

/* rd = low `bits` of rs1, and the same of rs2 above them. */
static bool pack(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RAX, OP.rs1);
    if (bits == 8)
        x86_extend(e, 8, false, X86_RCX, X86_RCX);
    x86_shift_imm(e, X86_SHL, 64, X86_RCX, bits);
    x86_extend(e, bits, false, X86_RAX, X86_RAX);
    x86_op(e, X86_OR, 64, X86_RAX, X86_RCX);
    if (bits == 16)
        x86_extend(e, 32, true, X86_RAX, X86_RAX);
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

/* The host takes a number modulo 16, or none where bit 7 is set: numbers of 16 and more get it. */
static bool permute_bytes(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!__builtin_cpu_supports("ssse3"))
        return false;
    x86_movq_from(e, 1, t1_use(t, OP.rs2, X86_RCX));
    x86_mov_imm(e, X86_RDX, 0x7070707070707070);
    x86_movq_from(e, 0, X86_RDX);
    x86_packed_logic(e, X86_PADDUSB, 1, 0);
    x86_movq_from(e, 0, t1_use(t, OP.rs1, X86_RCX));
    x86_pshufb(e, 0, 1);
    x86_movq_to(e, X86_RAX, 0);
    t1_set(t, X86_RAX);
    return true;
}

/* A result that nobody can see need not be computed; aes64ks1i may be illegal. */
#define LOWER(name, call)                                                                                    \
    static bool lower_##name(struct t1 *t)                                                                   \
    {                                                                                                        \
        return OP.rd == 0 || (call);                                                                         \
    }

LOWER(aes64es, aes_round(t, X86_AESENCLAST))
LOWER(aes64esm, aes_round(t, X86_AESENC))
LOWER(aes64ds, aes_round(t, X86_AESDECLAST))
LOWER(aes64dsm, aes_round(t, X86_AESDEC))
LOWER(aes64im, aes_unmix(t))
LOWER(aes64ks2, aes_key_next(t))
LOWER(sha256sum0, sigma(t, 32, 2, 13, X86_ROR, 22))
LOWER(sha256sum1, sigma(t, 32, 6, 11, X86_ROR, 25))
LOWER(sha256sig0, sigma(t, 32, 7, 18, X86_SHR, 3))
LOWER(sha256sig1, sigma(t, 32, 17, 19, X86_SHR, 10))
LOWER(sha512sum0, sigma(t, 64, 28, 34, X86_ROR, 39))
LOWER(sha512sum1, sigma(t, 64, 14, 18, X86_ROR, 41))
LOWER(sha512sig0, sigma(t, 64, 1, 8, X86_SHR, 7))
LOWER(sha512sig1, sigma(t, 64, 19, 61, X86_SHR, 6))
LOWER(sm3p0, sigma(t, 32, 0, 32 - 9, X86_ROR, 32 - 17))
LOWER(sm3p1, sigma(t, 32, 0, 32 - 15, X86_ROR, 32 - 23))
LOWER(pack, pack(t, 32))
LOWER(packh, pack(t, 8))
LOWER(packw, pack(t, 16))
LOWER(brev8, reverse_bits(t))
LOWER(xperm8, permute_bytes(t))

#define ROW(name) [ISA_INSN_##name] = lower_##name

t1_lower_fn *const t1_crypto_lowerings[ISA_INSN_COUNT] = {
    [ISA_INSN_aes64ks1i] = aes_key,
    ROW(aes64es),
    ROW(aes64esm),
    ROW(aes64ds),
    ROW(aes64dsm),
    ROW(aes64im),
    ROW(aes64ks2),
    ROW(sha256sum0),
    ROW(sha256sum1),
    ROW(sha256sig0),
    ROW(sha256sig1),
    ROW(sha512sum0),
    ROW(sha512sum1),
    ROW(sha512sig0),
    ROW(sha512sig1),
    ROW(sm3p0),
    ROW(sm3p1),
    ROW(pack),
    ROW(packh),
    ROW(packw),
    ROW(brev8),
    ROW(xperm8),
};
