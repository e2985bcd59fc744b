/* SPDX-License-Identifier: MIT
 *
 * A hart's advanced interrupts (Smaia, Ssaia, interrupt files), state enable (Smstateen) and the stricter PMP
 * (Smepmp), at the level of registers: hart_set_irq() sends what devices send.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/csr/csr.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"
#include "tests/suite.h"
#include "util/state.h"

enum {
    SIE = 0x104,
    SENVCFG = 0x10a,
    SSTATEEN0 = 0x10c,
    SIP = 0x144,
    SISELECT = 0x150,
    SIREG = 0x151,
    STOPEI = 0x15c,
    STOPI = 0xdb0,
    MSTATUS = 0x300,
    MIDELEG = 0x303,
    MIE = 0x304,
    MVIEN = 0x308,
    MVIP = 0x309,
    MSTATEEN0 = 0x30c,
    MSTATEEN0H = 0x31c,
    MIP = 0x344,
    MISELECT = 0x350,
    MIREG = 0x351,
    MTOPEI = 0x35c,
    MTOPI = 0xfb0,
    PMPCFG0 = 0x3a0,
    PMPADDR0 = 0x3b0,
    MSECCFG = 0x747,
    VSIE = 0x204,
    VSIP = 0x244,
    VSISELECT = 0x250,
    VSIREG = 0x251,
    VSTOPEI = 0x25c,
    HSTATUS = 0x600,
    HIDELEG = 0x603,
    HIE = 0x604,
    HGEIE = 0x607,
    HVIEN = 0x608,
    HVICTL = 0x609,
    HSTATEEN0 = 0x60c,
    HIP = 0x644,
    HVIP = 0x645,
    HVIPRIO1 = 0x646,
    HGEIP = 0xe12,
    VSTOPI = 0xeb0
};
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };

static uint8_t page_bytes[PAGE_SIZE];
static struct hart_bus bus;
static struct clock *clock_;
static struct isa_config isa;
static struct hart *hart;

static uint8_t *bus_page(struct hart_bus *side, uint64_t paddr, bool *writable)
{
    (void)side;
    *writable = true;
    return paddr == 0x80000000 ? page_bytes : NULL;
}
static bool bus_read(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t *value)
{
    (void)side, (void)paddr, (void)size, (void)value;
    return false;
}
static bool bus_write(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t value)
{
    (void)side, (void)paddr, (void)size, (void)value;
    return false;
}
static void bus_code_page(struct hart_bus *side, uint64_t paddr)
{
    (void)side, (void)paddr;
}
static bool bus_mapped(struct hart_bus *side, uint64_t paddr)
{
    (void)side;
    return paddr >> 12 == 0x80000;
}

static struct hart *make_hart(bool imsic)
{
    struct error error = { .text = "" };
    struct hart_config config = { .isa = &isa,
                                  .bus = &bus,
                                  .clock = clock_,
                                  .timebase_hz = 10000000,
                                  .reset_pc = 0x80000000,
                                  .imsic = imsic,
                                  .guest_files = 5 };
    struct hart *made = hart_create(&config, &error);
    ck_assert_msg(made != NULL, "%s", error.text);
    return made;
}

static void begin(const char *cpu, bool imsic)
{
    static const struct hart_bus_ops ops = { .page = bus_page,
                                             .read = bus_read,
                                             .write = bus_write,
                                             .code_page = bus_code_page,
                                             .mapped = bus_mapped };
    struct error error = { .text = "" };
    bus.ops = &ops;
    isa_init();
    ck_assert_msg(isa_config_parse(&isa, cpu, &error), "%s", error.text);
    clock_ = clock_create(&error);
    hart = make_hart(imsic);
}

static void end(void)
{
    hart_destroy(hart);
    clock_destroy(clock_);
}

static void put_ireg(unsigned select, unsigned selected, uint64_t value)
{
    csr_write(hart, select, selected);
    ck_assert(csr_access_allowed(hart, select + 1, true));
    csr_write(hart, select + 1, value);
}

static uint64_t get_ireg(unsigned select, unsigned selected)
{
    csr_write(hart, select, selected);
    ck_assert(csr_access_allowed(hart, select + 1, false));
    return csr_read(hart, select + 1);
}

static void message(bool supervisor, unsigned identity)
{
    hart_set_irq(hart, HART_MSI_TO(supervisor, identity), true);
}

START_TEST(test_existence)
{
    static const uint16_t all[] = { SISELECT, SIREG,    STOPEI, STOPI,  MVIEN,
                                    MVIP,     MISELECT, MIREG,  MTOPEI, MTOPI };
    begin("rv64", true);
    for (unsigned n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        ck_assert(!csr_exists(hart, all[n]));
    end();
    begin("rv64,smaia=on", false);
    ck_assert(csr_exists(hart, MTOPI) && csr_exists(hart, MVIEN) && !csr_exists(hart, MTOPEI));
    ck_assert(!csr_exists(hart, STOPI) && !csr_exists(hart, STOPEI) && !csr_exists(hart, 0x314));
    csr_write(hart, MISELECT, EIDELIVERY);
    ck_assert(!csr_access_allowed(hart, MIREG, false));
    end();
    begin("rv32,h=off,ssaia=on", true); /* brings Smaia */
    for (unsigned n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        ck_assert(csr_exists(hart, all[n]));
    static const uint16_t high[] = { 0x114, 0x154, 0x313, 0x314, 0x318, 0x319, 0x354 };
    for (unsigned n = 0; n < sizeof(high) / sizeof(high[0]); n++) {
        ck_assert(csr_access_allowed(hart, high[n], true));
        csr_write(hart, high[n], UINT32_MAX);
        ck_assert_uint_eq(csr_read(hart, high[n]), 0);
    }
    end();
}
END_TEST

