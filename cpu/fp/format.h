/* SPDX-License-Identifier: MIT
 *
 * The binary interchange formats of IEEE 754 as numbers. A format is named by its width in bits: 16, 32 or
 * 64; values are raw bits in the low end of an uint64_t with zeroes above (not NaN-boxed). With a constant
 * width all of this folds away.
 */
#ifndef CPU_FP_FORMAT_H
#define CPU_FP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

/* Stored fraction bits; the precision is one more. */
static inline unsigned fp_fraction_bits(unsigned width)
{
    return width == 16 ? 10 : width == 32 ? 23 : 52;
}

/* The biased exponent of infinities and NaNs. */
static inline int fp_exponent_max(unsigned width)
{
    return (1 << (width - 1 - fp_fraction_bits(width))) - 1;
}

static inline int fp_bias(unsigned width)
{
    return fp_exponent_max(width) >> 1;
}

static inline uint64_t fp_sign_bit(unsigned width)
{
    return (uint64_t)1 << (width - 1);
}

static inline uint64_t fp_infinity(unsigned width)
{
    return (uint64_t)fp_exponent_max(width) << fp_fraction_bits(width);
}

/* Set in a quiet NaN. */
static inline uint64_t fp_quiet_bit(unsigned width)
{
    return (uint64_t)1 << (fp_fraction_bits(width) - 1);
}

/* The only NaN that an operation returns ("NaN Generation and Propagation"). */
static inline uint64_t fp_canonical_nan(unsigned width)
{
    return fp_infinity(width) | fp_quiet_bit(width);
}

static inline uint64_t fp_one(unsigned width)
{
    return (uint64_t)fp_bias(width) << fp_fraction_bits(width);
}

static inline uint64_t fp_magnitude(unsigned width, uint64_t a)
{
    return a & (fp_sign_bit(width) - 1);
}

static inline bool fp_is_nan(unsigned width, uint64_t a)
{
    return fp_magnitude(width, a) > fp_infinity(width);
}

static inline bool fp_is_signalling(unsigned width, uint64_t a)
{
    return fp_is_nan(width, a) && !(a & fp_quiet_bit(width));
}

#endif
