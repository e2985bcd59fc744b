/* SPDX-License-Identifier: MIT
 *
 * "Vector Cryptography": Zvkned by AES-NI, SHA-256 of Zvknh by the SHA extensions, Zvkg by carry-less
 * products. The host has the guest's layouts: a round of AES is one instruction, and so are two rounds of
 * SHA-256. If the host has AES and carry-less products for its large registers, they do a piece at a time;
 * otherwise one group of elements is done after the other, as far as vl goes. If vl is not a multiple of a
 * group, the handler takes over, and finds it illegal. SM3 is left to the handler. SHA-512 and SM4 are in
 * files of their own.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* GROUP: the bytes of a group, which is four words of 32 bits. The others are registers of AES: the state,
 * the key, zeros. */
enum { GROUP = 16, STATE = 1, KEY = 2, ZERO = 3 };

struct x86_mem t1v_group_mem(const struct t1 *t, unsigned guest, unsigned number)
{
    return hart_mem(t1v_register_at(t, guest) + (4u << t->vector.sew) * number);
}

unsigned t1v_groups(const struct t1 *t)
{
    return t1v_vlmax(t) / 4;
}

/* The handler takes over if vl, which is in edx from here on, is not a multiple of a group. */
static void look_at_groups(struct t1 *t)
{
    x86_load(&t->e, 32, X86_RDX, HART_MEM(vector.vl));
    x86_test_imm32(&t->e, X86_RDX, 3);
    t1_fp_handler_if(t, x86_jcc(&t->e, X86_NE));
}

/* ---- Group by group ------------------------------------------------------------------------------------ */

bool t1v_groups_fit(const struct t1 *t, unsigned registers)
{
    return t->vector.known && t->dbt->host.avx2 && t1v_vlmax(t) >= 4 && t1v_groups(t) <= T1V_GROUPS_MAX &&
           !(registers & (t1v_registers(t->vector.lmul) - 1));
}

void t1v_begin_walk(struct t1 *t, struct t1v_walk *walk)
{
    walk->count = 0;
    t1v_begin(t, true);
    look_at_groups(t);
}

void t1v_next_group(struct t1 *t, struct t1v_walk *walk)
{
    x86_op_imm(&t->e, X86_CMP, 32, X86_RDX, (int32_t)(4 * walk->count));
    walk->ends[walk->count++] = x86_jcc(&t->e, X86_LE);
}

bool t1v_end_walk(struct t1 *t, struct t1v_walk *walk)
{
    for (unsigned i = 0; i < walk->count; i++)
        x86_land(&t->e, walk->ends[i]);
    t1_fp_end(t);
    return true;
}

/* ---- Piece by piece ------------------------------------------------------------------------------------ */

bool t1v_begin_groups(struct t1 *t, unsigned registers, struct pieces *p)
{
    if (!t->dbt->host.avx512_polynomials || t->vector.sew != 2 || t1v_vlmax(t) < 4 ||
        !t1v_group(t, 2, registers, p))
        return false;
    t1v_begin(t, true);
    if (p->k.mask)
        look_at_groups(t);
    return true;
}

/* ---- AES ----------------------------------------------------------------------------------------------- */

enum aes { MIDDLE, FINAL, UNDO_MIDDLE, UNDO_FINAL, ADD_KEY };

static const enum x86_aes host_rounds[] = { X86_AESENC, X86_AESENCLAST, X86_AESDEC, X86_AESDECLAST };

/* KEY = the round key as the host needs it. In a middle round of decryption, the host adds the key
 * after InvMixColumns, the guest before it. The result is the same if the key has gone through
 * InvMixColumns, too. */
static void take_key(struct t1 *t, enum aes kind, unsigned number)
{
    x86_vload_packed(&t->e, GROUP, KEY, t1v_group_mem(t, OP.rs2, number));
    if (kind == UNDO_MIDDLE)
        x86_aes(&t->e, X86_AESIMC, KEY, KEY);
}

static bool aes_by_groups(struct t1 *t, enum aes kind, bool one)
{
    struct x86_emit *e = &t->e;
    struct t1v_walk walk;
    if (!t->dbt->host.aes || t->vector.sew != 2 || !t1v_groups_fit(t, OP.rd | (one ? 0u : OP.rs2)))
        return false;
    t1v_begin_walk(t, &walk);
    if (one)
        take_key(t, kind, 0);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        t1v_next_group(t, &walk);
        if (!one)
            take_key(t, kind, i);
        x86_vload_packed(e, GROUP, STATE, t1v_group_mem(t, OP.rd, i));
        if (kind == ADD_KEY)
            x86_vbitwise(e, X86_VXOR, STATE, STATE, KEY);
        else
            x86_aes(e, host_rounds[kind], STATE, KEY);
        x86_vstore_packed(e, GROUP, t1v_group_mem(t, OP.rd, i), STATE);
    }
    return t1v_end_walk(t, &walk);
}

