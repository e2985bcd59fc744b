/* SPDX-License-Identifier: MIT
 *
 * The next fetch sees a store to code, without fence.i (Unpriv. "Zifencei" asks for less): each kind of
 * store, a store through another address, ahead in its own block, over a page boundary, in hot code, from the
 * other hart, and where code and data share a page. With strict=on only what the specification promises
 * holds.
 */
#include "vm.h"

const char test_name[] = "store";

static void put(uintptr_t address, uint32_t insn)
{
    *(volatile uint16_t *)address = (uint16_t)insn;
    if ((insn & 3) == 3)
        *(volatile uint16_t *)(address + 2) = (uint16_t)(insn >> 16);
}

static uintptr_t call(enum mode mode, uintptr_t address, uintptr_t argument)
{
    struct trap trap = run(mode, address, ARGS(argument, 1, 2, 3, 4, 5));
    check_cause(&trap, CAUSE_NONE, "call");
    return trap.x[A0];
}

/* A function at `at` that returns `value`. */
static void put_function(uintptr_t at, unsigned value)
{
    put(at, LI(A0, value));
    put(at + 4, RET);
}

/* ---- Each kind of store -------------------------------------------------------------------------------- */

static void test_rewritten(void)
{
    static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };
    unsigned wrong = 0;
    for (unsigned i = 0; i < 900; i++) {
        put_function(DATA(1), i);
        wrong += call(modes[i % 3], DATA(1), 0) != i;
    }
    check_equal(wrong, 0, "one-function-900-times");
    /* A buffer is filled with functions again and again, like that of a JIT. */
    wrong = 0;
    for (unsigned turn = 0; turn < 4; turn++)
        for (unsigned i = 0; i < 500; i++) {
            put_function(DATA(2) + 8 * i, (turn + i) % 1000);
            wrong += call(MODE_S, DATA(2) + 8 * i, 0) != (turn + i) % 1000;
        }
    check_equal(wrong, 0, "buffer-of-functions");
    wrong = 0;
    for (unsigned i = 0; i < 500; i++)
        wrong += call(MODE_S, DATA(2) + 8 * i, 0) != (3 + i) % 1000;
    check_equal(wrong, 0, "buffer-afterwards");
}

static void test_bytes(void)
{
    put_function(DATA(3), 0x101);
    for (unsigned i = 0; i < 20; i++) {
        check_equal(call(MODE_S, DATA(3), 0), 0x100 + i / 2 * 16 + 1, "byte-before");
        /* imm[11:4] of addi is the last byte. */
        *(volatile uint8_t *)(DATA(3) + 3) = (uint8_t)(0x10 + (i + 1) / 2);
    }
    /* One store over a page boundary: its second half is the function's beginning. */
    put_function(DATA(5), 0x11);
    check_equal(call(MODE_U, DATA(5), 0), 0x11, "crossing-before");
    struct two {
        uint64_t value;
    } __attribute__((packed, may_alias));
    ((volatile struct two *)(DATA(5) - 4))->value = (uint64_t)(uint32_t)LI(A0, 0x22) << 32;
    check_equal(call(MODE_U, DATA(5), 0), 0x22, "crossing");
    /* An instruction over the boundary, of which one half is patched alone. */
    put_function(DATA(7) - 2, 0x111);
    check_equal(call(MODE_S, DATA(7) - 2, 0), 0x111, "boundary-before");
    *(volatile uint16_t *)DATA(7) = LI(A0, 0x222) >> 16;
    check_equal(call(MODE_S, DATA(7) - 2, 0), 0x222, "boundary-second-half");
    *(volatile uint16_t *)(DATA(7) - 2) = (uint16_t)LI(A1, 0x222);
    check_equal(call(MODE_S, DATA(7) - 2, 0x33), 0x33, "boundary-first-half");
}

static void test_atomics(void)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint32_t *word = (uint32_t *)DATA(8);
        if (i == 0)
            put_function(DATA(8), 0);
        else if (i % 2)
            __asm__ volatile("amoswap.w zero, %1, (%0)" ::"r"(word), "r"(LI(A0, i)) : "memory");
        else
            __asm__ volatile("1: lr.w t0, (%0)\n sc.w t0, %1, (%0)\n bnez t0, 1b" ::"r"(word), "r"(LI(A0, i))
                             : "t0", "memory");
        wrong += call(MODE_S, DATA(8), 0) != i;
    }
    check_equal(wrong, 0, "amo-and-sc");
    put_function(DATA(9), 5);
    check_equal(call(MODE_M, DATA(9), 0), 5, "cbo.zero-before");
    code_begin();
    emit(CBO_ZERO(A0));
    run_code(MODE_M, ARGS(DATA(9)));
    struct trap trap = run(MODE_M, DATA(9), ARGS(0));
    check_cause(&trap, CAUSE_ILLEGAL, "cbo.zero");
}

/* Patches the next instruction, in the same block. */
static void test_ahead(void)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < 300; i++) {
        code_begin();
        emit(SW(A1, A2, 0));
        uintptr_t at = emit(LI(A0, 1));
        struct trap trap = run_code(MODE_S, ARGS(0, LI(A0, i), at));
        check_cause(&trap, CAUSE_NONE, "ahead-end");
        wrong += trap.x[A0] != i;
    }
    check_equal(wrong, 0, "ahead");
    /* A store behind itself, in a loop: each round runs what the last one stored. */
    code_begin();
    uintptr_t at = emit(ADDI(A0, A0, 1));
    emit(SW(A1, A2, 0));
    emit(ADDI(A3, A3, -1));
    emit(0xfe069ae3); /* bnez a3, -12 */
    struct trap trap = run_code(MODE_U, ARGS(0, ADDI(A0, A0, 3), at, 1000));
    check_equal(trap.x[A0], 1 + 999 * 3, "behind");
}

