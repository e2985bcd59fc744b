/* SPDX-License-Identifier: MIT
 *
 * Physical memory protection (Priv. 3.7): address matching, order of entries, L, regions under 4 KiB,
 * accesses across a border, page-table walks. Entry 15 permits everything in all tests but the last.
 */
#include "vm.h"

const char test_name[] = "pmp";

#define PMP_R     1
#define PMP_W     2
#define PMP_X     4
#define PMP_TOR   0x08
#define PMP_NA4   0x10
#define PMP_NAPOT 0x18
#define PMP_L     0x80

static uint8_t config[16];

static void write_address(unsigned entry, uintptr_t value)
{
    switch (entry) {
#define CASE(n)                                                                                              \
    case n: csr_write(CSR_PMPADDR0 + n, value); break;
        CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(15)
    }
}

static void write_config(void)
{
#if XLEN == 64
    const uint64_t *words = (const uint64_t *)config;
    csr_write(CSR_PMPCFG0, words[0]);
    csr_write(CSR_PMPCFG0 + 2, words[1]);
#else
    const uint32_t *words = (const uint32_t *)config;
    csr_write(CSR_PMPCFG0, words[0]);
    csr_write(CSR_PMPCFG0 + 1, words[1]);
    csr_write(CSR_PMPCFG0 + 3, words[3]);
#endif
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void set_entry(unsigned entry, uint8_t value, uintptr_t address)
{
    write_address(entry, address);
    config[entry] = value;
    write_config();
}

static void reset(void)
{
    for (unsigned i = 0; i < 16; i++)
        config[i] = 0;
    write_address(15, -1);
    config[15] = PMP_NAPOT | PMP_R | PMP_W | PMP_X;
    write_config();
}

static uintptr_t napot(uintptr_t address, uintptr_t size)
{
    return address >> 2 | (size / 8 - 1);
}

/* Whether load, store and fetch of one word at an address work in a mode. */
static void expect(enum mode mode, uintptr_t address, bool load, bool store, bool fetch, const char *name)
{
    struct trap trap = run_insn(mode, LW(A0, A1, 0), ARGS(0, address));
    check_trap(&trap, load ? CAUSE_NONE : CAUSE_LOAD_ACCESS, CODE, address, name);
    trap = run_insn(mode, SW(A2, A1, 0), ARGS(0, address, RET));
    check_trap(&trap, store ? CAUSE_NONE : CAUSE_STORE_ACCESS, CODE, address, name);
    trap = run(mode, address, ARGS(0));
    check_trap(&trap, fetch ? CAUSE_NONE : CAUSE_FETCH_ACCESS, address, address, name);
}

static void test_rights(void)
{
    for (unsigned rights = 0; rights < 8; rights++) {
        if ((rights & 3) == PMP_W)
            continue; /* reserved */
        set_entry(0, (uint8_t)(PMP_NA4 | rights), DATA(1) >> 2);
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            expect(mode, DATA(1), rights & PMP_R, rights & PMP_W, rights & PMP_X, "na4");
            expect(mode, DATA(1) + 4, true, true, true, "na4-after");
            expect(mode, DATA(1) - 4, true, true, true, "na4-before");
        }
        expect(MODE_M, DATA(1), true, true, true, "m-not-bound");
    }
    reset();
}