START_TEST(test_file)
{
    begin("rv64,h=off,ssaia=on", true);
    put_ireg(MISELECT, EIE0, UINT64_MAX);
    ck_assert_uint_eq(get_ireg(MISELECT, EIE0), UINT64_MAX - 1); /* there is no identity 0 */
    message(false, 40), message(false, 7), message(false, 200);  /* 200 is not enabled */
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    ck_assert_uint_eq(csr_read(hart, MTOPEI), 7u << 16 | 7); /* whether or not it delivers */
    put_ireg(MISELECT, EIDELIVERY, 1);
    ck_assert_uint_eq(csr_read(hart, MIP), IRQ_MEI);
    put_ireg(MISELECT, EIDELIVERY, 0x40000000); /* not supported */
    ck_assert_uint_eq(get_ireg(MISELECT, EIDELIVERY), 1);
    put_ireg(MISELECT, EITHRESHOLD, 7);
    ck_assert_uint_eq(csr_read(hart, MTOPEI) | csr_read(hart, MIP), 0);
    put_ireg(MISELECT, EITHRESHOLD, 8);
    ck_assert_uint_eq(csr_read(hart, MTOPEI), 7u << 16 | 7);
    csr_write(hart, MTOPEI, 0);
    ck_assert_uint_eq(get_ireg(MISELECT, EIP0), 1ull << 40);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    put_ireg(MISELECT, EITHRESHOLD, 0);
    ck_assert_uint_eq(csr_read(hart, MIP), IRQ_MEI);
    put_ireg(MISELECT, EIP0, 0);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    ck_assert_uint_eq(get_ireg(MISELECT, EIP0 + 6), 1ull << (200 - 192));
    ck_assert_uint_eq(get_ireg(MISELECT, EIP0 + 8), 0); /* 256 to 319 */
    put_ireg(MISELECT, EIE0 + 8, UINT64_MAX);
    ck_assert_uint_eq(get_ireg(MISELECT, EIE0 + 8), 0);
    put_ireg(SISELECT, EIDELIVERY, 1), put_ireg(SISELECT, EIE0, 2);
    message(true, 1);
    ck_assert_uint_eq(csr_read(hart, MIP), IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, STOPEI), 1u << 16 | 1);
    end();
}
END_TEST

