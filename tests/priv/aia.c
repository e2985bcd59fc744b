/* SPDX-License-Identifier: MIT
 *
 * Advanced interrupts (AIA 1.0): the interrupt files by their registers and by messages, mtopi and stopi,
 * virtual interrupts, an APLIC that sends messages; and which of it Smstateen keeps from S-mode. On the board
 * with -machine aia=aplic-imsic.
 */
#include "test.h"

const char test_name[] = "aia";

enum {
    SISELECT = 0x150,
    SIREG = 0x151,
    STOPEI = 0x15c,
    STOPI = 0xdb0,
    MVIEN = 0x308,
    MVIP = 0x309,
    MSTATEEN0 = 0x30c,
    MSTATEEN0H = 0x31c,
    MISELECT = 0x350,
    MIREG = 0x351,
    MTOPEI = 0x35c,
    MTOPI = 0xfb0,
};
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };
enum { SSI = 1 << 1, STI = 1 << 5, MTI = 1 << 7, SEI = 1 << 9, MEI = 1 << 11 };

#define TOP(identity) ((uintptr_t)(identity) << 16 | (identity))

static void store(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
    __asm__ volatile("fence" ::: "memory");
}
static uint32_t load(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}
static void message_m(uint32_t identity)
{
    store(0x24000000, identity);
}
static void message_s(uint32_t identity)
{
    store(0x28000000, identity);
}

static void m_write(unsigned selected, uintptr_t value)
{
    csr_write(MISELECT, selected);
    csr_write(MIREG, value);
}
static uintptr_t m_read(unsigned selected)
{
    csr_write(MISELECT, selected);
    return csr_read(MIREG);
}
static void s_write(unsigned selected, uintptr_t value)
{
    csr_write(SISELECT, selected);
    csr_write(SIREG, value);
}
static uintptr_t s_read(unsigned selected)
{
    csr_write(SISELECT, selected);
    return csr_read(SIREG);
}

static void test_selection(void)
{
    static const uint16_t there[] = { 0x30, 0x32, 0x3e, 0x70, 0x72, 0x80, 0x82, 0xc0, 0xc6 };
    static const uint16_t odd[] = { 0x31, 0x3f, 0x81, 0x87, 0xc1, 0xc7 };
    for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        csr_write(MISELECT, there[i]);
        struct trap trap = csr_try_read(MODE_M, MIREG);
        check_cause(&trap, CAUSE_NONE, "mireg");
        csr_write(SISELECT, there[i]);
        trap = csr_try_read(MODE_S, SIREG);
        check_cause(&trap, CAUSE_NONE, "sireg");
        trap = csr_try_read(MODE_U, SIREG);
        check_cause(&trap, CAUSE_ILLEGAL, "sireg-in-u");
    }
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        csr_write(MISELECT, odd[i]);
        struct trap trap = csr_try_read(MODE_M, MIREG);
        check_cause(&trap, XLEN == 64 ? CAUSE_ILLEGAL : CAUSE_NONE, "mireg-odd");
    }
    csr_write(MISELECT, 0xbe); /* of identities that do not exist */
    struct trap beyond = csr_try_read(MODE_M, MIREG);
    check_cause(&beyond, CAUSE_NONE, "mireg-beyond");
    csr_write(MISELECT, 0x100);
    struct trap trap = csr_try_read(MODE_M, MIREG);
    check_cause(&trap, CAUSE_ILLEGAL, "mireg-nothing");
#if XLEN == 32
    static const uint16_t high[] = { 0x114, 0x154, 0x313, 0x314, 0x318, 0x319, 0x354 };
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
        trap = csr_try_read(MODE_M, high[i]);
        check_cause(&trap, CAUSE_NONE, "high-half");
    }
#endif
}

