/* SPDX-License-Identifier: MIT
 *
 * Zcmp and Zcmt (Unpriv. "Zc*" Extensions): pushes, pops and moves of saved registers, jumps through a table.
 * They take the encodings of c.fsdsp, so the harts have no D.
 */
#include "test.h"

const char test_name[] = "push";

#define CSR_JVT 0x017
#define WORD    sizeof(uintptr_t)

enum { PUSH = 0xb802, POP = 0xba02, POPRETZ = 0xbc02, POPRET = 0xbe02 };
#define CM(operation, list, more) ((uint32_t)((operation) | (list) << 4 | (more) << 2))

static volatile uintptr_t stack[64] __attribute__((aligned(64)));
#define TOP 40 /* index of the word that the stack pointer points to */

/* ra, s0 to s11 in the order of the lists. */
static const uint8_t saved[] = { RA, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27 };

static unsigned count_of(unsigned list)
{
    return list == 15 ? 13 : list - 3;
}

static uintptr_t adjustment(unsigned list, unsigned more)
{
    return ((count_of(list) * WORD + 15) & ~15ul) + 16 * more;
}

/* Runs the instruction. a0 = the stack pointer before it; a1 = the stack pointer and a2 = ra after it. */
static struct trap run_on_stack(uint32_t insn, uintptr_t sp, bool returns)
{
    code_begin();
    emit(ADDI(T1, RA, 0));
    emit(ADDI(T2, SP, 0));
    for (unsigned i = 0; i < 13; i++)
        emit(ADDI(saved[i], ZERO, 100 + i));
    emit(ADDI(SP, A0, 0));
    emit(insn);
    if (returns) /* a return jumps over the next instruction */
        emit(ADDI(A3, ZERO, 1));
    emit(ADDI(A1, SP, 0));
    emit(ADDI(A2, RA, 0));
    emit(ADDI(SP, T2, 0));
    emit(ADDI(RA, T1, 0));
    return run_code(MODE_U, ARGS(sp, 0, 0, 0));
}

static void clear(void)
{
    for (unsigned i = 0; i < 64; i++)
        stack[i] = 1000 + i;
}

static void test_push(void)
{
    for (unsigned list = 4; list < 16; list++) {
        for (unsigned more = 0; more < 4; more++) {
            unsigned count = count_of(list);
            clear();
            struct trap trap = run_on_stack(CM(PUSH, list, more), (uintptr_t)&stack[TOP], false);
            check_cause(&trap, CAUSE_NONE, "cm.push");
            check_equal(trap.x[A1], (uintptr_t)&stack[TOP] - adjustment(list, more), "cm.push-sp");
            for (unsigned i = 0; i < 64; i++) {
                bool in = i < TOP && i >= TOP - count;
                check_equal(stack[i], in ? 100 + i - (TOP - count) : 1000 + i, "cm.push-memory");
            }
        }
    }
}

static void test_pop(void)
{
    static const uint16_t operations[] = { POP, POPRET, POPRETZ };
    for (unsigned list = 4; list < 16; list++) {
        for (unsigned more = 0; more < 4; more++) {
            for (unsigned k = 0; k < 3; k++) {
                unsigned count = count_of(list), words = (unsigned)(adjustment(list, more) / WORD);
                clear();
                /* This is after the operation, which is the 16th instruction, and after the instruction that
                 * is skipped. */
                uintptr_t target = CODE + 16 * 4 + 2 + 4;
                stack[TOP - count] = target;
                struct trap trap =
                    run_on_stack(CM(operations[k], list, more), (uintptr_t)&stack[TOP - words], k > 0);
                check_cause(&trap, CAUSE_NONE, "cm.pop");
                check_equal(trap.x[A1], (uintptr_t)&stack[TOP], "cm.pop-sp");
                check_equal(trap.x[A2], target, "cm.pop-ra");
                check_equal(trap.x[A3], 0, "cm.popret-jumps");
                check_equal(trap.x[A0], k == 2 ? 0 : (uintptr_t)&stack[TOP - words], "cm.popretz-a0");
                for (unsigned i = 1; i < 13; i++)
                    check_equal(trap.x[saved[i]], i < count ? 1000 + TOP - count + i : 100 + i,
                                "cm.pop-registers");
            }
        }
    }
}