/* A message between a read and the write of one instruction does not change what is claimed; an instruction
 * that only writes claims what is most urgent then. */
START_TEST(test_claim)
{
    begin("rv64,h=off,ssaia=on", true);
    put_ireg(SISELECT, EIE0, UINT64_MAX);
    message(true, 9);
    ck_assert_uint_eq(csr_read(hart, STOPEI), 9u << 16 | 9);
    message(true, 3);
    csr_write(hart, STOPEI, 0);
    ck_assert_uint_eq(get_ireg(SISELECT, EIP0), 1u << 3);
    message(true, 9);
    hart->aia.told = 0; /* the next instruction */
    csr_write(hart, STOPEI, 0);
    ck_assert_uint_eq(get_ireg(SISELECT, EIP0), 1u << 9);
    end();
}
END_TEST

START_TEST(test_selection)
{
    begin("rv64,h=off,ssaia=on", true);
    static const uint16_t none[] = { 0, 0x2f, 0x31, 0x3f, 0x40, 0x6f, 0x81, 0xbf, 0xc1, 0x100, 0x170, 0xfff };
    for (unsigned n = 0; n < sizeof(none) / sizeof(none[0]); n++) {
        csr_write(hart, SISELECT, none[n]);
        ck_assert_msg(!csr_access_allowed(hart, SIREG, false), "0x%x", none[n]);
        csr_write(hart, SIREG, UINT64_MAX); /* by a debugger */
        ck_assert_uint_eq(csr_read(hart, SIREG), 0);
    }
    ck_assert_uint_eq(get_ireg(SISELECT, 0x71), 0);
    csr_write(hart, SISELECT, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, SISELECT), 0xfff);
    end();
    begin("rv32,h=off,ssaia=on", true);
    put_ireg(SISELECT, EIE0 + 1, 1u << 31);
    message(true, 63);
    ck_assert_uint_eq(get_ireg(SISELECT, EIP0 + 1), 1u << 31);
    ck_assert_uint_eq(get_ireg(SISELECT, EIP0), 0);
    ck_assert_uint_eq(csr_read(hart, STOPEI), 63u << 16 | 63);
    put_ireg(SISELECT, 0x31, UINT32_MAX); /* interrupts 4 to 7: only 5 has a priority */
    ck_assert_uint_eq(get_ireg(SISELECT, 0x31), 0xff00);
    end();
}
END_TEST

START_TEST(test_top)
{
    begin("rv64,h=off,ssaia=on", true);
    csr_write(hart, MIE, IRQ_MSI | IRQ_MTI | IRQ_MEI | IRQ_SSI | IRQ_SEI | IRQ_STI);
    csr_write(hart, MIDELEG, IRQ_SSI | IRQ_SEI | IRQ_STI);
    put_ireg(MISELECT, 0x30, UINT64_MAX); /* interrupts 0 to 7 */
    ck_assert_uint_eq(get_ireg(MISELECT, 0x30), 0xff00ff00ff00ff00 & 0xff00ff00ff00ff00);
    put_ireg(MISELECT, 0x32, UINT64_MAX); /* 8 to 15: not the external one */
    ck_assert_uint_eq(get_ireg(MISELECT, 0x32), 0xff00);
    put_ireg(MISELECT, 0x30, 0);
    hart_set_irq(hart, 3, true), hart_set_irq(hart, 7, true);
    ck_assert_uint_eq(csr_read(hart, MTOPI), 3u << 16 | 255); /* below an external one */
    put_ireg(MISELECT, 0x30, 20ull << 56);                    /* interrupt 7 */
    ck_assert_uint_eq(csr_read(hart, MTOPI), 7u << 16 | 20);
    put_ireg(MISELECT, EIDELIVERY, 1), put_ireg(MISELECT, EIE0, UINT64_MAX);
    message(false, 21);
    ck_assert_uint_eq(csr_read(hart, MTOPI), 7u << 16 | 20);
    message(false, 20);
    ck_assert_uint_eq(csr_read(hart, MTOPI), 11u << 16 | 20); /* of equal ones the default order */
    csr_write(hart, MIP, IRQ_SSI | IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, STOPI), 9u << 16 | 255); /* from no controller: the lowest priority */
    put_ireg(SISELECT, 0x30, 5ull << 8);
    ck_assert_uint_eq(csr_read(hart, STOPI), 1u << 16 | 5);
    csr_write(hart, MSTATUS, MSTATUS_MIE | MSTATUS_SIE);
    ck_assert(trap_take_interrupt(hart));
    ck_assert_uint_eq(hart->mcause, 1ull << 63 | 11);
    hart->priv = PRIV_S;
    csr_write(hart, MIE, IRQ_SSI | IRQ_SEI);
    csr_write(hart, MSTATUS, MSTATUS_SIE);
    ck_assert(trap_take_interrupt(hart));
    ck_assert_uint_eq(hart->scause, 1ull << 63 | 1);
    end();
    begin("rv64,smaia=on", false); /* without files no priorities */
    csr_write(hart, MIE, IRQ_MTI | IRQ_MEI);
    put_ireg(MISELECT, 0x30, UINT64_MAX);
    ck_assert_uint_eq(get_ireg(MISELECT, 0x30), 0);
    hart_set_irq(hart, 7, true);
    ck_assert_uint_eq(csr_read(hart, MTOPI), 7u << 16 | 1);
    hart_set_irq(hart, 11, true);
    ck_assert_uint_eq(csr_read(hart, MTOPI), 11u << 16 | 1);
    end();
}
END_TEST

