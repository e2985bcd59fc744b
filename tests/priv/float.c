/* SPDX-License-Identifier: MIT
 *
 * mstatus.FS and SD (Priv. 3.1.6.6), fcsr with fflags and frm, reserved rounding modes (Unpriv. 21.2).
 */
#include "test.h"

const char test_name[] = "float";

#define FADD_S(rm) insn_r(0x53, rm, 0x00, 1, 2, 3)
#define FADD_D(rm) insn_r(0x53, rm, 0x01, 1, 2, 3)
#define FMV_W_X    insn_r(0x53, 0, 0x78, 1, 10, 0)
#define FMV_X_W    insn_r(0x53, 0, 0x70, 10, 1, 0)
#define FEQ_S      insn_r(0x53, 2, 0x50, 10, 1, 2)
#define FMADD_S    (0x43u | 1 << 7 | 2 << 15 | 3 << 20 | 4u << 27)
#define FCVT_W_S   insn_r(0x53, 1, 0x60, 10, 1, 0)

static double memory[2];
static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };

/* "When FS=Off, any attempt to read or write the corresponding state will cause an illegal-instruction
 * exception." */
static void test_off(void)
{
    static const uint32_t insns[] = {
        FADD_S(7),
        FADD_D(7),
        FMV_W_X,
        FMV_X_W,
        FEQ_S,
        FMADD_S,
        FCVT_W_S,
        FLW(1, 11, 0),
        FLD(1, 11, 0),
        FSW(1, 11, 0),
        FSD(1, 11, 0),
        CSRRS(A0, CSR_FFLAGS, ZERO),
        CSRRS(A0, CSR_FRM, ZERO),
        CSRRS(A0, CSR_FCSR, ZERO),
        CSRRW(ZERO, CSR_FCSR, ZERO),
        CSRRWI(ZERO, CSR_FFLAGS, 0),
        0x2188,
        /* c.fld fa0, 0(a1) */ 0xa188, /* c.fsd fa0, 0(a1) */
    };
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        for (unsigned m = 0; m < 3; m++) {
            run_status = (run_status_default & ~STATUS_FS) | STATUS_FS_OFF;
            struct trap trap = run_insn(modes[m], insns[i], ARGS(0, (uintptr_t)memory));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, insns[i], "fs-off");
            check_equal(trap.status & (STATUS_FS | STATUS_SD), 0, "fs-off-stays-off");
            run_status = run_status_default;
            trap = run_insn(modes[m], insns[i], ARGS(0, (uintptr_t)memory));
            check_cause(&trap, CAUSE_NONE, "fs-on");
        }
    }
}

/* An instruction that changes the state leaves FS Dirty, and SD set; the mstatus of the trap shows it. */
static void test_dirty(void)
{
    static const uint32_t insns[] = {
        FADD_S(7),
        FADD_D(0),
        FMV_W_X,
        FMADD_S,
        FLW(1, 11, 0),
        FLD(1, 11, 0),
        0x2188,
        CSRRWI(ZERO, CSR_FCSR, 0),
        CSRRWI(ZERO, CSR_FRM, 1),
        CSRRSI(ZERO, CSR_FFLAGS, 1),
    };
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        for (unsigned state = 1; state <= 2; state++) {
            for (unsigned m = 0; m < 3; m++) {
                run_status = (run_status_default & ~STATUS_FS) | (uintptr_t)state << 13;
                struct trap trap = run_insn(modes[m], insns[i], ARGS(0, (uintptr_t)memory));
                check_cause(&trap, CAUSE_NONE, "fs-on-runs");
                check_equal(trap.status & (STATUS_FS | STATUS_SD), STATUS_FS_DIRTY | STATUS_SD, "fs-dirty");
            }
        }
    }
    /* Flags raised by an instruction that writes no f register are state, too: 0.0 < qNaN sets NV. */
    __asm__ volatile("fmv.w.x f1, zero\n li t0, 0x7fc00000\n fmv.w.x f2, t0\n csrw fflags, zero" ::: "t0");
    run_status = (run_status_default & ~STATUS_FS) | STATUS_FS_CLEAN;
    struct trap trap = run_insn(MODE_U, insn_r(0x53, 1, 0x50, 10, 1, 2) /* flt.s */, ARGS(1));
    check_equal(trap.x[A0], 0, "flt-nan");
    check_equal(trap.status & (STATUS_FS | STATUS_SD), STATUS_FS_DIRTY | STATUS_SD, "fs-dirty-by-flags");
    check_equal(csr_read(CSR_FFLAGS), 0x10, "flt-nan-nv");
    /* Without floating point FS does not change. */
    trap = run_insn(MODE_U, NOP, ARGS(0));
    check_true((trap.status & STATUS_FS) == STATUS_FS_CLEAN, "fs-clean-stays");
    check_equal(trap.status & STATUS_SD, 0, "sd-clear");
    run_status = run_status_default;
    /* The supervisor may turn it off and on through sstatus. */
    code_begin();
    emit(CSRRC(ZERO, CSR_SSTATUS, A1));
    emit(CSRRS(A0, CSR_SSTATUS, ZERO));
    uintptr_t at = emit(FMV_W_X);
    trap = run_code(MODE_S, ARGS(0, STATUS_FS));
    check_trap(&trap, CAUSE_ILLEGAL, at, FMV_W_X, "fs-off-by-sstatus");
    check_equal(trap.x[A0] & (STATUS_FS | STATUS_SD), 0, "sstatus-fs-off");
}

static void test_fcsr(void)
{
    csr_write(CSR_FCSR, -1);
    check_equal(csr_read(CSR_FCSR), 0xff, "fcsr-width");
    check_equal(csr_read(CSR_FFLAGS), 0x1f, "fflags-window");
    check_equal(csr_read(CSR_FRM), 7, "frm-window");
    csr_write(CSR_FFLAGS, 0x3f & ~4);
    check_equal(csr_read(CSR_FCSR), 0xfb, "fflags-write");
    csr_write(CSR_FRM, 0xa);
    check_equal(csr_read(CSR_FCSR), 0x5b, "frm-write");
    csr_write(CSR_FCSR, 0);
}

/* Reserved rounding modes: 5 and 6 static, 5 to 7 dynamic through frm, raise illegal-instruction
 * (Unpriv. 21.2). */
static void test_rounding(void)
{
    for (unsigned rm = 0; rm < 8; rm++) {
        struct trap trap = run_insn(MODE_U, FADD_S(rm), ARGS(0));
        bool bad = rm == 5 || rm == 6;
        check_trap(&trap, bad ? CAUSE_ILLEGAL : CAUSE_NONE, CODE, FADD_S(rm), "static-rounding");
        code_begin();
        emit(CSRRW(ZERO, CSR_FRM, A0));
        uintptr_t at = emit(FADD_D(7));
        trap = run_code(MODE_U, ARGS(rm));
        check_trap(&trap, rm > 4 ? CAUSE_ILLEGAL : CAUSE_NONE, at, FADD_D(7), "dynamic-rounding");
        /* A static mode does not look at frm. */
        trap = run_insn(MODE_U, FADD_D(1), ARGS(0));
        check_cause(&trap, CAUSE_NONE, "static-ignores-frm");
        csr_write(CSR_FCSR, 0);
    }
}

void test_main(void)
{
    test_off();
    test_dirty();
    test_fcsr();
    test_rounding();
}
