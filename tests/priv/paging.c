/* SPDX-License-Identifier: MIT
 *
 * Address translation in every mode at every level: sizes, permissions, SUM, MXR, MPRV, canonical addresses,
 * faults of the walk itself (Priv. 4.1.1.2, 4.3.2, 4.4 to 4.6, 3.1.6.3).
 */
#include "vm.h"

const char test_name[] = "paging";

/* The address where tests map the page of this level that holds the data pages: it does not overlap the
 * image. */
static uintptr_t place(unsigned level)
{
    uintptr_t size = vm_page_size(level);
    return XLEN == 32 ? DATA_VA : level < 2 ? DATA_VA : 5 * size;
}

static uintptr_t base(unsigned level)
{
    return DATA(3) & ~(vm_page_size(level) - 1);
}

/* What a leaf permits by Priv. 4.3.2 steps 3 to 8. */
static bool allowed(uintptr_t pte, enum mode mode, enum access access, uintptr_t status)
{
    if (!(pte & PTE_V) || ((pte & PTE_W) && !(pte & PTE_R)) || !(pte & (PTE_R | PTE_W | PTE_X)))
        return false;
    if (mode == MODE_U ? !(pte & PTE_U) : (pte & PTE_U) && (access == FETCH || !(status & STATUS_SUM)))
        return false;
    if (access == LOAD)
        return (pte & PTE_R) || ((pte & PTE_X) && (status & STATUS_MXR));
    return access == STORE ? pte & PTE_W : pte & PTE_X;
}

static void test_permissions(unsigned level)
{
    uintptr_t vaddr = place(level) + (DATA(3) - base(level));
    for (uintptr_t flags = 0; flags < 32; flags++) {
        if (level > 0 && (flags & 15) == PTE_V)
            continue; /* that would be a pointer */
        vm_map(place(level), base(level), flags | PTE_A | PTE_D, level);
        vm_flush();
        for (unsigned bits = 0; bits < 4; bits++) {
            run_status = run_status_default | (bits & 1 ? STATUS_SUM : 0) | (bits & 2 ? STATUS_MXR : 0);
            for (enum mode mode = MODE_U; mode <= MODE_S; mode++)
                for (enum access access = LOAD; access <= FETCH; access++) {
                    bool works = allowed(flags, mode, access, run_status);
                    vm_expect(mode, access, vaddr, works ? CAUSE_NONE : vm_page_fault(access), "permission");
                }
        }
    }
    run_status = run_status_default;
    vm_map(place(level), base(level), 0, level);
}

static void test_sizes(unsigned level)
{
    uintptr_t offset = DATA(3) - base(level);
    vm_map(place(level), base(level), PTE_RWX, level);
    vm_flush();
    *(volatile uint32_t *)(DATA(3) + 4) = 3;
    check_equal(vm_read(place(level) + offset), 3, "page-size-load");
    vm_expect(MODE_S, STORE, place(level) + offset, CAUSE_NONE, "page-size-store");
    check_equal(*(volatile uint32_t *)(DATA(3) + 4), 0x5a5a, "page-size-store-arrived");
    *(volatile uint32_t *)(DATA(3) + 4) = 3;
    /* The address after the page is not mapped. */
    vm_expect(MODE_S, LOAD, place(level) + vm_page_size(level), CAUSE_LOAD_PAGE, "page-size-end");
    /* "If i > 0 and pte.ppn[i-1:0] != 0, this is a misaligned superpage; raise a page-fault." */
    for (unsigned below = 0; below < level; below++) {
        vm_map(place(level), base(level) + vm_page_size(below), PTE_RWX, level);
        vm_flush();
        for (enum access access = LOAD; access <= FETCH; access++)
            vm_expect(MODE_S, access, place(level) + offset, vm_page_fault(access), "misaligned-superpage");
    }
    vm_map(place(level), base(level), 0, level);
}

