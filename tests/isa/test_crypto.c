/* SPDX-License-Identifier: MIT
 *
 * The instructions for ciphers and hashes against the published examples of their algorithms: whole
 * algorithms written with only these instructions (FIPS 197, FIPS 180-4, GB/T 32905 and 32907).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/crypto.h"
#include "cpu/exec/ops.h"
#include "tests/suite.h"

/* ---- AES-128, FIPS 197 appendix C.1 -------------------------------------------------------------------- */

static const uint8_t aes_plain[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static const uint8_t aes_cipher[16] = { 0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                        0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a };

/* keys[round][half], computed by aes64ks1i and aes64ks2; the key is 00 01 .. 0f. */
static void aes_schedule(uint64_t keys[11][2])
{
    keys[0][0] = 0x0706050403020100;
    keys[0][1] = 0x0f0e0d0c0b0a0908;
    for (unsigned round = 0; round < 10; round++) {
        uint64_t first = crypto_aes64_key(keys[round][1], round);
        keys[round + 1][0] = op_aes64ks2(first, keys[round][0]);
        keys[round + 1][1] = op_aes64ks2(keys[round + 1][0], keys[round][1]);
    }
}

START_TEST(test_aes64)
{
    uint64_t keys[11][2], state[2], next[2];
    aes_schedule(keys);
    memcpy(state, aes_plain, 16);
    for (unsigned round = 0; round < 10; round++) {
        enum crypto_aes kind = round < 9 ? CRYPTO_AES_MIX : 0;
        state[0] ^= keys[round][0];
        state[1] ^= keys[round][1];
        next[0] = crypto_aes64(state[0], state[1], kind);
        next[1] = crypto_aes64(state[1], state[0], kind);
        memcpy(state, next, 16);
    }
    state[0] ^= keys[10][0];
    state[1] ^= keys[10][1];
    ck_assert_mem_eq(state, aes_cipher, 16);
    for (unsigned round = 10; round > 0; round--) { /* the equivalent inverse cipher, FIPS 197 5.3.5 */
        enum crypto_aes kind = CRYPTO_AES_DECRYPT | (round > 1 ? CRYPTO_AES_MIX : 0);
        for (unsigned half = 0; half < 2; half++)
            state[half] ^= round == 10 ? keys[round][half] : crypto_aes64_unmix(keys[round][half]);
        next[0] = crypto_aes64(state[0], state[1], kind);
        next[1] = crypto_aes64(state[1], state[0], kind);
        memcpy(state, next, 16);
    }
    state[0] ^= keys[0][0];
    state[1] ^= keys[0][1];
    ck_assert_mem_eq(state, aes_plain, 16);
}
END_TEST

/* One round, done as RV32 code does it: four columns of four instructions each. */
static void aes32_round(uint32_t state[4], const uint32_t key[4], enum crypto_aes kind)
{
    uint32_t next[4];
    for (unsigned column = 0; column < 4; column++) {
        next[column] = key[column];
        for (unsigned byte = 0; byte < 4; byte++) {
            unsigned from = (kind & CRYPTO_AES_DECRYPT ? column - byte : column + byte) & 3;
            next[column] = crypto_aes32(next[column], state[from], byte, kind);
        }
    }
    memcpy(state, next, 16);
}

START_TEST(test_aes32)
{
    uint64_t keys[11][2];
    uint32_t state[4], words[11][4], inverse[4];
    aes_schedule(keys);
    memcpy(words, keys, sizeof(words));
    memcpy(state, aes_plain, 16);
    for (unsigned i = 0; i < 4; i++)
        state[i] ^= words[0][i];
    for (unsigned round = 1; round <= 10; round++)
        aes32_round(state, words[round], round < 10 ? CRYPTO_AES_MIX : 0);
    ck_assert_mem_eq(state, aes_cipher, 16);
    for (unsigned i = 0; i < 4; i++)
        state[i] ^= words[10][i];
    for (unsigned round = 9; round > 0; round--) {
        for (unsigned i = 0; i < 4; i++)
            inverse[i] = (uint32_t)crypto_aes64_unmix(words[round][i]);
        aes32_round(state, inverse, CRYPTO_AES_DECRYPT | CRYPTO_AES_MIX);
    }
    aes32_round(state, words[0], CRYPTO_AES_DECRYPT);
    ck_assert_mem_eq(state, aes_plain, 16);
}
END_TEST

/* AES-256 also substitutes a word without rotation (FIPS 197 5.2). */
START_TEST(test_aes_key_plain)
{
    uint32_t word = 0xed530063; /* 63 00 53 ed becomes fb 63 ed 55 */
    uint64_t plain = crypto_aes64_key((uint64_t)word << 32, CRYPTO_AES_KEY_PLAIN);
    ck_assert_uint_eq(plain, 0x55ed63fb55ed63fb);
}
END_TEST

/* ---- SHA-2, FIPS 180-4; the constants are roots of the first primes (4.2.2, 5.3) ----------------------- */

/* floor(frac(p^(1/root)) * 2^bits) by bisection in integers; root 2 or 3, bits 32 or 64. */
static uint64_t root_fraction(unsigned prime, unsigned root, unsigned bits)
{
    unsigned __int128 low = 0, high = (unsigned __int128)32 << bits; /* p^(1/2) of 311 and less is below 32 */
    while (high - low > 1) {
        unsigned __int128 middle = (low + high) / 2;
        /* middle^root <= prime * 2^(root * bits), in long numbers of 32-bit digits */
        uint32_t digits[9] = { 1 };
        for (unsigned k = 0; k < root; k++) {
            uint32_t product[9] = { 0 };
            for (unsigned i = 0; i < 9; i++) {
                uint64_t carry = 0;
                for (unsigned j = 0; i + j < 9; j++) {
                    carry +=
                        product[i + j] + (uint64_t)digits[i] * (j < 3 ? (uint32_t)(middle >> 32 * j) : 0);
                    product[i + j] = (uint32_t)carry;
                    carry >>= 32;
                }
            }
            memcpy(digits, product, sizeof(digits));
        }
        unsigned top = root * bits / 32;
        bool above = false;
        for (unsigned i = 9; i-- > top + 1;)
            above |= digits[i] != 0;
        above |= digits[top] >= prime;
        if (above)
            high = middle;
        else
            low = middle;
    }
    return bits == 64 ? (uint64_t)low : (uint32_t)low;
}

static void first_primes(unsigned *primes, unsigned count)
{
    for (unsigned n = 2, found = 0; found < count; n++) {
        bool prime = true;
        for (unsigned i = 0; i < found; i++)
            prime &= n % primes[i] != 0;
        if (prime)
            primes[found++] = n;
    }
}

START_TEST(test_sha256)
{
    unsigned primes[64];
    uint32_t w[64] = { 0x61626380 }, h[8], s[8]; /* "abc" and its padding */
    first_primes(primes, 64);
    w[15] = 24;
    for (unsigned i = 16; i < 64; i++)
        w[i] = op_sha256_sig1(w[i - 2]) + w[i - 7] + op_sha256_sig0(w[i - 15]) + w[i - 16];
    for (unsigned i = 0; i < 8; i++)
        h[i] = s[i] = (uint32_t)root_fraction(primes[i], 2, 32);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + op_sha256_sum1(s[4]) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                      (uint32_t)root_fraction(primes[i], 3, 32) + w[i];
        uint32_t t2 = op_sha256_sum0(s[0]) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    static const uint32_t digest[8] = { 0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                                        0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad };
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(h[i] + s[i], digest[i]);
}
END_TEST

START_TEST(test_sha512)
{
    unsigned primes[80];
    uint64_t w[80] = { 0x6162638000000000 }, h[8], s[8];
    first_primes(primes, 80);
    w[15] = 24;
    for (unsigned i = 16; i < 80; i++)
        w[i] = op_sha512_sig1(w[i - 2]) + w[i - 7] + op_sha512_sig0(w[i - 15]) + w[i - 16];
    for (unsigned i = 0; i < 8; i++)
        h[i] = s[i] = root_fraction(primes[i], 2, 64);
    for (unsigned i = 0; i < 80; i++) {
        uint64_t t1 = s[7] + op_sha512_sum1(s[4]) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                      root_fraction(primes[i], 3, 64) + w[i];
        uint64_t t2 = op_sha512_sum0(s[0]) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    static const uint64_t digest[8] = { 0xddaf35a193617aba, 0xcc417349ae204131, 0x12e6fa4e89a97ea2,
                                        0x0a9eeee64b55d39a, 0x2192992a274fc1a8, 0x36ba3c23a3feebbd,
                                        0x454d4423643ce80e, 0x2a9ac94fa54ca49f };
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(h[i] + s[i], digest[i]);
}
END_TEST

/* ---- SM3, GB/T 32905 A.1 ("abc") ----------------------------------------------------------------------- */

START_TEST(test_sm3)
{
    uint32_t w[68] = { 0x61626380 };
    uint32_t v[8] = { 0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                      0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e };
    uint32_t a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];
    w[15] = 24;
    for (unsigned j = 16; j < 68; j++)
        w[j] = op_sm3_p1(w[j - 16] ^ w[j - 9] ^ op_rol32(w[j - 3], 15)) ^ op_rol32(w[j - 13], 7) ^ w[j - 6];
    for (unsigned j = 0; j < 64; j++) {
        uint32_t constant = j < 16 ? 0x79cc4519 : 0x7a879d8a;
        uint32_t ss1 = op_rol32(op_rol32(a, 12) + e + op_rol32(constant, j), 7), ss2 = ss1 ^ op_rol32(a, 12);
        uint32_t ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
        uint32_t gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
        uint32_t tt1 = ff + d + ss2 + (w[j] ^ w[j + 4]), tt2 = gg + h + ss1 + w[j];
        d = c, c = op_rol32(b, 9), b = a, a = tt1;
        h = g, g = op_rol32(f, 19), f = e, e = op_sm3_p0(tt2);
    }
    static const uint32_t digest[8] = { 0x66c7f0f4, 0x62eeedd9, 0xd1f2d46b, 0xdc10e4e2,
                                        0x4167c487, 0x5cf2f7a2, 0x297da02b, 0x8f4ba8e0 };
    const uint32_t end[8] = { a, b, c, d, e, f, g, h };
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(v[i] ^ end[i], digest[i]);
}
END_TEST

/* ---- SM4, GB/T 32907 A.1: key and text are the same ---------------------------------------------------- */

/* The words are big-endian in the standard and little-endian in registers. */
static const uint32_t sm4_text[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
static const uint32_t sm4_result[4] = { 0x34df1e68, 0x5e9606d2, 0x4fe9b386, 0x46426e53 };

typedef uint32_t sm4_fn(uint32_t sum, uint32_t source, unsigned byte);

static uint32_t sm4_step(sm4_fn *fn, const uint32_t x[4], uint32_t key)
{
    uint32_t sum = x[0], source = x[1] ^ x[2] ^ x[3] ^ key;
    for (unsigned byte = 0; byte < 4; byte++)
        sum = fn(sum, source, byte);
    return sum;
}

START_TEST(test_sm4)
{
    static const uint32_t family[4] = { 0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc };
    uint32_t keys[36], text[36];
    for (unsigned i = 0; i < 4; i++)
        keys[i] = sm4_text[i] ^ __builtin_bswap32(family[i]);
    for (unsigned i = 0; i < 32; i++) {
        uint32_t constant = 0; /* bytes 7 (4 i + j) */
        for (unsigned j = 0; j < 4; j++)
            constant |= (uint32_t)(uint8_t)(7 * (4 * i + j)) << 8 * j;
        keys[i + 4] = sm4_step(crypto_sm4_key, keys + i, constant);
    }
    memcpy(text, sm4_text, 16);
    for (unsigned i = 0; i < 32; i++)
        text[i + 4] = sm4_step(crypto_sm4_round, text + i, keys[i + 4]);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(text[35 - i], sm4_result[i]);
}
END_TEST

/* ---- Zbkb, Zbkx ---------------------------------------------------------------------------------------- */

START_TEST(test_bits)
{
    ck_assert_uint_eq(op_brev8(0x0123456789abcdef), 0x80c4a2e691d5b3f7);
    ck_assert_uint_eq(op_zip(0xffff0000), 0xaaaaaaaa);
    ck_assert_uint_eq(op_zip(0x00018000), 0x40000002);
    ck_assert_uint_eq(op_unzip(0xaaaaaaaa), 0xffff0000);
    for (uint32_t a = 1; a; a <<= 1)
        ck_assert_uint_eq(op_unzip(op_zip(a)), a);
    ck_assert_uint_eq(op_xperm(0xfedcba9876543210, 0x0123456789abcdef, 64, 4), 0x0123456789abcdef);
    ck_assert_uint_eq(op_xperm(0x8877665544332211, 0x0007080f10ff0203, 64, 8), 0x1188000000003344);
    ck_assert_uint_eq(op_xperm(0x76543210, 0x89abcdef, 32, 4), 0);
    ck_assert_uint_eq(op_xperm(0x44332211, 0x04030001, 32, 8), 0x00441122);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("crypto");
    TCase *tests = tcase_create("published examples");
    tcase_add_test(tests, test_aes64);
    tcase_add_test(tests, test_aes32);
    tcase_add_test(tests, test_aes_key_plain);
    tcase_add_test(tests, test_sha256);
    tcase_add_test(tests, test_sha512);
    tcase_add_test(tests, test_sm3);
    tcase_add_test(tests, test_sm4);
    tcase_add_test(tests, test_bits);
    suite_add_tcase(suite, tests);
    return suite;
}
