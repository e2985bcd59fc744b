/* SPDX-License-Identifier: MIT
 *
 * Code that changes: fence.i makes the change visible (Unpriv. 6), whatever address it was written by or is
 * run at, for one instruction over a page boundary, and for code that the other hart writes.
 */
#include "vm.h"

const char test_name[] = "patch";

static void put(uintptr_t address, uint32_t insn)
{
    *(volatile uint16_t *)address = (uint16_t)insn;
    if ((insn & 3) == 3)
        *(volatile uint16_t *)(address + 2) = (uint16_t)(insn >> 16);
}

static uintptr_t call(enum mode mode, uintptr_t address)
{
    struct trap trap = run(mode, address, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "call");
    return trap.x[A0];
}

static void test_fence_i(void)
{
    static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };
    for (unsigned m = 0; m < 3; m++)
        for (unsigned i = 0; i < 50; i++) {
            put(DATA(1), LI(A0, (int)i));
            put(DATA(1) + 4, RET);
            __asm__ volatile("fence.i" ::: "memory");
            check_equal(call(modes[m], DATA(1)), i, "fence.i");
        }
    /* The code is hot first and patched then: a translator has compiled these loops by now. */
    for (unsigned i = 0; i < 4; i++) {
        code_begin();
        emit(LI(A1, 2000));
        uintptr_t at = emit(ADDI(A0, A0, 1));
        emit(ADDI(A1, A1, -1));
        emit(0xfe059ce3); /* bnez a1, -8 */
        struct trap trap = run_code(MODE_U, ARGS(0));
        check_equal(trap.x[A0], 2000, "hot-loop");
        put(at, ADDI(A0, A0, 3));
        __asm__ volatile("fence.i" ::: "memory");
        trap = run(MODE_U, CODE, ARGS(0));
        check_equal(trap.x[A0], 6000, "hot-loop-patched");
    }
    /* The code patches itself, later in its own block. */
    code_begin();
    emit(SW(A1, A2, 0));
    emit(FENCE_I);
    uintptr_t at = emit(LI(A0, 1));
    struct trap trap = run_code(MODE_S, ARGS(0, LI(A0, 2), at));
    check_equal(trap.x[A0], 2, "patches-itself-ahead");
    /* A longer instruction becomes two short ones. */
    code_begin();
    at = emit(LI(A0, 9));
    run_code(MODE_S, ARGS(0));
    put(at, 0x4515);     /* c.li a0, 5 */
    put(at + 2, 0x0509); /* c.addi a0, 2 */
    __asm__ volatile("fence.i" ::: "memory");
    check_equal(call(MODE_S, CODE), 7, "length-changes");
}

/* One frame under two addresses: written through one, run through the other, both ways. */
static void test_alias(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        uintptr_t run_at = DATA_VA, write_at = DATA_VA + 5 * PAGE;
        vm_map(run_at, DATA(2), PTE_V | PTE_R | PTE_X | PTE_A | PTE_D, 0);
        vm_map(write_at, DATA(2), PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, 0);
        vm_on(0);
        put(DATA(2), LI(A0, 0));
        put(DATA(2) + 4, RET);
        __asm__ volatile("fence.i" ::: "memory");
        for (unsigned k = 1; k < 20; k++) {
            code_begin();
            emit(SW(A1, A2, 0));
            emit(FENCE_I);
            struct trap trap = run_code(MODE_S, ARGS(0, LI(A0, (int)k), write_at));
            check_cause(&trap, CAUSE_NONE, "alias-write");
            check_equal(call(MODE_S, run_at), k, "alias-run");
            check_equal(call(MODE_S, DATA(2)), k, "alias-run-identity");
        }
        /* Mapped again: another frame under the same address. */
        put(DATA(3), LI(A0, 0x77));
        put(DATA(3) + 4, RET);
        __asm__ volatile("fence.i" ::: "memory");
        vm_map(run_at, DATA(3), PTE_RWX, 0);
        vm_flush();
        check_equal(call(MODE_S, run_at), 0x77, "remapped-run");
        vm_off();
    }
}

/* Four bytes over a page boundary: either half is patched alone. */
static void test_boundary(void)
{
    uintptr_t at = DATA(5) - 2;
    put(at, LI(A0, 0x111));
    put(at + 4, RET);
    __asm__ volatile("fence.i" ::: "memory");
    check_equal(call(MODE_S, at), 0x111, "boundary");
    *(volatile uint16_t *)(at + 2) = LI(A0, 0x222) >> 16;
    __asm__ volatile("fence.i" ::: "memory");
    check_equal(call(MODE_S, at), 0x222, "boundary-second-half");
    *(volatile uint16_t *)at = (uint16_t)LI(A1, 0x222); /* another rd: a0 keeps its value */
    __asm__ volatile("fence.i" ::: "memory");
    check_equal(call(MODE_S, at), 0, "boundary-first-half");
    for (unsigned i = 1; i < 20; i++) {
        put(at, LI(A0, (int)(i * 16 + 1)));
        __asm__ volatile("fence.i" ::: "memory");
        check_equal(call(MODE_U, at), i * 16 + 1, "boundary-both");
    }
}

/* The other hart writes the code and says so, and this one fences (Unpriv. 6: fence.i works for its own hart
 * only). */
static volatile uint32_t written, done;

static void writer(uintptr_t rounds)
{
    for (uint32_t i = 1; i <= rounds; i++) {
        put(DATA(7), LI(A0, (int)i));
        put(DATA(7) + 4, RET);
        __asm__ volatile("fence" ::: "memory");
        written = i;
        for (unsigned turns = 0; done != i; turns++)
            wait_turn(turns);
    }
}

static void test_other_hart(void)
{
    hart1_start(writer, 100);
    for (uint32_t i = 1; i <= 100; i++) {
        uint64_t end = clint_mtime() + 50000000;
        for (unsigned turns = 0; written != i && clint_mtime() < end; turns++)
            wait_turn(turns);
        __asm__ volatile("fence\n fence.i" ::: "memory");
        check_equal(call(MODE_S, DATA(7)), i, "other-hart-writes");
        done = i;
    }
    check_true(hart1_wait(), "other-hart-end");
}

void test_main(void)
{
    vm_begin(vm_mode(0));
    test_fence_i();
    test_boundary();
    test_alias();
    test_other_hart();
}
