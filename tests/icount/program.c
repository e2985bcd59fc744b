/* SPDX-License-Identifier: MIT
 *
 * What a machine in virtual time must do in the same way each time, in whatever way its code is executed: up
 * to four harts take a lock in turn, under timer interrupts at odd distances, and mix into one sum who came
 * when, which instruction each interrupt met, and what the clocks showed. The last hart prints the sum.
 */
#include <stdint.h>

#ifndef ROUNDS
#define ROUNDS 400
#endif

#ifndef WAITS
#define WAITS 1 /* whether harts wait by wfi */
#endif

#define UART     ((volatile uint8_t *)0x10000000)
#define POWER    ((volatile uint32_t *)0x100000)
#define CLINT    0x2000000u
#define MSIP(h)  ((volatile uint32_t *)(uintptr_t)(CLINT + 4 * (h)))
#define MTIMECMP ((volatile uint64_t *)(uintptr_t)(CLINT + 0x4000))
#define MTIME    ((volatile uint64_t *)(uintptr_t)(CLINT + 0xbff8))

#define CSR(name)                                                                                            \
    ({                                                                                                       \
        uint64_t v_;                                                                                         \
        __asm__ volatile("csrr %0, " #name : "=r"(v_));                                                      \
        v_;                                                                                                  \
    })

static volatile uint32_t lock, ended, count;
static volatile uint64_t sum;
static volatile unsigned rounds[4];

static void mix(uint64_t value)
{
    uint64_t s = sum;
    s ^= value + 0x9e3779b97f4a7c15 + (s << 6) + (s >> 2);
    sum = s * 0xff51afd7ed558ccd;
}

static void take_lock(void)
{
    uint32_t busy;
    do
        __asm__ volatile("amoswap.w.aq %0, %1, (%2)" : "=r"(busy) : "r"(1), "r"(&lock) : "memory");
    while (busy);
}

static void give_lock(void)
{
    __asm__ volatile("amoswap.w.rl x0, x0, (%0)" : : "r"(&lock) : "memory");
}

/* A timer interrupt: what it met belongs to the sum. The next one comes after 1 to 16 ticks. */
static volatile uint64_t met[4];
__attribute__((interrupt("machine"), aligned(4))) void handler(void)
{
    uint64_t hart = CSR(mhartid), now = *MTIME;
    met[hart] = met[hart] * 31 + CSR(mepc) + 7 * CSR(mcycle) + 3 * CSR(time) + now + CSR(mcause);
    MTIMECMP[hart] = now + 1 + (met[hart] >> 7 & 15);
    *MSIP(hart) = 0;
    rounds[hart]++;
}

static uint64_t work(uint64_t x)
{
    for (unsigned i = 0; i < 20; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    if ((x & 7) == 0)
        __asm__ volatile(".word 0x0100000f"); /* pause */
    return x;
}

static void put(char c)
{
    *UART = (uint8_t)c;
}

static void put_number(const char *name, uint64_t value)
{
    while (*name)
        put(*name++);
    for (int i = 60; i >= 0; i -= 4)
        put("0123456789abcdef"[value >> i & 15]);
    put('\n');
}

static void finish(void)
{
    for (unsigned h = 0; h < count; h++)
        mix(met[h]);
    put_number("sum ", sum);
    put_number("instret ", CSR(minstret));
    put_number("time ", *MTIME);
    *POWER = 0x5555;
    for (;;)
        ;
}

void program(uint64_t hart, uint64_t harts)
{
    uint64_t x = hart + 1;
    count = (uint32_t)harts;
    __asm__ volatile("csrw mtvec, %0" : : "r"(handler));
    MTIMECMP[hart] = *MTIME + 3 + hart;
    __asm__ volatile("csrw mie, %0; csrsi mstatus, 8" : : "r"(1 << 7 | 1 << 3));
    while (rounds[hart] < ROUNDS) {
        x = work(x);
        take_lock();
        mix(x + hart + CSR(time));
        give_lock();
        if ((x & 63) == 0)
            *MSIP((hart + 1) % harts) = 1; /* an interrupt for the next hart */
        if (WAITS && (x & 255) == 1)
            __asm__ volatile("wfi");
    }
    __asm__ volatile("csrci mstatus, 8");
    MTIMECMP[hart] = UINT64_MAX;
    if (__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST) == harts)
        finish();
    __asm__ volatile("csrw mie, x0");
    for (;;)
        if (WAITS)
            __asm__ volatile("wfi");
}
