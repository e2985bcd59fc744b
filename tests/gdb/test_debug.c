/* SPDX-License-Identifier: MIT
 *
 * Breakpoints, watchpoints and steps of a hart (cpu/debug.h), in the interpreter and in the translator: stops
 * are exact (pc, registers, minstret), and the program's results are the same with them.
 */
#include <check.h>
#include <string.h>

#include "cpu/hart_edit.h"
#include "dbt/x86/features.h"
#include "tests/dbt/guest.h"
#include "tests/suite.h"

static struct guest board, *guest = &board;
static struct hart *hart;
static struct debug *debug;
static unsigned asked, told;
static unsigned accept_each = 1; /* every accept_each-th arrival at a breakpoint stops */

static bool accept(void *opaque, struct hart *reached, const struct debug_break *point)
{
    (void)opaque, (void)reached, (void)point;
    return ++asked % accept_each == 0;
}

static void stopped(void *opaque, struct hart *which)
{
    (void)opaque, (void)which;
    told++;
}

/* The tier after those of guest.h: the optimiser runs whenever it can. */
#define TIER_T2 GUEST_TIERS
#define TIERS   (x86_features().v3 ? GUEST_TIERS + 1 : GUEST_TIERS)

static void begin(unsigned tier)
{
    struct error error;
    struct debug_config config = { accept, stopped, NULL };
    guest_create(guest, tier == TIER_T2 ? GUEST_T1 : (enum guest_tier)tier, 1);
    if (tier == TIER_T2)
        ck_assert(dbt_optimise(guest->dbt, true, &error));
    hart = guest->harts[0];
    ck_assert_ptr_nonnull(debug = debug_create(&config, &error));
    debug_attach(debug, hart);
    asked = told = 0;
    accept_each = 1;
}

static void end(void)
{
    debug_destroy(debug);
    guest_destroy(guest);
}

static struct debug_stop go(enum debug_action action)
{
    hart_debug_told(hart);
    hart_debug_resume(hart, action, 0, 0, false);
    hart_run(hart);
    return hart_debug_stop(hart);
}

/* Continues as gdb does: a step over the breakpoint where the hart stands, then a run. */
static struct debug_stop go_on(void)
{
    ck_assert_int_eq(go(DEBUG_STEP).reason, DEBUG_STEPPED);
    return go(DEBUG_RUN);
}

static void expect_end(struct debug_stop stop)
{
    ck_assert_int_eq(stop.reason, DEBUG_NONE);
    hart_clear_stop(hart);
}

static void set_break(uint64_t addr, bool physical)
{
    ck_assert(debug_set_breaks(debug, &(struct debug_break){ addr, physical, NULL }, 1));
}

/* ---- Breakpoints --------------------------------------------------------------------------------------- */

#define ROUNDS 1000

/* a0 counts ROUNDS rounds of five instructions, the third of which is returned. */
static uint64_t put_loop_at(uint64_t loop)
{
    guest_put_value(guest, A1, ROUNDS);
    if (loop != guest->at)
        guest_put_jal(guest, 0, loop);
    guest->at = loop;
    I(addi, A0, A0, 0, 1);
    I(addi, A2, A2, 0, 2);
    uint64_t middle = guest->at;
    I(add, A3, A3, A0, 0);
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A1, 0, loop);
    guest_put_end(guest, 0);
    return middle;
}

static uint64_t put_loop(void)
{
    return put_loop_at(START + 16);
}

static void check_loop_end(void)
{
    ck_assert_uint_eq(hart->x[A0], ROUNDS);
    ck_assert_uint_eq(hart->x[A3], ROUNDS * (ROUNDS + 1) / 2);
    ck_assert_uint_eq(hart->x[T6], 4 + 5 * ROUNDS); /* minstret */
}

/* A breakpoint on an instruction that lies across two pages. */
START_TEST(test_break_across_pages)
{
    begin((unsigned)_i);
    uint64_t middle = put_loop_at(START + 0x1000 - 2 - 8);
    ck_assert_uint_eq(middle, START + 0xffe);
    for (unsigned round = 1; round <= 100; round++) {
        set_break(middle, round % 2);
        ck_assert_int_eq(round == 1 ? go(DEBUG_RUN).reason : go_on().reason, DEBUG_BREAK);
        ck_assert(hart_pc(hart) == middle && hart->x[A0] == round && hart->x[A3] == round * (round - 1) / 2);
    }
    ck_assert(debug_set_breaks(debug, NULL, 0));
    expect_end(go(DEBUG_RUN));
    ck_assert(hart->x[A0] == ROUNDS && hart->x[A3] == ROUNDS * (ROUNDS + 1) / 2);
    end();
}
END_TEST