static void test_matching(void)
{
    static const uintptr_t sizes[] = { 8, 16, 64, 1024, 4096, 8192 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uintptr_t size = sizes[i];
        set_entry(0, PMP_NAPOT | PMP_R, napot(DATA(4), size));
        expect(MODE_S, DATA(4), true, false, false, "napot-first");
        expect(MODE_S, DATA(4) + size - 4, true, false, false, "napot-last");
        expect(MODE_S, DATA(4) - 4, true, true, true, "napot-before");
        expect(MODE_S, DATA(4) + size, true, true, true, "napot-after");
    }
    reset();
    /* TOR: pmpaddr[i-1] <= a < pmpaddr[i]; the entry before may be off. */
    write_address(1, (DATA(5) + 0x104) >> 2);
    set_entry(2, PMP_TOR | PMP_X, (DATA(5) + 0x120) >> 2);
    expect(MODE_U, DATA(5) + 0x100, true, true, true, "tor-before");
    expect(MODE_U, DATA(5) + 0x104, false, false, true, "tor-first");
    expect(MODE_U, DATA(5) + 0x11c, false, false, true, "tor-last");
    expect(MODE_U, DATA(5) + 0x120, true, true, true, "tor-after");
    /* bottom >= top matches nothing */
    write_address(1, (DATA(5) + 0x120) >> 2);
    write_config();
    expect(MODE_U, DATA(5) + 0x110, true, true, true, "tor-empty");
    reset();
    /* Entry 0 as TOR begins at address 0. */
    set_entry(0, PMP_TOR | PMP_R | PMP_W | PMP_X, DATA(8) >> 2);
    set_entry(1, PMP_NAPOT, napot(DATA(7) & ~0x1fffful, 0x20000));
    expect(MODE_U, DATA(8) - 4, true, true, true, "tor-from-0");
    expect(MODE_U, DATA(8), false, false, false, "tor-from-0-end");
    reset();
}

/* "the lowest-numbered PMP entry that matches any byte of an access determines" */
static void test_order(void)
{
    set_entry(0, PMP_NA4 | PMP_R, DATA(1) >> 2);
    set_entry(1, PMP_NAPOT | PMP_R | PMP_W, napot(DATA(1), 16));
    set_entry(2, PMP_NAPOT, napot(DATA(1), 64));
    expect(MODE_S, DATA(1), true, false, false, "order-0");
    expect(MODE_S, DATA(1) + 12, true, true, false, "order-1");
    expect(MODE_S, DATA(1) + 16, false, false, false, "order-2");
    expect(MODE_S, DATA(1) + 64, true, true, true, "order-15");
    /* "must match all bytes of an access, or the access fails, irrespective of the L, R, W, X bits" */
    static const uint32_t wide = XLEN == 64 ? LD(A0, A1, 0) : FLD(1, 11, 0);
    set_entry(0, PMP_NA4 | PMP_R | PMP_W | PMP_X, DATA(1) >> 2);
    struct trap trap = run_insn(MODE_S, wide, ARGS(0, DATA(1)));
    if (XLEN == 64) /* RV32's fld may be two accesses */
        check_cause(&trap, CAUSE_LOAD_ACCESS, "straddle-8");
    trap = run_insn(MODE_M, wide, ARGS(0, DATA(1)));
    if (XLEN == 64)
        check_cause(&trap, CAUSE_LOAD_ACCESS, "straddle-8-m");
    reset();
    /* Misaligned across two regions, of which one is permitted and one is not. */
    set_entry(0, PMP_NAPOT, napot(DATA(1) + 8, 8));
    trap = run_insn(MODE_S, LW(A0, A1, 0), ARGS(0, DATA(1) + 6));
    check_cause(&trap, CAUSE_LOAD_ACCESS, "straddle-misaligned-load");
    trap = run_insn(MODE_S, SW(A2, A1, 0), ARGS(0, DATA(1) + 6, 0));
    check_cause(&trap, CAUSE_STORE_ACCESS, "straddle-misaligned-store");
    trap = run_insn(MODE_S, LW(A0, A1, 0), ARGS(0, DATA(1) + 4));
    check_cause(&trap, CAUSE_NONE, "straddle-beside");
    reset();
}

static void test_walk(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
        uintptr_t entry = (uintptr_t)vm_pte(DATA_VA, 0);
        vm_on(0);
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_NONE, "walk-open");
        /* The walk reads as S: without R it ends in an access fault of the original type (4.3.2 step 2). */
        set_entry(0, PMP_NAPOT, napot(entry & ~7ul, 8));
        for (enum access access = LOAD; access <= FETCH; access++)
            vm_expect(MODE_S, access, DATA_VA, vm_access_fault(access), "walk-closed");
        set_entry(0, PMP_NAPOT | PMP_R, napot(entry & ~7ul, 8));
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_NONE, "walk-readable");
        /* Writing A needs W. */
        menvcfg_write(MENVCFG_ADUE);
        if (menvcfg_read() & MENVCFG_ADUE) {
            *(uintptr_t *)entry &= ~(uintptr_t)(PTE_A | PTE_D);
            vm_flush();
            vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_ACCESS, "walk-update-not-writable");
            check_equal(*(uintptr_t *)entry & PTE_A, 0, "walk-update-not-done");
            *(uintptr_t *)entry |= PTE_A | PTE_D;
        }
        menvcfg_write(0);
        reset();
        /* The translated address is checked, too. */
        set_entry(0, PMP_NA4 | PMP_X, (DATA(1) + 4) >> 2);
        vm_flush();
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_ACCESS, "translated-load");
        vm_expect(MODE_S, STORE, DATA_VA, CAUSE_STORE_ACCESS, "translated-store");
        reset();
        vm_off();
    }
}

