/* SPDX-License-Identifier: MIT
 *
 * Runs: loads and stores of a block that use one pointer, which only constants move, with nothing between
 * them but simple arithmetic, such as the saves of a function's prologue. One look-up checks the range of all
 * of them; until the run's end, rdx has the host address of the place to which the pointer led at its
 * beginning. If the look-up fails (a page is missing or watched, or the range lies on two pages), cold code
 * runs the same instructions again, each access with its own look-up.
 *
 * On RV32 the pointer may wrap at 2^32 on its way through the run. That does no harm: the range does not
 * wrap, or no page would have it, and the place of an access in the range is known without the pointer.
 *
 * If a run stores anything, its loads need a page that may be stored to, too: the stores follow in any case,
 * unless a load traps, and then the cold code has made no store too many.
 */
#include "dbt/x86/t1/t1.h"

#define RUN_SPAN_MAX 512 /* bytes from the lowest to the highest: wider runs lie on two pages too often */

struct run {
    unsigned accesses, end; /* end: behind the last access */
    int32_t low, high;      /* the range, relative to the pointer at the run's beginning */
    bool stores;
};

/* Adds the access at `at`. False: the range would be too wide. */
static bool widen(struct run *run, int32_t at, int32_t size)
{
    int32_t low = run->accesses && run->low < at ? run->low : at;
    int32_t high = run->accesses && run->high > at + size ? run->high : at + size;
    if (high - low > RUN_SPAN_MAX)
        return false;
    run->low = low;
    run->high = high;
    return true;
}

/* The run that begins with the present instruction, which is an access. */
static struct run scan(struct t1 *t)
{
    struct run run = { 0 };
    unsigned base = t->op.rs1;
    int32_t moved = 0;
    for (unsigned i = t->index; i < t->block->count; i++) {
        struct isa_operands op;
        t1_decode(t, i, &op);
        unsigned size = t1_access_size(op.insn);
        bool simple = t1_rows[op.insn].claims & T1_SPARES_RDX;
        if (t->dbt->without[op.insn] || (!size && !simple))
            break;
        if (size) {
            if (op.rs1 != base || !widen(&run, moved + op.imm, (int32_t)size))
                break;
            t->run_at[i] = (int16_t)(moved + op.imm);
            run.accesses++;
            run.end = i + 1;
            run.stores |= (isa_entry(op.insn)->flags & ISA_STORE) != 0;
        }
        if (op.insn == ISA_INSN_addi && op.rd == base && op.rs1 == base)
            moved += op.imm;
        else if (op.rd == base && !(isa_entry(op.insn)->flags & ISA_STORE))
            break;
        if (moved < -RUN_SPAN_MAX || moved > RUN_SPAN_MAX)
            break;
    }
    return run;
}

void t1_run_begin(struct t1 *t)
{
    if (!t1_access_size(t->op.insn) || t->op.rs1 == 0 || t->in_cold_run || t->block->kind != TLB_KIND_LOOKS)
        return;
    struct run run = scan(t);
    if (run.accesses < 2)
        return;
    enum x86_reg base = t1_pointer(t);
    size_t table = run.stores ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    uint8_t *miss = t1_look_up(t, base, run.low, run.high, table);
    x86_op(&t->e, X86_ADD, 64, X86_RDX, base);
    t1_forget_rax(t);
    t->run_end = run.end;
    t->run_cold = t1_cold(t, T1_COLD_RUN, miss);
    t->run_cold->run = (struct t1_cold_run){ t->index, run.end, t->constant, t->relative, t->value };
}

void t1_run_end(struct t1 *t)
{
    t1_forget_rax(t);
    t1_set_back(t, t->run_cold);
    t->run_end = 0;
}

struct x86_mem t1_run_mem(const struct t1 *t)
{
    return x86_mem(X86_RDX, t->run_at[t->index]);
}
