/* SPDX-License-Identifier: MIT
 *
 * Results that only exits want. Where the region may be left, T1 reads every register, so a result that no
 * operation reads before its register is written again is not dead if there is an exit between. But it need
 * not be computed before that exit: the exit's code, which hardly ever runs, can do it, if the operands are
 * still there. Such an operation is sunk: `sunk` says how many operations behind it its register is written
 * again, and each exit up to there, including the one in front of that operation, computes it.
 */
#include "dbt/passes/passes.h"

/* More exits than this are not given a copy, and nothing is looked for further away. */
#define EXITS_MAX    8
#define DISTANCE_MAX 64

static bool reads(const struct t2_insn *insn, unsigned variable)
{
    return insn->a == variable || insn->b == variable || insn->c == variable;
}

/* By how many operations it is sunk; 0: it is not. */
static unsigned distance(const struct ir *ir, const struct t2_block *block, unsigned position)
{
    const struct t2_insn *insn = &ir->insns[position];
    unsigned exits = 0;
    bool stale = false; /* an operand has changed */
    for (unsigned i = position + 1; i <= position + DISTANCE_MAX && i < block->first + (unsigned)block->count;
         i++) {
        const struct t2_insn *behind = &ir->insns[i];
        unsigned flags = t2_ops[behind->op].flags;
        if (reads(behind, insn->d) || flags & T2_END)
            return 0;
        if (flags & T2_EXIT && (stale || ++exits > EXITS_MAX))
            return 0;
        if (behind->d == insn->d)
            return exits ? i - position : 0;
        stale |= behind->d != T2_NONE && reads(insn, behind->d);
    }
    return 0;
}

bool pass_sink(struct ir *ir)
{
    bool changed = false;
    for (unsigned i = 0; i < ir->block_count; i++) {
        const struct t2_block *block = &ir->blocks[i];
        for (unsigned k = block->first; k < block->first + (unsigned)block->count; k++) {
            struct t2_insn *insn = &ir->insns[k];
            if (!t2_can_sink(insn))
                continue;
            insn->sunk = (uint16_t)distance(ir, block, k);
            changed |= insn->sunk != 0;
        }
    }
    return changed;
}
