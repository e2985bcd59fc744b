/* SPDX-License-Identifier: MIT
 *
 * Software conversions between formats, to and from integers, and to integral values; see fp/soft.h.
 * Fractions are handled as fixed-point numbers with 64 bits on either side of the point.
 */
#include "cpu/fp/soft.h"

#include "cpu/fp/number.h"

uint64_t fp_soft_convert(struct fp_env *env, unsigned from, unsigned to, unsigned rm, uint64_t a)
{
    struct fp_number x = fp_number_unpack(from, a);
    switch (x.kind) {
    case FP_KIND_ZERO: return fp_signed(to, x.sign, 0);
    case FP_KIND_INFINITY: return fp_signed(to, x.sign, fp_infinity(to));
    case FP_KIND_QUIET_NAN: return fp_canonical_nan(to);
    case FP_KIND_SIGNALLING_NAN: return fp_invalid(env, to);
    default: return fp_number_round(env, to, rm, x.sign, x.exponent, x.significand);
    }
}

/* Rounds a finite number below 2^64 to an integer, which may become 2^64. */
static fp_u128 round_to_integer(const struct fp_number *x, unsigned rm, bool *inexact)
{
    fp_u128 fixed = x->exponent >= 0 ? (fp_u128)x->significand << (x->exponent + 1)
                                     : fp_shift_jam(x->significand, (unsigned)(-1 - x->exponent));
    fp_u128 whole = fixed >> 64;
    uint64_t rest = (uint64_t)fixed;
    *inexact = rest != 0;
    return whole + fp_rounds_up(rm, x->sign, whole & 1, rest);
}

uint64_t fp_soft_to_integer(struct fp_env *env, unsigned width, unsigned rm, uint64_t a,
                            enum fp_integer integer)
{
    /* The largest magnitude for each sign. */
    static const uint64_t limits[4][2] = {
        [FP_I32] = { INT32_MAX, (uint64_t)1 << 31 },
        [FP_U32] = { UINT32_MAX, 0 },
        [FP_I64] = { INT64_MAX, (uint64_t)1 << 63 },
        [FP_U64] = { UINT64_MAX, 0 },
    };
    struct fp_number x = fp_number_unpack(width, a);
    fp_u128 magnitude = 0;
    bool inexact = false;

    if (fp_number_is_nan(&x))
        x.sign = false;
    uint64_t limit = limits[integer][x.sign];
    if (x.kind == FP_KIND_FINITE && x.exponent < 64)
        magnitude = round_to_integer(&x, rm, &inexact);
    else if (x.kind != FP_KIND_ZERO)
        magnitude = (fp_u128)1 << 64;
    if (magnitude > limit) {
        env->flags |= FP_NV;
        magnitude = limit;
    } else if (inexact) {
        env->flags |= FP_NX;
    }
    uint64_t value = x.sign ? -(uint64_t)magnitude : (uint64_t)magnitude;
    return integer == FP_I32 || integer == FP_U32 ? (uint64_t)(int64_t)(int32_t)value : value;
}

uint64_t fp_soft_from_integer(struct fp_env *env, unsigned width, unsigned rm, bool sign, uint64_t magnitude)
{
    if (magnitude == 0)
        return 0;
    int zeroes = __builtin_clzll(magnitude);
    return fp_number_round(env, width, rm, sign, 63 - zeroes, magnitude << zeroes);
}

uint64_t fp_soft_round(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, bool inexact)
{
    struct fp_number x = fp_number_unpack(width, a);
    bool differs;

    if (x.kind == FP_KIND_SIGNALLING_NAN)
        return fp_invalid(env, width);
    if (x.kind == FP_KIND_QUIET_NAN)
        return fp_canonical_nan(width);
    if (x.kind != FP_KIND_FINITE || x.exponent >= (int)fp_fraction_bits(width))
        return a;
    uint64_t whole = (uint64_t)round_to_integer(&x, rm, &differs);
    if (differs && inexact)
        env->flags |= FP_NX;
    return fp_signed(width, x.sign, fp_soft_from_integer(env, width, rm, false, whole));
}

uint64_t fp_soft_f64_to_i32_mod(struct fp_env *env, uint64_t a)
{
    struct fp_number x = fp_number_unpack(64, a);
    uint64_t magnitude = 0;

    fp_soft_to_integer(env, 64, FP_RTZ, a, FP_I32); /* sets the flags */
    if (x.kind == FP_KIND_FINITE && x.exponent >= 0 && x.exponent < 63 + 32)
        magnitude =
            x.exponent <= 63 ? x.significand >> (63 - x.exponent) : x.significand << (x.exponent - 63);
    return (uint64_t)(int64_t)(int32_t)(x.sign ? -magnitude : magnitude);
}

uint64_t fp_soft_load_immediate(unsigned width, unsigned index)
{
    /* Eighths and a power of two, for the indices 0 and 2..29 ("Load-Immediate Instructions"). */
    static const struct {
        int8_t eighths, power;
    } constants[30] = {
        [0] = { -8, 0 },   [2] = { 8, -16 }, [3] = { 8, -15 },  [4] = { 8, -8 },   [5] = { 8, -7 },
        [6] = { 8, -4 },   [7] = { 8, -3 },  [8] = { 8, -2 },   [9] = { 10, -2 },  [10] = { 12, -2 },
        [11] = { 14, -2 }, [12] = { 8, -1 }, [13] = { 10, -1 }, [14] = { 12, -1 }, [15] = { 14, -1 },
        [16] = { 8, 0 },   [17] = { 10, 0 }, [18] = { 12, 0 },  [19] = { 14, 0 },  [20] = { 8, 1 },
        [21] = { 10, 1 },  [22] = { 12, 1 }, [23] = { 8, 2 },   [24] = { 8, 3 },   [25] = { 8, 4 },
        [26] = { 8, 7 },   [27] = { 8, 8 },  [28] = { 8, 15 },  [29] = { 8, 16 },
    };
    if (index == 1) /* the smallest normal number */
        return (uint64_t)1 << fp_fraction_bits(width);
    if (index == 30)
        return fp_infinity(width);
    if (index >= 31)
        return fp_canonical_nan(width);
    int eighths = constants[index].eighths;
    uint64_t magnitude = (uint64_t)(eighths < 0 ? -eighths : eighths) << 60;
    /* 2^16 overflows to infinity in f16: this must not set a flag of the guest. */
    struct fp_env scratch = { 0 };
    return fp_number_round(&scratch, width, FP_RNE, eighths < 0, constants[index].power, magnitude);
}
