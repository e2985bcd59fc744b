// SPDX-License-Identifier: MIT
// The C library's functions on bytes, as programs call them: many short pieces at any address, and a few long
// ones.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { LONG_BYTES = 16000, PIECES = 48, PIECE_BYTES = 130, PIECE_ROOM = PIECES * PIECE_BYTES };

// Where the pieces are and how long they are: 1 to 127 bytes.
static uint32_t piece_at[PIECES], piece_length[PIECES];

static bool pieces_prepare(void)
{
    area_bytes(area(0), AREA_BYTES, 21);
    area_clear(area(1), AREA_BYTES);
    area_words(piece_at, PIECES, 3, 22);
    area_words(piece_length, PIECES, 127, 23);
    for (unsigned i = 0; i < PIECES; i++) {
        piece_at[i] += LONG_BYTES + i * PIECE_BYTES;
        piece_length[i]++;
    }
    return true;
}

static uint64_t memcpy_run(void)
{
    const uint8_t *from = area(0);
    uint8_t *to = area(1);
    for (unsigned round = 0; round < ROUNDS(300); round++) {
        kernel_memcpy(to, from + 3, LONG_BYTES);
        for (unsigned i = 0; i < PIECES; i++)
            kernel_memcpy(to + piece_at[i], from + 5 * i, piece_length[i]);
    }
    return area_sum(to, LONG_BYTES + PIECE_ROOM);
}

static uint64_t memset_run(void)
{
    uint8_t *to = area(1);
    for (unsigned round = 0; round < ROUNDS(300); round++) {
        kernel_memset(to + 1, 0x5a, LONG_BYTES - 1);
        for (unsigned i = 0; i < PIECES; i++)
            kernel_memset(to + piece_at[i], (int)i, piece_length[i]);
    }
    return area_sum(to, LONG_BYTES + PIECE_ROOM);
}

// A long string, followed by short ones.
static bool strings_prepare(void)
{
    pieces_prepare();
    char *text = area(0);
    for (unsigned i = 0; i < LONG_BYTES + PIECE_ROOM; i++)
        text[i] = (char)(text[i] & 0x3f) + 'A';
    text[LONG_BYTES - 1] = 0;
    for (unsigned i = 0; i < PIECES; i++)
        text[piece_at[i] + piece_length[i]] = 0;
    return true;
}

static uint64_t strlen_run(void)
{
    const char *text = area(0);
    uint64_t sum = 0;
    for (unsigned round = 0; round < ROUNDS(300); round++) {
        sum = kernel_strlen(text + 1);
        for (unsigned i = 0; i < PIECES; i++)
            sum = bench_mix(sum, kernel_strlen(text + piece_at[i]));
    }
    return sum;
}

// The long string does not have the byte that is searched for; the short ones may have it.
static uint64_t strchr_run(void)
{
    const char *text = area(0);
    uint64_t sum = 0;
    for (unsigned round = 0; round < ROUNDS(300); round++) {
        sum = kernel_strchr(text + 1, '?') == NULL;
        for (unsigned i = 0; i < PIECES; i++) {
            const char *piece = text + piece_at[i], *found = kernel_strchr(piece, 'A' + (int)i);
            sum = bench_mix(sum, found ? (uint64_t)(found - piece) : 1000);
        }
    }
    return sum;
}

// The second area equals the first, except for a byte in the long block and in some of the pieces.
static bool memcmp_prepare(void)
{
    pieces_prepare();
    uint8_t *a = area(0), *b = area(1);
    for (unsigned i = 0; i < AREA_BYTES; i++)
        b[i] = a[i];
    b[LONG_BYTES - 40] ^= 0x80;
    for (unsigned i = 0; i < PIECES; i += 3)
        b[piece_at[i] + piece_length[i] / 2] ^= 1;
    return true;
}

static unsigned sign(int value)
{
    return value < 0 ? 1 : value > 0 ? 2 : 3;
}

static uint64_t memcmp_run(void)
{
    const uint8_t *a = area(0), *b = area(1);
    uint64_t sum = 0;
    for (unsigned round = 0; round < ROUNDS(300); round++) {
        sum = sign(kernel_memcmp(a + 1, b + 1, LONG_BYTES));
        for (unsigned i = 0; i < PIECES; i++)
            sum = bench_mix(sum, sign(kernel_memcmp(a + piece_at[i], b + piece_at[i], piece_length[i])));
    }
    return sum;
}

const struct bench_program bench_bytes[] = {
    { "vector", "memcpy", 120, 0x1a333c2a88b833e0, pieces_prepare, memcpy_run, NULL },
    { "vector", "memset", 400, 0xd5e3e51c7e9fd5ae, pieces_prepare, memset_run, NULL },
    { "vector", "strlen", 30, 0xefe398a79259acd9, strings_prepare, strlen_run, NULL },
    { "vector", "strchr", 12, 0x6ddd5c60df01e770, strings_prepare, strchr_run, NULL },
    { "vector", "memcmp", 30, 0xc857d0447f304bf0, memcmp_prepare, memcmp_run, NULL },
    { 0 },
};
