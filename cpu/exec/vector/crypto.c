/* SPDX-License-Identifier: MIT
 *
 * Zvkned, Zvknha, Zvknhb, Zvkg, Zvksed and Zvksh ("Vector Cryptography"): AES, SHA-2, GHASH, SM4 and SM3.
 * They work on groups of elements: vl and vstart are multiples of a group, and a group fits in LMUL
 * registers. In the .vs forms all groups have one group of vs2 in common.
 */
#include "cpu/crypto.h"
#include "cpu/exec/ops.h"
#include "cpu/exec/vector/vector.h"

#include <string.h>

/* Processes one group: d is vd's group and receives the result. */
typedef void group_fn(void *d, const void *s2, const void *s1, unsigned immediate);

/* `elements`: in a group. sew: log2 of an element's bytes; the present SEW must be this. */
static bool run_groups(struct hart *hart, const struct insn *insn, const struct vshape *shape, unsigned sew,
                       unsigned elements, group_fn *group)
{
    const struct hart_vector *v = &hart->vector;
    size_t bytes = (size_t)elements << sew;
    struct vop op;
    if (v->sew != sew || vector_vlmax(hart) < elements || v->vl % elements || v->vstart % elements)
        return vector_illegal(hart, insn);
    if (!vector_prepare(hart, insn, shape, &op))
        return false;
    for (size_t i = op.start / elements; i < op.vl / elements; i++)
        group(op.vd + i * bytes, op.vs2 + (shape->s2 == V_ONE ? 0 : i * bytes), op.vs1 + i * bytes,
              (unsigned)insn->imm);
    return vector_done(hart);
}

#define RUN(name, group, sew, elements, ...)                                                                 \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        return run_groups(hart, insn, &shape, sew, elements, group);                                         \
    }
