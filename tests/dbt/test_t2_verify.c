/* SPDX-License-Identifier: MIT
 *
 * t2_verify()'s proof that each access of a region is checked: it accepts regions made of guest code, and
 * refuses each of them once one thing is changed that makes an access unchecked. The passes run here as in
 * dbt/optimiser.c, without the rest of the translator.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dbt/passes/passes.h"
#include "tests/suite.h"

static struct ir *region;
static const char *cpu = "rv64";
static unsigned kind = TLB_KIND_LOOKS;

static uint32_t encode(enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm };
    return isa_encode(insn, &o);
}

static void make(const uint32_t *code, unsigned count)
{
    static const bool without[ISA_INSN_COUNT]; /* none is left out */
    struct error error;
    if (!region)
        ck_assert_ptr_nonnull(region = malloc(sizeof(*region)));
    memset(region, 0, sizeof(*region));
    region->without = without;
    region->kind = kind;
    ck_assert(isa_config_parse(&region->isa, cpu, &error));
    memcpy(region->code, code, count * sizeof(code[0]));
    memset(region->home, T2_IN_HART, sizeof(region->home));
    t2_region_find(region);
    t2_build(region);
    pass_fold(region);
    pass_dead(region);
    pass_access(region);
    ck_assert(!region->full);
}

enum { A0 = 10, A1, T0 = 5, T1 = 6, S6 = 22 };

/* A loop of two accesses by a pointer that moves between them by `step`, in 64 bits or, with `word`, in
 * 32. */
static void make_moved(enum isa_insn first, enum isa_insn second, bool word, int32_t step, int32_t imm)
{
    bool stores = second == ISA_INSN_sd;
    const uint32_t code[] = { encode(first, T0, A0, 0, 0),
                              encode(word ? ISA_INSN_addiw : ISA_INSN_addi, A0, A0, 0, step),
                              encode(second, stores ? 0 : T1, A0, stores ? T0 : 0, imm),
                              encode(ISA_INSN_addi, S6, S6, 0, -1), encode(ISA_INSN_bne, 0, S6, 0, -16) };
    make(code, 5);
}

/* Loads before a branch, on the path that it skips, and after it. */
static void make_branched(void)
{
    const uint32_t code[] = { encode(ISA_INSN_ld, T0, A0, 0, 0),    encode(ISA_INSN_beq, 0, T0, 0, 12),
                              encode(ISA_INSN_ld, T1, A0, 0, 16),   encode(ISA_INSN_addi, A0, A0, 0, 8),
                              encode(ISA_INSN_addi, S6, S6, 0, -1), encode(ISA_INSN_bne, 0, S6, 0, -20) };
    make(code, 6);
}

static struct t2_insn *find(bool (*is)(const struct t2_insn *))
{
    for (unsigned i = 0; i < region->insn_count; i++)
        if (is(&region->insns[i]))
            return &region->insns[i];
    t2_print(region, stderr);
    ck_abort_msg("there is no such operation");
    return NULL;
}

static bool is_leader(const struct t2_insn *insn)
{
    return t2_is_access(insn) && insn->check != T2_CHECK_NONE && insn->slot != T2_NONE;
}

static bool is_follower(const struct t2_insn *insn)
{
    return t2_is_access(insn) && insn->check == T2_CHECK_NONE;
}

static bool is_step(const struct t2_insn *insn)
{
    int64_t step;
    return t2_step(region, insn, &step) && insn->d == A0;
}

static unsigned block_of(const struct t2_insn *insn)
{
    unsigned block = 0;
    while (insn >= region->insns + region->blocks[block].first + region->blocks[block].count)
        block++;
    return block;
}

static const char *fault(void)
{
    unsigned where;
    return t2_verify(region, &where);
}

START_TEST(test_accepts)
{
    static const int32_t steps[] = { 8, -8, 0, 256, -256 };
    for (unsigned i = 0; i < 5; i++) {
        make_moved(ISA_INSN_ld, ISA_INSN_ld, false, steps[i], -steps[i] / 2);
        ck_assert_ptr_null(fault());
        find(is_follower);
    }
    make_branched();
    ck_assert_ptr_null(fault());
    find(is_follower);
}
END_TEST

/* This bug once let the guest out of its memory: the same loop with word arithmetic has no access without a
 * check. */
START_TEST(test_word_steps)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, true, 8, -8);
    ck_assert_ptr_null(fault());
    for (unsigned i = 0; i < region->insn_count; i++)
        ck_assert(!is_follower(&region->insns[i]));
}
END_TEST

START_TEST(test_rejects_word_step)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_step)->bits = 32;
    ck_assert_str_eq(fault(), "a pointer changes between its check and an access");
}
END_TEST

