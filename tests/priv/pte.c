/* SPDX-License-Identifier: MIT
 *
 * The other bits of a page-table entry: A and D with and without hardware update (Priv. 4.3.1, Svade, Svadu,
 * ch. 9), Svnapot (ch. 5), Svpbmt (ch. 6), reserved bits (4.4.1).
 */
#include "vm.h"

const char test_name[] = "pte";

static void test_fault_on_clear(void)
{
    for (unsigned bits = 0; bits < 4; bits++) {
        uintptr_t flags = PTE_V | PTE_R | PTE_W | PTE_X | (bits & 1 ? PTE_A : 0) | (bits & 2 ? PTE_D : 0);
        for (enum access access = LOAD; access <= FETCH; access++) {
            vm_map(DATA_VA, DATA(1), flags, 0);
            vm_flush();
            bool works = (flags & PTE_A) && (access != STORE || (flags & PTE_D));
            vm_expect(MODE_S, access, DATA_VA, works ? CAUSE_NONE : vm_page_fault(access), "svade");
            check_equal(*vm_pte(DATA_VA, 0) & 0x3ff, flags, "svade-pte-untouched");
        }
    }
}

/* menvcfg.ADUE = 1: the hart sets A, and D for a store, if and only if the access is permitted. */
static void test_update(unsigned level)
{
    uintptr_t paddr = DATA(1) & ~(vm_page_size(level) - 1);
    uintptr_t at = XLEN == 64 && level > 1 ? 5 * vm_page_size(level) : DATA_VA;
    uintptr_t vaddr = at + (DATA(1) - paddr);
    for (unsigned bits = 0; bits < 4; bits++) {
        uintptr_t have = (bits & 1 ? PTE_A : 0) | (bits & 2 ? PTE_D : 0);
        for (enum access access = LOAD; access <= FETCH; access++) {
            vm_map(at, paddr, PTE_V | PTE_R | PTE_W | PTE_X | have, level);
            vm_flush();
            vm_expect(MODE_S, access, vaddr, CAUSE_NONE, "svadu");
            uintptr_t want = have | PTE_A | (access == STORE ? PTE_D : 0);
            check_equal(*vm_pte(at, level) & (PTE_A | PTE_D), want, "svadu-bits");
            check_equal(*vm_pte(at, level) >> 10 << 12, paddr, "svadu-ppn-kept");
        }
    }
    /* A load first; then a store through the same (cached) translation must still set D. */
    vm_map(at, paddr, PTE_V | PTE_R | PTE_W, level);
    vm_flush();
    vm_expect(MODE_S, LOAD, vaddr, CAUSE_NONE, "svadu-load-then-store");
    check_equal(*vm_pte(at, level) & (PTE_A | PTE_D), PTE_A, "svadu-load-sets-a");
    vm_expect(MODE_S, STORE, vaddr, CAUSE_NONE, "svadu-load-then-store");
    check_equal(*vm_pte(at, level) & (PTE_A | PTE_D), PTE_A | PTE_D, "svadu-store-sets-d");
    /* Not permitted: nothing is set. */
    vm_map(at, paddr, PTE_V | PTE_R | PTE_U, level);
    vm_flush();
    vm_expect(MODE_S, LOAD, vaddr, CAUSE_LOAD_PAGE, "svadu-not-permitted");
    vm_map(at, paddr, PTE_V | PTE_R, level);
    vm_flush();
    vm_expect(MODE_S, STORE, vaddr, CAUSE_STORE_PAGE, "svadu-not-writable");
    check_equal(*vm_pte(at, level) & PTE_D, 0, "svadu-no-d-on-fault");
    vm_map(at, 0, 0, level);
}

#if XLEN == 64
static void test_reserved(void)
{
    for (unsigned bit = 54; bit <= 60; bit++) {
        vm_map(DATA_VA, DATA(1), PTE_RWX | (uintptr_t)1 << bit, 0);
        vm_flush();
        for (enum access access = LOAD; access <= FETCH; access++)
            vm_expect(MODE_S, access, DATA_VA, vm_page_fault(access), "reserved-bit");
    }
    vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
    vm_flush();
    uintptr_t pointer = *vm_pte(DATA_VA, 1);
    for (unsigned bit = 54; bit <= 63; bit++) { /* N and PBMT, too, are reserved in a pointer */
        menvcfg_write(MENVCFG_PBMTE);
        *vm_pte(DATA_VA, 1) = pointer | (uintptr_t)1 << bit;
        vm_flush();
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_PAGE, "reserved-bit-in-pointer");
    }
    menvcfg_write(0);
    *vm_pte(DATA_VA, 1) = pointer;
}

