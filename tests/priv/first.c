/* SPDX-License-Identifier: MIT
 *
 * Instructions that trap as the first of their block, at once and after rounds in which they did not. Nothing
 * of the block has counted then, but the hart is elsewhere and in another mode: it must not go on with the
 * block, which would run with the handler's rights. This matters most with virtual time (-icount), where the
 * end of each stretch leads from translated code to the interpreter.
 */
#include "vm.h"

const char test_name[] = "first";

#define SECRET   DATA_VA          /* for S */
#define OPEN     (DATA_VA + PAGE) /* for U, too */
#define UNTAKEN  0x5e
#define FORBID   (1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE)
#define DELEGATE (FORBID | 1 << CAUSE_ILLEGAL | 1 << CAUSE_ECALL_U)

static volatile uint32_t *const secret_word = (volatile uint32_t *)DATA(1);

static void map_pages(void)
{
    vm_begin(vm_mode(0));
    vm_map(SECRET, DATA(1), PTE_RWX, 0);
    vm_map(OPEN, DATA(2), PTE_RWX | PTE_U, 0);
    vm_on(0);
}

/* a0 rounds: a1, which is OPEN, becomes a2 in the last one; `insn` begins a block. Returns its address. */
static uintptr_t put_rounds(uint32_t insn)
{
    code_begin();
    emit(ADDI(A0, A0, -1));
    emit(BNE(A0, ZERO, 8));
    emit(ADDI(A1, A2, 0));
    emit(BEQ(ZERO, ZERO, 4)); /* ends a block */
    uintptr_t at = emit(insn);
    emit(BNE(A0, ZERO, -20));
    return at + VM_USER;
}

static struct trap run_rounds(uintptr_t rounds)
{
    run_offset = VM_USER;
    struct trap trap = run_code(MODE_U, ARGS(rounds, OPEN, SECRET, UNTAKEN));
    run_offset = 0;
    return trap;
}

static void test_access(uint32_t insn, uintptr_t cause, const char *name)
{
    static const uint16_t rounds[] = { 1, 2, 3, 4, 5, 8, 50, 3000 };
    for (unsigned delegated = 0; delegated < 2; delegated++) {
        csr_write(CSR_MEDELEG, delegated ? FORBID : 0);
        for (unsigned i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
            *secret_word = 0x5ec4e7;
            uintptr_t at = put_rounds(insn);
            struct trap trap = run_rounds(rounds[i]);
            check_trap(&trap, cause, at, SECRET, name);
            check_equal(trap.handler, delegated ? MODE_S : MODE_M, name);
            check_true((uint32_t)trap.x[A3] != *secret_word, "not-read");
            check_equal(*secret_word, 0x5ec4e7, "not-written");
        }
    }
    csr_write(CSR_MEDELEG, 0);
}

/* Such an instruction traps each time, and once. */
static void test_always(uint32_t insn, uintptr_t cause, const char *name)
{
    for (unsigned turn = 0; turn < 40; turn++) {
        uintptr_t at = put_rounds(insn);
        csr_write(CSR_MEDELEG, turn & 1 ? DELEGATE : 0);
        struct trap trap = run_rounds(turn);
        csr_write(CSR_MEDELEG, 0);
        check_trap(&trap, cause, at, cause == CAUSE_ILLEGAL ? insn : 0, name);
        check_equal(trap.handler, turn & 1 ? MODE_S : MODE_M, name);
    }
}

void test_main(void)
{
    map_pages();
    test_access(LW(A3, A1, 0), CAUSE_LOAD_PAGE, "load");
    test_access(SW(A3, A1, 0), CAUSE_STORE_PAGE, "store");
    test_access(AMOADD_W(A3, A3, A1), CAUSE_STORE_PAGE, "amo");
    test_access(LR_W(A3, A1), CAUSE_LOAD_PAGE, "lr");
    test_always(ECALL, CAUSE_ECALL_U, "ecall");
    test_always(0xffffffff, CAUSE_ILLEGAL, "illegal");
    test_always(CSRRS(A0, CSR_MSTATUS, ZERO), CAUSE_ILLEGAL, "csr");
    test_always(MRET, CAUSE_ILLEGAL, "mret");
    test_always(SFENCE_VMA(ZERO, ZERO), CAUSE_ILLEGAL, "sfence");
    vm_off();
}
