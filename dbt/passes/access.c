/* SPDX-License-Identifier: MIT
 *
 * Which checks memory accesses need.
 *
 * Accesses by the same pointer, which only constants move, make a group: the first one checks the range of
 * all of them, and the others follow without a check, along every path that passes the first one. The range
 * lies in one page, or the region is left, so it is kept short. A pointer moves by t2_step(): an addition of
 * all bits of the register and nothing else, since one of 32 bits on RV64 also changes the upper half. On
 * RV32 a pointer that has moved may have wrapped at 2^32; an access by it then cuts its address. t2_verify()
 * proves each group again, from the operations alone.
 *
 * If the region's address spaces have windows (cpu/mmu/window.h), an access goes there and has no check, no
 * group and no slot, unless its instruction was seen to need devices. On RV64 its pointer must be in the
 * window's half: it is compared once, and may then move by no more than the guards are wide. x0 and the
 * registers of RV32 need no comparison.
 *
 * The check of a group is either a look-up in the TLB or, if the pointer stands still or steps through an
 * array while a loop runs, a comparison with the page that it used last, which is kept in a slot (struct
 * dbt_page_slot): then no load depends on the address except the guest's own. A check for storing serves
 * loads, too: page tables know no page that is writable and not readable (Priv. "Addressing and Memory
 * Protection"), nor does PMP.
 */
#include <stdlib.h>
#include <string.h>

#include "dbt/passes/passes.h"

#define GROUPS_MAX 16
#define AFFINE_MAX 6 /* how far back a pointer's computation is followed */

struct group {
    uint8_t base;
    int32_t bias;    /* added to the base since the check */
    uint16_t leader; /* the operation that checks */
};

struct groups {
    struct group group[GROUPS_MAX];
    unsigned count;
    uint32_t bounded;  /* registers that were compared with the bounds of the window */
    int32_t moved[32]; /* and how far they have moved since then */
};

/* ---- How a pointer moves ------------------------------------------------------------------------------- */

/* The innermost loop around a block, or NULL. */
static const struct t2_block *loop_of(const struct ir *r, unsigned block)
{
    const struct t2_block *best = NULL;
    for (unsigned i = 0; i < r->block_count; i++)
        if (r->blocks[i].loop && r->blocks[i].body[block] && (!best || r->blocks[i].depth > best->depth))
            best = &r->blocks[i];
    return best;
}

static bool moves_evenly(const struct ir *r, const struct t2_block *block, const struct t2_block *loop,
                         unsigned position, unsigned variable, unsigned depth);

/* Whether the result of the operation moves evenly, if its operands do. */
static bool computes_evenly(const struct ir *r, const struct t2_block *block, const struct t2_block *loop,
                            unsigned position, unsigned depth)
{
    const struct t2_insn *insn = &r->insns[position];
    switch (insn->op) {
    case T2_CONST:
    case T2_PC: return true;
    case T2_MOV:
    case T2_EXT: return moves_evenly(r, block, loop, position, insn->a, depth);
    case T2_SHL: return insn->b == T2_IMM && moves_evenly(r, block, loop, position, insn->a, depth);
    case T2_ADD:
    case T2_SUB:
    case T2_SHADD:
        return moves_evenly(r, block, loop, position, insn->a, depth) &&
               (insn->b == T2_IMM || moves_evenly(r, block, loop, position, insn->b, depth));
    default: return false;
    }
}

/* Whether all writes of the variable in the loop step it, or set it to a value that moves evenly. */
static bool steps_in(const struct ir *r, const struct t2_block *loop, unsigned variable, unsigned depth)
{
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct t2_block *block = &r->blocks[i];
        for (unsigned k = 0; loop->body[i] && k < block->count; k++) {
            const struct t2_insn *insn = &r->insns[block->first + k];
            if (insn->d == variable && !t2_step(r, insn, &(int64_t){ 0 }) &&
                !computes_evenly(r, block, loop, block->first + k, depth + 1))
                return false;
        }
    }
    return true;
}

/* Whether the variable moves evenly: it is computed, before `position` in the block, from values that stand
 * still or step. */
static bool moves_evenly(const struct ir *r, const struct t2_block *block, const struct t2_block *loop,
                         unsigned position, unsigned variable, unsigned depth)
{
    if (variable >= 32 || depth > AFFINE_MAX)
        return false;
    for (unsigned i = position; i-- > block->first;) {
        const struct t2_insn *insn = &r->insns[i];
        if (insn->d != variable)
            continue;
        return computes_evenly(r, block, loop, i, depth + 1);
    }
    return steps_in(r, loop, variable, depth);
}

/* With steps as wide as this the page changes all the time: then the TLB is as good, and no branch is
 * mispredicted. */
#define WIDE_STEP 256

static bool steps_wide(const struct ir *r, const struct t2_block *loop, unsigned variable)
{
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct t2_block *block = &r->blocks[i];
        for (unsigned k = 0; loop->body[i] && k < block->count; k++) {
            const struct t2_insn *insn = &r->insns[block->first + k];
            int64_t step;
            if (insn->d == variable && t2_step(r, insn, &step) && llabs(step) >= WIDE_STEP)
                return true;
        }
    }
    return false;
}

/* ---- Slots --------------------------------------------------------------------------------------------- */