START_TEST(test_rejects_other_moves)
{
    static const uint8_t ops[] = {
        T2_AND, T2_OR, T2_XOR, T2_SHL, T2_SHR, T2_EXT, T2_MOV, T2_CONST, T2_SHADD
    };
    for (unsigned i = 0; i < sizeof(ops); i++) {
        make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
        struct t2_insn *step = find(is_step);
        step->op = ops[i];
        const char *operands = t2_ops[ops[i]].operands;
        step->a = operands[1] == 'x' ? A0 : T2_NONE;
        step->b = operands[2] == 'i' ? T2_IMM : operands[2] == 'x' ? T0 : T2_NONE;
        ck_assert_str_eq(fault(), "a pointer changes between its check and an access");
    }
}
END_TEST

START_TEST(test_rejects_other_source)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_step)->a = A1;
    ck_assert_str_eq(fault(), "a pointer changes between its check and an access");
}
END_TEST

START_TEST(test_rejects_outside)
{
    static const int32_t beyond[] = { 8, -16, 4096, -4096 };
    for (unsigned i = 0; i < 4; i++) {
        make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
        find(is_follower)->imm += beyond[i];
        ck_assert_str_eq(fault(), "an access lies outside of the range that is checked for it");
        make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
        find(is_step)->imm += beyond[i];
        ck_assert_str_eq(fault(), "an access lies outside of the range that is checked for it");
    }
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_leader)->imm += 1;
    ck_assert_ptr_null(fault()); /* still in the range of both */
    find(is_leader)->imm += 8;
    ck_assert_str_eq(fault(), "an access does not check what it accesses");
}
END_TEST

START_TEST(test_rejects_store_behind_load)
{
    make_moved(ISA_INSN_ld, ISA_INSN_sd, false, 8, 0);
    ck_assert_ptr_null(fault());
    find(is_leader)->write = false;
    ck_assert_str_eq(fault(), "a store follows a check for loads");
}
END_TEST

START_TEST(test_rejects_wide_and_shared)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_leader)->hi = find(is_leader)->lo + T2_SPAN_MAX + 1;
    ck_assert_str_eq(fault(), "a check covers too much");
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    struct t2_insn *follower = find(is_follower);
    follower->check = T2_CHECK_TLB;
    follower->lo = (int32_t)follower->imm;
    follower->hi = follower->lo + 8;
    ck_assert_str_eq(fault(), "two checks share a slot");
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_follower)->slot = T2_NONE;
    ck_assert_str_eq(fault(), "an access has neither check nor slot");
}
END_TEST

/* RV32: a pointer that has left the checked range may have wrapped; an access by it cuts its address to 32
 * bits. */
START_TEST(test_wrapped_pointer)
{
    cpu = "rv32";
    make_moved(ISA_INSN_lw, ISA_INSN_lw, false, 16, -16);
    ck_assert_ptr_null(fault());
    ck_assert(find(is_follower)->cut);
    find(is_follower)->cut = false;
    ck_assert_str_eq(fault(), "a pointer may have wrapped between its check and an access");
    make_moved(ISA_INSN_lw, ISA_INSN_lw, false, 16, 0); /* stays in the range */
    ck_assert(!find(is_follower)->cut);
    ck_assert_ptr_null(fault());
    find(is_step)->bits = 64;
    ck_assert_str_eq(fault(), "an operation is wider than a register");
    cpu = "rv64";
}
END_TEST

/* A second path to the access, which has not passed the check. */
START_TEST(test_rejects_second_way)
{
    make_branched();
    unsigned block = block_of(find(is_follower));
    ck_assert_uint_gt(block, 0);
    unsigned last = region->block_count - 1;
    ck_assert_uint_ne(block, last);
    region->blocks[last].taken = (uint8_t)block;
    ck_assert_str_eq(fault(), "an access can be reached without its check");
}
END_TEST

/* The block of the access can no longer be reached: it does not run. */
START_TEST(test_accepts_unreachable)
{
    make_branched();
    unsigned block = block_of(find(is_follower));
    for (unsigned i = 0; i < region->block_count; i++) {
        if (region->blocks[i].taken == block)
            region->blocks[i].taken = T2_NOT_HERE;
        if (region->blocks[i].next == block)
            region->blocks[i].next = T2_NOT_HERE;
    }
    ck_assert_ptr_null(fault());
}
END_TEST

/* A branch both of whose paths lead to the block of the access: there is no other path to it. */
START_TEST(test_accepts_both_ways)
{
    static const char text[] = "region at page 80000000+000, 2 blocks of 000..00c\n"
                               " block 0 at 000..008, 2 instructions -> taken 1 at 8 next 1 at 8\n"
                               " 000 +2 LOAD 64 s t0 = a0 [tlb 0..16 slot 0]\n"
                               " 004 +1 BRANCH 64 - eq t0 t1\n"
                               " block 1 at 008..00c, 1 instructions -> taken out at -1 next out at 12\n"
                               " 008 +1 LOAD 64 s t0 = a0 8 [checked 0..0 slot 0]\n"
                               " 00c +0 LEAVE 64 -\n";
    struct error error;
    if (!region)
        ck_assert_ptr_nonnull(region = malloc(sizeof(*region)));
    ck_assert_msg(t2_parse(region, text, &error), "%s", error.text);
    ck_assert_ptr_null(fault());
    region->blocks[0].next = T2_NOT_HERE;
    ck_assert_ptr_null(fault());
    region->blocks[1].next = 1; /* another path */
    ck_assert_str_eq(fault(), "an access can be reached without its check");
}
END_TEST

