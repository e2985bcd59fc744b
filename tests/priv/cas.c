/* SPDX-License-Identifier: MIT
 *
 * Zacas: amocas.w, .d and (RV64) .q (Unpriv. "Zacas"). Register pairs are even/odd; x0 as a pair reads zero.
 */
#include "test.h"

const char test_name[] = "cas";

static volatile uint64_t cell[4] __attribute__((aligned(64)));

static void test_word(void)
{
    for (unsigned equal = 0; equal < 2; equal++) {
        cell[0] = 0x1111111180000000;
        struct trap trap = run_insn(MODE_U, AMOCAS_W(A0, A2, A1),
                                    ARGS((uintptr_t)(intptr_t)(int32_t)(equal ? 0x80000000 : 0x80000001),
                                         (uintptr_t)cell, 0x12345678));
        check_cause(&trap, CAUSE_NONE, "amocas.w");
        check_equal(trap.x[A0], (uintptr_t)(intptr_t)(int32_t)0x80000000, "amocas.w-old");
        check_equal(cell[0], equal ? 0x1111111112345678 : 0x1111111180000000, "amocas.w-memory");
    }
#if XLEN == 64 /* only the low 32 bits of rd are compared */
    cell[0] = 5;
    struct trap trap = run_insn(MODE_U, AMOCAS_W(A0, A2, A1), ARGS(0xffffffff00000005, (uintptr_t)cell, 6));
    check_equal(trap.x[A0], 5, "amocas.w-upper-ignored-old");
    check_equal(cell[0], 6, "amocas.w-upper-ignored");
#endif
}

#if XLEN == 64
static void test_double(void)
{
    for (unsigned equal = 0; equal < 2; equal++) {
        cell[0] = 0x8877665544332211;
        struct trap trap = run_insn(MODE_U, AMOCAS_D(A0, A2, A1),
                                    ARGS(equal ? 0x8877665544332211 : 1, (uintptr_t)cell, 0x99));
        check_cause(&trap, CAUSE_NONE, "amocas.d");
        check_equal(trap.x[A0], 0x8877665544332211, "amocas.d-old");
        check_equal(cell[0], equal ? 0x99 : 0x8877665544332211, "amocas.d-memory");
    }
}

static void test_pair(void)
{
    for (unsigned equal = 0; equal < 4; equal++) { /* a0:a1 expected, a2:a3 new, at a4 */
        cell[0] = 0x1111222233334444;
        cell[1] = 0x5555666677778888;
        struct trap trap = run_insn(MODE_U, AMOCAS_Q(A0, A2, A4),
                                    ARGS(equal & 1 ? 0x1111222233334444 : 1,
                                         equal & 2 ? 0x5555666677778888 : 1, 7, 8, (uintptr_t)cell));
        check_cause(&trap, CAUSE_NONE, "amocas.q");
        check_equal(trap.x[A0], 0x1111222233334444, "amocas.q-old-low");
        check_equal(trap.x[A1], 0x5555666677778888, "amocas.q-old-high");
        check_equal(cell[0], equal == 3 ? 7 : 0x1111222233334444, "amocas.q-low");
        check_equal(cell[1], equal == 3 ? 8 : 0x5555666677778888, "amocas.q-high");
    }
    /* rd = x0: compares with zero and writes nothing; rs2 = x0: stores zero. */
    cell[0] = cell[1] = 0;
    struct trap trap = run_insn(MODE_U, AMOCAS_Q(ZERO, A2, A4), ARGS(1, 1, 7, 8, (uintptr_t)cell));
    check_cause(&trap, CAUSE_NONE, "amocas.q-x0");
    check_true(cell[0] == 7 && cell[1] == 8, "amocas.q-x0-compared-with-0");
    trap = run_insn(MODE_U, AMOCAS_Q(A0, ZERO, A4), ARGS(7, 8, 7, 8, (uintptr_t)cell));
    check_true(cell[0] == 0 && cell[1] == 0, "amocas.q-rs2-x0");
    /* Odd registers are reserved; 16-byte alignment is needed. */
    trap = run_insn(MODE_U, AMOCAS_Q(A1, A2, A4), ARGS(7, 8, 7, 8, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "amocas.q-odd-rd");
    trap = run_insn(MODE_U, AMOCAS_Q(A0, A3, A4), ARGS(7, 8, 7, 8, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "amocas.q-odd-rs2");
    trap = run_insn(MODE_U, AMOCAS_Q(A0, A2, A4), ARGS(7, 8, 7, 8, (uintptr_t)cell + 8));
    check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS,
               "amocas.q-misaligned");
}
#else
static void test_double(void) /* a pair of 32-bit registers */
{
    for (unsigned equal = 0; equal < 4; equal++) {
        cell[0] = 0x1111222233334444;
        struct trap trap =
            run_insn(MODE_U, AMOCAS_D(A0, A2, A4),
                     ARGS(equal & 1 ? 0x33334444 : 1, equal & 2 ? 0x11112222 : 1, 7, 8, (uintptr_t)cell));
        check_cause(&trap, CAUSE_NONE, "amocas.d");
        check_equal(trap.x[A0], 0x33334444, "amocas.d-old-low");
        check_equal(trap.x[A1], 0x11112222, "amocas.d-old-high");
        check_equal(cell[0], equal == 3 ? 0x800000007 : 0x1111222233334444, "amocas.d-memory");
    }
    struct trap trap = run_insn(MODE_U, AMOCAS_D(A1, A2, A4), ARGS(7, 8, 7, 8, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "amocas.d-odd-rd");
}

static void test_pair(void)
{
    uint32_t insn = AMOCAS_Q(A0, A2, A4);
    struct trap trap = run_insn(MODE_U, insn, ARGS(0, 0, 0, 0, (uintptr_t)cell));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, insn, "amocas.q-is-rv64");
}
#endif

/* A fault is a store fault, even if the comparison would fail. */
static void test_faults(void)
{
    struct trap trap = run_insn(MODE_U, AMOCAS_W(A0, A2, A1), ARGS(3, HOLE, 1));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "amocas-access-fault");
    trap = run_insn(MODE_U, AMOCAS_W(A0, A2, A1), ARGS(3, (uintptr_t)cell + 14, 1));
    check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS, "amocas-misaligned");
}

void test_main(void)
{
    test_word();
    test_double();
    test_pair();
    test_faults();
}
