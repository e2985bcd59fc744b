/* SPDX-License-Identifier: MIT
 *
 * Who may access which CSR (Priv. 2.1, 2.2) and what the WARL fields hold.
 */
#include "test.h"

const char test_name[] = "csr";

static void test_privilege(void)
{
    static const uint16_t machine[] = { CSR_MSTATUS,   CSR_MISA,          CSR_MEDELEG,    CSR_MIE,
                                        CSR_MTVEC,     CSR_MCOUNTEREN,    CSR_MENVCFG,    CSR_MEPC,
                                        CSR_MCAUSE,    CSR_MTVAL,         CSR_MIP,        CSR_MSCRATCH,
                                        CSR_PMPCFG0,   CSR_PMPADDR0,      CSR_MCYCLE,     CSR_MINSTRET,
                                        CSR_MHARTID,   CSR_MVENDORID,     CSR_MARCHID,    CSR_MIMPID,
                                        CSR_MIDELEG,   CSR_MCOUNTINHIBIT, CSR_MHPMEVENT3, CSR_MHPMCOUNTER3,
                                        CSR_MCONFIGPTR };
    static const uint16_t supervisor[] = { CSR_SSTATUS, CSR_SIE,      CSR_STVEC, CSR_SCOUNTEREN,
                                           CSR_SENVCFG, CSR_SSCRATCH, CSR_SEPC,  CSR_SCAUSE,
                                           CSR_STVAL,   CSR_SIP,      CSR_SATP };
    for (unsigned i = 0; i < sizeof(machine) / sizeof(machine[0]); i++) {
        struct trap trap = csr_try_read(MODE_M, machine[i]);
        check_cause(&trap, CAUSE_NONE, "machine-csr-in-m");
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            trap = csr_try_read(mode, machine[i]);
            check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, machine[i], ZERO), "machine-csr-below-m");
        }
    }
    for (unsigned i = 0; i < sizeof(supervisor) / sizeof(supervisor[0]); i++) {
        struct trap trap = csr_try_read(MODE_M, supervisor[i]);
        check_cause(&trap, CAUSE_NONE, "supervisor-csr-in-m");
        trap = csr_try_read(MODE_S, supervisor[i]);
        check_cause(&trap, CAUSE_NONE, "supervisor-csr-in-s");
        trap = csr_try_read(MODE_U, supervisor[i]);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, supervisor[i], ZERO), "supervisor-csr-in-u");
    }
}

/* "Attempts to write a read-only register raise an illegal-instruction exception" (2.1); csrrs/csrrc with x0
 * or immediate 0 do not write, whatever the value of another register (Unpriv. 7.1). */
static void test_read_only(void)
{
    static const uint16_t numbers[] = { CSR_MHARTID, CSR_MVENDORID, CSR_CYCLE,
                                        CSR_TIME,    CSR_INSTRET,   CSR_HPMCOUNTER3 };
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unsigned csr = numbers[i];
        const uint32_t writes[] = { CSRRW(A0, csr, ZERO), CSRRW(ZERO, csr, A1), CSRRS(A0, csr, A1),
                                    CSRRC(A0, csr, A1),   CSRRWI(A0, csr, 0),   CSRRSI(A0, csr, 1),
                                    CSRRCI(A0, csr, 1) };
        const uint32_t reads[] = { CSRRS(A0, csr, ZERO), CSRRC(A0, csr, ZERO), CSRRSI(A0, csr, 0),
                                   CSRRCI(A0, csr, 0) };
        for (unsigned k = 0; k < sizeof(writes) / sizeof(writes[0]); k++) {
            struct trap trap = run_insn(MODE_M, writes[k], ARGS(7, 0));
            check_trap(&trap, CAUSE_ILLEGAL, CODE, writes[k], "read-only-write");
            check_equal(trap.x[A0], 7, "read-only-write-keeps-rd");
        }
        for (unsigned k = 0; k < sizeof(reads) / sizeof(reads[0]); k++) {
            struct trap trap = run_insn(MODE_M, reads[k], ARGS(7, 0));
            check_cause(&trap, CAUSE_NONE, "read-only-read");
        }
    }
}

static void test_missing(void)
{
    static const uint16_t missing[] = {
        0x004, 0x044,                                                  /* uie, uip: the N extension is gone */
        0x200, 0x280, 0x600, 0x680, 0xe12,                             /* hypervisor */
        0x5c0, 0x7c0, 0x800, 0x8c0, 0x9c0, 0xbc0, 0xcc0, 0xdc0, 0xfc0, /* custom */
        0x7b0, 0x7b1,        /* dcsr, dpc: debug mode only (Priv. 2.1) */
        0x107, 0x1c0, 0x400, /* do not exist */
    };
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        struct trap trap = csr_try_read(MODE_M, missing[i]);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, missing[i], ZERO), "missing-read");
        trap = csr_try_write(MODE_M, missing[i], 0);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRW(A0, missing[i], A0), "missing-write");
    }
