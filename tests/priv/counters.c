/* SPDX-License-Identifier: MIT
 *
 * mcycle, minstret, time, the hpm counters and the registers that gate them (Priv. 3.1.10 to 3.1.12, 4.1.5).
 */
#include "test.h"

const char test_name[] = "counters";

/* "A value written to instret by one instruction will be the value read by the following instruction"
 * (Unpriv. 7.1), and each retired instruction adds exactly 1. */
static void test_minstret_exact(void)
{
    static const unsigned counts[] = { 0, 1, 2, 5, 40, 200 };
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        code_begin();
        emit(CSRRW(ZERO, CSR_MINSTRET, A1));
        for (unsigned k = 0; k < counts[i]; k++)
            emit(k % 3 == 0 ? C_NOP : ADDI(A2, A2, 1));
        emit(CSRRS(A0, CSR_MINSTRET, ZERO));
        struct trap trap = run_code(MODE_M, ARGS(0, 1000));
        check_equal(trap.x[A0], 1000 + counts[i], "minstret-exact");
    }
    /* A loop of two instructions, 50 times. */
    code_begin();
    emit(LI(A2, 50));
    emit(CSRRW(ZERO, CSR_MINSTRET, ZERO));
    emit(ADDI(A2, A2, -1));
    emit(0xfe061ee3); /* bnez a2, -4 */
    emit(CSRRS(A0, CSR_MINSTRET, ZERO));
    struct trap trap = run_code(MODE_M, ARGS(0));
    check_equal(trap.x[A0], 100, "minstret-loop");

    /* Instructions that trap do not retire, ecall and ebreak included (3.3.1). */
    static const uint32_t traps[] = { ECALL, EBREAK, 0xffffffff, LW(A3, ZERO, 8) };
    for (unsigned i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
        code_begin();
        emit(CSRRW(ZERO, CSR_MTVEC, A1));
        emit(CSRRW(ZERO, CSR_MINSTRET, ZERO));
        emit(NOP);
        emit(NOP);
        emit(traps[i]);
        emit(NOP);
        emit(NOP);
        emit(NOP); /* at +32, the handler: */
        emit(CSRRS(A0, CSR_MINSTRET, ZERO));
        emit(CSRRW(ZERO, CSR_MTVEC, A2));
        trap = run_code(MODE_M, ARGS(0, CODE + 32, (uintptr_t)m_entry));
        csr_write(CSR_MTVEC, (uintptr_t)m_entry);
        check_cause(&trap, CAUSE_NONE, "minstret-trap-return");
        check_equal(trap.x[A0], 2, "minstret-trap");
    }
}

static void test_writes(void)
{
#if XLEN == 64
    csr_write(CSR_MCYCLE, 0x123456789abcdef0);
    check_equal(csr_read(CSR_MCYCLE) >> 32, 0x12345678, "mcycle-write");
    check_equal(csr_read(CSR_CYCLE) >> 32, 0x12345678, "cycle-mirrors");
    csr_write(CSR_MINSTRET, 0x1122334400000000);
    check_equal(csr_read(CSR_INSTRET) >> 32, 0x11223344, "instret-mirrors");
#else
    csr_write(CSR_MCYCLE, 0);
    csr_write(CSR_MCYCLEH, 0x12345678);
    check_equal(csr_read(CSR_MCYCLEH), 0x12345678, "mcycleh-write");
    check_equal(csr_read(CSR_CYCLEH), 0x12345678, "cycleh-mirrors");
    csr_write(CSR_MINSTRET, 0);
    csr_write(CSR_MINSTRETH, 0x11223344);
    check_equal(csr_read(CSR_INSTRETH), 0x11223344, "instreth-mirrors");
    /* The carry goes into the high half. */
    csr_write(CSR_MINSTRETH, 7);
    csr_write(CSR_MINSTRET, 0xfffffffe);
    __asm__ volatile("nop\n nop\n nop\n nop");
    check_equal(csr_read(CSR_MINSTRETH), 8, "minstret-carry");
#endif
    csr_write(CSR_MCYCLE, 0);
    uintptr_t before = csr_read(CSR_MCYCLE);
    for (volatile int i = 0; i < 1000; i++) {
    }
    check_true(csr_read(CSR_MCYCLE) > before, "mcycle-counts");
}

