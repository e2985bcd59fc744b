/* SPDX-License-Identifier: MIT
 *
 * Loads and stores of T1 that cross a page: both halves are mapped, or the first or the second one faults in
 * the middle of a block, in M-mode (access faults at the ends of RAM) and in S-mode (page faults of Sv39).
 */
#include <check.h>

#include "tests/dbt/guest.h"

#define ROUNDS 3
#define TABLES (RAM_BASE + 0x400000)
#define WINDOW 0x40000000u /* virtual; its pages 1, 2, 4, 5 are mapped, 5 without W */

struct boundary {
    uint64_t at; /* virtual address between two pages */
    bool paged;
    bool first_faults, second_faults, second_readonly;
};

static const struct boundary boundaries[] = {
    { DATA + 0x1000, false, false, false, false },      { RAM_BASE, false, true, false, false },
    { RAM_BASE + RAM_SIZE, false, false, true, false }, { WINDOW + 0x1000, true, true, false, false },
    { WINDOW + 0x2000, true, false, false, false },     { WINDOW + 0x3000, true, false, true, false },
    { WINDOW + 0x5000, true, false, false, true },
};
#define BOUNDARIES (int)(sizeof(boundaries) / sizeof(boundaries[0]))

struct access {
    enum isa_insn insn;
    int size;
    bool store;
};

static const struct access accesses[] = {
    { ISA_INSN_lh, 2, false },  { ISA_INSN_lhu, 2, false }, { ISA_INSN_lw, 4, false },
    { ISA_INSN_lwu, 4, false }, { ISA_INSN_ld, 8, false },  { ISA_INSN_flw, 4, false },
    { ISA_INSN_fld, 8, false }, { ISA_INSN_sh, 2, true },   { ISA_INSN_sw, 4, true },
    { ISA_INSN_sd, 8, true },   { ISA_INSN_fsw, 4, true },  { ISA_INSN_fsd, 8, true },
};
#define ACCESSES (int)(sizeof(accesses) / sizeof(accesses[0]))

static void make_tables(struct guest *guest)
{
    const uint64_t table = 1, leaf = 0xcf, read_only = 0xcb; /* V R W X A D; the same without W */
    static const struct {
        unsigned page, to;
    } pages[] = { { 1, 3 }, { 2, 1 }, { 4, 6 }, { 5, 2 } };
    guest_set_word(guest, TABLES, leaf); /* 0: the port */
    guest_set_word(guest, TABLES + 8, (TABLES + 0x1000) >> 12 << 10 | table);
    guest_set_word(guest, TABLES + 16, (uint64_t)RAM_BASE >> 12 << 10 | leaf);
    guest_set_word(guest, TABLES + 0x1000, (TABLES + 0x2000) >> 12 << 10 | table);
    for (unsigned i = 0; i < 4; i++)
        guest_set_word(guest, TABLES + 0x2000 + 8 * pages[i].page,
                       (uint64_t)(DATA / PAGE_SIZE + pages[i].to) << 10 |
                           (pages[i].page == 5 ? read_only : leaf));
}

static void put_supervisor(struct guest *guest)
{
    I(addi, T0, 0, 0, -1);
    I(csrrw, 0, T0, 0, CSR_PMPADDR0);
    I(addi, T0, 0, 0, 0x1f); /* NAPOT, X W R */
    I(csrrw, 0, T0, 0, CSR_PMPCFG0);
    I(addi, T0, 0, 0, 8); /* Sv39 */
    I(slli, T0, T0, 0, 60);
    guest_put_value(guest, T1, TABLES >> 12);
    I(add, T0, T0, T1, 0);
    I(csrrw, 0, T0, 0, CSR_SATP);
    guest_put_value(guest, T0, 0x6800); /* MPP = S, FS */
    I(csrrw, 0, T0, 0, CSR_MSTATUS);
    I(auipc, T0, 0, 0, 0);
    I(addi, T0, T0, 0, 16);
    I(csrrw, 0, T0, 0, CSR_MEPC);
    I(mret, 0, 0, 0, 0);
}

