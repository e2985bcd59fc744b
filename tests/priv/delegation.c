/* SPDX-License-Identifier: MIT
 *
 * medeleg and mideleg (Priv. 3.1.8), what the supervisor's handler sees (4.1.1, 4.1.7 to 4.1.9), and vectored
 * and direct mode in M and S (3.1.7, 4.1.2).
 */
#include "test.h"

const char test_name[] = "delegation";

static void delegate(uintptr_t exceptions, uintptr_t interrupts)
{
    csr_write(CSR_MEDELEG, exceptions);
    csr_write(CSR_MIDELEG, interrupts);
}

static void test_exceptions(void)
{
    static const struct {
        uintptr_t cause;
        uint32_t insn;
        uintptr_t tval;
    } cases[] = {
        { CAUSE_ILLEGAL, 0xffffffff, 0xffffffff },       { CAUSE_BREAK, EBREAK, 0 },
        { CAUSE_LOAD_ACCESS, LW(A0, A1, 0), HOLE },      { CAUSE_STORE_ACCESS, SW(A0, A1, 0), HOLE },
        { CAUSE_FETCH_ACCESS, JALR(ZERO, A1, 0), HOLE }, { CAUSE_ECALL_U, ECALL, 0 },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uintptr_t epc = cases[i].cause == CAUSE_FETCH_ACCESS ? HOLE : CODE;
        for (unsigned m = 0; m < 4; m++) {
            if (m == 2)
                continue;
            delegate((uintptr_t)1 << cases[i].cause, 0);
            /* s_entry must be able to leave: by ebreak, unless breakpoints are delegated */
            run_s_break = cases[i].cause != CAUSE_BREAK;
            csr_write(CSR_MCAUSE, 0x1f);
            struct trap trap = run_insn((enum mode)m, cases[i].insn, ARGS(0, HOLE));
            delegate(0, 0);
            bool call = cases[i].cause == CAUSE_ECALL_U;
            uintptr_t cause = call && m == MODE_S   ? CAUSE_ECALL_S
                              : call && m == MODE_M ? CAUSE_ECALL_M
                                                    : cases[i].cause;
            uintptr_t tval = cause == CAUSE_BREAK ? trap.tval : cases[i].tval;
            check_trap(&trap, cause, epc, tval, "delegated");
            /* "Traps never transition from a more-privileged mode to a less-privileged mode." 3.1.8 */
            enum mode want = m == MODE_M || cause != cases[i].cause ? MODE_M : MODE_S;
            check_equal(trap.handler, want, "handler");
            if (want == MODE_S)
                check_equal(trap.status & STATUS_SPP, m == MODE_S ? STATUS_SPP : 0, "spp-is-mode");
            if (want == MODE_S) { /* M's own registers do not change, except by the way out of s_entry */
                struct context *context = &contexts[0];
                check_equal(context->m_cause, run_s_break ? CAUSE_BREAK : CAUSE_ECALL_S, "way-out");
            }
        }
    }
    run_s_break = false;
}

/* "SPIE is set to SIE, SIE to 0" (4.1.1); M's MIE and MPIE do not change. */
static void test_sstatus(void)
{
    delegate(1 << CAUSE_ILLEGAL, 0);
    for (unsigned enabled = 0; enabled < 2; enabled++) {
        run_status = run_status_default | (enabled ? STATUS_SIE : 0) | STATUS_SUM | STATUS_MXR | STATUS_TW;
        struct trap trap = run_insn(MODE_S, 0xffffffff, ARGS(0));
        check_equal(trap.status & STATUS_SPIE, enabled ? STATUS_SPIE : 0, "spie-is-sie");
        check_equal(trap.status & STATUS_SIE, 0, "sie-cleared");
        check_equal(trap.status & STATUS_SPP, STATUS_SPP, "spp-is-s");
        check_equal(trap.status & (STATUS_SUM | STATUS_MXR), STATUS_SUM | STATUS_MXR, "sum-mxr-visible");
        check_equal(trap.status & (STATUS_MPP | STATUS_MPIE | STATUS_MIE | STATUS_MPRV | STATUS_TW), 0,
                    "machine-fields-hidden");
        check_equal(trap.status & STATUS_FS, STATUS_FS_DIRTY, "fs-visible");
        check_equal(trap.status & STATUS_SD, STATUS_SD, "sd-visible");
    }
    run_status = run_status_default;
    /* Writes through sstatus change only its own fields. */
    struct trap trap = csr_try_write(MODE_S, CSR_SSTATUS, ~(uintptr_t)STATUS_SIE);
    check_cause(&trap, CAUSE_NONE, "sstatus-write");
    check_equal(trap.status & (STATUS_SUM | STATUS_MXR | STATUS_SPIE | STATUS_SPP),
                STATUS_SUM | STATUS_MXR | STATUS_SPIE | STATUS_SPP, "sstatus-write-takes");
    check_equal(trap.status & (STATUS_TW | STATUS_TVM | STATUS_TSR | STATUS_MPRV), 0, "sstatus-write-hidden");
#if XLEN == 64
    check_equal(trap.status >> 32 & 3, 2, "uxl-stays-64");
#endif
    delegate(0, 0);
}