static void test_file(void)
{
    m_write(EIE0, -1);
    m_write(EITHRESHOLD, 0);
    m_write(EIDELIVERY, 0);
    check_equal(m_read(EIE0) & 1, 0, "no-identity-0");
    message_m(30), message_m(7), message_m(0);
    check_equal(csr_read(MTOPEI), TOP(7), "mtopei");
    check_equal(csr_read(CSR_MIP) & MEI, 0, "not-delivered");
    m_write(EIDELIVERY, 1);
    check_equal(csr_read(CSR_MIP) & MEI, MEI, "delivered");
    m_write(EITHRESHOLD, 7);
    check_equal(csr_read(MTOPEI), 0, "below-threshold");
    check_equal(csr_read(CSR_MIP) & MEI, 0, "below-threshold-mip");
    m_write(EITHRESHOLD, 8);
    struct trap trap = run_insn(MODE_M, CSRRW(A0, MTOPEI, ZERO), ARGS(0));
    check_equal(trap.x[A0], TOP(7), "claim");
    check_equal(m_read(EIP0), 1u << 30, "claimed");
    m_write(EITHRESHOLD, 0);
    check_equal(csr_read(MTOPEI), TOP(30), "next");
    m_write(EIP0, 0);
    check_equal(csr_read(CSR_MIP) & MEI, 0, "nothing-pends");
    m_write(EIP0, -1);
    check_equal(csr_read(MTOPEI), TOP(1), "pending-by-software");
    m_write(EIP0, 0);
    store(0x24000004, 9u << 24); /* big-endian */
    message_m(0x10000009);
    check_true(csr_read(MTOPEI) == 0 || csr_read(MTOPEI) == TOP(9), "big-endian");
    m_write(EIP0, 0);
    check_equal(load(0x24000000), 0, "page-reads-zero");
}

static void test_supervisor_file(void)
{
    csr_write(CSR_MIDELEG, SSI | STI | SEI);
    s_write(EIDELIVERY, 1);
    s_write(EITHRESHOLD, 0);
    s_write(EIE0, 1u << 5 | 1u << 20);
    message_s(20), message_s(6);
    check_equal(csr_read(CSR_SIP) & SEI, SEI, "sip");
    struct trap trap = run_insn(MODE_S, CSRRW(A0, STOPEI, ZERO), ARGS(0));
    check_cause(&trap, CAUSE_NONE, "stopei-in-s");
    check_equal(trap.x[A0], TOP(20), "stopei");
    check_equal(csr_read(CSR_SIP) & SEI, 0, "sip-after");
    check_equal(s_read(EIP0), 1u << 6, "not-enabled");
    trap = csr_try_read(MODE_S, MTOPEI);
    check_cause(&trap, CAUSE_ILLEGAL, "mtopei-in-s");
    s_write(EIP0, 0);
}

static void test_top(void)
{
    csr_write(CSR_MIDELEG, SSI | SEI);
    csr_write(CSR_MIE, MEI | SEI | SSI | STI);
    m_write(0x30, 0);
    m_write(0x32, 0);
    s_write(0x30, 0);
    check_equal(csr_read(MTOPI), 0, "mtopi-nothing");
    m_write(EIE0, -1);
    message_m(12);
    check_equal(csr_read(MTOPI), 11u << 16 | 12, "mtopi-external");
    s_write(EIE0, -1);
    message_s(8);
    csr_write(CSR_SIP, SSI);
    check_equal(csr_read(STOPI), 9u << 16 | 8, "stopi-external");
    s_write(0x30, 3u << 8); /* SSI: more urgent than identity 8 */
    check_equal(csr_read(STOPI), 1u << 16 | 3, "stopi-priority");
    s_write(0x30, 8u << 8);
    check_equal(csr_read(STOPI), 9u << 16 | 8, "stopi-tie");
    s_write(EIP0, 0);
    check_equal(csr_read(STOPI), 1u << 16 | 8, "stopi-software");
    s_write(0x30, 0);
    check_equal(csr_read(STOPI), 1u << 16 | 255, "stopi-default");
    csr_write(CSR_SIP, 0);
    m_write(EIP0, 0);
    m_write(0x30, -1);
    check_equal(m_read(0x30) & 0xff, 0, "iprio-of-nothing");
    m_write(0x30, 0);
    csr_write(CSR_MIE, 0);
}

static void test_virtual(void)
{
    csr_write(CSR_MIDELEG, 0);
    csr_write(MVIP, 0);
    csr_write(MVIEN, SEI);
    check_equal(csr_read(MVIEN) & SEI, SEI, "mvien");
    csr_write(CSR_SIE, SEI);
    check_equal(csr_read(CSR_SIE) & SEI, SEI, "sie");
    check_equal(csr_read(CSR_MIE) & SEI, 0, "mie");
    csr_write(MVIP, SEI);
    check_equal(csr_read(CSR_SIP) & SEI, SEI, "sip-virtual");
    check_equal(csr_read(CSR_MIP) & SEI, 0, "mip-virtual");
    check_equal(csr_read(STOPI) >> 16, 9, "stopi-virtual");
    csr_write(SISELECT, EIDELIVERY);
    struct trap trap = csr_try_read(MODE_S, SIREG);
    check_cause(&trap, CAUSE_ILLEGAL, "file-kept");
    trap = csr_try_read(MODE_S, STOPEI);
    check_cause(&trap, CAUSE_ILLEGAL, "stopei-kept");
    csr_write(MVIP, 0);
    csr_write(CSR_SIE, 0);
    csr_write(MVIEN, 0);
}

