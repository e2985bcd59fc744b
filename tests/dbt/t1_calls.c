/* SPDX-License-Identifier: MIT
 *
 * Calls and returns of T1: the code that a return lands in, the check of the budget, the host's stack, and
 * returns that do not match calls.
 */
#include <check.h>

#include "tests/dbt/guest.h"

#define ROUNDS 5000 /* more instructions than a slice has */

/* ---- A call before a page's end ------------------------------------------------------------------------ */

enum form { CALL_JAL, CALL_JALR, CALL_C_JALR, CALL_FORMS };

struct site {
    enum form form;
    unsigned link;
    uint64_t at, callee;
};

/* s2 counts down; a0 and a1 sum up what callee and caller saw. */
static void build_site(struct guest *guest, const void *argument)
{
    const struct site *site = argument;
    guest_put_value(guest, S2, ROUNDS);
    guest_put_value(guest, T1, (uint32_t)site->callee);
    I(addi, A2, 0, 0, 0);
    guest_put_jal(guest, 0, site->at - 4);
    guest->at = site->callee;
    I(add, A0, A0, site->link, 0);
    if (site->link == RA)
        guest_put16(guest, 0x8082); /* c.jr ra */
    else
        I(jalr, 0, site->link, 0, 0);
    guest->at = site->at - 4;
    I(addi, A2, A2, 0, 1);
    if (site->form == CALL_JAL)
        guest_put_jal(guest, site->link, site->callee);
    else if (site->form == CALL_JALR)
        I(jalr, site->link, T1, 0, 0);
    else
        guest_put16(guest, 0x9002 | T1 << 7);
    I(auipc, A3, 0, 0, 0);
    I(add, A1, A1, A3, 0);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, site->at - 4);
    guest_put_end(guest, 0);
}

static void check_site(struct guest *guest, const void *argument)
{
    const struct site *site = argument;
    uint64_t next = site->at + (site->form == CALL_C_JALR ? 2 : 4);
    const uint64_t *x = guest->harts[0]->x;
    ck_assert_uint_eq(x[A2], ROUNDS);
    ck_assert_uint_eq(x[A0], next * ROUNDS);
    ck_assert_uint_eq(x[A1], next * ROUNDS);
    ck_assert_uint_eq(x[T6], 10 + (uint64_t)ROUNDS * 8);
}

START_TEST(test_page_end)
{
    static const unsigned offsets[] = { 0xff6, 0xff8, 0xffa, 0xffc, 0xffe };
    static const unsigned callees[] = { 0x2100, 0x3100, 0x5000, 0x5ff8, 0x1800, 0x1ffa };
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct site site = { (enum form)(_i / 6), RA, RAM_BASE + 0x2000 + offsets[i],
                             RAM_BASE + callees[_i % 6] };
        guest_run_tiers(1, build_site, check_site, &site);
        site.link = T0;
        if (site.form != CALL_C_JALR)
            guest_run_tiers(1, build_site, check_site, &site);
    }
}
END_TEST

/* ---- The budget ends at a call ------------------------------------------------------------------------- */

struct lengths {
    unsigned callee, loop;
    bool chain; /* the callee calls a second function, backward again */
};

static void put_fill(struct guest *guest, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        I(addi, A4, A4, 0, 1);
}

static void build_backward(struct guest *guest, const void *argument)
{
    const struct lengths *lengths = argument;
    guest_put_value(guest, S2, 4 * ROUNDS);
    guest_put_jal(guest, 0, START + 0x200);
    guest->at = START + 0x80;
    I(add, A1, A1, T0, 0);
    I(jalr, 0, T0, 0, 0);
    guest->at = START + 0x100;
    put_fill(guest, lengths->callee);
    I(add, A0, A0, RA, 0);
    if (lengths->chain)
        guest_put_jal(guest, T0, START + 0x80);
    I(jalr, 0, RA, 0, 0);
    guest->at = START + 0x200;
    put_fill(guest, lengths->loop);
    guest_put_jal(guest, RA, START + 0x100);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, START + 0x200);
    guest_put_end(guest, 0);
}

static void check_backward(struct guest *guest, const void *argument)
{
    const struct lengths *lengths = argument;
    uint64_t rounds = 4 * ROUNDS, a_round = lengths->loop + lengths->callee + 5 + 3 * lengths->chain;
    ck_assert_uint_eq(guest->harts[0]->x[A0], rounds * (START + 0x204 + 4 * lengths->loop));
    if (lengths->chain)
        ck_assert_uint_eq(guest->harts[0]->x[A1], rounds * (START + 0x108 + 4 * lengths->callee));
    ck_assert_uint_eq(guest->harts[0]->x[T6], 5 + rounds * a_round);
}

START_TEST(test_backward_call)
{
    for (unsigned loop = 0; loop < 4; loop++)
        for (unsigned chain = 0; chain < 2; chain++) {
            struct lengths lengths = { (unsigned)_i, loop, chain };
            guest_run_tiers(1, build_backward, check_backward, &lengths);
        }
}
END_TEST

/* ---- Recursion ----------------------------------------------------------------------------------------- */

#define DEPTH 100000

/* f(a0): a1 += a0; if (a0) g(a0 - 1), at each of the two addresses in turn. */
static void put_recursive(struct guest *guest, uint64_t at, uint64_t other)
{
    guest->at = at;
    guest_put_branch(guest, ISA_INSN_beq, A0, 0, at + 32);
    I(addi, SP, SP, 0, -16);
    I(sd, 0, SP, RA, 0);
    I(add, A1, A1, A0, 0);
    I(addi, A0, A0, 0, -1);
    guest_put_jal(guest, RA, other);
    I(ld, RA, SP, 0, 0);
    I(addi, SP, SP, 0, 16);
    I(jalr, 0, RA, 0, 0);
}