static void test_walk_faults(void)
{
    /* A leaf whose address has no memory: an access fault with the virtual address in tval. */
    vm_map(DATA_VA, HOLE, PTE_RWX, 0);
    vm_flush();
    for (enum access access = LOAD; access <= FETCH; access++)
        vm_expect(MODE_S, access, DATA_VA, vm_access_fault(access), "page-in-hole");
    /* A table at an address without memory: an access fault "of the original access type" (4.3.2 step 2). */
    for (unsigned level = 1; level < vm_levels; level++) {
        vm_begin(vm_mode(vm_levels - (XLEN == 64 ? 3 : 2)));
        uintptr_t vaddr = place(level);
        *vm_pte(vaddr, level) = (uintptr_t)HOLE >> 12 << 10 | PTE_V;
        vm_on(0);
        for (enum access access = LOAD; access <= FETCH; access++)
            vm_expect(MODE_S, access, vaddr, vm_access_fault(access), "table-in-hole");
        /* A, D and U are reserved in a pointer: page fault. */
        static const uintptr_t reserved[] = { PTE_A, PTE_D, PTE_U };
        *vm_pte(vaddr, level) = 0;
        vm_map(vaddr, DATA(1), PTE_RWX, 0);
        uintptr_t pointer = *vm_pte(vaddr, level);
        vm_flush();
        check_equal(vm_read(vaddr), 1, "pointer-plain");
        for (unsigned i = 0; i < 3; i++) {
            *vm_pte(vaddr, level) = pointer | reserved[i];
            vm_flush();
            vm_expect(MODE_S, LOAD, vaddr, CAUSE_LOAD_PAGE, "pointer-reserved-bit");
        }
        /* Software may use RSW. */
        *vm_pte(vaddr, level) = pointer | 3 << 8;
        vm_map(vaddr, DATA(1), PTE_RWX | 3 << 8, 0);
        vm_flush();
        check_equal(vm_read(vaddr), 1, "rsw-ignored");
    }
}

#if XLEN == 64
/* "bits 63-39 must all be equal to bit 38, or else a page-fault exception will occur" (4.4.1, 4.5.1,
 * 4.6.1) */
static void test_canonical(void)
{
    unsigned bits = 12 + 9 * vm_levels;
    uintptr_t top = (uintptr_t)1 << (bits - 1);
    uintptr_t high = ~(uintptr_t)0 << (bits - 1);
    vm_map(high, DATA(2), PTE_RWX, 0);
    vm_map(~(PAGE - 1), DATA(4), PTE_RWX, 0);
    vm_map(top - PAGE, DATA(5), PTE_RWX, 0);
    vm_flush();
    check_equal(vm_read(high), 2, "canonical-lowest-negative");
    check_equal(vm_read(~(PAGE - 1)), 4, "canonical-last-page");
    check_equal(vm_read(top - PAGE), 5, "canonical-highest-positive");
    const uintptr_t wrong[] = { top, high & ~((uintptr_t)1 << 63), high ^ (uintptr_t)1 << bits,
                                (top - PAGE) | (uintptr_t)1 << 63, (top - PAGE) | (uintptr_t)1 << bits };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        for (enum access access = LOAD; access <= FETCH; access++)
            vm_expect(MODE_S, access, wrong[i], vm_page_fault(access), "non-canonical");
}
#endif

/* M with MPRV = 1 accesses as MPP, through satp; its fetches are not translated. */
static void test_mprv(void)
{
    for (unsigned user = 0; user < 2; user++) {
        vm_map(DATA_VA, DATA(6), PTE_V | PTE_R | PTE_A | PTE_D | (user ? PTE_U : 0), 0);
        vm_flush();
        for (unsigned bits = 0; bits < 8; bits++) {
            enum mode mode = bits & 1 ? MODE_S : MODE_U;
            uintptr_t status =
                run_status_default | STATUS_MPRV | STATUS_MPP_OF(mode) | (bits & 2 ? STATUS_SUM : 0);
            bool store = bits & 4;
            code_begin();
            emit(CSRRW(A3, CSR_MSTATUS, A0));
            uintptr_t at = emit(store ? SW(A2, A1, 4) : LW(A2, A1, 4));
            emit(CSRRW(ZERO, CSR_MSTATUS, A3));
            struct trap trap = run_code(MODE_M, ARGS(status, DATA_VA, 9));
            if (!store && allowed(PTE_V | PTE_R | (user ? PTE_U : 0), mode, LOAD, status)) {
                check_cause(&trap, CAUSE_NONE, "mprv-translated");
                check_equal(trap.x[A2], 6, "mprv-value");
            } else {
                check_trap(&trap, store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE, at, DATA_VA + 4, "mprv-fault");
                check_equal(trap.status & STATUS_MPP, STATUS_MPP, "mprv-fault-from-m");
            }
        }
    }
    /* MPP = M: not translated. */
    code_begin();
    emit(CSRRW(A3, CSR_MSTATUS, A0));
    emit(LW(A2, A1, 4));
    emit(CSRRW(ZERO, CSR_MSTATUS, A3));
    struct trap trap =
        run_code(MODE_M, ARGS(run_status_default | STATUS_MPRV | STATUS_MPP_OF(MODE_M), DATA(7)));
    check_cause(&trap, CAUSE_NONE, "mprv-mpp-m");
    check_equal(trap.x[A2], 7, "mprv-mpp-m-value");
    vm_map(DATA_VA, 0, 0, 0);
}

