/* SPDX-License-Identifier: MIT
 *
 * The hypervisor extension without address translation: its CSRs, virtual-instruction exceptions, the way of
 * traps and interrupts to M-, HS- and VS-mode, and returns (Priv. "Hypervisor Extension").
 */
#include "lib/hyper.h"

const char test_name[] = "hyper";

#define CHECK_TRAP(t, want, name) check_cause(&(t).trap, want, name)

/* ---- CSRs ---------------------------------------------------------------------------------------------- */

static void csrs(void)
{
    check_true(misa_has('H'), "misa");
    csr_write(CSR_MIDELEG, 0);
    check_equal(csr_read(CSR_MIDELEG) & VS_IRQS, VS_IRQS, "mideleg-has-vs");
    csr_write(CSR_MEDELEG, 0xf00400);
    check_equal(csr_read(CSR_MEDELEG), 0xf00400, "medeleg-has-causes");
    csr_write(CSR_MEDELEG, 0);
    csr_write(CSR_HEDELEG, ~0ul);
    check_equal(csr_read(CSR_HEDELEG) & 0xf00e00, 0, "hedeleg-without");
    check_equal(csr_read(CSR_HEDELEG) & 0xb1ff, 0xb1ff, "hedeleg-with");
    csr_write(CSR_HEDELEG, 0);
    csr_write(CSR_HIDELEG, ~0ul);
    check_equal(csr_read(CSR_HIDELEG) & 0x1fff, VS_IRQS, "hideleg");
    csr_write(CSR_HIDELEG, 0);
    csr_write(CSR_HGATP, 0);
    check_equal(csr_read(CSR_HGEIP), 0, "hgeip");
    csr_write(CSR_HSTATUS, ~0ul);
    uintptr_t fields = HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_HU | HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR;
    check_equal(csr_read(CSR_HSTATUS) & fields, fields, "hstatus-fields");
    check_equal(csr_read(CSR_HSTATUS) & 0x1f, 0, "hstatus-zero");
    csr_write(CSR_HSTATUS, 0);
#if XLEN == 64
    check_equal(csr_read(CSR_HSTATUS) >> 32 & 3, 2, "hstatus-vsxl");
#endif
    csr_write(CSR_VSSTATUS, ~0ul);
    check_equal(csr_read(CSR_VSSTATUS) & 0xc6122, 0xc6122, "vsstatus-fields");
    csr_write(CSR_VSSTATUS, 0);
}

static void hgatp(void)
{
    uintptr_t root = (uintptr_t)gstage_root >> 12;
    csr_write(CSR_HGATP, gstage_hgatp(0) | 3);
    check_equal(csr_read(CSR_HGATP), gstage_hgatp(0), "hgatp-aligned");
    uintptr_t vmids = XLEN == 64 ? 0x3fff : 0x7f;
    csr_write(CSR_HGATP, gstage_hgatp(vmids));
    check_equal(csr_read(CSR_HGATP), gstage_hgatp(vmids), "hgatp-vmid");
#if XLEN == 64
    csr_write(CSR_HGATP, 3ul << 60 | root); /* a reserved mode */
    check_true(csr_read(CSR_HGATP) >> 60 != 3, "hgatp-mode");
#endif
    (void)root;
    csr_write(CSR_HGATP, 0);
    check_equal(csr_read(CSR_HGATP), 0, "hgatp-bare");
}

