/* SPDX-License-Identifier: MIT
 *
 * The hypervisor extension's two-stage address translation, HLV, HLVX and HSV (Priv. "Two-Stage Address
 * Translation", "Hypervisor Virtual-Machine Load and Store Instructions"): where accesses go, which fault
 * they get, and what mtval2, mtinst, htval and htinst tell.
 */
#include "lib/hyper.h"

const char test_name[] = "gstage";

#define GUEST_DATA 0x20000000ul /* guest physical addresses of pages that tests map */
#define PSEUDO     (XLEN == 64 ? 0x3000u : 0x2000u)
#define LEAF       (PTE_RWX | PTE_U)

static const uint32_t insns[] = {
    [LOAD] = LW(A0, A1, 4), [STORE] = SW(A0, A1, 4), [FETCH] = JALR(ZERO, A1, 0)
};

static struct guest_trap guest_access(enum mode mode, enum access access, uintptr_t vaddr)
{
    run_offset = mode == MODE_U && csr_read(CSR_VSATP) ? VM_USER : 0;
    struct guest_trap trap = guest_insn(mode, insns[access], ARGS(0x5a5a, vaddr));
    run_offset = 0;
    return trap;
}

static uintptr_t guest_cause(enum access access)
{
    return access == LOAD ? CAUSE_LOAD_GUEST : access == STORE ? CAUSE_STORE_GUEST : CAUSE_FETCH_GUEST;
}

/* The access works (CAUSE_NONE), or traps; of a guest-page fault also where. */
static void expect(enum mode mode, enum access access, uintptr_t vaddr, uintptr_t cause, uint64_t gpa,
                   const char *name)
{
    struct guest_trap trap = guest_access(mode, access, vaddr);
    check_cause(&trap.trap, cause, name);
    if (cause == CAUSE_NONE)
        return;
    uintptr_t tval = access == FETCH ? vaddr : vaddr + 4;
    check_equal(trap.trap.tval, tval, name);
    check_true(trap.gva, name);
    if (cause >= CAUSE_FETCH_GUEST)
        check_equal(trap.gpa2, (uintptr_t)(gpa >> 2) + (access == FETCH ? 0 : 1), name);
    else
        check_equal(trap.gpa2, 0, name);
}

static void expect_all(enum mode mode, uintptr_t vaddr, const char *name)
{
    for (enum access access = LOAD; access <= FETCH; access++)
        expect(mode, access, vaddr, guest_cause(access), vaddr, name);
}

/* ---- The second stage alone ---------------------------------------------------------------------------- */

static void second_alone(void)
{
    csr_write(CSR_VSATP, 0);
    vm_begin(vm_mode(0));
    gstage_begin();
    expect_all(MODE_S, GUEST_DATA, "unmapped");
    expect_all(MODE_U, GUEST_DATA, "unmapped-vu");
    gstage_map(GUEST_DATA, DATA(1), LEAF, 0);
    gstage_fence();
    struct guest_trap trap = guest_access(MODE_S, LOAD, GUEST_DATA);
    check_cause(&trap.trap, CAUSE_NONE, "mapped-load");
    check_equal(trap.trap.x[A0], 1, "mapped-data");
    expect(MODE_S, STORE, GUEST_DATA, CAUSE_NONE, 0, "mapped-store");
    expect(MODE_U, FETCH, GUEST_DATA, CAUSE_NONE, 0, "mapped-fetch");
    check_equal(*(volatile uint32_t *)(DATA(1) + 4), 0x5a5a, "stored");
    gstage_map(GUEST_DATA, DATA(1), LEAF & ~PTE_U, 0);
    gstage_fence();
    expect_all(MODE_S, GUEST_DATA, "not-user");
    gstage_map(GUEST_DATA, DATA(1), LEAF & ~PTE_W, 0);
    gstage_fence();
    expect(MODE_S, LOAD, GUEST_DATA, CAUSE_NONE, 0, "read-only-load");
    expect(MODE_S, STORE, GUEST_DATA, CAUSE_STORE_GUEST, GUEST_DATA, "read-only-store");
    gstage_map(GUEST_DATA, DATA(1), PTE_V | PTE_X | PTE_U | PTE_A | PTE_D, 0);
    gstage_fence();
    expect(MODE_S, LOAD, GUEST_DATA, CAUSE_LOAD_GUEST, GUEST_DATA, "execute-only-load");
    run_status |= STATUS_MXR;
    expect(MODE_S, LOAD, GUEST_DATA, CAUSE_NONE, 0, "execute-only-mxr");
    run_status &= ~STATUS_MXR;
    csr_set(CSR_VSSTATUS, STATUS_MXR);
    expect(MODE_S, LOAD, GUEST_DATA, CAUSE_LOAD_GUEST, GUEST_DATA, "execute-only-vs-mxr");
    csr_clear(CSR_VSSTATUS, STATUS_MXR);
    gstage_map(GUEST_DATA, DATA(1), LEAF & ~PTE_A, 0);
    gstage_fence();
    expect(MODE_S, LOAD, GUEST_DATA, CAUSE_LOAD_GUEST, GUEST_DATA, "svade-a");
    gstage_map(GUEST_DATA, DATA(1), LEAF & ~PTE_D, 0);
    gstage_fence();
    expect(MODE_S, STORE, GUEST_DATA, CAUSE_STORE_GUEST, GUEST_DATA, "svade-d");
    menvcfg_write(MENVCFG_ADUE);
    expect(MODE_S, STORE, GUEST_DATA, CAUSE_NONE, 0, "svadu-d");
    check_true(*gstage_pte(GUEST_DATA, 0) & PTE_D, "svadu-d-set");
    menvcfg_write(0);
}

