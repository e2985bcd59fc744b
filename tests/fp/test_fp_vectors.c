/* SPDX-License-Identifier: MIT
 *
 * Floating-point results and flags worked out by hand from the specification (chapters F, D, Zfh and Zfa of
 * the unprivileged manual, and IEEE 754-2019), one table for each kind of operation.
 */
#include "tests/fp/fp_test.h"

#define F64_NAN     0x7ff8000000000000
#define F64_QNAN    0x7ff8000000000123 /* quiet, with a payload */
#define F64_SNAN    0x7ff0000000000001
#define F64_INF     0x7ff0000000000000
#define F64_MAX     0x7fefffffffffffff
#define F64_ONE     0x3ff0000000000000
#define F64_NEG     0x8000000000000000
#define F64_MIN     0x0010000000000000 /* smallest normal */
#define F64_2POW52  0x4330000000000000
#define F64_2POW53  0x4340000000000000
#define F64_EPSILON 0x3cb0000000000000 /* 2^-52 */

static struct fp_env env;

static void setup(void)
{
    env = (struct fp_env){ 0 };
    fp_env_enter(&env);
}

static void teardown(void)
{
    fp_env_leave(&env);
}

/* Checks the value and the flags of the last operation, and clears the flags. */
static void check(const char *what, unsigned row, uint64_t got, uint64_t want, unsigned want_flags)
{
    unsigned flags = fp_flags_get(&env);
    ck_assert_msg(got == want && flags == want_flags,
                  "%s, row %u: %#" PRIx64 " flags %#x, expected %#" PRIx64 " flags %#x", what, row, got,
                  flags, want, want_flags);
    fp_flags_set(&env, 0);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

struct arithmetic_vector {
    test_function *function;
    unsigned rm;
    uint64_t a, b, c, want;
    unsigned flags;
};

#define F64(name) test_api_f64_##name
#define F32(name) test_api_f32_##name
#define F16(name) test_api_f16_##name

static void check_vectors(const char *what, const struct arithmetic_vector *vectors, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct arithmetic_vector *v = &vectors[i];
        check(what, i, v->function(&env, v->rm, v->a, v->b, v->c), v->want, v->flags);
    }
}

START_TEST(nans_and_invalid_operations)
{
    static const struct arithmetic_vector vectors[] = {
        { F64(add), FP_RNE, F64_QNAN, F64_ONE, 0, F64_NAN, 0 },
        { F64(add), FP_RNE, F64_ONE, F64_QNAN | F64_NEG, 0, F64_NAN, 0 },
        { F64(sub), FP_RNE, F64_SNAN, F64_ONE, 0, F64_NAN, FP_NV },
        { F64(mul), FP_RNE, F64_QNAN, F64_SNAN, 0, F64_NAN, FP_NV },
        { F64(add), FP_RNE, F64_INF, F64_INF | F64_NEG, 0, F64_NAN, FP_NV },
        { F64(sub), FP_RNE, F64_INF, F64_INF, 0, F64_NAN, FP_NV },
        { F64(mul), FP_RNE, F64_INF, F64_NEG, 0, F64_NAN, FP_NV },
        { F64(div), FP_RNE, 0, F64_NEG, 0, F64_NAN, FP_NV },
        { F64(div), FP_RNE, F64_INF, F64_INF, 0, F64_NAN, FP_NV },
        { F64(div), FP_RNE, F64_ONE, F64_NEG, 0, F64_INF | F64_NEG, FP_DZ },
        { F64(div), FP_RNE, F64_INF, 0, 0, F64_INF, 0 },
        { F64(sqrt), FP_RNE, F64_NEG, 0, 0, F64_NEG, 0 },
        { F64(sqrt), FP_RNE, F64_NEG | 1, 0, 0, F64_NAN, FP_NV },
        { F64(sqrt), FP_RNE, F64_INF | F64_NEG, 0, 0, F64_NAN, FP_NV },
        { F64(sqrt), FP_RMM, F64_SNAN, 0, 0, F64_NAN, FP_NV },
        { F64(sqrt), FP_RNE, F64_QNAN | F64_NEG, 0, 0, F64_NAN, 0 },
        { F32(add), FP_RNE, 0xffc00001, 0, 0, 0x7fc00000, 0 },
        { F32(div), FP_RDN, 0, 0, 0, 0x7fc00000, FP_NV },
        { F16(mul), FP_RNE, 0x7c01, 0x3c00, 0, 0x7e00, FP_NV },
        { F16(sub), FP_RNE, 0x7c00, 0x7c00, 0, 0x7e00, FP_NV },
    };
    check_vectors("nan", vectors, COUNT(vectors));
}
END_TEST

