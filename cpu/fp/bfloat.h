/* SPDX-License-Identifier: MIT
 *
 * BF16, which is the upper half of single precision: conversions from and to it (Unpriv. "BF16 Extensions",
 * Zfbfmin). The conventions are those of fp/fp.h.
 */
#ifndef CPU_FP_BFLOAT_H
#define CPU_FP_BFLOAT_H

#include "cpu/fp/fp.h"

#define FP_BF16_NAN      0x7fc0u
#define FP_BF16_INFINITY 0x7f80u

/* Returns magnitude / 2^shift, rounded. */
static inline uint32_t fp_bf16_round_off(unsigned rm, bool negative, uint32_t magnitude, unsigned shift)
{
    uint32_t rest = magnitude & ((1u << shift) - 1), half = 1u << (shift - 1), kept = magnitude >> shift;
    bool up = false;
    switch (rm) {
    case FP_RNE: up = rest > half || (rest == half && kept & 1); break;
    case FP_RDN: up = rest && negative; break;
    case FP_RUP: up = rest && !negative; break;
    case FP_RMM: up = rest >= half; break;
    }
    return kept + up;
}

/* Converts from single precision. A result is tiny if it would be tiny with one more bit of precision and an
 * unlimited exponent ("Underflow": tininess is detected after rounding). */
static inline uint16_t fp_f32_to_bf16(struct fp_env *env, unsigned rm, uint32_t a)
{
    enum { CUT = 16, SMALLEST = 1 << 23 };
    uint32_t magnitude = (uint32_t)fp_magnitude(32, a);
    bool negative = a >> 31;
    if (fp_is_nan(32, a)) {
        env->flags |= fp_is_signalling(32, a) ? FP_NV : 0;
        return FP_BF16_NAN;
    }
    uint32_t result = fp_bf16_round_off(rm, negative, magnitude, CUT);
    if (magnitude & ((1u << CUT) - 1)) {
        env->flags |= FP_NX;
        if (result == FP_BF16_INFINITY)
            env->flags |= FP_OF;
        if (magnitude < SMALLEST &&
            fp_bf16_round_off(rm, negative, magnitude, CUT - 1) << (CUT - 1) < SMALLEST)
            env->flags |= FP_UF;
    }
    return (uint16_t)(result | (a >> 31) << 15);
}

static inline uint32_t fp_bf16_to_f32(struct fp_env *env, uint16_t a)
{
    uint32_t wide = (uint32_t)a << 16;
    if (!fp_is_nan(32, wide))
        return wide;
    env->flags |= fp_is_signalling(32, wide) ? FP_NV : 0;
    return (uint32_t)fp_canonical_nan(32);
}

#endif