START_TEST(test_break)
{
    begin((unsigned)_i);
    uint64_t middle = put_loop();
    set_break(middle, false);
    for (unsigned round = 1; round <= 300; round++) {
        struct debug_stop stop = round == 1 ? go(DEBUG_RUN) : go_on();
        ck_assert(stop.reason == DEBUG_BREAK && stop.addr == middle && !stop.physical);
        ck_assert_uint_eq(hart_pc(hart), middle);
        ck_assert(hart->x[A0] == round && hart->x[A2] == 2 * round && hart->x[A3] == round * (round - 1) / 2);
        ck_assert_uint_eq(hart_instructions(hart), 4 + 5 * (round - 1) + 2);
    }
    /* Running on without a step stops at the same place. */
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    ck_assert_uint_eq(hart->x[A0], 300);
    ck_assert(debug_set_breaks(debug, NULL, 0));
    expect_end(go(DEBUG_RUN));
    check_loop_end();
    end();
}
END_TEST

/* A condition decides whether to stop; the loop was translated before the breakpoint was set. */
START_TEST(test_condition_in_hot_code)
{
    begin((unsigned)_i);
    uint64_t middle = put_loop();
    accept_each = 400;
    set_break(middle + 4, false); /* another breakpoint, to get there while the loop is hot */
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    ck_assert_uint_eq(hart->x[A0], 400);
    set_break(middle + 8, false);
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    ck_assert_uint_eq(hart->x[A0], 799);
    set_break(middle, false);
    expect_end(go(DEBUG_RUN));
    ck_assert_uint_eq(asked, 400 + 400 + 201);
    ck_assert_uint_eq(told, 2);
    check_loop_end();
    end();
}
END_TEST

START_TEST(test_physical_break)
{
    begin((unsigned)_i);
    uint64_t middle = put_loop();
    set_break(middle, true);
    for (unsigned round = 1; round <= 20; round++) { /* it leaves the breakpoint by itself */
        struct debug_stop stop = go(DEBUG_RUN);
        ck_assert(stop.reason == DEBUG_BREAK && stop.physical && hart->x[A0] == round);
    }
    ck_assert(debug_set_breaks(debug, NULL, 0));
    expect_end(go(DEBUG_RUN));
    check_loop_end();
    end();
}
END_TEST

#define ALIAS    0x40000000u /* added to a virtual address, it gives another address of the same memory */
#define FUNCTION (START + 0x1000)

/* In S-mode, gigapages map RAM twice; a function is called ROUNDS times at each of its addresses. */
static void put_aliases(void)
{
    uint64_t root = DATA;
    guest_set_word(guest, root + 8 * 2, (RAM_BASE >> 12) << 10 | 0xcf);
    guest_set_word(guest, root + 8 * 3, (RAM_BASE >> 12) << 10 | 0xcf);
    guest_set_word(guest, root + 8 * 0, 0x00 << 10 | 0xc7); /* the port */
    guest_set_word(guest, DATA + 0x1000, 8ull << 60 | root >> 12);
    I(addi, T1, 0, 0, -1);
    I(csrrw, 0, T1, 0, CSR_PMPADDR0);
    I(addi, T1, 0, 0, 0x1f);
    I(csrrw, 0, T1, 0, CSR_PMPCFG0);
    guest_put_value(guest, T1, DATA + 0x1000);
    I(ld, T1, T1, 0, 0);
    I(csrrw, 0, T1, 0, CSR_SATP);
    guest_put_value(guest, T1, 0x800); /* MPP = S */
    I(csrrw, 0, T1, 0, CSR_MSTATUS);
    guest_put_value(guest, T1, (uint32_t)guest->at + 4 * 4 + 4 + 4);
    I(csrrw, 0, T1, 0, CSR_MEPC);
    I(mret, 0, 0, 0, 0);
    guest_put_value(guest, S2, FUNCTION);
    guest_put_value(guest, S3, FUNCTION + ALIAS);
    guest_put_value(guest, A1, ROUNDS);
    uint64_t loop = guest->at;
    I(jalr, RA, S2, 0, 0);
    I(jalr, RA, S3, 0, 0);
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A1, 0, loop);
    guest_put_stop(guest, 0);
    guest->at = FUNCTION;
    I(addi, A0, A0, 0, 1);
    I(addi, A2, A2, 0, 3);
    I(jalr, 0, RA, 0, 0);
}

