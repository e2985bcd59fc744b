/* SPDX-License-Identifier: MIT
 *
 * What may be cached and what may not: ASIDs, global pages, the forms of sfence.vma, Svinval (Priv. 4.1.11,
 * 4.2.1, ch. 7 "Svinval"). The test checks only what the specification promises: that a change is visible
 * after a fence, and that address spaces never mix. It never expects that something stale is still there.
 */
#include "vm.h"

const char test_name[] = "tlb";

static void run_fence(uint32_t insn, uintptr_t vaddr, uintptr_t asid)
{
    struct trap trap = run_insn(MODE_S, insn, ARGS(vaddr, asid));
    check_cause(&trap, CAUSE_NONE, "fence");
}

/* Every form of fence that covers the page makes a changed leaf visible: another frame, fewer rights, no
 * page, the page again. */
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

/* A pointer changes, and with it every page below it ("rs1 = x0" orders all levels). */
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

/* Two address spaces under two ASIDs: writing satp switches between them without any fence (4.1.11). */
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
    /* The same from S itself; the code runs on in the same (identical) mapping. */
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
    /* A fence of one ASID makes the change of that one visible; the other's mapping is the same as before. */
    vm_root = second;
    vm_map(DATA_VA, DATA(4), PTE_RWX, 0);
    csr_write(CSR_SATP, satp_first);
    run_fence(SFENCE_VMA(ZERO, A1), 0, 2);
    check_equal(vm_read(DATA_VA), 1, "asid-fence-other");
    csr_write(CSR_SATP, satp_second);
    check_equal(vm_read(DATA_VA), 4, "asid-fence-own");
    /* A global page is changed in both: a fence without ASID makes it visible everywhere. */
    vm_map(DATA_VA + PAGE, DATA(5), PTE_RWX | PTE_G, 0);
    vm_root = first;
    vm_map(DATA_VA + PAGE, DATA(5), PTE_RWX | PTE_G, 0);
    run_fence(SFENCE_VMA(A0, ZERO), DATA_VA + PAGE, 0);
    check_equal(vm_read(DATA_VA + PAGE), 5, "global-fence");
    csr_write(CSR_SATP, satp_first);
    check_equal(vm_read(DATA_VA + PAGE), 5, "global-fence-other");
    /* Bare mode and back: MODE = 0 translates nothing. */
    csr_write(CSR_SATP, 0);
    check_equal(vm_read(DATA(9)), 9, "bare");
    csr_write(CSR_SATP, satp_first);
    check_equal(vm_read(DATA_VA), 1, "bare-and-back");
}

/* The same page in both address spaces: what a load finds there, and what a call to offset 64 returns. */
static void expect_in_both(const uintptr_t satps[2], uintptr_t first, uintptr_t second, const char *name)
{
    code_begin();
    emit(ADDI(A5, RA, 0));
    for (unsigned i = 0; i < 4; i++) {
        emit(CSRRW(ZERO, CSR_SATP, i & 1 ? A1 : A0));
        emit(LW(A3, A2, 4));
        emit(JALR(RA, A2, 64)); /* adds to A4 */
        emit(ADD(A4, A4, A3));
        emit(insn_i(0x13, 1, A4, A4, 4)); /* slli a4, a4, 4 */
    }
    emit(ADDI(RA, A5, 0));
    struct trap trap = run_code(MODE_S, ARGS(satps[0], satps[1], DATA_VA, 0, 0));
    check_cause(&trap, CAUSE_NONE, name);
    uintptr_t once = 2 * first << 4 | 2 * second;
    check_equal(trap.x[A4], (once << 8 | once) << 4, name);
}

/* A kernel like Linux: all pages that S-mode reaches are global, so a hart may keep them for every satp. Then
 * one page is not global, and each address space must still see its own. */
static void test_global_kernel(void)
{
    uintptr_t *roots[2] = { vm_root, vm_new_root() }, satps[2];
    for (unsigned page = 1; page < 6; page++) {
        volatile uint32_t *words = (volatile uint32_t *)DATA(page);
        words[16] = ADDI(A4, A4, (int32_t)page);
        words[17] = RET;
    }
    for (unsigned i = 0; i < 2; i++) {
        vm_root = roots[i];
        vm_map(IMAGE, IMAGE, PTE_RWX | PTE_G, XLEN == 64 ? 2 : 1);
        vm_map(DATA_VA, DATA(3), PTE_RWX | PTE_G, 0);
        satps[i] = vm_satp(1 + i);
    }
    for (unsigned round = 0; round < 40; round++) { /* a hart may keep pages again after some fences */
        for (unsigned i = 0; i < 2; i++) {
            vm_root = roots[i];
            vm_map(DATA_VA, DATA(4), PTE_RWX | PTE_G, 0);
        }
        vm_flush();
        expect_in_both(satps, 4, 4, "global");
        for (unsigned i = 0; i < 2; i++) {
            vm_root = roots[i];
            vm_map(DATA_VA, DATA(5), PTE_RWX | PTE_G, 0);
        }
        run_fence(SFENCE_VMA(A0, ZERO), DATA_VA, 0);
        expect_in_both(satps, 5, 5, "global-changed");
        for (unsigned i = 0; i < 2; i++) {
            vm_root = roots[i];
            vm_map(DATA_VA, DATA(1 + i), PTE_RWX, 0);
        }
        run_fence(SFENCE_VMA(A0, ZERO), DATA_VA, 0);
        expect_in_both(satps, 1, 2, "local");
        vm_root = roots[1];
        vm_map(DATA_VA, DATA(3), PTE_RWX, 0);
        run_fence(SFENCE_VMA(ZERO, A1), 0, 2);
        expect_in_both(satps, 1, 3, "local-changed");
        for (unsigned i = 0; i < round; i++)
            vm_flush();
    }
    csr_write(CSR_SATP, satps[0]);
    vm_root = roots[0];
}

/* SUM, MXR and the mode are not part of cached entries: no fence is needed after changing them. */
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
    /* The same within one run of S code. */
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
        test_global_kernel();
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
