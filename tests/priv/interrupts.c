/* SPDX-License-Identifier: MIT
 *
 * Interrupts of the CLINT, of software and of Sstc; which of several is taken first (Priv. 3.1.9, 3.2, 4.1.3,
 * 10 "Sstc").
 */
#include "plic.h"

const char test_name[] = "interrupts";

static void test_timer(void)
{
    csr_write(CSR_MIE, MIP_MTIP);
    clint_set_mtimecmp(0, clint_mtime() - 1);
    check_true(mip_becomes(MIP_MTIP, MIP_MTIP), "mtip-set");
    struct trap trap = run_insn(MODE_U, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_MTI), CODE, 0, "mti");
    csr_write(CSR_MIP, 0); /* read-only there: only mtimecmp clears it */
    check_equal(csr_read(CSR_MIP) & MIP_MTIP, MIP_MTIP, "mtip-read-only");
    clint_set_mtimecmp(0, UINT64_MAX);
    check_true(mip_becomes(MIP_MTIP, 0), "mtip-cleared");
    uint64_t start = clint_mtime(), end = start + 10000;
    clint_set_mtimecmp(0, end);
    check_true(mip_becomes(MIP_MTIP, MIP_MTIP), "mtip-fires");
    check_true(clint_mtime() >= end, "mtip-not-early");
    clint_set_mtimecmp(0, UINT64_MAX);
    csr_write(CSR_MIE, 0);
}

static void test_software(void)
{
    csr_write(CSR_MIE, MIP_MSIP);
    clint_set_msip(0, true);
    check_true(mip_becomes(MIP_MSIP, MIP_MSIP), "msip-set");
    check_equal(mmio_read32(CLINT), 1, "msip-reads");
    struct trap trap = run_insn(MODE_S, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_MSI), CODE, 0, "msi");
    mmio_write32(CLINT, 0xfffffffe); /* "the upper 31 bits are wired to zero" */
    check_true(mip_becomes(MIP_MSIP, 0), "msip-cleared");
    check_equal(mmio_read32(CLINT), 0, "msip-upper-bits-zero");
    csr_write(CSR_MIE, 0);

    /* The supervisor sets its own SSIP through sip, and only if it is delegated. */
    csr_write(CSR_MIDELEG, MIP_SSIP);
    trap = run_insn(MODE_S, CSRRSI(A0, CSR_SIP, MIP_SSIP), ARGS(0));
    check_equal(csr_read(CSR_MIP) & MIP_SSIP, MIP_SSIP, "ssip-by-sip");
    trap = run_insn(MODE_S, CSRRCI(A0, CSR_SIP, MIP_SSIP), ARGS(0));
    check_equal(trap.x[A0], MIP_SSIP, "sip-reads");
    check_equal(csr_read(CSR_MIP) & MIP_SSIP, 0, "ssip-cleared-by-sip");
    csr_write(CSR_MIDELEG, 0);
    run_insn(MODE_S, CSRRSI(A0, CSR_SIP, MIP_SSIP), ARGS(0));
    check_equal(csr_read(CSR_MIP) & MIP_SSIP, 0, "sip-not-delegated");
}

static void stimecmp_write(uint64_t value)
{
#if XLEN == 32
    csr_write(CSR_STIMECMPH, -1);
    csr_write(CSR_STIMECMP, value);
    csr_write(CSR_STIMECMPH, value >> 32);
#else
    csr_write(CSR_STIMECMP, value);
#endif
}

/* Sstc: while menvcfg.STCE = 1, STIP is time >= stimecmp and is read-only in mip; access from S needs STCE
 * and mcounteren.TM. */
static void test_sstc(void)
{
    struct trap trap = csr_try_read(MODE_S, CSR_STIMECMP);
    check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, CSR_STIMECMP, ZERO), "stimecmp-without-stce");
    trap = csr_try_read(MODE_M, CSR_STIMECMP);
    check_cause(&trap, CAUSE_NONE, "stimecmp-in-m");
    menvcfg_write(MENVCFG_STCE);
    stimecmp_write(UINT64_MAX);
    trap = csr_try_read(MODE_S, CSR_STIMECMP);
    check_cause(&trap, CAUSE_NONE, "stimecmp-in-s");
    trap = csr_try_read(MODE_U, CSR_STIMECMP);
    check_cause(&trap, CAUSE_ILLEGAL, "stimecmp-in-u");
    csr_write(CSR_MCOUNTEREN, 5);
    trap = csr_try_read(MODE_S, CSR_STIMECMP);
    check_cause(&trap, CAUSE_ILLEGAL, "stimecmp-without-tm");
    csr_write(CSR_MCOUNTEREN, 7);

    check_true(mip_becomes(MIP_STIP, 0), "stip-clear");
    csr_set(CSR_MIP, MIP_STIP);
    check_equal(csr_read(CSR_MIP) & MIP_STIP, 0, "stip-read-only-with-stce");
    csr_write(CSR_MIDELEG, MIP_STIP);
    csr_write(CSR_MIE, MIP_STIP);
    stimecmp_write(clint_mtime() - 1);
    check_true(mip_becomes(MIP_STIP, MIP_STIP), "stip-set");
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_STI), CODE, 0, "sti");
    check_equal(trap.handler, MODE_S, "sti-handler");
    csr_clear(CSR_MIP, MIP_STIP);
    check_equal(csr_read(CSR_MIP) & MIP_STIP, MIP_STIP, "stip-not-cleared-by-mip");
    stimecmp_write(UINT64_MAX);
    check_true(mip_becomes(MIP_STIP, 0), "stip-cleared-by-stimecmp");
    uint64_t end = clint_mtime() + 20000;
    stimecmp_write(end);
    trap = run_insn(MODE_S, WFI, ARGS(0)); /* sleeps until it fires; SIE = 0 */
    check_cause(&trap, CAUSE_NONE, "stimecmp-wakes-wfi");
    check_true(clint_mtime() >= end, "stimecmp-not-early");
    stimecmp_write(UINT64_MAX);
    menvcfg_write(0);
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIDELEG, 0);
}

