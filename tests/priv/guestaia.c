/* SPDX-License-Identifier: MIT
 *
 * Advanced interrupts of virtual machines (AIA 1.0 "Interrupts for Virtual Machines (VS Level)"): guests'
 * interrupt files, vstopi and what a hypervisor injects, and what Smstateen keeps from a virtual machine. On
 * the board with -machine aia=aplic-imsic,aia-guests=3, and Sstc.
 */
#include "lib/hyper.h"

const char test_name[] = "guestaia";

enum {
    SISELECT = 0x150,
    SIREG = 0x151,
    STOPEI = 0x15c,
    STOPI = 0xdb0,
    VSISELECT = 0x250,
    VSIREG = 0x251,
    VSTOPEI = 0x25c,
    VSTOPI = 0xeb0,
    MSTATEEN0 = 0x30c,
    MSTATEEN0H = 0x31c,
    HSTATEEN0 = 0x60c,
    HSTATEEN0H = 0x61c,
    HVIEN = 0x608,
    HVICTL = 0x609,
    HVIPRIO1 = 0x646,
    HVIPRIO2 = 0x647,
};
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };
enum { SSI = 1 << 1, STI = 1 << 5, SEI = 1 << 9, VSEI = 1 << 10, SGEI = 1 << 12, LOCAL = 1 << 21 };
#define IRQ_SGEI 12
#define VTI      (1ul << 30)
#define IID(n)   ((uintptr_t)(n) << 16)
#define DPR      (1ul << 9)
#define IPRIOM   (1ul << 8)
#define VGEIN(n) ((uintptr_t)(n) << 12)

#define TOP(interrupt, priority) ((uintptr_t)(interrupt) << 16 | (priority))

/* The file of a guest of hart 0. */
static void message(unsigned guest, uint32_t identity)
{
    mmio_write32(0x28000000 + 0x1000 * guest, identity);
    __asm__ volatile("fence" ::: "memory");
}

static void select_guest(unsigned guest)
{
    csr_write(CSR_HSTATUS, VGEIN(guest));
}

static void vs_write(unsigned selected, uintptr_t value)
{
    csr_write(VSISELECT, selected);
    csr_write(VSIREG, value);
}

static void read_in(enum mode mode, unsigned csr, uintptr_t cause, const char *name)
{
    struct trap trap = csr_try_read(mode, csr);
    check_cause(&trap, cause, name);
}

static void guest_reads(enum mode mode, unsigned csr, uintptr_t cause, const char *name)
{
    struct guest_trap trap = guest_insn(mode, CSRRS(A0, csr, ZERO), ARGS(0));
    check_cause(&trap.trap, cause, name);
}

static void test_csrs(void)
{
    csr_write(CSR_HGEIE, ~0ul);
    check_equal(csr_read(CSR_HGEIE), 0xe, "hgeie");
    csr_write(CSR_HGEIE, 0);
    csr_write(CSR_HSTATUS, VGEIN(3));
    check_equal(csr_read(CSR_HSTATUS) & VGEIN(63), VGEIN(3), "vgein");
    csr_write(CSR_MIDELEG, 0);
    check_equal(csr_read(CSR_MIDELEG) & SGEI, SGEI, "mideleg");
    csr_write(CSR_HIE, ~0ul);
    check_equal(csr_read(CSR_HIE) & 0x1fff, VS_IRQS | SGEI, "hie");
    check_equal(csr_read(CSR_MIE) & SGEI, SGEI, "mie");
    csr_write(CSR_HIE, 0);
    csr_write(HVICTL, ~0ul);
    check_equal(csr_read(HVICTL) & 0xf03f03ff, 0x403f03ff, "hvictl");
    csr_write(HVICTL, 0);
    csr_write(HVIEN, ~0ul);
    check_equal(csr_read(HVIEN) & 0xff1fff, 0xff0000, "hvien");
    csr_write(HVIEN, 0);
    csr_write(HVIPRIO1, ~0ul);
    check_equal(csr_read(HVIPRIO1), XLEN == 64 ? (uintptr_t)0xffffff00ff00ff00 : (uintptr_t)0xff00ff00,
                "hviprio1");
    csr_write(HVIPRIO1, 0);
    csr_write(HVIPRIO2, ~0ul);
    check_equal(csr_read(HVIPRIO2), ~0ul, "hviprio2");
    csr_write(HVIPRIO2, 0);
#if XLEN == 32
    static const uint16_t high[] = { 0x214, 0x254, 0x613, 0x618, 0x655, 0x656, 0x657 };
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++)
        read_in(MODE_S, high[i], CAUSE_NONE, "high-half");
    csr_write(0x656, ~0ul);
    check_equal(csr_read(0x656), 0xffffff00, "hviprio1h");
    csr_write(0x656, 0);
    csr_write(0x657, 0);