START_TEST(fma_special_cases)
{
    static const struct arithmetic_vector vectors[] = {
        /* infinity * 0 is invalid even with a quiet NaN to add */
        { F64(fma), FP_RNE, 0, F64_INF, F64_QNAN, F64_NAN, FP_NV },
        { F64(fma), FP_RNE, F64_INF | F64_NEG, F64_NEG, F64_QNAN, F64_NAN, FP_NV },
        { F64(fma), FP_RMM, 0, F64_INF, F64_QNAN, F64_NAN, FP_NV },
        { F32(fma), FP_RNE, 0, 0x7f800000, 0x7fc00001, 0x7fc00000, FP_NV },
        { F16(fma), FP_RNE, 0x7c00, 0, 0x7e00, 0x7e00, FP_NV },
        { F64(fma), FP_RNE, 0, F64_INF, F64_ONE, F64_NAN, FP_NV },
        { F64(fma), FP_RNE, F64_QNAN, F64_INF, 0, F64_NAN, 0 },
        { F64(fma), FP_RNE, F64_ONE, F64_ONE, F64_SNAN, F64_NAN, FP_NV },
        { F64(fma), FP_RNE, F64_INF, F64_ONE, F64_INF | F64_NEG, F64_NAN, FP_NV },
        { F64(fma), FP_RNE, F64_INF, F64_ONE, F64_INF, F64_INF, 0 },
        { F64(fma), FP_RNE, F64_ONE, F64_ONE, F64_INF | F64_NEG, F64_INF | F64_NEG, 0 },
        /* signs of zero */
        { F64(fma), FP_RNE, F64_ONE, F64_ONE, F64_ONE | F64_NEG, 0, 0 },
        { F64(fma), FP_RDN, F64_ONE, F64_ONE, F64_ONE | F64_NEG, F64_NEG, 0 },
        { F64(fma), FP_RNE, F64_NEG, F64_ONE, F64_NEG, F64_NEG, 0 },
        { F64(fma), FP_RNE, F64_NEG, F64_ONE, 0, 0, 0 },
        { F64(fma), FP_RDN, F64_NEG, F64_ONE, 0, F64_NEG, 0 },
        /* one rounding: (1 + e)^2 - (1 + 2e) = e^2 */
        { F64(fma), FP_RNE, F64_ONE + 1, F64_ONE + 1, (F64_ONE + 2) | F64_NEG, 0x3970000000000000, 0 },
        /* a product beyond the range is no overflow if the addend brings it back */
        { F64(fma), FP_RNE, F64_MAX, 0x4000000000000000, F64_MAX | F64_NEG, F64_MAX, 0 },
        { F64(fma), FP_RNE, 1, 1, F64_MIN, F64_MIN, FP_NX },
        { F64(fma), FP_RUP, 1, 1, F64_MIN, F64_MIN + 1, FP_NX },
    };
    check_vectors("fma", vectors, COUNT(vectors));
}
END_TEST

START_TEST(zero_signs_and_ties)
{
    static const struct arithmetic_vector vectors[] = {
        { F64(add), FP_RNE, 0, F64_NEG, 0, 0, 0 },
        { F64(add), FP_RDN, 0, F64_NEG, 0, F64_NEG, 0 },
        { F64(add), FP_RDN, 0, 0, 0, 0, 0 },
        { F64(sub), FP_RUP, F64_NEG, 0, 0, F64_NEG, 0 },
        { F64(sub), FP_RMM, F64_ONE, F64_ONE, 0, 0, 0 },
        { F32(sub), FP_RDN, 0x3f800000, 0x3f800000, 0, 0x80000000, 0 },
        /* 2^53 + 1 and 2^53 + 3 are ties */
        { F64(add), FP_RNE, F64_2POW53, F64_ONE, 0, F64_2POW53, FP_NX },
        { F64(add), FP_RMM, F64_2POW53, F64_ONE, 0, F64_2POW53 + 1, FP_NX },
        { F64(add), FP_RTZ, F64_2POW53, F64_ONE, 0, F64_2POW53, FP_NX },
        { F64(add), FP_RDN, F64_2POW53, F64_ONE, 0, F64_2POW53, FP_NX },
        { F64(add), FP_RUP, F64_2POW53, F64_ONE, 0, F64_2POW53 + 1, FP_NX },
        { F64(add), FP_RNE, F64_2POW53 + 1, F64_ONE, 0, F64_2POW53 + 2, FP_NX },
        { F64(add), FP_RMM, F64_NEG | F64_2POW53, F64_NEG | F64_ONE, 0, F64_NEG | (F64_2POW53 + 1), FP_NX },
        { F64(add), FP_RUP, F64_NEG | F64_2POW53, F64_NEG | F64_ONE, 0, F64_NEG | F64_2POW53, FP_NX },
        { F64(add), FP_RDN, F64_NEG | F64_2POW53, F64_NEG | F64_ONE, 0, F64_NEG | (F64_2POW53 + 1), FP_NX },
        { F16(add), FP_RNE, 0x6800, 0x3c00, 0, 0x6800, FP_NX }, /* 2048 + 1 */
        { F16(add), FP_RMM, 0x6800, 0x3c00, 0, 0x6801, FP_NX },
    };
    check_vectors("zero and ties", vectors, COUNT(vectors));
}
END_TEST

