// SPDX-License-Identifier: MIT
// Corners: operations that are rare in programs, and that were slower than under QEMU 10 at some time. None
// of these programs may become slower than QEMU again, so watch them.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

// ---- Accesses that cross from one page to the next ------------------------------------------------------

enum { PAGE = 4096, CROSSING_PAGES = 64 };
static unsigned char *crossing_area;

static bool crossing_prepare(void)
{
    crossing_area = aligned_alloc(PAGE, (CROSSING_PAGES + 1) * PAGE);
    if (crossing_area)
        memset(crossing_area, 0, (CROSSING_PAGES + 1) * PAGE);
    return crossing_area;
}

// One misaligned access in one instruction. Compilers for RISC-V do not make one for a word at an unknown
// address.
static inline uint64_t cross(unsigned char *at, uint64_t value)
{
#ifdef __riscv
    uint64_t result;
    __asm__ volatile("sd %1, 0(%2)\nld %0, 0(%2)" : "=r"(result) : "r"(value), "r"(at) : "memory");
    return result;
#else
    memcpy(at, &value, sizeof value);
    __asm__ volatile("" : : : "memory");
    memcpy(&value, at, sizeof value);
    return value;
#endif
}

// A structure that lies in two pages. It is accessed byte by byte, at small offsets from a pointer into the
// first.
struct straddling {
    unsigned char bytes[16];
};

static uint64_t crossing_run(void)
{
    uint64_t sum = 0;
    for (unsigned round = 0; round < 2000; round++)
        for (unsigned page = 1; page <= CROSSING_PAGES; page++)
            sum = bench_mix(sum, cross(crossing_area + page * PAGE - 1 - round % 7, round * 3 + page));
    return sum;
}

static uint64_t straddling_run(void)
{
    uint64_t sum = 0;
    for (unsigned round = 0; round < 2000; round++)
        for (unsigned page = 1; page <= CROSSING_PAGES; page++) {
            volatile struct straddling *at = (void *)(crossing_area + page * PAGE - 8 - round % 3);
            at->bytes[0] = (unsigned char)round;
            at->bytes[13] = (unsigned char)page;
            sum += at->bytes[0] * 3u + at->bytes[13] + at->bytes[round % 5 + 6];
        }
    return sum;
}

static void crossing_release(void)
{
    free(crossing_area);
}

// ---- Blocks of 64 bytes that are zeroed by one instruction ----------------------------------------------

enum { ZEROED = 1 << 16 };
static _Alignas(64) unsigned char zeroed[ZEROED];

static inline void zero_block(unsigned char *block)
{
#ifdef __riscv
    __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" : : "r"(block) : "memory"); // cbo.zero
#else
    memset(block, 0, 64);
    __asm__ volatile("" : : : "memory");
#endif
}

static uint64_t cbo_zero_run(void)
{
    uint64_t sum = 0;
    for (unsigned round = 0; round < 100; round++) {
        zeroed[round] = 1;
        zeroed[ZEROED - 1 - round] = 1;
        for (unsigned at = 0; at < ZEROED; at += 64)
            zero_block(zeroed + at);
        sum += zeroed[round] + zeroed[ZEROED - 1 - round] + 1u;
    }
    return sum;
}

// ---- Atomic additions -----------------------------------------------------------------------------------

static uint64_t amoadd_run(void)
{
    static uint64_t wide;
    static uint32_t narrow[16];
    uint64_t sum = 0;
    __atomic_store_n(&wide, 0, __ATOMIC_RELAXED);
    memset(narrow, 0, sizeof narrow);
    for (unsigned i = 0; i < 500000; i++) {
        sum += __atomic_fetch_add(&wide, i, __ATOMIC_RELAXED);
        sum += __atomic_fetch_add(&narrow[i % 16], 1, __ATOMIC_ACQ_REL);
    }
    return sum;
}

// ---- Classes of floating-point numbers, and half precision ----------------------------------------------

enum { NUMBERS = 1024 };

// Returns what fclass.d returns: one of ten bits.
static inline unsigned class_of(double value)
{
#ifdef __riscv
    unsigned long class;
    __asm__("fclass.d %0, %1" : "=r"(class) : "f"(value));
    return (unsigned)class;
#else
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t exponent = bits >> 52 & 0x7ff, fraction = bits << 12;
    bool negative = bits >> 63;
    if (exponent == 0x7ff && fraction)
        return fraction >> 63 ? 1 << 9 : 1 << 8;
    unsigned magnitude = exponent == 0x7ff ? 0 : exponent ? 1 : fraction ? 2 : 3;
    return 1u << (negative ? magnitude : 7 - magnitude);
#endif
}

static double numbers[NUMBERS];

static bool fclass_prepare(void)
{
    uint64_t seed = 5;
    for (unsigned i = 0; i < NUMBERS; i++) {
        uint64_t bits = bench_random(&seed);
        if (i % 4 == 0) // infinities, NaNs, zeroes and subnormals, too
            bits &= i % 8 ? 0x800fffffffffffff : 0xfff0000000000000;
        memcpy(&numbers[i], &bits, sizeof bits);
    }
    return true;
}

