/* SPDX-License-Identifier: MIT
 *
 * Comparisons, minimum, maximum and classification, on raw bits of any format (fp/format.h). These need no
 * rounding and are as fast in integers as in the host's floating-point unit; with a constant width the
 * compiler folds them.
 */
#ifndef CPU_FP_COMPARE_H
#define CPU_FP_COMPARE_H

#include "cpu/fp/env.h"
#include "cpu/fp/format.h"

static inline bool fp_any_nan(unsigned width, uint64_t a, uint64_t b)
{
    return __builtin_expect(fp_is_nan(width, a) || fp_is_nan(width, b), 0);
}

static inline void fp_check_signalling(struct fp_env *env, unsigned width, uint64_t a, uint64_t b)
{
    if (fp_is_signalling(width, a) || fp_is_signalling(width, b))
        env->flags |= FP_NV;
}

/* a < b of two values that are not NaN. The zeroes are equal unless zero_signs: then -0 < +0. */
static inline bool fp_is_less(unsigned width, uint64_t a, uint64_t b, bool zero_signs)
{
    bool a_negative = a & fp_sign_bit(width), b_negative = b & fp_sign_bit(width);
    if (a_negative != b_negative)
        return a_negative && (zero_signs || fp_magnitude(width, a | b) != 0);
    return a_negative ? b < a : a < b;
}

/* Quiet: only a signalling NaN raises NV. */
static inline bool fp_compare_eq(struct fp_env *env, unsigned width, uint64_t a, uint64_t b)
{
    if (fp_any_nan(width, a, b)) {
        fp_check_signalling(env, width, a, b);
        return false;
    }
    return a == b || fp_magnitude(width, a | b) == 0;
}

/* a < b, or a <= b if or_equal. Any NaN raises NV; with quiet only a signalling one does. */
static inline bool fp_compare_order(struct fp_env *env, unsigned width, uint64_t a, uint64_t b, bool or_equal,
                                    bool quiet)
{
    if (fp_any_nan(width, a, b)) {
        if (quiet)
            fp_check_signalling(env, width, a, b);
        else
            env->flags |= FP_NV;
        return false;
    }
    return or_equal ? !fp_is_less(width, b, a, false) : fp_is_less(width, a, b, false);
}

/* FMIN and FMAX: if only one operand is a NaN, the other operand. FMINM and FMAXM (propagate): then NaN. */
static inline uint64_t fp_select(struct fp_env *env, unsigned width, uint64_t a, uint64_t b, bool maximum,
                                 bool propagate)
{
    if (fp_any_nan(width, a, b)) {
        fp_check_signalling(env, width, a, b);
        if (propagate || (fp_is_nan(width, a) && fp_is_nan(width, b)))
            return fp_canonical_nan(width);
        return fp_is_nan(width, a) ? b : a;
    }
    return fp_is_less(width, a, b, true) != maximum ? a : b;
}

/* FCLASS: one of ten bits, from 0 for -infinity over 3 for -0 and 4 for +0 to 7 for infinity, 8 signalling
 * NaN, 9 quiet NaN. */
static inline unsigned fp_classify(unsigned width, uint64_t a)
{
    uint64_t magnitude = fp_magnitude(width, a);
    unsigned size; /* 0: zero, 1: subnormal, 2: normal, 3: infinity */
    if (fp_is_nan(width, a))
        return fp_is_signalling(width, a) ? 1u << 8 : 1u << 9;
    if (magnitude == fp_infinity(width))
        size = 3;
    else if (magnitude >> fp_fraction_bits(width))
        size = 2;
    else
        size = magnitude != 0;
    return a & fp_sign_bit(width) ? 1u << (3 - size) : 1u << (4 + size);
}

#endif
