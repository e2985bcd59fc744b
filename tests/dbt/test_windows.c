/* SPDX-License-Identifier: MIT
 *
 * Accesses that go to windows (dbt/runtime/windows.h), on bare metal: the results are the same as with the
 * interpreter, and there are as few faults as promised. A page faults once, together with its neighbours. A
 * device's register does not fault for ever, and neither does a page in which code and data are side by side.
 */
#include <check.h>
#include <stdlib.h>

#include "cpu/mmu/window.h"
#include "tests/dbt/guest.h"
#include "tests/suite.h"

#define PAGES  256
#define ROUNDS 200

/* Returns whether the guest's accesses go to windows. */
static bool has_windows(const struct guest *guest)
{
    return guest->dbt && !guest->dbt->without[ISA_INSN_lw];
}

static void put_begin(struct guest *guest)
{
    guest_put_jal(guest, 0, START + 0x1000); /* after the handler */
    guest->at = START + 0x1000;
    guest_put_log_traps(guest);
    guest_put_value(guest, S2, ROUNDS);
}

static void put_end_of_loop(struct guest *guest, uint64_t loop)
{
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, loop);
    guest_put_end(guest, 0);
}

/* ---- Pages --------------------------------------------------------------------------------------------- */

/* Each round loads a word of each page, adds to it, stores it, and loads a word across the end of the
 * page. */
static void build_pages(struct guest *guest, const void *argument)
{
    (void)argument;
    put_begin(guest);
    uint64_t round = guest->at;
    guest_put_value(guest, A0, DATA);
    guest_put_value(guest, A1, PAGES);
    uint64_t loop = guest->at;
    I(lw, A2, A0, 0, 8);
    I(addi, A2, A2, 0, 3);
    I(sw, 0, A0, A2, 8);
    I(lui, A4, 0, 0, PAGE_SIZE);
    I(add, A0, A0, A4, 0);
    I(lw, A3, A0, 0, -2);
    I(add, A5, A5, A3, 0);
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A1, 0, loop);
    put_end_of_loop(guest, round);
}

static void check_pages(struct guest *guest, const void *argument)
{
    (void)argument;
    struct hart *hart = guest->harts[0];
    for (unsigned i = 0; i < PAGES; i++)
        ck_assert_uint_eq((uint32_t)guest_word(guest, DATA + i * PAGE_SIZE + 8), 3 * ROUNDS);
    if (!has_windows(guest))
        return;
    ck_assert_uint_gt(dbt_hart(hart)->windows_opened, 0);
    ck_assert_uint_gt(hart->counts.window_pages, PAGES);
    ck_assert_uint_lt(hart->counts.window_faults, PAGES / 4); /* there are at least 2 PAGES ROUNDS accesses */
    ck_assert_uint_eq(dbt_hart(hart)->windows_sites, 0);
}

START_TEST(faults_once)
{
    guest_xlen = _i ? 32 : 64;
    guest_run_tiers(1, build_pages, check_pages, NULL);
}
END_TEST

/* ---- Devices ------------------------------------------------------------------------------------------- */

static void build_device(struct guest *guest, const void *argument)
{
    (void)argument;
    put_begin(guest);
    guest_put_value(guest, A0, PORT);
    guest_put_value(guest, A1, DATA);
    uint64_t loop = guest->at;
    I(sw, 0, A0, 0, 64);
    I(sw, 0, A1, S2, 0);
    I(lw, A2, A1, 0, 0);
    I(add, A3, A3, A2, 0);
    put_end_of_loop(guest, loop);
}

static void check_device(struct guest *guest, const void *argument)
{
    (void)argument;
    struct hart *hart = guest->harts[0];
    ck_assert_uint_eq(guest->interrupts, ROUNDS);
    ck_assert_uint_eq(hart->x[A3], ROUNDS * (ROUNDS + 1) / 2);
    if (!has_windows(guest))
        return;
    ck_assert_uint_ge(dbt_hart(hart)->windows_sites, 1);
    ck_assert_uint_lt(hart->counts.window_faults, 40);
}

START_TEST(leaves_devices_to_the_tlb)
{
    guest_xlen = _i ? 32 : 64;
    guest_run_tiers(1, build_device, check_device, NULL);
}
END_TEST

/* ---- Code ---------------------------------------------------------------------------------------------- */

#define MIXED (START + 0x3000) /* a page of code and data */

