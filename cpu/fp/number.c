/* SPDX-License-Identifier: MIT
 *
 * Unpacking, and the one place where a result is rounded; see fp/number.h. Integers only: nothing here reads
 * or raises anything in MXCSR.
 *
 * The packed form of consecutive magnitudes is consecutive integers, so the carry of rounding up, from the
 * largest subnormal to the smallest normal number as well as from the largest finite number to infinity,
 * needs no case of its own.
 */
#include "cpu/fp/number.h"

struct fp_number fp_number_unpack(unsigned width, uint64_t bits)
{
    unsigned fraction_bits = fp_fraction_bits(width);
    uint64_t fraction = bits & (((uint64_t)1 << fraction_bits) - 1);
    int biased = (int)(fp_magnitude(width, bits) >> fraction_bits);
    struct fp_number number = { .sign = (bits & fp_sign_bit(width)) != 0 };

    if (biased == fp_exponent_max(width)) {
        number.kind = fraction == 0                      ? FP_KIND_INFINITY
                      : (fraction & fp_quiet_bit(width)) ? FP_KIND_QUIET_NAN
                                                         : FP_KIND_SIGNALLING_NAN;
    } else if (biased != 0) {
        number.kind = FP_KIND_FINITE;
        number.exponent = biased - fp_bias(width);
        number.significand = (uint64_t)1 << 63 | fraction << (63 - fraction_bits);
    } else if (fraction != 0) {
        unsigned zeroes = (unsigned)__builtin_clzll(fraction);
        number.kind = FP_KIND_FINITE;
        number.exponent = 1 - fp_bias(width) + (int)(63 - fraction_bits) - (int)zeroes;
        number.significand = fraction << zeroes;
    } else {
        number.kind = FP_KIND_ZERO;
    }
    return number;
}

bool fp_rounds_up(unsigned rm, bool sign, bool odd, uint64_t rest)
{
    const uint64_t half = (uint64_t)1 << 63;
    switch (rm) {
    case FP_RNE: return rest > half || (rest == half && odd);
    case FP_RDN: return sign && rest != 0;
    case FP_RUP: return !sign && rest != 0;
    case FP_RMM: return rest >= half;
    default: return false; /* FP_RTZ */
    }
}

uint64_t fp_number_round(struct fp_env *env, unsigned width, unsigned rm, bool sign, int exponent,
                         uint64_t significand)
{
    unsigned fraction_bits = fp_fraction_bits(width), precision = fraction_bits + 1;
    int biased = exponent + fp_bias(width);
    uint64_t kept = significand >> (64 - precision), rest = significand << precision;
    bool up = fp_rounds_up(rm, sign, kept & 1, rest);
    bool tiny = false;

    if (biased < 1) {
        /* A result is tiny if it would lie below the normal numbers with an unbounded exponent. So the code
         * first rounds to full precision to decide this, and then to the bits that the format has. */
        tiny = biased < 0 || kept + up < (uint64_t)1 << precision;
        significand = fp_shift_jam(significand, (unsigned)(1 - biased));
        kept = significand >> (64 - precision);
        rest = significand << precision;
        up = fp_rounds_up(rm, sign, kept & 1, rest);
        biased = 1;
    }

    /* The leading 1 of `kept`, if there is one, adds the last step to the exponent. */
    uint64_t magnitude = ((uint64_t)(biased - 1) << fraction_bits) + kept + up;
    if (biased >= fp_exponent_max(width) || magnitude >= fp_infinity(width)) {
        env->flags |= FP_OF | FP_NX;
        magnitude = fp_infinity(width) - !fp_rounds_up(rm, sign, true, UINT64_MAX);
    } else if (rest != 0) {
        env->flags |= FP_NX | (tiny ? FP_UF : 0);
    }
    return fp_signed(width, sign, magnitude);
}

uint64_t fp_number_round_wide(struct fp_env *env, unsigned width, unsigned rm, bool sign, int exponent,
                              fp_u128 significand)
{
    uint64_t high = (uint64_t)(significand >> 64);
    unsigned zeroes =
        high ? (unsigned)__builtin_clzll(high) : 64 + (unsigned)__builtin_clzll((uint64_t)significand);
    significand <<= zeroes;
    return fp_number_round(env, width, rm, sign, exponent - (int)zeroes,
                           (uint64_t)fp_shift_jam_wide(significand, 64));
}
