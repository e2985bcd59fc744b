/* SPDX-License-Identifier: MIT
 *
 * Extensions that a hart has only if they are named: Zibi, and on RV32 Zilsd and Zclsd, for which F is off.
 * QEMU 10 has none of them.
 */
#include "test.h"

const char test_name[] = "named";

/* ---- Zibi: branches on equality with 1 to 31, or -1 (BRANCH, funct3 2 and 3) --------------------------- */

#define BRANCH_8(funct3, number)                                                                             \
    (0x63 | (uint32_t)(funct3) << 12 | A1 << 15 | (uint32_t)(number) << 20 | 8 << 7)

static void test_branches(void)
{
    for (unsigned number = 0; number < 32; number++) {
        uintptr_t wanted = number ? number : (uintptr_t)-1;
        const uintptr_t values[] = { wanted, wanted + 1, 0, wanted ^ (uintptr_t)1 << (XLEN - 1) };
        for (unsigned unequal = 0; unequal < 2; unequal++) {
            for (unsigned i = 0; i < 4; i++) {
                code_begin();
                emit(BRANCH_8(2 + unequal, number));
                emit(ADDI(A0, ZERO, 1));
                emit(NOP);
                struct trap trap = run_code(MODE_U, ARGS(0, values[i]));
                check_cause(&trap, CAUSE_NONE, "branch");
                check_equal(trap.x[A0], (values[i] == wanted) == unequal, unequal ? "bnei" : "beqi");
            }
        }
    }
    code_begin(); /* backwards, until the number of passes is reached */
    emit(ADDI(A1, A1, -1));
    emit(ADDI(A0, A0, 1));
    emit(BRANCH_8(3, 7) - (8 << 7) + 0xfe000000 + (0x19 << 7)); /* -8 */
    struct trap trap = run_code(MODE_U, ARGS(0, 1000));
    check_equal(trap.x[A0], 993, "bnei-loop");
}

/* ---- Zilsd, Zclsd -------------------------------------------------------------------------------------- */

#if XLEN == 32

static volatile uint64_t cell[4] __attribute__((aligned(64)));

static void test_pairs(void)
{
    cell[0] = 0x1122334455667788;
    struct trap trap = run_insn(MODE_U, LD(A2, A0, 0), ARGS((uintptr_t)cell, 1, 2, 3, 4, 5));
    check_cause(&trap, CAUSE_NONE, "ld");
    check_equal(trap.x[A2], 0x55667788, "ld-low");
    check_equal(trap.x[A3], 0x11223344, "ld-high");
    check_equal(trap.x[A1], 1, "ld-leaves-the-others");
    trap = run_insn(MODE_U, LD(A0, A0, 0), ARGS((uintptr_t)cell, 1));
    check_true(trap.x[A0] == 0x55667788 && trap.x[A1] == 0x11223344, "ld-over-its-base");
    trap = run_insn(MODE_U, LD(ZERO, A0, 0), ARGS((uintptr_t)cell, 1));
    check_cause(&trap, CAUSE_NONE, "ld-x0");
    trap = run_insn(MODE_U, SD(A2, A0, 8), ARGS((uintptr_t)cell, 1, 0x89abcdef, 0x01234567));
    check_equal(cell[1], 0x0123456789abcdef, "sd");
    trap = run_insn(MODE_U, SD(ZERO, A0, 8), ARGS((uintptr_t)cell));
    check_equal(cell[1], 0, "sd-x0");
    trap = run_insn(MODE_U, LD(A1, A0, 0), ARGS((uintptr_t)cell));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, LD(A1, A0, 0), "ld-odd");
    trap = run_insn(MODE_U, SD(A1, A0, 0), ARGS((uintptr_t)cell));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, SD(A1, A0, 0), "sd-odd");
    trap = run_insn(MODE_U, LD(A2, A0, 0), ARGS(HOLE, 1, 2, 3));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE, "ld-fault");
    check_true(trap.x[A2] == 2 && trap.x[A3] == 3, "ld-fault-keeps-rd");
    trap = run_insn(MODE_U, SD(A2, A0, 0), ARGS(HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "sd-fault");
}

static void test_compressed(void)
{
    cell[1] = 0x1122334455667788;
    uint16_t load = 0x6000 | (A0 - 8) << 7 | (A2 - 8) << 2 | 1 << 10; /* c.ld a2,8(a0) */
    struct trap trap = run_insn(MODE_U, load, ARGS((uintptr_t)cell, 1, 2, 3));
    check_true(trap.x[A2] == 0x55667788 && trap.x[A3] == 0x11223344, "c.ld");
    trap = run_insn(MODE_U, load | 0x8000, ARGS((uintptr_t)cell, 1, 7, 8));
    check_equal(cell[1], 0x0000000800000007, "c.sd");
    trap = run_insn(MODE_U, load | 1 << 2, ARGS((uintptr_t)cell));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, load | 1 << 2, "c.ld-odd");
    code_begin();
    emit(ADDI(SP, SP, -16));
    emit(0xe002 | A2 << 2 | 1 << 10); /* c.sdsp a2,8(sp) */
    emit(0x6002 | A4 << 7 | 8 << 2);  /* c.ldsp a4,8(sp) */
    emit(ADDI(SP, SP, 16));
    trap = run_code(MODE_U, ARGS(0, 0, 0x12345678, 0x9abcdef0));
    check_cause(&trap, CAUSE_NONE, "c.ldsp");
    check_true(trap.x[A4] == 0x12345678 && trap.x[A5] == 0x9abcdef0, "c.ldsp-value");
}

#else

static void test_pairs(void) {}
static void test_compressed(void) {}

#endif

void test_main(void)
{
    test_branches();
    test_pairs();
    test_compressed();
}