/* Addresses have 2 bits more than those of the same scheme of satp. */
static void wide(void)
{
#if XLEN == 64
    uintptr_t top = 1ul << 41;
    gstage_begin();
    gstage_map(top - 0x40000000ul, IMAGE, LEAF, 2);
    gstage_fence();
    uintptr_t data = top - 0x40000000ul + DATA(2) - IMAGE;
    struct guest_trap trap = guest_access(MODE_S, LOAD, data);
    check_cause(&trap.trap, CAUSE_NONE, "wide");
    check_equal(trap.trap.x[A0], 2, "wide-data");
    expect(MODE_S, LOAD, top, CAUSE_LOAD_GUEST, top, "too-wide");
    expect(MODE_S, STORE, 1ul << 60, CAUSE_STORE_GUEST, 1ul << 60, "far-too-wide");
#endif
}

/* ---- Both stages --------------------------------------------------------------------------------------- */

#define VA DATA_VA

static void both(void)
{
    vm_begin(vm_mode(0));
    gstage_begin();
    csr_write(CSR_VSATP, vm_satp(3));
    vm_map(VA, GUEST_DATA, PTE_RWX, 0);
    gstage_map(GUEST_DATA, DATA(3), LEAF, 0);
    gstage_fence();
    struct guest_trap trap = guest_access(MODE_S, LOAD, VA);
    check_cause(&trap.trap, CAUSE_NONE, "both");
    check_equal(trap.trap.x[A0], 3, "both-data");
    expect(MODE_U, LOAD, VA, CAUSE_LOAD_PAGE, 0, "first-not-user");
    expect(MODE_S, LOAD, VA + PAGE, CAUSE_LOAD_PAGE, 0, "first-unmapped");
    vm_map(VA + PAGE, GUEST_DATA + PAGE, PTE_RWX, 0);
    gstage_fence();
    for (enum access access = LOAD; access <= FETCH; access++)
        expect(MODE_S, access, VA + PAGE, guest_cause(access), GUEST_DATA + PAGE, "second-unmapped");
    vm_map(VA + PAGE, GUEST_DATA, PTE_RWX | PTE_U, 0);
    gstage_fence();
    expect(MODE_S, LOAD, VA + PAGE, CAUSE_LOAD_PAGE, 0, "no-sum");
    csr_set(CSR_VSSTATUS, STATUS_SUM);
    expect(MODE_S, LOAD, VA + PAGE, CAUSE_NONE, 0, "vs-sum");
    csr_clear(CSR_VSSTATUS, STATUS_SUM);
    run_status |= STATUS_SUM;
    expect(MODE_S, LOAD, VA + PAGE, CAUSE_LOAD_PAGE, 0, "hs-sum");
    run_status &= ~STATUS_SUM;
    expect(MODE_U, FETCH, VA + PAGE, CAUSE_NONE, 0, "vu");
    /* Without a fence, another VMID has other translations. */
    gstage_map(GUEST_DATA, DATA(4), LEAF, 0);
    csr_write(CSR_HGATP, gstage_hgatp(2));
    trap = guest_access(MODE_S, LOAD, VA);
    check_equal(trap.trap.x[A0], 4, "other-vmid");
    gstage_fence();
}