START_TEST(test_virtual)
{
    begin("rv64,h=off,ssaia=on", true);
    csr_write(hart, MVIEN, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, MVIEN), IRQ_SSI | IRQ_SEI);
    csr_write(hart, SIE, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, SIE), IRQ_SSI | IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, MIE), 0);
    csr_write(hart, MVIP, IRQ_SSI);
    ck_assert_uint_eq(csr_read(hart, SIP), IRQ_SSI);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    ck_assert(trap_wakes(hart));
    ck_assert_uint_eq(csr_read(hart, STOPI), 1u << 16 | 255);
    hart->priv = PRIV_S;
    csr_write(hart, MSTATUS, MSTATUS_SIE);
    ck_assert(trap_take_interrupt(hart));
    ck_assert_uint_eq(hart->scause, 1ull << 63 | 1);
    ck_assert_uint_eq(hart->priv, PRIV_S);
    csr_write(hart, SIP, 0);
    ck_assert(!trap_wakes(hart));
    /* S-mode's file is M-mode's now, and mip.SEIP is its signal alone. */
    csr_write(hart, SISELECT, EIDELIVERY);
    ck_assert(!csr_access_allowed(hart, SIREG, false) && !csr_access_allowed(hart, STOPEI, false));
    csr_write(hart, SISELECT, 0x30);
    ck_assert(csr_access_allowed(hart, SIREG, false));
    hart->priv = PRIV_M;
    ck_assert(csr_access_allowed(hart, STOPEI, false));
    csr_write(hart, MIP, IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    csr_write(hart, MVIP, IRQ_SEI);
    csr_write(hart, MVIEN, 0); /* bit 9 of mvip keeps its value */
    ck_assert_uint_eq(csr_read(hart, MVIP), IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, MIP), IRQ_SEI);
    csr_write(hart, MVIEN, IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, MVIP), IRQ_SEI);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    end();
}
END_TEST

static void *send_many(void *opaque)
{
    for (unsigned n = 0; n < 20000; n++)
        hart_set_irq(opaque, HART_MSI_TO(true, 1 + n % 255), true);
    return NULL;
}

/* Messages from another thread, and claims: none is lost at the end, and no number is too large for the hart.
 */