/* WARL fields and, at the end because they cannot be undone, locked entries. */
/* A virtual page that led to one device leads to another, without a fence: each access may find either, but
 * none may do what PMP forbids for the device that it finds. */
static void test_other_device(void)
{
    uintptr_t flags = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
    mmio_write32(PLIC + 4, 3);
    set_entry(0, PMP_NAPOT | PMP_R, napot(PLIC, PAGE));
    vm_map(DATA_VA, PLIC, flags, 0);
    vm_on(0);
    vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_NONE, "device-load");
    vm_expect(MODE_S, STORE, DATA_VA, CAUSE_STORE_ACCESS, "device-store");
    vm_map(DATA_VA, PLIC + 0x2000, flags, 0);
    for (unsigned i = 0; i < 4; i++)
        vm_access(MODE_S, STORE, DATA_VA);
    check_equal(mmio_read32(PLIC + 4), 3, "device-unchanged");
    vm_off();
    vm_map(DATA_VA, 0, 0, 0);
    reset();
    mmio_write32(PLIC + 0x2004, 0);
    mmio_write32(PLIC + 4, 0);
}

static void test_registers(void)
{
    write_address(0, -1);
    set_entry(0, PMP_W, -1);
    check_true((csr_read(CSR_PMPCFG0) & 3) != PMP_W, "reserved-w-without-r");
    set_entry(0, 0, 0x12345);
    check_equal(csr_read(CSR_PMPADDR0), 0x12345, "pmpaddr-holds");
#if XLEN == 64
    csr_write(CSR_PMPADDR0, -1);
    check_equal(csr_read(CSR_PMPADDR0) >> 54, 0, "pmpaddr-54-bits");
#endif
    reset();
}

static void test_locked(void)
{
    set_entry(1, PMP_L | PMP_NA4 | PMP_R, DATA(1) >> 2);
    expect(MODE_M, DATA(1), true, false, false, "locked-binds-m");
    expect(MODE_S, DATA(1), true, false, false, "locked-binds-s");
    write_address(1, 0);
    check_equal(csr_read(CSR_PMPADDR0 + 1), DATA(1) >> 2, "locked-address");
    config[1] = 0;
    write_config();
    check_equal(csr_read(CSR_PMPCFG0) >> 8 & 0xff, PMP_L | PMP_NA4 | PMP_R, "locked-config");
    expect(MODE_M, DATA(1), true, false, false, "locked-still");
    /* A locked TOR entry locks the address below it. */
    write_address(2, DATA(2) >> 2);
    set_entry(3, PMP_L | PMP_TOR | PMP_R | PMP_W | PMP_X, (DATA(2) + 64) >> 2);
    write_address(2, 0);
    check_equal(csr_read(CSR_PMPADDR0 + 2), DATA(2) >> 2, "locked-tor-below");
    /* No entry matches: M has access, S and U do not. */
    config[15] = 0;
    write_config();
    expect(MODE_M, DATA(9), true, true, true, "no-match-m");
    struct trap trap = run(MODE_S, CODE, ARGS(0));
    check_trap(&trap, CAUSE_FETCH_ACCESS, CODE, CODE, "no-match-s");
}

void test_main(void)
{
    vm_begin(vm_mode(0)); /* fills the data pages */
    config[0] = 0x1f;     /* from start.S */
    reset();
    test_rights();
    test_matching();
    test_order();
    test_walk();
    test_other_device();
    test_registers();
    test_locked();
}