/* Each round calls a function, changes its immediate, and stores to data in the same page. */
static void build_code(struct guest *guest, const void *argument)
{
    (void)argument;
    put_begin(guest);
    guest_put_value(guest, A0, MIXED);
    guest_put_value(guest, A1, guest_encode(ISA_INSN_addi, A2, A2, 0, 1));
    guest_put_value(guest, A4, 1u << 20);
    uint64_t loop = guest->at;
    I(jalr, RA, A0, 0, 0);
    I(sw, 0, A0, S2, 0x400);
    I(lw, A5, A0, 0, 0x400);
    I(add, A3, A3, A5, 0);
    I(andi, T0, S2, 0, 15);
    guest_put_branch(guest, ISA_INSN_bne, T0, 0, guest->at + 16);
    I(add, A1, A1, A4, 0); /* the next immediate */
    I(sw, 0, A0, A1, 0);
    I(fence_i, 0, 0, 0, 0);
    put_end_of_loop(guest, loop);
    guest->at = MIXED;
    I(addi, A2, A2, 0, 1);
    I(jalr, 0, RA, 0, 0);
}

START_TEST(sees_changed_code)
{
    guest_xlen = _i ? 32 : 64;
    guest_run_tiers(1, build_code, NULL, NULL);
}
END_TEST

/* ---- Edges --------------------------------------------------------------------------------------------- */

/* Pointers at the limits of a window, and outside of it, with offsets in both directions. */
static const uint64_t edges_64[] = { 0,
                                     8,
                                     0x80000000 - 4,
                                     0x3ffffffff8,
                                     0x4000000000,
                                     0x4000000000 + DATA,
                                     0x8000000000000000,
                                     0xffffffc000000000,
                                     0xfffffffffffffff8,
                                     0xffffffff80200000,
                                     DATA,
                                     DATA + RAM_SIZE };
static const uint64_t edges_32[] = { 0,          8,          0x7ffffffc, 0xfffffff8,
                                     0xfffffffc, 0xffe00000, DATA,       DATA + RAM_SIZE };
#define EDGES_64 (sizeof(edges_64) / sizeof(edges_64[0]))
#define EDGES_32 (sizeof(edges_32) / sizeof(edges_32[0]))

static void put_pointer(struct guest *guest, unsigned rd, uint64_t value)
{
    guest_put_value(guest, rd, (uint32_t)value);
    if (guest_xlen == 32)
        return;
    guest_put_value(guest, T0, (uint32_t)(value >> 32));
    I(slli, T0, T0, 0, 32);
    I(or, rd, rd, T0, 0);
}

static void build_edges(struct guest *guest, const void *argument)
{
    static const int32_t offsets[] = { 0, -8, 8, -2048, 2040, 4, -1 };
    const uint64_t *edges = guest_xlen == 64 ? edges_64 : edges_32;
    (void)argument;
    put_begin(guest);
    guest_put_value(guest, S2, 4);
    uint64_t loop = guest->at;
    for (unsigned i = 0; i < (guest_xlen == 64 ? EDGES_64 : EDGES_32); i++) {
        put_pointer(guest, A0, edges[i]);
        I(addi, S3, A0, 0, 0);
        for (unsigned k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
            guest_put(guest, ISA_INSN_lw, A1, k & 1 ? A0 : S3, 0, offsets[k]);
            I(add, A2, A2, A1, 0);
            guest_put(guest, ISA_INSN_sh, 0, k & 1 ? S3 : A0, A2, offsets[k]);
            guest_put(guest, ISA_INSN_addi, A0, A0, 0, 2047);
            guest_put(guest, ISA_INSN_lbu, A3, A0, 0, offsets[k]);
            guest_put(guest, ISA_INSN_addi, A0, A0, 0, -2047);
        }
    }
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_beq, S2, 0, guest->at + 8);
    guest_put_jal(guest, 0, loop);
    guest_put_end(guest, 0);
}

START_TEST(holds_at_the_edges)
{
    guest_xlen = _i ? 32 : 64;
    guest_run_tiers(1, build_edges, NULL, NULL);
}
END_TEST

Suite *test_suite(void)
{
    setenv("RVIVE_TEST_WINDOWS", "on", 1);
    Suite *suite = suite_create("windows");
    TCase *tests = tcase_create("bare");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, faults_once, 0, 2);
    tcase_add_loop_test(tests, leaves_devices_to_the_tlb, 0, 2);
    tcase_add_loop_test(tests, sees_changed_code, 0, 2);
    tcase_add_loop_test(tests, holds_at_the_edges, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
