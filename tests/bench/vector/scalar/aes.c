// SPDX-License-Identifier: MIT
// AES by tables of words, as in programs that cannot rely on instructions for AES, and GHASH by a table of
// sixteen multiples of h.
#include <string.h>

#include "../kernels.h"

static uint8_t sbox[256];
static uint32_t table[4][256]; // SubBytes and MixColumns of a byte in each row of a column, little-endian

static inline uint8_t times_two(uint8_t value)
{
    return (uint8_t)(value << 1 ^ (value >> 7) * 0x1b);
}

// FIPS 197, 5.1.1: the inverse, found by iterating over the powers of 3 and of its inverse, and an affine
// map.
static void make_tables(void)
{
    uint8_t power = 1, inverse = 1;
    do {
        power ^= times_two(power);
        inverse ^= (uint8_t)(inverse << 1);
        inverse ^= (uint8_t)(inverse << 2);
        inverse ^= (uint8_t)(inverse << 4);
        if (inverse & 0x80)
            inverse ^= 0x09;
        unsigned twice = inverse << 8 | inverse;
        sbox[power] = (uint8_t)(inverse ^ twice >> 7 ^ twice >> 6 ^ twice >> 5 ^ twice >> 4 ^ 0x63);
    } while (power != 1);
    sbox[0] = 0x63;
    for (unsigned i = 0; i < 256; i++) {
        uint32_t s = sbox[i], two = times_two(sbox[i]), column = two | s << 8 | s << 16 | (two ^ s) << 24;
        for (unsigned row = 0; row < 4; row++)
            table[row][i] = row ? column << 8 * row | column >> (32 - 8 * row) : column;
    }
}

void kernel_aes_expand(const uint8_t key[16], uint8_t keys[176])
{
    uint8_t constant = 1;
    make_tables();
    memcpy(keys, key, 16);
    for (unsigned i = 16; i < 176; i += 4) {
        uint8_t word[4];
        memcpy(word, keys + i - 4, 4);
        if (i % 16 == 0) {
            uint8_t first = word[0];
            for (unsigned k = 0; k < 4; k++)
                word[k] = sbox[k < 3 ? word[k + 1] : first];
            word[0] ^= constant;
            constant = times_two(constant);
        }
        for (unsigned k = 0; k < 4; k++)
            keys[i + k] = keys[i + k - 16] ^ word[k];
    }
}

static inline uint32_t column(const uint32_t s[4], unsigned i)
{
    return table[0][s[i] & 0xff] ^ table[1][s[(i + 1) % 4] >> 8 & 0xff] ^
           table[2][s[(i + 2) % 4] >> 16 & 0xff] ^ table[3][s[(i + 3) % 4] >> 24];
}

static inline uint32_t last_column(const uint32_t s[4], unsigned i)
{
    return sbox[s[i] & 0xff] | (uint32_t)sbox[s[(i + 1) % 4] >> 8 & 0xff] << 8 |
           (uint32_t)sbox[s[(i + 2) % 4] >> 16 & 0xff] << 16 | (uint32_t)sbox[s[(i + 3) % 4] >> 24] << 24;
}

void kernel_aes_ctr(size_t blocks, const uint8_t keys[176], const uint8_t counter[16], const uint8_t *from,
                    uint8_t *to)
{
    uint32_t key[44], start[4];
    memcpy(key, keys, sizeof key);
    memcpy(start, counter, sizeof start);
    uint32_t number = __builtin_bswap32(start[3]);
    for (; blocks; blocks--, from += 16, to += 16) {
        uint32_t s[4], next[4];
        start[3] = __builtin_bswap32(number++);
        for (unsigned i = 0; i < 4; i++)
            s[i] = start[i] ^ key[i];
        for (unsigned round = 1; round < 10; round++) {
            for (unsigned i = 0; i < 4; i++)
                next[i] = column(s, i) ^ key[4 * round + i];
            memcpy(s, next, sizeof s);
        }
        memcpy(next, from, sizeof next);
        for (unsigned i = 0; i < 4; i++)
            next[i] ^= last_column(s, i) ^ key[40 + i];
        memcpy(to, next, sizeof next);
    }
}

struct product {
    uint64_t high, low; // the bit of x^0 is the highest of `high` (SP 800-38D, 6.3)
};

static inline struct product times_x(struct product p)
{
    uint64_t carry = p.low & 1;
    p.low = p.low >> 1 | p.high << 63;
    p.high = p.high >> 1 ^ (carry ? UINT64_C(0xe1) << 56 : 0);
    return p;
}

static uint64_t load_big(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

void kernel_ghash(uint8_t sum[16], const uint8_t h[16], const uint8_t *data, size_t blocks)
{
    // multiples[n]: n × h, where 8 is x^0 and 1 is x^3. reduced[n]: the remainder of four bits n that are
    // shifted out.
    struct product multiples[16] = { 0 }, y = { load_big(sum), load_big(sum + 8) };
    uint64_t reduced[16];
    multiples[8] = (struct product){ load_big(h), load_big(h + 8) };
    for (unsigned bit = 4; bit; bit >>= 1)
        multiples[bit] = times_x(multiples[2 * bit]);
    for (unsigned i = 0; i < 16; i++) {
        unsigned bit = i & -i;
        if (i != bit) {
            multiples[i].high = multiples[bit].high ^ multiples[i ^ bit].high;
            multiples[i].low = multiples[bit].low ^ multiples[i ^ bit].low;
        }
        struct product out = { 0, i };
        for (unsigned k = 0; k < 4; k++)
            out = times_x(out);
        reduced[i] = out.high;
    }
    for (; blocks; blocks--, data += 16) {
        y.high ^= load_big(data);
        y.low ^= load_big(data + 8);
        struct product z = { 0, 0 };
        for (unsigned nibble = 0; nibble < 32; nibble++) {
            unsigned n = (nibble < 16 ? y.low >> 4 * nibble : y.high >> 4 * (nibble - 16)) & 15;
            unsigned out = z.low & 15;
            z.low = (z.low >> 4 | z.high << 60) ^ multiples[n].low;
            z.high = z.high >> 4 ^ reduced[out] ^ multiples[n].high;
        }
        y = z;
    }
    uint64_t high = __builtin_bswap64(y.high), low = __builtin_bswap64(y.low);
    memcpy(sum, &high, sizeof high);
    memcpy(sum + 8, &low, sizeof low);
}
