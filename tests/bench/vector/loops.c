// SPDX-License-Identifier: MIT
// Runs the loops of compiled/ on arrays of their types.
#include "../programs/bench.h"
#include "area.h"
#include "loops.h"

enum { N = 4003 };

// The arrays are areas: two of integers, one of floating point, and one for the result.
static const void *ints(unsigned number)
{
    return area(number);
}

static const void *floats(void)
{
    return area(2);
}

static bool integers_prepare(void)
{
    area_bytes(area(0), AREA_BYTES, 91);
    area_bytes(area(1), AREA_BYTES, 92);
    area_clear(area(3), AREA_BYTES);
    return true;
}

static bool gather_prepare(void)
{
    integers_prepare();
    area_words(area(1), N, N, 93);
    return true;
}

// Whole numbers, whose products and sums are exact: gcc 14 fuses them in vectors in spite of
// -ffp-contract=off.
static bool floats_prepare(void)
{
    area_whole_floats(area(2), AREA_BYTES / sizeof(float), 300, 94);
    area_clear(area(3), AREA_BYTES);
    return true;
}

static bool doubles_prepare(void)
{
    area_whole_doubles(area(2), AREA_BYTES / sizeof(double), 300, 95);
    area_clear(area(3), AREA_BYTES);
    return true;
}

// A unit is the loop many times, then the checksum of its results.
#define LOOP(name, rounds, call)                                                                             \
    static uint64_t name##_run(void)                                                                         \
    {                                                                                                        \
        void *out = area(3);                                                                                 \
        uint64_t result = 0;                                                                                 \
        (void)out;                                                                                           \
        for (unsigned round = 0; round < ROUNDS(rounds); round++)                                            \
            result = call;                                                                                   \
        return bench_mix(area_sum(area(3), N * 8), result);                                                  \
    }

LOOP(add, 1000, loop_add(N, ints(0), ints(1), out))
LOOP(scale, 500, loop_scale(N, ints(0), out))
LOOP(sum, 1000, loop_sum(N, ints(0)))
LOOP(maximum, 1000, loop_maximum(N, ints(0)))
LOOP(condition, 500, loop_condition(N, ints(0), ints(1), out))
LOOP(saturate, 1000, loop_saturate(N, ints(0), ints(1), out))
LOOP(widen, 1000, loop_widen(N, ints(0), ints(1), out))
LOOP(narrow, 1000, loop_narrow(N, ints(0), out))
LOOP(stride, 500, loop_stride(N, ints(0), out))
LOOP(gather, 500, loop_gather(N, ints(0), ints(1), out))
LOOP(reverse, 500, loop_reverse(N, ints(0), out))
LOOP(complex, 500, loop_complex(N, floats(), (const float *)floats() + 2 * N, out))
LOOP(difference, 1000, loop_difference(N, ints(0), ints(1)))
LOOP(count, 1000, loop_count(N, ints(0)))
LOOP(polynomial, 500, loop_polynomial(N, floats(), out))
LOOP(convert, 1000, loop_convert(N, ints(0), out))
LOOP(clamp, 500, loop_clamp(N, floats(), out))
LOOP(mix, 500, loop_mix(N, ints(0), out))
LOOP(stencil, 500, loop_stencil(N, floats(), out))
LOOP(lengths, 500, loop_lengths(N, floats(), out))

const struct bench_program bench_loops[] = {
    { "vector", "loop-add", 12, 0xf621250f12c3883e, integers_prepare, add_run, NULL },
    { "vector", "loop-scale", 12, 0xe098456469781399, integers_prepare, scale_run, NULL },
    { "vector", "loop-sum", 12, 0x3acea88349d8b21, integers_prepare, sum_run, NULL },
    { "vector", "loop-maximum", 30, 0x9bacd243c370b93b, integers_prepare, maximum_run, NULL },
    { "vector", "loop-condition", 8, 0x5a25a79b7cda6f23, integers_prepare, condition_run, NULL },
    { "vector", "loop-saturate", 5, 0x75abe25618ca8154, integers_prepare, saturate_run, NULL },
    { "vector", "loop-widen", 8, 0xa2b25cb7a9f23626, integers_prepare, widen_run, NULL },
    { "vector", "loop-narrow", 15, 0x4910407b23d74f73, integers_prepare, narrow_run, NULL },
    { "vector", "loop-stride", 30, 0xe4003f4ec254976e, integers_prepare, stride_run, NULL },
    { "vector", "loop-gather", 8, 0x642516bedce38441, gather_prepare, gather_run, NULL },
    { "vector", "loop-reverse", 50, 0x4d6dcc031eb8d395, integers_prepare, reverse_run, NULL },
    { "vector", "loop-complex", 15, 0xd8a35b34b5a0b19a, floats_prepare, complex_run, NULL },
    { "vector", "loop-difference", 4, 0x3f2be90fa88f6af1, integers_prepare, difference_run, NULL },
    { "vector", "loop-count", 6, 0xdca7385850919697, integers_prepare, count_run, NULL },
    { "vector", "loop-polynomial", 15, 0x454c423c0cf5ad00, doubles_prepare, polynomial_run, NULL },
    { "vector", "loop-convert", 8, 0xf992c422cd17cfd, integers_prepare, convert_run, NULL },
    { "vector", "loop-clamp", 4, 0xd4bf10c95fe0d0d9, floats_prepare, clamp_run, NULL },
    { "vector", "loop-mix", 10, 0x9532ce0cf339131a, integers_prepare, mix_run, NULL },
    { "vector", "loop-stencil", 8, 0x88c5e66619534184, floats_prepare, stencil_run, NULL },
    { "vector", "loop-lengths", 12, 0xcd9a695be7505f83, floats_prepare, lengths_run, NULL },
    { 0 },
};