#endif
}

static void test_selection(void)
{
    select_guest(0);
    csr_write(VSISELECT, EIDELIVERY);
    read_in(MODE_M, VSIREG, CAUSE_ILLEGAL, "m-vsireg-without-file");
    read_in(MODE_S, VSIREG, CAUSE_ILLEGAL, "hs-vsireg-without-file");
    guest_reads(MODE_S, SIREG, CAUSE_VIRTUAL, "vs-sireg-without-file");
    read_in(MODE_S, VSTOPEI, CAUSE_ILLEGAL, "hs-vstopei-without-file");
    guest_reads(MODE_S, STOPEI, CAUSE_VIRTUAL, "vs-stopei-without-file");
    csr_write(VSISELECT, 0x30);
    read_in(MODE_S, VSIREG, CAUSE_ILLEGAL, "hs-iprio");
    guest_reads(MODE_S, SIREG, CAUSE_VIRTUAL, "vs-iprio");
    csr_write(VSISELECT, 0x10);
    guest_reads(MODE_S, SIREG, CAUSE_ILLEGAL, "vs-reserved");
    select_guest(1);
    csr_write(VSISELECT, EIDELIVERY);
    read_in(MODE_S, VSIREG, CAUSE_NONE, "hs-vsireg");
    csr_write(CSR_HSTATUS, VGEIN(1));
    guest_reads(MODE_S, SIREG, CAUSE_NONE, "vs-sireg");
    guest_reads(MODE_S, STOPEI, CAUSE_NONE, "vs-stopei");
    guest_reads(MODE_S, VSIREG, CAUSE_VIRTUAL, "vs-vsireg");
    guest_reads(MODE_S, VSTOPEI, CAUSE_VIRTUAL, "vs-vstopei");
    guest_reads(MODE_U, SIREG, CAUSE_VIRTUAL, "vu-sireg");
    guest_reads(MODE_U, VSIREG, CAUSE_VIRTUAL, "vu-vsireg");
    guest_reads(MODE_U, STOPI, CAUSE_VIRTUAL, "vu-stopi");
    guest_reads(MODE_S, VSTOPI, CAUSE_VIRTUAL, "vs-vstopi");
    guest_reads(MODE_S, HVICTL, CAUSE_VIRTUAL, "vs-hvictl");
    csr_write(VSISELECT, EIP0 + 1);
    read_in(MODE_S, VSIREG, XLEN == 64 ? CAUSE_ILLEGAL : CAUSE_NONE, "hs-odd");
    guest_reads(MODE_S, SIREG, XLEN == 64 ? (uintptr_t)CAUSE_VIRTUAL : CAUSE_NONE, "vs-odd");
    csr_write(SISELECT, 0x30);
    csr_write(VSISELECT, 0x70);
    struct guest_trap trap = guest_insn(MODE_S, CSRRS(A0, SISELECT, ZERO), ARGS(0));
    check_equal(trap.trap.x[A0], 0x70, "vs-siselect");
}

