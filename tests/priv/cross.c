/* SPDX-License-Identifier: MIT
 *
 * Accesses across a page boundary, and misaligned ones within a page. A fault's tval is "the virtual address
 * of the portion of the access that caused the fault", for a fetch, too (Priv. 3.1.16, 4.1.9). A store that
 * faults on its second page stores nothing on the first: both emulators translate both pages first.
 */
#include "vm.h"

const char test_name[] = "cross";

static const struct {
    uint32_t load, store;
    unsigned size;
    bool fp;
} widths[] = {
    { LH(A0, A1, 0), SH(A2, A1, 0), 2, false },  { LW(A0, A1, 0), SW(A2, A1, 0), 4, false },
    { FLW(1, 11, 0), FSW(1, 11, 0), 4, true },   { FLD(1, 11, 0), FSD(1, 11, 0), 8, true },
    { LHU(A0, A1, 0), SH(A2, A1, 0), 2, false },
#if XLEN == 64
    { LD(A0, A1, 0), SD(A2, A1, 0), 8, false },  { LWU(A0, A1, 0), SW(A2, A1, 0), 4, false },
#endif
};
#define WIDTHS (sizeof(widths) / sizeof(widths[0]))

/* DATA_VA is DATA(6) and the next page DATA(2): not neighbours in memory. */
static uint8_t *byte_at(unsigned offset)
{
    return (uint8_t *)(offset < PAGE ? DATA(6) + offset : DATA(2) + (offset - PAGE));
}

static uint8_t pattern(unsigned i)
{
    return (uint8_t)(0x81 + 0x13 * i);
}

static void fill(unsigned from)
{
    for (unsigned i = 0; i < 32; i++)
        *(volatile uint8_t *)byte_at(from + i) = pattern(i);
}

static void check_value(unsigned w, unsigned skip_bytes, const struct trap *trap)
{
    uint64_t want = 0, got = trap->x[A0];
    for (unsigned i = widths[w].size; i-- > 0;)
        want = want << 8 | pattern(skip_bytes + i);
    if (widths[w].fp) {
        uint64_t register_bits;
        __asm__ volatile("fsd f1, %0" : "=m"(register_bits));
        got = widths[w].size == 8 ? register_bits : (uint32_t)register_bits;
        check_equal(widths[w].size == 8 ? 0 : ~(register_bits >> 32) & 0xffffffff, 0, "load-boxed");
    } else if (widths[w].size < 8) {
        uint64_t mask = ((uint64_t)1 << widths[w].size * 8) - 1;
        got &= mask;
    }
    check_equal(got, want, "load-value");
}

static void test_working(uintptr_t base, unsigned from, unsigned to, enum mode mode)
{
    run_offset = mode == MODE_U ? VM_USER : 0;
    for (unsigned w = 0; w < WIDTHS; w++)
        for (unsigned offset = from; offset < to; offset++) {
            fill(from);
            struct trap trap = run_insn(mode, widths[w].load, ARGS(0, base + offset));
            check_cause(&trap, CAUSE_NONE, "load-misaligned");
            check_value(w, offset - from, &trap);
            uint64_t value = 0x1122334455667788;
            if (widths[w].fp)
                __asm__ volatile("fld f1, %0" ::"m"(value));
            trap = run_insn(mode, widths[w].store, ARGS(0, base + offset, (uintptr_t)value));
            check_cause(&trap, CAUSE_NONE, "store-misaligned");
            bool right = true;
            for (unsigned i = 0; i < 32; i++) {
                unsigned at = i - (offset - from);
                uint8_t want = at < widths[w].size ? (uint8_t)(value >> 8 * at) : pattern(i);
                right = right && *(volatile uint8_t *)byte_at(from + i) == want;
            }
            check_true(right, "store-bytes");
        }
    run_offset = 0;
}

static void set_pages(uintptr_t first, uintptr_t second)
{
    vm_map(DATA_VA, DATA(6), first, 0);
    vm_map(DATA_VA + PAGE, DATA(2), second, 0);
    vm_flush();
}