START_TEST(overflow_and_underflow)
{
    static const struct arithmetic_vector vectors[] = {
        { F64(add), FP_RNE, F64_MAX, F64_MAX, 0, F64_INF, FP_OF | FP_NX },
        { F64(add), FP_RTZ, F64_MAX, F64_MAX, 0, F64_MAX, FP_OF | FP_NX },
        { F64(add), FP_RDN, F64_MAX, F64_MAX, 0, F64_MAX, FP_OF | FP_NX },
        { F64(add), FP_RUP, F64_MAX, F64_MAX, 0, F64_INF, FP_OF | FP_NX },
        { F64(add), FP_RMM, F64_MAX, F64_MAX, 0, F64_INF, FP_OF | FP_NX },
        { F64(mul), FP_RDN, F64_MAX, F64_MAX | F64_NEG, 0, F64_INF | F64_NEG, FP_OF | FP_NX },
        { F64(mul), FP_RUP, F64_MAX, F64_MAX | F64_NEG, 0, F64_MAX | F64_NEG, FP_OF | FP_NX },
        { F16(mul), FP_RNE, 0x7bff, 0x4000, 0, 0x7c00, FP_OF | FP_NX },
        { F16(add), FP_RNE, 0x7bff, 0x4c00, 0, 0x7c00, FP_OF | FP_NX }, /* 65504 + 16, the tie */
        { F16(add), FP_RNE, 0x7bff, 0x4bff, 0, 0x7bff, FP_NX },
        /* In range, if rounded as if the range had no limit. */
        { F16(add), FP_RTZ, 0x7bff, 0x4c00, 0, 0x7bff, FP_NX },
        /* subnormal results: exact ones raise nothing */
        { F64(sub), FP_RNE, F64_MIN + 1, F64_MIN, 0, 1, 0 },
        { F64(mul), FP_RNE, F64_MIN, 0x3fe0000000000000, 0, F64_MIN / 2, 0 },
        { F64(mul), FP_RNE, 1, 0x3fe0000000000000, 0, 0, FP_UF | FP_NX },
        { F64(mul), FP_RMM, 1, 0x3fe0000000000000, 0, 1, FP_UF | FP_NX },
        { F64(mul), FP_RUP, 1, 1, 0, 1, FP_UF | FP_NX },
        { F64(mul), FP_RDN, 1, 1 | F64_NEG, 0, 1 | F64_NEG, FP_UF | FP_NX },
        /* tininess after rounding: the largest subnormal times 1 + 2^-52 is 2^-1022 - 2^-1126. With 53 bits
         * this rounds to 2^-1022: not tiny; rounded down it is tiny. */
        { F64(mul), FP_RNE, F64_MIN - 1, F64_ONE + 1, 0, F64_MIN, FP_NX },
        { F64(mul), FP_RMM, F64_MIN - 1, F64_ONE + 1, 0, F64_MIN, FP_NX },
        { F64(mul), FP_RTZ, F64_MIN - 1, F64_ONE + 1, 0, F64_MIN - 1, FP_UF | FP_NX },
        { F64(mul), FP_RUP, F64_MIN - 1, F64_ONE + 1, 0, F64_MIN, FP_NX },
        /* 2^-1022 (1 - 2^-53) is exact in 53 bits: it is tiny, though the result is the smallest normal
         * number */
        { F64(mul), FP_RNE, F64_MIN, 0x3fefffffffffffff, 0, F64_MIN, FP_UF | FP_NX },
        { F32(mul), FP_RNE, 0x00800000, 0x3f7fffff, 0, 0x00800000, FP_UF | FP_NX },
        { F32(mul), FP_RNE, 0x007fffff, 0x3f800001, 0, 0x00800000, FP_NX },
        { F32(mul), FP_RMM, 0x00800000, 0x3f7fffff, 0, 0x00800000, FP_UF | FP_NX },
        { F16(mul), FP_RNE, 0x0400, 0x3bff, 0, 0x0400, FP_UF | FP_NX },
        { F16(mul), FP_RNE, 0x03ff, 0x3c01, 0, 0x0400, FP_NX },
    };
    check_vectors("overflow and underflow", vectors, COUNT(vectors));
}
END_TEST

/* ---- Minimum, maximum, comparison, class --------------------------------------------------------------- */

