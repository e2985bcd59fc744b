/* SPDX-License-Identifier: MIT
 *
 * A guest that ends with the same line whatever happens to it meanwhile: hart 0 works on memory, atomics,
 * floating point and code that it changes, and prints a hash of it all and the number of its instructions.
 * Each SC that fails counts. Hart 1 sleeps under a timer of 1 ms and looks whether time goes backwards.
 */
#include <stdint.h>

#ifndef ROUNDS
#define ROUNDS 4000000
#endif

/* It is at the start, since the compiler is told to keep the order. */
__asm__(".text\n"
        ".globl _start\n"
        "_start: csrr a0, mhartid\n"
        "la sp, stacks\n"
        "addi t0, a0, 1\n"
        "slli t0, t0, 12\n"
        "add sp, sp, t0\n"
        "li t0, 0x6000\n" /* mstatus.FS */
        "csrs mstatus, t0\n"
        "beqz a0, work\n"
        "j tick\n");

char stacks[2 * 4096] __attribute__((aligned(4096)));
static uint64_t table[4096];
static volatile uint64_t cell;
static volatile uint64_t ticks, backwards;
static uint32_t code[4] __attribute__((aligned(16))) = { 0, 0x00008067 }; /* addi a0, a0, N; ret */

static volatile uint64_t *const mtime = (volatile uint64_t *)0x200bff8;
static volatile uint64_t *const mtimecmp = (volatile uint64_t *)0x2004008; /* of hart 1 */

void tick(void) __attribute__((noreturn));
void work(void) __attribute__((noreturn));

void tick(void)
{
    uint64_t last = 0;
    __asm__ volatile("csrw mie, %0" ::"r"(0x80));
    for (;;) {
        uint64_t now = *mtime;
        backwards += now < last;
        last = now;
        *mtimecmp = now + 10000;
        while (*mtime < now + 10000)
            __asm__ volatile("wfi");
        ticks++;
    }
}

static void put(char byte)
{
    *(volatile char *)0x10000000 = byte;
}

static void print(const char *text, uint64_t value)
{
    while (*text)
        put(*text++);
    for (int shift = 60; shift >= 0; shift -= 4)
        put("0123456789abcdef"[value >> shift & 15]);
}

static uint64_t add_atomically(uint64_t value)
{
    uint64_t old, failed, fails = 0;
    do {
        __asm__ volatile("lr.d %0, (%2)\nadd %0, %0, %3\nsc.d %1, %0, (%2)"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&cell), "r"(value)
                         : "memory");
        fails += failed;
    } while (failed);
    return fails;
}

/* Runs an instruction that has just been written. */
static uint64_t run_new(uint64_t value, unsigned number)
{
    code[0] = 0x00050513u | (number & 0x7ff) << 20;
    __asm__ volatile("fence.i" ::: "memory");
    return ((uint64_t(*)(uint64_t))(uintptr_t)code)(value);
}

void work(void)
{
    uint64_t x = 1, hash = 0, fails = 0, instret;
    double sum = 0;
    for (uint64_t n = 0; n < ROUNDS; n++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        table[x >> 52] ^= x + n;
        hash = (hash << 7 | hash >> 57) + table[x >> 40 & 4095];
        fails += add_atomically(x);
        sum = sum * 0.999 + (double)(x >> 40);
        if ((n & 1023) == 0)
            hash = run_new(hash, (unsigned)(x >> 50));
    }
    union {
        double number;
        uint64_t bits;
    } as = { sum };
    __asm__ volatile("csrr %0, minstret" : "=r"(instret));
    print("done ", hash ^ cell ^ as.bits);
    print(" fails ", fails);
    print(" instructions ", instret);
    print(" backwards ", backwards);
    put('\n');
    for (;;)
        *(volatile uint32_t *)0x100000 = 0x5555;
}
