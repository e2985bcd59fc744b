/* SPDX-License-Identifier: MIT
 *
 * Loops of vector code on hosts with AVX2 only. A block that ends with a branch to its own beginning is
 * written twice. The first copy is entered from anywhere. Its branch, when it is taken, leads to the second
 * copy, whose code begins with all that is known at the end of the first one: what has been checked (mstatus,
 * vstart, vl), what vtype is, and which vector registers have copies in the host's registers
 * (vector/copies.c). So a sum that a loop carries along need not wait for its own store.
 *
 * The second copy's branch leads to its own beginning. For that, at least the same must be known at its end.
 * Both copies look at the budget there, as every backward jump does. If the block is dropped, because its
 * code has changed or somebody debugs it, the hart leaves it there at the latest, by a request, as it leaves
 * any other code.
 */
#include "dbt/x86/regmap.h"
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/vex.h"

static unsigned beginning(const struct t1 *t)
{
    return t->source->paddr & (PAGE_SIZE - 1);
}

bool t1_again_wanted(const struct t1 *t)
{
    bool branch = isa_entry(t->op.insn)->flags & ISA_BRANCH;
    return branch && !t->again.off && t->vector.upper && !t->block->second &&
           t->index + 1 == t->block->count && (int)t->offset + t->op.imm == (int)beginning(t);
}

/* If the budget is used up, the slice ends, and the code goes on with the copies that there are now. */
static void look_at_budget(struct t1 *t)
{
    x86_test(&t->e, 32, HOST_BUDGET, HOST_BUDGET);
    struct t1_cold *cold = t1_cold(t, T1_COLD_SLICE_AT, x86_jcc(&t->e, X86_S));
    cold->where = beginning(t);
    cold->upper = t->vector.upper;
    t1_set_back(t, cold);
}

/* Returns whether all that was known at the second copy's beginning is known now. */
static bool knows_enough(const struct t1 *t)
{
    const struct t1_vector *now = &t->vector, *then = &t->again.vector;
    const struct t1_fp *fp = &t->fp, *fp_then = &t->again.fp;
    bool type = now->known == then->known && now->sew == then->sew && now->lmul == then->lmul &&
                (!then->word || now->word == then->word);
    bool state = now->on >= then->on && now->dirty >= then->dirty && now->start_0 >= then->start_0 &&
                 now->whole >= then->whole;
    bool floating = fp->on >= fp_then->on && fp->dirty >= fp_then->dirty &&
                    fp->rounding >= fp_then->rounding && !(fp_then->boxed & ~fp->boxed) &&
                    (fp->halves & fp_then->boxed) == fp_then->halves;
    return type && state && floating;
}

/* The copies that the code uses from the turn before are loaded if they have got lost, or lie in other
 * registers now. If it uses none, as with large groups, the upper halves are cleared in each turn: without
 * that, such loops take up to 1.4 times as long on AMD's processors. */
static void carry_copies(struct t1 *t)
{
    struct t1_copy lost[T1_COPIES] = { 0 };
    if (!t->again.used) {
        x86_vzeroupper(&t->e);
        return;
    }
    for (unsigned i = 0; i < T1_COPIES; i++) {
        const struct t1_copy *now = &t->vector.copies[i], *then = &t->again.vector.copies[i];
        bool same = now->at == then->at && now->bytes >= then->bytes;
        if (t->again.used >> i & 1 && !same)
            lost[i] = *then;
    }
    t1v_load_copies(t, lost);
}

void t1_again_go(struct t1 *t)
{
    if (t->again.second && !knows_enough(t)) {
        x86_vzeroupper(&t->e);
        look_at_budget(t);
        t1_jump_linked(t, T1_ALWAYS, beginning(t));
        return;
    }
    look_at_budget(t);
    if (t->again.second) {
        carry_copies(t);
        x86_jmp_to(&t->e, t->again.start);
        return;
    }
    t->again.vector = t->vector;
    t->again.fp = t->fp;
    t->again.site = x86_jmp(&t->e);
}

bool t1_again_begin(struct t1 *t)
{
    if (!t->again.site)
        return false;
    x86_land(&t->e, t->again.site);
    t->again.second = true;
    t->again.start = x86_here(&t->e);
    t->vector = t->again.vector;
    t->fp = t->again.fp;
    for (unsigned i = 0; i < T1_COPIES; i++)
        t->vector.copies[i].carried = true;
    t->e.vectors = 0;
    t->constant = 0;
    t->bounded = 0;
    t->ended = false;
    t1_forget_rax(t);
    return true;
}