#if XLEN == 64 /* high halves exist only on RV32 */
    static const uint16_t high[] = { CSR_CYCLEH,      CSR_TIMEH,      CSR_INSTRETH, CSR_MCYCLEH,
                                     CSR_MINSTRETH,   CSR_MSTATUSH,   CSR_MENVCFGH, CSR_STIMECMPH,
                                     CSR_PMPCFG0 + 1, CSR_PMPCFG0 + 3 };
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
        struct trap trap = csr_try_read(MODE_M, high[i]);
        check_trap(&trap, CAUSE_ILLEGAL, CODE, CSRRS(A0, high[i], ZERO), "high-half-on-rv64");
    }
#else
    static const uint16_t high[] = { CSR_CYCLEH,   CSR_TIMEH,       CSR_INSTRETH,
                                     CSR_MCYCLEH,  CSR_MINSTRETH,   CSR_MSTATUSH,
                                     CSR_MENVCFGH, CSR_PMPCFG0 + 1, CSR_PMPCFG0 + 3 };
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
        struct trap trap = csr_try_read(MODE_M, high[i]);
        check_cause(&trap, CAUSE_NONE, "high-half-on-rv32");
    }
#endif
}

static void test_operations(void)
{
    code_begin();
    emit(CSRRW(A2, CSR_MSCRATCH, A0)); /* a2 = context */
    emit(CSRRS(A3, CSR_MSCRATCH, A1)); /* a3 = a0 */
    emit(CSRRCI(A4, CSR_MSCRATCH, 5)); /* a4 = a0 | a1 */
    emit(CSRRWI(A5, CSR_MSCRATCH, 31));
    emit(CSRRC(T0, CSR_MSCRATCH, A1));
    emit(CSRRSI(T1, CSR_MSCRATCH, 1));
    emit(CSRRW(T2, CSR_MSCRATCH, A2));
    struct trap trap = run_code(MODE_M, ARGS(~(uintptr_t)0xf0f, 0x10f));
    check_equal(trap.x[A3], ~(uintptr_t)0xf0f, "csrrw");
    check_equal(trap.x[A4], ~(uintptr_t)0xe00, "csrrs");
    check_equal(trap.x[A5], ~(uintptr_t)0xe05, "csrrci");
    check_equal(trap.x[T0], 31, "csrrwi");
    check_equal(trap.x[T1], 0x10, "csrrc");
    check_equal(trap.x[T2], 0x11, "csrrsi");
    code_begin();
    emit(CSRRW(A0, CSR_SSCRATCH, A0)); /* rd = rs1 */
    emit(CSRRW(A1, CSR_SSCRATCH, A0));
    trap = run_code(MODE_M, ARGS(5, 0));
    check_equal(trap.x[A1], 5, "csrrw-swap");
    check_equal(trap.x[A0], (uintptr_t)&contexts[0], "csrrw-swap-old");
}

static void test_trap_registers(void)
{
    csr_write(CSR_MEPC, -1);
    check_equal(csr_read(CSR_MEPC), ~(uintptr_t)1, "mepc-bit-0-zero");
    csr_write(CSR_SEPC, -1);
    check_equal(csr_read(CSR_SEPC), ~(uintptr_t)1, "sepc-bit-0-zero");
    csr_write(CSR_MTVAL, -1);
    check_equal(csr_read(CSR_MTVAL), ~(uintptr_t)0, "mtval-holds");
    csr_write(CSR_STVAL, -1);
    check_equal(csr_read(CSR_STVAL), ~(uintptr_t)0, "stval-holds");
    csr_write(CSR_MCAUSE, INTERRUPT(11));
    check_equal(csr_read(CSR_MCAUSE), INTERRUPT(11), "mcause-holds");
    csr_write(CSR_SCAUSE, INTERRUPT(9));
    check_equal(csr_read(CSR_SCAUSE), INTERRUPT(9), "scause-holds");

    /* MODE >= 2 is reserved (3.1.7): the value that is read back is legal. */
    csr_write(CSR_MTVEC, ((uintptr_t)m_vectors) | 3);
    check_true((csr_read(CSR_MTVEC) & 3) < 2, "mtvec-reserved-mode");
    csr_write(CSR_MTVEC, ((uintptr_t)m_vectors) | 2);
    check_true((csr_read(CSR_MTVEC) & 3) < 2, "mtvec-reserved-mode");
    csr_write(CSR_MTVEC, (uintptr_t)m_entry);
    check_equal(csr_read(CSR_MTVEC), (uintptr_t)m_entry, "mtvec-base");
    csr_write(CSR_STVEC, ((uintptr_t)s_vectors) | 2);
    check_true((csr_read(CSR_STVEC) & 3) < 2, "stvec-reserved-mode");
    csr_write(CSR_STVEC, (uintptr_t)s_entry);
    check_equal(csr_read(CSR_STVEC), (uintptr_t)s_entry, "stvec-base");
}

