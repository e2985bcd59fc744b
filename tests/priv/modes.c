/* SPDX-License-Identifier: MIT
 *
 * mret, sret and wfi, and the bits that trap them: mstatus.TSR, TVM, TW, MPRV
 * (Priv. 3.1.6, 3.3.2, 3.3.3, 4.2.1).
 */
#include "test.h"

const char test_name[] = "modes";

/* "When executing an xRET instruction, supposing xPP holds y: xIE is set to xPIE; the privilege mode is
 * changed to y; xPIE is set to 1; and xPP is set to the least-privileged supported mode. If y != M, xRET also
 * sets MPRV = 0." run() leaves by mret, so the code only has to look. */
static void test_mret(void)
{
    for (unsigned pie = 0; pie < 2; pie++) {
        run_status = run_status_default | STATUS_MPRV | (pie ? STATUS_MPIE : 0);
        code_begin();
        emit(CSRRS(A0, CSR_MSTATUS, ZERO));
        struct trap trap = run_code(MODE_M, ARGS(0));
        uintptr_t status = trap.x[A0];
        check_equal(status & STATUS_MIE, pie ? STATUS_MIE : 0, "mret-mie-is-mpie");
        check_equal(status & STATUS_MPIE, STATUS_MPIE, "mret-mpie-set");
        check_equal(status & STATUS_MPP, 0, "mret-mpp-u");
        check_equal(status & STATUS_MPRV, STATUS_MPRV, "mret-to-m-keeps-mprv");
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            trap = run_insn(mode, EBREAK, ARGS(0));
            check_equal(trap.status & STATUS_MPRV, 0, "mret-clears-mprv");
            check_equal(trap.status & STATUS_MPIE, pie ? STATUS_MPIE : 0, "mret-mie-into-mode");
            check_equal(trap.status & STATUS_MPP, STATUS_MPP_OF(mode), "mret-mode");
        }
    }
    run_status = run_status_default;
}

static void test_sret(void)
{
    for (unsigned from_m = 0; from_m < 2; from_m++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            bool spp = bits & 1, spie = bits & 2;
            run_status = run_status_default | (spp ? STATUS_SPP : 0) | (spie ? STATUS_SPIE : 0) |
                         (from_m ? STATUS_TSR : 0); /* TSR binds S only */
            code_begin();
            if (from_m)
                emit(CSRRS(ZERO, CSR_MSTATUS, A1)); /* MPRV, which sret clears */
            emit(CSRRW(ZERO, CSR_SEPC, A0));
            emit(SRET);
            emit(0xffffffff);
            emit(0xffffffff);
            struct trap trap =
                run_code(from_m ? MODE_M : MODE_S, ARGS((uintptr_t)run_return & ~(uintptr_t)1, STATUS_MPRV));
            check_cause(&trap, CAUSE_NONE, "sret-target");
            check_equal(trap.status & STATUS_MPP, STATUS_MPP_OF(spp ? MODE_S : MODE_U), "sret-mode");
            check_equal(trap.status & STATUS_SIE, spie ? STATUS_SIE : 0, "sret-sie-is-spie");
            check_equal(trap.status & STATUS_SPIE, STATUS_SPIE, "sret-spie-set");
            check_equal(trap.status & STATUS_SPP, 0, "sret-spp-u");
            check_equal(trap.status & STATUS_MPRV, 0, "sret-clears-mprv");
        }
    }
    run_status = run_status_default;
}

static void test_privilege(void)
{
    static const struct {
        uint32_t insn;
        enum mode least;
        const char *name;
    } cases[] = {
        { MRET, MODE_M, "mret-privilege" },
        { SRET, MODE_S, "sret-privilege" },
        { SFENCE_VMA(ZERO, ZERO), MODE_S, "sfence-privilege" },
        { CSRRS(A0, CSR_SATP, ZERO), MODE_S, "satp-privilege" },
        { SINVAL_VMA(ZERO, ZERO), MODE_S, "sinval-privilege" },
        { SFENCE_W_INVAL, MODE_S, "sfence-w-inval-privilege" },
        { SFENCE_INVAL_IR, MODE_S, "sfence-inval-ir-privilege" },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned mode = 0; mode < cases[i].least; mode++) {
            if (mode == 2)
                continue;
            struct trap trap = run_insn((enum mode)mode, cases[i].insn, ARGS(0));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, cases[i].insn, cases[i].name);
        }
        if (i >= 2) {
            struct trap trap = run_insn(MODE_S, cases[i].insn, ARGS(0));
            check_cause(&trap, CAUSE_NONE, cases[i].name);
            trap = run_insn(MODE_M, cases[i].insn, ARGS(0));
            check_cause(&trap, CAUSE_NONE, cases[i].name);
        }
    }
}

