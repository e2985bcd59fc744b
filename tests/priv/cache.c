/* SPDX-License-Identifier: MIT
 *
 * Zicboz and Zicbom: what they do and who may use them, by menvcfg and senvcfg (Unpriv. "CMO" 19; Priv.
 * 3.1.18, 4.1.10).
 */
#include "vm.h"

const char test_name[] = "cache";

#define BLOCK 64

static void set_gates(uintptr_t machine, uintptr_t supervisor)
{
    menvcfg_write(machine);
    csr_write(CSR_SENVCFG, supervisor);
}

/* Allowed in S when menvcfg has the bits, in U when senvcfg has them as well; else illegal-instruction. */
static void test_gate(uint32_t insn, uintptr_t bits, const char *name)
{
    for (unsigned gates = 0; gates < 4; gates++) {
        set_gates(gates & 1 ? bits : 0, gates & 2 ? bits : 0);
        struct trap trap = run_insn(MODE_M, insn, ARGS(DATA(3)));
        check_cause(&trap, CAUSE_NONE, name);
        trap = run_insn(MODE_S, insn, ARGS(DATA(3)));
        bool works = gates & 1;
        check_trap(&trap, works ? CAUSE_NONE : CAUSE_ILLEGAL, CODE, insn, name);
        trap = run_insn(MODE_U, insn, ARGS(DATA(3)));
        works = gates == 3;
        check_trap(&trap, works ? CAUSE_NONE : CAUSE_ILLEGAL, CODE, insn, name);
    }
    set_gates(0, 0);
}

static void test_zero(void)
{
    volatile uint8_t *bytes = (volatile uint8_t *)DATA(3);
    for (unsigned offset = 0; offset < BLOCK; offset += 9) { /* any address in the block */
        for (unsigned i = 0; i < 3 * BLOCK; i++)
            bytes[i] = 0xaa;
        struct trap trap = run_insn(MODE_M, CBO_ZERO(A0), ARGS(DATA(3) + BLOCK + offset));
        check_cause(&trap, CAUSE_NONE, "cbo.zero");
        bool right = true;
        for (unsigned i = 0; i < 3 * BLOCK; i++)
            right = right && bytes[i] == (i / BLOCK == 1 ? 0 : 0xaa);
        check_true(right, "cbo.zero-block");
    }
}

/* Management operations; with CBIE = 1 inval becomes flush. Data survive each of them, because memory is
 * coherent here. */
static void test_manage(void)
{
    volatile uint32_t *word = (volatile uint32_t *)DATA(3);
    static const uint32_t insns[] = { CBO_INVAL(A0), CBO_CLEAN(A0), CBO_FLUSH(A0) };
    for (unsigned i = 0; i < 3; i++) {
        *word = 0x600d + i;
        struct trap trap = run_insn(MODE_M, insns[i], ARGS(DATA(3)));
        check_cause(&trap, CAUSE_NONE, "cbo-manage");
        if (i)
            check_equal(*word, 0x600d + i, "cbo-manage-keeps-data");
    }
}

/* cbo.zero needs permission to write, and a management operation any of read, write (or execute); its faults
 * are store faults (19.5.3). */
static void test_faults(void)
{
    set_gates(MENVCFG_CBZE | MENVCFG_CBCFE | 3 << 4, MENVCFG_CBZE | MENVCFG_CBCFE | 3 << 4);
    struct trap trap = run_insn(MODE_M, CBO_ZERO(A0), ARGS(HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "cbo.zero-access-fault");
    trap = run_insn(MODE_M, CBO_FLUSH(A0), ARGS(HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "cbo.flush-access-fault");
    for (unsigned i = 0; i < vm_mode_count(); i++) {
        vm_begin(vm_mode(i));
        vm_map(DATA_VA, DATA(1), PTE_V | PTE_R | PTE_A | PTE_D, 0);
        vm_on(0);
        trap = run_insn(MODE_S, CBO_ZERO(A0), ARGS(DATA_VA));
        check_trap(&trap, CAUSE_STORE_PAGE, CODE, DATA_VA, "cbo.zero-read-only");
        trap = run_insn(MODE_S, CBO_CLEAN(A0), ARGS(DATA_VA));
        check_cause(&trap, CAUSE_NONE, "cbo.clean-read-only");
        static const uint32_t insns[] = { CBO_ZERO(A0), CBO_CLEAN(A0), CBO_FLUSH(A0), CBO_INVAL(A0) };
        for (unsigned k = 0; k < 4; k++) {
            trap = run_insn(MODE_S, insns[k], ARGS(DATA_VA + PAGE));
            check_trap(&trap, CAUSE_STORE_PAGE, CODE, DATA_VA + PAGE, "cbo-unmapped");
        }
        /* tval is "the faulting effective address (i.e. the value of rs1)", here an address in the middle of
         * a block. */
        trap = run_insn(MODE_S, CBO_ZERO(A0), ARGS(DATA_VA + PAGE + 20));
        check_trap(&trap, CAUSE_STORE_PAGE, CODE, DATA_VA + PAGE + 20, "cbo-tval-is-rs1");
        vm_off();
    }
    set_gates(0, 0);
}

/* Prefetches are hints: they never trap, whatever the address (19.3). */
static void test_prefetch(void)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        if (kind == 2)
            continue;
        uint32_t insn = 6u << 12 | A0 << 15 | kind << 20 | 0x13; /* ori x0, a0, kind */
        struct trap trap = run_insn(MODE_U, insn, ARGS(HOLE));
        check_cause(&trap, CAUSE_NONE, "prefetch");
    }
}

void test_main(void)
{
    vm_begin(vm_mode(0));
    test_zero();
    test_manage();
    test_gate(CBO_ZERO(A0), MENVCFG_CBZE, "gate-zero");
    test_gate(CBO_CLEAN(A0), MENVCFG_CBCFE, "gate-clean");
    test_gate(CBO_FLUSH(A0), MENVCFG_CBCFE, "gate-flush");
    test_gate(CBO_INVAL(A0), 1 << 4, "gate-inval-as-flush");
    test_gate(CBO_INVAL(A0), 3 << 4, "gate-inval");
    test_faults();
    test_prefetch();
}
