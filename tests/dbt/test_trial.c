/* SPDX-License-Identifier: MIT
 *
 * The trial of regions (dbt/region_code.h). A loop that is entered often and left soon is given back to T1;
 * one that runs long is kept. Both compute the right result and count their instructions.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/dbt/guest.h"
#include "tests/suite.h"

/* Enough for the optimiser's thread to reach the region, also on a busy machine. */
#define INSNS 60000000u

struct loop {
    uint32_t rounds, times; /* of the inner loop, each time; how many times it is entered */
};

/* Counts the rounds of an inner loop: `rounds` rounds, `times` times. In between it reads minstret, which no
 * region does. */
static void put_loops(struct guest *guest, const struct loop *loop)
{
    guest_put_value(guest, S2, loop->times);
    guest_put_value(guest, S3, loop->rounds);
    uint64_t outer = guest->at;
    I(csrrs, T0, 0, 0, CSR_MINSTRET);
    I(addi, A0, S3, 0, 0);
    uint64_t inner = guest->at;
    I(addi, A1, A1, 0, 1);
    I(addi, A0, A0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A0, 0, inner);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, outer);
    I(csrrs, A2, 0, 0, CSR_MINSTRET);
    guest_put_end(guest, 0);
}

/* The translator's counters after the loops; checks what the loops computed. */
static struct dbt_counters run(const struct loop *loop)
{
    struct guest guest;
    struct error error;
    guest_create(&guest, GUEST_T1, 1);
    ck_assert_msg(dbt_optimise(guest.dbt, false, &error), "%s", error.text);
    put_loops(&guest, loop);
    guest_start(&guest);
    guest_join(&guest);
    uint64_t sum = (uint64_t)loop->rounds * loop->times;
    ck_assert_uint_eq(guest.harts[0]->x[A1], sum);
    /* guest_put_value() twice is eight instructions; the last reading counts those before it. */
    ck_assert_uint_eq(guest.harts[0]->x[A2], 8 + loop->times * 4ull + 3 * sum);
    struct dbt_counters counters = guest.dbt->counters;
    guest_destroy(&guest);
    return counters;
}

/* Short loops are entered too often for a region to be worth it. */
START_TEST(test_short)
{
    static const uint32_t rounds[] = { 3, 4, 5 };
    const struct loop loop = { rounds[_i], INSNS / (4 + 3 * rounds[_i]) };
    struct dbt_counters counters = run(&loop);
    ck_assert_uint_ge(counters.regions, 1);
    ck_assert_uint_ge(counters.regions_dropped, 1);
}
END_TEST

START_TEST(test_long)
{
    const struct loop loop = { 10000, INSNS / 30004 };
    struct dbt_counters counters = run(&loop);
    ck_assert_uint_ge(counters.regions, 1);
    ck_assert_uint_eq(counters.regions_dropped, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("trial");
    TCase *tests = tcase_create("trial");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_short, 0, 3);
    tcase_add_test(tests, test_long);
    suite_add_tcase(suite, tests);
    return suite;
}