static void build_recursion(struct guest *guest, const void *argument)
{
    uint64_t first = START + 0x1000, second = *(const uint64_t *)argument;
    guest_put_value(guest, SP, STACK);
    I(addi, S2, 0, 0, 2);
    guest_put_value(guest, A0, DEPTH);
    guest_put_jal(guest, RA, first);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, guest->at - 24);
    guest_put_end(guest, 0);
    put_recursive(guest, first, second);
    if (second != first)
        put_recursive(guest, second, first);
}

static void check_recursion(struct guest *guest, const void *argument)
{
    (void)argument;
    uint64_t n = DEPTH;
    ck_assert_uint_eq(guest->harts[0]->x[A1], n * (n + 1));
    ck_assert_uint_eq(guest->harts[0]->x[SP], STACK);
}

START_TEST(test_recursion)
{
    static const uint64_t seconds[] = { START + 0x1000, START + 0x1200, START + 0x2ff0, START + 0x100 };
    guest_run_tiers(1, build_recursion, check_recursion, &seconds[_i]);
}
END_TEST

/* ---- Returns that do not match calls ------------------------------------------------------------------- */

/* Three calls deep, then back to the first caller directly. */
static void build_longjmp(struct guest *guest, const void *argument)
{
    (void)argument;
    guest_put_value(guest, S2, ROUNDS);
    uint64_t loop = guest->at;
    guest_put_jal(guest, RA, START + 0x100);
    I(addi, A1, A1, 0, 1);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, loop);
    guest_put_end(guest, 0);
    guest->at = START + 0x100;
    I(addi, S3, RA, 0, 0);
    guest_put_jal(guest, RA, START + 0x1100);
    I(addi, A3, A3, 0, 1); /* never reached */
    guest->at = START + 0x1100;
    guest_put_jal(guest, RA, START + 0x1200);
    I(addi, A3, A3, 0, 1); /* never reached */
    guest->at = START + 0x1200;
    I(addi, RA, S3, 0, 0);
    I(addi, A2, A2, 0, 1);
    I(jalr, 0, RA, 0, 0);
}

static void check_longjmp(struct guest *guest, const void *argument)
{
    (void)argument;
    const uint64_t *x = guest->harts[0]->x;
    ck_assert(x[A1] == ROUNDS && x[A2] == ROUNDS && x[A3] == 0);
    ck_assert_uint_eq(x[T6], 4 + 10 * ROUNDS);
}

/* Two coroutines that swap by jalr ra, t0 and jalr t0, ra; the second lies in another page or not. */
static void build_swap(struct guest *guest, const void *argument)
{
    uint64_t second = *(const uint64_t *)argument;
    guest_put_value(guest, S2, ROUNDS);
    guest_put_value(guest, T0, (uint32_t)second);
    uint64_t loop = guest->at;
    I(jalr, RA, T0, 0, 0);
    I(add, A0, A0, T0, 0);
    I(jalr, RA, T0, 0, 0);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, loop);
    guest_put_end(guest, 0);
    guest->at = second;
    I(add, A1, A1, RA, 0);
    I(jalr, T0, RA, 0, 0);
    I(addi, A2, A2, 0, 1);
    I(jalr, T0, RA, 0, 0);
    guest_put_jal(guest, 0, second);
}

static void check_swap(struct guest *guest, const void *argument)
{
    uint64_t second = *(const uint64_t *)argument;
    const uint64_t *x = guest->harts[0]->x;
    ck_assert_uint_eq(x[A0], ROUNDS * (second + 8));
    ck_assert_uint_eq(x[A1], ROUNDS * (uint64_t)(START + 36));
    ck_assert_uint_eq(x[A2], ROUNDS);
}

/* The callee's return address is changed on its stack, so that it skips an instruction. */
static void build_changed(struct guest *guest, const void *argument)
{
    uint64_t callee = *(const uint64_t *)argument;
    guest_put_value(guest, SP, STACK);
    guest_put_value(guest, S2, ROUNDS);
    uint64_t loop = guest->at;
    guest_put_jal(guest, RA, callee);
    I(addi, A0, A0, 0, 1); /* skipped every second time */
    I(addi, A1, A1, 0, 1);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, loop);
    guest_put_end(guest, 0);
    guest->at = callee;
    I(sd, 0, SP, RA, -16);
    I(andi, T2, S2, 0, 1);
    I(slli, T2, T2, 0, 2);
    I(ld, T1, SP, 0, -16);
    I(add, T1, T1, T2, 0);
    I(sd, 0, SP, T1, -16);
    I(ld, RA, SP, 0, -16);
    I(jalr, 0, RA, 0, 0);
}

static void check_changed(struct guest *guest, const void *argument)
{
    (void)argument;
    ck_assert_uint_eq(guest->harts[0]->x[A0], ROUNDS / 2);
    ck_assert_uint_eq(guest->harts[0]->x[A1], ROUNDS);
}

START_TEST(test_longjmp)
{
    guest_run_tiers(1, build_longjmp, check_longjmp, NULL);
}
END_TEST

START_TEST(test_swap)
{
    static const uint64_t places[] = { START + 0x200, START + 0x1200, START + 0x1ff4 };
    guest_run_tiers(1, build_swap, check_swap, &places[_i]);
    guest_run_tiers(1, build_changed, check_changed, &places[_i]);
}
END_TEST

void t1_calls_add(TCase *tests)
{
    tcase_add_loop_test(tests, test_page_end, 0, CALL_FORMS * 6);
    tcase_add_loop_test(tests, test_backward_call, 0, 4);
    tcase_add_loop_test(tests, test_recursion, 0, 4);
    tcase_add_test(tests, test_longjmp);
    tcase_add_loop_test(tests, test_swap, 0, 3);
}
