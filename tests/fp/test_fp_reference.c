/* SPDX-License-Identifier: MIT
 *
 * All formats in all five rounding modes against a reference that works in another way: the compiler's
 * 128-bit floating point computes the result "rounded to odd" (cut off, and the last bit set if anything was
 * cut). Rounded again to any format with at least two bits less, this gives the same as the exact result.
 * Then it is compared with the multiples of the format's last place on either side of it. Square roots of
 * narrow formats come from the host's f64 in the same way. This test is the one that checks FP_RMM and f16,
 * which the host's instructions do not have.
 *
 * The reference computes while the host's own environment is in effect.
 */
#include <string.h>

#include "tests/fp/fp_test.h"

__extension__ typedef __float128 f128;
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

static struct test_random rng;

/* ---- The reference ------------------------------------------------------------------------------------- */

static u128 bits_of_f128(f128 x)
{
    u128 bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static f128 f128_of_bits(u128 bits)
{
    f128 x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static f128 power_of_two(int exponent)
{
    return f128_of_bits((u128)(exponent + 16383) << 112);
}

/* The exponent of the leading 1; x is not 0. */
static int exponent_of(f128 x)
{
    return (int)(bits_of_f128(x) >> 112 & 0x7fff) - 16383;
}

/* The exact value of finite bits. */
static f128 value_of(unsigned width, uint64_t bits)
{
    unsigned fraction_bits = fp_fraction_bits(width);
    uint64_t fraction = bits & (((uint64_t)1 << fraction_bits) - 1);
    int biased = (int)((bits & (fp_sign_bit(width) - 1)) >> fraction_bits);
    if (biased)
        fraction |= (uint64_t)1 << fraction_bits;
    f128 value = (f128)fraction * power_of_two((biased ? biased : 1) - fp_bias(width) - (int)fraction_bits);
    return bits & fp_sign_bit(width) ? -value : value;
}

static uint32_t mxcsr_swap(uint32_t value)
{
    uint32_t old;
    __asm__ volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(old) : "m"(value) : "memory");
    return old;
}

enum { MXCSR_RTZ = 0x7f80, MXCSR_PE = 0x20 };

/* a op b, rounded to odd. */
static f128 compute_odd(enum test_operation_kind kind, f128 a, f128 b)
{
    volatile f128 x = a, y = b, z = 0;
    uint32_t saved = mxcsr_swap(MXCSR_RTZ);
    switch (kind) {
    case TEST_ADD: z = x + y; break;
    case TEST_SUB: z = x - y; break;
    case TEST_MUL: z = x * y; break;
    default: z = x / y; break;
    }
    bool inexact = mxcsr_swap(saved) & MXCSR_PE;
    return f128_of_bits(bits_of_f128(z) | inexact);
}

/* The root of a value that f64 can hold, for a format that is at least two bits narrower than f64. */
static f128 sqrt_odd(f128 a)
{
    double x = (double)a;
    uint64_t bits;
    uint32_t saved = mxcsr_swap(MXCSR_RTZ);
    __asm__ volatile("sqrtsd %0, %0" : "+x"(x));
    bool inexact = mxcsr_swap(saved) & MXCSR_PE;
    memcpy(&bits, &x, sizeof(bits));
    return value_of(64, bits | inexact);
}

/* |x| in units of 2^quantum, rounded to an integer. */
static uint64_t round_units(f128 x, int quantum, unsigned rm, bool *inexact)
{
    bool negative = x < 0;
    f128 units = (negative ? -x : x) * power_of_two(-quantum);
    uint64_t whole = (uint64_t)units;
    f128 rest = units - (f128)whole, half = (f128)0.5;
    bool up = false;
    switch (rm) {
    case FP_RNE: up = rest > half || (rest == half && whole % 2); break;
    case FP_RDN: up = negative && rest > 0; break;
    case FP_RUP: up = !negative && rest > 0; break;
    case FP_RMM: up = rest >= half; break;
    default: break;
    }
    *inexact = rest != 0;
    return whole + up;
}

/* x, which is not 0, in the format. */
static uint64_t round_reference(unsigned width, unsigned rm, f128 x, unsigned *flags)
{
    int fraction_bits = (int)fp_fraction_bits(width), least = 1 - fp_bias(width);
    uint64_t sign = x < 0 ? fp_sign_bit(width) : 0, hidden = (uint64_t)1 << fraction_bits;
    int exponent = exponent_of(x);
    bool inexact, ignored;

    uint64_t units = round_units(x, exponent - fraction_bits, rm, &ignored);
    bool tiny = exponent < least - 1 || (exponent == least - 1 && units < 2 * hidden);
    if (exponent < least)
        exponent = least;
    units = round_units(x, exponent - fraction_bits, rm, &inexact);
    if (units == 2 * hidden) {
        units = hidden;
        exponent++;
    }
    if (exponent > fp_bias(width)) {
        bool to_infinity = rm == FP_RNE || rm == FP_RMM || rm == (sign ? FP_RDN : FP_RUP);
        *flags |= FP_OF | FP_NX;
        return sign | (fp_infinity(width) - !to_infinity);
    }
    *flags |= inexact ? (tiny ? FP_UF | FP_NX : FP_NX) : 0;
    if (units < hidden)
        return sign | units;
    return sign | (uint64_t)(exponent + fp_bias(width)) << fraction_bits | (units - hidden);
}

/* Operands must be finite, and not 0 if that makes the operation a special case. False: the reference cannot
 * judge it. */
static bool compute_reference(const struct test_operation *operation, unsigned rm, const uint64_t operands[3],
                              uint64_t *result, unsigned *flags)
{
    unsigned width = operation->width;
    f128 x[3] = { 0 }, y;
    for (unsigned i = 0; i < operation->operands; i++) {
        if ((operands[i] & fp_infinity(width)) == fp_infinity(width))
            return false;
        x[i] = value_of(width, operands[i]);
        if (x[i] == 0)
            return false;
    }
    if (operation->kind == TEST_SQRT) {
        if (x[0] < 0 || width == 64)
            return false;
        y = sqrt_odd(x[0]);
    } else if (operation->kind == TEST_FMA) {
        y = compute_odd(TEST_ADD, x[0] * x[1], x[2]);
    } else {
        y = compute_odd(operation->kind, x[0], x[1]);
    }
    *flags = 0;
    *result = y == 0 ? (rm == FP_RDN ? fp_sign_bit(width) : 0) : round_reference(width, rm, y, flags);
    return true;
}

/* ---- Checks -------------------------------------------------------------------------------------------- */

static void check_result(const char *name, unsigned rm, const uint64_t operands[3], uint64_t got,
                         unsigned flags, uint64_t want, unsigned want_flags)
{
    if (got != want || flags != want_flags)
        ck_abort_msg("seed %" PRIu64 ": %s rm %u of %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ": %#" PRIx64
                     " flags %#x, reference %#" PRIx64 " flags %#x",
                     rng.seed, name, rm, operands[0], operands[1], operands[2], got, flags, want, want_flags);
}

/* Runs one case through the interface of fp.h and returns whether the reference could judge it. */
static bool check_case(const struct test_operation *operation, unsigned rm, const uint64_t operands[3])
{
    struct fp_env env = { 0 };
    uint64_t want;
    unsigned want_flags;
    if (!compute_reference(operation, rm, operands, &want, &want_flags))
        return false;
    fp_env_enter(&env);
    uint64_t got = operation->api(&env, rm, operands[0], operands[1], operands[2]);
    fp_env_leave(&env);
    check_result(operation->name, rm, operands, got, env.flags, want, want_flags);
    return true;
}

START_TEST(arithmetic)
{
    test_random_init(&rng);
    for (unsigned i = 0; i < COUNT(test_operations); i++) {
        const struct test_operation *operation = &test_operations[i];
        unsigned judged = 0;
        for (unsigned k = 0; k < 60000; k++) {
            uint64_t a = test_operand(&rng, operation->width, 0);
            uint64_t b = test_operand(&rng, operation->width, a);
            const uint64_t operands[3] = { a, b, test_operand(&rng, operation->width, k & 1 ? a : b) };
            judged += check_case(operation, k % 5, operands);
            judged += check_case(operation, FP_RMM, operands);
        }
        if (operation->kind != TEST_SQRT || operation->width != 64)
            ck_assert_uint_gt(judged, 10000);
    }
}
END_TEST

/* The square root of an f64 is never in the middle between two others, so RMM gives the same as RNE. */
START_TEST(f64_sqrt_rmm)
{
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    for (unsigned k = 0; k < 50000; k++) {
        uint64_t a = test_operand(&rng, 64, 0);
        fp_flags_set(&env, 0);
        uint64_t nearest = fp_f64_sqrt(&env, FP_RNE, a);
        unsigned flags = fp_flags_get(&env);
        fp_flags_set(&env, 0);
        uint64_t got = fp_f64_sqrt(&env, FP_RMM, a);
        check_result("f64 sqrt", FP_RMM, (uint64_t[3]){ a }, got, fp_flags_get(&env), nearest, flags);
    }
    fp_env_leave(&env);
}
END_TEST

START_TEST(f16_sqrt_of_everything)
{
    const struct test_operation *operation = NULL;
    unsigned judged = 0;
    for (unsigned i = 0; i < COUNT(test_operations); i++)
        if (test_operations[i].kind == TEST_SQRT && test_operations[i].width == 16)
            operation = &test_operations[i];
    for (uint64_t a = 0; a < 0x10000; a++)
        for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++)
            judged += check_case(operation, rm, (uint64_t[3]){ a });
    ck_assert_uint_eq(judged, 5 * 0x7bff); /* the positive finite ones */
}
END_TEST

