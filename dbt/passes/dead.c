/* SPDX-License-Identifier: MIT
 *
 * Drops dead results. Each block is walked from its end: a result is dead if it is written again before it is
 * read and before the region may be left. Every register is live where the region may be left, since T1
 * continues there. That is also why variables are the guest's registers and not single assignments: renamed
 * values would all meet again at the next exit.
 */
#include "dbt/passes/passes.h"

static bool drop_dead(struct ir *ir, const struct t2_block *block)
{
    bool changed = false;
    uint64_t dead[2] = { 0, 0 }; /* written again before it matters */
    for (unsigned i = block->first + block->count; i-- > block->first;) {
        struct t2_insn *insn = &ir->insns[i];
        unsigned flags = t2_ops[insn->op].flags;
        if (insn->op == T2_NOP)
            continue;
        if (!(flags & (T2_KEEP | T2_END)) && insn->d != T2_NONE && t2_in(dead, insn->d)) {
            t2_make_nop(insn);
            changed = true;
            continue;
        }
        if (insn->d != T2_NONE)
            t2_add(dead, insn->d);
        if (flags & (T2_EXIT | T2_END))
            dead[0] = dead[1] = 0;
        const uint8_t read[3] = { insn->a, insn->b, insn->c };
        for (unsigned k = 0; k < 3; k++)
            if (read[k] < T2_VARS)
                dead[read[k] >> 5] &= ~(1ull << (read[k] & 31));
    }
    return changed;
}

bool pass_dead(struct ir *ir)
{
    bool changed = false;
    for (unsigned i = 0; i < ir->block_count; i++)
        changed |= drop_dead(ir, &ir->blocks[i]);
    return changed;
}