/* ---- Windows ------------------------------------------------------------------------------------------- */

static bool is_compared(const struct t2_insn *insn)
{
    return t2_is_access(insn) && insn->check == T2_CHECK_WINDOW && !insn->bounded;
}

static bool is_bounded(const struct t2_insn *insn)
{
    return t2_is_access(insn) && insn->check == T2_CHECK_WINDOW && insn->bounded;
}

static void setup_windows(void)
{
    kind = TLB_KIND_LOW;
}

static void teardown_windows(void)
{
    kind = TLB_KIND_LOOKS;
    cpu = "rv64";
}

START_TEST(test_window)
{
    make_moved(ISA_INSN_ld, ISA_INSN_sd, false, 512, -512);
    ck_assert_ptr_null(fault());
    find(is_bounded);
    ck_assert_uint_eq(region->slot_count, 0);
    find(is_compared)->bounded = true;
    ck_assert_str_eq(fault(), "an access to the window can be reached without its comparison");
    region->kind = TLB_KIND_LOOKS;
    ck_assert_str_eq(fault(), "there is no window");
    make_branched();
    ck_assert_ptr_null(fault());
    region->blocks[region->block_count - 1].taken = (uint8_t)block_of(find(is_bounded));
    ck_assert_str_eq(fault(), "an access to the window can be reached without its comparison");
}
END_TEST

START_TEST(test_window_word_steps)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, true, 8, -8);
    ck_assert_ptr_null(fault());
    for (unsigned i = 0; i < region->insn_count; i++)
        ck_assert(!is_bounded(&region->insns[i]));
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_step)->bits = 32;
    ck_assert_str_eq(fault(), "a pointer changes between its comparison and an access");
}
END_TEST

START_TEST(test_window_guards)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_step)->imm = WINDOW_MOVED_MAX;
    ck_assert_ptr_null(fault());
    find(is_step)->imm++;
    ck_assert_str_eq(fault(), "a pointer moves too far from where it was compared");
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_bounded)->imm = WINDOW_MOVED_MAX + 1;
    ck_assert_str_eq(fault(), "an access may lead out of the window");
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    find(is_bounded)->slot = 0;
    region->slot_count = 1;
    ck_assert_str_eq(fault(), "an access to the window has a slot");
}
END_TEST

/* Every address of RV32 lies in its window: nothing is compared. */
START_TEST(test_window_rv32)
{
    cpu = "rv32";
    make_moved(ISA_INSN_lw, ISA_INSN_lw, false, 16, -16);
    ck_assert_ptr_null(fault());
    for (unsigned i = 0; i < region->insn_count; i++)
        ck_assert(!is_compared(&region->insns[i]) && !is_leader(&region->insns[i]));
}
END_TEST

/* An instruction that was seen to need a device, and its neighbour. */
START_TEST(test_window_by_tlb)
{
    make_moved(ISA_INSN_ld, ISA_INSN_ld, false, 8, 0);
    region->by_tlb[0] = 1;
    pass_access(region);
    ck_assert_ptr_null(fault());
    ck_assert_uint_eq(find(is_compared)->offset, 8);
}
END_TEST

Suite *test_suite(void)
{
    isa_init();
    Suite *suite = suite_create("t2_verify");
    TCase *tests = tcase_create("checks");
    tcase_add_test(tests, test_accepts);
    tcase_add_test(tests, test_wrapped_pointer);
    tcase_add_test(tests, test_word_steps);
    tcase_add_test(tests, test_rejects_word_step);
    tcase_add_test(tests, test_rejects_other_moves);
    tcase_add_test(tests, test_rejects_other_source);
    tcase_add_test(tests, test_rejects_outside);
    tcase_add_test(tests, test_rejects_store_behind_load);
    tcase_add_test(tests, test_rejects_wide_and_shared);
    tcase_add_test(tests, test_rejects_second_way);
    tcase_add_test(tests, test_accepts_unreachable);
    tcase_add_test(tests, test_accepts_both_ways);
    suite_add_tcase(suite, tests);
    TCase *windows = tcase_create("windows");
    tcase_add_checked_fixture(windows, setup_windows, teardown_windows);
    tcase_add_test(windows, test_window);
    tcase_add_test(windows, test_window_word_steps);
    tcase_add_test(windows, test_window_guards);
    tcase_add_test(windows, test_window_rv32);
    tcase_add_test(windows, test_window_by_tlb);
    suite_add_tcase(suite, windows);
    return suite;
}
