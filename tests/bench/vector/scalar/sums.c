// SPDX-License-Identifier: MIT
// CRC-32, SHA-256 and ChaCha20 in plain C.
#include <string.h>

#include "../kernels.h"

static uint32_t crc_table[256];

void kernel_crc_setup(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        crc_table[byte] = crc;
    }
}

uint32_t kernel_crc(uint32_t crc, const uint8_t *data, size_t bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ data[i]) & 0xff];
    return ~crc;
}

static inline uint32_t rotate_right(uint32_t value, unsigned by)
{
    return value >> by | value << (32 - by);
}

void kernel_sha256(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    for (; blocks; blocks--, data += 64) {
        uint32_t w[64], s[8];
        for (unsigned i = 0; i < 16; i++)
            w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
                   (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
        for (unsigned i = 16; i < 64; i++) {
            uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3) +
                   (rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10);
        }
        memcpy(s, state, sizeof s);
        for (unsigned i = 0; i < 64; i++) {
            uint32_t a = s[0], e = s[4];
            uint32_t one = s[7] + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                           (s[6] ^ (e & (s[5] ^ s[6]))) + kernel_sha256_constants[i] + w[i];
            uint32_t two = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
                           ((a & (s[1] | s[2])) | (s[1] & s[2]));
            for (unsigned k = 7; k; k--)
                s[k] = s[k - 1];
            s[4] += one;
            s[0] = one + two;
        }
        for (unsigned i = 0; i < 8; i++)
            state[i] += s[i];
    }
}

static inline void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate_right(*d ^ *a, 16);
    *c += *d, *b = rotate_right(*b ^ *c, 20);
    *a += *b, *d = rotate_right(*d ^ *a, 24);
    *c += *d, *b = rotate_right(*b ^ *c, 25);
}

void kernel_chacha(size_t blocks, const uint32_t state[16], const uint8_t *from, uint8_t *to)
{
    for (uint32_t block = 0; block < blocks; block++, from += 64, to += 64) {
        uint32_t x[16];
        memcpy(x, state, sizeof x);
        x[12] += block;
        for (unsigned round = 0; round < 10; round++) {
            for (unsigned i = 0; i < 4; i++)
                quarter(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
            for (unsigned i = 0; i < 4; i++)
                quarter(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
        }
        x[12] += block;
        for (unsigned i = 0; i < 16; i++) {
            uint32_t word;
            memcpy(&word, from + 4 * i, sizeof word);
            word ^= x[i] + state[i];
            memcpy(to + 4 * i, &word, sizeof word);
        }
    }
}