/* A large page of the first stage on small ones of the second: a fence of one address forgets all of it. */
static void large(void)
{
    const uintptr_t other = GUEST_DATA + 0x400000;
    vm_begin(vm_mode(0));
    gstage_begin();
    csr_write(CSR_VSATP, vm_satp(0));
    for (unsigned page = 0; page < 2; page++) {
        gstage_map(GUEST_DATA + page * PAGE, DATA(8 + page), LEAF, 0);
        gstage_map(other + page * PAGE, DATA(10 + page), LEAF, 0);
    }
    for (unsigned how = 0; how < 2; how++) {
        vm_map(VA, GUEST_DATA, PTE_RWX, 1);
        gstage_fence();
        for (unsigned page = 0; page < 2; page++)
            check_equal(guest_access(MODE_S, LOAD, VA + page * PAGE).trap.x[A0], 8 + page, "large");
        vm_map(VA, other, PTE_RWX, 1);
        if (how)
            run_insn(MODE_S, HFENCE_VVMA(A0, ZERO), ARGS(VA));
        else
            guest_insn(MODE_S, SFENCE_VMA(A0, ZERO), ARGS(VA));
        for (unsigned page = 0; page < 2; page++)
            check_equal(guest_access(MODE_S, LOAD, VA + page * PAGE).trap.x[A0], 10 + page, "large-fenced");
    }
}

/* The tables of the first stage are in the guest's memory. */
static void tables(void)
{
    uintptr_t *table = (uintptr_t *)gstage_tables[GSTAGE_TABLES - 1], guest_table = 0x30000000;
    unsigned level = XLEN == 64 ? 2 : 1;
    vm_begin(vm_mode(0));
    gstage_begin();
    vm_map(VA, DATA(5), PTE_RWX, 0);
    csr_write(CSR_VSATP, vm_satp(0));
    expect(MODE_S, LOAD, VA, CAUSE_NONE, 0, "tables");
    *vm_pte(VA, level) = guest_table >> 12 << 10 | PTE_V;
    gstage_fence();
    uintptr_t index = VA >> (12 + GSTAGE_ENTRY_BITS * (level - 1)) & ((1u << GSTAGE_ENTRY_BITS) - 1);
    uintptr_t pte = guest_table + index * sizeof(uintptr_t);
    struct guest_trap trap = guest_access(MODE_S, STORE, VA);
    check_cause(&trap.trap, CAUSE_STORE_GUEST, "table-unmapped");
    check_equal(trap.trap.tval, VA + 4, "table-unmapped-tval");
    check_equal(trap.gpa2, pte >> 2, "table-unmapped-gpa");
    check_equal(trap.inst, PSEUDO, "table-unmapped-pseudo");
    /* A large page of the first stage, in which D is to be set, in a table that may not be written. */
    menvcfg_write(MENVCFG_ADUE);
    csr_write(CSR_HENVCFG, 0);
#if XLEN == 64
    csr_write(CSR_HENVCFG, MENVCFG_ADUE);
#else
    csr_write(CSR_HENVCFGH, MENVCFG_ADUE >> 32);
#endif
    gstage_map(guest_table, (uintptr_t)table, LEAF & ~PTE_W, 0);
    table[index] = IMAGE >> 12 << 10 | (PTE_RWX & ~PTE_D);
    gstage_fence();
    uintptr_t vaddr = VA + (DATA(6) & (vm_page_size(level - 1) - 1));
    if (level == 1 || IMAGE % vm_page_size(level - 1) == 0) {
        trap = guest_access(MODE_S, STORE, vaddr);
        check_cause(&trap.trap, CAUSE_STORE_GUEST, "mark");
        check_equal(trap.gpa2, pte >> 2, "mark-gpa");
        check_equal(trap.inst, PSEUDO | 0x20, "mark-pseudo");
        gstage_map(guest_table, (uintptr_t)table, LEAF, 0);
        gstage_fence();
        trap = guest_access(MODE_S, STORE, vaddr);
        check_cause(&trap.trap, CAUSE_NONE, "marked");
        check_true(table[index] & PTE_D, "marked-d");
    }
    menvcfg_write(0);
}

/* ---- HLV, HLVX, HSV ------------------------------------------------------------------------------------ */

static void expect_insn(enum mode mode, uint32_t insn, uintptr_t vaddr, uintptr_t cause, const char *name)
{
    csr_clear(CSR_HSTATUS, HSTATUS_GVA | HSTATUS_SPV);
    struct trap trap = run_insn(mode, insn, ARGS(0x1234, vaddr));
    check_cause(&trap, cause, name);
    if (cause != CAUSE_NONE)
        check_equal(trap.tval, vaddr, name);
}