static void interrupt_csrs(void)
{
    csr_write(CSR_HVIP, ~0ul);
    check_equal(csr_read(CSR_HVIP) & 0x1fff, VS_IRQS, "hvip");
    check_equal(csr_read(CSR_HIP) & 0x1fff, VS_IRQS, "hip");
    check_equal(csr_read(CSR_MIP) & VS_IRQS, VS_IRQS, "mip");
    check_equal(csr_read(CSR_VSIP), 0, "vsip-not-delegated");
    csr_write(CSR_HIDELEG, VS_IRQS);
    check_equal(csr_read(CSR_VSIP), VS_IRQS >> 1, "vsip");
    csr_write(CSR_VSIP, 0);
    check_equal(csr_read(CSR_HVIP) & VS_IRQS, VS_IRQS & ~4ul, "vsip-clears-ssip");
    csr_set(CSR_HIP, 4);
    check_equal(csr_read(CSR_HVIP) & 4, 4, "hip-sets-vssip");
    csr_clear(CSR_MIP, 4);
    check_equal(csr_read(CSR_HVIP) & 4, 0, "mip-clears-vssip");
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_VSIE, ~0ul);
    check_equal(csr_read(CSR_HIE) & 0x1fff, VS_IRQS, "hie-by-vsie");
    check_equal(csr_read(CSR_MIE) & VS_IRQS, VS_IRQS, "mie-by-vsie");
    csr_write(CSR_MIDELEG, MIP_SSIP);
    csr_write(CSR_SIE, 0);
    check_equal(csr_read(CSR_HIE), VS_IRQS, "sie-leaves-hie");
    check_equal(csr_read(CSR_SIE), 0, "sie-without-vs");
    csr_write(CSR_MIDELEG, 0);
    csr_write(CSR_HIE, 0);
    csr_write(CSR_HIDELEG, 0);
}

/* ---- Who may do what ----------------------------------------------------------------------------------- */

static void refused(enum mode mode, uint32_t insn, uintptr_t cause, const char *name)
{
    struct guest_trap trap = guest_insn(mode, insn, ARGS(0));
    CHECK_TRAP(trap, cause, name);
    if (cause == CAUSE_VIRTUAL || cause == CAUSE_ILLEGAL)
        check_equal(trap.trap.tval, insn, name);
    check_true(trap.v, name);
    check_true(!trap.gva, "no-gva");
}

static void virtual_csrs(void)
{
    struct trap trap = csr_try_read(MODE_U, CSR_HSTATUS);
    check_cause(&trap, CAUSE_ILLEGAL, "u-hstatus");
    trap = csr_try_read(MODE_S, CSR_HSTATUS);
    check_cause(&trap, CAUSE_NONE, "s-hstatus");
    trap = csr_try_read(MODE_S, CSR_VSSTATUS);
    check_cause(&trap, CAUSE_NONE, "s-vsstatus");
    refused(MODE_S, CSRRS(A0, CSR_HSTATUS, ZERO), CAUSE_VIRTUAL, "vs-hstatus");
    refused(MODE_S, CSRRS(A0, CSR_VSSTATUS, ZERO), CAUSE_VIRTUAL, "vs-vsstatus");
    refused(MODE_S, CSRRW(A0, CSR_HGEIP, A0), CAUSE_ILLEGAL, "vs-write-read-only");
    refused(MODE_S, CSRRS(A0, CSR_HGEIP, ZERO), CAUSE_VIRTUAL, "vs-hgeip");
    refused(MODE_S, CSRRS(A0, CSR_MSTATUS, ZERO), CAUSE_ILLEGAL, "vs-mstatus");
    refused(MODE_S, CSRRS(A0, 0x5c1, ZERO), CAUSE_ILLEGAL, "vs-no-csr");
    refused(MODE_U, CSRRS(A0, CSR_SSTATUS, ZERO), CAUSE_VIRTUAL, "vu-sstatus");
    refused(MODE_U, CSRRS(A0, CSR_HSTATUS, ZERO), CAUSE_VIRTUAL, "vu-hstatus");
    refused(MODE_S, CSRRS(A0, CSR_SSTATUS, ZERO), CAUSE_NONE, "vs-sstatus");
    csr_write(CSR_HSTATUS, HSTATUS_VTVM);
    refused(MODE_S, CSRRS(A0, CSR_SATP, ZERO), CAUSE_VIRTUAL, "vtvm-satp");
    refused(MODE_S, SFENCE_VMA(ZERO, ZERO), CAUSE_VIRTUAL, "vtvm-sfence");
    csr_write(CSR_HSTATUS, 0);
    refused(MODE_S, CSRRS(A0, CSR_SATP, ZERO), CAUSE_NONE, "vs-satp");
    refused(MODE_S, SFENCE_VMA(ZERO, ZERO), CAUSE_NONE, "vs-sfence");
    refused(MODE_U, SFENCE_VMA(ZERO, ZERO), CAUSE_VIRTUAL, "vu-sfence");
    run_status |= STATUS_TVM;
    trap = csr_try_read(MODE_S, CSR_HGATP);
    check_cause(&trap, CAUSE_ILLEGAL, "tvm-hgatp");
    trap = run_insn(MODE_S, HFENCE_GVMA(ZERO, ZERO), ARGS(0));
    check_cause(&trap, CAUSE_ILLEGAL, "tvm-hfence-gvma");
    trap = run_insn(MODE_S, HFENCE_VVMA(ZERO, ZERO), ARGS(0));
    check_cause(&trap, CAUSE_NONE, "tvm-hfence-vvma");
    run_status &= ~STATUS_TVM;
}

