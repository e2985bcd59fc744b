// SPDX-License-Identifier: MIT
// Typical work of small controllers, in 32 bits: sorting, a table-driven CRC, products of matrices,
// recursion, the search for a word, and calls through a table.
#include "../programs/bench.h"

static uint32_t random_word(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// ---- sort -------------------------------------------------------------------------------------------------

enum { KEYS = 4096 };
static uint32_t keys[KEYS];

static void quicksort(uint32_t *first, uint32_t *last)
{
    while (last - first > 0) {
        uint32_t pivot = first[(last - first) / 2], *low = first, *high = last;
        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                uint32_t key = *low;
                *low++ = *high;
                *high-- = key;
            }
        }
        if (high - first < last - low) {
            quicksort(first, high);
            first = low;
        } else {
            quicksort(low, last);
            last = high;
        }
    }
}

static uint64_t sort_run(void)
{
    uint32_t seed = 1, sum = 0;
    for (int i = 0; i < KEYS; i++)
        keys[i] = random_word(&seed);
    quicksort(keys, keys + KEYS - 1);
    for (int i = 0; i < KEYS; i++)
        sum = sum * 31 + keys[i];
    return sum;
}

// ---- crc32 ------------------------------------------------------------------------------------------------

static uint32_t crc_table[256];
static uint8_t bytes[16384];

static bool crc_prepare(void)
{
    uint32_t seed = 7;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        crc_table[i] = crc;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(random_word(&seed) >> 24);
    return true;
}

static uint64_t crc_run(void)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < sizeof bytes; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

// ---- matrix -----------------------------------------------------------------------------------------------

enum { SIDE = 32 };
static int32_t left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static bool matrix_prepare(void)
{
    uint32_t seed = 3;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int32_t)(random_word(&seed) % 2000) - 1000;
            right[i][j] = (int32_t)(random_word(&seed) % 2000) - 1000;
        }
    return true;
}

static uint64_t matrix_run(void)
{
    uint32_t sum = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t cell = 0;
            for (int k = 0; k < SIDE; k++)
                cell += left[i][k] * right[k][j];
            product[i][j] = cell;
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            sum = sum * 33 + (uint32_t)product[i][j];
    return sum;
}

// ---- fib --------------------------------------------------------------------------------------------------

static __attribute__((noinline)) uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t fib_run(void)
{
    return fib(20);
}

// ---- search -----------------------------------------------------------------------------------------------

static char text[16385];

static bool search_prepare(void)
{
    uint32_t seed = 11;
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = "etaoin shrdlu cm"[random_word(&seed) >> 28];
    return true;
}

static uint64_t search_run(void)
{
    static const char *const words[] = { "the", "line", "so ", "ocean" };
    uint32_t sum = 0;
    for (int w = 0; w < 4; w++)
        for (const char *at = text; *at; at++) {
            const char *a = at, *b = words[w];
            while (*b && *a == *b)
                a++, b++;
            if (!*b)
                sum = sum * 7 + (uint32_t)(at - text);
        }
    return sum;
}

// ---- calls ------------------------------------------------------------------------------------------------

static uint32_t call_add(uint32_t a)
{
    return a + 0x9e3779b9;
}
static uint32_t call_xor(uint32_t a)
{
    return a ^ a >> 15;
}
static uint32_t call_multiply(uint32_t a)
{
    return a * 0x85ebca6b;
}
static uint32_t call_rotate(uint32_t a)
{
    return a << 13 | a >> 19;
}

static uint64_t calls_run(void)
{
    static uint32_t (*const table[])(uint32_t) = { call_add, call_xor, call_multiply, call_rotate };
    uint32_t value = 1;
    for (int i = 0; i < 20000; i++)
        value = table[(value >> 7 ^ (uint32_t)i) & 3](value);
    return value;
}

const struct bench_program bench_rv32[] = {
    { "rv32", "sort", 400, 0x8cd1ecdb, NULL, sort_run, NULL },
    { "rv32", "crc32", 2000, 0xb9f724f9, crc_prepare, crc_run, NULL },
    { "rv32", "matrix", 2500, 0x8ff535aa, matrix_prepare, matrix_run, NULL },
    { "rv32", "fib", 1000, 0x1a6d, NULL, fib_run, NULL },
    { "rv32", "search", 1000, 0xd6010e90, search_prepare, search_run, NULL },
    { "rv32", "calls", 1000, 0x9fc554fe, NULL, calls_run, NULL },
    { 0 },
};
