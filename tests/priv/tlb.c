/* SPDX-License-Identifier: MIT
 *
 * What may be remembered and what may not: ASIDs, global pages, the forms of sfence.vma, Svinval
 * (Priv. 4.1.11, 4.2.1, ch. 7 "Svinval"). Only what the specification promises is checked: that a fence makes
 * a change seen, and that address spaces never mix; never that something stale is still there.
 */
#include "vm.h"

const char test_name[] = "tlb";

static void run_fence(uint32_t insn, uintptr_t vaddr, uintptr_t asid)
{
    struct trap trap = run_insn(MODE_S, insn, ARGS(vaddr, asid));
    check_cause(&trap, CAUSE_NONE, "fence");
}

/* Every form of fence that covers the page makes a changed leaf seen: other frame, fewer rights, gone,
 * back. */
static void test_fences(void)
{
    static const struct {
        uint32_t insn;
        const char *name;
    } fences[] = {
        { SFENCE_VMA(ZERO, ZERO), "sfence-all" },
        { SFENCE_VMA(A0, ZERO), "sfence-address" },
        { SFENCE_VMA(ZERO, A1), "sfence-asid" },
        { SFENCE_VMA(A0, A1), "sfence-address-asid" },
    };
    for (unsigned i = 0; i < 4; i++) {
        vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
        vm_on(5);
        for (unsigned round = 2; round < 6; round++) {
            check_true(vm_read(DATA_VA) == round - 1, fences[i].name);
            vm_expect(MODE_S, FETCH, DATA_VA, CAUSE_NONE, fences[i].name);
            vm_map(DATA_VA, DATA(round), PTE_RWX, 0);
            run_fence(fences[i].insn, DATA_VA, 5);
            check_equal(vm_read(DATA_VA), round, fences[i].name);
        }
        vm_expect(MODE_S, STORE, DATA_VA, CAUSE_NONE, fences[i].name);
        *(volatile uint32_t *)(DATA(5) + 4) = 5;
        vm_map(DATA_VA, DATA(5), PTE_V | PTE_R | PTE_A | PTE_D, 0);
        run_fence(fences[i].insn, DATA_VA + 0x123, 5); /* any address in the page */
        vm_expect(MODE_S, STORE, DATA_VA, CAUSE_STORE_PAGE, fences[i].name);
        vm_expect(MODE_S, FETCH, DATA_VA, CAUSE_FETCH_PAGE, fences[i].name);
        check_equal(vm_read(DATA_VA), 5, fences[i].name);
        vm_map(DATA_VA, 0, 0, 0);
        run_fence(fences[i].insn, DATA_VA, 5);
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_PAGE, fences[i].name);
        vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
        run_fence(fences[i].insn, DATA_VA, 5);
        check_equal(vm_read(DATA_VA), 1, fences[i].name);
    }
    /* Svinval: sfence.w.inval; sinval.vma ...; sfence.inval.ir is one sfence.vma. */
    for (unsigned form = 0; form < 4; form++) {
        vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
        vm_on(5);
        check_equal(vm_read(DATA_VA), 1, "sinval-before");
        vm_map(DATA_VA, DATA(2), PTE_RWX, 0);
        code_begin();
        emit(SFENCE_W_INVAL);
        emit(SINVAL_VMA(form & 1 ? A0 : ZERO, form & 2 ? A1 : ZERO));
        emit(SFENCE_INVAL_IR);
        struct trap trap = run_code(MODE_S, ARGS(DATA_VA, 5));
        check_cause(&trap, CAUSE_NONE, "sinval");
        check_equal(vm_read(DATA_VA), 2, "sinval-after");
    }
    vm_map(DATA_VA, 0, 0, 0);
}

/* A pointer changes: every page below it does ("rs1 = x0" orders all levels). */
static void test_pointers(void)
{
    uintptr_t *spare = vm_new_root(); /* any table will do as a leaf table */
    for (unsigned i = 0; i < 8; i++) {
        vm_map(DATA_VA + i * PAGE, DATA(i), PTE_RWX, 0);
        spare[(DATA_VA / PAGE + i) % (PAGE / sizeof(uintptr_t))] = (DATA(i + 8) >> 12 << 10) | PTE_RWX;
    }
    vm_on(1);
    for (unsigned i = 0; i < 8; i++)
        check_equal(vm_read(DATA_VA + i * PAGE), i, "pointer-before");
    *vm_pte(DATA_VA, 1) = (uintptr_t)spare >> 12 << 10 | PTE_V;
    run_fence(SFENCE_VMA(ZERO, A1), 0, 1);
    for (unsigned i = 0; i < 8; i++)
        check_equal(vm_read(DATA_VA + i * PAGE), i + 8, "pointer-after");
    *vm_pte(DATA_VA, 1) = 0;
    run_fence(SFENCE_VMA(ZERO, ZERO), 0, 1);
    vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_PAGE, "pointer-gone");
}

