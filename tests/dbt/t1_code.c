/* SPDX-License-Identifier: MIT
 *
 * Where T1's code comes from: auipc at any place, code that changes, and more code than the cache holds.
 */
#include <check.h>

#include "tests/dbt/guest.h"

/* ---- auipc --------------------------------------------------------------------------------------------- */

#define AUIPCS 16

static int32_t auipc_imm(unsigned i)
{
    return (int32_t)(i * 0x12345678u & 0xfffff000u);
}

/* Straight-line code across a page's end, which a jump enters at each of its instructions in turn. */
static void build_auipc(struct guest *guest, const void *argument)
{
    uint64_t first = *(const uint64_t *)argument;
    guest_put_value(guest, S3, DATA);
    guest_put_value(guest, T1, (uint32_t)first);
    I(addi, S2, 0, 0, AUIPCS);
    guest_put_jal(guest, 0, START + 0x100);
    guest->at = START + 0x100;
    I(jalr, 0, T1, 0, 0);
    guest->at = START + 0x110;
    I(addi, T1, T1, 0, 12);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, START + 0x100);
    guest_put_end(guest, 0);
    guest->at = first;
    for (unsigned i = 0; i < AUIPCS; i++) {
        I(auipc, i & 1 ? A0 : S4, 0, 0, auipc_imm(i));
        I(sd, 0, S3, i & 1 ? A0 : S4, 0);
        I(addi, S3, S3, 0, 8);
    }
    guest_put_jal(guest, 0, START + 0x110);
}

static void check_auipc(struct guest *guest, const void *argument)
{
    uint64_t first = *(const uint64_t *)argument, at = DATA;
    for (unsigned start = 0; start < AUIPCS; start++)
        for (unsigned i = start; i < AUIPCS; i++, at += 8)
            ck_assert_uint_eq(guest_word(guest, at), first + 12 * i + (uint64_t)(int64_t)auipc_imm(i));
}

START_TEST(test_auipc)
{
    for (uint64_t back = 0; back < 200; back += 38) {
        uint64_t first = START + 0x3000 - back;
        guest_run_tiers(1, build_auipc, check_auipc, &first);
    }
}
END_TEST

/* ---- Code that changes --------------------------------------------------------------------------------- */

#define PATCHES 50
#define RUNS    40

struct patch {
    uint64_t code;  /* where the changed instruction is */
    bool chained;   /* it is part of a loop of linked blocks, else of a function */
    uint64_t store; /* where the storing code is */
};

/* a2 = addi a0, a0, s2; the word at s3 = a2; fence.i */
static void put_patch(struct guest *guest)
{
    I(slli, A2, S2, 0, 20);
    I(add, A2, A2, S4, 0);
    I(sw, 0, S3, A2, 0);
    I(fence_i, 0, 0, 0, 0);
}

/* For s2 from PATCHES down to 1: a0 += s2, RUNS times. */
static void build_patch(struct guest *guest, const void *argument)
{
    const struct patch *patch = argument;
    guest_put_value(guest, S2, PATCHES);
    guest_put_value(guest, S3, (uint32_t)patch->code);
    guest_put_value(guest, S4, guest_encode(ISA_INSN_addi, A0, A0, 0, 0));
    guest_put_jal(guest, 0, patch->store);
    guest->at = patch->code;
    I(ebreak, 0, 0, 0, 0);
    if (patch->chained) { /* three blocks in a ring, then back to the start */
        I(addi, A1, A1, 0, -1);
        guest_put_branch(guest, ISA_INSN_beq, A1, 0, patch->code + 24);
        I(andi, A3, A1, 0, 1);
        guest_put_branch(guest, ISA_INSN_beq, A3, 0, patch->code);
        guest_put_jal(guest, 0, patch->code);
    }
    I(jalr, 0, RA, 0, 0);
    guest->at = patch->store;
    put_patch(guest);
    I(addi, A1, 0, 0, RUNS);
    guest_put_jal(guest, RA, patch->code);
    if (!patch->chained) {
        I(addi, A1, A1, 0, -1);
        guest_put_branch(guest, ISA_INSN_bne, A1, 0, guest->at - 8);
    }
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, patch->store);
    guest_put_end(guest, 0);
}

static void check_patch(struct guest *guest, const void *argument)
{
    (void)argument;
    ck_assert_uint_eq(guest->harts[0]->x[A0], RUNS * PATCHES * (PATCHES + 1) / 2);
}

START_TEST(test_patch)
{
    static const struct patch patches[] = {
        { START + 0x100, false, START + 0x200 },  { START + 0x100, true, START + 0x200 },
        { START + 0x200, false, START + 0x100 },  { START + 0x1ffc, false, START + 0x100 },
        { START + 0x2000, true, START + 0x100 },  { START + 0x2ff4, true, START + 0x1000 },
        { START + 0x1000, true, START + 0x1020 }, { START + 0x1100, false, START + 0x2fec },
    };
    guest_run_tiers(1, build_patch, check_patch, &patches[_i]);
}
END_TEST

/* ---- Another hart's code ------------------------------------------------------------------------------- */

#define CROSS_ROUNDS 100
#define FLAG         DATA
#define DONE         (DATA + 64)
#define RESULTS      (DATA + 0x1000)
#define PATCHED      (START + 0x3000)

/* Hart 0: for s2 = 1, 2, ... it changes the other's loop, raises the flag, and waits until that hart is
 * done. */