static void virtual_instructions(void)
{
    static const uint32_t own[] = { HFENCE_VVMA(ZERO, ZERO), HFENCE_GVMA(ZERO, ZERO), HLV_W(A0, A1),
                                    HLVX_HU(A0, A1), HSV_W(A0, A1) };
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        refused(MODE_S, own[i], CAUSE_VIRTUAL, "vs-hypervisor-instruction");
        refused(MODE_U, own[i], CAUSE_VIRTUAL, "vu-hypervisor-instruction");
        struct trap trap = run_insn(MODE_U, own[i], ARGS(0, CODE));
        check_cause(&trap, CAUSE_ILLEGAL, "u-hypervisor-instruction");
    }
    refused(MODE_U, SRET, CAUSE_VIRTUAL, "vu-sret");
    refused(MODE_S, MRET, CAUSE_ILLEGAL, "vs-mret");
    refused(MODE_U, WFI, CAUSE_VIRTUAL, "vu-wfi");
    csr_write(CSR_HSTATUS, HSTATUS_VTSR);
    refused(MODE_S, SRET, CAUSE_VIRTUAL, "vtsr-sret");
    csr_write(CSR_HSTATUS, HSTATUS_VTW);
    refused(MODE_S, WFI, CAUSE_VIRTUAL, "vtw-wfi");
    run_status |= STATUS_TW;
    refused(MODE_S, WFI, CAUSE_ILLEGAL, "tw-wfi");
    refused(MODE_U, WFI, CAUSE_ILLEGAL, "tw-vu-wfi");
    run_status &= ~STATUS_TW;
    csr_write(CSR_HSTATUS, HSTATUS_HU);
    struct trap trap = run_insn(MODE_U, HLVX_HU(A0, A1), ARGS(0, CODE));
    check_cause(&trap, CAUSE_NONE, "hu-hlvx");
    csr_write(CSR_HSTATUS, 0);
}

static void counters(void)
{
    csr_write(CSR_HCOUNTEREN, 0);
    refused(MODE_S, CSRRS(A0, CSR_CYCLE, ZERO), CAUSE_VIRTUAL, "hcounteren-vs");
    csr_write(CSR_HCOUNTEREN, 1);
    refused(MODE_S, CSRRS(A0, CSR_CYCLE, ZERO), CAUSE_NONE, "hcounteren-vs-on");
    refused(MODE_U, CSRRS(A0, CSR_CYCLE, ZERO), CAUSE_NONE, "hcounteren-vu-on");
    csr_write(CSR_SCOUNTEREN, 0);
    refused(MODE_U, CSRRS(A0, CSR_CYCLE, ZERO), CAUSE_VIRTUAL, "scounteren-vu");
    csr_write(CSR_SCOUNTEREN, 7);
    csr_write(CSR_MCOUNTEREN, 0);
    refused(MODE_S, CSRRS(A0, CSR_CYCLE, ZERO), CAUSE_ILLEGAL, "mcounteren-vs");
    csr_write(CSR_MCOUNTEREN, 7);
    csr_write(CSR_HCOUNTEREN, 2);
    csr_write(CSR_HTIMEDELTA, (uintptr_t)1 << 30);
    uintptr_t now = csr_read(CSR_TIME);
    struct guest_trap trap = guest_insn(MODE_S, CSRRS(A0, CSR_TIME, ZERO), ARGS(0));
    CHECK_TRAP(trap, CAUSE_NONE, "time");
    check_true(trap.trap.x[A0] - now - ((uintptr_t)1 << 30) < 100000000, "htimedelta");
    csr_write(CSR_HTIMEDELTA, 0);
}

