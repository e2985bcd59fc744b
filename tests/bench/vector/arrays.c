// SPDX-License-Identifier: MIT
// Pixels, sums, a histogram, and sorting.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { PIXELS = 10001, COUNT = 8003, HISTOGRAM_BYTES = 60001, KEYS = 8003 };

static bool pixels_prepare(void)
{
    area_bytes(area(0), AREA_BYTES, 51);
    area_clear(area(1), AREA_BYTES);
    return true;
}

static uint64_t grey_run(void)
{
    for (unsigned round = 0; round < ROUNDS(100); round++)
        kernel_grey(PIXELS, area(0), area(1));
    return area_sum(area(1), PIXELS);
}

static uint64_t yuv_run(void)
{
    uint8_t *y = area(1), *u = y + PIXELS, *v = u + PIXELS;
    for (unsigned round = 0; round < ROUNDS(100); round++)
        kernel_yuv(PIXELS, area(0), y, u, v);
    return area_sum(y, 3 * PIXELS);
}

static bool prefix_prepare(void)
{
    area_words(area(0), COUNT, 1u << 31, 52);
    area_clear(area(1), AREA_BYTES);
    return true;
}

static uint64_t prefix_run(void)
{
    for (unsigned round = 0; round < ROUNDS(100); round++)
        kernel_prefix(COUNT, area(0), area(1));
    return area_sum(area(1), COUNT * sizeof(uint32_t));
}

static bool update_prepare(void)
{
    area_whole_floats(area(0), COUNT, 1000, 53);
    return true;
}

// The second round undoes the first. The number of rounds is odd, so that one remains.
static uint64_t update_run(void)
{
    area_whole_floats(area(1), COUNT, 1000, 54);
    for (unsigned round = 0; round < ROUNDS(101); round++)
        kernel_update(COUNT, -300, area(0), area(1));
    return area_sum(area(1), COUNT * sizeof(float));
}

// Some bytes are much more frequent than others, as they are in pictures and texts.
static bool histogram_prepare(void)
{
    uint8_t *bytes = area(0);
    uint64_t seed = 55;
    for (unsigned i = 0; i < HISTOGRAM_BYTES; i++) {
        uint64_t random = bench_random(&seed);
        bytes[i] = (uint8_t)((random & 0xff) * (random >> 8 & 0xff) >> 8);
    }
    return true;
}

static uint64_t histogram_run(void)
{
    for (unsigned round = 0; round < ROUNDS(10); round++)
        kernel_histogram(HISTOGRAM_BYTES, area(0), area(1), area(2));
    return area_sum(area(1), 256 * sizeof(uint32_t));
}

static bool sort_prepare(void)
{
    area_words(area(0), KEYS, UINT32_MAX, 56);
    return true;
}

static void insertion_sort(uint32_t *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t key = keys[i];
        size_t at = i;
        for (; at && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static uint32_t median(uint32_t a, uint32_t b, uint32_t c)
{
    if (a > b) {
        uint32_t kept = a;
        a = b;
        b = kept;
    }
    return c < a ? a : c > b ? b : c;
}

static void quicksort(uint32_t *keys, size_t count, uint32_t *spare)
{
    while (count > 32) {
        uint32_t pivot = median(keys[0], keys[count / 2], keys[count - 1]);
        size_t low = kernel_partition(keys, count, pivot, spare);
        // No key is smaller than the pivot: the keys that are equal to it go to the front and are done.
        if (low == 0)
            low = kernel_partition(keys, count, pivot + 1, spare);
        else
            quicksort(keys, low, spare);
        keys += low;
        count -= low;
    }
    insertion_sort(keys, count);
}

static uint64_t sort_run(void)
{
    uint32_t *keys = area(1);
    for (unsigned round = 0; round < ROUNDS(5); round++) {
        kernel_memcpy(keys, area(0), KEYS * sizeof *keys);
        quicksort(keys, KEYS, area(2));
    }
    return area_sum(keys, KEYS * sizeof *keys);
}

const struct bench_program bench_arrays[] = {
    { "vector", "rgb-grey", 40, 0xe3ae4d957e7ca8e, pixels_prepare, grey_run, NULL },
    { "vector", "rgb-yuv", 15, 0x18ca365de3a26505, pixels_prepare, yuv_run, NULL },
    { "vector", "prefix-sum", 50, 0xc78edf5b13e67f8d, prefix_prepare, prefix_run, NULL },
    { "vector", "update", 12, 0x14837f2e43efd50a, update_prepare, update_run, NULL },
    { "vector", "histogram", 20, 0x73899f128f5c1ac0, histogram_prepare, histogram_run, NULL },
    { "vector", "quicksort", 40, 0x981ba984c43fd469, sort_prepare, sort_run, NULL },
    { 0 },
};