/* Zeroes, infinities and NaNs of f16: the f32 instructions of the host give the result of the same case, and
 * f16 can hold that result. */
START_TEST(f16_special_operands)
{
    uint64_t list[TEST_OPERANDS_MAX];
    struct fp_env env = { 0 };
    unsigned count = test_operands(16, list), judged = 0;
    fp_env_enter(&env);
    for (unsigned i = 0; i < 6 * count * count * count; i++) {
        const struct test_operation *half = &test_operations[i % 6], *single = &test_operations[6 + i % 6];
        uint64_t operands[3] = { list[i / 6 % count], list[i / 6 / count % count],
                                 list[i / 6 / count / count] };
        uint64_t wide[3];
        bool special = false;
        for (unsigned k = 0; k < 3; k++) {
            uint64_t magnitude = operands[k] & 0x7fff;
            special |= k < half->operands && (magnitude == 0 || magnitude >= 0x7c00);
            wide[k] = fp_f16_to_f32(&env, (uint16_t)operands[k]);
            if (fp_is_signalling(16, operands[k]))
                wide[k] = 0x7f800001;
        }
        /* A zero addend leaves a product that f16 rounds: this test does not cover it. */
        if (!special || (half->kind == TEST_FMA && (operands[2] & 0x7fff) == 0))
            continue;
        unsigned rm = i % 4;
        fp_flags_set(&env, 0);
        uint64_t want = single->api(&env, rm, wide[0], wide[1], wide[2]);
        unsigned want_flags = fp_flags_get(&env);
        want = fp_soft_convert(&env, 32, 16, rm, want);
        fp_flags_set(&env, 0);
        uint64_t got = half->api(&env, rm, operands[0], operands[1], operands[2]);
        check_result(half->name, rm, operands, got, fp_flags_get(&env), want, want_flags);
        judged++;
    }
    fp_env_leave(&env);
    ck_assert_uint_gt(judged, 100000);
}
END_TEST