static void test_files(void)
{
    for (unsigned guest = 1; guest <= 3; guest++) {
        select_guest(guest);
        vs_write(EIE0, ~0ul);
        vs_write(EITHRESHOLD, 0);
        vs_write(EIDELIVERY, guest != 3);
    }
    message(1, 30), message(1, 7), message(2, 9), message(3, 4);
    check_equal(csr_read(CSR_HGEIP), 6, "hgeip");
    check_equal(csr_read(CSR_HIP) & SGEI, 0, "no-sgeip");
    csr_write(CSR_HGEIE, 4);
    check_equal(csr_read(CSR_HIP) & SGEI, SGEI, "sgeip");
    check_equal(csr_read(CSR_MIP) & SGEI, SGEI, "mip-sgeip");
    select_guest(0);
    check_equal(csr_read(CSR_HIP) & VSEI, 0, "vseip-of-none");
    select_guest(3);
    check_equal(csr_read(CSR_HIP) & VSEI, 0, "vseip-not-delivered");
    check_equal(csr_read(VSTOPEI), TOP(4, 4), "vstopei-3");
    csr_write(VSTOPEI, 0);
    select_guest(1);
    check_equal(csr_read(CSR_HIP) & VSEI, VSEI, "vseip");
    check_equal(csr_read(VSTOPEI), TOP(7, 7), "vstopei-1");
    csr_write(CSR_HIDELEG, VS_IRQS);
    check_equal(csr_read(CSR_VSIP) & SEI, SEI, "vsip");
    struct guest_trap trap = guest_insn(MODE_S, CSRRW(A0, STOPEI, ZERO), ARGS(0));
    check_equal(trap.trap.x[A0], TOP(7, 7), "vs-claims");
    check_equal(csr_read(VSTOPEI), TOP(30, 30), "next");
    csr_write(VSTOPEI, 0);
    check_equal(csr_read(CSR_HGEIP), 4, "hgeip-after");
    check_equal(csr_read(CSR_HIP) & VSEI, 0, "vseip-after");
    select_guest(2);
    csr_write(VSTOPEI, 0);
    check_equal(csr_read(CSR_HGEIP), 0, "hgeip-none");
    check_equal(csr_read(CSR_HIP) & SGEI, 0, "sgeip-after");
    csr_write(CSR_HGEIE, 0);
}

static void test_traps(void)
{
    select_guest(1);
    csr_write(CSR_HIDELEG, VS_IRQS);
    csr_write(CSR_HIE, VS_IRQS | SGEI);
    csr_write(CSR_VSSTATUS, STATUS_SIE);
    message(1, 5);
    struct guest_trap trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, INTERRUPT(IRQ_SEI), "vsei");
    check_true(trap.vs, "vsei-handler");
    csr_write(CSR_HGEIE, 4);
    message(2, 6); /* of a guest that does not run now: HS-mode's, whatever vsstatus says */
    csr_write(CSR_VSSTATUS, 0);
    csr_write(CSR_HSTATUS, VGEIN(1));
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, INTERRUPT(IRQ_SGEI), "sgei");
    check_true(trap.trap.handler == MODE_S && !trap.vs && trap.v, "sgei-handler");
    check_equal(csr_read(STOPI) >> 16, IRQ_SGEI, "stopi-sgei");
    csr_write(CSR_HGEIE, 0);
    select_guest(2);
    csr_write(VSTOPEI, 0);
    select_guest(1);
    csr_write(VSTOPEI, 0);
}

static void test_top(void)
{
    select_guest(1);
    csr_write(CSR_HIDELEG, VS_IRQS);
    csr_write(CSR_HIE, VS_IRQS);
    csr_write(HVICTL, 0);
    check_equal(csr_read(VSTOPI), 0, "vstopi-none");
    message(1, 20);
    csr_write(CSR_HVIP, 4); /* VSSI */
    check_equal(csr_read(VSTOPI), TOP(9, 1), "vstopi-iprio-1");
    csr_write(HVICTL, IPRIOM);
    check_equal(csr_read(VSTOPI), TOP(9, 20), "vstopi-file");
    csr_write(HVIPRIO1, 7 << 8);
    check_equal(csr_read(VSTOPI), TOP(1, 7), "vstopi-hviprio");
    struct guest_trap trap = guest_insn(MODE_S, CSRRS(A0, STOPI, ZERO), ARGS(0));
    check_equal(trap.trap.x[A0], TOP(1, 7), "vs-stopi");
    csr_write(CSR_VSSTATUS, STATUS_SIE);
    trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, INTERRUPT(IRQ_SSI), "vssi-first");
    csr_write(CSR_VSSTATUS, 0);
    csr_write(HVIPRIO1, 0);
    csr_write(VSTOPEI, 0);
    check_equal(csr_read(VSTOPI), TOP(1, 255), "vstopi-default");
    csr_write(CSR_HVIP, 0);
    /* Without a file. */
    select_guest(0);
    csr_write(CSR_HVIP, VSEI);
    check_equal(csr_read(VSTOPI), TOP(9, 255), "vstopi-no-file");
    csr_write(HVICTL, IPRIOM | IID(9) | 33);
    check_equal(csr_read(VSTOPI), TOP(9, 33), "vstopi-hvictl-9");
    csr_write(CSR_HVIP, 0);
    check_equal(csr_read(VSTOPI), 0, "vstopi-hvictl-none");
    csr_write(HVICTL, 0);
}