static void test_registers(void)
{
    /* 3.1.8: bit 11 (ecall from M) is read-only zero; the bits that can be delegated keep their value. */
    delegate(~(uintptr_t)0, ~(uintptr_t)0);
    uintptr_t exceptions = csr_read(CSR_MEDELEG), interrupts = csr_read(CSR_MIDELEG);
    check_equal(exceptions & 1 << CAUSE_ECALL_M, 0, "medeleg-11-zero");
    check_equal(exceptions & 0xb3fc, 0xb3fc, "medeleg-delegable");
    check_equal(interrupts & 0x222, 0x222, "mideleg-supervisor");
    check_equal(interrupts & 0x888, 0, "mideleg-machine-zero");
    delegate(0, 0);
    check_equal(csr_read(CSR_MEDELEG), 0, "medeleg-clear");
    check_equal(csr_read(CSR_MIDELEG), 0, "mideleg-clear");
}

static void test_interrupt_delegation(void)
{
    /* SSIP, not delegated: from S it is taken in M, whatever SIE is; in M it is not taken with MIE = 0. */
    csr_write(CSR_MIE, MIP_SSIP);
    csr_set(CSR_MIP, MIP_SSIP);
    struct trap trap = run_insn(MODE_S, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_SSI), CODE, 0, "ssi-to-m");
    check_equal(trap.handler, MODE_M, "ssi-to-m-handler");
    trap = run_insn(MODE_M, NOP, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "ssi-masked-by-mie");
    run_status |= STATUS_MPIE;
    trap = run_insn(MODE_M, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_SSI), CODE, 0, "ssi-in-m");
    run_status = run_status_default;

    /* Delegated: S takes it if SIE is set, U always, and M never ("will not be taken when executing in
     * M"). */
    delegate(0, MIP_SSIP);
    trap = run_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "ssi-masked-by-sie");
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_SSI), CODE, 0, "ssi-from-u");
    check_equal(trap.handler, MODE_S, "ssi-from-u-handler");
    check_equal(trap.status & STATUS_SPP, 0, "ssi-from-u-spp");
    run_status |= STATUS_SIE | STATUS_MPIE;
    trap = run_insn(MODE_S, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_SSI), CODE, 0, "ssi-from-s");
    check_equal(trap.handler, MODE_S, "ssi-from-s-handler");
    trap = run_insn(MODE_M, NOP, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "delegated-never-in-m");
    run_status = run_status_default;
    csr_clear(CSR_MIP, MIP_SSIP);
    csr_write(CSR_MIE, 0);
    delegate(0, 0);
}

static void test_vectored(void)
{
    /* mtvec.MODE = 1: exceptions go to the base (entry 0), interrupts to base + 4 x cause. 3.1.7 */
    csr_write(CSR_MTVEC, (uintptr_t)m_vectors | 1);
    check_equal(csr_read(CSR_MTVEC), (uintptr_t)m_vectors | 1, "mtvec-vectored");
    struct trap trap = run_insn(MODE_U, EBREAK, ARGS(0));
    check_equal((uint64_t)trap.vector, 0, "m-exception-at-base");
    csr_write(CSR_MIE, MIP_SSIP | MIP_MSIP);
    csr_set(CSR_MIP, MIP_SSIP);
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_equal((uint64_t)trap.vector, IRQ_SSI, "m-vector-1");
    clint_set_msip(0, true);
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_equal((uint64_t)trap.vector, IRQ_MSI, "m-vector-3");
    clint_set_msip(0, false);
    csr_write(CSR_MTVEC, (uintptr_t)m_entry);
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_equal((uint64_t)(int64_t)trap.vector, UINT64_MAX, "m-direct");
    check_cause(&trap, INTERRUPT(IRQ_SSI), "m-direct-cause");

    delegate(1 << CAUSE_ILLEGAL, MIP_SSIP);
    csr_write(CSR_STVEC, (uintptr_t)s_vectors | 1);
    check_equal(csr_read(CSR_STVEC), (uintptr_t)s_vectors | 1, "stvec-vectored");
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_equal((uint64_t)trap.vector, IRQ_SSI, "s-vector-1");
    check_equal(trap.handler, MODE_S, "s-vector-handler");
    csr_clear(CSR_MIP, MIP_SSIP);
    trap = run_insn(MODE_U, 0xffffffff, ARGS(0));
    check_equal((uint64_t)trap.vector, 0, "s-exception-at-base");
    csr_write(CSR_STVEC, (uintptr_t)s_entry);
    trap = run_insn(MODE_U, 0xffffffff, ARGS(0));
    check_equal((uint64_t)(int64_t)trap.vector, UINT64_MAX, "s-direct");
    csr_write(CSR_MIE, 0);
    delegate(0, 0);
}

void test_main(void)
{
    test_registers();
    test_exceptions();
    test_sstatus();
    test_interrupt_delegation();
    test_vectored();
}