START_TEST(minimum_and_maximum)
{
    static const struct {
        uint32_t a, b, min, max, minm, maxm;
        unsigned flags;
    } v[] = {
        { 0x00000000, 0x80000000, 0x80000000, 0x00000000, 0x80000000, 0x00000000, 0 },
        { 0x80000000, 0x00000000, 0x80000000, 0x00000000, 0x80000000, 0x00000000, 0 },
        { 0x3f800000, 0xc0000000, 0xc0000000, 0x3f800000, 0xc0000000, 0x3f800000, 0 },
        { 0xbf800000, 0xc0000000, 0xc0000000, 0xbf800000, 0xc0000000, 0xbf800000, 0 },
        { 0x7f800000, 0x3f800000, 0x3f800000, 0x7f800000, 0x3f800000, 0x7f800000, 0 },
        { 0x7fc00001, 0x3f800000, 0x3f800000, 0x3f800000, 0x7fc00000, 0x7fc00000, 0 },
        { 0xff800000, 0xffc00000, 0xff800000, 0xff800000, 0x7fc00000, 0x7fc00000, 0 },
        { 0x7f800001, 0x3f800000, 0x3f800000, 0x3f800000, 0x7fc00000, 0x7fc00000, FP_NV },
        { 0x3f800000, 0xffbfffff, 0x3f800000, 0x3f800000, 0x7fc00000, 0x7fc00000, FP_NV },
        { 0x7fc00001, 0xffc00002, 0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000, 0 },
        { 0x7fc00001, 0x7f800001, 0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000, FP_NV },
    };
    for (unsigned i = 0; i < COUNT(v); i++) {
        check("min", i, fp_f32_min(&env, v[i].a, v[i].b), v[i].min, v[i].flags);
        check("max", i, fp_f32_max(&env, v[i].a, v[i].b), v[i].max, v[i].flags);
        check("minm", i, fp_f32_minm(&env, v[i].a, v[i].b), v[i].minm, v[i].flags);
        check("maxm", i, fp_f32_maxm(&env, v[i].a, v[i].b), v[i].maxm, v[i].flags);
    }
    check("f16 min", 0, fp_f16_min(&env, 0x0000, 0x8000), 0x8000, 0);
    check("f16 max", 0, fp_f16_max(&env, 0x7c01, 0xfe00), 0x7e00, FP_NV);
    check("f64 min", 0, fp_f64_min(&env, F64_SNAN, F64_ONE), F64_ONE, FP_NV);
    check("f64 max", 0, fp_f64_max(&env, F64_NEG, 0), 0, 0);
    check("f64 minm", 0, fp_f64_minm(&env, F64_QNAN, F64_ONE), F64_NAN, 0);
    check("f64 maxm", 0, fp_f64_maxm(&env, F64_ONE, F64_ONE + 1), F64_ONE + 1, 0);
}
END_TEST

START_TEST(comparisons_with_nan_and_zero)
{
    check("eq", 0, fp_f16_eq(&env, 0, 0x8000), 1, 0);
    check("eq", 1, fp_f16_eq(&env, 0x7e00, 0x7e00), 0, 0);
    check("eq", 2, fp_f16_eq(&env, 0x7c01, 0x3c00), 0, FP_NV);
    check("lt", 0, fp_f16_lt(&env, 0x8000, 0), 0, 0);
    check("lt", 1, fp_f16_lt(&env, 0x7e00, 0), 0, FP_NV);
    check("lt", 2, fp_f16_lt(&env, 0xbc00, 0x8001), 1, 0);
    check("le", 0, fp_f16_le(&env, 0, 0x8000), 1, 0);
    check("le", 1, fp_f16_le(&env, 0, 0x7e00), 0, FP_NV);
    check("le", 2, fp_f16_le(&env, 0x7c00, 0x7bff), 0, 0);
    check("ltq", 0, fp_f16_ltq(&env, 0x7e00, 0), 0, 0);
    check("ltq", 1, fp_f16_ltq(&env, 0x7c01, 0), 0, FP_NV);
    check("leq", 0, fp_f16_leq(&env, 0, 0x7e00), 0, 0);
    check("leq", 1, fp_f16_leq(&env, 0xfc00, 0xfc00), 1, 0);
    check("f64 lt", 0, fp_f64_lt(&env, F64_QNAN, 0), 0, FP_NV);
    check("f32 leq", 0, fp_f32_leq(&env, 0x7fc00000, 0), 0, 0);
}
END_TEST