static void test_injection(void)
{
    csr_write(CSR_HVIP, 4);
    csr_write(HVICTL, VTI | IPRIOM | IID(21) | 9);
    check_equal(csr_read(VSTOPI), TOP(21, 9), "hvictl");
    csr_write(CSR_VSSTATUS, STATUS_SIE);
    struct guest_trap trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, INTERRUPT(21), "hvictl-trap");
    check_true(trap.vs, "hvictl-handler");
    csr_write(CSR_VSSTATUS, 0);
    csr_write(HVICTL, VTI | IPRIOM | IID(9));
    check_equal(csr_read(VSTOPI), 0, "hvictl-hides");
    csr_write(CSR_HVIP, 4 | VSEI);
    csr_write(HVICTL, VTI | IPRIOM | IID(21));
    check_equal(csr_read(VSTOPI), TOP(21, 0), "hvictl-above");
    csr_write(HVICTL, VTI | IPRIOM | DPR | IID(21));
    check_equal(csr_read(VSTOPI), TOP(9, 255), "hvictl-below");
    csr_write(CSR_HVIP, 0);
    check_equal(csr_read(VSTOPI), TOP(21, 255), "hvictl-below-alone");
    csr_write(HVICTL, VTI | IID(9));
    guest_reads(MODE_S, CSR_SIP, CAUSE_VIRTUAL, "vti-sip");
    guest_reads(MODE_S, CSR_SIE, CAUSE_VIRTUAL, "vti-sie");
    read_in(MODE_S, CSR_SIE, CAUSE_NONE, "vti-hs-sie");
    menvcfg_write(MENVCFG_STCE);
    csr_write(CSR_HCOUNTEREN, 2);
    csr_write(XLEN == 64 ? CSR_HENVCFG : CSR_HENVCFGH, 1ul << (XLEN - 1));
    guest_reads(MODE_S, CSR_STIMECMP, CAUSE_NONE, "vti-stimecmp-read");
    trap = guest_insn(MODE_S, CSRRW(A0, CSR_STIMECMP, A0), ARGS(~0ul));
    check_cause(&trap.trap, CAUSE_VIRTUAL, "vti-stimecmp-write");
    csr_write(HVICTL, 0);
    csr_write(XLEN == 64 ? CSR_HENVCFG : CSR_HENVCFGH, 0);
    menvcfg_write(0);
    csr_write(CSR_HVIP, 0);
}

static void test_virtual(void)
{
    csr_write(CSR_VSIE, ~0ul);
    csr_write(CSR_HVIP, LOCAL);
    csr_write(HVIEN, 0);
    check_equal(csr_read(CSR_VSIP) & LOCAL, 0, "vsip-without-hvien");
    csr_write(HVIEN, LOCAL);
    csr_write(CSR_HVIP, LOCAL);
    csr_write(CSR_VSIE, LOCAL);
    check_equal(csr_read(CSR_VSIE), LOCAL, "vsie");
    check_equal(csr_read(CSR_VSIP) & LOCAL, LOCAL, "vsip");
    check_equal(csr_read(CSR_HVIP) & LOCAL, LOCAL, "hvip");
    check_equal(csr_read(VSTOPI), TOP(21, 1), "vstopi-21");
    csr_write(CSR_VSSTATUS, STATUS_SIE);
    struct guest_trap trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, INTERRUPT(21), "virtual-trap");
    csr_write(CSR_VSSTATUS, 0);
    trap = guest_insn(MODE_S, CSRRC(A0, CSR_SIP, A1), ARGS(0, LOCAL));
    check_cause(&trap.trap, CAUSE_NONE, "vs-clears");
    check_equal(csr_read(CSR_HVIP) & LOCAL, 0, "vs-cleared");
    csr_write(CSR_VSIE, 0);
    csr_write(HVIEN, 0);
    csr_write(CSR_HIDELEG, 0);
    csr_write(CSR_HIE, 0);
}

#if XLEN == 64
#define MSTATEEN MSTATEEN0
#define HSTATEEN HSTATEEN0
#define BIT(n)   (1ull << (n))
#else
#define MSTATEEN MSTATEEN0H
#define HSTATEEN HSTATEEN0H
#define BIT(n)   (1u << ((n)-32))
#endif

/* The guest enables interrupts itself, in code that is translated: the interrupt comes at once, not when
 * something else lets the hart look. */