START_TEST(test_alias)
{
    begin((unsigned)_i);
    put_aliases();
    set_break(FUNCTION + ALIAS + 4, false);
    for (unsigned round = 1; round <= 100; round++) {
        struct debug_stop stop = round == 1 ? go(DEBUG_RUN) : go_on();
        ck_assert(stop.reason == DEBUG_BREAK && hart_pc(hart) == FUNCTION + ALIAS + 4);
        ck_assert_uint_eq(hart->x[A0], 2 * round);
        ck_assert_uint_eq(hart->x[A2], 3 * (2 * round - 1));
    }
    ck_assert_uint_eq(asked, 100); /* the breakpoint never took the other address for its own */
    set_break(FUNCTION, true);     /* both addresses */
    struct debug_stop stop = go(DEBUG_RUN);
    ck_assert(stop.physical && hart_pc(hart) == FUNCTION);
    stop = go(DEBUG_RUN);
    ck_assert(stop.physical && hart_pc(hart) == FUNCTION + ALIAS);
    ck_assert(debug_set_breaks(debug, NULL, 0));
    expect_end(go(DEBUG_RUN));
    ck_assert_uint_eq(hart->x[A0], 2 * ROUNDS);
    end();
}
END_TEST

/* ---- Watchpoints --------------------------------------------------------------------------------------- */

static void set_watch(uint64_t addr, uint64_t length, unsigned kinds)
{
    ck_assert(debug_set_watches(debug, &(struct debug_watch){ addr, length, kinds }, 1));
}

/* One access each, with s2 = the watched address and a0 = 0x55 in every byte. */
static const struct access {
    enum isa_insn insn;
    int32_t imm;
    unsigned kinds; /* the kinds of watchpoint that notice it; 0: it misses the watched bytes */
    int64_t first;  /* the watched byte that is reported */
} accesses[] = {
    { ISA_INSN_sw, 0, DEBUG_WATCH_WRITE, 0 },
    { ISA_INSN_sb, 3, DEBUG_WATCH_WRITE, 3 },
    { ISA_INSN_sb, 4, 0, 0 },
    { ISA_INSN_sb, -1, 0, 0 },
    { ISA_INSN_sh, -1, DEBUG_WATCH_WRITE, 0 },
    { ISA_INSN_sd, -4, DEBUG_WATCH_WRITE, 0 },
    { ISA_INSN_sd, -8, 0, 0 },
    { ISA_INSN_sd, 2, DEBUG_WATCH_WRITE, 2 },
    { ISA_INSN_lw, 0, DEBUG_WATCH_READ, 0 },
    { ISA_INSN_lbu, 2, DEBUG_WATCH_READ, 2 },
    { ISA_INSN_ld, 4, 0, 0 },
    { ISA_INSN_amoadd_w, 0, DEBUG_WATCH_READ | DEBUG_WATCH_WRITE, 0 },
    { ISA_INSN_lr_w, 0, DEBUG_WATCH_READ, 0 },
    { ISA_INSN_cbo_zero, 0, DEBUG_WATCH_WRITE, 0 },
};
#define ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

/* Twenty rounds of three instructions, with the access in the middle. */
static void one_access(unsigned tier, const struct access *access, uint64_t watched, unsigned kinds)
{
    begin(tier);
    guest_put_value(guest, S2, (uint32_t)watched);
    guest_put_value(guest, A1, 20);
    uint64_t loop = guest->at;
    I(addi, A2, A2, 0, 1);
    bool stores = isa_entry(access->insn)->flags & ISA_STORE;
    bool plain = stores && access->insn != ISA_INSN_amoadd_w;
    guest_put(guest, access->insn, plain ? 0 : A3, S2,
              plain                               ? A2
              : access->insn == ISA_INSN_amoadd_w ? A2
                                                  : 0,
              access->imm);
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A1, 0, loop);
    guest_put_end(guest, 0);
    set_watch(watched, 4, kinds);
    bool seen = access->kinds & kinds;
    unsigned again = 0;
    for (unsigned round = 1; seen && round <= 20; round++) {
        struct debug_stop stop = go(DEBUG_RUN);
        ck_assert_msg(stop.reason == DEBUG_WATCH && stop.addr == watched + (uint64_t)access->first &&
                          stop.kinds == kinds,
                      "access %s: reason %d, address 0x%llx", isa_entry(access->insn)->name, stop.reason,
                      (unsigned long long)stop.addr);
        ck_assert(hart_pc(hart) == loop + 4 && hart->x[A2] == round);
        ck_assert_uint_eq(hart_instructions(hart), 8 + 4 * (round - 1) + 1);
        if (round % 4 == 1) { /* the stop was not taken: the access happens again */
            hart_debug_resume(hart, round < 8 ? DEBUG_RUN : DEBUG_STEP, 0, 0, false);
            hart_run(hart);
            ck_assert(hart_debug_stop(hart).reason == DEBUG_WATCH && hart_pc(hart) == loop + 4);
            again++;
        }
        if (round % 3 == 1) {
            ck_assert(go(DEBUG_STEP).reason == DEBUG_STEPPED && hart_pc(hart) == loop + 8);
            again++;
        }
    }
    expect_end(go(DEBUG_RUN));
    ck_assert_uint_eq(told, seen ? 20 + again : 0);
    ck_assert(hart->x[A2] == 20 && hart->x[T6] == 8 + 4 * 20);
    end();
}