static void test_faults(void)
{
    for (unsigned w = 0; w < WIDTHS; w++)
        for (unsigned offset = PAGE - widths[w].size + 1; offset < PAGE; offset++)
            for (unsigned bad = 1; bad < 4; bad++) {
                uintptr_t vaddr = DATA_VA + offset;
                uintptr_t tval = bad & 1 ? vaddr : DATA_VA + PAGE;
                set_pages(bad & 1 ? 0 : PTE_RWX, bad & 2 ? 0 : PTE_RWX);
                struct trap trap = run_insn(MODE_S, widths[w].load, ARGS(99, vaddr, 3));
                check_trap(&trap, CAUSE_LOAD_PAGE, CODE, tval, "load-fault");
                check_equal(trap.x[A0], 99, "load-fault-keeps-rd");
                set_pages(bad & 1 ? PTE_V | PTE_R | PTE_A | PTE_D : PTE_RWX,
                          bad & 2 ? PTE_V | PTE_R | PTE_A | PTE_D : PTE_RWX);
                fill(PAGE - 16);
                trap = run_insn(MODE_S, widths[w].store, ARGS(99, vaddr, 3));
                check_trap(&trap, CAUSE_STORE_PAGE, CODE, tval, "store-fault");
                bool untouched = true;
                for (unsigned i = 0; i < 32; i++)
                    untouched = untouched && *(volatile uint8_t *)byte_at(PAGE - 16 + i) == pattern(i);
                check_true(untouched, "store-fault-stores-nothing");
            }
    set_pages(PTE_RWX, PTE_RWX);
}

static void put_code(unsigned offset, uint32_t insn, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        *(volatile uint8_t *)byte_at(offset + i) = (uint8_t)(insn >> 8 * i);
    __asm__ volatile("fence.i" ::: "memory");
}

static void test_fetch(void)
{
    static const uintptr_t noexec = PTE_V | PTE_R | PTE_A | PTE_D;
    set_pages(PTE_RWX, PTE_RWX);
    put_code(PAGE - 2, LI(A0, 0x123), 4);
    put_code(PAGE + 2, RET, 4);
    struct trap trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "fetch-across");
    check_equal(trap.x[A0], 0x123, "fetch-across-done");
    for (unsigned kind = 0; kind < 2; kind++) {
        set_pages(PTE_RWX, kind ? noexec : 0);
        trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
        check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE - 2, DATA_VA + PAGE, "fetch-second-page");
        check_equal(trap.x[A0], 0, "fetch-second-page-not-done");
        set_pages(kind ? noexec : 0, PTE_RWX);
        trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
        check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE - 2, DATA_VA + PAGE - 2, "fetch-first-page");
    }
    /* The code runs into the instruction instead of jumping to it. */
    set_pages(PTE_RWX, 0);
    put_code(PAGE - 6, LI(A1, 7), 4);
    trap = run(MODE_S, DATA_VA + PAGE - 6, ARGS(0));
    check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE - 2, DATA_VA + PAGE, "fetch-fallthrough");
    check_equal(trap.x[A1], 7, "fetch-fallthrough-done-before");
    /* A 2-byte instruction at the end needs no second page. */
    put_code(PAGE - 2, 0x8082 /* c.jr ra */, 2);
    trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "fetch-compressed-at-end");
    put_code(PAGE - 2, C_NOP, 2);
    trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
    check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE, DATA_VA + PAGE, "fetch-next-page");
    /* The second half changes because its page is mapped elsewhere: the new bytes must count. */
    set_pages(PTE_RWX, PTE_RWX);
    put_code(PAGE - 2, LI(A0, 1), 4);
    trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
    check_equal(trap.x[A0], 1, "fetch-across-before-remap");
    *(volatile uint16_t *)DATA(9) = LI(A0, 5) >> 16;
    *(volatile uint32_t *)(DATA(9) + 2) = 0x8082;
    __asm__ volatile("fence.i" ::: "memory");
    vm_map(DATA_VA + PAGE, DATA(9), PTE_RWX, 0);
    vm_flush();
    trap = run(MODE_S, DATA_VA + PAGE - 2, ARGS(0));
    check_equal(trap.x[A0], 5, "fetch-across-after-remap");
    /* The same without a jump in between: the instruction before it has run often. */
    put_code(PAGE - 6, LI(A1, 7), 4);
    for (unsigned i = 0; i < 200; i++) {
        vm_map(DATA_VA + PAGE, i % 2 ? DATA(9) : DATA(2), PTE_RWX, 0);
        __asm__ volatile("sfence.vma %0, x0" ::"r"(DATA_VA + PAGE) : "memory");
        for (unsigned k = 0; k < 3; k++) {
            trap = run(MODE_S, DATA_VA + PAGE - 6, ARGS(0));
            check_equal(trap.x[A0], i % 2 ? 5 : 1, "fetch-across-remapped-again");
        }
    }
}