static void test_status(void)
{
    uintptr_t status = csr_read(CSR_MSTATUS);
    for (unsigned m = 0; m < 4; m++) {
        csr_write(CSR_MSTATUS, (status & ~STATUS_MPP) | STATUS_MPP_OF(m));
        uintptr_t mpp = (csr_read(CSR_MSTATUS) & STATUS_MPP) >> 11;
        if (m == 2)
            check_true(mpp != 2, "mpp-reserved");
        else
            check_equal(mpp, m, "mpp-holds");
    }
    csr_write(CSR_MSTATUS, status);
#if XLEN == 64
    for (uintptr_t xl = 0; xl < 4;
         xl++) { /* only 64 exists: the fields read as 2 whatever is written (3.1.6.3) */
        if (xl == 1)
            continue; /* a hart with RV32 for U and S may take it */
        csr_write(CSR_MSTATUS, (status & ~(0xful << 32)) | xl << 32 | xl << 34);
        check_equal(csr_read(CSR_MSTATUS) >> 32 & 0xf, 0xa, "uxl-sxl");
    }
    csr_write(CSR_MSTATUS, status);
#endif
    uintptr_t misa = csr_read(CSR_MISA);
    check_equal(misa >> (XLEN - 2), XLEN == 64 ? 2 : 1, "misa-mxl");
    const char *letters = "IMAFDCSU";
    for (unsigned i = 0; letters[i]; i++)
        check_true(misa >> (letters[i] - 'A') & 1, "misa-letter");
    check_equal(csr_read(CSR_MHARTID), 0, "mhartid");
}

static void test_interrupt_registers(void)
{
    csr_write(CSR_MIE, -1);
    check_equal(csr_read(CSR_MIE) & 0xfff, 0xaaa, "mie-bits");
    csr_write(CSR_MIE, 0);
    check_equal(csr_read(CSR_MIE), 0, "mie-clear");
    /* MEIP, MTIP, MSIP are read-only in mip; SEIP, STIP (no Sstc), SSIP writable by M (3.1.9). */
    csr_write(CSR_MIP, -1);
    check_equal(csr_read(CSR_MIP) & 0xaaa, 0x222, "mip-writable");
    csr_write(CSR_MIP, 0);
    check_equal(csr_read(CSR_MIP) & 0xfff, 0, "mip-clear");
    /* sie and sip show only what is delegated (4.1.3). */
    csr_write(CSR_MIDELEG, MIP_SSIP);
    csr_write(CSR_MIE, -1);
    check_equal(csr_read(CSR_SIE), MIP_SSIP, "sie-view");
    csr_write(CSR_SIE, 0);
    check_equal(csr_read(CSR_MIE) & 0xfff, 0xaaa & ~MIP_SSIP, "sie-write");
    csr_write(CSR_MIP, 0x222);
    check_equal(csr_read(CSR_SIP), MIP_SSIP, "sip-view");
    csr_write(CSR_MIDELEG, 0x222);
    check_equal(csr_read(CSR_SIP), 0x222, "sip-view-all");
    /* STIP and SEIP are read-only in sip; SSIP is writable. */
    csr_write(CSR_SIP, 0);
    check_equal(csr_read(CSR_MIP) & 0xfff, 0x220, "sip-write");
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIP, 0);
    csr_write(CSR_MIDELEG, 0);
}