#define RUN_VV_VS(name, group)                                                                               \
    RUN(name##_vv, group, 2, 4, 0, 0, V_NONE, V_V, 0)                                                        \
    RUN(name##_vs, group, 2, 4, 0, V_ONE, V_NONE, V_V, V_APART)

/* ---- AES ----------------------------------------------------------------------------------------------- */

struct half {
    uint64_t low, high;
};

static struct half get_half(const void *from)
{
    struct half h;
    memcpy(&h, from, sizeof(h));
    return h;
}

/* One round. The key is added at the end, but in the middle rounds of decryption before InvMixColumns. */
static void aes_round(void *d, const void *key, enum crypto_aes kind)
{
    struct half s = get_half(d), k = get_half(key);
    enum crypto_aes here = kind == (CRYPTO_AES_DECRYPT | CRYPTO_AES_MIX) ? CRYPTO_AES_DECRYPT : kind;
    struct half r = { crypto_aes64(s.low, s.high, here) ^ k.low, crypto_aes64(s.high, s.low, here) ^ k.high };
    if (here != kind)
        r = (struct half){ crypto_aes64_unmix(r.low), crypto_aes64_unmix(r.high) };
    memcpy(d, &r, sizeof(r));
}

static void aes_em(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    aes_round(d, s2, CRYPTO_AES_MIX);
}
static void aes_ef(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    aes_round(d, s2, 0);
}
static void aes_dm(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    aes_round(d, s2, CRYPTO_AES_DECRYPT | CRYPTO_AES_MIX);
}
static void aes_df(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    aes_round(d, s2, CRYPTO_AES_DECRYPT);
}
static void aes_z(void *d, const void *s2, const void *s1, unsigned immediate)
{
    struct half s = get_half(d), k = get_half(s2);
    (void)s1, (void)immediate;
    s.low ^= k.low;
    s.high ^= k.high;
    memcpy(d, &s, sizeof(s));
}

/* Computes the next four words: `first` is added to the words of `before`, one after the other. */
static void aes_key(uint32_t *d, const uint32_t *before, uint32_t first)
{
    uint32_t sum = first;
    for (unsigned i = 0; i < 4; i++)
        d[i] = sum ^= before[i];
}

static uint32_t aes_key_word(uint32_t word, unsigned round)
{
    return (uint32_t)crypto_aes64_key((uint64_t)word << 32, round);
}

/* Bit 3 of invalid round numbers is inverted. */
static void aes_kf1(void *d, const void *s2, const void *s1, unsigned immediate)
{
    unsigned round = immediate & 15;
    uint32_t key[4];
    (void)s1;
    round ^= round == 0 || round > 10 ? 8 : 0;
    memcpy(key, s2, sizeof(key));
    aes_key(d, key, aes_key_word(key[3], round - 1));
}
static void aes_kf2(void *d, const void *s2, const void *s1, unsigned immediate)
{
    unsigned round = immediate & 15;
    uint32_t key[4], before[4];
    (void)s1;
    round ^= round < 2 || round > 14 ? 8 : 0;
    memcpy(key, s2, sizeof(key));
    memcpy(before, d, sizeof(before));
    aes_key(d, before, aes_key_word(key[3], round & 1 ? CRYPTO_AES_KEY_PLAIN : (round >> 1) - 1));
}

RUN_VV_VS(vaesem, aes_em)
RUN_VV_VS(vaesef, aes_ef)
RUN_VV_VS(vaesdm, aes_dm)
RUN_VV_VS(vaesdf, aes_df)
RUN(vaesz_vs, aes_z, 2, 4, 0, V_ONE, V_NONE, V_V, V_APART)
RUN(vaeskf1_vi, aes_kf1, 2, 4, 0, 0, V_NONE, V_I, 0)
RUN(vaeskf2_vi, aes_kf2, 2, 4, 0, 0, V_NONE, V_I, 0)

/* ---- SHA-2: with words of 32 bits (Zvknha, Zvknhb) or 64 (Zvknhb) -------------------------------------- */

#define SHA2(T, sha)                                                                                         \
    /* vd: W3 to W0; vs2: W11, W10, W9, W4; vs1: W15 to W12, the highest first. */                           \
    static void sha##_ms(void *to, const void *s2, const void *s1, unsigned immediate)                       \
    {                                                                                                        \
        T *d = to, w[4];                                                                                     \
        const T *b = s2, *a = s1;                                                                            \
        (void)immediate;                                                                                     \
        w[0] = op_##sha##_sig1(a[2]) + b[1] + op_##sha##_sig0(d[1]) + d[0];                                  \
        w[1] = op_##sha##_sig1(a[3]) + b[2] + op_##sha##_sig0(d[2]) + d[1];                                  \
        w[2] = op_##sha##_sig1(w[0]) + b[3] + op_##sha##_sig0(d[3]) + d[2];                                  \
        w[3] = op_##sha##_sig1(w[1]) + a[0] + op_##sha##_sig0(b[0]) + d[3];                                  \
        memcpy(d, w, sizeof(w));                                                                             \
    }                                                                                                        \
    /* Two rounds. vs2: a, b, e, f; vd: c, d, g, h, the highest first; the result is the new a, b, e, f. */  \
    static void sha##_rounds(T *to, const T *s2, const T *words)                                             \
    {                                                                                                        \
        T a = s2[3], b = s2[2], e = s2[1], f = s2[0], c = to[3], d = to[2], g = to[1], h = to[0];            \
        for (unsigned i = 0; i < 2; i++) {                                                                   \
            T t1 = h + op_##sha##_sum1(e) + ((e & f) ^ (~e & g)) + words[i];                                 \
            T t2 = op_##sha##_sum0(a) + ((a & b) ^ (a & c) ^ (b & c));                                       \
            h = g;                                                                                           \
            g = f;                                                                                           \
            f = e;                                                                                           \
            e = d + t1;                                                                                      \
            d = c;                                                                                           \
            c = b;                                                                                           \
            b = a;                                                                                           \
            a = t1 + t2;                                                                                     \
        }                                                                                                    \
        to[3] = a;                                                                                           \
        to[2] = b;                                                                                           \
        to[1] = e;                                                                                           \
        to[0] = f;                                                                                           \
    }                                                                                                        \
    static void sha##_cl(void *d, const void *s2, const void *s1, unsigned immediate)                        \
    {                                                                                                        \
        (void)immediate;                                                                                     \
        sha##_rounds(d, s2, s1);                                                                             \
    }                                                                                                        \
    static void sha##_ch(void *d, const void *s2, const void *s1, unsigned immediate)                        \
    {                                                                                                        \
        (void)immediate;                                                                                     \
        sha##_rounds(d, s2, (const T *)s1 + 2);                                                              \
    }
SHA2(uint32_t, sha256)
SHA2(uint64_t, sha512)

#define RUN_SHA2(name, part)                                                                                 \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { 0, 0, 0, V_V, V_APART };                                        \
        bool wide = hart->vector.sew == 3 && isa_has(&hart->isa, ISA_Zvknhb);                                \
        return run_groups(hart, insn, &shape, wide ? 3 : 2, 4, wide ? sha512_##part : sha256_##part);        \
    }
RUN_SHA2(vsha2ms_vv, ms)
RUN_SHA2(vsha2ch_vv, ch)
RUN_SHA2(vsha2cl_vv, cl)

/* ---- GHASH: in GF(2^128), modulo x^128 + x^7 + x^2 + x + 1; the bits of each byte are reversed --------- */

static struct half reverse(struct half a)
{
    return (struct half){ op_brev8(a.low), op_brev8(a.high) };
}

static void ghash_multiply(void *d, struct half y, const void *s2)
{
    struct half h = reverse(get_half(s2)), z = { 0, 0 };
    y = reverse(y);
    for (unsigned bit = 0; bit < 128; bit++) {
        uint64_t set = 0 - ((bit < 64 ? y.low >> bit : y.high >> (bit - 64)) & 1);
        uint64_t carry = h.high >> 63;
        z.low ^= h.low & set;
        z.high ^= h.high & set;
        h.high = h.high << 1 | h.low >> 63;
        h.low = h.low << 1 ^ carry * 0x87;
    }
    z = reverse(z);
    memcpy(d, &z, sizeof(z));
}

static void ghash_multiply_group(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    ghash_multiply(d, get_half(d), s2);
}
static void ghash_add_multiply(void *d, const void *s2, const void *s1, unsigned immediate)
{
    struct half y = get_half(d), x = get_half(s1);
    (void)immediate;
    ghash_multiply(d, (struct half){ y.low ^ x.low, y.high ^ x.high }, s2);
}
RUN(vgmul_vv, ghash_multiply_group, 2, 4, 0, 0, V_NONE, V_V, 0)
RUN(vghsh_vv, ghash_add_multiply, 2, 4, 0, 0, 0, V_V, 0)

/* ---- SM4 (GB/T 32907-2016) ----------------------------------------------------------------------------- */

/* Four rounds over x[0..3], of data with round keys, or of the key schedule with constants. What is done to a
 * byte comes from the scalar instructions, whose words have their bytes in the other order. */
static void sm4_rounds(uint32_t *d, const uint32_t *from, const uint32_t *added,
                       uint32_t (*round)(uint32_t, uint32_t, unsigned))
{
    uint32_t x[8];
    memcpy(x, from, 16);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t in = x[i + 1] ^ x[i + 2] ^ x[i + 3] ^ added[i];
        uint32_t sum = __builtin_bswap32(x[i]);
        for (unsigned byte = 0; byte < 4; byte++)
            sum = round(sum, __builtin_bswap32(in), byte);
        x[i + 4] = __builtin_bswap32(sum);
    }
    memcpy(d, x + 4, 16);
}

static void sm4_r(void *d, const void *s2, const void *s1, unsigned immediate)
{
    (void)s1, (void)immediate;
    sm4_rounds(d, d, s2, crypto_sm4_round);
}
static void sm4_k(void *d, const void *s2, const void *s1, unsigned immediate)
{
    uint32_t constants[4];
    (void)s1;
    for (unsigned i = 0; i < 4; i++)
        constants[i] = crypto_sm4_constant(4 * (immediate & 7) + i);
    sm4_rounds(d, s2, constants, crypto_sm4_key);
}
RUN_VV_VS(vsm4r, sm4_r)
RUN(vsm4k_vi, sm4_k, 2, 4, 0, 0, V_NONE, V_I, 0)

/* ---- SM3 (GB/T 32905-2016): its words are big-endian --------------------------------------------------- */

static void sm3_load(uint32_t *to, const void *from)
{
    memcpy(to, from, 32);
    for (unsigned i = 0; i < 8; i++)
        to[i] = __builtin_bswap32(to[i]);
}

/* Computes the next eight words of the message; W0 to W7 are in vs1, and W8 to W15 in vs2. */
static void sm3_me(void *d, const void *s2, const void *s1, unsigned immediate)
{
    uint32_t w[24];
    (void)immediate;
    sm3_load(w, s1);
    sm3_load(w + 8, s2);
    for (unsigned i = 16; i < 24; i++)
        w[i] = op_sm3_p1(w[i - 16] ^ w[i - 9] ^ op_rol32(w[i - 3], 15)) ^ op_rol32(w[i - 13], 7) ^ w[i - 6];
    sm3_load(d, w + 16);
}

/* Computes the round with number j; s: A to H. */
static void sm3_round(uint32_t s[8], unsigned j, uint32_t w, uint32_t x)
{
    bool early = j < 16;
    uint32_t a = s[0], b = s[1], c = s[2], e = s[4], f = s[5], g = s[6];
    uint32_t t = op_rol32(early ? 0x79cc4519 : 0x7a879d8a, j % 32);
    uint32_t ss1 = op_rol32(op_rol32(a, 12) + e + t, 7);
    uint32_t ff = early ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    uint32_t gg = early ? e ^ f ^ g : (e & f) | (~e & g);
    uint32_t tt1 = ff + s[3] + (ss1 ^ op_rol32(a, 12)) + x, tt2 = gg + s[7] + ss1 + w;
    uint32_t next[8] = { tt1, a, op_rol32(b, 9), c, op_sm3_p0(tt2), e, op_rol32(f, 19), g };
    memcpy(s, next, sizeof(next));
}

/* Two rounds, with W0, W1, W4 and W5 of vs2. */
static void sm3_c(void *d, const void *s2, const void *s1, unsigned immediate)
{
    uint32_t s[8], w[8];
    (void)s1;
    sm3_load(s, d);
    sm3_load(w, s2);
    for (unsigned i = 0; i < 2; i++)
        sm3_round(s, 2 * (immediate & 31) + i, w[i], w[i] ^ w[i + 4]);
    sm3_load(d, s);
}
/* vd may be vs1, but not vs2. */
bool vector_vsm3me_vv(struct hart *hart, const struct insn *insn)
{
    static const struct vshape shape = { 0, 0, 0, V_V, 0 };
    return insn->rd == insn->rs2 ? vector_illegal(hart, insn) : run_groups(hart, insn, &shape, 2, 8, sm3_me);
}

RUN(vsm3c_vi, sm3_c, 2, 8, 0, 0, V_NONE, V_I, V_APART)