static void test_refused(void)
{
    for (unsigned list = 0; list < 4; list++) {
        struct trap trap = run_insn(MODE_U, CM(PUSH, list, 0), ARGS(0));
        check_cause(&trap, CAUSE_ILLEGAL, "cm.push-reserved");
        trap = run_insn(MODE_U, CM(POP, list, 0), ARGS(0));
        check_cause(&trap, CAUSE_ILLEGAL, "cm.pop-reserved");
    }
    struct trap trap = run_on_stack(CM(PUSH, 7, 0), HOLE + 64, false);
    check_equal(trap.cause, CAUSE_STORE_ACCESS, "cm.push-fault");
    check_equal(trap.x[SP], HOLE + 64, "cm.push-fault-sp");
    trap = run_on_stack(CM(POP, 7, 0), HOLE, false);
    check_equal(trap.cause, CAUSE_LOAD_ACCESS, "cm.pop-fault");
    check_equal(trap.x[SP], HOLE, "cm.pop-fault-sp");
}

static void test_moves(void)
{
    static const uint8_t numbers[] = { 8, 9, 18, 19, 20, 21, 22, 23 };
    for (unsigned first = 0; first < 8; first++) {
        for (unsigned second = 0; second < 8; second++) {
            uint32_t fields = first << 7 | second << 2;
            struct trap trap = run_insn(MODE_U, 0xac22 | fields, ARGS(71, 72));
            if (first == second) {
                check_cause(&trap, CAUSE_ILLEGAL, "cm.mvsa01-same");
            } else {
                check_equal(trap.x[numbers[first]], 71, "cm.mvsa01-first");
                check_equal(trap.x[numbers[second]], 72, "cm.mvsa01-second");
            }
            code_begin();
            emit(ADDI(numbers[first], ZERO, 33));
            emit(ADDI(numbers[second], ZERO, 44));
            emit(0xac62 | fields);
            trap = run_code(MODE_U, ARGS(1, 2));
            check_equal(trap.x[A0], first == second ? 44 : 33, "cm.mva01s-first");
            check_equal(trap.x[A1], 44, "cm.mva01s-second");
        }
    }
}

static uintptr_t table[256] __attribute__((aligned(64)));

static void test_table(void)
{
    csr_write(CSR_JVT, (uintptr_t)table);
    check_equal(csr_read(CSR_JVT), (uintptr_t)table, "jvt");
    csr_write(CSR_JVT, (uintptr_t)table + 64);
    check_equal(csr_read(CSR_JVT) & 63, 0, "jvt-mode");
    csr_write(CSR_JVT, (uintptr_t)table);
    for (unsigned index = 0; index < 256; index += 5) {
        code_begin();
        emit(ADDI(T1, RA, 0));
        uintptr_t at = emit(0xa002 | index << 2);
        emit(ADDI(A0, ZERO, 1));
        table[index] = emit(ADDI(A2, RA, 0)) | 1; /* bit 0 is ignored */
        emit(ADDI(RA, T1, 0));
        struct trap trap = run_code(MODE_U, ARGS(7));
        check_cause(&trap, CAUSE_NONE, index < 32 ? "cm.jt" : "cm.jalt");
        check_equal(trap.x[A0], 7, "cm.jt-jumps");
        check_equal(trap.x[A2], index < 32 ? trap.x[T1] : at + 2, "cm.jalt-ra");
        table[index] = 0;
    }
    csr_write(CSR_JVT, HOLE);
    struct trap trap = run_insn(MODE_U, 0xa002 | 3 << 2, ARGS(0));
    check_trap(&trap, CAUSE_FETCH_ACCESS, CODE, HOLE + 3 * WORD, "cm.jt-fault");
}

void test_main(void)
{
    test_push();
    test_pop();
    test_refused();
    test_moves();
    test_table();
}