static void test_pbmt(void)
{
    for (unsigned on = 0; on < 2; on++) {
        menvcfg_write(on ? MENVCFG_PBMTE : 0);
        for (unsigned type = 0; type < 4; type++) {
            vm_map(DATA_VA, DATA(1), PTE_RWX | PTE_PBMT(type), 0);
            vm_flush();
            bool works = type == 0 || (on && type < 3); /* 3 is reserved */
            for (enum access access = LOAD; access <= FETCH; access++)
                vm_expect(MODE_S, access, DATA_VA, works ? CAUSE_NONE : vm_page_fault(access),
                          on ? "pbmt-on" : "pbmt-off");
            uintptr_t giant = 5 * vm_page_size(2);
            vm_map(giant, IMAGE, PTE_RWX | PTE_PBMT(type), 2);
            vm_flush();
            vm_expect(MODE_S, LOAD, giant + (DATA(1) - IMAGE), works ? CAUSE_NONE : CAUSE_LOAD_PAGE,
                      "pbmt-superpage");
        }
    }
    menvcfg_write(0);
}

/* 64 KiB: ppn[3:0] = 1000, other values are reserved; only in 4 KiB leaves (table in ch. 5). */
static void test_napot(void)
{
    vm_begin(vm_mode(vm_levels - 3));
    vm_on(0);
    for (unsigned i = 0; i < 16; i++)
        vm_map(DATA_VA + i * PAGE, DATA(8), PTE_RWX | PTE_N, 0); /* DATA(0) is aligned to 64 KiB */
    for (unsigned i = 0; i < 16; i++)
        vm_map(DATA_VA + (16 + i) * PAGE, DATA(24), PTE_RWX | PTE_N, 0);
    vm_flush();
    for (unsigned i = 0; i < 32; i++) {
        check_equal(vm_read(DATA_VA + i * PAGE), i, "napot-64k");
        vm_expect(MODE_S, FETCH, DATA_VA + i * PAGE, CAUSE_NONE, "napot-64k-fetch");
    }
    vm_expect(MODE_S, STORE, DATA_VA + 5 * PAGE, CAUSE_NONE, "napot-64k-store");
    check_equal(*(volatile uint32_t *)(DATA(5) + 4), 0x5a5a, "napot-64k-store-arrived");
    for (unsigned low = 0; low < 16; low++) {
        if (low == 8)
            continue;
        vm_map(DATA_VA + 0x100000, DATA(low), PTE_RWX | PTE_N, 0);
        vm_flush();
        vm_expect(MODE_S, LOAD, DATA_VA + 0x100000, CAUSE_LOAD_PAGE, "napot-reserved");
    }
    uintptr_t big = 5 * vm_page_size(2);
    vm_map(big, IMAGE, PTE_RWX | PTE_N, 2);
    vm_flush();
    vm_expect(MODE_S, LOAD, big + (DATA(1) - IMAGE), CAUSE_LOAD_PAGE, "napot-superpage");
    /* One address is flushed: sfence.vma with any address of the region drops all of it. */
    for (unsigned i = 0; i < 16; i++)
        vm_map(DATA_VA + i * PAGE, DATA(24), PTE_RWX | PTE_N, 0);
    for (unsigned i = 0; i < 16; i++)
        __asm__ volatile("sfence.vma %0, zero" ::"r"(DATA_VA + i * PAGE) : "memory");
    for (unsigned i = 0; i < 16; i++)
        check_equal(vm_read(DATA_VA + i * PAGE), 16 + i, "napot-remapped");
}
#endif

void test_main(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        vm_on(0);
        test_fault_on_clear();
        menvcfg_write(MENVCFG_ADUE);
        if (menvcfg_read() & MENVCFG_ADUE)
            for (unsigned level = 0; level < vm_levels; level++)
                test_update(level);
        else
            skip("svadu", "menvcfg.ADUE cannot be set");
        menvcfg_write(0);
        test_fault_on_clear();
#if XLEN == 64
        test_reserved();
        test_pbmt();
        test_napot();
#endif
        vm_off();
    }
}