START_TEST(test_watch)
{
    for (size_t i = 0; i < ACCESSES; i++)
        for (unsigned kinds = 1; kinds <= 3; kinds++)
            one_access((unsigned)_i, &accesses[i], DATA + 0x100, kinds);
}
END_TEST

/* Accesses that cross into the watched page, or out of it. */
START_TEST(test_watch_across_pages)
{
    static const struct access out = { ISA_INSN_sd, 1, DEBUG_WATCH_WRITE, 1 };
    static const struct access in = { ISA_INSN_sd, -7, DEBUG_WATCH_WRITE, 0 };
    one_access((unsigned)_i, &out, DATA + 0xffc, DEBUG_WATCH_WRITE);
    one_access((unsigned)_i, &in, DATA + 0x1000, DEBUG_WATCH_WRITE);
}
END_TEST

/* An access that traps does not count: the guest's handler runs, and nothing stops. */
START_TEST(test_watch_and_trap)
{
    begin((unsigned)_i);
    guest_put_log_traps(guest);
    guest_put_value(guest, S2, RAM_BASE + RAM_SIZE);
    guest_put_value(guest, A1, 30);
    uint64_t loop = guest->at;
    I(sw, 0, S2, A1, 0); /* there is no memory there */
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A1, 0, loop);
    guest_put_end(guest, 0);
    set_watch(RAM_BASE + RAM_SIZE, 8, DEBUG_WATCH_WRITE);
    expect_end(go(DEBUG_RUN));
    ck_assert_uint_eq(told, 0);
    for (unsigned i = 0; i < 30; i++)
        ck_assert(guest_word(guest, LOG + 32 * i) == CAUSE_STORE_ACCESS &&
                  guest_word(guest, LOG + 32 * i + 8) == loop);
    end();
}
END_TEST

/* ---- Steps --------------------------------------------------------------------------------------------- */

static void expect_step(uint64_t pc, uint64_t instructions)
{
    ck_assert_int_eq(go(DEBUG_STEP).reason, DEBUG_STEPPED);
    ck_assert_uint_eq(hart_pc(hart), pc);
    ck_assert_uint_eq(hart_instructions(hart), instructions);
}

START_TEST(test_steps)
{
    begin((unsigned)_i);
    guest_put_log_traps(guest);
    uint64_t start = guest->at, count = (start - START) / 4;
    I(wfi, 0, 0, 0, 0);
    I(ecall, 0, 0, 0, 0);
    guest_put_jal(guest, 0, guest->at + 8);
    I(addi, A0, 0, 0, 1);
    guest_put_stop(guest, 0);
    set_break(start, false);
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    expect_step(start + 4, count + 1); /* wfi does not wait */
    expect_step(HANDLER, count + 1);   /* an ecall does not retire */
    uint64_t at = HANDLER;
    for (count += 1; hart_pc(hart) >= HANDLER && at < HANDLER + 0x100; at += 4)
        if (hart_pc(hart) == at)
            ck_assert_int_eq(go(DEBUG_STEP).reason, DEBUG_STEPPED);
    ck_assert_uint_eq(hart_pc(hart), start + 8); /* after mret */
    count = hart_instructions(hart);
    expect_step(start + 16, count + 1); /* the jump */
    expect_end(go(DEBUG_RUN));
    ck_assert_uint_eq(hart->x[A0], 0);
    end();
}
END_TEST