START_TEST(classes)
{
    static const struct {
        uint16_t f16;
        uint32_t f32;
        uint64_t f64;
    } of_bit[10] = {
        { 0xfc00, 0xff800000, 0xfff0000000000000 }, { 0x8400, 0x80800000, 0xffefffffffffffff },
        { 0x83ff, 0x807fffff, 0x8000000000000001 }, { 0x8000, 0x80000000, 0x8000000000000000 },
        { 0x0000, 0x00000000, 0x0000000000000000 }, { 0x0001, 0x007fffff, 0x000fffffffffffff },
        { 0x0400, 0x7f7fffff, 0x0010000000000000 }, { 0x7c00, 0x7f800000, 0x7ff0000000000000 },
        { 0xfdff, 0xffbfffff, 0x7ff7ffffffffffff }, { 0xfe00, 0x7fffffff, 0xfff8000000000000 },
    };
    unsigned count[10] = { 0 };
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_eq(fp_f16_classify(of_bit[i].f16), 1u << i);
        ck_assert_uint_eq(fp_f32_classify(of_bit[i].f32), 1u << i);
        ck_assert_uint_eq(fp_f64_classify(of_bit[i].f64), 1u << i);
    }
    /* How many values of f16 each class has. */
    static const unsigned want[10] = { 1, 30 << 10, 1023, 1, 1, 1023, 30 << 10, 1, 2 * 511, 2 * 512 };
    for (unsigned a = 0; a < 0x10000; a++)
        count[__builtin_ctz(fp_f16_classify((uint16_t)a))]++;
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(count[i], want[i]);
}
END_TEST

/* ---- Conversions --------------------------------------------------------------------------------------- */

#define ALL_ONES UINT64_MAX

START_TEST(to_integers)
{
    static const struct {
        uint64_t (*function)(struct fp_env *, unsigned, uint64_t);
        unsigned rm;
        uint64_t a, want;
        unsigned flags;
    } v[] = {
        { fp_f64_to_i32, FP_RTZ, F64_NAN, 0x7fffffff, FP_NV },
        { fp_f64_to_i32, FP_RNE, F64_QNAN | F64_NEG, 0x7fffffff, FP_NV },
        { fp_f64_to_u32, FP_RTZ, F64_SNAN, ALL_ONES, FP_NV },
        { fp_f64_to_i64, FP_RTZ, F64_NAN | F64_NEG, INT64_MAX, FP_NV },
        { fp_f64_to_u64, FP_RTZ, F64_NAN, ALL_ONES, FP_NV },
        { fp_f64_to_i32, FP_RTZ, F64_INF | F64_NEG, 0xffffffff80000000, FP_NV },
        { fp_f64_to_u32, FP_RTZ, F64_INF | F64_NEG, 0, FP_NV },
        { fp_f64_to_u32, FP_RTZ, F64_INF, ALL_ONES, FP_NV },
        { fp_f64_to_i64, FP_RTZ, F64_INF | F64_NEG, F64_NEG, FP_NV },
        { fp_f64_to_u64, FP_RTZ, F64_INF | F64_NEG, 0, FP_NV },
        /* 2^31 - 1/2: 2147483647.5 */
        { fp_f64_to_i32, FP_RTZ, 0x41dfffffffe00000, 0x7fffffff, FP_NX },
        { fp_f64_to_i32, FP_RNE, 0x41dfffffffe00000, 0x7fffffff, FP_NV },
        { fp_f64_to_i32, FP_RDN, 0x41dfffffffe00000, 0x7fffffff, FP_NX },
        { fp_f64_to_i32, FP_RUP, 0x41dfffffffe00000, 0x7fffffff, FP_NV },
        { fp_f64_to_i32, FP_RMM, 0x41dfffffffe00000, 0x7fffffff, FP_NV },
        /* -2^31 - 1/2 */
        { fp_f64_to_i32, FP_RTZ, 0xc1e0000000100000, 0xffffffff80000000, FP_NX },
        { fp_f64_to_i32, FP_RNE, 0xc1e0000000100000, 0xffffffff80000000, FP_NX },
        { fp_f64_to_i32, FP_RDN, 0xc1e0000000100000, 0xffffffff80000000, FP_NV },
        { fp_f64_to_i32, FP_RUP, 0xc1e0000000100000, 0xffffffff80000000, FP_NX },
        { fp_f64_to_i32, FP_RMM, 0xc1e0000000100000, 0xffffffff80000000, FP_NV },
        { fp_f64_to_i32, FP_RTZ, 0xc1e0000000000000, 0xffffffff80000000, 0 },
        /* 2^32 - 1/2 */
        { fp_f64_to_u32, FP_RTZ, 0x41effffffff00000, ALL_ONES, FP_NX },
        { fp_f64_to_u32, FP_RNE, 0x41effffffff00000, ALL_ONES, FP_NV },
        { fp_f64_to_u32, FP_RTZ, 0x41f0000000000000, ALL_ONES, FP_NV },
        { fp_f64_to_u32, FP_RTZ, 0x41e0000000000000, 0xffffffff80000000, 0 },
        /* negative to unsigned: -1/2, -1, -0, -3/4 */
        { fp_f64_to_u32, FP_RTZ, 0xbfe0000000000000, 0, FP_NX },
        { fp_f64_to_u32, FP_RNE, 0xbfe0000000000000, 0, FP_NX },
        { fp_f64_to_u32, FP_RMM, 0xbfe0000000000000, 0, FP_NV },
        { fp_f64_to_u32, FP_RDN, 0xbfe0000000000000, 0, FP_NV },
        { fp_f64_to_u64, FP_RUP, 0xbfe8000000000000, 0, FP_NX },
        { fp_f64_to_u64, FP_RNE, 0xbfe8000000000000, 0, FP_NV },
        { fp_f64_to_u64, FP_RTZ, 0xbff0000000000000, 0, FP_NV },
        { fp_f64_to_u64, FP_RTZ, F64_NEG, 0, 0 },
        { fp_f64_to_u32, FP_RDN, F64_NEG | 1, 0, FP_NV },
        /* 64 bits */
        { fp_f64_to_i64, FP_RUP, 0x43dfffffffffffff, 0x7ffffffffffffc00, 0 },
        { fp_f64_to_i64, FP_RTZ, 0x43e0000000000000, INT64_MAX, FP_NV },
        { fp_f64_to_i64, FP_RTZ, 0xc3e0000000000000, F64_NEG, 0 },
        { fp_f64_to_i64, FP_RTZ, 0xc3e0000000000001, F64_NEG, FP_NV },
        { fp_f64_to_u64, FP_RTZ, 0x43e0000000000000, F64_NEG, 0 },
        { fp_f64_to_u64, FP_RTZ, 0x43efffffffffffff, 0xfffffffffffff800, 0 },
        { fp_f64_to_u64, FP_RTZ, 0x43f0000000000000, ALL_ONES, FP_NV },
        /* 2.5 and -2.5 in each mode */
        { fp_f64_to_i64, FP_RNE, 0x4004000000000000, 2, FP_NX },
        { fp_f64_to_i64, FP_RMM, 0x4004000000000000, 3, FP_NX },
        { fp_f64_to_i64, FP_RUP, 0x4004000000000000, 3, FP_NX },
        { fp_f64_to_i64, FP_RDN, 0xc004000000000000, (uint64_t)-3, FP_NX },
        { fp_f64_to_i64, FP_RMM, 0xc004000000000000, (uint64_t)-3, FP_NX },
        { fp_f64_to_i64, FP_RTZ, 0xc004000000000000, (uint64_t)-2, FP_NX },
        { fp_f64_to_i64, FP_RUP, 1, 1, FP_NX },
    };
    for (unsigned i = 0; i < COUNT(v); i++)
        check("to integer", i, v[i].function(&env, v[i].rm, v[i].a), v[i].want, v[i].flags);
    check("f32", 0, fp_f32_to_i32(&env, FP_RTZ, 0x4f000000), 0x7fffffff, FP_NV);
    check("f32", 1, fp_f32_to_i32(&env, FP_RTZ, 0xcf000000), 0xffffffff80000000, 0);
    check("f32", 2, fp_f32_to_u32(&env, FP_RTZ, 0x4f7fffff), 0xffffffffffffff00, 0);
    check("f32", 3, fp_f32_to_u64(&env, FP_RTZ, 0x5f000000), F64_NEG, 0);
    check("f32", 4, fp_f32_to_u64(&env, FP_RTZ, 0x7f800000), ALL_ONES, FP_NV);
    check("f16", 0, fp_f16_to_i32(&env, FP_RTZ, 0x7bff), 65504, 0);
    check("f16", 1, fp_f16_to_i32(&env, FP_RTZ, 0xfc00), 0xffffffff80000000, FP_NV);
    check("f16", 2, fp_f16_to_u64(&env, FP_RNE, 0x7e00), ALL_ONES, FP_NV);
}
END_TEST