/* jal */
static uint32_t jump(unsigned rd, int32_t distance)
{
    uint32_t bits = (uint32_t)distance;
    return (bits >> 20 & 1) << 31 | (bits >> 1 & 0x3ff) << 21 | (bits >> 11 & 1) << 20 |
           (bits >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}

#define FAR 0x200 /* in the second page */

/* Puts code at FAR into one of the two frames that the second page may have: it adds `step` to a0, and goes
 * back. */
static void put_far(uintptr_t frame, int step, bool call)
{
    ((volatile uint32_t *)(frame + FAR))[0] = ADDI(A0, A0, step);
    ((volatile uint32_t *)(frame + FAR))[1] = call ? RET : jump(0, -(int32_t)(PAGE + FAR + 4) + 8);
    __asm__ volatile("fence.i" ::: "memory");
}

/* A loop in the first page that goes to the second page a1 times, and must execute what is mapped there
 * now. */
static void test_far(bool call)
{
    set_pages(PTE_RWX, PTE_RWX);
    put_code(0, ADDI(A3, RA, 0), 4);
    put_code(4, jump(call ? RA : ZERO, (int32_t)PAGE + FAR - 4), 4);
    put_code(8, ADDI(A1, A1, -1), 4);
    put_code(12, 0xfe059ce3, 4); /* bnez a1, -8 */
    put_code(16, JALR(ZERO, A3, 0), 4);
    put_far(DATA(2), 1, call);
    put_far(DATA(9), 3, call);
    for (unsigned i = 0; i < 100; i++) {
        vm_map(DATA_VA + PAGE, i % 2 ? DATA(9) : DATA(2), PTE_RWX, 0);
        __asm__ volatile("sfence.vma %0, x0" ::"r"(DATA_VA + PAGE) : "memory");
        struct trap trap = run(MODE_S, DATA_VA, ARGS(0, 20));
        check_cause(&trap, CAUSE_NONE, "far");
        check_equal(trap.x[A0], i % 2 ? 60 : 20, "far-remapped");
    }
    put_far(DATA(9), 7, call);
    struct trap trap = run(MODE_S, DATA_VA, ARGS(0, 20));
    check_equal(trap.x[A0], 140, "far-patched");
    set_pages(PTE_RWX, 0);
    trap = run(MODE_S, DATA_VA, ARGS(5, 20));
    check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE + FAR, DATA_VA + PAGE + FAR, "far-unmapped");
    check_equal(trap.x[A0], 5, "far-unmapped-not-done");
    set_pages(PTE_RWX, PTE_V | PTE_R | PTE_A | PTE_D);
    trap = run(MODE_S, DATA_VA, ARGS(5, 20));
    check_trap(&trap, CAUSE_FETCH_PAGE, DATA_VA + PAGE + FAR, DATA_VA + PAGE + FAR, "far-no-execution");
    set_pages(PTE_RWX, PTE_RWX);
    trap = run(MODE_S, DATA_VA, ARGS(0, 20));
    check_equal(trap.x[A0], 20, "far-again");
}

/* Several accesses by one pointer, which a translator may check together: words at 0, 4, 8 from it, of which
 * number `fits` and later lie on the second page. Stores before a fault are done, and none after it. */
