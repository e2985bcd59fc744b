// SPDX-License-Identifier: MIT
// Memory for the programs, its contents and its checksums. Nothing here is written for vectors.
#include "area.h"

#include "../programs/bench.h"

static _Alignas(64) unsigned char areas[AREAS][AREA_BYTES];

void *area(unsigned number)
{
    return areas[number];
}

void area_bytes(void *to, size_t bytes, uint64_t seed)
{
    unsigned char *byte = to;
    for (size_t i = 0; i < bytes; i++)
        byte[i] = (unsigned char)bench_random(&seed);
}

void area_words(uint32_t *to, size_t count, uint32_t limit, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (uint32_t)(bench_random(&seed) % limit);
}

static void set_inexact(void)
{
    static volatile double third = 3;
    third = 1 / third;
}

static int random_whole(int limit, uint64_t *seed)
{
    return (int)(bench_random(seed) % (2 * (unsigned)limit + 1)) - limit;
}

void area_whole_floats(float *to, size_t count, int limit, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)random_whole(limit, &seed);
    set_inexact();
}

void area_whole_doubles(double *to, size_t count, int limit, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = random_whole(limit, &seed);
    set_inexact();
}

void area_floats(float *to, size_t count, float limit, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)random_whole(1 << 22, &seed) * 0x1p-22f * limit;
    set_inexact();
}

void area_doubles(double *to, size_t count, double limit, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = random_whole(1 << 30, &seed) * 0x1p-30 * limit;
    set_inexact();
}

void area_clear(void *to, size_t bytes)
{
    uint64_t *word = to;
    for (size_t i = 0; i < bytes / 8; i++)
        word[i] = 0;
}

uint64_t area_sum(const void *from, size_t bytes)
{
    const uint64_t *word = from;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / 8; i++)
        sum = bench_mix(sum, word[i]);
    return sum;
}