START_TEST(from_integers)
{
    check("i32", 0, fp_f64_from_i32(&env, FP_RNE, 0xffffffff), 0xbff0000000000000, 0);
    check("u32", 0, fp_f64_from_u32(&env, FP_RNE, 0xffffffffffffffff), 0x41efffffffe00000, 0);
    check("i64", 0, fp_f64_from_i64(&env, FP_RNE, F64_NEG), 0xc3e0000000000000, 0);
    check("u64", 0, fp_f64_from_u64(&env, FP_RNE, UINT64_MAX), 0x43f0000000000000, FP_NX);
    check("u64", 1, fp_f64_from_u64(&env, FP_RTZ, UINT64_MAX), 0x43efffffffffffff, FP_NX);
    check("u64", 2, fp_f64_from_u64(&env, FP_RMM, 0x20000000000001), F64_2POW53 + 1, FP_NX);
    check("i64", 1, fp_f64_from_i64(&env, FP_RMM, 0), 0, 0);
    check("i64", 2, fp_f64_from_i64(&env, FP_RDN, 0), 0, 0);
    check("f32", 0, fp_f32_from_i32(&env, FP_RNE, 0x7fffffff), 0x4f000000, FP_NX);
    check("f32", 1, fp_f32_from_i32(&env, FP_RTZ, 0x7fffffff), 0x4effffff, FP_NX);
    check("f16", 0, fp_f16_from_i32(&env, FP_RNE, 65519), 0x7bff, FP_NX);
    check("f16", 1, fp_f16_from_i32(&env, FP_RNE, 65520), 0x7c00, FP_OF | FP_NX);
    check("f16", 2, fp_f16_from_i64(&env, FP_RUP, F64_NEG), 0xfbff, FP_OF | FP_NX);
    check("f16", 3, fp_f16_from_u32(&env, FP_RNE, 0xffffffff00000001), 0x3c00, 0);
    check("f16", 4, fp_f16_from_u64(&env, FP_RDN, UINT64_MAX), 0x7bff, FP_OF | FP_NX);
}
END_TEST