/* ---- CSRs of VS-mode ----------------------------------------------------------------------------------- */

static void substitution(void)
{
    static const struct {
        unsigned s, vs;
    } pairs[] = { { CSR_STVEC, CSR_VSTVEC },
                  { CSR_SEPC, CSR_VSEPC },
                  { CSR_SCAUSE, CSR_VSCAUSE },
                  { CSR_STVAL, CSR_VSTVAL },
                  { CSR_SATP, CSR_VSATP } };
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uintptr_t value = 0x100 + 0x40 * i;
        struct guest_trap trap = guest_insn(MODE_S, CSRRW(A0, pairs[i].s, A0), ARGS(value));
        CHECK_TRAP(trap, CAUSE_NONE, "vs-writes");
        struct trap read = csr_try_read(MODE_S, pairs[i].vs);
        check_equal(read.x[A0], value, "vs-register");
        read = csr_try_read(MODE_S, pairs[i].s);
        check_true(read.x[A0] != value, "s-register-kept");
    }
    csr_write(CSR_VSATP, 0);
    struct guest_trap trap = guest_insn(MODE_S, CSRRS(A0, CSR_SSTATUS, A0), ARGS(STATUS_SUM));
    CHECK_TRAP(trap, CAUSE_NONE, "sstatus");
    check_true(!(trap.trap.status & STATUS_SUM), "sstatus-is-vsstatus");
}

