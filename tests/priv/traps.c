/* SPDX-License-Identifier: MIT
 *
 * Every synchronous cause with its exact mcause, mepc, mtval and mstatus (Priv. 3.1.6.1, 3.1.14 to 3.1.16).
 */
#include "test.h"

const char test_name[] = "traps";

static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };

/* "When a trap is taken from privilege mode y into privilege mode x, xPIE is set to the value of xIE; xIE is
 * set to 0; and xPP is set to y." Priv. 3.1.6.1 */
static void test_status(void)
{
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned enabled = 0; enabled < 2; enabled++) {
            run_status = run_status_default | (enabled ? STATUS_MPIE : 0);
            struct trap trap = run_insn(modes[i], EBREAK, ARGS(0));
            check_trap(&trap, CAUSE_BREAK, CODE, trap.tval, "ebreak");
            check_true(trap.tval == CODE || trap.tval == 0, "ebreak-tval-is-pc-or-0");
            check_equal(trap.status & STATUS_MPP, STATUS_MPP_OF(modes[i]), "mpp-is-mode");
            check_equal(trap.status & STATUS_MPIE, enabled ? STATUS_MPIE : 0, "mpie-is-mie");
            check_equal(trap.status & STATUS_MIE, 0, "mie-cleared");
        }
    }
    run_status = run_status_default;
}

static void test_illegal(void)
{
    /* mtval holds the faulting instruction's bits (Priv. 3.1.16); QEMU and Rvive write them always. */
    static const uint32_t words[] = {
        0xffffffff,           /* "the instruction with all bits one is illegal" (Unpriv. 1.5) */
        0x0000007f,           /* 64-bit-or-longer prefix, not implemented */
        0x0000000b,           /* custom-0 */
        0x00002063,           /* BRANCH, funct3 2 */
        0x00007003,           /* LOAD, funct3 7 */
        0xfe000033,           /* OP, unused funct7 */
        0x3800a02f,           /* AMO, unused funct5 7 */
        0x30200073 | 1 << 7,  /* mret with rd != 0 */
        0x80000053 | 1 << 25, /* OP-FP, unused funct7 */
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (unsigned m = 0; m < 3; m++) {
            struct trap trap = run_insn(modes[m], words[i], ARGS(0));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, words[i], "illegal-32");
        }
    }
    /* 16-bit: zero is defined as illegal; c.addi4spn with 0, c.lwsp to x0, c.jr of x0, c.lui with 0 and the
     * quadrant 0 codes above Zcb's are reserved (Unpriv. 28.8). */
    static const uint16_t halves[] = { 0x0000, 0x0004, 0x4002, 0x8002, 0x6201, 0x9c00 };
    for (unsigned i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
        code_begin();
        emit(C_NOP);
        uintptr_t at = emit(halves[i]);
        emit(0x4501); /* c.li a0, 0: must not appear in mtval */
        struct trap trap = run_code(MODE_M, ARGS(0));
        check_trap(&trap, CAUSE_ILLEGAL, at, halves[i], "illegal-16");
    }
    /* An illegal instruction after others: epc must be exact in the middle of a block. */
    code_begin();
    for (int i = 0; i < 9; i++)
        emit(i % 2 ? ADDI(A0, A0, 1) : 0x0505 /* c.addi a0, 1 */);
    uintptr_t at = emit(0xffffffff);
    emit(ADDI(A0, A0, 1));
    struct trap trap = run_code(MODE_M, ARGS(0));
    check_trap(&trap, CAUSE_ILLEGAL, at, 0xffffffff, "illegal-in-block");
    check_equal(trap.x[A0], 9, "instructions-before-it-done");
}

static void test_calls(void)
{
    static const uintptr_t causes[] = { CAUSE_ECALL_M, CAUSE_ECALL_S, CAUSE_ECALL_U };
    for (unsigned i = 0; i < 3; i++) {
        /* ecall differs from the return stub by its epc; mtval 0 (Priv. 3.1.16) */
        struct trap trap = run_insn(modes[i], ECALL, ARGS(0));
        check_trap(&trap, causes[i], CODE, 0, "ecall");
        trap = run_insn(modes[i], C_EBREAK, ARGS(0));
        check_trap(&trap, CAUSE_BREAK, CODE, trap.tval, "c.ebreak");
        check_true(trap.tval == CODE || trap.tval == 0, "c.ebreak-tval");
        code_begin();
        emit(LI(A0, 5));
        trap = run_code(modes[i], ARGS(0));
        check_cause(&trap, CAUSE_NONE, "return");
        check_equal(trap.x[A0], 5, "return-value");
    }
}

