/* SPDX-License-Identifier: MIT
 *
 * The fast path on the host's floating-point unit against the software: the two implementations share
 * nothing, so if they agree on results and flags, both are most likely right. The environment is tested, too.
 */
#include "tests/fp/fp_test.h"

static struct test_random rng;

/* Calls f with cleared flags; stores the flags that f raises. */
static uint64_t call(struct fp_env *env, test_function *f, unsigned rm, const uint64_t operands[3],
                     unsigned *flags)
{
    fp_flags_set(env, 0);
    uint64_t result = f(env, rm, operands[0], operands[1], operands[2]);
    *flags = fp_flags_get(env);
    return result;
}

static void compare(struct fp_env *env, const char *name, test_function *api, test_function *soft,
                    unsigned rm, const uint64_t operands[3])
{
    unsigned got_flags, want_flags;
    uint64_t got = call(env, api, rm, operands, &got_flags);
    uint64_t want = call(env, soft, rm, operands, &want_flags);
    if (got != want || got_flags != want_flags)
        ck_abort_msg("seed %" PRIu64 ": %s rm %u of %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ": host %#" PRIx64
                     " flags %#x, software %#" PRIx64 " flags %#x",
                     rng.seed, name, rm, operands[0], operands[1], operands[2], got, got_flags, want,
                     want_flags);
}

/* All combinations of the interesting operands in all modes, then random ones. */
static void compare_all(const struct test_operation *operation, unsigned random_rounds)
{
    uint64_t list[TEST_OPERANDS_MAX], operands[3] = { 0 };
    unsigned count = test_operands(operation->width, list);
    unsigned seconds = operation->operands > 1 ? count : 1, thirds = operation->operands > 2 ? count : 1;
    struct fp_env env = { 0 };

    fp_env_enter(&env);
    for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++)
        for (unsigned i = 0; i < count * seconds * thirds; i++) {
            operands[0] = list[i % count];
            operands[1] = list[i / count % seconds];
            operands[2] = list[i / count / seconds];
            compare(&env, operation->name, operation->api, operation->soft, rm, operands);
        }
    for (unsigned i = 0; i < random_rounds; i++) {
        operands[0] = test_operand(&rng, operation->width, 0);
        operands[1] = test_operand(&rng, operation->width, operands[0]);
        operands[2] = test_operand(&rng, operation->width, operands[i & 1]);
        for (unsigned rm = FP_RNE; rm <= FP_RUP; rm++)
            compare(&env, operation->name, operation->api, operation->soft, rm, operands);
    }
    fp_env_leave(&env);
}

START_TEST(arithmetic)
{
    test_random_init(&rng);
    for (unsigned i = 0; i < COUNT(test_operations); i++)
        if (test_operations[i].width != 16)
            compare_all(&test_operations[i], 100000);
}
END_TEST

/* Additions whose terms cancel to the last bit: random factors hardly ever do this. */
START_TEST(fma_cancellation)
{
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    for (unsigned i = 0; i < 200000; i++) {
        for (unsigned k = 0; k < COUNT(test_operations); k++) {
            const struct test_operation *operation = &test_operations[k];
            if (operation->kind != TEST_FMA || operation->width == 16)
                continue;
            unsigned width = operation->width;
            uint64_t operands[3] = { test_operand(&rng, width, 0), test_operand(&rng, width, 0) };
            uint64_t product = fp_soft_mul(&env, width, i & 3, operands[0], operands[1]);
            operands[2] = (product ^ fp_sign_bit(width)) + (test_random_next(&rng) % 5 - 2) * (i >> 2 & 1);
            if (width == 32)
                operands[2] = (uint32_t)operands[2];
            for (unsigned rm = FP_RNE; rm <= FP_RUP; rm++)
                compare(&env, "fma", operation->api, operation->soft, rm, operands);
        }
    }
    fp_env_leave(&env);
}
END_TEST

/* Without FMA3 the software does it: the same results through the same function. */
START_TEST(fma_without_host_support)
{
    struct fp_env env = { 0 };
    unsigned flags;
    const uint64_t operands[3] = { 0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002 };
    fp_env_enter(&env);
    env.host_fma = false;
    ck_assert_uint_eq(call(&env, test_api_f64_fma, FP_RNE, operands, &flags), 0x3970000000000000);
    ck_assert_uint_eq(flags, 0);
    fp_env_leave(&env);
}
END_TEST

/* ---- Conversions --------------------------------------------------------------------------------------- */