/* One access of each kind at one distance from the boundary, by pinned and by other registers. */
static void put_accesses(struct guest *guest, int distance)
{
    for (int i = 0; i < ACCESSES; i++) {
        const struct access *a = &accesses[i];
        if (distance >= a->size)
            continue;
        bool pinned = (i + distance) & 1;
        unsigned base = pinned ? A5 : S2, other = i & 1 ? A2 : S4;
        I(addi, A3, A3, 0, 1);
        I(add, A4, A4, A2, 0);
        if (a->store)
            guest_put(guest, a->insn, 0, base, other, -distance);
        else
            guest_put(guest, a->insn, other, base, 0, -distance);
        I(add, A4, A4, S4, 0);
        I(addi, S5, S5, 0, 3);
    }
}

static void build_crossing(struct guest *guest, const void *argument)
{
    const struct boundary *boundary = argument;
    for (unsigned i = 0; i < 0x8000; i += 8)
        guest_set_word(guest, DATA + i, (i + 1) * 0x9e3779b97f4a7c15ull);
    make_tables(guest);
    guest_put_jal(guest, 0, START + 0x1000); /* past the handler */
    guest->at = START + 0x1000;
    guest_put_log_traps(guest);
    guest_put_value(guest, T0, 0x6000); /* FS */
    I(csrrw, 0, T0, 0, CSR_MSTATUS);
    guest_put_value(guest, S2, (uint32_t)boundary->at);
    I(addi, A5, S2, 0, 0);
    I(addi, S3, 0, 0, ROUNDS);
    if (boundary->paged)
        put_supervisor(guest);
    uint64_t loop = guest->at;
    for (int distance = 1; distance < 8; distance++)
        put_accesses(guest, distance);
    I(addi, S3, S3, 0, -1);
    guest_put_branch(guest, ISA_INSN_beq, S3, 0, guest->at + 8);
    guest_put_jal(guest, 0, loop);
    I(ecall, 0, 0, 0, 0); /* notes minstret */
    guest_put_stop(guest, 0);
}

/* The log has each access that faults once for each round, in order, and then the ecall. */
static void check_crossing(struct guest *guest, const void *argument)
{
    const struct boundary *boundary = argument;
    uint64_t log = LOG, accesses_done = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int distance = 1; distance < 8; distance++)
            for (int i = 0; i < ACCESSES; i++) {
                const struct access *a = &accesses[i];
                accesses_done += distance < a->size;
                bool faults = boundary->first_faults || boundary->second_faults ||
                              (boundary->second_readonly && a->store);
                if (distance >= a->size || !faults)
                    continue;
                uint64_t cause = boundary->paged ? (a->store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE)
                                                 : (a->store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS);
                uint64_t where = boundary->at - (boundary->first_faults ? (unsigned)distance : 0);
                ck_assert_uint_eq(guest_word(guest, log), cause);
                ck_assert_uint_eq(guest_word(guest, log + 16), where);
                uint32_t bits = (uint32_t)guest_word(guest, guest_word(guest, log + 8) & ~7ull);
                if (guest_word(guest, log + 8) & 4)
                    bits = (uint32_t)(guest_word(guest, guest_word(guest, log + 8) & ~7ull) >> 32);
                const struct isa_entry *entry = isa_entry(a->insn);
                ck_assert_uint_eq(bits & entry->mask, entry->match);
                log += 32;
            }
    ck_assert_uint_eq(guest_word(guest, log), boundary->paged ? CAUSE_ECALL_S : CAUSE_ECALL_M);
    ck_assert_uint_eq(guest->harts[0]->x[T4], log + 32);
    ck_assert_uint_eq(guest->harts[0]->x[A3], accesses_done);
    ck_assert_uint_eq(guest->harts[0]->x[S5], 3 * accesses_done);
}

START_TEST(test_crossing)
{
    guest_run_tiers(1, build_crossing, check_crossing, &boundaries[_i]);
}
END_TEST

void t1_memory_add(TCase *tests)
{
    tcase_add_loop_test(tests, test_crossing, 0, BOUNDARIES);
}
