/* SPDX-License-Identifier: MIT
 *
 * LR/SC on one hart: what must succeed, what must fail (Unpriv. 13.2, 13.3), their traps, and Zawrs.
 */
#include "test.h"

const char test_name[] = "lrsc";

static volatile uint64_t cell[16] __attribute__((aligned(64)));

struct width {
    uint32_t lr, sc, sc_other; /* (a1); a2 to (a1); a2 to (a3) */
    const char *name;
};
static const struct width widths[] = {
    { LR_W(A0, A1), SC_W(A4, A2, A1), SC_W(A5, A2, A3), "w" },
#if XLEN == 64
    { LR_D(A0, A1), SC_D(A4, A2, A1), SC_D(A5, A2, A3), "d" },
#endif
};

static struct trap attempt(const struct width *width, enum mode mode, const uint32_t *between, unsigned count)
{
    cell[0] = 0x80000001;
    cell[8] = 7;
    code_begin();
    emit(width->lr);
    for (unsigned i = 0; i < count; i++)
        emit(between[i]);
    emit(width->sc);
    return run_code(mode, ARGS(0, (uintptr_t)&cell[0], 0x1234, (uintptr_t)&cell[8], 99, 99));
}

static void test_single(const struct width *width)
{
    static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };
    for (unsigned m = 0; m < 3; m++) {
        struct trap trap = attempt(width, modes[m], (const uint32_t *)0, 0);
        check_cause(&trap, CAUSE_NONE, "lr-sc");
        check_equal(trap.x[A4], 0, "lr-sc-succeeds");
        check_equal(cell[0] & 0xffffffff, 0x1234, "lr-sc-stored");
        uintptr_t loaded = width->name[0] == 'w' ? (uintptr_t)(intptr_t)(int32_t)0x80000001 : 0x80000001ul;
        check_equal(trap.x[A0], loaded, "lr-value");
    }
    /* "An SC may succeed only if no other SC lies between it and its LR", whatever the address of that SC. */
    const uint32_t other[] = { width->sc_other };
    struct trap trap = attempt(width, MODE_U, other, 1);
    check_equal(trap.x[A4], 1, "sc-after-other-sc-fails");
    check_equal(cell[0], 0x80000001, "sc-failed-stores-nothing");
    /* The reservation is gone after an SC, successful or not. */
    const uint32_t same[] = { width->sc, ADDI(A5, A4, 0) };
    trap = attempt(width, MODE_U, same, 2);
    check_equal(trap.x[A5], 0, "first-sc-succeeds");
    check_equal(trap.x[A4], 1, "second-sc-fails");
    /* No LR at all. */
    cell[0] = 5;
    attempt(width, MODE_U, same, 2);
    cell[0] = 5;
    trap = run_insn(MODE_U, width->sc, ARGS(0, (uintptr_t)&cell[0], 9, 0, 99));
    check_equal(trap.x[A4], 1, "sc-alone-fails");
    check_equal(cell[0], 5, "sc-alone-stores-nothing");
    /* SC to another address than LR's: it must fail if the reservation set does not cover the address (512
     * bytes are more than any reservation set here). */
    cell[8] = 7;
    code_begin();
    emit(width->lr);
    emit(width->sc_other);
    trap = run_code(MODE_U, ARGS(0, (uintptr_t)&cell[0], 9, (uintptr_t)&contexts[1], 99, 99));
    check_equal(trap.x[A5], 1, "sc-far-away-fails");
    /* Eventual success of a constrained sequence (Unpriv. 13.3), with arithmetic and a branch. */
    cell[0] = 0;
    code_begin();
    emit(LI(A5, 100));
    uintptr_t loop = emit(width->lr);
    emit(ADDI(A2, A0, 1));
    emit(width->sc);
    emit(0xfe071ae3); /* bnez a4, -12 */
    emit(ADDI(A5, A5, -1));
    emit(0xfe0796e3); /* bnez a5, -20 */
    (void)loop;
    trap = run_code(MODE_U, ARGS(0, (uintptr_t)&cell[0]));
    check_cause(&trap, CAUSE_NONE, "lr-sc-loop");
    check_equal(cell[0], 100, "lr-sc-loop-count");
    /* It also works with rd = x0 and a plain store in between. */
    code_begin();
    emit(width->lr);
    emit(width->sc & ~(31u << 7));
    trap = run_code(MODE_U, ARGS(0, (uintptr_t)&cell[0], 77));
    check_equal(cell[0] & 0xffffffff, 77, "sc-rd-x0");
}