static void test_virtualization_bits(void)
{
    static const struct {
        uintptr_t bit;
        uint32_t insn;
        const char *name;
    } cases[] = {
        { STATUS_TSR, SRET, "tsr-sret" },
        { STATUS_TVM, CSRRS(A0, CSR_SATP, ZERO), "tvm-satp-read" },
        { STATUS_TVM, CSRRW(A0, CSR_SATP, ZERO), "tvm-satp-write" },
        { STATUS_TVM, SFENCE_VMA(ZERO, ZERO), "tvm-sfence" },
        { STATUS_TVM, SINVAL_VMA(ZERO, ZERO), "tvm-sinval" },
        { STATUS_TW, WFI, "tw-wfi" },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run_status = run_status_default | cases[i].bit;
        struct trap trap = run_insn(MODE_S, cases[i].insn, ARGS(0));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, cases[i].insn, cases[i].name);
        if (cases[i].bit == STATUS_TVM) { /* "affects S-mode only" */
            trap = run_insn(MODE_M, cases[i].insn, ARGS(0));
            check_cause(&trap, CAUSE_NONE, "tvm-not-in-m");
        }
    }
    /* "SFENCE.W.INVAL and SFENCE.INVAL.IR are unaffected by TVM" (5.6, Svinval) */
    run_status = run_status_default | STATUS_TVM;
    struct trap trap = run_insn(MODE_S, SFENCE_W_INVAL, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "tvm-not-w-inval");
    trap = run_insn(MODE_S, SFENCE_INVAL_IR, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "tvm-not-inval-ir");
    run_status = run_status_default | STATUS_TW;
    trap = run_insn(MODE_U, WFI, ARGS(0));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, WFI, "tw-wfi-u");
    run_status = run_status_default;
}

/* wfi resumes on an interrupt that is pending and enabled in mie even if it is not taken: "unaffected by the
 * global interrupt bits in mstatus and the delegation register" (3.3.3); afterwards pc is that of wfi + 4. */
static void test_wfi(void)
{
    csr_write(CSR_MIDELEG, MIP_SSIP);
    csr_write(CSR_MIE, MIP_SSIP);
    csr_set(CSR_MIP, MIP_SSIP);
    struct trap trap = run_insn(MODE_M, WFI, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "wfi-m-wakes-untaken");
    run_status = run_status_default | STATUS_TW; /* TW does not affect M */
    trap = run_insn(MODE_M, WFI, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "wfi-m-ignores-tw");
    run_status = run_status_default;
    trap = run_insn(MODE_S, WFI, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "wfi-s-wakes-untaken");
    csr_clear(CSR_MIP, MIP_SSIP);
    csr_write(CSR_MIDELEG, 0);

    /* Sleeps until the timer fires: with MIE = 0 the code continues after wfi, with MIE = 1 the trap's mepc
     * points there. */
    csr_write(CSR_MIE, MIP_MTIP);
    for (unsigned enabled = 0; enabled < 2; enabled++) {
        uint64_t end = 0;
        run_status = run_status_default | (enabled ? STATUS_MPIE : 0);
        for (unsigned tries = 0; tries < 20; tries++) { /* on a busy host it may fire before wfi */
            clint_set_mtimecmp(0, UINT64_MAX);
            end = clint_mtime() + 20000; /* 2 ms */
            clint_set_mtimecmp(0, end);
            trap = run_insn(MODE_M, WFI, ARGS(0));
            if (trap.epc != CODE)
                break;
        }
        check_true(clint_mtime() >= end, "wfi-slept");
        check_trap(&trap, enabled ? INTERRUPT(IRQ_MTI) : CAUSE_NONE, CODE + 4, 0, "wfi-timer");
        clint_set_mtimecmp(0, UINT64_MAX);
    }
    csr_write(CSR_MIE, 0);
    run_status = run_status_default;
}

/* MPRV: "loads and stores as though the current mode were set to MPP"; it does not affect fetches (3.1.6.3).
 * The test uses PMP to deny S and U access to one word. */
static uint64_t secret __attribute__((aligned(8)));

static void test_mprv(void)
{
    secret = 0x1234;
    csr_write(CSR_PMPADDR0 + 1, -1);
    csr_write(CSR_PMPADDR0, (uintptr_t)&secret >> 2);
    csr_write(CSR_PMPCFG0, 0x1f << 8 | 0x10); /* NA4 without rights, then everything */
    __asm__ volatile("sfence.vma" ::: "memory");
    for (unsigned m = 0; m < 4; m++) {
        if (m == 2)
            continue;
        code_begin();
        emit(CSRRW(A3, CSR_MSTATUS, A0));
        uintptr_t at = emit(LW(A2, A1, 0));
        emit(CSRRW(ZERO, CSR_MSTATUS, A3));
        struct trap trap =
            run_code(MODE_M, ARGS(run_status | STATUS_MPRV | STATUS_MPP_OF(m), (uintptr_t)&secret));
        if (m == MODE_M) {
            check_cause(&trap, CAUSE_NONE, "mprv-as-m");
            check_equal(trap.x[A2], 0x1234, "mprv-as-m-value");
        } else {
            check_trap(&trap, CAUSE_LOAD_ACCESS, at, (uintptr_t)&secret, "mprv-as-less");
            check_equal(trap.status & STATUS_MPP, STATUS_MPP, "mprv-trap-is-from-m");
            check_equal(trap.status & STATUS_MPRV, STATUS_MPRV, "mprv-survives-trap");
        }
    }
    csr_write(CSR_PMPADDR0, -1);
    csr_write(CSR_PMPCFG0, 0x1f);
    __asm__ volatile("sfence.vma" ::: "memory");
}

void test_main(void)
{
    test_mret();
    test_sret();
    test_privilege();
    test_virtualization_bits();
    test_wfi();
    test_mprv();
}
