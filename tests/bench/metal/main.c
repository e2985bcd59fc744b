// SPDX-License-Identifier: MIT
// rvbench on bare metal, on the board `virt`: the programs of bench_all, each timed by mtime. They are
// printed as the other programs of rvbench are ("BENCH GROUP NAME NANOSECONDS"). The macro PERCENT says how
// many percent of their work they do. The status is 0 only if every result is right.
#include "../programs/bench.h"

#define UART       ((volatile uint8_t *)0x10000000)
#define MTIME_LOW  ((volatile const uint32_t *)0x200bff8)
#define MTIME_HIGH ((volatile const uint32_t *)0x200bffc)
#define TICK_NS    100 // 10 MHz

#ifndef PERCENT
#define PERCENT 100
#endif

int main(void);
void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

// gcc calls these functions by itself.
void *memset(void *to, int value, size_t size)
{
    for (volatile uint8_t *byte = to; size--;)
        *byte++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    const uint8_t *source = from;
    for (volatile uint8_t *byte = to; size--;)
        *byte++ = *source++;
    return to;
}

static void put(const char *text)
{
    while (*text)
        *UART = (uint8_t)*text++;
}

static void put_number(uint64_t value, unsigned base)
{
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        *UART = (uint8_t)digits[--count];
}

static uint64_t now(void)
{
    uint32_t high, low;
    do {
        high = *MTIME_HIGH;
        low = *MTIME_LOW;
    } while (high != *MTIME_HIGH);
    return ((uint64_t)high << 32 | low) * TICK_NS;
}

static bool measure(const struct bench_program *program)
{
    unsigned part = (program->units * PERCENT + 50) / 100, units = part ? part : 1; // as programs/main.c does
    uint64_t result = program->expected;
    if (program->prepare)
        program->prepare();
    uint64_t start = now();
    for (unsigned i = 0; i < units && result == program->expected; i++)
        result = program->run();
    uint64_t time = now() - start;
    put(result == program->expected ? "BENCH " : "FAIL ");
    put(bench_group);
    put(" ");
    put(program->name);
    put(" ");
    put_number(result == program->expected ? time : result, result == program->expected ? 10 : 16);
    put("\n");
    return result == program->expected;
}

int main(void)
{
    bool right = true;
    for (unsigned i = 0; bench_all[i]; i++)
        for (const struct bench_program *program = bench_all[i]; program->name; program++)
            right &= measure(program);
    put(right ? "BENCH-END 0\n" : "BENCH-END 1\n");
    return right ? 0 : 1;
}
