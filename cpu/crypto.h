/* SPDX-License-Identifier: MIT
 *
 * The scalar cryptography instructions that work with tables (Unpriv. "Scalar Cryptography", Zknd, Zkne,
 * Zksed); all tiers use these functions. The instructions for hashes and for bits are in ops.h. Any thread.
 */
#ifndef CPU_CRYPTO_H
#define CPU_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

enum crypto_aes { CRYPTO_AES_DECRYPT = 1, CRYPTO_AES_MIX = 2 };

/* aes32*: byte 0 to 3 of `source` passes the S-box and, for a middle round, MixColumns, and is added to
 * `sum`. */
uint32_t crypto_aes32(uint32_t sum, uint32_t source, unsigned byte, enum crypto_aes kind);
/* aes64es, esm, ds, dsm: the low half of the state after a round without its key; `low` and `high` are the
 * state before the round. */
uint64_t crypto_aes64(uint64_t low, uint64_t high, enum crypto_aes kind);
/* aes64im: InvMixColumns of two columns. */
uint64_t crypto_aes64_unmix(uint64_t columns);

/* aes64ks1i for round 0 to 10; in the last one the word is not rotated, and there is no constant. */
#define CRYPTO_AES_KEY_PLAIN 10
uint64_t crypto_aes64_key(uint64_t source, unsigned round);
static inline uint8_t crypto_aes_round_constant(unsigned round)
{
    return round < 8 ? (uint8_t)(1 << round) : round == 8 ? 0x1b : round == 9 ? 0x36 : 0;
}

/* sm4ed, sm4ks: byte 0 to 3 of `source` passes the S-box and the linear layer, and is added to `sum`. */
uint32_t crypto_sm4_round(uint32_t sum, uint32_t source, unsigned byte);
uint32_t crypto_sm4_key(uint32_t sum, uint32_t source, unsigned byte);

/* SM4's constant of a round key: byte j of constant i, from the highest on, is (4 i + j) * 7. */
static inline uint32_t crypto_sm4_constant(unsigned i)
{
    uint32_t value = 0;
    for (unsigned j = 0; j < 4; j++)
        value = value << 8 | ((4 * i + j) * 7 & 0xff);
    return value;
}

#endif
