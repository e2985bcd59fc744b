/* SPDX-License-Identifier: MIT
 *
 * Zalasr: loads with acquire, stores with release (the chapter "Load-Acquire and Store-Release" of its
 * specification). They have funct5 00110 and 00111 of the opcode AMO; aq is set in all loads, rl in all
 * stores, and an encoding without it is reserved. The address is aligned, except as Zama16b permits. QEMU 10
 * does not have Zalasr.
 */
#include "test.h"

const char test_name[] = "ordered";

static volatile uint64_t cell[4] __attribute__((aligned(64)));

#define LOAD_ORDERED(width, bits, rd, rs1)   (AMO(6, width, rd, rs1, ZERO) | (uint32_t)(bits) << 25)
#define STORE_ORDERED(width, bits, rs2, rs1) (AMO(7, width, ZERO, rs1, rs2) | (uint32_t)(bits) << 25)
enum { RL = 1, AQ = 2 };
#define WIDTHS (XLEN == 64 ? 4 : 3)

static void test_values(void)
{
    for (unsigned width = 0; width < WIDTHS; width++) {
        uintptr_t all = 0x8182838485868788 & (UINTPTR_MAX >> (XLEN - (8u << width)));
        uintptr_t sign = (uintptr_t)1 << ((8u << width) - 1);
        for (unsigned both = 0; both < 2; both++) {
            cell[0] = 0x8182838485868788;
            struct trap trap =
                run_insn(MODE_U, LOAD_ORDERED(width, both ? AQ | RL : AQ, A0, A1), ARGS(7, (uintptr_t)cell));
            check_cause(&trap, CAUSE_NONE, "load");
            check_equal(trap.x[A0], (all ^ sign) - sign, "load-value");
            cell[0] = cell[1] = 0;
            trap = run_insn(MODE_U, STORE_ORDERED(width, both ? AQ | RL : RL, A2, A1),
                            ARGS(7, (uintptr_t)cell, (uintptr_t)0x8182838485868788));
            check_cause(&trap, CAUSE_NONE, "store");
            check_equal(cell[0], all, "store-value");
            check_equal(cell[1], 0, "store-width");
        }
    }
}

static void test_reserved(void)
{
    for (unsigned width = 0; width < 4; width++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            bool exists = width < WIDTHS;
            struct trap trap = run_insn(MODE_U, LOAD_ORDERED(width, bits, A0, A1), ARGS(7, (uintptr_t)cell));
            check_cause(&trap, exists && bits & AQ ? CAUSE_NONE : CAUSE_ILLEGAL, "load-reserved");
            trap = run_insn(MODE_U, STORE_ORDERED(width, bits, A2, A1), ARGS(7, (uintptr_t)cell));
            check_cause(&trap, exists && bits & RL ? CAUSE_NONE : CAUSE_ILLEGAL, "store-reserved");
        }
    }
    struct trap trap = run_insn(MODE_U, LOAD_ORDERED(2, AQ, A0, A1) | A2 << 20, ARGS(7, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "load-with-rs2");
    trap = run_insn(MODE_U, STORE_ORDERED(2, RL, A2, A1) | A0 << 7, ARGS(7, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "store-with-rd");
}

static void test_faults(void)
{
    for (unsigned width = 0; width < WIDTHS; width++) {
        struct trap trap = run_insn(MODE_U, LOAD_ORDERED(width, AQ, A0, A1), ARGS(7, HOLE));
        check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE, "load-fault");
        trap = run_insn(MODE_U, STORE_ORDERED(width, RL, A2, A1), ARGS(7, HOLE));
        check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "store-fault");
        if (!width)
            continue;
        uintptr_t inside = (uintptr_t)cell + 1, across = (uintptr_t)cell + 15;
        trap = run_insn(MODE_U, LOAD_ORDERED(width, AQ, A0, A1), ARGS(7, inside));
        check_cause(&trap, CAUSE_NONE, "load-inside-16");
        trap = run_insn(MODE_U, LOAD_ORDERED(width, AQ, A0, A1), ARGS(7, across));
        check_trap(&trap, CAUSE_LOAD_MISALIGNED, CODE, across, "load-across-16");
        trap = run_insn(MODE_U, STORE_ORDERED(width, RL, A2, A1), ARGS(7, across));
        check_trap(&trap, CAUSE_STORE_MISALIGNED, CODE, across, "store-across-16");
    }
}

/* Each hart stores to its own cell and loads the other's. With RCsc on both, at least one of them sees the
 * other's store (RVWMO, preserved program order rule 7). */
enum { ROUNDS = 20000 };
static volatile uint32_t flag[2][32] __attribute__((aligned(128))), arrived[2], seen[2];

static void meet(unsigned own, uint32_t time)
{
    __sync_synchronize();
    arrived[own] = time;
    for (unsigned turns = 0; arrived[!own] < time; turns++)
        wait_turn(turns);
    __sync_synchronize();
}

static void store_then_load(unsigned own, uint32_t round)
{
    meet(own, 2 * round - 1);
    register uintptr_t to __asm__("a0") = (uintptr_t)&flag[own][0];
    register uintptr_t from __asm__("a1") = (uintptr_t)&flag[!own][0];
    register uintptr_t value __asm__("a2") = round;
    __asm__ volatile(".4byte %3\n.4byte %4"
                     : "+r"(value)
                     : "r"(to), "r"(from), "i"(STORE_ORDERED(2, RL, A2, A0)), "i"(LOAD_ORDERED(2, AQ, A2, A1))
                     : "memory");
    seen[own] = (uint32_t)value;
    meet(own, 2 * round);
}

static void other_hart(uintptr_t argument)
{
    (void)argument;
    for (uint32_t round = 1; round <= ROUNDS; round++)
        store_then_load(1, round);
}

static void test_order(void)
{
    unsigned unseen = 0;
    hart1_start(other_hart, 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        store_then_load(0, round);
        unseen += seen[0] != round && seen[1] != round;
    }
    check_true(hart1_wait(), "harts-end");
    check_equal(unseen, 0, "one-sees-the-other");
}

void test_main(void)
{
    test_values();
    test_reserved();
    test_faults();
    test_order();
}