static void test_run(unsigned fits, uintptr_t second)
{
    uintptr_t pointer = DATA_VA + PAGE - 4 * fits, epc[3];
    bool faults = fits < 3 && !(second & PTE_W);
    code_begin();
    epc[0] = emit(SW(A2, A1, 0));
    emit(ADDI(A2, A2, 1));
    epc[1] = emit(SW(A2, A1, 4));
    emit(ADDI(A1, A1, 8));
    epc[2] = emit(SW(A2, A1, 0));
    emit(LW(A0, A1, -8));
    set_pages(PTE_RWX, second);
    for (unsigned round = 0; round < 3; round++) {
        fill(PAGE - 16);
        struct trap trap = run_code(MODE_S, ARGS(99, pointer, 0x1000 + round));
        if (faults)
            check_trap(&trap, CAUSE_STORE_PAGE, epc[fits], DATA_VA + PAGE, "run-fault");
        else
            check_cause(&trap, CAUSE_NONE, "run");
        check_equal(trap.x[A0], faults ? 99 : 0x1000 + round, "run-load");
        check_equal(trap.x[A1], pointer + (faults && fits < 2 ? 0 : 8), "run-pointer");
        check_equal(trap.x[A2], 0x1000 + round + (faults && fits < 1 ? 0 : 1), "run-value");
        for (unsigned i = 0; i < 3; i++) {
            uint32_t got = 0, before = 0, at = (unsigned)PAGE - 4 * fits + 4 * i;
            for (unsigned k = 4; k-- > 0;) {
                got = got << 8 | *(volatile uint8_t *)byte_at(at + k);
                before = before << 8 | pattern(at + k - (unsigned)(PAGE - 16));
            }
            check_equal(got, faults && i >= fits ? before : 0x1000 + round + (i > 0), "run-stored");
        }
    }
}

static void test_runs(void)
{
    for (unsigned fits = 0; fits <= 3; fits++) {
        test_run(fits, PTE_RWX);
        test_run(fits, 0);
        test_run(fits, PTE_V | PTE_R | PTE_A | PTE_D);
        test_run(fits, PTE_RWX); /* after a fault the page is mapped again */
    }
    set_pages(PTE_RWX, PTE_RWX);
}

/* Misaligned LR, SC, AMO: an address-misaligned or access-fault exception, and the access is never done
 * (Unpriv. 13.2, 13.4). */
static void test_atomics(uintptr_t vaddr, enum mode mode)
{
    static const uint32_t insns[] = {
        LR_W(A0, A1),
        SC_W(A0, A2, A1),
        AMOADD_W(A0, A2, A1),
#if XLEN == 64
        LR_D(A0, A1),
        SC_D(A0, A2, A1),
        AMOADD_D(A0, A2, A1),
#endif
    };
    static uintptr_t seen[2];
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
        for (unsigned offset = 1; offset < 8; offset++) {
            if (offset % (i < 3 ? 4 : 8) == 0)
                continue;
            struct trap trap = run_insn(mode, insns[i], ARGS(99, vaddr + offset, 1));
            bool lr = i % 3 == 0;
            bool right = trap.cause == (lr ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED) ||
                         trap.cause == (lr ? CAUSE_LOAD_ACCESS : CAUSE_STORE_ACCESS);
            if (!right && i % 3 == 1 && trap.cause == CAUSE_NONE) {
                /* An SC with no reservation may also just fail. */
                check_equal(trap.x[A0], 1, "sc-misaligned-fails");
                continue;
            }
            check_true(right, lr ? "lr-misaligned" : "store-atomic-misaligned");
            if (right)
                check_trap(&trap, trap.cause, CODE, vaddr + offset, "atomic-misaligned-tval");
            seen[lr ? 0 : 1] = trap.cause;
        }
    print("misaligned lr: cause %u; sc, amo: cause %u\n", (uint32_t)seen[0], (uint32_t)seen[1]);
}

void test_main(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        vm_on(0);
        set_pages(PTE_RWX, PTE_RWX);
        test_working(DATA_VA, PAGE - 16, PAGE + 8, MODE_S);
        test_working(DATA_VA, 64, 72, MODE_S);
        set_pages(PTE_RWX | PTE_U, PTE_RWX | PTE_U);
        test_working(DATA_VA, PAGE - 16, PAGE + 8, MODE_U);
        test_faults();
        test_fetch();
        test_far(false);
        test_far(true);
        test_runs();
        set_pages(PTE_RWX, PTE_RWX);
        test_atomics(DATA_VA + 256, MODE_S);
    }
    vm_off();
    test_working(DATA(6), 128, 144, MODE_M);
    test_atomics(DATA(6), MODE_M);
}
