// SPDX-License-Identifier: MIT
// Sums and ciphers.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { CRC_BYTES = 65003, MESSAGE_BYTES = 16000, BLOCK = 16 };

static bool crc_prepare(void)
{
    area_bytes(area(0), CRC_BYTES, 81);
    kernel_crc_setup();
    return true;
}

static uint64_t crc_run(void)
{
    uint32_t crc = 0;
    for (unsigned round = 0; round < ROUNDS(30); round++)
        crc = kernel_crc(0, area(0), CRC_BYTES);
    return crc;
}

static bool message_prepare(void)
{
    area_bytes(area(0), MESSAGE_BYTES, 82);
    area_clear(area(1), AREA_BYTES);
    return true;
}

// Encrypts `blocks` blocks and computes their tag (SP 800-38D, without additional data and with a nonce of 96
// bits).
static void gcm_encrypt(const uint8_t key[16], const uint8_t nonce[12], size_t blocks, const uint8_t *from,
                        uint8_t *to, uint8_t tag[16])
{
    static const uint8_t zero[BLOCK];
    uint8_t keys[176], h[BLOCK], counter[BLOCK] = { 0 }, last[BLOCK] = { 0 }, sum[BLOCK] = { 0 };
    kernel_aes_expand(key, keys);
    kernel_aes_ctr(1, keys, counter, zero, h);
    kernel_memcpy(counter, nonce, 12);
    counter[15] = 2;
    kernel_aes_ctr(blocks, keys, counter, from, to);
    kernel_ghash(sum, h, to, blocks);
    for (unsigned i = 0; i < 8; i++)
        last[15 - i] = (uint8_t)((uint64_t)blocks * BLOCK * 8 >> 8 * i);
    kernel_ghash(sum, h, last, 1);
    counter[15] = 1;
    kernel_aes_ctr(1, keys, counter, sum, tag);
}

static uint64_t gcm_run(void)
{
    uint8_t *message = area(0), *encrypted = area(1), *tag = encrypted + MESSAGE_BYTES;
    for (unsigned round = 0; round < ROUNDS(10); round++)
        gcm_encrypt(message + 100, message + 200, MESSAGE_BYTES / BLOCK, message, encrypted, tag);
    return area_sum(encrypted, MESSAGE_BYTES + BLOCK);
}

// Starts with FIPS 180-4's initial state; there is no padding.
static uint64_t sha256_run(void)
{
    static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    uint32_t *state = area(1);
    for (unsigned round = 0; round < ROUNDS(10); round++) {
        for (unsigned i = 0; i < 8; i++)
            state[i] = initial[i];
        kernel_sha256(state, area(0), MESSAGE_BYTES / 64);
    }
    return area_sum(state, sizeof initial);
}

static uint64_t chacha_run(void)
{
    // "expand 32-byte k", a key, the block's number, a nonce; the number overflows during the work.
    uint32_t state[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    for (unsigned i = 4; i < 16; i++)
        state[i] = i == 12 ? 0xffffffc0 : i * 0x01020304;
    for (unsigned round = 0; round < ROUNDS(10); round++)
        kernel_chacha(MESSAGE_BYTES / 64, state, area(0), area(1));
    return area_sum(area(1), MESSAGE_BYTES);
}

const struct bench_program bench_ciphers[] = {
    { "vector", "crc32", 5, 0xb48c06ca, crc_prepare, crc_run, NULL },
    { "vector", "aes-gcm", 30, 0xd85bb8735e09ce51, message_prepare, gcm_run, NULL },
    { "vector", "sha256", 250, 0xd2a1a13c6b7c7d39, message_prepare, sha256_run, NULL },
    { "vector", "chacha20", 150, 0x696cfbff6e936de1, message_prepare, chacha_run, NULL },
    { 0 },
};