/* Two address spaces under two ASIDs: writing satp switches with no fence at all (4.1.11). */
static void test_asids(void)
{
    uintptr_t *first = vm_root, *second = vm_new_root();
    vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
    vm_map(DATA_VA + PAGE, DATA(3), PTE_RWX | PTE_G, 0);
    uintptr_t satp_first = vm_satp(1);
    vm_root = second;
    vm_map(DATA_VA, DATA(2), PTE_RWX, 0);
    vm_map(DATA_VA + PAGE, DATA(3), PTE_RWX | PTE_G, 0);
    uintptr_t satp_second = vm_satp(2);
    vm_flush();
    for (unsigned i = 0; i < 20; i++) {
        csr_write(CSR_SATP, i & 1 ? satp_second : satp_first);
        check_equal(vm_read(DATA_VA), i & 1 ? 2 : 1, "asid-switch");
        check_equal(vm_read(DATA_VA + PAGE), 3, "asid-global");
        vm_expect(MODE_S, FETCH, DATA_VA, CAUSE_NONE, "asid-fetch");
    }
    /* From S itself, the code running on in the same (identical) mapping. */
    code_begin();
    emit(CSRRW(ZERO, CSR_SATP, A0));
    emit(LW(A3, A2, 4));
    emit(CSRRW(ZERO, CSR_SATP, A1));
    emit(LW(A4, A2, 4));
    emit(CSRRW(ZERO, CSR_SATP, A0));
    emit(LW(A5, A2, 4));
    struct trap trap = run_code(MODE_S, ARGS(satp_first, satp_second, DATA_VA));
    check_cause(&trap, CAUSE_NONE, "satp-by-s");
    check_equal(trap.x[A3] * 100 + trap.x[A4] * 10 + trap.x[A5], 121, "satp-by-s-values");
    /* A fence of one ASID makes its change seen; the other's mapping is as it was. */
    vm_root = second;
    vm_map(DATA_VA, DATA(4), PTE_RWX, 0);
    csr_write(CSR_SATP, satp_first);
    run_fence(SFENCE_VMA(ZERO, A1), 0, 2);
    check_equal(vm_read(DATA_VA), 1, "asid-fence-other");
    csr_write(CSR_SATP, satp_second);
    check_equal(vm_read(DATA_VA), 4, "asid-fence-own");
    /* A global page changed in both: a fence without ASID shows it everywhere. */
    vm_map(DATA_VA + PAGE, DATA(5), PTE_RWX | PTE_G, 0);
    vm_root = first;
    vm_map(DATA_VA + PAGE, DATA(5), PTE_RWX | PTE_G, 0);
    run_fence(SFENCE_VMA(A0, ZERO), DATA_VA + PAGE, 0);
    check_equal(vm_read(DATA_VA + PAGE), 5, "global-fence");
    csr_write(CSR_SATP, satp_first);
    check_equal(vm_read(DATA_VA + PAGE), 5, "global-fence-other");
    /* Bare and back: MODE = 0 translates nothing. */
    csr_write(CSR_SATP, 0);
    check_equal(vm_read(DATA(9)), 9, "bare");
    csr_write(CSR_SATP, satp_first);
    check_equal(vm_read(DATA_VA), 1, "bare-and-back");
}

/* SUM, MXR and the mode are no part of what is cached: no fence after changing them. */
static void test_status_changes(void)
{
    vm_map(DATA_VA, DATA(1), PTE_V | PTE_X | PTE_U | PTE_R | PTE_A | PTE_D, 0);
    vm_map(DATA_VA + PAGE, DATA(2), PTE_V | PTE_X | PTE_A | PTE_D, 0);
    vm_on(0);
    for (unsigned i = 0; i < 4; i++) {
        vm_expect(MODE_U, LOAD, DATA_VA, CAUSE_NONE, "user-page-u");
        run_status = run_status_default | STATUS_SUM;
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_NONE, "user-page-sum");
        run_status = run_status_default;
        vm_expect(MODE_S, LOAD, DATA_VA, CAUSE_LOAD_PAGE, "user-page-no-sum");
        run_status = run_status_default | STATUS_MXR;
        vm_expect(MODE_S, LOAD, DATA_VA + PAGE, CAUSE_NONE, "execute-page-mxr");
        run_status = run_status_default;
        vm_expect(MODE_S, LOAD, DATA_VA + PAGE, CAUSE_LOAD_PAGE, "execute-page-no-mxr");
    }
    /* Within one run of S code. */
    code_begin();
    emit(CSRRS(ZERO, CSR_SSTATUS, A0));
    emit(LW(A2, A1, 4));
    emit(CSRRC(ZERO, CSR_SSTATUS, A0));
    uintptr_t at = emit(LW(A3, A1, 4));
    struct trap trap = run_code(MODE_S, ARGS(STATUS_SUM, DATA_VA));
    check_trap(&trap, CAUSE_LOAD_PAGE, at, DATA_VA + 4, "sum-cleared-by-s");
    check_equal(trap.x[A2], 1, "sum-set-by-s");
}

void test_main(void)
{
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        vm_on(0);
        test_fences();
        test_pointers();
        test_asids();
        vm_begin(vm_mode(i));
        test_status_changes();
        vm_off();
    }
}
