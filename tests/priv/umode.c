/* SPDX-License-Identifier: MIT
 *
 * Harts without S-mode, with U-mode or M-mode alone (Priv. "Privilege Levels"): which registers and
 * instructions there are, what mstatus holds, and what U-mode may do. misa says which kind of hart this is.
 */
#include "test.h"

const char test_name[] = "umode";

#define PMP_NONE 0x18 /* NAPOT, without any right */
#define PMP_ALL  0x1f

static bool has_u;
static uintptr_t cell[64] __attribute__((aligned(512)));

/* ---- What there is ------------------------------------------------------------------------------------- */

static void check_missing(const uint16_t *numbers, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        struct trap trap = csr_try_read(MODE_M, numbers[i]);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, numbers[i], ZERO), name);
        trap = csr_try_write(MODE_M, numbers[i], 0);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRW(A0, numbers[i], A0), name);
    }
}

static void test_registers(void)
{
    static const uint16_t supervisor[] = { CSR_SSTATUS, CSR_SIE,      CSR_STVEC,  CSR_SCOUNTEREN,
                                           CSR_SENVCFG, CSR_SEPC,     CSR_SCAUSE, CSR_STVAL,
                                           CSR_SIP,     CSR_STIMECMP, CSR_SATP,   CSR_SSCRATCH };
    static const uint16_t delegation[] = { CSR_MEDELEG, CSR_MIDELEG };
    static const uint16_t of_u[] = { CSR_MCOUNTEREN, CSR_MENVCFG };
    check_true(!misa_has('S'), "misa-s");
    check_missing(supervisor, sizeof(supervisor) / sizeof(supervisor[0]), "supervisor-csr");
    check_missing(delegation, 2, "delegation"); /* 3.1.8: "should not exist" */
    if (!has_u)
        check_missing(of_u, 2, "csr-for-u"); /* 3.1.11, 3.1.18 */
    else
        check_true(csr_exists(CSR_MCOUNTEREN), "mcounteren");
    csr_write(CSR_MIE, -1);
    check_equal(csr_read(CSR_MIE) & (MIP_SSIP | MIP_STIP | MIP_SEIP), 0, "mie-of-s");
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIP, -1);
    check_equal(csr_read(CSR_MIP) & (MIP_SSIP | MIP_STIP | MIP_SEIP), 0, "mip-of-s");
}

static void test_instructions(void)
{
    static const struct {
        uint32_t insn;
        const char *name;
    } cases[] = {
        { SRET, "sret" },
        { SFENCE_VMA(ZERO, ZERO), "sfence" },
        { SINVAL_VMA(ZERO, ZERO), "sinval" },
        { MRET, "mret-in-u" },
        { CSRRS(A0, CSR_MSTATUS, ZERO), "mstatus-in-u" },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trap trap;
        if (i < 3) {
            trap = run_insn(MODE_M, cases[i].insn, ARGS(0));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, cases[i].insn, cases[i].name);
        }
        if (has_u) {
            trap = run_insn(MODE_U, cases[i].insn, ARGS(0));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, cases[i].insn, cases[i].name);
        }
    }
}

/* ---- mstatus ------------------------------------------------------------------------------------------- */

/* Bits of S-mode are read-only zero without it; MPRV and TW without U-mode (3.1.6.3 to 3.1.6.5). */
static void test_status(void)
{
    const uintptr_t of_s =
        STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_SUM | STATUS_MXR | STATUS_TVM | STATUS_TSR;
    const uintptr_t of_u = STATUS_TW | STATUS_MPRV;
    uintptr_t least = has_u ? MODE_U : MODE_M;
    csr_set(CSR_MSTATUS, of_s | STATUS_TW);
    uintptr_t status = csr_read(CSR_MSTATUS);
    check_equal(status & of_s, 0, "mstatus-of-s");
    check_equal(status & STATUS_TW, has_u ? STATUS_TW : 0, "mstatus-tw");
    csr_set(CSR_MSTATUS, STATUS_MPP); /* so that MPRV changes nothing */
    csr_set(CSR_MSTATUS, STATUS_MPRV);
    check_equal(csr_read(CSR_MSTATUS) & STATUS_MPRV, has_u ? STATUS_MPRV : 0, "mstatus-mprv");
    csr_clear(CSR_MSTATUS, of_u);
#if XLEN == 64
    check_equal(status >> 32 & 3, has_u ? 2 : 0, "mstatus-uxl"); /* 3.1.6.2 */
    check_equal(status >> 34 & 3, 0, "mstatus-sxl");
#endif
    for (unsigned from = 0; from < 4; from += 3) {
        for (uintptr_t mode = 0; mode < 4; mode++) {
            csr_set(CSR_MSTATUS, STATUS_MPP);
            if (!from && has_u)
                csr_clear(CSR_MSTATUS, STATUS_MPP);
            bool legal = mode == MODE_M || (mode == MODE_U && has_u);
            csr_write(CSR_MSTATUS, run_status_default | STATUS_MPP_OF(mode));
            uintptr_t mpp = csr_read(CSR_MSTATUS) & STATUS_MPP;
            if (legal)
                check_equal(mpp, STATUS_MPP_OF(mode), "mpp-legal");
            else
                check_true(mpp == STATUS_MPP || (has_u && !mpp), "mpp-reserved");
        }
    }
    struct trap trap = run_insn(MODE_M, CSRRS(A0, CSR_MSTATUS, ZERO), ARGS(0));
    check_equal(trap.x[A0] & STATUS_MPP, STATUS_MPP_OF(least), "mret-mpp");
}