START_TEST(between_formats)
{
    check("f32 to f64", 0, fp_f32_to_f64(&env, 0xffc12345), F64_NAN, 0);
    check("f32 to f64", 1, fp_f32_to_f64(&env, 0x7f800001), F64_NAN, FP_NV);
    check("f32 to f64", 2, fp_f32_to_f64(&env, 0x00000001), 0x36a0000000000000, 0);
    check("f32 to f64", 3, fp_f32_to_f64(&env, 0xff800000), 0xfff0000000000000, 0);
    check("f64 to f32", 0, fp_f64_to_f32(&env, FP_RNE, F64_SNAN | F64_NEG), 0x7fc00000, FP_NV);
    check("f64 to f32", 1, fp_f64_to_f32(&env, FP_RNE, F64_MAX), 0x7f800000, FP_OF | FP_NX);
    check("f64 to f32", 2, fp_f64_to_f32(&env, FP_RDN, F64_MAX), 0x7f7fffff, FP_OF | FP_NX);
    check("f64 to f32", 3, fp_f64_to_f32(&env, FP_RNE, 1), 0, FP_UF | FP_NX);
    check("f64 to f32", 4, fp_f64_to_f32(&env, FP_RMM, 0x3ff0000010000000), 0x3f800001, FP_NX);
    check("f64 to f32", 5, fp_f64_to_f32(&env, FP_RNE, 0x3ff0000010000000), 0x3f800000, FP_NX);
    check("f16 to f32", 0, fp_f16_to_f32(&env, 0xfe01), 0x7fc00000, 0);
    check("f16 to f32", 1, fp_f16_to_f32(&env, 0xfc01), 0x7fc00000, FP_NV);
    check("f16 to f32", 2, fp_f16_to_f32(&env, 0x0001), 0x33800000, 0);
    check("f16 to f64", 0, fp_f16_to_f64(&env, 0xfbff), 0xc0effc0000000000, 0);
    check("f32 to f16", 0, fp_f32_to_f16(&env, FP_RNE, 0x477ff000), 0x7c00, FP_OF | FP_NX);
    check("f32 to f16", 1, fp_f32_to_f16(&env, FP_RNE, 0x477fefff), 0x7bff, FP_NX);
    check("f32 to f16", 2, fp_f32_to_f16(&env, FP_RNE, 0x33000000), 0, FP_UF | FP_NX);
    check("f32 to f16", 3, fp_f32_to_f16(&env, FP_RNE, 0x33000001), 1, FP_UF | FP_NX);
    /* one rounding from f64, not two with f32 in between */
    check("f64 to f16", 0, fp_f64_to_f16(&env, FP_RNE, 0x3ff0020000000001), 0x3c01, FP_NX);
}
END_TEST

/* ---- Zfa ----------------------------------------------------------------------------------------------- */

START_TEST(round_to_integral)
{
    check("fround", 0, fp_f64_round(&env, FP_RNE, 0x3fe0000000000000, false), 0, 0);          /* 0.5 */
    check("fround", 1, fp_f64_round(&env, FP_RNE, 0xbfe0000000000000, true), F64_NEG, FP_NX); /* -0.5 */
    check("fround", 2, fp_f64_round(&env, FP_RMM, 0xbfe0000000000000, false), F64_NEG | F64_ONE, 0);
    check("fround", 3, fp_f64_round(&env, FP_RUP, 1, true), F64_ONE, FP_NX);
    check("fround", 4, fp_f64_round(&env, FP_RNE, F64_NEG, true), F64_NEG, 0);
    check("fround", 5, fp_f64_round(&env, FP_RNE, F64_INF | F64_NEG, true), F64_INF | F64_NEG, 0);
    check("fround", 6, fp_f64_round(&env, FP_RNE, F64_QNAN, true), F64_NAN, 0);
    check("fround", 7, fp_f64_round(&env, FP_RNE, F64_SNAN, false), F64_NAN, FP_NV);
    check("fround", 8, fp_f64_round(&env, FP_RNE, F64_2POW52 + 1, true), F64_2POW52 + 1, 0);
    check("fround", 9, fp_f64_round(&env, FP_RNE, F64_2POW52 - 1, true), F64_2POW52, FP_NX);
    check("fround", 10, fp_f64_round(&env, FP_RTZ, F64_2POW52 - 1, false), F64_2POW52 - 2, 0);
    check("fround", 11, fp_f32_round(&env, FP_RDN, 0xbf800001, false), 0xc0000000, 0);
    check("fround", 12, fp_f16_round(&env, FP_RNE, 0x4100, true), 0x4000, FP_NX); /* 2.5 */
    check("fround", 13, fp_f16_round(&env, FP_RMM, 0x4100, true), 0x4200, FP_NX);
}
END_TEST

