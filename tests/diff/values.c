/* SPDX-License-Identifier: MIT
 *
 * Random values, corner cases more often than others; see snippet.h.
 */
#include "tests/diff/snippet.h"

uint64_t random_u64(struct random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

unsigned random_below(struct random *random, unsigned limit)
{
    return (unsigned)((random_u64(random) >> 32) * limit >> 32);
}

bool random_percent(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

uint64_t value_integer(struct random *random)
{
    static const unsigned edges[] = { 7, 8, 15, 16, 31, 32, 63 };
    uint64_t edge = 1ull << edges[random_below(random, 7)];
    switch (random_below(random, 8)) {
    case 0: return random_below(random, 4);
    case 1: return -(uint64_t)random_below(random, 4);
    case 2: return edge + random_below(random, 3) - 1;
    case 3: return -edge + random_below(random, 3) - 1;
    case 4: return 1ull << random_below(random, 64);
    case 5: return (uint64_t)(int64_t)(int32_t)random_u64(random);
    case 6: return random_u64(random) >> random_below(random, 64);
    default: return random_u64(random);
    }
}

int32_t value_signed(struct random *random, unsigned bits)
{
    int32_t low = -(int32_t)(1u << (bits - 1)), high = -low - 1;
    switch (random_below(random, 8)) {
    case 0: return 0;
    case 1: return -1;
    case 2: return low;
    case 3: return high;
    case 4: return (int32_t)random_below(random, 16) - 8;
    default: return low + (int32_t)random_below(random, 1u << bits);
    }
}

static const struct {
    unsigned exponent, mantissa; /* bits */
} formats[] = { [KIND_H] = { 5, 10 }, [KIND_S] = { 8, 23 }, [KIND_D] = { 11, 52 } };

static uint64_t random_mantissa(struct random *random, unsigned bits)
{
    uint64_t all = (1ull << bits) - 1, some = random_u64(random) & all;
    switch (random_below(random, 6)) {
    case 0: return 0;
    case 1: return all;
    case 2: return 1ull << random_below(random, bits);
    case 3: return some & ~(all >> random_below(random, bits)); /* only a few leading bits */
    case 4: return ((some & ~(all >> random_below(random, bits))) + random_below(random, 3) - 1) & all;
    default: return some;
    }
}

/* Biased exponents: around 1, around the end of the integers, around the ends of narrower formats. */
static uint64_t random_exponent(struct random *random, unsigned bits)
{
    static const int edges[] = { 7,   8,   14,   15,   16,   30,   31,  32,  62,  63,  64,
                                 127, 128, -126, -127, -149, -150, -14, -15, -24, -25, 1023 };
    int bias = (1 << (bits - 1)) - 1, exponent;
    switch (random_below(random, 4)) {
    case 0: exponent = bias + (int)random_below(random, 9) - 4; break;
    case 1: exponent = bias + (int)random_below(random, 121) - 60; break;
    case 2: exponent = bias + edges[random_below(random, sizeof(edges) / sizeof(edges[0]))]; break;
    default: exponent = (int)random_below(random, 1u << bits); break;
    }
    int highest = (1 << bits) - 2;
    return (uint64_t)(exponent < 0 ? 0 : exponent > highest ? highest : exponent);
}

static uint64_t random_float(struct random *random, unsigned exponent_bits, unsigned mantissa_bits)
{
    uint64_t ones = (1ull << exponent_bits) - 1, quiet = 1ull << (mantissa_bits - 1);
    uint64_t exponent = 0, mantissa = 0;
    switch (random_below(random, 12)) {
    case 0: break; /* zero */
    case 1: exponent = ones; break;
    case 2: /* quiet NaN: canonical or with a payload */
        exponent = ones;
        mantissa = quiet | (random_percent(random, 50) ? 0 : random_mantissa(random, mantissa_bits));
        break;
    case 3: /* signalling */
        exponent = ones;
        mantissa = (random_mantissa(random, mantissa_bits) & (quiet - 1)) | 1;
        break;
    case 4: mantissa = random_mantissa(random, mantissa_bits); break; /* subnormal */
    default:
        exponent = random_exponent(random, exponent_bits);
        mantissa = random_mantissa(random, mantissa_bits);
        break;
    }
    return (random_u64(random) & 1) << (exponent_bits + mantissa_bits) | exponent << mantissa_bits | mantissa;
}

uint64_t value_float(struct random *random, enum kind kind)
{
    unsigned width = 16u << kind;
    uint64_t value = random_float(random, formats[kind].exponent, formats[kind].mantissa);
    if (width == 64)
        return value;
    uint64_t box = ~0ull << width;
    switch (random_below(random, 24)) {
    case 0: box = 0; break;
    case 1: box &= random_u64(random); break;
    case 2: box ^= 1ull << (width + random_below(random, 64 - width)); break;
    }
    return value | box;
}