/* FS of HS-mode and of VS-mode must both be on. */
static void units(void)
{
    csr_write(CSR_VSSTATUS, 0);
    refused(MODE_S, CSRRS(A0, CSR_FCSR, ZERO), CAUSE_ILLEGAL, "vs-fs-off");
    csr_write(CSR_VSSTATUS, STATUS_FS_INITIAL);
    refused(MODE_S, CSRRS(A0, CSR_FCSR, ZERO), CAUSE_NONE, "fs-on");
    run_status &= ~STATUS_FS;
    struct guest_trap trap = guest_insn(MODE_S, CSRRS(A0, CSR_FCSR, ZERO), ARGS(0));
    CHECK_TRAP(trap, CAUSE_ILLEGAL, "hs-fs-off");
    trap = guest_insn(MODE_S, CSRRS(A0, CSR_SSTATUS, ZERO), ARGS(0));
    CHECK_TRAP(trap, CAUSE_NONE, "hs-fs-off-sstatus");
    check_equal(trap.trap.x[A0] & STATUS_FS, STATUS_FS_INITIAL, "hs-fs-off-sstatus-fs");
    csr_write(CSR_VSSTATUS, 0);
    code_begin();
    emit(CSRRS(ZERO, CSR_SSTATUS, A0));
    emit(CSRRS(A1, CSR_SSTATUS, ZERO));
    emit(CSRRS(A0, CSR_FCSR, ZERO));
    trap = guest_code(MODE_S, ARGS(STATUS_FS_INITIAL));
    CHECK_TRAP(trap, CAUSE_ILLEGAL, "hs-fs-off-set");
    check_equal(trap.trap.x[A1] & STATUS_FS, STATUS_FS_INITIAL, "hs-fs-off-sstatus-fs");
    csr_write(CSR_VSSTATUS, STATUS_FS_INITIAL);
    run_status |= STATUS_FS_INITIAL;
    trap = guest_insn(MODE_S, CSRRW(ZERO, CSR_FCSR, ZERO), ARGS(0));
    CHECK_TRAP(trap, CAUSE_NONE, "dirty");
    check_equal(trap.trap.status & STATUS_FS, STATUS_FS_DIRTY, "hs-dirty");
    run_status = run_status_default;
    csr_write(CSR_VSSTATUS, 0);
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

static void traps(void)
{
    struct guest_trap trap = guest_insn(MODE_S, EBREAK, ARGS(0));
    CHECK_TRAP(trap, CAUSE_BREAK, "to-m");
    check_true(trap.v && trap.gva && trap.trap.handler == MODE_M, "to-m-mpv");
    csr_write(CSR_MEDELEG, 1 << CAUSE_BREAK);
    csr_write(CSR_HSTATUS, 0);
    trap = guest_insn(MODE_S, EBREAK, ARGS(0));
    CHECK_TRAP(trap, CAUSE_BREAK, "to-hs");
    check_true(trap.v && trap.trap.handler == MODE_S && !trap.vs, "to-hs-spv");
    check_true(csr_read(CSR_HSTATUS) & HSTATUS_SPVP, "to-hs-spvp");
    check_true(trap.trap.status & STATUS_SPP, "to-hs-spp");
    trap = guest_insn(MODE_U, EBREAK, ARGS(0));
    check_true(!(csr_read(CSR_HSTATUS) & HSTATUS_SPVP) && trap.v, "to-hs-from-vu");
    check_true(!(trap.trap.status & STATUS_SPP), "to-hs-from-vu-spp");
    struct trap own = run_insn(MODE_U, EBREAK, ARGS(0));
    check_true(own.handler == MODE_S && !(csr_read(CSR_HSTATUS) & HSTATUS_SPV), "hs-own-trap");
    csr_write(CSR_HEDELEG, 1 << CAUSE_BREAK);
    trap = guest_insn(MODE_U, EBREAK, ARGS(0));
    CHECK_TRAP(trap, CAUSE_BREAK, "to-vs");
    check_true(trap.vs, "to-vs-handler");
    own = run_insn(MODE_U, EBREAK, ARGS(0));
    check_true(own.handler == MODE_S && contexts[0].m_cause == CAUSE_ECALL_S, "hedeleg-only-for-guests");
    csr_write(CSR_HEDELEG, 0);
    csr_write(CSR_MEDELEG, 0);
    trap = guest_insn(MODE_S, ECALL, ARGS(0));
    check_equal(trap.trap.cause, CAUSE_ECALL_VS, "ecall-vs");
    trap = guest_insn(MODE_U, ECALL, ARGS(0));
    check_equal(trap.trap.cause, CAUSE_ECALL_U, "ecall-vu");
}

/* sret of HS-mode enters VU-mode, from which an ecall shows where it came. */
static void returns(void)
{
    code_begin();
    emit(SRET);
    uintptr_t target = emit(CSRRS(A0, CSR_HSTATUS, ZERO));
    csr_write(CSR_SEPC, target);
    csr_write(CSR_HSTATUS, HSTATUS_SPV);
    struct trap trap = run_code(MODE_S, ARGS(0));
    check_trap(&trap, CAUSE_VIRTUAL, target, CSRRS(A0, CSR_HSTATUS, ZERO), "sret-to-vu");
    check_true(!(csr_read(CSR_HSTATUS) & HSTATUS_SPV), "sret-clears-spv");
    clear_mpv();
    /* In VS-mode, V stays. */
    code_begin();
    emit(CSRRW(ZERO, CSR_SEPC, A0));
    emit(SRET);
    target = emit(CSRRS(A0, CSR_SSTATUS, ZERO));
    struct guest_trap guest = guest_code(MODE_S, ARGS(target));
    check_trap(&guest.trap, CAUSE_VIRTUAL, target, CSRRS(A0, CSR_SSTATUS, ZERO), "vs-sret");
    check_true(guest.v, "vs-sret-v");
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

static void interrupts(void)
{
    csr_write(CSR_HIDELEG, VS_IRQS);
    csr_write(CSR_HIE, VS_IRQS);
    csr_write(CSR_HVIP, VS_IRQS);
    struct trap own = run_insn(MODE_S, NOP, ARGS(0));
    check_cause(&own, CAUSE_NONE, "not-while-v-is-0");
    csr_write(CSR_VSSTATUS, 0);
    struct guest_trap trap = guest_insn(MODE_S, NOP, ARGS(0));
    CHECK_TRAP(trap, CAUSE_NONE, "vs-disabled");
    trap = guest_insn(MODE_U, NOP, ARGS(0));
    CHECK_TRAP(trap, INTERRUPT(IRQ_SEI), "vsei-in-vu");
    check_true(trap.vs, "vsei-handler");
    csr_write(CSR_HVIP, 0x44);
    csr_write(CSR_VSSTATUS, STATUS_SIE);
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    CHECK_TRAP(trap, INTERRUPT(IRQ_SSI), "vssi");
    csr_write(CSR_HVIP, 0x40);
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    CHECK_TRAP(trap, INTERRUPT(IRQ_STI), "vsti");
    csr_write(CSR_HIDELEG, 0);
    csr_write(CSR_VSSTATUS, 0);
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    CHECK_TRAP(trap, INTERRUPT(IRQ_VSTI), "vsti-to-hs");
    check_true(trap.trap.handler == MODE_S && !trap.vs && trap.v, "vsti-to-hs-handler");
    csr_write(CSR_HVIP, 0);
    /* HS-mode's own, though its SIE is 0. */
    csr_write(CSR_MIDELEG, MIP_SSIP);
    csr_write(CSR_MIE, MIP_SSIP);
    csr_set(CSR_MIP, MIP_SSIP);
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    CHECK_TRAP(trap, INTERRUPT(IRQ_SSI), "ssi-in-vs");
    check_true(trap.trap.handler == MODE_S && !trap.vs, "ssi-in-vs-handler");
    csr_clear(CSR_MIP, MIP_SSIP);
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIDELEG, 0);
}

static void set_henvcfg(uint64_t value)
{
    csr_write(CSR_HENVCFG, (uintptr_t)value);
#if XLEN == 32
    csr_write(CSR_HENVCFGH, (uintptr_t)(value >> 32));
#endif
}

static void timer(void)
{
    menvcfg_write(MENVCFG_STCE);
    csr_write(CSR_HCOUNTEREN, 2);
    refused(MODE_S, CSRRS(A0, CSR_STIMECMP, ZERO), CAUSE_VIRTUAL, "henvcfg-stce");
    set_henvcfg(MENVCFG_STCE);
    csr_write(CSR_VSTIMECMP, ~0ul);
#if XLEN == 32
    csr_write(0x25d, ~0ul);
#endif
    check_equal(csr_read(CSR_HIP) & 0x40, 0, "vstip-not-yet");
    struct guest_trap trap = guest_insn(MODE_S, CSRRW(A0, CSR_STIMECMP, A0), ARGS(0x10));
    CHECK_TRAP(trap, CAUSE_NONE, "vs-stimecmp");
    check_equal(csr_read(CSR_VSTIMECMP), 0x10, "vstimecmp");
#if XLEN == 32
    csr_write(0x25d, 0);
#endif
    check_equal(csr_read(CSR_HIP) & 0x40, 0x40, "vstip");
    set_henvcfg(0);
    check_equal(csr_read(CSR_HIP) & 0x40, 0, "vstip-off");
    menvcfg_write(0);
    csr_write(CSR_HENVCFG, 0);
    refused(MODE_S, CBO_ZERO(A1), CAUSE_ILLEGAL, "menvcfg-cbze");
    menvcfg_write(MENVCFG_CBZE);
    refused(MODE_S, CBO_ZERO(A1), CAUSE_VIRTUAL, "henvcfg-cbze");
    menvcfg_write(0);
}

void test_main(void)
{
    csrs();
    hgatp();
    interrupt_csrs();
    virtual_csrs();
    virtual_instructions();
    counters();
    substitution();
    units();
    traps();
    returns();
    interrupts();
    timer();
}