START_TEST(modular_conversion)
{
    static const struct {
        uint64_t a, want;
        unsigned flags;
    } v[] = {
        { 0, 0, 0 },
        { 0xbff8000000000000, (uint64_t)-1, FP_NX },       /* -1.5 */
        { 0x41e0000000000000, 0xffffffff80000000, FP_NV }, /* 2^31 */
        { 0xc1e0000000000000, 0xffffffff80000000, 0 },     /* -2^31 */
        { 0xc1e0000000200000, 0x7fffffff, FP_NV },         /* -2^31 - 1 */
        { 0xc1e0000000100000, 0xffffffff80000000, FP_NX }, /* -2^31 - 0.5 */
        { 0x41f0000000100000, 1, FP_NV },                  /* 2^32 + 1 */
        { 0x41f0000000180000, 1, FP_NV },                  /* 2^32 + 1.5: no NX */
        { F64_2POW53 + 1, 2, FP_NV },
        { 0x4530000000000001 - 0x10000000000000, 0xffffffff80000000, FP_NV }, /* 2^83 + 2^31 */
        { 0x4530000000000001, 0, FP_NV },                                     /* 2^84 + 2^32 */
        { 0xc1f0000000100000, (uint64_t)-1, FP_NV },
        { F64_MAX, 0, FP_NV },
        { F64_INF, 0, FP_NV },
        { F64_INF | F64_NEG, 0, FP_NV },
        { F64_NAN, 0, FP_NV },
        { F64_SNAN, 0, FP_NV },
    };
    for (unsigned i = 0; i < COUNT(v); i++)
        check("fcvtmod", i, fp_f64_to_i32_mod(&env, v[i].a), v[i].want, v[i].flags);
}
END_TEST

START_TEST(load_immediate)
{
    /* The table of the specification, as f64. */
    static const uint64_t f64[32] = {
        0xbff0000000000000, 0x0010000000000000, 0x3ef0000000000000, 0x3f00000000000000, 0x3f70000000000000,
        0x3f80000000000000, 0x3fb0000000000000, 0x3fc0000000000000, 0x3fd0000000000000, 0x3fd4000000000000,
        0x3fd8000000000000, 0x3fdc000000000000, 0x3fe0000000000000, 0x3fe4000000000000, 0x3fe8000000000000,
        0x3fec000000000000, 0x3ff0000000000000, 0x3ff4000000000000, 0x3ff8000000000000, 0x3ffc000000000000,
        0x4000000000000000, 0x4004000000000000, 0x4008000000000000, 0x4010000000000000, 0x4020000000000000,
        0x4030000000000000, 0x4060000000000000, 0x4070000000000000, 0x40e0000000000000, 0x40f0000000000000,
        0x7ff0000000000000, 0x7ff8000000000000,
    };
    for (unsigned i = 0; i < 32; i++) {
        check("fli.d", i, fp_f64_fli(i), f64[i], 0);
        if (i != 1)
            check("fli.s", i, fp_f32_to_f64(&env, fp_f32_fli(i)), f64[i], 0);
        if (i != 1 && i != 29)
            check("fli.h", i, fp_f16_to_f64(&env, fp_f16_fli(i)), f64[i], 0);
    }
    check("fli.s min", 1, fp_f32_fli(1), 0x00800000, 0);
    check("fli.h min", 1, fp_f16_fli(1), 0x0400, 0);
    check("fli.h 2^16", 29, fp_f16_fli(29), 0x7c00, 0);
    check("fli.h nan", 31, fp_f16_fli(31), 0x7e00, 0);
}
END_TEST

Suite *test_suite(void)
{
    const TTest *tests[] = { nans_and_invalid_operations,
                             fma_special_cases,
                             zero_signs_and_ties,
                             overflow_and_underflow,
                             minimum_and_maximum,
                             comparisons_with_nan_and_zero,
                             classes,
                             to_integers,
                             from_integers,
                             between_formats,
                             round_to_integral,
                             modular_conversion,
                             load_immediate };
    return fp_suite("fp vectors", setup, teardown, tests, COUNT(tests));
}