static void test_inhibit(void)
{
    csr_write(CSR_MCOUNTINHIBIT, 5);
    csr_write(CSR_MINSTRET, 77);
    csr_write(CSR_MCYCLE, 99);
    for (volatile int i = 0; i < 1000; i++) {
    }
    check_equal(csr_read(CSR_MINSTRET), 77, "minstret-inhibited");
    check_equal(csr_read(CSR_MCYCLE), 99, "mcycle-inhibited");
    csr_write(CSR_MCOUNTINHIBIT, 4);
    uintptr_t cycle = csr_read(CSR_MCYCLE);
    for (volatile int i = 0; i < 1000; i++) {
    }
    check_true(csr_read(CSR_MCYCLE) > cycle, "mcycle-goes-on");
    check_equal(csr_read(CSR_MINSTRET), 77, "minstret-still-inhibited");
    csr_write(CSR_MCOUNTINHIBIT, 0);
    uintptr_t instret = csr_read(CSR_MINSTRET);
    for (volatile int i = 0; i < 100; i++) {
    }
    check_true(csr_read(CSR_MINSTRET) > instret, "minstret-goes-on");
}

static void test_gates(void)
{
    static const uint16_t counters[] = {
        CSR_CYCLE,
        CSR_TIME,
        CSR_INSTRET,
        CSR_HPMCOUNTER3,
        CSR_HPMCOUNTER3 + 28,
#if XLEN == 32
        CSR_CYCLEH,
        CSR_TIMEH,
        CSR_INSTRETH,
        CSR_HPMCOUNTER3 + 0x80
#endif
    };
    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        unsigned csr = counters[i];
        uintptr_t bit = (uintptr_t)1 << (csr & 31);
        uint32_t insn = CSRRS(A0, csr, ZERO);
        csr_write(CSR_MCOUNTEREN, ~bit);
        csr_write(CSR_SCOUNTEREN, -1);
        struct trap trap = csr_try_read(MODE_M, csr);
        check_cause(&trap, CAUSE_NONE, "m-not-gated");
        trap = csr_try_read(MODE_S, csr);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, insn, "mcounteren-gates-s");
        trap = csr_try_read(MODE_U, csr);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, insn, "mcounteren-gates-u");
        csr_write(CSR_MCOUNTEREN, -1);
        csr_write(CSR_SCOUNTEREN, ~bit);
        if (!(csr_read(CSR_MCOUNTEREN) & bit))
            continue; /* WARL: this hpm counter does not exist */
        trap = csr_try_read(MODE_S, csr);
        check_cause(&trap, CAUSE_NONE, "scounteren-not-s");
        trap = csr_try_read(MODE_U, csr);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, insn, "scounteren-gates-u");
        csr_write(CSR_SCOUNTEREN, -1);
        trap = csr_try_read(MODE_U, csr);
        check_cause(&trap, CAUSE_NONE, "u-allowed");
    }
    csr_write(CSR_MCOUNTEREN, 7);
    csr_write(CSR_SCOUNTEREN, 7);
}

/* time is mtime as the CLINT shows it (3.1.10, 3.2.1). */
static void test_time(void)
{
    uint64_t last = clint_mtime();
    for (int i = 0; i < 100; i++) {
        uint64_t time = csr_read(CSR_TIME);
#if XLEN == 32
        uint32_t high;
        do {
            high = csr_read(CSR_TIMEH);
            time = csr_read(CSR_TIME);
        } while (high != csr_read(CSR_TIMEH));
        time |= (uint64_t)high << 32;
#endif
        uint64_t mtime = clint_mtime();
        if (time < last || mtime < time) {
            check_equal(time, mtime, "time-is-mtime");
            return;
        }
        last = mtime;
    }
    check_true(true, "time-is-mtime");
    uint64_t start = clint_mtime();
    while (clint_mtime() == start) {
    }
    check_true(clint_mtime() > start, "mtime-counts");
}

/* All 29 counters exist; an implementation may tie them to zero (3.1.10). */
static void test_hpm(void)
{
    for (unsigned n = 3; n < 32; n++) {
        struct trap trap = csr_try_read(MODE_M, CSR_MCYCLE + n);
        check_cause(&trap, CAUSE_NONE, "mhpmcounter");
        trap = csr_try_read(MODE_M, CSR_MCOUNTINHIBIT + n);
        check_cause(&trap, CAUSE_NONE, "mhpmevent");
        trap = csr_try_write(MODE_M, CSR_MCOUNTINHIBIT + n, 0);
        check_cause(&trap, CAUSE_NONE, "mhpmevent-write");
        trap = csr_try_read(MODE_M, CSR_CYCLE + n);
        check_cause(&trap, CAUSE_NONE, "hpmcounter");
    }
}

void test_main(void)
{
    test_writes();
    test_inhibit();
    test_gates();
    test_time();
    test_hpm();
    test_minstret_exact();
}