static void test_access(void)
{
    static const uint32_t loads[] = { LB(A0, A1, 4), LH(A0, A1, 4),  LW(A0, A1, 4),  LBU(A0, A1, 4),
                                      LX(A0, A1, 4), FLW(10, 11, 4), FLD(10, 11, 4), LR_W(A0, A1) };
    static const uint32_t stores[] = { SB(A0, A1, 4),  SH(A0, A1, 4),  SW(A0, A1, 4),       SX(A0, A1, 4),
                                       FSW(10, 11, 4), FSD(10, 11, 4), AMOADD_W(A0, A0, A1) };
    for (unsigned m = 0; m < 3; m++) {
        for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
            unsigned offset = i == 7 ? 0 : 4;
            struct trap trap = run_insn(modes[m], loads[i], ARGS(77, HOLE));
            check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE + offset, "load-access-fault");
            check_equal(trap.x[A0], 77, "load-access-fault-keeps-rd");
        }
        for (unsigned i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
            unsigned offset = i == 6 ? 0 : 4;
            struct trap trap = run_insn(modes[m], stores[i], ARGS(77, HOLE));
            check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE + offset, "store-access-fault");
            check_equal(trap.x[A0], 77, "store-access-fault-keeps-rd");
        }
        struct trap trap = run(modes[m], HOLE, ARGS(0));
        check_trap(&trap, CAUSE_FETCH_ACCESS, HOLE, HOLE, "fetch-access-fault");
        /* Code may not run from a device: the UART is I/O (Priv. 3.6). */
        trap = run_insn(modes[m], JALR(ZERO, A0, 0), ARGS(HOLE + 0x100));
        check_trap(&trap, CAUSE_FETCH_ACCESS, HOLE + 0x100, HOLE + 0x100, "jump-to-hole");
    }
}

/* With C a jump target is always 2-byte aligned: JALR clears bit 0 (Unpriv. 2.5), so cause 0 cannot occur. If
 * C is switched off through misa (if that is possible), the jump itself traps if its target is 2 mod 4 (Priv.
 * 3.1.1). */
static void test_fetch_alignment(void)
{
    code_begin();
    emit(JALR(A2, A0, 1)); /* to its own address + 8 + 1 */
    emit(EBREAK);
    uintptr_t at = emit(EBREAK);
    struct trap trap = run_code(MODE_M, ARGS(CODE + 8));
    check_cause(&trap, CAUSE_BREAK, "jalr-clears-bit-0");
    check_equal(trap.epc, at, "jalr-clears-bit-0-epc");
    code_begin();
    emit(CSRRC(ZERO, CSR_MISA, A1));
    emit(CSRRS(A3, CSR_MISA, ZERO));
    emit(CSRRS(ZERO, CSR_MISA, A2)); /* put it back */
    trap = run_code(MODE_M, ARGS(0, 4, 4));
    if (trap.cause != CAUSE_NONE || (trap.x[A3] & 4)) {
        skip("fetch-misaligned", "misa.C cannot be cleared");
        return;
    }
    code_begin();
    emit(CSRRC(ZERO, CSR_MISA, A1));
    at = emit(JALR(A3, A0, 0));
    trap = run_code(MODE_M, ARGS(CODE + 0x22, 4, 4));
    csr_set(CSR_MISA, 4);
    check_trap(&trap, CAUSE_FETCH_MISALIGNED, at, CODE + 0x22, "fetch-misaligned");
    check_true(trap.x[A3] != at + 4, "fetch-misaligned-keeps-rd");
}

void test_main(void)
{
    test_status();
    test_illegal();
    test_calls();
    test_access();
    test_fetch_alignment();
}