#define CONVERT_TO(fmt, T, width, name, integer)                                                             \
    static uint64_t api_##fmt##_to_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b,           \
                                          uint64_t c)                                                        \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        return fp_##fmt##_to_##name(env, rm, (T)a);                                                          \
    }                                                                                                        \
    static uint64_t soft_##fmt##_to_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b,          \
                                           uint64_t c)                                                       \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        return fp_soft_to_integer(env, width, rm, a, integer);                                               \
    }
#define CONVERT_FROM(fmt, T, width, name, negative, type)                                                    \
    static uint64_t api_##fmt##_from_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b,         \
                                            uint64_t c)                                                      \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        return fp_##fmt##_from_##name(env, rm, a);                                                           \
    }                                                                                                        \
    static uint64_t soft_##fmt##_from_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b,        \
                                             uint64_t c)                                                     \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        a = (uint64_t)(type)a;                                                                               \
        return fp_soft_from_integer(env, width, rm, negative, negative ? -a : a);                            \
    }
#define CONVERT_FORMAT(fmt, T, width)                                                                        \
    CONVERT_TO(fmt, T, width, i32, FP_I32)                                                                   \
    CONVERT_TO(fmt, T, width, u32, FP_U32)                                                                   \
    CONVERT_TO(fmt, T, width, i64, FP_I64)                                                                   \
    CONVERT_TO(fmt, T, width, u64, FP_U64)                                                                   \
    CONVERT_FROM(fmt, T, width, i32, a >> 63, int32_t)                                                       \
    CONVERT_FROM(fmt, T, width, u32, false, uint32_t)                                                        \
    CONVERT_FROM(fmt, T, width, i64, a >> 63, int64_t)                                                       \
    CONVERT_FROM(fmt, T, width, u64, false, uint64_t)
CONVERT_FORMAT(f32, uint32_t, 32)
CONVERT_FORMAT(f64, uint64_t, 64)

static uint64_t api_f32_to_f64(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, uint64_t c)
{
    (void)rm, (void)b, (void)c;
    return fp_f32_to_f64(env, (uint32_t)a);
}

static uint64_t soft_f32_to_f64(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    return fp_soft_convert(env, 32, 64, rm, a);
}

static uint64_t api_f64_to_f32(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    return fp_f64_to_f32(env, rm, a);
}

static uint64_t soft_f64_to_f32(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    return fp_soft_convert(env, 64, 32, rm, a);
}

START_TEST(conversions_to)
{
#define ROW(fmt, width, name)                                                                                \
    {                                                                                                        \
#fmt " to " #name, 0, width, 1, api_##fmt##_to_##name, soft_##fmt##_to_##name                        \
    }
    static const struct test_operation rows[] = {
        ROW(f32, 32, i32), ROW(f32, 32, u32), ROW(f32, 32, i64), ROW(f32, 32, u64), ROW(f64, 64, i32),
        ROW(f64, 64, u32), ROW(f64, 64, i64), ROW(f64, 64, u64), ROW(f32, 32, f64), ROW(f64, 64, f32),
    };
    test_random_init(&rng);
    for (unsigned i = 0; i < COUNT(rows); i++)
        compare_all(&rows[i], 100000);
}
END_TEST

/* Exponents near the limits of integers, which random bits hardly ever give. */
START_TEST(conversions_to_near_boundaries)
{
    static const struct test_operation rows[] = {
        ROW(f32, 32, i32), ROW(f32, 32, u32), ROW(f32, 32, i64), ROW(f32, 32, u64),
        ROW(f64, 64, i32), ROW(f64, 64, u32), ROW(f64, 64, i64), ROW(f64, 64, u64),
    };
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    for (unsigned i = 0; i < 200000; i++) {
        const struct test_operation *row = &rows[i % COUNT(rows)];
        uint64_t bits = test_random_next(&rng), step = test_random_next(&rng);
        uint64_t value = fp_soft_from_integer(&env, row->width, FP_RNE, bits >> 63, bits >> (step & 63));
        uint64_t operands[3] = { value + step / 64 % 5 - 2, 0, 0 };
        if (row->width == 32)
            operands[0] = (uint32_t)operands[0];
        for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++)
            compare(&env, row->name, row->api, row->soft, rm, operands);
    }
    fp_env_leave(&env);
}
END_TEST
#undef ROW