START_TEST(test_threads)
{
    pthread_t thread;
    begin("rv64,h=off,ssaia=on", true);
    put_ireg(SISELECT, EIDELIVERY, 1);
    for (unsigned n = 0; n < 8; n += 2)
        put_ireg(SISELECT, EIE0 + n, UINT64_MAX);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_many, hart), 0);
    for (unsigned n = 0; n < 20000; n++) {
        hart->aia.told = 0;
        csr_read(hart, STOPEI);
        csr_write(hart, STOPEI, 0);
    }
    pthread_join(thread, NULL);
    while (csr_read(hart, STOPEI))
        csr_write(hart, STOPEI, 0);
    ck_assert_uint_eq(csr_read(hart, MIP), 0);
    message(true, 0), message(true, 256), hart_set_irq(hart, 0xffff, true);
    ck_assert_uint_eq(csr_read(hart, STOPEI), 0);
    end();
}
END_TEST

START_TEST(test_stateen)
{
    begin("rv64,h=off,smstateen=on,ssaia=on", true);
    csr_write(hart, MSTATEEN0, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, MSTATEEN0), 0xdcull << 56);
    csr_write(hart, MSTATEEN0 + 3, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, MSTATEEN0 + 3), 1ull << 63);
    csr_write(hart, SSTATEEN0, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, SSTATEEN0), 0);
    static const struct {
        uint16_t number;
        uint64_t bit;
    } rows[] = { { SENVCFG, 1ull << 62 },
                 { SSTATEEN0, 1ull << 63 },
                 { STOPI, 1ull << 59 },
                 { STOPEI, 1ull << 58 },
                 { SISELECT, 1ull << 60 } };
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        csr_write(hart, MSTATEEN0, ~rows[n].bit);
        hart->priv = PRIV_S;
        ck_assert_msg(!csr_access_allowed(hart, rows[n].number, false), "0x%x", rows[n].number);
        hart->priv = PRIV_M;
        ck_assert(csr_access_allowed(hart, rows[n].number, false));
        csr_write(hart, MSTATEEN0, rows[n].bit);
        hart->priv = PRIV_S;
        ck_assert_msg(csr_access_allowed(hart, rows[n].number, false), "0x%x", rows[n].number);
        hart->priv = PRIV_M;
    }
    csr_write(hart, SISELECT, EIDELIVERY);
    csr_write(hart, MSTATEEN0, 5ull << 58);
    hart->priv = PRIV_S;
    ck_assert(csr_access_allowed(hart, SIREG, false));
    csr_write(hart, SISELECT, 0x30); /* priorities need bit AIA */
    ck_assert(!csr_access_allowed(hart, SIREG, false));
    end();
    begin("rv32,h=off,smstateen=on", false);
    csr_write(hart, MSTATEEN0H, UINT32_MAX);
    ck_assert_uint_eq(csr_read(hart, MSTATEEN0H), 3u << 30); /* no AIA, no files */
    end();
}
END_TEST

/* The truth table of Smepmp with MML, by L, R, W and X of pmpcfg: what M-mode may do, and the others. */
START_TEST(test_epmp_table)
{
    enum { R = 1, W = 2, X = 4 };
    static const uint8_t machine[16] = { 0, 0, R | W, 0, 0, 0, R | W, 0, 0, R, X, R | W, X, R | X, R | X, R };
    static const uint8_t others[16] = { 0, R, R, R | W, X, R | X, R | W, R | W | X, 0, 0, X, 0, 0, 0, X, R };
    static const enum mmu_access accesses[] = { MMU_READ, MMU_WRITE, MMU_FETCH };
    begin("rv64,smepmp=on", false);
    csr_write(hart, MSECCFG, MSECCFG_RLB);
    csr_write(hart, MSECCFG, MSECCFG_RLB | MSECCFG_MML);
    csr_write(hart, PMPADDR0, 0x20000000 | 0x1ff); /* 4 KiB */
    for (unsigned n = 0; n < 16; n++) {
        csr_write(hart, PMPCFG0, (n & 8 ? 0x80u : 0) | 0x18 | (n & 7));
        for (unsigned k = 0; k < 3; k++) {
            bool m = pmp_allows(hart, 0x80000000, 4, PRIV_M, accesses[k]);
            bool s = pmp_allows(hart, 0x80000000, 4, PRIV_S, accesses[k]);
            ck_assert_msg(m == (machine[n] >> k & 1), "M-mode, %u, access %u", n, k);
            ck_assert_msg(s == (others[n] >> k & 1), "S-mode, %u, access %u", n, k);
        }
    }
    /* Where no entry is, M-mode may not execute, and with MMWP do nothing. */
    ck_assert(pmp_allows(hart, 0x90000000, 4, PRIV_M, MMU_READ));
    ck_assert(!pmp_allows(hart, 0x90000000, 4, PRIV_M, MMU_FETCH));
    csr_write(hart, MSECCFG, MSECCFG_MMWP);
    ck_assert_uint_eq(csr_read(hart, MSECCFG), MSECCFG_MML | MSECCFG_MMWP); /* MML stays */
    ck_assert(!pmp_allows(hart, 0x90000000, 4, PRIV_M, MMU_READ));
    csr_write(hart, MSECCFG, MSECCFG_RLB); /* an entry is locked: too late */
    ck_assert_uint_eq(csr_read(hart, MSECCFG), MSECCFG_MML | MSECCFG_MMWP);
    end();
}
END_TEST