static void test_alias(void)
{
    unsigned wrong = 0;
    vm_map(DATA_VA, DATA(10), PTE_V | PTE_R | PTE_X | PTE_A | PTE_D, 0);
    vm_map(DATA_VA + 5 * PAGE, DATA(10), PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, 0);
    vm_on(0);
    put_function(DATA(10), 0);
    code_begin();
    emit(SW(A1, A2, 0));
    for (unsigned i = 1; i < 100; i++) {
        struct trap trap = run_code(MODE_S, ARGS(0, LI(A0, i), DATA_VA + 5 * PAGE));
        check_cause(&trap, CAUSE_NONE, "alias-store");
        wrong += call(MODE_S, DATA_VA, 0) != i;
    }
    vm_off();
    check_equal(wrong, 0, "alias");
}

/* ---- Code beside data ---------------------------------------------------------------------------------- */

/* A function counts in its own page, so often that a clever emulator stops checking each store there. */
static void test_beside(bool fenced)
{
    uintptr_t at = DATA(12), counter = at + 2048;
    put(at, LW(A1, A2, 0));
    put(at + 4, ADDI(A1, A1, 1));
    put(at + 8, SW(A1, A2, 0));
    put(at + 12, ADDI(A0, A0, -1));
    put(at + 16, 0xfe0518e3); /* bnez a0, -16 */
    put(at + 20, RET);
    *(volatile uint32_t *)counter = 0;
    for (unsigned i = 0; i < 20; i++) {
        struct trap trap = run(MODE_S, at, ARGS(20000, 0, counter));
        check_cause(&trap, CAUSE_NONE, "beside-end");
    }
    check_equal(*(volatile uint32_t *)counter, 400000, "beside-count");
    put(at + 4, ADDI(A1, A1, 2));
    if (fenced)
        __asm__ volatile("fence.i" ::: "memory");
    run(MODE_S, at, ARGS(1000, 0, counter));
    check_equal(*(volatile uint32_t *)counter, 402000, fenced ? "beside-changed" : "beside-changed-again");
    put(at + 4, ADDI(A1, A1, 3)); /* now this page has shown that its code changes */
    run(MODE_S, at, ARGS(1000, 0, counter));
    if (!STRICT)
        check_equal(*(volatile uint32_t *)counter, 405000, "beside-changed-without-fence");
    __asm__ volatile("fence.i" ::: "memory");
}

/* Stores beside code, of which the hart may remember the translation: the page moves, or may not be stored to
 * any more. */
static void test_moved(void)
{
    uintptr_t rwx = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    code_begin();
    emit(SW(A1, A2, 0));
    for (unsigned i = 0; i < 2; i++) {
        put_function(DATA(20 + i), 5 + i);
        *(volatile uint32_t *)(DATA(20 + i) + 2048) = 0;
    }
    for (unsigned turn = 0; turn < 20; turn++) {
        uintptr_t at = DATA(20 + turn % 2);
        vm_map(DATA_VA, at, rwx, 0);
        vm_on(0);
        check_equal(call(MODE_S, DATA_VA, 0), 5 + turn % 2, "moved-code");
        for (unsigned i = 0; i < 5; i++)
            run_code(MODE_S, ARGS(0, 100 * turn + i + 1, DATA_VA + 2048));
        check_equal(*(volatile uint32_t *)(at + 2048), 100 * turn + 5, "moved-data");
        vm_map(DATA_VA, at, rwx & ~(uintptr_t)PTE_W, 0);
        __asm__ volatile("sfence.vma %0, zero" ::"r"(DATA_VA) : "memory");
        struct trap trap = run_code(MODE_S, ARGS(0, 1, DATA_VA + 2048));
        check_cause(&trap, CAUSE_STORE_PAGE, "moved-read-only");
        check_equal(*(volatile uint32_t *)(at + 2048), 100 * turn + 5, "moved-unchanged");
    }
    vm_off();
    vm_map(DATA_VA, 0, 0, 0);
}

/* ---- Two harts ----------------------------------------------------------------------------------------- */

static void spin(uintptr_t at)
{
    while (((uintptr_t(*)(void))at)() != 99) {
    }
}

static void test_other_hart(void)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < 20 && ended == i; i++) { /* a function that does not return takes seconds */
        put_function(DATA(14 + i % 2), 1);
        __asm__ volatile("fence" ::: "memory");
        hart1_start(spin, DATA(14 + i % 2));
        for (uint64_t end = clint_mtime() + 20000; clint_mtime() < end;) {
        }
        put(DATA(14 + i % 2), LI(A0, 99));
        ended += hart1_wait();
    }
    check_equal(ended, 20, "other-hart");
}

void test_main(void)
{
    vm_begin(vm_mode(0));
    if (!STRICT) {
        test_rewritten();
        test_bytes();
        test_atomics();
        test_ahead();
        test_alias();
        test_moved();
        test_other_hart();
    }
    test_beside(true);
    if (!STRICT)
        test_beside(false);
}
