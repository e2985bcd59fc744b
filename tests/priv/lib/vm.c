/* SPDX-License-Identifier: MIT
 *
 * Page tables: see vm.h.
 */
#include "vm.h"

#define TABLES     96
#define PAGES      32
#define ENTRY_BITS (XLEN == 64 ? 9 : 10)
#define ENTRIES    (PAGE / sizeof(uintptr_t))

uint8_t data_pages[PAGES * PAGE] __attribute__((aligned(65536)));
static uintptr_t tables[TABLES][ENTRIES] __attribute__((aligned(4096)));
static unsigned tables_used, vm_current;
unsigned vm_levels;
uintptr_t *vm_root;

unsigned vm_mode_count(void)
{
    return XLEN == 64 ? 3 : 1;
}

unsigned vm_mode(unsigned index)
{
    return XLEN == 64 ? VM_SV39 + index : VM_SV32;
}

uintptr_t vm_page_size(unsigned level)
{
    return PAGE << ENTRY_BITS * level;
}

static uintptr_t *table_new(void)
{
    if (tables_used == TABLES) {
        check_true(false, "out-of-page-tables");
        test_finish();
    }
    uintptr_t *table = tables[tables_used++];
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = 0;
    return table;
}

uintptr_t *vm_new_root(void)
{
    uintptr_t *root = table_new(), *old = vm_root;
    vm_root = root;
    unsigned level = XLEN == 64 ? 2 : 1; /* 1 GiB, 4 MiB */
    vm_map(IMAGE, IMAGE, PTE_RWX, level);
    vm_map(IMAGE + VM_USER, IMAGE, PTE_RWX | PTE_U, level);
    vm_root = old;
    return root;
}

void vm_begin(unsigned mode)
{
    vm_current = mode;
    vm_levels = mode == VM_SV32 ? 2 : mode - VM_SV39 + 3;
    tables_used = 0;
    vm_root = vm_new_root();
    for (unsigned page = 0; page < PAGES; page++) {
        volatile uint32_t *words = (volatile uint32_t *)DATA(page);
        for (unsigned i = 0; i < PAGE / 4; i++)
            words[i] = RET;
        words[1] = page;
    }
}

uintptr_t *vm_pte(uintptr_t vaddr, unsigned level)
{
    uintptr_t *table = vm_root;
    for (unsigned at = vm_levels - 1;; at--) {
        uintptr_t *pte = &table[vaddr >> (12 + ENTRY_BITS * at) & (ENTRIES - 1)];
        if (at == level)
            return pte;
        if (!(*pte & PTE_V))
            *pte = (uintptr_t)table_new() >> 12 << 10 | PTE_V;
        table = (uintptr_t *)(*pte >> 10 << 12);
    }
}

void vm_map(uintptr_t vaddr, uintptr_t paddr, uintptr_t flags, unsigned level)
{
    *vm_pte(vaddr, level) = paddr >> 12 << 10 | flags;
}

uintptr_t vm_satp(uintptr_t asid)
{
#if XLEN == 64
    return (uintptr_t)vm_current << 60 | asid << 44 | (uintptr_t)vm_root >> 12;
#else
    return (uintptr_t)vm_current << 31 | asid << 22 | (uintptr_t)vm_root >> 12;
#endif
}

void vm_flush(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

void vm_on(uintptr_t asid)
{
    csr_write(CSR_SATP, vm_satp(asid));
    vm_flush();
}

void vm_off(void)
{
    csr_write(CSR_SATP, 0);
    vm_flush();
}

uintptr_t vm_page_fault(enum access access)
{
    return access == LOAD ? CAUSE_LOAD_PAGE : access == STORE ? CAUSE_STORE_PAGE : CAUSE_FETCH_PAGE;
}

uintptr_t vm_access_fault(enum access access)
{
    return access == LOAD ? CAUSE_LOAD_ACCESS : access == STORE ? CAUSE_STORE_ACCESS : CAUSE_FETCH_ACCESS;
}

static uint32_t vm_insn(enum access access)
{
    return access == LOAD ? LW(A0, A1, 4) : access == STORE ? SW(A0, A1, 4) : JALR(ZERO, A1, 0);
}

struct trap vm_access(enum mode mode, enum access access, uintptr_t vaddr)
{
    run_offset = mode == MODE_U ? VM_USER : 0;
    struct trap trap = run_insn(mode, vm_insn(access), ARGS(0x5a5a, vaddr));
    run_offset = 0;
    return trap;
}

void vm_expect(enum mode mode, enum access access, uintptr_t vaddr, uintptr_t cause, const char *name)
{
    struct trap trap = vm_access(mode, access, vaddr);
    uintptr_t code = CODE + (mode == MODE_U ? VM_USER : 0);
    check_trap(&trap, cause, access == FETCH ? vaddr : code, access == FETCH ? vaddr : vaddr + 4, name);
}

uintptr_t vm_read(uintptr_t vaddr)
{
    struct trap trap = vm_access(MODE_S, LOAD, vaddr);
    return trap.cause == CAUSE_NONE ? trap.x[A0] : ~(uintptr_t)0;
}
