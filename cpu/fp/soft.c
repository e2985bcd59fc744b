/* SPDX-License-Identifier: MIT
 *
 * Software arithmetic; see fp/soft.h.
 *
 * Each operation handles NaNs, infinities and zeroes as separate cases, computes the exact result of the
 * significands as a 128-bit integer (or one whose bit 0 stands for everything below it), and leaves rounding
 * to fp/number.c. 128 bits hold every product exactly. In a sum the smaller operand may lose bits below the
 * 128. That happens only if the exponents are so far apart that at most one leading bit cancels, so the
 * sticky bit stays far below the precision. A sum is the fused multiply-add with a factor of one.
 */
#include "cpu/fp/soft.h"

#include "cpu/fp/number.h"

/* significand * 2^(exponent - 126): bit 127 is free for a carry. */
struct term {
    bool sign;
    int exponent;
    fp_u128 significand;
};

static bool has_nan(struct fp_env *env, const struct fp_number *a, const struct fp_number *b)
{
    if (a->kind == FP_KIND_SIGNALLING_NAN || b->kind == FP_KIND_SIGNALLING_NAN)
        env->flags |= FP_NV;
    return fp_number_is_nan(a) || fp_number_is_nan(b);
}

static uint64_t add_terms(struct fp_env *env, unsigned width, unsigned rm, struct term a, struct term b)
{
    if (a.exponent < b.exponent) {
        struct term swap = a;
        a = b;
        b = swap;
    }
    b.significand = fp_shift_jam_wide(b.significand, (unsigned)(a.exponent - b.exponent));
    if (a.sign == b.sign) {
        a.significand += b.significand;
    } else if (a.significand >= b.significand) {
        a.significand -= b.significand;
    } else {
        a.significand = b.significand - a.significand;
        a.sign = b.sign;
    }
    if (a.significand == 0) /* an exact difference of zero is +0 except when rounding down */
        return fp_signed(width, rm == FP_RDN, 0);
    return fp_number_round_wide(env, width, rm, a.sign, a.exponent + 1, a.significand);
}

static struct term term_of_number(const struct fp_number *number)
{
    return (struct term){ number->sign, number->exponent, (fp_u128)number->significand << 63 };
}

/* Half of the product's 128 bits: with at most 53 significant bits on either side the lowest is zero. */
static struct term term_of_product(const struct fp_number *a, const struct fp_number *b)
{
    return (struct term){ a->sign != b->sign, a->exponent + b->exponent + 1,
                          (fp_u128)a->significand * b->significand >> 1 };
}

uint64_t fp_soft_fma(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b, uint64_t c)
{
    struct fp_number x = fp_number_unpack(width, a), y = fp_number_unpack(width, b),
                     z = fp_number_unpack(width, c);
    bool sign = x.sign != y.sign;
    bool infinite = x.kind == FP_KIND_INFINITY || y.kind == FP_KIND_INFINITY;
    bool zero = x.kind == FP_KIND_ZERO || y.kind == FP_KIND_ZERO;

    if (infinite && zero)
        return fp_invalid(env, width);
    bool nan = has_nan(env, &x, &y); /* checks all three: each may be signalling */
    if (has_nan(env, &z, &z) || nan)
        return fp_canonical_nan(width);
    if (infinite) {
        if (z.kind == FP_KIND_INFINITY && z.sign != sign)
            return fp_invalid(env, width);
        return fp_signed(width, sign, fp_infinity(width));
    }
    if (z.kind == FP_KIND_INFINITY)
        return c;
    if (zero) {
        if (z.kind == FP_KIND_ZERO && z.sign != sign)
            return fp_signed(width, rm == FP_RDN, 0);
        return c;
    }
    struct term product = term_of_product(&x, &y);
    if (z.kind == FP_KIND_ZERO)
        return fp_number_round_wide(env, width, rm, sign, product.exponent + 1, product.significand);
    return add_terms(env, width, rm, product, term_of_number(&z));
}

uint64_t fp_soft_add(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b)
{
    return fp_soft_fma(env, width, rm, a, fp_one(width), b);
}

uint64_t fp_soft_sub(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b)
{
    return fp_soft_add(env, width, rm, a, b ^ fp_sign_bit(width));
}

uint64_t fp_soft_mul(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b)
{
    struct fp_number x = fp_number_unpack(width, a), y = fp_number_unpack(width, b);
    bool sign = x.sign != y.sign;
    bool infinite = x.kind == FP_KIND_INFINITY || y.kind == FP_KIND_INFINITY;
    bool zero = x.kind == FP_KIND_ZERO || y.kind == FP_KIND_ZERO;

    if (has_nan(env, &x, &y))
        return fp_canonical_nan(width);
    if (infinite)
        return zero ? fp_invalid(env, width) : fp_signed(width, sign, fp_infinity(width));
    if (zero)
        return fp_signed(width, sign, 0);
    struct term product = term_of_product(&x, &y);
    return fp_number_round_wide(env, width, rm, sign, product.exponent + 1, product.significand);
}

uint64_t fp_soft_div(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b)
{
    struct fp_number x = fp_number_unpack(width, a), y = fp_number_unpack(width, b);
    bool sign = x.sign != y.sign;

    if (has_nan(env, &x, &y))
        return fp_canonical_nan(width);
    if (x.kind == y.kind && x.kind != FP_KIND_FINITE) /* 0 / 0, infinity / infinity */
        return fp_invalid(env, width);
    if (x.kind == FP_KIND_INFINITY)
        return fp_signed(width, sign, fp_infinity(width));
    if (x.kind == FP_KIND_ZERO || y.kind == FP_KIND_INFINITY)
        return fp_signed(width, sign, 0);
    if (y.kind == FP_KIND_ZERO) {
        env->flags |= FP_DZ;
        return fp_signed(width, sign, fp_infinity(width));
    }
    fp_u128 dividend = (fp_u128)x.significand << 63;
    uint64_t quotient = (uint64_t)(dividend / y.significand);
    uint64_t remainder = (uint64_t)(dividend % y.significand);
    int exponent = x.exponent - y.exponent;
    if (!(quotient >> 63)) { /* at most one leading zero */
        quotient <<= 1;
        exponent--;
    }
    return fp_number_round(env, width, rm, sign, exponent, quotient | (remainder != 0));
}

/* The 64-bit root of a radicand >= 2^126, computed bit by bit; bit 0 is sticky. */
static uint64_t integer_sqrt(fp_u128 radicand)
{
    uint64_t root = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t trial = root | (uint64_t)1 << bit;
        if ((fp_u128)trial * trial <= radicand)
            root = trial;
    }
    return root | ((fp_u128)root * root != radicand);
}

uint64_t fp_soft_sqrt(struct fp_env *env, unsigned width, unsigned rm, uint64_t a)
{
    struct fp_number x = fp_number_unpack(width, a);

    if (has_nan(env, &x, &x))
        return fp_canonical_nan(width);
    if (x.kind == FP_KIND_ZERO)
        return a;
    if (x.sign)
        return fp_invalid(env, width);
    if (x.kind == FP_KIND_INFINITY)
        return a;
    /* An odd exponent gives one factor of two to the radicand, so that the rest can be halved. */
    int odd = x.exponent & 1;
    fp_u128 radicand = (fp_u128)x.significand << (63 + odd);
    return fp_number_round(env, width, rm, false, (x.exponent - odd) / 2, integer_sqrt(radicand));
}
