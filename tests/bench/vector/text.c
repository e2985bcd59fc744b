// SPDX-License-Identifier: MIT
// Base64, and the validation of UTF-8 on text whose lengths of characters are those of several languages.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { BASE64_BYTES = 3 * 8001, TEXT_BYTES = 40001, DAMAGED_BYTES = 300 };

static bool base64_prepare(void)
{
    area_bytes(area(0), BASE64_BYTES, 71);
    area_clear(area(1), AREA_BYTES);
    return true;
}

static uint64_t base64_run(void)
{
    for (unsigned round = 0; round < ROUNDS(50); round++)
        kernel_base64(BASE64_BYTES, area(0), area(1));
    return area_sum(area(1), BASE64_BYTES / 3 * 4);
}

// Appends a character of `length` bytes; returns the address after it.
static uint8_t *put_character(uint8_t *to, unsigned length, uint64_t random)
{
    // The first character that needs so many bytes, and how many characters are used from there (without
    // surrogates).
    static const uint32_t first[4] = { 0x20, 0x80, 0xe000, 0x10000 },
                          range[4] = { 0x5f, 0x780, 0x1ffe, 0xfffff };
    uint32_t character = first[length - 1] + (uint32_t)(random % range[length - 1]);
    if (length == 3 && random >> 63)
        character = 0x800 + (uint32_t)(random % 0xd000);
    if (length == 1) {
        *to = (uint8_t)character;
        return to + 1;
    }
    for (unsigned i = length; --i;) {
        to[i] = (uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    *to = (uint8_t)(0xf00 >> length | character);
    return to + length;
}

// Stretches of ASCII, and stretches of each other length with some ASCII between.
static bool utf8_prepare(void)
{
    uint8_t *at = area(0), *end = at + TEXT_BYTES;
    uint64_t seed = 72;
    while (end - at > 4) {
        uint64_t stretch = bench_random(&seed);
        unsigned length = 1 + (unsigned)(stretch % 4);
        for (unsigned i = 0; i < (stretch >> 8) % 200 && end - at > 4; i++) {
            uint64_t random = bench_random(&seed);
            at = put_character(at, random >> 32 & 7 ? length : 1, random);
        }
    }
    while (at < end)
        *at++ = '.';
    return true;
}

// The text is valid, and it stays valid if it is cut after any whole character. With one byte changed it is
// nearly always invalid.
static uint64_t utf8_run(void)
{
    const uint8_t *text = area(0);
    uint8_t *damaged = area(1);
    uint64_t sum = 0, seed = 73;
    for (unsigned round = 0; round < ROUNDS(50); round++)
        sum = kernel_utf8(text, TEXT_BYTES);
    for (unsigned i = 0; i < 400; i++) {
        const uint8_t *from = text + i * 97;
        unsigned length = i % DAMAGED_BYTES;
        while ((*from & 0xc0) == 0x80)
            from++;
        kernel_memcpy(damaged, from, length);
        sum = bench_mix(sum, kernel_utf8(damaged, length));
        uint64_t random = bench_random(&seed);
        if (length)
            damaged[random % length] = (uint8_t)(random >> 32);
        sum = bench_mix(sum, kernel_utf8(damaged, length));
    }
    return sum;
}

const struct bench_program bench_text[] = {
    { "vector", "base64", 20, 0x8283fbf0ed1c4ada, base64_prepare, base64_run, NULL },
    { "vector", "utf8", 30, 0x8e86ae858f24d302, utf8_prepare, utf8_run, NULL },
    { 0 },
};
