/* SPDX-License-Identifier: MIT
 *
 * Two harts write code of the same pages, without fence.i, and run it while it is being translated. A hart's
 * next fetch sees the code that the hart itself wrote. The code of the other hart is never torn, never older
 * than what was seen before, and seen soon. Functions return the version that they were written as: one lies
 * among data that is written all the time, one is an instruction across the end of a page, whose halves
 * change separately.
 */
#include "plic.h"

const char test_name[] = "patch";

#define VERSIONS 2000u /* fits into the immediate of addi */
#define SOON     (STRICT ? 1u : 200000000u)

static uint32_t pages[3][1024] __attribute__((aligned(4096)));
#define OTHERS pages[0][16]   /* written by hart 1 */
#define OWN    pages[0][32]   /* by hart 0 */
#define DATA   pages[0][1000] /* by both */
static volatile uint16_t *const crossing = (volatile uint16_t *)((uintptr_t)pages[2] - 2);
static volatile uint32_t newest;

static uintptr_t call(const volatile void *code)
{
    return ((uintptr_t(*)(void))(uintptr_t)code)();
}

static void write_crossing(uint32_t version)
{
    /* This half is in the second page; the first half stays. */
    crossing[1] = (uint16_t)(LI(A0, version) >> 16);
}

static void hart1_writes(uintptr_t versions)
{
    for (uint32_t version = 1; version <= versions; version++) {
        newest = version;
        __asm__ volatile("fence" ::: "memory");
        *(volatile uint32_t *)&OTHERS = LI(A0, version);
        write_crossing(version);
        for (unsigned n = 0; n < 8; n++)
            *(volatile uint32_t *)&DATA = version + n;
    }
}

/* Calls one of hart 1's functions. Returns whether the value that it returns is possible. */
static bool in_order(const volatile void *code, uint32_t *seen)
{
    uintptr_t version = call(code);
    __asm__ volatile("fence" ::: "memory");
    bool right = version >= *seen && version <= newest;
    *seen = (uint32_t)version;
    return right;
}

static bool own_is_seen(uint32_t round)
{
    *(volatile uint32_t *)&OWN = LI(A0, round % VERSIONS);
    return STRICT || call(&OWN) == round % VERSIONS;
}

static void run_while_written(void)
{
    uint32_t seen = 0, seen_crossing = 0;
    unsigned wrong = 0, wrong_crossing = 0, wrong_own = 0, rounds = 0;
    hart1_start(hart1_writes, VERSIONS);
    for (; newest < VERSIONS; rounds++) {
        wrong += !in_order(&OTHERS, &seen);
        wrong_crossing += !in_order(crossing, &seen_crossing);
        wrong_own += !own_is_seen(rounds);
    }
    check_true(hart1_wait(), "hart-1-ends");
    if (!STRICT) {
        check_equal(wrong, 0, "versions-of-the-other-hart");
        check_equal(wrong_crossing, 0, "versions-across-two-pages");
    }
    check_equal(wrong_own, 0, "own-versions");
    for (unsigned n = 0; n < SOON && (seen < VERSIONS || seen_crossing < VERSIONS); n++) {
        seen = (uint32_t)call(&OTHERS);
        seen_crossing = (uint32_t)call(crossing);
    }
    __asm__ volatile("fence.i" ::: "memory");
    check_equal(call(&OTHERS), VERSIONS, "last-version");
    check_equal(call(crossing), VERSIONS, "last-version-across-two-pages");
    if (!STRICT)
        check_true(seen == VERSIONS && seen_crossing == VERSIONS, "last-versions-without-fence.i");
}

void test_main(void)
{
    for (unsigned times = 0; times < 3; times++) {
        newest = 0;
        OTHERS = OWN = LI(A0, 0);
        pages[0][17] = pages[0][33] = RET;
        crossing[0] = (uint16_t)LI(A0, 0);
        write_crossing(0);
        crossing[2] = (uint16_t)RET;
        crossing[3] = (uint16_t)(RET >> 16);
        __asm__ volatile("fence.i" ::: "memory");
        run_while_written();
    }
}
