/* SPDX-License-Identifier: MIT
 *
 * vfrsqrt7 and vfrec7 ("Vector Floating-Point Reciprocal Square-Root Estimate Instruction" and "Reciprocal
 * Estimate Instruction"): 7 bits of the result, from a table of 128 entries. An entry is the result for the
 * middle of a range of operands, rounded to nearest.
 */
#include "cpu/exec/vector/vector.h"

/* clang-format off */
/* By the leading 7 bits of the fraction. */
static const uint8_t reciprocals[128] = {
    127, 125, 123, 121, 119, 117, 116, 114, 112, 110, 109, 107, 105, 104, 102, 100,
    99, 97, 96, 94, 93, 91, 90, 88, 87, 85, 84, 83, 81, 80, 79, 77,
    76, 75, 74, 72, 71, 70, 69, 68, 66, 65, 64, 63, 62, 61, 60, 59,
    58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43,
    42, 41, 40, 40, 39, 38, 37, 36, 35, 35, 34, 33, 32, 31, 31, 30,
    29, 28, 28, 27, 26, 25, 25, 24, 23, 23, 22, 21, 21, 20, 19, 19,
    18, 17, 17, 16, 15, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9, 9,
    8, 8, 7, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0,
};
/* By the exponent's last bit and the leading 6 bits of the fraction. */
static const uint8_t roots[128] = {
    52, 51, 50, 48, 47, 46, 44, 43, 42, 41, 40, 39, 38, 36, 35, 34,
    33, 32, 31, 30, 30, 29, 28, 27, 26, 25, 24, 23, 23, 22, 21, 20,
    19, 19, 18, 17, 16, 16, 15, 14, 14, 13, 12, 12, 11, 10, 10, 9,
    9, 8, 7, 7, 6, 6, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0,
    127, 125, 123, 121, 119, 118, 116, 114, 113, 111, 109, 108, 106, 105, 103, 102,
    100, 99, 97, 96, 95, 93, 92, 91, 90, 88, 87, 86, 85, 84, 83, 82,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 70, 69, 68, 67, 66,
    65, 64, 63, 63, 62, 61, 60, 59, 59, 58, 57, 56, 56, 55, 54, 53,
};
/* clang-format on */

/* Splits a finite operand into its biased exponent and the bits of its fraction after the leading 1. For a
 * subnormal operand the exponent is 0 or less. */
static int normalize(unsigned width, uint64_t a, uint64_t *fraction)
{
    unsigned bits = fp_fraction_bits(width);
    int exponent = (int)(fp_magnitude(width, a) >> bits);
    *fraction = a & ((1ull << bits) - 1);
    if (exponent)
        return exponent;
    while (!(*fraction >> (bits - 1) & 1)) {
        *fraction <<= 1;
        exponent--;
    }
    *fraction = *fraction << 1 & ((1ull << bits) - 1);
    return exponent;
}

static uint64_t with_sign(unsigned width, uint64_t of, uint64_t magnitude)
{
    return (of & fp_sign_bit(width)) | magnitude;
}

static uint64_t invalid(struct fp_env *env, unsigned width)
{
    env->flags |= FP_NV;
    return fp_canonical_nan(width);
}

static uint64_t root(struct fp_env *env, unsigned width, uint64_t a)
{
    unsigned bits = fp_fraction_bits(width);
    uint64_t fraction;
    if (fp_is_nan(width, a))
        return fp_is_signalling(width, a) ? invalid(env, width) : fp_canonical_nan(width);
    if (!fp_magnitude(width, a)) {
        env->flags |= FP_DZ;
        return with_sign(width, a, fp_infinity(width));
    }
    if (a & fp_sign_bit(width))
        return invalid(env, width);
    if (a == fp_infinity(width))
        return 0;
    int exponent = normalize(width, a, &fraction);
    unsigned index = ((unsigned)exponent & 1) << 6 | (unsigned)(fraction >> (bits - 6));
    return (uint64_t)((3 * fp_bias(width) - 1 - exponent) / 2) << bits | (uint64_t)roots[index] << (bits - 7);
}

/* The result for an operand so small that the reciprocal overflows: rounded as an overflow. */
static uint64_t too_large(struct fp_env *env, unsigned width, unsigned rm, uint64_t a)
{
    bool negative = a & fp_sign_bit(width);
    bool finite = rm == FP_RTZ || (rm == FP_RDN && !negative) || (rm == FP_RUP && negative);
    env->flags |= FP_OF | FP_NX;
    return with_sign(width, a, fp_infinity(width) - finite);
}

static uint64_t reciprocal(struct fp_env *env, unsigned width, unsigned rm, uint64_t a)
{
    unsigned bits = fp_fraction_bits(width);
    uint64_t fraction;
    if (fp_is_nan(width, a))
        return fp_is_signalling(width, a) ? invalid(env, width) : fp_canonical_nan(width);
    if (fp_magnitude(width, a) == fp_infinity(width))
        return with_sign(width, a, 0);
    if (!fp_magnitude(width, a)) {
        env->flags |= FP_DZ;
        return with_sign(width, a, fp_infinity(width));
    }
    int exponent = 2 * fp_bias(width) - 1 - normalize(width, a, &fraction);
    if (exponent > 2 * fp_bias(width))
        return too_large(env, width, rm, a);
    fraction = (uint64_t)reciprocals[fraction >> (bits - 7)] << (bits - 7);
    if (exponent > 0)
        return with_sign(width, a, (uint64_t)exponent << bits | fraction);
    return with_sign(width, a, (fraction | 1ull << bits) >> (1 - exponent)); /* subnormal */
}

#define LOOP(name, F, T, bits, EXPRESSION)                                                                   \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(T, T, T);                                                                                 \
        V_EACH(T b = vs2[i]; vd[i] = (T)EXPRESSION(bits));                                                   \
    }
#define ROOT(bits)       root(&op->hart->fp, bits, b)
#define RECIPROCAL(bits) reciprocal(&op->hart->fp, bits, op->rm, b)
V_FLOAT_LOOPS(LOOP, vfrsqrt7_, ROOT)
V_FLOAT_LOOPS(LOOP, vfrec7_, RECIPROCAL)
V_RUN_FLOAT(vfrsqrt7_v, vfrsqrt7_, 0, 0, V_NONE, V_V, V_FLOAT)
V_RUN_FLOAT(vfrec7_v, vfrec7_, 0, 0, V_NONE, V_V, V_FLOAT)
