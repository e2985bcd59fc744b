/* SPDX-License-Identifier: MIT
 *
 * All harts work on one place: no update by an LR/SC loop, an AMO or under a lock made of them may get lost.
 */
#include "litmus.h"

static struct {
    volatile uint64_t lrsc_d, amo_d, locked, lock, bits;
    volatile uint32_t lrsc_w, amo_w;
    volatile uint64_t largest;
} shared __attribute__((aligned(64)));

static uint64_t turns;

static void add_lrsc(void)
{
    __asm__ volatile("1: lr.d t0, (%0)\n addi t0, t0, 1\n sc.d t1, t0, (%0)\n bnez t1, 1b\n"
                     "2: lr.w.aq t0, (%1)\n addi t0, t0, 1\n sc.w.rl t1, t0, (%1)\n bnez t1, 2b"
                     :
                     : "r"(&shared.lrsc_d), "r"(&shared.lrsc_w)
                     : "memory", "t0", "t1");
}

static void add_locked(void)
{
    __asm__ volatile("1: amoswap.d.aq t0, %1, (%0)\n bnez t0, 1b"
                     :
                     : "r"(&shared.lock), "r"(1ull)
                     : "memory", "t0");
    shared.locked = shared.locked + 1;
    __asm__ volatile("amoswap.d.rl zero, zero, (%0)" : : "r"(&shared.lock) : "memory");
}

static void contend(unsigned hart)
{
    barrier(HARTS);
    for (uint64_t i = 1; i <= turns; i++) {
        add_lrsc();
        __asm__ volatile("amoadd.d zero, %2, (%0)\n amoadd.w zero, %2, (%1)\n amomaxu.d zero, %3, (%4)\n"
                         "amoxor.d zero, %6, (%5)"
                         :
                         : "r"(&shared.amo_d), "r"(&shared.amo_w), "r"(1ull), "r"(i * HARTS + hart),
                           "r"(&shared.largest), "r"(&shared.bits), "r"(1ull << hart)
                         : "memory");
        if (i % 8 == 0) /* waiting for the lock is slow if harts share a processor */
            add_locked();
    }
}

static void expect(const char *name, uint64_t got, uint64_t wanted)
{
    print(name);
    print(": ");
    print_number(got);
    print("\n");
    if (got != wanted)
        fail(name, "should be", wanted);
}

void run_contention(void)
{
    turns = rounds * 512 + 1;
    on_harts(HARTS, contend);
    expect("lr.d/sc.d", shared.lrsc_d, turns * HARTS);
    expect("lr.w/sc.w", shared.lrsc_w, turns * HARTS);
    expect("amoadd.d", shared.amo_d, turns * HARTS);
    expect("amoadd.w", shared.amo_w, turns * HARTS);
    expect("amomaxu.d", shared.largest, turns * HARTS + HARTS - 1);
    expect("amoxor.d", shared.bits, (1u << HARTS) - 1);
    expect("amoswap lock", shared.locked, turns / 8 * HARTS);
}