START_TEST(test_epmp_locks)
{
    begin("rv32,x-epmp=on", false);
    ck_assert(csr_exists(hart, MSECCFG));
    csr_write(hart, PMPCFG0, 0x9a); /* W without R is reserved without MML */
    ck_assert_uint_eq(csr_read(hart, PMPCFG0), 0x98);
    csr_write(hart, PMPCFG0, 0);
    ck_assert_uint_eq(csr_read(hart, PMPCFG0), 0x98); /* locked */
    end();
    begin("rv32,smepmp=on", false);
    csr_write(hart, MSECCFG, MSECCFG_RLB);
    csr_write(hart, PMPCFG0, 0x99);
    csr_write(hart, PMPCFG0, 0); /* RLB: not locked */
    ck_assert_uint_eq(csr_read(hart, PMPCFG0), 0);
    csr_write(hart, MSECCFG, MSECCFG_MML);
    static const uint8_t refused[] = { 0x9a, 0x9b & 0xfa, 0x9c, 0x9d, 0x9e };
    for (unsigned n = 0; n < sizeof(refused); n++) {
        csr_write(hart, PMPCFG0, refused[n]); /* M-mode could execute there */
        ck_assert_msg(csr_read(hart, PMPCFG0) == 0, "0x%x", refused[n]);
    }
    csr_write(hart, PMPCFG0, 0x9f1a); /* shared data, and read-only for both */
    ck_assert_uint_eq(csr_read(hart, PMPCFG0), 0x9f1a);
    end();
    begin("rv64", false);
    csr_write(hart, MSECCFG, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, MSECCFG) & 7, 0);
    end();
}
END_TEST

static void load_from(struct hart *to, const struct state_writer *writer, size_t length)
{
    struct state_reader reader;
    struct error error = { .text = "" };
    state_reader_init(&reader, writer->bytes, length, &error);
    hart_load(to, &reader);
}

static void guest_message(unsigned guest, unsigned identity)
{
    hart_set_irq(hart, HART_MSI_TO(1 + guest, identity), true);
}
static void select_guest(unsigned guest)
{
    csr_write(hart, HSTATUS, guest << HSTATUS_VGEIN_SHIFT);
}