/* LR needs read permission; an AMO needs read and write, and its faults are store faults (Unpriv. 13.4, Priv.
 * 4.3.2). */
static void test_atomics(void)
{
    vm_map(DATA_VA, DATA(7), PTE_V | PTE_R | PTE_A | PTE_D, 0);
    vm_map(DATA_VA + PAGE, DATA(8), PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, 0);
    vm_flush();
    struct trap trap = run_insn(MODE_S, LR_W(A0, A1), ARGS(0, DATA_VA + 4));
    check_cause(&trap, CAUSE_NONE, "lr-read-only");
    check_equal(trap.x[A0], 7, "lr-read-only-value");
    trap = run_insn(MODE_S, AMOADD_W(A0, ZERO, A1), ARGS(99, DATA_VA + 4));
    check_trap(&trap, CAUSE_STORE_PAGE, CODE, DATA_VA + 4, "amo-read-only");
    check_equal(trap.x[A0], 99, "amo-read-only-keeps-rd");
    trap = run_insn(MODE_S, AMOADD_W(A0, A2, A1), ARGS(99, DATA_VA + PAGE + 4, 5));
    check_cause(&trap, CAUSE_NONE, "amo-writable");
    check_equal(trap.x[A0], 8, "amo-writable-old");
    check_equal(*(volatile uint32_t *)(DATA(8) + 4), 13, "amo-writable-new");
    trap = run_insn(MODE_S, LR_W(A0, A1), ARGS(0, DATA_VA + 2 * PAGE));
    check_trap(&trap, CAUSE_LOAD_PAGE, CODE, DATA_VA + 2 * PAGE, "lr-unmapped");
    trap = run_insn(MODE_S, AMOSWAP_W(A0, A2, A1), ARGS(0, DATA_VA + 2 * PAGE));
    check_trap(&trap, CAUSE_STORE_PAGE, CODE, DATA_VA + 2 * PAGE, "amo-unmapped");
    /* The reservation belongs to the physical word: after LR by one address, SC by an alias may succeed. If
     * it reports failure, it must not have stored. */
    vm_map(DATA_VA + 3 * PAGE, DATA(8), PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, 0);
    vm_flush();
    code_begin();
    emit(LR_W(A0, A1));
    emit(SC_W(A4, A2, A3));
    trap = run_code(MODE_S, ARGS(0, DATA_VA + PAGE + 4, 77, DATA_VA + 3 * PAGE + 4));
    check_cause(&trap, CAUSE_NONE, "sc-alias");
    check_equal(*(volatile uint32_t *)(DATA(8) + 4), trap.x[A4] ? 13 : 77, "sc-alias-consistent");
}

/* A delegated page fault gives S the virtual address. */
static void test_delegated(void)
{
    csr_write(CSR_MEDELEG, 1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE | 1 << CAUSE_FETCH_PAGE);
    for (enum access access = LOAD; access <= FETCH; access++)
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            vm_expect(mode, access, DATA_VA + 0x5000, vm_page_fault(access), "delegated-fault");
            check_equal(contexts[0].s_taken, 1, "delegated-fault-in-s");
        }
    csr_write(CSR_MEDELEG, 0);
}

void test_main(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        unsigned mode = vm_mode(i);
        print("satp mode %u\n", mode);
        for (unsigned level = 0; level < (mode == VM_SV32 ? 2 : i + 3); level++) {
            vm_begin(mode);
            vm_on(0);
            test_permissions(level);
            test_sizes(level);
        }
        vm_begin(mode);
        vm_on(0);
        test_mprv();
        test_delegated();
        test_atomics();
#if XLEN == 64
        test_canonical();
#endif
        test_walk_faults();
        vm_off();
    }
}
