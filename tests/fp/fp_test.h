/* SPDX-License-Identifier: MIT
 *
 * What the tests of floating-point arithmetic share: random operands from a seed that RVIVE_SEED sets, a list
 * of interesting operands for each width, and a table of the arithmetic operations.
 */
#ifndef TESTS_FP_TEST_H
#define TESTS_FP_TEST_H

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "cpu/fp/fp.h"
#include "tests/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct test_random {
    uint64_t seed, state;
};

static inline void test_random_init(struct test_random *random)
{
    const char *text = getenv("RVIVE_SEED");
    random->seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    random->state = random->seed * 0x9e3779b97f4a7c15u + 1;
}

static inline uint64_t test_random_next(struct test_random *random)
{
    uint64_t x = random->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

#define TEST_OPERANDS_MAX 64

/* Fills `list` with zeroes, subnormals, NaNs, the ends of the range of the format and of integer types;
 * returns how many there are. */
static inline unsigned test_operands(unsigned width, uint64_t list[TEST_OPERANDS_MAX])
{
    unsigned fraction = fp_fraction_bits(width), count = 0;
    uint64_t ulp_one = (uint64_t)1 << fraction, inf = fp_infinity(width), one = fp_one(width);
    const uint64_t fixed[] = {
        0,
        1,
        2,
        ulp_one / 2,
        ulp_one / 2 + 1,
        ulp_one - 1, /* subnormal */
        ulp_one,
        ulp_one + 1,
        one - ulp_one,
        one - 1,
        one,
        one + 1,
        one | ulp_one / 2,
        one + ulp_one,
        (one + ulp_one) | ulp_one / 2,
        inf / 3,
        inf - ulp_one,
        inf - 2,
        inf - 1,
        inf,
        inf + 1,
        inf | (ulp_one / 2 - 1),
        inf | ulp_one / 2,
        inf | (ulp_one - 1),
    };
    static const int powers[] = { 15, 31, 32, 63, 64 };

    for (unsigned i = 0; i < COUNT(fixed); i++)
        list[count++] = fixed[i];
    for (unsigned i = 0; i < COUNT(powers); i++) {
        uint64_t power = one + ((uint64_t)powers[i] << fraction);
        if (power < inf)
            list[count++] = power - 1; /* the last number below the power */
    }
    for (unsigned i = 0, positive = count; i < positive; i++)
        list[count++] = list[i] | fp_sign_bit(width);
    return count;
}

/* One operand: random bits, or an interesting one, or a short fraction (so that ties and exact results
 * happen), or one near `other`. */
static inline uint64_t test_operand(struct test_random *random, unsigned width, uint64_t other)
{
    uint64_t bits = test_random_next(random), choice = test_random_next(random);
    uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    uint64_t list[TEST_OPERANDS_MAX];

    switch (choice & 7) {
    case 0: return list[(choice >> 8) % test_operands(width, list)];
    case 1: /* few bits set: a short fraction */
        return bits & mask & ~(((uint64_t)1 << (choice >> 8) % fp_fraction_bits(width)) - 1);
    case 2: /* an exponent near that of 1 */
        return (fp_one(width) + (((choice >> 8) % 160) << (fp_fraction_bits(width) - 3)) +
                (bits & (((uint64_t)1 << fp_fraction_bits(width)) - 1))) &
               mask;
    case 3: return (other + (choice >> 8) % 9 - 4) & mask;
    case 4: return (other ^ fp_sign_bit(width) ^ (bits & 0xff)) & mask;
    case 5: /* subnormal or nearly */
        return bits & (fp_sign_bit(width) | (((uint64_t)4 << fp_fraction_bits(width)) - 1));
    default: return bits & mask;
    }
}

typedef uint64_t test_function(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, uint64_t c);

enum test_operation_kind { TEST_ADD, TEST_SUB, TEST_MUL, TEST_DIV, TEST_SQRT, TEST_FMA };

struct test_operation {
    const char *name;
    enum test_operation_kind kind;
    unsigned width, operands;
    test_function *api, *soft;
};

#define TEST_ADAPT(fmt, T, width, name, soft_arguments, api_arguments)                                       \
    static inline uint64_t test_api_##fmt##_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b,  \
                                                   uint64_t c)                                               \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        return fp_##fmt##_##name api_arguments;                                                              \
    }                                                                                                        \
    static inline uint64_t test_soft_##fmt##_##name(struct fp_env *env, unsigned rm, uint64_t a, uint64_t b, \
                                                    uint64_t c)                                              \
    {                                                                                                        \
        (void)b, (void)c;                                                                                    \
        return fp_soft_##name soft_arguments;                                                                \
    }
#define TEST_ADAPT_FORMAT(fmt, T, width)                                                                     \
    TEST_ADAPT(fmt, T, width, add, (env, width, rm, a, b), (env, rm, (T)a, (T)b))                            \
    TEST_ADAPT(fmt, T, width, sub, (env, width, rm, a, b), (env, rm, (T)a, (T)b))                            \
    TEST_ADAPT(fmt, T, width, mul, (env, width, rm, a, b), (env, rm, (T)a, (T)b))                            \
    TEST_ADAPT(fmt, T, width, div, (env, width, rm, a, b), (env, rm, (T)a, (T)b))                            \
    TEST_ADAPT(fmt, T, width, sqrt, (env, width, rm, a), (env, rm, (T)a))                                    \
    TEST_ADAPT(fmt, T, width, fma, (env, width, rm, a, b, c), (env, rm, (T)a, (T)b, (T)c))

TEST_ADAPT_FORMAT(f16, uint16_t, 16)
TEST_ADAPT_FORMAT(f32, uint32_t, 32)
TEST_ADAPT_FORMAT(f64, uint64_t, 64)

#define TEST_ROW(fmt, width, kind, name, operands)                                                           \
    {                                                                                                        \
#fmt " " #name, kind, width, operands, test_api_##fmt##_##name, test_soft_##fmt##_##name             \
    }
#define TEST_ROWS(fmt, width)                                                                                \
    TEST_ROW(fmt, width, TEST_ADD, add, 2), TEST_ROW(fmt, width, TEST_SUB, sub, 2),                          \
        TEST_ROW(fmt, width, TEST_MUL, mul, 2), TEST_ROW(fmt, width, TEST_DIV, div, 2),                      \
        TEST_ROW(fmt, width, TEST_SQRT, sqrt, 1), TEST_ROW(fmt, width, TEST_FMA, fma, 3)

static const struct test_operation test_operations[] = { TEST_ROWS(f16, 16), TEST_ROWS(f32, 32),
                                                         TEST_ROWS(f64, 64) };

/* A suite of one test case, with setup() before and teardown() after each test if these are not NULL. */
static inline Suite *fp_suite(const char *name, SFun setup, SFun teardown, const TTest *const *tests,
                              unsigned count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (unsigned i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#endif