/* Permissions: LR asks for read, SC and AMO for write, and AMO faults are store faults (Priv. 3.1.15). */
static void test_faults(void)
{
    struct trap trap = run_insn(MODE_S, LR_W(A0, A1), ARGS(9, HOLE));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE, "lr-access-fault");
    check_equal(trap.x[A0], 9, "lr-fault-keeps-rd");
    trap = run_insn(MODE_S, AMOSWAP_W(A0, A2, A1), ARGS(9, HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "amo-access-fault");
    check_equal(trap.x[A0], 9, "amo-fault-keeps-rd");
}

static void test_amo(void)
{
    static const struct {
        unsigned funct5;
        uint64_t memory, operand, result;
    } cases[] = {
        { 0x01, 0x80000005, 3, 3 },
        { 0x00, 0x7fffffff, 1, 0x80000000 },
        { 0x04, 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0 },
        { 0x0c, 0xff00ff00, 0x0ff00ff0, 0x0f000f00 },
        { 0x08, 0xff00ff00, 0x0ff00ff0, 0xfff0fff0 },
        { 0x10, 0x80000000, 1, 0x80000000 },
        { 0x14, 0x80000000, 1, 1 },
        { 0x18, 0x80000000, 1, 1 },
        { 0x1c, 0x80000000, 1, 0x80000000 },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cell[0] = 0xabcdef0100000000 | cases[i].memory;
        struct trap trap = run_insn(MODE_U, AMO(cases[i].funct5, 2, A0, A1, A2),
                                    ARGS(0, (uintptr_t)cell, (uintptr_t)cases[i].operand));
        check_cause(&trap, CAUSE_NONE, "amo.w");
        check_equal(trap.x[A0], (uintptr_t)(intptr_t)(int32_t)cases[i].memory, "amo.w-old");
        check_equal(cell[0], 0xabcdef0100000000 | cases[i].result, "amo.w-new");
    }
}

/* Zawrs: wrs.sto ends within a short time; wrs.nto ends when the reservation is gone or an interrupt is
 * pending, and with mstatus.TW it may trap below M (Unpriv. "Zawrs"). */
static void test_wait(void)
{
    uint64_t before = clint_mtime();
    code_begin();
    emit(LR_W(A0, A1));
    emit(WRS_STO);
    emit(LI(A2, 1));
    struct trap trap = run_code(MODE_U, ARGS(0, (uintptr_t)cell));
    check_cause(&trap, CAUSE_NONE, "wrs.sto");
    check_equal(trap.x[A2], 1, "wrs.sto-goes-on");
    check_true(clint_mtime() - before < 10000000, "wrs.sto-is-short");
    trap = run_insn(MODE_M, WRS_STO, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "wrs.sto-without-reservation");
    csr_write(CSR_MIE, MIP_SSIP);
    csr_set(CSR_MIP, MIP_SSIP);
    code_begin();
    emit(LR_W(A0, A1));
    emit(WRS_NTO);
    trap = run_code(MODE_M, ARGS(0, (uintptr_t)cell));
    check_cause(&trap, CAUSE_NONE, "wrs.nto-interrupt-pending");
    csr_clear(CSR_MIP, MIP_SSIP);
    csr_write(CSR_MIE, 0);
}

void test_main(void)
{
    for (unsigned i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        test_single(&widths[i]);
    test_faults();
    test_amo();
    test_wait();
}