/* Source 1 of the root domain, detached from its wire. */
static void test_aplic(void)
{
    const uintptr_t aplic = 0xc000000;
    check_equal(load(aplic) & 0x80000004, 0x80000004, "messages");
    store(aplic + 0x1bc0, 0x24000);
    store(aplic + 0x1bc4, 1u << 12);
    store(aplic + 4, 1);
    store(aplic + 0x3004, 21);
    store(aplic + 0x1edc, 1);
    store(aplic + 0x1cdc, 1);
    check_equal(load(aplic + 0x1c00), 2, "aplic-pending");
    m_write(EIP0, 0);
    store(aplic, 0x100);
    check_equal(load(aplic + 0x1c00), 0, "aplic-sent");
    check_equal(m_read(EIP0), 1u << 21, "aplic-arrived");
    store(aplic + 0x3000, 22);
    check_equal(m_read(EIP0), 3u << 21, "genmsi");
    store(aplic + 4, 0x400);
    check_equal(load(aplic + 4), 0x400, "delegated");
    check_equal(load(aplic + 0x1e00), 0, "delegated-enable");
    store(0xd000000 + 4, 0x400);
    check_equal(load(0xd000000 + 4), 0, "leaf");
    store(0xd000000 + 4, 6);
    check_equal(load(0xd000000 + 4), 6, "level");
    store(0xd000000 + 0x1cdc, 1);
    check_equal(load(0xd000000 + 0x1c00), 0, "level-low");
    store(aplic + 4, 0);
    store(aplic, 0);
    check_equal(load(0xd000000 + 4), 0, "taken-back");
    m_write(EIP0, 0);
}

#if XLEN == 64
#define STATEEN MSTATEEN0
#define BIT(n)  (1ull << (n))
#else
#define STATEEN MSTATEEN0H
#define BIT(n)  (1u << ((n)-32))
#endif

static void test_stateen(void)
{
    if (!csr_exists(MSTATEEN0)) {
        skip("stateen", "no Smstateen");
        return;
    }
    static const struct {
        uint16_t csr;
        uint8_t bit;
    } rows[] = { { CSR_SENVCFG, 62 }, { SISELECT, 60 }, { STOPI, 59 }, { STOPEI, 58 }, { 0x10c, 63 } };
    csr_write(SISELECT, EIDELIVERY);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        csr_write(STATEEN, ~(uintptr_t)BIT(rows[i].bit));
        struct trap trap = csr_try_read(MODE_S, rows[i].csr);
        check_cause(&trap, CAUSE_ILLEGAL, "stateen-kept");
        trap = csr_try_read(MODE_M, rows[i].csr);
        check_cause(&trap, CAUSE_NONE, "stateen-m");
        csr_write(STATEEN, -1);
        check_equal(csr_read(STATEEN) & BIT(rows[i].bit), BIT(rows[i].bit), "stateen-bit");
        trap = csr_try_read(MODE_S, rows[i].csr);
        check_cause(&trap, CAUSE_NONE, "stateen-allowed");
    }
    csr_write(STATEEN, BIT(60) | BIT(59));
    struct trap trap = csr_try_read(MODE_S, SIREG);
    check_cause(&trap, CAUSE_ILLEGAL, "stateen-file");
    csr_write(STATEEN, BIT(60) | BIT(58));
    trap = csr_try_read(MODE_S, SIREG);
    check_cause(&trap, CAUSE_NONE, "stateen-file-allowed");
    csr_write(STATEEN, 0);
}

void test_main(void)
{
    if (csr_exists(MSTATEEN0))
        csr_write(STATEEN, -1);
    test_selection();
    test_file();
    test_supervisor_file();
    test_top();
    test_virtual();
    test_aplic();
    test_stateen();
}