static void check_enabling(uint32_t insn, const char *name)
{
    code_begin();
    emit(insn);
    for (unsigned i = 0; i < 16; i++)
        emit(NOP);
    emit(insn_i(0x13, 0, A1, A1, -1));
    emit(0xfe059ee3u); /* bnez a1, -4 */
    for (unsigned i = 0; i < 4; i++)
        emit(NOP);
    struct guest_trap trap = guest_code(MODE_S, ARGS(STATUS_SIE, 100000));
    check_cause(&trap.trap, INTERRUPT(21), name);
}

static void test_enabling(void)
{
    const uintptr_t fp_on = STATUS_FS_INITIAL;
    const uintptr_t before = run_status;
    run_status |= 0x6600; /* FS and VS: then translated code changes sstatus itself */
    csr_write(HVICTL, VTI | IPRIOM | IID(21) | 9);
    csr_write(CSR_VSSTATUS, fp_on);
    check_enabling(CSRRSI(ZERO, CSR_SSTATUS, STATUS_SIE), "hvictl-enabled");
    csr_write(CSR_VSSTATUS, fp_on);
    check_enabling(CSRRS(ZERO, CSR_SSTATUS, A0), "hvictl-enabled-by-register");
    csr_write(HVICTL, 0);
    csr_write(HVIEN, LOCAL);
    csr_write(CSR_HVIP, LOCAL);
    csr_write(CSR_VSIE, LOCAL);
    csr_write(CSR_VSSTATUS, fp_on);
    check_enabling(CSRRSI(ZERO, CSR_SSTATUS, STATUS_SIE), "hvip-enabled");
    csr_write(CSR_VSSTATUS, 0);
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_VSIE, 0);
    csr_write(HVIEN, 0);
    run_status = before;
}

static void test_stateen(void)
{
    static const struct {
        uint16_t csr;
        uint8_t bit;
    } rows[] = { { CSR_SENVCFG, 62 }, { SISELECT, 60 }, { SIREG, 60 },
                 { STOPI, 59 },       { STOPEI, 58 },   { 0x10c, 63 } };
    if (!csr_exists(MSTATEEN0)) {
        skip("stateen", "no Smstateen");
        return;
    }
    select_guest(1);
    csr_write(VSISELECT, EIDELIVERY);
    csr_write(SISELECT, EIDELIVERY);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        csr_write(MSTATEEN, ~0ul);
        csr_write(HSTATEEN, ~0ul);
        guest_reads(MODE_S, rows[i].csr, CAUSE_NONE, "stateen-allowed");
        csr_write(HSTATEEN, ~(uintptr_t)BIT(rows[i].bit));
        guest_reads(MODE_S, rows[i].csr, CAUSE_VIRTUAL, "hstateen-kept");
        read_in(MODE_S, rows[i].csr, CAUSE_NONE, "hstateen-hs");
        csr_write(HSTATEEN, ~0ul);
        csr_write(MSTATEEN, ~(uintptr_t)BIT(rows[i].bit));
        check_equal(csr_read(HSTATEEN) & BIT(rows[i].bit), 0, "hstateen-hidden");
        guest_reads(MODE_S, rows[i].csr, CAUSE_ILLEGAL, "mstateen-kept");
    }
    csr_write(MSTATEEN, ~(uintptr_t)BIT(63));
    read_in(MODE_S, HSTATEEN, CAUSE_ILLEGAL, "hstateen-se");
    csr_write(MSTATEEN, ~0ul);
    read_in(MODE_S, HSTATEEN, CAUSE_NONE, "hstateen-in-hs");
    guest_reads(MODE_S, HSTATEEN, CAUSE_VIRTUAL, "hstateen-in-vs");
    csr_write(MSTATEEN, ~(uintptr_t)BIT(59));
    read_in(MODE_S, HVICTL, CAUSE_ILLEGAL, "mstateen-hvictl");
    csr_write(MSTATEEN, ~(uintptr_t)BIT(62));
    read_in(MODE_S, CSR_HENVCFG, CAUSE_ILLEGAL, "mstateen-henvcfg");
    csr_write(MSTATEEN, ~0ul);
}

void test_main(void)
{
    if (csr_exists(MSTATEEN0)) {
        csr_write(MSTATEEN, ~0ul);
        csr_write(HSTATEEN, ~0ul);
    }
    test_csrs();
    test_selection();
    test_files();
    test_traps();
    test_top();
    test_injection();
    test_enabling();
    test_virtual();
    test_stateen();
}