/* Each check by a page has a slot of its own: the same register may point into several arrays in turn. Other
 * checks get a slot to keep the addend that the rest of their group needs. */
static unsigned slot_new(struct ir *r)
{
    if (r->slot_count == T2_SLOTS)
        return T2_NONE;
    return r->slot_count++;
}

/* ---- Groups -------------------------------------------------------------------------------------------- */

static void forget(struct groups *groups, unsigned index)
{
    groups->group[index] = groups->group[--groups->count];
}

static void note_write(const struct ir *r, struct groups *groups, const struct t2_insn *insn)
{
    for (unsigned i = groups->count; i-- > 0;) {
        struct group *group = &groups->group[i];
        int64_t step;
        if (group->base != insn->d)
            continue;
        if (t2_step(r, insn, &step) && llabs(step) <= T2_SPAN_MAX && llabs(group->bias + step) <= T2_SPAN_MAX)
            group->bias += (int32_t)step;
        else
            forget(groups, i);
    }
}

/* Joins a group whose check can be widened to cover the access. */
static bool join(struct ir *r, struct groups *groups, struct t2_insn *insn)
{
    for (unsigned i = 0; i < groups->count; i++) {
        struct group *group = &groups->group[i];
        if (group->base != insn->a)
            continue;
        struct t2_insn *leader = &r->insns[group->leader];
        int32_t lo = group->bias + (int32_t)insn->imm, hi = lo + insn->bits / 8;
        lo = lo < leader->lo ? lo : leader->lo;
        hi = hi > leader->hi ? hi : leader->hi;
        if (hi - lo > T2_SPAN_MAX)
            continue;
        if (leader->slot == T2_NONE)
            leader->slot = (uint8_t)slot_new(r);
        if (leader->slot == T2_NONE)
            return false;
        leader->lo = lo;
        leader->hi = hi;
        leader->write |= t2_is_store(insn);
        insn->check = T2_CHECK_NONE;
        insn->lo = insn->hi = 0;
        insn->write = false;
        insn->cut = r->isa.xlen == 32 && group->bias && (group->bias < lo || group->bias >= hi);
        insn->slot = leader->slot;
        return true;
    }
    return false;
}

static void lead(struct ir *r, unsigned block_number, struct groups *groups, unsigned position)
{
    struct t2_insn *insn = &r->insns[position];
    const struct t2_block *loop = loop_of(r, block_number);
    insn->check = T2_CHECK_TLB;
    insn->slot = T2_NONE;
    insn->lo = (int32_t)insn->imm;
    insn->hi = insn->lo + insn->bits / 8;
    insn->write = t2_is_store(insn);
    insn->cut = false;
    if (loop && moves_evenly(r, &r->blocks[block_number], loop, position, insn->a, 0) &&
        !steps_wide(r, loop, insn->a)) {
        insn->slot = (uint8_t)slot_new(r);
        if (insn->slot != T2_NONE)
            insn->check = T2_CHECK_PAGE;
    }
    if (groups->count == GROUPS_MAX)
        forget(groups, 0);
    groups->group[groups->count++] = (struct group){ insn->a, 0, (uint16_t)position };
}

static void go_to_window(const struct ir *r, struct groups *groups, struct t2_insn *insn)
{
    uint32_t bit = UINT32_C(1) << insn->a;
    insn->check = T2_CHECK_WINDOW;
    insn->slot = T2_NONE;
    insn->cut = false;
    insn->bounded = r->isa.xlen == 32 || insn->a == T2_X0 || groups->bounded & bit;
    if (insn->bounded)
        return;
    groups->bounded |= bit;
    groups->moved[insn->a] = 0;
}

/* If the register that is written was compared: notes how far it has moved, or forgets it. */
static void note_moved(const struct ir *r, struct groups *groups, const struct t2_insn *insn)
{
    int64_t step;
    if (!(groups->bounded >> insn->d & 1))
        return;
    if (t2_step(r, insn, &step) && llabs(step) <= WINDOW_MOVED_MAX &&
        llabs(groups->moved[insn->d] + step) <= WINDOW_MOVED_MAX)
        groups->moved[insn->d] += (int32_t)step;
    else
        groups->bounded &= ~(UINT32_C(1) << insn->d);
}

static void access_block(struct ir *r, unsigned number, struct groups *groups)
{
    const struct t2_block *block = &r->blocks[number];
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        struct t2_insn *insn = &r->insns[i];
        if (t2_is_access(insn) && t2_has_window(r, insn))
            go_to_window(r, groups, insn);
        else if (t2_is_access(insn) && !join(r, groups, insn))
            lead(r, number, groups, i);
        if (insn->d != T2_NONE && !t2_is_f(insn->d)) {
            note_write(r, groups, insn);
            note_moved(r, groups, insn);
        }
    }
}

bool pass_access(struct ir *r)
{
    struct groups *ends = calloc(r->block_count, sizeof(*ends));
    for (unsigned i = 0; i < r->block_count && ends; i++) {
        struct groups groups = { .count = 0 };
        if (t2_inherits(r, i) != T2_NOT_HERE)
            groups = ends[t2_inherits(r, i)];
        access_block(r, i, &groups);
        ends[i] = groups;
    }
    r->full |= !ends;
    free(ends);
    t2_size_slots(r);
    return true;
}