/* ---- Conversions --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    i128 least, greatest;
    enum fp_integer integer;
} integers[] = {
    { "i32", INT32_MIN, INT32_MAX, FP_I32 },
    { "u32", 0, UINT32_MAX, FP_U32 },
    { "i64", INT64_MIN, INT64_MAX, FP_I64 },
    { "u64", 0, UINT64_MAX, FP_U64 },
};

/* Rounds x by rm to an integer of 128 bits. If x has more bits, the result is outside of all types. */
static i128 integer_reference(f128 x, unsigned rm, bool *inexact)
{
    const i128 beyond = (i128)1 << 100;
    *inexact = false;
    if (x == 0)
        return 0;
    if (exponent_of(x) > 62) /* integral */
        return exponent_of(x) > 100 ? (x < 0 ? -beyond : beyond) : (i128)x;
    uint64_t magnitude = round_units(x, 0, rm, inexact);
    return x < 0 ? -(i128)magnitude : (i128)magnitude;
}

static uint64_t api_to_integer(struct fp_env *env, unsigned width, enum fp_integer integer, unsigned rm,
                               uint64_t a)
{
#define TO(fmt, T)                                                                                           \
    (integer == FP_I32   ? fp_##fmt##_to_i32(env, rm, (T)a)                                                  \
     : integer == FP_U32 ? fp_##fmt##_to_u32(env, rm, (T)a)                                                  \
     : integer == FP_I64 ? fp_##fmt##_to_i64(env, rm, (T)a)                                                  \
                         : fp_##fmt##_to_u64(env, rm, (T)a))
    return width == 16 ? TO(f16, uint16_t) : width == 32 ? TO(f32, uint32_t) : TO(f64, uint64_t);
#undef TO
}

static uint64_t api_from_integer(struct fp_env *env, unsigned width, enum fp_integer integer, unsigned rm,
                                 uint64_t x)
{
#define FROM(fmt)                                                                                            \
    (integer == FP_I32   ? fp_##fmt##_from_i32(env, rm, x)                                                   \
     : integer == FP_U32 ? fp_##fmt##_from_u32(env, rm, x)                                                   \
     : integer == FP_I64 ? fp_##fmt##_from_i64(env, rm, x)                                                   \
                         : fp_##fmt##_from_u64(env, rm, x))
    return width == 16 ? FROM(f16) : width == 32 ? FROM(f32) : FROM(f64);
#undef FROM
}

static void check_to_integer(unsigned width, unsigned rm, uint64_t a)
{
    for (unsigned i = 0; i < COUNT(integers); i++) {
        struct fp_env env = { 0 };
        bool inexact = false, nan = fp_is_nan(width, a);
        bool infinite = !nan && fp_is_nan(width, a + 1);
        bool negative = !nan && (a & fp_sign_bit(width));
        i128 exact = nan || infinite ? (i128)1 << 100 : integer_reference(value_of(width, a), rm, &inexact);
        if (infinite && negative)
            exact = -exact;
        i128 want = exact < integers[i].least      ? integers[i].least
                    : exact > integers[i].greatest ? integers[i].greatest
                                                   : exact;
        unsigned flags = want != exact ? FP_NV : inexact ? FP_NX : 0;
        if (integers[i].greatest <= UINT32_MAX)
            want = (int32_t)want;
        fp_env_enter(&env);
        uint64_t got = api_to_integer(&env, width, integers[i].integer, rm, a);
        fp_env_leave(&env);
        check_result(integers[i].name, rm, (uint64_t[3]){ a }, got, env.flags, (uint64_t)want, flags);
    }
}

/* FROUND and FROUNDNX of a finite value. */
static void check_round(unsigned width, unsigned rm, uint64_t a)
{
    f128 x = value_of(width, a);
    struct fp_env env = { 0 };
    uint64_t want = a;
    bool inexact = false;
    if (x != 0 && exponent_of(x) < (int)fp_fraction_bits(width)) {
        uint64_t magnitude = round_units(x, 0, rm, &inexact);
        unsigned ignored = 0;
        want = magnitude ? round_reference(width, FP_RTZ, (f128)magnitude, &ignored) : 0;
        want |= a & fp_sign_bit(width);
    }
    for (unsigned nx = 0; nx < 2; nx++) {
        fp_env_enter(&env);
        uint64_t got = width == 16   ? fp_f16_round(&env, rm, (uint16_t)a, nx)
                       : width == 32 ? fp_f32_round(&env, rm, (uint32_t)a, nx)
                                     : fp_f64_round(&env, rm, a, nx);
        fp_env_leave(&env);
        check_result("fround", rm, (uint64_t[3]){ a, nx }, got, env.flags, want, inexact && nx ? FP_NX : 0);
    }
}

/* To the other two formats. */
static void check_formats(unsigned from, unsigned rm, uint64_t a)
{
    f128 x = value_of(from, a);
    for (unsigned to = 16; to <= 64; to *= 2) {
        struct fp_env env = { 0 };
        unsigned flags = 0;
        uint64_t got, want = a & fp_sign_bit(from) ? fp_sign_bit(to) : 0;
        if (to == from)
            continue;
        if (x != 0)
            want = round_reference(to, rm, x, &flags);
        fp_env_enter(&env);
        switch (from + 2 * to) {
        case 16 + 2 * 32: got = fp_f16_to_f32(&env, (uint16_t)a); break;
        case 16 + 2 * 64: got = fp_f16_to_f64(&env, (uint16_t)a); break;
        case 32 + 2 * 16: got = fp_f32_to_f16(&env, rm, (uint32_t)a); break;
        case 32 + 2 * 64: got = fp_f32_to_f64(&env, (uint32_t)a); break;
        case 64 + 2 * 16: got = fp_f64_to_f16(&env, rm, a); break;
        default: got = fp_f64_to_f32(&env, rm, a); break;
        }
        fp_env_leave(&env);
        check_result("between formats", rm, (uint64_t[3]){ a, from, to }, got, env.flags, want, flags);
    }
}

static void check_conversions(unsigned width, unsigned rm, uint64_t a)
{
    check_to_integer(width, rm, a);
    if ((a & fp_infinity(width)) != fp_infinity(width)) {
        check_round(width, rm, a);
        check_formats(width, rm, a);
    }
}

START_TEST(f16_conversions_of_everything)
{
    for (unsigned a = 0; a < 0x10000; a++)
        for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++)
            check_conversions(16, rm, a);
}
END_TEST

START_TEST(conversions)
{
    test_random_init(&rng);
    for (unsigned width = 32; width <= 64; width *= 2) {
        uint64_t list[TEST_OPERANDS_MAX];
        unsigned count = test_operands(width, list);
        for (unsigned i = 0; i < 5 * count; i++)
            check_conversions(width, i % 5, list[i / 5]);
        for (unsigned k = 0; k < 40000; k++)
            check_conversions(width, k % 5, test_operand(&rng, width, 0));
    }
}
END_TEST

/* Around every power of two up to 2^65, below, at and above the number and the half before it: all limits of
 * the integers. */
START_TEST(conversions_near_integers)
{
    test_random_init(&rng);
    for (unsigned width = 32; width <= 64; width *= 2)
        for (unsigned power = 0; power < 66; power++)
            for (unsigned k = 0; k < 90; k++) {
                uint64_t base = fp_one(width) + ((uint64_t)power << fp_fraction_bits(width));
                uint64_t step = 1; /* a unit in the last place, or a half */
                if (k % 10 / 5 && power < fp_fraction_bits(width) - 1)
                    step <<= fp_fraction_bits(width) - 1 - power;
                uint64_t a = base + step * (k / 10) - 4 * step;
                check_to_integer(width, k % 5, a);
                check_to_integer(width, k % 5, a | fp_sign_bit(width));
            }
}
END_TEST

START_TEST(conversions_from_integers)
{
    test_random_init(&rng);
    for (unsigned k = 0; k < 120000; k++) {
        unsigned width = 16u << k % 3, rm = k % 5;
        unsigned i = (unsigned)(test_random_next(&rng) % COUNT(integers));
        uint64_t random = test_random_next(&rng), integer = test_random_next(&rng) >> (random & 63);
        integer &= ~(((uint64_t)1 << (random >> 8 & 63)) - 1);
        if (random >> 63)
            integer = -integer;
        integer += (random >> 16) % 3 - 1;
        f128 x = i == 0   ? (f128)(int32_t)integer
                 : i == 1 ? (f128)(uint32_t)integer
                 : i == 2 ? (f128)(int64_t)integer
                          : (f128)integer;
        struct fp_env env = { 0 };
        unsigned flags = 0;
        uint64_t want = x == 0 ? 0 : round_reference(width, rm, x, &flags);
        fp_env_enter(&env);
        uint64_t got = api_from_integer(&env, width, integers[i].integer, rm, integer);
        fp_env_leave(&env);
        check_result("from integer", rm, (uint64_t[3]){ integer, width, i }, got, env.flags, want, flags);
    }
}
END_TEST

START_TEST(fcvtmod)
{
    test_random_init(&rng);
    for (unsigned k = 0; k < 100000; k++) {
        uint64_t a = test_random_next(&rng);
        unsigned exponent = (unsigned)(test_random_next(&rng) % 140) + 1013; /* 2^-10 .. 2^129 */
        if (k & 1)
            a = (a & 0x800fffffffffffff) | (uint64_t)exponent << 52;
        if ((a & fp_infinity(64)) == fp_infinity(64))
            continue;
        f128 x = value_of(64, a);
        bool far = x != 0 && exponent_of(x) > 120; /* a multiple of 2^32 then */
        i128 whole = far ? 0 : (i128)x;
        bool fits = !far && whole >= INT32_MIN && whole <= INT32_MAX;
        unsigned flags = !fits ? FP_NV : (f128)whole != x ? FP_NX : 0;
        struct fp_env env = { 0 };
        fp_env_enter(&env);
        uint64_t got = fp_f64_to_i32_mod(&env, a);
        fp_env_leave(&env);
        uint64_t want = (uint64_t)(int64_t)(int32_t)(uint32_t)(u128)whole;
        check_result("fcvtmod", FP_RTZ, (uint64_t[3]){ a }, got, env.flags, want, flags);
    }
}
END_TEST

Suite *test_suite(void)
{
    const TTest *tests[] = {
        arithmetic,
        f64_sqrt_rmm,
        f16_sqrt_of_everything,
        f16_special_operands,
        f16_conversions_of_everything,
        conversions,
        conversions_near_integers,
        conversions_from_integers,
        fcvtmod,
    };
    return fp_suite("fp reference", NULL, NULL, tests, COUNT(tests));
}
