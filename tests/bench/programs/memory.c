// SPDX-License-Identifier: MIT
// Memory: chains of pointers in areas that fit in a first-level cache, in a second-level cache and in none of
// the two; updates at random places; a copy and a triad of arrays larger than the caches.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

// Nodes are a cache line apart; the chain visits all of them in random order and ends where it began.
struct link {
    struct link *next;
    uint64_t number;
    uint64_t unused[6];
};

static struct link *chase_links;

static bool chase_prepare(size_t bytes)
{
    size_t count = bytes / sizeof *chase_links;
    uint64_t seed = 9;
    chase_links = aligned_alloc(sizeof *chase_links, bytes);
    uint32_t *order = malloc(count * sizeof *order);
    if (!chase_links || !order) {
        free(order);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i-- > 1;) {
        size_t j = bench_random(&seed) % (i + 1);
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (size_t i = 0; i < count; i++) {
        chase_links[order[i]].next = &chase_links[order[(i + 1) % count]];
        chase_links[order[i]].number = order[i];
    }
    free(order);
    return true;
}

// Returns the sum of the numbers in the links on `rounds` rounds over all of them; 0 if the chain does not
// end where it began.
static uint64_t chase_run(size_t bytes, unsigned rounds)
{
    const struct link *link = chase_links;
    uint64_t sum = 0;
    for (size_t left = rounds * (bytes / sizeof *link); left; left--) {
        sum += link->number;
        link = link->next;
    }
    return link == chase_links ? sum : 0;
}

static void chase_release(void)
{
    free(chase_links);
    chase_links = NULL;
}

enum { L1_BYTES = 16 << 10, L1_ROUNDS = 4096, L2_BYTES = 512 << 10, L2_ROUNDS = 64, DRAM_BYTES = 64 << 20 };

// The sum of the numbers of all links, `rounds` times.
#define CHASE_SUM(bytes, rounds) ((uint64_t)(rounds) * ((bytes) / 64) * ((bytes) / 64 - 1) / 2)

static bool chase_l1_prepare(void)
{
    return chase_prepare(L1_BYTES);
}
static bool chase_l2_prepare(void)
{
    return chase_prepare(L2_BYTES);
}
static bool chase_dram_prepare(void)
{
    return chase_prepare(DRAM_BYTES);
}
static uint64_t chase_l1_run(void)
{
    return chase_run(L1_BYTES, L1_ROUNDS);
}
static uint64_t chase_l2_run(void)
{
    return chase_run(L2_BYTES, L2_ROUNDS);
}
static uint64_t chase_dram_run(void)
{
    return chase_run(DRAM_BYTES, 1);
}

enum { UPDATE_WORDS = 32 << 17 }; // 32 MiB
static uint64_t *update_table;

static bool update_prepare(void)
{
    update_table = malloc(UPDATE_WORDS * sizeof *update_table);
    for (uint64_t i = 0; update_table && i < UPDATE_WORDS; i++)
        update_table[i] = i;
    return update_table;
}

// The second pass undoes the first, so every unit finds the same table.
static uint64_t update_run(void)
{
    uint64_t sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t seed = 10;
        for (int i = 0; i < 500000; i++) {
            uint64_t value = bench_random(&seed);
            sum += update_table[value % UPDATE_WORDS] ^= value;
        }
    }
    return sum;
}

static void update_release(void)
{
    free(update_table);
    update_table = NULL;
}

enum { ARRAY_BYTES = 16 << 20, ARRAY_DOUBLES = ARRAY_BYTES / sizeof(double) };
static double *array_a, *array_b, *array_c;

static void array_release(void)
{
    free(array_a);
    free(array_b);
    free(array_c);
    array_a = array_b = array_c = NULL;
}

static bool array_prepare(void)
{
    // The triad's sums are exact. In nearly every real program the inexact flag is set long before its loops,
    // and an emulator may be quicker when it is set; so it is set here.
    static volatile double third = 3;
    third = 1 / third;
    array_a = malloc(ARRAY_BYTES);
    array_b = malloc(ARRAY_BYTES);
    array_c = malloc(ARRAY_BYTES);
    if (!array_a || !array_b || !array_c)
        return false;
    for (int i = 0; i < ARRAY_DOUBLES; i++) {
        array_a[i] = 0;
        array_b[i] = i;
        array_c[i] = i % 1000;
    }
    return true;
}

static uint64_t array_check(const double *array)
{
    uint64_t sum = 0;
    for (int i = 0; i < ARRAY_DOUBLES; i += 509)
        sum = bench_mix(sum, (uint64_t)array[i]);
    return sum;
}

static uint64_t copy_run(void)
{
    memset(array_a, 0, 4096);
    memcpy(array_a, array_b, ARRAY_BYTES);
    return array_check(array_a);
}

static uint64_t triad_run(void)
{
    for (int i = 0; i < ARRAY_DOUBLES; i++)
        array_a[i] = array_b[i] + 3.0 * array_c[i];
    return array_check(array_a);
}

const struct bench_program bench_memory[] = {
    { "memory", "chase-l1", 350, CHASE_SUM(L1_BYTES, L1_ROUNDS), chase_l1_prepare, chase_l1_run,
      chase_release },
    { "memory", "chase-l2", 350, CHASE_SUM(L2_BYTES, L2_ROUNDS), chase_l2_prepare, chase_l2_run,
      chase_release },
    { "memory", "chase-dram", 5, CHASE_SUM(DRAM_BYTES, 1), chase_dram_prepare, chase_dram_run,
      chase_release },
    { "memory", "update", 6, 0xa34a707f5c809bc1, update_prepare, update_run, update_release },
    { "memory", "copy", 120, 0xc4b2bef9ae71ff7c, array_prepare, copy_run, array_release },
    { "memory", "triad", 15, 0x9db62bf4030a4c7c, array_prepare, triad_run, array_release },
    { 0 },
};