/* ---- U-mode -------------------------------------------------------------------------------------------- */

static void test_calls(void)
{
    for (unsigned i = 0; i < 20; i++) { /* hot code, too */
        struct trap trap = run_insn(MODE_U, ECALL, ARGS(0));
        check_trap(&trap, CAUSE_ECALL_U, CODE, 0, "ecall");
        check_equal(trap.status & STATUS_MPP, 0, "ecall-mpp");
        trap = run_insn(MODE_U, LX(A0, A1, 0), ARGS(0, (uintptr_t)cell)); /* no translation */
        check_cause(&trap, CAUSE_NONE, "load");
        check_equal(trap.x[A0], cell[0], "load-value");
    }
}

/* 3.1.11: mcounteren alone permits counters. */
static void test_counters(void)
{
    static const uint16_t numbers[] = { CSR_CYCLE, CSR_TIME, CSR_INSTRET };
    for (unsigned enabled = 0; enabled < 8; enabled++) {
        csr_write(CSR_MCOUNTEREN, enabled);
        for (unsigned i = 0; i < 3; i++) {
            struct trap trap = csr_try_read(MODE_M, numbers[i]);
            check_cause(&trap, CAUSE_NONE, "counter-in-m");
            trap = csr_try_read(MODE_U, numbers[i]);
            check_cause(&trap, enabled >> i & 1 ? CAUSE_NONE : CAUSE_ILLEGAL, "counter-in-u");
        }
    }
}

/* 3.3.3: without S-mode wfi is legal in U-mode unless TW is set. Interrupts of M-mode are always enabled
 * there. */
static void test_wait(void)
{
    csr_write(CSR_MIE, MIP_MTIP);
    for (unsigned i = 0; i < 4; i++) {
        clint_set_mtimecmp(0, clint_mtime() + 20000);
        code_begin();
        emit(WFI);
        emit(ADDI(A0, A0, 1));
        emit(0xffdff06f); /* j to the addi */
        struct trap trap = run_code(MODE_U, ARGS(0));
        check_cause(&trap, INTERRUPT(IRQ_MTI), "wfi-in-u");
        check_equal(trap.status & STATUS_MPP, 0, "interrupt-mpp");
        clint_set_mtimecmp(0, UINT64_MAX);
    }
    csr_write(CSR_MIE, 0);
    run_status = run_status_default | STATUS_TW;
    struct trap trap = run_insn(MODE_U, WFI, ARGS(0));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, WFI, "tw-wfi");
    run_status = run_status_default;
}

/* PMP binds U-mode, and M-mode with MPRV, where MPP is U. */
static void test_protection(void)
{
    if (!csr_exists(CSR_PMPCFG0)) {
        skip("pmp", "there is none");
        return;
    }
    csr_write(CSR_PMPADDR0, (uintptr_t)cell >> 2 | (sizeof(cell) / 8 - 1));
    csr_write(CSR_PMPADDR0 + 1, -1);
    csr_write(CSR_PMPCFG0, PMP_ALL << 8 | PMP_NONE);
    for (unsigned i = 0; i < 20; i++) {
        struct trap trap = run_insn(MODE_U, LX(A0, A1, 0), ARGS(0, (uintptr_t)&cell[1]));
        check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, (uintptr_t)&cell[1], "pmp-load");
        trap = run_insn(MODE_U, SX(A0, A1, 0), ARGS(0, (uintptr_t)&cell[1]));
        check_trap(&trap, CAUSE_STORE_ACCESS, CODE, (uintptr_t)&cell[1], "pmp-store");
        trap = run_insn(MODE_M, LX(A0, A1, 0), ARGS(0, (uintptr_t)&cell[1]));
        check_cause(&trap, CAUSE_NONE, "pmp-in-m");
        run_status = run_status_default | STATUS_MPRV; /* mret to M keeps it, and leaves U in MPP */
        trap = run_insn(MODE_M, LX(A0, A1, 0), ARGS(0, (uintptr_t)&cell[1]));
        check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, (uintptr_t)&cell[1], "pmp-mprv");
        run_status = run_status_default;
        trap = run(MODE_U, (uintptr_t)&cell[2], ARGS(0));
        check_trap(&trap, CAUSE_FETCH_ACCESS, (uintptr_t)&cell[2], (uintptr_t)&cell[2], "pmp-fetch");
    }
    csr_write(CSR_PMPADDR0, -1);
    csr_write(CSR_PMPCFG0, PMP_ALL);
}

void test_main(void)
{
    has_u = misa_has('U');
    cell[0] = 0x1234;
    test_registers();
    test_instructions();
    test_status();
    if (!has_u)
        return;
    test_calls();
    test_counters();
    test_wait();
    test_protection();
}