START_TEST(conversions_from)
{
#define ROW(fmt, width, name)                                                                                \
    {                                                                                                        \
#fmt " from " #name, 0, width, 1, api_##fmt##_from_##name, soft_##fmt##_from_##name                  \
    }
    static const struct test_operation rows[] = {
        ROW(f32, 32, i32), ROW(f32, 32, u32), ROW(f32, 32, i64), ROW(f32, 32, u64),
        ROW(f64, 64, i32), ROW(f64, 64, u32), ROW(f64, 64, i64), ROW(f64, 64, u64),
    };
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    for (unsigned i = 0; i < COUNT(rows); i++)
        for (unsigned k = 0; k < 50000; k++) {
            uint64_t random = test_random_next(&rng);
            uint64_t integer = test_random_next(&rng) >> (random & 63);
            integer &= ~(((uint64_t)1 << (random >> 8 & 63)) - 1); /* some exact, some ties */
            uint64_t operands[3] = { (random & 128 ? -integer : integer) + (random >> 16) % 3 - 1, 0, 0 };
            for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++)
                compare(&env, rows[i].name, rows[i].api, rows[i].soft, rm, operands);
        }
    fp_env_leave(&env);
}
END_TEST
#undef ROW

/* ---- Comparisons: against comiss, ucomiss, comisd and ucomisd ------------------------------------------ */

#define HOST_COMPARE(name, T, load, instruction)                                                             \
    static void name(T a, T b, bool *equal, bool *less, bool *less_or_equal)                                 \
    {                                                                                                        \
        bool above, above_or_equal, zero, parity;                                                            \
        __asm__ volatile(instruction " %4, %5"                                                               \
                         : "=@cca"(above), "=@ccae"(above_or_equal), "=@ccz"(zero), "=@ccp"(parity)          \
                         : "x"(load(a)), "x"(load(b)));                                                      \
        *equal = zero && !parity;                                                                            \
        *less = above;                                                                                       \
        *less_or_equal = above_or_equal;                                                                     \
    }
HOST_COMPARE(host_f32_quiet, uint32_t, fp_f32_load, "ucomiss")
HOST_COMPARE(host_f32_signalling, uint32_t, fp_f32_load, "comiss")
HOST_COMPARE(host_f64_quiet, uint64_t, fp_f64_load, "ucomisd")
HOST_COMPARE(host_f64_signalling, uint64_t, fp_f64_load, "comisd")

#define CHECK_COMPARE(fmt, name, want, want_flags)                                                           \
    do {                                                                                                     \
        fp_flags_set(env, 0);                                                                                \
        bool got = fp_##fmt##_##name(env, a, b);                                                             \
        unsigned got_flags = fp_flags_get(env);                                                              \
        ck_assert_msg(got == (want) && got_flags == (want_flags),                                            \
                      "seed %" PRIu64 ": " #fmt " " #name " of %#" PRIx64 " %#" PRIx64 ": %d flags %#x",     \
                      rng.seed, (uint64_t)a, (uint64_t)b, got, got_flags);                                   \
    } while (0)

#define CHECK_COMPARES(fmt, T)                                                                               \
    static void check_compares_##fmt(struct fp_env *env, T a, T b)                                           \
    {                                                                                                        \
        bool equal, less, less_or_equal;                                                                     \
        fp_flags_set(env, 0);                                                                                \
        host_##fmt##_quiet(a, b, &equal, &less, &less_or_equal);                                             \
        unsigned quiet_flags = fp_flags_get(env);                                                            \
        CHECK_COMPARE(fmt, eq, equal, quiet_flags);                                                          \
        CHECK_COMPARE(fmt, ltq, less, quiet_flags);                                                          \
        CHECK_COMPARE(fmt, leq, less_or_equal, quiet_flags);                                                 \
        fp_flags_set(env, 0);                                                                                \
        host_##fmt##_signalling(a, b, &equal, &less, &less_or_equal);                                        \
        unsigned flags = fp_flags_get(env);                                                                  \
        CHECK_COMPARE(fmt, lt, less, flags);                                                                 \
        CHECK_COMPARE(fmt, le, less_or_equal, flags);                                                        \
    }
CHECK_COMPARES(f32, uint32_t)
CHECK_COMPARES(f64, uint64_t)

START_TEST(comparisons)
{
    uint64_t list[TEST_OPERANDS_MAX];
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    unsigned count = test_operands(32, list);
    for (unsigned i = 0; i < count * count; i++)
        check_compares_f32(&env, (uint32_t)list[i % count], (uint32_t)list[i / count]);
    count = test_operands(64, list);
    for (unsigned i = 0; i < count * count; i++)
        check_compares_f64(&env, list[i % count], list[i / count]);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t a = test_operand(&rng, 32, 0);
        check_compares_f32(&env, (uint32_t)a, (uint32_t)test_operand(&rng, 32, a));
        a = test_operand(&rng, 64, 0);
        check_compares_f64(&env, a, test_operand(&rng, 64, a));
    }
    fp_env_leave(&env);
}
END_TEST