/* There is no instruction for InvMixColumns alone on large registers. A round of decryption does it last;
 * what that round does before, the last round of encryption undoes first. ZERO is the key of both. */
static void round_of_piece(struct t1 *t, enum aes kind, struct x86_lanes lanes)
{
    unsigned state = t1v_reg(t, STATE), key = t1v_reg(t, KEY), zero = t1v_reg(t, ZERO);
    if (kind == ADD_KEY) {
        x86_epacked(&t->e, X86_E_XOR_64, lanes, state, state, key);
    } else if (kind == UNDO_MIDDLE) {
        x86_eaes(&t->e, X86_AESDECLAST, lanes, state, state, key);
        x86_eaes(&t->e, X86_AESENCLAST, lanes, state, state, zero);
        x86_eaes(&t->e, X86_AESDEC, lanes, state, state, zero);
    } else {
        x86_eaes(&t->e, host_rounds[kind], lanes, state, state, key);
    }
}

static bool aes_by_pieces(struct t1 *t, enum aes kind, bool one)
{
    struct x86_emit *e = &t->e;
    struct pieces p;
    if (!t->dbt->host.avx512_aes || !t1v_begin_groups(t, OP.rd | (one ? 0u : OP.rs2), &p))
        return false;
    struct x86_lanes lanes = t1v_all(p);
    if (one)
        x86_ebroadcast_16(e, t1v_reg(t, KEY), t1v_group_mem(t, OP.rs2, 0));
    if (kind == UNDO_MIDDLE)
        x86_epacked(e, X86_E_XOR_64, lanes, t1v_reg(t, ZERO), t1v_reg(t, ZERO), t1v_reg(t, ZERO));
    for (unsigned i = 0; i < p.count; i++) {
        if (!one)
            t1v_load(t, p, KEY, t1v_mem(t, OP.rs2, p, i));
        t1v_load(t, p, STATE, t1v_mem(t, OP.rd, p, i));
        round_of_piece(t, kind, lanes);
        t1v_put_active(t, p, i, STATE);
    }
    return t1v_end(t);
}

/* `one`: all groups have the key of vs2's first. */
static bool aes(struct t1 *t, enum aes kind, bool one)
{
    if (one && !t1v_disjoint(OP.rd, t1v_registers(t->vector.lmul), OP.rs2, 1))
        return false;
    return aes_by_pieces(t, kind, one) || aes_by_groups(t, kind, one);
}

/* ---- SHA-256 ------------------------------------------------------------------------------------------- */

static bool sha_fits(const struct t1 *t)
{
    return t->dbt->host.sha && t->vector.sew == 2 && t1v_groups_fit(t, t1v_numbers(t, T1V_VECTOR)) &&
           OP.rd != OP.rs2 && OP.rd != OP.rs1;
}

/* Two rounds, with the low words of vs1, or with its high ones: vd has c, d, g, h and becomes the new a, b,
 * e, f; vs2 has the old a, b, e, f. The words are in xmm0. */
static bool sha_rounds(struct t1 *t, bool high)
{
    struct x86_emit *e = &t->e;
    struct t1v_walk walk;
    if (t->vector.sew == 3)
        return t1v_sha512_rounds(t, high);
    if (!sha_fits(t))
        return false;
    t1v_begin_walk(t, &walk);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        t1v_next_group(t, &walk);
        struct x86_mem words = t1v_group_mem(t, OP.rs1, i);
        words.disp += high ? 8 : 0;
        x86_vload(e, 64, 0, words);
        x86_vload_packed(e, GROUP, 1, t1v_group_mem(t, OP.rd, i));
        x86_vload_packed(e, GROUP, 2, t1v_group_mem(t, OP.rs2, i));
        x86_sha(e, X86_SHA256_ROUNDS, 1, 2);
        x86_vstore_packed(e, GROUP, t1v_group_mem(t, OP.rd, i), 1);
    }
    return t1v_end_walk(t, &walk);
}