static uint64_t fclass_run(void)
{
    uint64_t sum = 0;
    for (unsigned round = 0; round < 1000; round++)
        for (unsigned i = 0; i < NUMBERS; i++)
            sum += class_of(numbers[i]) * (round & 7);
    return sum;
}

#ifndef __riscv
// Rounds a number that does not overflow to half precision, to nearest. Not all compilers for the host know
// _Float16.
static inline float round_half(float value)
{
    uint32_t bits;
    // A subnormal half, or 0: a multiple of 2^-24, which is the unit of the last place of 0.5.
    if (fabsf(value) < 0x1p-14f)
        return copysignf(fabsf(value) + 0.5f - 0.5f, value);
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~UINT32_C(0x1fff);
    memcpy(&value, &bits, sizeof bits);
    return value;
}
#endif

// One step of Horner's scheme, each operation rounded to half precision.
static inline float half_step(float sum, float x, float c)
{
#ifdef __riscv
    float result;
    __asm__(".option push\n.option arch, +zfh\n"
            "fcvt.h.s ft0, %1\nfcvt.h.s ft1, %2\nfcvt.h.s ft2, %3\n"
            "fmul.h ft0, ft0, ft1\nfadd.h ft0, ft0, ft2\nfcvt.s.h %0, ft0\n.option pop"
            : "=f"(result)
            : "f"(sum), "f"(x), "f"(c)
            : "ft0", "ft1", "ft2");
    return result;
#else
    return round_half(round_half(round_half(sum) * round_half(x)) + round_half(c));
#endif
}

static uint64_t half_run(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 200000; i++) {
        float x = (float)(i % 512) / 512;
        float value = half_step(half_step(half_step(0.5f, x, 0.25f), x, -1.5f), x, 1.0f);
        sum = bench_mix(sum, bench_round((double)value));
    }
    return sum;
}

// ---- Code that changes before each call -----------------------------------------------------------------

static unsigned char *patched;

static bool patch_prepare(void)
{
    patched = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return patched != MAP_FAILED;
}

// Writes a function that adds `number` to its argument.
static void patch_write(unsigned number)
{
#ifdef __riscv
    const uint32_t code[2] = { number << 20 | 10 << 15 | 10 << 7 | 0x13, 0x00008067 }; // addi a0, a0; ret
    memcpy(patched, code, sizeof code);
    __asm__ volatile("fence.i" : : : "memory");
#else
    const unsigned char code[8] = { 0x48, 0x8d, 0x87, (unsigned char)number, (unsigned char)(number >> 8),
                                    0,    0,    0xc3 }; // lea rax, [rdi + number]; ret
    memcpy(patched, code, sizeof code);
    __asm__ volatile("" : : : "memory");
#endif
}

static uint64_t patch_run(void)
{
    uint64_t (*function)(uint64_t);
    memcpy(&function, &patched, sizeof function);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 50000; i++) {
        patch_write(i % 1000);
        sum = function(sum * 3);
    }
    return sum;
}

static void patch_release(void)
{
    munmap(patched, PAGE);
}

// ---- CRC-32 by a table of 256 words, a byte at a time ---------------------------------------------------

enum { CRC_BYTES = 1 << 16 };
static uint32_t crc_table[256];
static unsigned char crc_data[CRC_BYTES];

static bool crc_prepare(void)
{
    uint64_t seed = 3;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        crc_table[byte] = crc;
    }
    for (unsigned i = 0; i < CRC_BYTES; i++)
        crc_data[i] = (unsigned char)bench_random(&seed);
    return true;
}

static uint64_t crc_run(void)
{
    uint32_t crc = 0;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < CRC_BYTES; i++)
            crc = crc >> 8 ^ crc_table[(crc ^ crc_data[i]) & 0xff];
    return crc;
}

const struct bench_program bench_corners[] = {
    { "corners", "crossing", 20, 0xbc20a58470984b19, crossing_prepare, crossing_run, crossing_release },
    { "corners", "straddling", 20, 0x31bec00, crossing_prepare, straddling_run, crossing_release },
    { "corners", "cbo-zero", 30, 0x64, NULL, cbo_zero_run, NULL },
    { "corners", "amoadd", 30, 0x4a03b31fe577f0, NULL, amoadd_run, NULL },
    { "corners", "fclass", 20, 0x6a848e0, fclass_prepare, fclass_run, NULL },
    { "corners", "half", 10, 0x76f6ce8cb9163e85, NULL, half_run, NULL },
    { "corners", "patch", 10, 0xdc71abbdadd19be8, patch_prepare, patch_run, patch_release },
    { "corners", "crc", 30, 0xad9e9c7, crc_prepare, crc_run, NULL },
    { 0 },
};