/* ---- The environment ----------------------------------------------------------------------------------- */

static uint32_t mxcsr(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

START_TEST(environment_is_the_hosts_again)
{
    struct fp_env env = { .frm = FP_RUP };
    uint32_t before = mxcsr();
    fp_env_enter(&env);
    fp_f64_div(&env, FP_RDN, fp_one(64), 0x4008000000000000);
    fp_f64_div(&env, FP_RNE, fp_one(64), 0);
    fp_env_leave(&env);
    ck_assert_uint_eq(mxcsr(), before);
    ck_assert_uint_eq(env.flags, FP_NX | FP_DZ);
    ck_assert_uint_eq(fp_flags_get(&env), FP_NX | FP_DZ);
    fp_flags_set(&env, FP_UF | 0xe0);
    ck_assert_uint_eq(fp_flags_get(&env), FP_UF);
    fp_env_enter(&env);
    ck_assert_uint_eq(fp_flags_get(&env), FP_UF);
    fp_env_leave(&env);
}
END_TEST

START_TEST(flags_survive_a_change_of_mode)
{
    struct fp_env env = { 0 };
    fp_env_enter(&env);
    fp_f32_div(&env, FP_RNE, 0x3f800000, 0);                                         /* DZ, in MXCSR */
    ck_assert_uint_eq(fp_f32_add(&env, FP_RUP, 0x3f800000, 0x00000001), 0x3f800001); /* NX, another mode */
    ck_assert_uint_eq(fp_f32_add(&env, FP_RMM, 0x3f800000, 0x33800000), 0x3f800001); /* software */
    ck_assert_uint_eq(fp_f32_add(&env, FP_RNE, 0x3f800000, 0x33800000), 0x3f800000);
    ck_assert_uint_eq(fp_flags_get(&env), FP_NX | FP_DZ);
    fp_flags_set(&env, 0);
    ck_assert_uint_eq(fp_flags_get(&env), 0);
    fp_rm_set(&env, 0xff);
    ck_assert_uint_eq(env.frm, 7);
    fp_f32_sqrt(&env, FP_RNE, 0xbf800000);
    fp_env_leave(&env);
    ck_assert_uint_eq(env.flags, FP_NV);
}
END_TEST

/* A denormal operand sets DE in MXCSR, which must not become visible. */
START_TEST(denormal_operand_raises_nothing)
{
    struct fp_env env = { 0 };
    fp_env_enter(&env);
    ck_assert_uint_eq(fp_f64_add(&env, FP_RNE, 1, 1), 2);
    ck_assert_uint_eq(fp_flags_get(&env), 0);
    fp_env_leave(&env);
    ck_assert_uint_eq(env.flags, 0);
}
END_TEST

/* The software works with integers only, in every mode and for every kind of result. */
START_TEST(software_leaves_mxcsr_alone)
{
    struct fp_env env = { 0 };
    test_random_init(&rng);
    fp_env_enter(&env);
    uint32_t before = mxcsr();
    for (unsigned i = 0; i < 20000; i++) {
        const struct test_operation *operation = &test_operations[i % COUNT(test_operations)];
        uint64_t a = test_operand(&rng, operation->width, 0), b = test_operand(&rng, operation->width, a);
        operation->soft(&env, i % 5, a, b, a);
        fp_soft_to_integer(&env, operation->width, i % 5, a, i & 3);
        fp_soft_round(&env, operation->width, i % 5, b, true);
    }
    uint32_t after = mxcsr();
    fp_env_leave(&env);
    ck_assert_uint_eq(after, before);
    ck_assert_uint_eq(env.flags, FP_FLAGS);
}
END_TEST

Suite *test_suite(void)
{
    const TTest *tests[] = {
        arithmetic,
        fma_cancellation,
        fma_without_host_support,
        conversions_to,
        conversions_to_near_boundaries,
        conversions_from,
        comparisons,
        environment_is_the_hosts_again,
        flags_survive_a_change_of_mode,
        denormal_operand_raises_nothing,
        software_leaves_mxcsr_alone,
    };
    return fp_suite("fp", NULL, NULL, tests, COUNT(tests));
}