/* "Multiple simultaneous interrupts destined for M-mode are handled in the following decreasing priority
 * order: MEI, MSI, MTI, SEI, SSI, STI." 3.1.9 */
static void test_priority(void)
{
    static const uint8_t order[] = { IRQ_MEI, IRQ_MSI, IRQ_MTI, IRQ_SEI, IRQ_SSI, IRQ_STI };
    plic_set_priority(UART_IRQ, 1);
    plic_set_threshold(0, 0);
    plic_enable(0, UART_IRQ, true);
    uart_irq(true);
    clint_set_msip(0, true);
    clint_set_mtimecmp(0, 0);
    csr_write(CSR_MIP, MIP_SEIP | MIP_SSIP | MIP_STIP);
    bool all = mip_becomes(0xaaa, 0xaaa);
    for (unsigned delegated = 0; delegated < 2; delegated++) {
        csr_write(CSR_MIDELEG, delegated ? MIP_SEIP | MIP_SSIP | MIP_STIP : 0);
        uintptr_t enabled = 0xaaa;
        for (unsigned i = 0; i < sizeof(order); i++) {
            csr_write(CSR_MIE, enabled);
            struct trap trap = run_insn(MODE_U, NOP, ARGS(0));
            /* Before anything is printed, because printing changes the UART's interrupt. */
            csr_write(CSR_MIE, 0);
            check_trap(&trap, INTERRUPT(order[i]), CODE, 0, delegated ? "priority-delegated" : "priority");
            check_equal(trap.handler, delegated && i >= 3 ? MODE_S : MODE_M, "priority-handler");
            enabled &= ~((uintptr_t)1 << order[i]);
        }
        /* From S with SIE set, M's interrupts still come first. */
        csr_write(CSR_MIE, 0xaaa & ~MIP_MEIP);
        run_status = run_status_default | STATUS_SIE;
        struct trap trap = run_insn(MODE_S, NOP, ARGS(0));
        csr_write(CSR_MIE, 0);
        run_status = run_status_default;
        check_trap(&trap, INTERRUPT(IRQ_MSI), CODE, 0, "m-before-s");
    }
    check_true(all, "all-six-pending");
    uart_irq(false);
    clint_set_msip(0, false);
    clint_set_mtimecmp(0, UINT64_MAX);
    csr_write(CSR_MIP, 0);
    csr_write(CSR_MIDELEG, 0);
    plic_enable(0, UART_IRQ, false);
}

/* An interrupt that becomes enabled by a write to mstatus or mie or by mret is taken before the next
 * instruction ("evaluated immediately following the execution of an xRET or an explicit write to a CSR ..."
 * 3.1.9). */
static void test_immediate(void)
{
    csr_set(CSR_MIP, MIP_SSIP);
    csr_write(CSR_MIE, MIP_SSIP);
    code_begin();
    emit(CSRRSI(ZERO, CSR_MSTATUS, 8));
    uintptr_t at = emit(LI(A0, 1));
    struct trap trap = run_code(MODE_M, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_SSI), at, 0, "taken-after-mstatus-write");
    check_equal(trap.x[A0], 0, "next-instruction-not-done");
    csr_write(CSR_MIE, 0);
    run_status = run_status_default | STATUS_MPIE;
    code_begin();
    emit(CSRRW(ZERO, CSR_MIE, A1));
    at = emit(LI(A0, 1));
    trap = run_code(MODE_M, ARGS(0, MIP_SSIP));
    check_trap(&trap, INTERRUPT(IRQ_SSI), at, 0, "taken-after-mie-write");
    csr_write(CSR_MIP, 0);
    code_begin();
    emit(CSRRS(ZERO, CSR_MIP, A1));
    at = emit(LI(A0, 1));
    trap = run_code(MODE_M, ARGS(0, MIP_SSIP));
    check_trap(&trap, INTERRUPT(IRQ_SSI), at, 0, "taken-after-mip-write");
    run_status = run_status_default;
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIP, 0);
    csr_write(CSR_MSTATUS, run_status_default);
}

/* The timer ends an endless loop in U. */
static void test_preempt(void)
{
    csr_write(CSR_MIE, MIP_MTIP);
    clint_set_mtimecmp(0, clint_mtime() + 50000);
    struct trap trap = run_insn(MODE_U, 0xa001 /* c.j 0 */, ARGS(0));
    check_trap(&trap, INTERRUPT(IRQ_MTI), CODE, 0, "loop-preempted");
    clint_set_mtimecmp(0, UINT64_MAX);
    csr_write(CSR_MIE, 0);
}

void test_main(void)
{
    test_timer();
    test_software();
    test_sstc();
    test_priority();
    test_immediate();
    test_preempt();
}