/* A pending interrupt waits during steps, unless the step allows it: then taking it is the step. */
START_TEST(test_step_irq)
{
    begin((unsigned)_i);
    guest_put_log_traps(guest);
    I(csrrwi, 0, 0, 0, CSR_MSTATUS | 8 << 16);
    I(addi, T1, 0, 0, 8);
    I(csrrw, 0, T1, 0, CSR_MIE);
    uint64_t start = guest->at;
    I(addi, A0, A0, 0, 1);
    I(addi, A0, A0, 0, 1);
    I(addi, A0, A0, 0, 1);
    guest_put_stop(guest, 0);
    set_break(start, false);
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    hart_set_irq(hart, 3, true);
    uint64_t count = hart_instructions(hart);
    expect_step(start + 4, count + 1);
    hart_debug_resume(hart, DEBUG_STEP, 0, 0, true);
    hart_run(hart);
    ck_assert_uint_eq(hart_pc(hart), HANDLER);
    ck_assert_uint_eq(hart_instructions(hart), count + 1);
    ck_assert_uint_eq(hart->mepc, start + 4);
    hart_set_irq(hart, 3, false);
    end();
}
END_TEST

START_TEST(test_range)
{
    begin((unsigned)_i);
    uint64_t middle = put_loop(), loop = middle - 8;
    set_break(loop, false);
    ck_assert_int_eq(go(DEBUG_RUN).reason, DEBUG_BREAK);
    ck_assert(debug_set_breaks(debug, NULL, 0));
    hart_debug_resume(hart, DEBUG_RANGE, loop, loop + 20, false);
    hart_run(hart);
    ck_assert_int_eq(hart_debug_stop(hart).reason, DEBUG_STEPPED);
    ck_assert_uint_eq(hart_pc(hart), loop + 20);
    ck_assert_uint_eq(hart->x[A0], ROUNDS);
    expect_end(go(DEBUG_RUN));
    check_loop_end();
    end();
    /* A breakpoint inside the range ends the run. A hart that must hold stays where it is. */
    begin((unsigned)_i);
    middle = put_loop(), loop = middle - 8;
    set_break(loop, false);
    go(DEBUG_RUN);
    set_break(middle, false);
    hart_debug_resume(hart, DEBUG_RANGE, loop, loop + 20, false);
    hart_run(hart);
    ck_assert(hart_debug_stop(hart).reason == DEBUG_BREAK && hart_pc(hart) == middle && hart->x[A0] == 1);
    ck_assert(go(DEBUG_HOLD).reason == DEBUG_NONE && hart_pc(hart) == middle);
    end();
}
END_TEST

/* ---- Changing registers -------------------------------------------------------------------------------- */

START_TEST(test_edits)
{
    begin((unsigned)_i);
    put_loop();
    hart_edit_x(hart, 0, 5);
    hart_edit_x(hart, A1, 0x1122334455667788);
    hart_edit_pc(hart, START + 3);
    ck_assert(hart->x[0] == 0 && hart->x[A1] == 0x1122334455667788 && hart_pc(hart) == START + 2);
    ck_assert(!hart_edit_privilege(hart, 2) && !hart_edit_privilege(hart, 4) &&
              hart_edit_privilege(hart, PRIV_S));
    ck_assert(!hart_edit_csr(hart, 0xf14, 1) && !hart_edit_csr(hart, 0x7ff, 1) &&
              !hart_edit_csr(hart, 0x1340, 1));
    ck_assert(hart_edit_csr(hart, 0x340, 77) && hart->mscratch == 77); /* in any mode */
    hart_edit_privilege(hart, PRIV_M);
    hart_edit_pc(hart, START);
    expect_end(go(DEBUG_RUN));
    check_loop_end();
    end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("debug");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_break, 0, TIERS);
    tcase_add_loop_test(tests, test_break_across_pages, 0, TIERS);
    tcase_add_loop_test(tests, test_condition_in_hot_code, 0, TIERS);
    tcase_add_loop_test(tests, test_physical_break, 0, TIERS);
    tcase_add_loop_test(tests, test_alias, 0, TIERS);
    tcase_add_loop_test(tests, test_watch, 0, TIERS);
    tcase_add_loop_test(tests, test_watch_across_pages, 0, TIERS);
    tcase_add_loop_test(tests, test_watch_and_trap, 0, TIERS);
    tcase_add_loop_test(tests, test_steps, 0, TIERS);
    tcase_add_loop_test(tests, test_step_irq, 0, TIERS);
    tcase_add_loop_test(tests, test_range, 0, TIERS);
    tcase_add_loop_test(tests, test_edits, 0, TIERS);
    suite_add_tcase(suite, tests);
    return suite;
}