/* Makes four more words of the message: vd has W0 to W3; vs2 W4, W9, W10, W11; vs1 W12 to W15. */
static bool sha_message(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    struct t1v_walk walk;
    if (t->vector.sew == 3)
        return t1v_sha512_message(t);
    if (!sha_fits(t))
        return false;
    t1v_begin_walk(t, &walk);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        t1v_next_group(t, &walk);
        x86_vload_packed(e, GROUP, 1, t1v_group_mem(t, OP.rd, i));
        x86_vload_packed(e, GROUP, 2, t1v_group_mem(t, OP.rs2, i));
        x86_vload_packed(e, GROUP, 3, t1v_group_mem(t, OP.rs1, i));
        x86_sha(e, X86_SHA256_MESSAGE_1, 1, 2);
        x86_valign(e, 2, 3, 2, 4); /* W9 to W12 */
        x86_vpacked(e, X86_VADD_8 + 2, GROUP, 1, 1, 2);
        x86_sha(e, X86_SHA256_MESSAGE_2, 1, 3);
        x86_vstore_packed(e, GROUP, t1v_group_mem(t, OP.rd, i), 1);
    }
    return t1v_end_walk(t, &walk);
}

/* ---- GHASH --------------------------------------------------------------------------------------------- */

static void product(struct t1 *t, struct pieces p, unsigned to, unsigned a, bool a_high, unsigned b,
                    bool b_high)
{
    x86_eclmul(&t->e, t1v_all(p), t1v_reg(t, to), t1v_reg(t, a), a_high, t1v_reg(t, b), b_high);
}
static void add(struct t1 *t, struct pieces p, unsigned to, unsigned a)
{
    x86_epacked(&t->e, X86_E_XOR_64, t1v_all(p), t1v_reg(t, to), t1v_reg(t, to), t1v_reg(t, a));
}
/* to ^= a, moved by 64 bits. */
static void add_moved(struct t1 *t, struct pieces p, bool left, unsigned to, unsigned a)
{
    x86_eshift_bytes(&t->e, left, t1v_all(p), t1v_reg(t, T1V_TEMP), t1v_reg(t, a), 8);
    add(t, p, to, T1V_TEMP);
}

/* Registers. FACTOR and HASH are the factors; LOW and HIGH are their product, of 256 bits. */
enum { FACTOR = 1, HASH = 2, LOW = 3, HIGH = 4, MIDDLE_1 = 5, MIDDLE_2 = 6, REVERSE = 7, MODULUS = 9 };

static void take_polynomials(struct t1 *t, struct pieces p)
{
    p.log2 = 3;
    t1v_spread_constant(t, p, REVERSE, (int64_t)X86_BITS_REVERSED);
    t1v_spread_constant(t, p, MODULUS, 0x87); /* the modulus without x^128 */
}

/* LOW = FACTOR * HASH modulo x^128 + x^7 + x^2 + x + 1. The product's part from x^128 on is multiplied by the
 * modulus without x^128, first its upper half, then its lower one. */
static void multiply(struct t1 *t, struct pieces p)
{
    product(t, p, LOW, FACTOR, false, HASH, false);
    product(t, p, HIGH, FACTOR, true, HASH, true);
    product(t, p, MIDDLE_1, FACTOR, true, HASH, false);
    product(t, p, MIDDLE_2, FACTOR, false, HASH, true);
    add(t, p, MIDDLE_1, MIDDLE_2);
    add_moved(t, p, true, LOW, MIDDLE_1);
    add_moved(t, p, false, HIGH, MIDDLE_1);
    product(t, p, MIDDLE_1, HIGH, true, MODULUS, false);
    add_moved(t, p, true, LOW, MIDDLE_1);
    add_moved(t, p, false, HIGH, MIDDLE_1);
    product(t, p, MIDDLE_1, HIGH, false, MODULUS, false);
    add(t, p, LOW, MIDDLE_1);
}

/* vd = vd * vs2, or, with `sum`, (vd + vs1) * vs2. The guest has the bits of each byte in reverse. */
static bool ghash(struct t1 *t, bool sum)
{
    struct x86_emit *e = &t->e;
    struct pieces p;
    if (!t->dbt->host.avx512)
        return t1v_ghash_on_avx2(t, sum);
    if (!t1v_begin_groups(t, OP.rd | OP.rs2 | (sum ? OP.rs1 : 0u), &p))
        return false;
    take_polynomials(t, p);
    unsigned reverse = t1v_reg(t, REVERSE);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, FACTOR, t1v_mem(t, OP.rd, p, i));
        if (sum)
            t1v_op_mem(t, X86_E_XOR_64, t1v_whole(p), FACTOR, FACTOR, t1v_mem(t, OP.rs1, p, i));
        t1v_load(t, p, HASH, t1v_mem(t, OP.rs2, p, i));
        x86_eaffine(e, t1v_all(p), t1v_reg(t, FACTOR), t1v_reg(t, FACTOR), reverse);
        x86_eaffine(e, t1v_all(p), t1v_reg(t, HASH), t1v_reg(t, HASH), reverse);
        multiply(t, p);
        x86_eaffine(e, t1v_all(p), t1v_reg(t, LOW), t1v_reg(t, LOW), reverse);
        t1v_put_active(t, p, i, LOW);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VCRYPTO(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