static void put_changer(struct guest *guest)
{
    guest_put_value(guest, S3, PATCHED);
    guest_put_value(guest, S4, guest_encode(ISA_INSN_addi, A0, A0, 0, 0));
    guest_put_value(guest, S5, FLAG);
    guest_put_value(guest, S6, CROSS_ROUNDS + 1);
    I(addi, S2, 0, 0, 1);
    uint64_t loop = guest->at;
    put_patch(guest);
    I(fence, 0, 0, 0, 0xff);
    I(sd, 0, S5, S2, 0);
    I(ld, T0, S5, 0, 64);
    guest_put_branch(guest, ISA_INSN_bne, T0, S2, guest->at - 4);
    I(addi, S2, S2, 0, 1);
    guest_put_branch(guest, ISA_INSN_bne, S2, S6, loop);
    guest_put_stop(guest, 0);
}

/* Hart 1: runs the loop until the flag changes, executes fence.i, stores the sum of RUNS rounds of the
 * loop. */
static void put_changed(struct guest *guest)
{
    guest->at = START + PAGE_SIZE;
    guest_put_value(guest, S5, FLAG);
    guest_put_value(guest, S7, RESULTS);
    guest_put_value(guest, S6, CROSS_ROUNDS);
    I(addi, S2, 0, 0, 0);
    uint64_t loop = guest->at;
    I(lui, A1, 0, 0, 0x40000000);
    guest_put_jal(guest, RA, PATCHED);
    I(ld, S2, S5, 0, 0);
    I(fence, 0, 0, 0, 0xff);
    I(fence_i, 0, 0, 0, 0);
    I(addi, A0, 0, 0, 0);
    I(addi, A1, 0, 0, RUNS);
    guest_put_jal(guest, RA, PATCHED + 0x40);
    I(sd, 0, S7, A0, 0);
    I(addi, S7, S7, 0, 8);
    I(sd, 0, S5, S2, 64);
    guest_put_branch(guest, ISA_INSN_bne, S2, S6, loop);
    guest_put_stop(guest, 1);
    guest->at = PATCHED; /* loops until the flag is not s2; entered at + 0x40 it does a1 rounds */
    I(addi, A0, A0, 0, 0);
    I(addi, A1, A1, 0, -1);
    guest_put_branch(guest, ISA_INSN_beq, A1, 0, PATCHED + 28);
    guest_put_branch(guest, ISA_INSN_bne, T2, 0, PATCHED);
    I(ld, T0, S5, 0, 0);
    guest_put_branch(guest, ISA_INSN_beq, T0, S2, PATCHED);
    I(addi, T2, 0, 0, 0);
    I(addi, T2, 0, 0, 0);
    I(jalr, 0, RA, 0, 0);
    guest->at = PATCHED + 0x40;
    I(addi, T2, 0, 0, 1);
    guest_put_jal(guest, 0, PATCHED);
}

START_TEST(test_other_hart)
{
    struct guest guest;
    guest_create(&guest, (enum guest_tier)_i, 2);
    put_changer(&guest);
    put_changed(&guest);
    guest_start(&guest);
    guest_join(&guest);
    for (unsigned i = 0; i < CROSS_ROUNDS; i++)
        ck_assert_uint_eq(guest_word(&guest, RESULTS + 8 * i), RUNS * (i + 1));
    guest_destroy(&guest);
}
END_TEST

/* ---- A full cache -------------------------------------------------------------------------------------- */

#define FILL_BASE (START + 0x1000)
#define FILL_SIZE 0x1ff000u

/* Loads and stores, whose translations are the longest: some 100 bytes for 4 bytes of guest code. */
static void build_fill(struct guest *guest, const void *argument)
{
    (void)argument;
    guest_put_value(guest, S2, DATA);
    guest_put_value(guest, T1, FILL_BASE);
    guest_put_value(guest, T2, START + 0x100);
    I(addi, S3, 0, 0, 3);
    I(addi, S4, 0, 0, 1234);
    guest_put_jal(guest, 0, START + 0x100);
    guest->at = START + 0x100;
    guest_put_branch(guest, ISA_INSN_beq, S3, 0, START + 0x110);
    I(addi, S3, S3, 0, -1);
    I(jalr, 0, T1, 0, 0);
    guest->at = START + 0x110;
    guest_put_end(guest, 0);
    guest->at = FILL_BASE;
    for (unsigned i = 0; guest->at < FILL_BASE + FILL_SIZE - 4; i++) {
        if (i & 1)
            I(ld, S4, S2, 0, (int32_t)(i * 8 & 1016));
        else
            I(sd, 0, S2, S4, (int32_t)(i * 40 & 1016));
    }
    I(jalr, 0, T2, 0, 0);
}

static void check_fill(struct guest *guest, const void *argument)
{
    (void)argument;
    if (guest->dbt)
        ck_assert_uint_gt(guest->dbt->counters.evictions, 2 * CODE_SEGMENTS);
    ck_assert_uint_eq(guest->harts[0]->x[T6], 16 + 3 * (3 + FILL_SIZE / 4));
}

START_TEST(test_full_cache)
{
    guest_cache_size = 4 * CODE_CACHE_MIN;
    guest_run_tiers(1, build_fill, check_fill, NULL);
}
END_TEST

void t1_code_add(TCase *tests)
{
    tcase_add_test(tests, test_auipc);
    tcase_add_loop_test(tests, test_patch, 0, 8);
    tcase_add_loop_test(tests, test_other_hart, 0, GUEST_TIERS);
    tcase_add_test(tests, test_full_cache);
}