START_TEST(test_guest_files)
{
    begin("rv64,h=on,ssaia=on", true);
    csr_write(hart, HGEIE, UINT64_MAX);
    ck_assert_uint_eq(csr_read(hart, HGEIE), 0x3e);
    ck_assert_uint_eq(csr_read(hart, MIDELEG), IRQ_VS | IRQ_SGEI);
    select_guest(5), csr_write(hart, HSTATUS, 63 << HSTATUS_VGEIN_SHIFT); /* there is none */
    ck_assert_uint_eq((csr_read(hart, HSTATUS) & HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT, 5);
    put_ireg(VSISELECT, EIDELIVERY, 1), put_ireg(VSISELECT, EIE0, UINT64_MAX);
    guest_message(6, 9), guest_message(63, 9), guest_message(5, 0), guest_message(64, 9); /* no such files */
    ck_assert_uint_eq(csr_read(hart, HGEIP) | csr_read(hart, MIP), 0);
    guest_message(5, 9);
    ck_assert_uint_eq(csr_read(hart, HGEIP), 1 << 5);
    ck_assert_uint_eq(csr_read(hart, HIP), IRQ_VSEI | IRQ_SGEI);
    ck_assert_uint_eq(csr_read(hart, VSTOPEI), 9u << 16 | 9);
    select_guest(1);
    ck_assert_uint_eq(csr_read(hart, HIP), IRQ_SGEI);
    csr_write(hart, HGEIE, 2);
    ck_assert_uint_eq(csr_read(hart, HIP), 0);
    select_guest(5);
    csr_write(hart, VSTOPEI, 0);
    ck_assert_uint_eq(csr_read(hart, HGEIP) | csr_read(hart, HIP), 0);
    select_guest(0);
    csr_write(hart, VSISELECT, EIDELIVERY);
    ck_assert(!csr_access_allowed(hart, VSIREG, false) && !csr_access_allowed(hart, VSTOPEI, false));
    ck_assert_uint_eq(csr_read(hart, VSIREG) | csr_read(hart, VSTOPEI), 0); /* a debugger */
    csr_write(hart, VSIREG, 1), csr_write(hart, VSTOPEI, 1);
    end();
    begin("rv64,h=off,ssaia=on", true); /* without H nobody has the files */
    guest_message(1, 9);
    ck_assert(!csr_exists(hart, VSTOPEI) && !csr_read(hart, MIP));
    end();
}
END_TEST

START_TEST(test_guest_top)
{
    begin("rv64,h=on,ssaia=on", true);
    csr_write(hart, HIDELEG, IRQ_VS);
    csr_write(hart, HIE, IRQ_VS);
    csr_write(hart, HVIEN, UINT64_MAX);
    csr_write(hart, VSIE, UINT64_MAX);
    csr_write(hart, HVIP, IRQ_VS | 1ull << 21 | 1ull << 13 | 1ull << 12);
    ck_assert_uint_eq(csr_read(hart, VSIP), 0x222 | 1ull << 21 | 1ull << 13);
    csr_write(hart, HVICTL, 1 << 8);
    ck_assert_uint_eq(csr_read(hart, VSTOPI), 21u << 16); /* by default before SEI */
    csr_write(hart, HVIP, IRQ_VS | 1ull << 13);
    ck_assert_uint_eq(csr_read(hart, VSTOPI), 9u << 16 | 255);
    csr_write(hart, HVIPRIO1, 40ull << 40 | 41u << 24 | 42u << 8);
    ck_assert_uint_eq(csr_read(hart, VSTOPI), 13u << 16 | 40);
    csr_write(hart, HVICTL, HVICTL_VTI | 1 << 8 | 4095u << 16 | 3);
    ck_assert_uint_eq(csr_read(hart, VSTOPI), 4095u << 16 | 3);
    csr_write(hart, MIE, 0), csr_write(hart, HVIP, 0);
    ck_assert(!trap_wakes(hart)); /* not while V is 0 */
    csr_write(hart, HVICTL, 9u << 16 | HVICTL_VTI);
    ck_assert_uint_eq(csr_read(hart, VSTOPI), 0);
    end();
}
END_TEST

START_TEST(test_guest_state)
{
    struct state_writer first, second;
    begin("rv64,h=on,smstateen=on,ssaia=on", true);
    select_guest(3);
    put_ireg(VSISELECT, EIDELIVERY, 1), put_ireg(VSISELECT, EIE0 + 2, UINT64_MAX);
    csr_write(hart, MSTATEEN0, UINT64_MAX), csr_write(hart, HSTATEEN0, 5ull << 58);
    csr_write(hart, HGEIE, 8), csr_write(hart, HVIEN, 1 << 20), csr_write(hart, HVIP, 1 << 20);
    csr_write(hart, HVICTL, 0x123), csr_write(hart, HVIPRIO1, 77 << 8);
    guest_message(3, 100), guest_message(2, 5);
    struct hart *other = make_hart(true);
    state_writer_init(&first), state_writer_init(&second);
    hart_save(hart, &first);
    load_from(other, &first, first.length);
    hart_save(other, &second);
    ck_assert(first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0);
    ck_assert_uint_eq(csr_read(other, VSTOPEI), 100u << 16 | 100);
    ck_assert_uint_eq(csr_read(other, HIP), IRQ_VSEI | IRQ_SGEI);
    for (unsigned seed = 1, round = 0; round < 300; round++) { /* whatever a file contains */
        for (unsigned n = 0; n < 8; n++)
            second.bytes[(size_t)rand_r(&seed) % second.length] = (uint8_t)rand_r(&seed);
        load_from(other, &second, second.length);
        ck_assert_uint_le(csr_read(other, HSTATUS) >> HSTATUS_VGEIN_SHIFT & 63, 5);
        ck_assert_uint_eq(csr_read(other, HGEIE) & ~0x3eull, 0);
        csr_read(other, VSIREG), csr_read(other, VSTOPI), csr_read(other, STOPI), csr_read(other, HGEIP);
        ck_assert_uint_lt(csr_read(other, VSTOPEI) >> 16, 256);
    }
    hart_reset(other);
    ck_assert_uint_eq(csr_read(other, HGEIP) | csr_read(other, HGEIE) | csr_read(other, MIP), 0);
    state_writer_destroy(&first), state_writer_destroy(&second);
    hart_destroy(other);
    end();
}
END_TEST

START_TEST(test_state)
{
    struct state_writer first, second;
    begin("rv64,h=off,smstateen=on,ssaia=on,smepmp=on", true);
    put_ireg(SISELECT, EIDELIVERY, 1), put_ireg(SISELECT, EIE0 + 2, UINT64_MAX);
    put_ireg(MISELECT, 0x30, 9ull << 56);
    csr_write(hart, MSTATEEN0, UINT64_MAX);
    csr_write(hart, MVIEN, IRQ_SEI), csr_write(hart, MVIP, IRQ_SEI);
    message(true, 100), message(true, 5), message(false, 255);
    struct hart *other = make_hart(true);
    state_writer_init(&first), state_writer_init(&second);
    hart_save(hart, &first);
    load_from(other, &first, first.length);
    hart_save(other, &second);
    ck_assert(first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0);
    ck_assert_uint_eq(csr_read(other, STOPEI), 100u << 16 | 100);
    ck_assert_uint_eq(csr_read(other, MIP), IRQ_SEI);
    for (unsigned seed = 1, round = 0; round < 300; round++) { /* whatever a file contains */
        for (unsigned n = 0; n < 8; n++)
            second.bytes[(size_t)rand_r(&seed) % second.length] = (uint8_t)rand_r(&seed);
        load_from(other, &second, second.length);
        ck_assert(csr_read(other, MVIEN) <= (IRQ_SSI | IRQ_SEI));
        csr_read(other, SIREG), csr_read(other, MIREG), csr_read(other, MTOPI), csr_read(other, STOPI);
        ck_assert_uint_lt(csr_read(other, STOPEI) >> 16, 256);
    }
    hart_reset(other);
    ck_assert_uint_eq(csr_read(other, STOPEI) | csr_read(other, MIP), 0);
    state_writer_destroy(&first), state_writer_destroy(&second);
    hart_destroy(other);
    end();
}
END_TEST

Suite *test_suite(void)
{
    const TTest *const tests[] = { test_existence,  test_file,       test_claim,   test_selection,
                                   test_top,        test_virtual,    test_threads, test_stateen,
                                   test_epmp_table, test_epmp_locks, test_state,   test_guest_files,
                                   test_guest_top,  test_guest_state };
    Suite *suite = suite_create("aia");
    TCase *registers = tcase_create("registers");
    for (unsigned n = 0; n < sizeof(tests) / sizeof(tests[0]); n++)
        tcase_add_test(registers, tests[n]);
    suite_add_tcase(suite, registers);
    return suite;
}