static void guest_loads(void)
{
    vm_begin(vm_mode(0));
    gstage_begin();
    csr_write(CSR_VSATP, vm_satp(0));
    vm_map(VA, GUEST_DATA, PTE_RWX, 0);
    vm_map(VA + PAGE, GUEST_DATA, PTE_V | PTE_X | PTE_A | PTE_D, 0);
    vm_map(VA + 2 * PAGE, GUEST_DATA + PAGE, PTE_RWX, 0);
    gstage_map(GUEST_DATA, DATA(7), LEAF, 0);
    gstage_fence();
    *(volatile uint32_t *)DATA(7) = 0x8182c3f4;
    csr_write(CSR_HSTATUS, HSTATUS_SPVP | HSTATUS_HU);
    static const struct {
        uint32_t insn;
        intptr_t want;
    } loads[] = { { HLV_B(A0, A1), -12 },
                  { HLV_BU(A0, A1), 0xf4 },
                  { HLV_H(A0, A1), -15372 },
                  { HLV_HU(A0, A1), 0xc3f4 },
                  { HLVX_HU(A0, A1), 0xc3f4 } };
    for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        for (unsigned mode = 0; mode < 4; mode += mode ? 2 : 1) {
            struct trap trap = run_insn((enum mode)mode, loads[i].insn, ARGS(0, VA));
            check_cause(&trap, CAUSE_NONE, "hlv");
            check_equal(trap.x[A0], (uintptr_t)loads[i].want, "hlv-value");
        }
    expect_insn(MODE_S, HSV_W(A0, A1), VA + 8, CAUSE_NONE, "hsv");
    check_equal(*(volatile uint32_t *)(DATA(7) + 8), 0x1234, "hsv-stored");
    expect_insn(MODE_S, HLV_W(A0, A1), VA + PAGE, CAUSE_LOAD_PAGE, "hlv-execute-only");
    expect_insn(MODE_S, HLVX_WU(A0, A1), VA + PAGE, CAUSE_NONE, "hlvx-execute-only");
    expect_insn(MODE_S, HLV_W(A0, A1), VA + 2 * PAGE, CAUSE_LOAD_GUEST, "hlv-guest-page");
    check_equal(csr_read(CSR_MTVAL2), (GUEST_DATA + PAGE) >> 2, "hlv-gpa");
    expect_insn(MODE_S, HSV_W(A0, A1), VA + 2 * PAGE, CAUSE_STORE_GUEST, "hsv-guest-page");
    csr_write(CSR_HSTATUS, HSTATUS_HU); /* as VU-mode */
    expect_insn(MODE_S, HLV_W(A0, A1), VA, CAUSE_LOAD_PAGE, "hlv-vu");
    csr_write(CSR_MEDELEG, 1 << CAUSE_LOAD_PAGE);
    struct trap trap = run_insn(MODE_S, HLV_W(A0, A1), ARGS(0, VA));
    check_true(trap.handler == MODE_S && csr_read(CSR_HSTATUS) & HSTATUS_GVA, "hlv-gva");
    check_true(!(csr_read(CSR_HSTATUS) & HSTATUS_SPV), "hlv-spv");
    csr_write(CSR_MEDELEG, 0);
    csr_write(CSR_HSTATUS, 0);
    struct trap own = run_insn(MODE_S, LW(A0, A1, 0), ARGS(0, DATA(7)));
    check_equal((uint32_t)own.x[A0], 0x8182c3f4, "own-memory-afterwards");
}

/* ---- Hostile tables ------------------------------------------------------------------------------------ */

static void hostile(void)
{
    csr_write(CSR_VSATP, 0);
    gstage_begin();
    uintptr_t root = gstage_hgatp(0);
    uintptr_t hole = (root & ~((uintptr_t)(XLEN == 64 ? 0xfffffffffff : 0x3fffff))) | HOLE >> 12;
    csr_write(CSR_HGATP, hole);
    struct guest_trap trap = guest_insn(MODE_S, NOP, ARGS(0));
    check_cause(&trap.trap, CAUSE_FETCH_ACCESS, "root-outside");
    csr_write(CSR_HGATP, gstage_hgatp(1));
    gstage_pte(GUEST_DATA, 0);
    *gstage_pte(GUEST_DATA, GSTAGE_LEVELS - 1) = (uintptr_t)gstage_root >> 12 << 10 | PTE_V;
    for (unsigned i = 0; i < 4096 / sizeof(uintptr_t); i++)
        gstage_tables[1][i] = (uintptr_t)gstage_tables[1] >> 12 << 10 | PTE_V;
    *gstage_pte(GUEST_DATA, GSTAGE_LEVELS - 1) = (uintptr_t)gstage_tables[1] >> 12 << 10 | PTE_V;
    gstage_fence();
    expect_all(MODE_S, GUEST_DATA, "loop");
    *gstage_pte(GUEST_DATA, GSTAGE_LEVELS - 1) = DATA(0) >> 12 << 10 | LEAF;
    gstage_fence();
    expect_all(MODE_S, GUEST_DATA, "misaligned");
    csr_write(CSR_HGATP, 0);
}

void test_main(void)
{
    csr_write(CSR_HIDELEG, 0);
    csr_write(CSR_HSTATUS, 0);
    csr_write(CSR_VSSTATUS, 0);
    second_alone();
    wide();
    both();
    large();
    tables();
    guest_loads();
    hostile();
}