static void test_satp(void)
{
#if XLEN == 64
    /* "if satp is written with an unsupported MODE, the entire write has no effect" (4.1.11) */
    static const uint8_t reserved[] = { 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15 };
    csr_write(CSR_SATP, 8ul << 60 | 0x12ul << 44 | 0x12345);
    uintptr_t old = csr_read(CSR_SATP);
    check_equal(old >> 60, 8, "satp-sv39");
    check_equal(old & 0xfffffffffff, 0x12345, "satp-ppn");
    for (unsigned i = 0; i < sizeof(reserved); i++) {
        csr_write(CSR_SATP, (uintptr_t)reserved[i] << 60 | 0x77ul << 44 | 0x555);
        check_equal(csr_read(CSR_SATP), old, "satp-unsupported-mode");
    }
    csr_write(CSR_SATP, 9ul << 60 | 1);
    check_equal(csr_read(CSR_SATP), 9ul << 60 | 1, "satp-sv48");
    csr_write(CSR_SATP, 10ul << 60 | 1);
    check_equal(csr_read(CSR_SATP), 10ul << 60 | 1, "satp-sv57");
    csr_write(CSR_SATP, 8ul << 60 | 0xfffful << 44 | 0xffffffffffful);
    check_equal(csr_read(CSR_SATP), 8ul << 60 | 0xfffful << 44 | 0xffffffffffful, "satp-asid-16-ppn-44");
#else
    csr_write(CSR_SATP, 0x80000000u | 0x1ffu << 22 | 0x3fffff);
    check_equal(csr_read(CSR_SATP), 0xffffffff, "satp-asid-9-ppn-22");
#endif
    csr_write(CSR_SATP, 0);
    check_equal(csr_read(CSR_SATP), 0, "satp-bare");
}

static void test_configuration(void)
{
    csr_write(CSR_MCOUNTEREN, -1);
    check_equal(csr_read(CSR_MCOUNTEREN) & 7, 7, "mcounteren");
    csr_write(CSR_MCOUNTEREN, 0);
    check_equal(csr_read(CSR_MCOUNTEREN), 0, "mcounteren-clear");
    csr_write(CSR_SCOUNTEREN, -1);
    check_equal(csr_read(CSR_SCOUNTEREN) & 7, 7, "scounteren");
    csr_write(CSR_SCOUNTEREN, 0);
    check_equal(csr_read(CSR_SCOUNTEREN), 0, "scounteren-clear");
    csr_write(CSR_MCOUNTINHIBIT, -1);
    check_equal(csr_read(CSR_MCOUNTINHIBIT) & 7, 5, "mcountinhibit-bit-1-zero");
    csr_write(CSR_MCOUNTINHIBIT, 0);
    menvcfg_write(MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_FIOM | MENVCFG_STCE | MENVCFG_ADUE);
    check_equal(menvcfg_read(), MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_FIOM | MENVCFG_STCE | MENVCFG_ADUE,
                "menvcfg");
    menvcfg_write(2 << 4); /* CBIE = 2 is reserved (Zicbom) */
    check_true((menvcfg_read() >> 4 & 3) != 2, "menvcfg-cbie-reserved");
    menvcfg_write(0);
    check_equal(menvcfg_read(), 0, "menvcfg-clear");
    csr_write(CSR_SENVCFG, MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_FIOM | 1 << 4);
    check_equal(csr_read(CSR_SENVCFG), MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_FIOM | 1 << 4, "senvcfg");
    csr_write(CSR_SENVCFG, 0);
}

/* Debug 1.0 5.7 "Trigger Module Registers": how a debugger counts triggers. tselect stays 0; a place without
 * a trigger has tinfo.info = 1 and tdata1.type = 0, and a hart may have no trigger at all. */
static void test_triggers(void)
{
    static const uint16_t numbers[] = { CSR_TSELECT, CSR_TDATA1, CSR_TDATA2, CSR_TINFO };
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            struct trap trap = csr_try_read(mode, numbers[i]);
            check_cause(&trap, CAUSE_ILLEGAL, "trigger-csr-below-m");
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        struct trap trap = csr_try_write(MODE_M, CSR_TSELECT, i);
        check_cause(&trap, CAUSE_NONE, "tselect-write");
        uintptr_t selected = csr_read(CSR_TSELECT), info = csr_read(CSR_TINFO) & 0xffff;
        check_true(selected == i || i > 0, "tselect-0");
        if (selected != i || info == 1)
            break;
        check_true(info >> (csr_read(CSR_TDATA1) >> (XLEN - 4)) & 1, "tdata1-type-in-tinfo");
        check_true(info != 0, "tinfo");
    }
    csr_write(CSR_TSELECT, 0);
    if ((csr_read(CSR_TINFO) & 0xffff) == 1) {
        csr_write(CSR_TDATA1, -1);
        check_equal(csr_read(CSR_TDATA1) >> (XLEN - 4), 0, "no-trigger-tdata1");
        csr_write(CSR_TDATA2, -1);
        struct trap trap = run_insn(MODE_M, NOP, ARGS(0));
        check_cause(&trap, CAUSE_NONE, "no-trigger-fires");
    }
}

void test_main(void)
{
    test_triggers();
    test_privilege();
    test_read_only();
    test_missing();
    test_operations();
    test_trap_registers();
    test_status();
    test_interrupt_registers();
    test_satp();
    test_configuration();
}
