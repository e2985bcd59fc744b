/* SPDX-License-Identifier: MIT
 *
 * Is a region well formed, and is every memory access in it checked? Regions that fail are not used. This
 * runs in every build, on the optimiser's thread, when a region has been built and again before its code is
 * written.
 *
 * The proof of the checks is made from the operations alone and knows nothing of how passes/access.c came to
 * them. It goes along each way through the region once, and keeps a trail: for each pointer, by how much it
 * has moved, and for each slot, the access that filled it last. An access without a check of its own needs
 * one that filled its slot on the way to it. On this way
 *
 *  - each write of the pointer must be a step of XLEN bits (t2_step()), whose sum says how far the pointer
 *    has moved since it was checked: addresses and steps are both numbers modulo 2^XLEN, so wrapping is
 *    right, and anything else, RV64's word arithmetic above all, ends the proof;
 *  - a block's beginning is passed only where exactly one block leads to it, which is in front of it, so
 *    that there is no other way to come here without the check. At all others the trail begins anew. Blocks
 *    that cannot be reached from the header, since what led to them was cut off by something that T2 cannot
 *    do, do not count and need no proof.
 *
 * In code of address spaces with windows (cpu/mmu/window.h) most accesses have none of this, and what is
 * proven is that the pointer was compared with the bounds of the window, in the same way: the trail has the
 * access that compared it, and the sum of the steps since then is less than the guards around the window.
 *
 * It remains to prove that the moved access lies in the range that was checked, and that a store is covered
 * by a check for storing. On RV32, where the host adds up the address in 64 bits, there is one more thing:
 * the range that was checked lies in a page, so it does not wrap, but a pointer that has moved may have
 * wrapped, and be 2^32 from where the sum must lie. So either the pointer is in the range itself, or the sum
 * is cut to 32 bits.
 */
#include "dbt/ir/ir.h"

/* ---- Form ---------------------------------------------------------------------------------------------- */

static bool operand_fits(char kind, unsigned operand)
{
    switch (kind) {
    case 'x': return operand < 32;
    case 'f': return t2_is_f(operand);
    case 'i': return operand < 32 || operand == T2_IMM;
    default: return operand == T2_NONE;
    }
}

/* False: something could come out of the operation in the upper half of RV32's registers. */
static bool fits_width(const struct t2_insn *insn, unsigned xlen)
{
    const struct t2_op_info *info = &t2_ops[insn->op];
    bool any = info->class == T2_CLASS_NOTHING || info->class == T2_CLASS_MOVE ||
               info->class == T2_CLASS_ORDER || (info->class == T2_CLASS_CONTROL && !(info->flags & T2_COND));
    return any || info->type != T2_TYPE_INT || insn->bits <= xlen;
}

static const char *verify_insn(const struct t2_insn *insn, unsigned xlen, bool last)
{
    if (insn->op >= T2_OP_COUNT)
        return "no such operation";
    const struct t2_op_info *info = &t2_ops[insn->op];
    const uint8_t operands[4] = { insn->d, insn->a, insn->b, insn->c };
    for (unsigned i = 0; i < 4; i++) {
        bool nowhere = i == 0 && info->operands[0] == 'x' && operands[0] == T2_NONE && info->flags & T2_KEEP;
        if (!nowhere && !operand_fits(info->operands[i], operands[i]))
            return "an operand is of the wrong kind";
    }
    if (info->operands[0] == 'x' && insn->d == T2_X0)
        return "x0 is written";
    if (!!(info->flags & T2_END) != last)
        return last ? "a block has no end" : "a block goes on behind its end";
    if (insn->b == T2_IMM && insn->imm != (int32_t)insn->imm)
        return "an immediate does not fit";
    if (insn->offset >= PAGE_SIZE)
        return "an instruction lies outside of the page";
    if (!fits_width(insn, xlen))
        return "an operation is wider than a register";
    return NULL;
}

/* A sunk operation: its register is written again where it says, nobody reads it before, and each exit up to
 * there still has the operands. */
static const char *verify_sunk(const struct ir *r, const struct t2_block *block, unsigned position)
{
    const struct t2_insn *insn = &r->insns[position];
    unsigned until = position + insn->sunk;
    bool stale = false;
    if (!t2_can_sink(insn) || until + 1u >= block->first + (unsigned)block->count ||
        r->insns[until].d != insn->d)
        return "an operation cannot be sunk";
    for (unsigned i = position + 1; i <= until; i++) {
        const struct t2_insn *behind = &r->insns[i];
        if (behind->a == insn->d || behind->b == insn->d || behind->c == insn->d)
            return "the result of a sunk operation is read";
        if (stale && t2_ops[behind->op].flags & T2_EXIT)
            return "an exit lacks the operands of a sunk operation";
        stale |=
            behind->d != T2_NONE && (behind->d == insn->a || behind->d == insn->b || behind->d == insn->c);
    }
    return NULL;
}

static const char *verify_block(const struct ir *r, const struct t2_block *block, unsigned *where)
{
    if (!block->count || block->first + block->count > r->insn_count)
        return "a block has no operations";
    for (unsigned i = 0; i < block->count; i++) {
        const struct t2_insn *insn = &r->insns[block->first + i];
        *where = block->first + i;
        const char *fault = verify_insn(insn, r->isa.xlen, i + 1 == block->count);
        if (!fault && insn->sunk)
            fault = verify_sunk(r, block, *where);
        if (fault)
            return fault;
        if (insn->left > block->guest_insns)
            return "more instructions are left than the block has";
    }
    const struct t2_insn *end = &r->insns[block->first + block->count - 1];
    if (end->op == T2_BRANCH && block->taken != T2_NOT_HERE && block->taken >= r->block_count)
        return "a branch leads nowhere";
    if (end->op != T2_LEAVE && block->next != T2_NOT_HERE && block->next >= r->block_count)
        return "a block leads nowhere";
    return NULL;
}

static const char *verify_form(const struct ir *r, unsigned *where)
{
    if (!r->block_count || r->blocks[0].offset != r->header_offset)
        return "the first block is not the header";
    unsigned next = 0;
    for (unsigned i = 0; i < r->block_count; i++) {
        if (r->blocks[i].first != next)
            return "blocks are not one behind the other";
        const char *fault = verify_block(r, &r->blocks[i], where);
        if (fault)
            return fault;
        next = r->blocks[i].first + r->blocks[i].count;
    }
    return next == r->insn_count ? NULL : "operations belong to no block";
}

/* ---- Checks of accesses -------------------------------------------------------------------------------- */

_Static_assert(T2_BLOCKS_MAX <= 64, "sets of blocks are words");

/* The blocks that may run: those that can be reached from the header. */
static uint64_t reachable_blocks(const struct ir *r)
{
    uint64_t reached = 1;
    for (uint64_t before = 0; before != reached;) {
        before = reached;
        for (unsigned i = 0; i < r->block_count; i++) {
            const uint8_t to[2] = { r->blocks[i].taken, r->blocks[i].next };
            for (unsigned k = 0; k < 2; k++)
                if (reached >> i & 1 && to[k] != T2_NOT_HERE)
                    reached |= 1ull << to[k];
        }
    }
    return reached;
}

/* The only block that leads to this one, if it comes before it; T2_NOT_HERE: there are others, or the region
 * is entered here. */
static unsigned only_way_to(const struct ir *r, uint64_t reachable, unsigned block)
{
    unsigned ways = block == 0, from = T2_NOT_HERE;
    for (unsigned i = 0; i < r->block_count; i++) {
        if (!(reachable >> i & 1))
            continue;
        if (r->blocks[i].taken != block && r->blocks[i].next != block)
            continue;
        ways++; /* also if both of its ways lead here */
        from = i;
    }
    return ways == 1 && from < block ? from : T2_NOT_HERE;
}

/* The access that checked last on the way to here, and what was known of its pointer then. */
struct check_point {
    const struct t2_insn *leader; /* NULL: there is none */
    int64_t moved;
    unsigned written;
};

/* What has happened on the only way to an operation, from where several ways meet on. */
struct trail {
    int64_t moved[32];                 /* by how much steps have moved each x register in all */
    unsigned written[32];              /* how often something else has written it */
    struct check_point slot[T2_SLOTS]; /* the access that fills each slot */
    struct check_point compared[32];   /* the access that compares each pointer with the window's bounds */
};

static struct check_point here(const struct trail *trail, const struct t2_insn *leader)
{
    return (struct check_point){ leader, trail->moved[leader->a], trail->written[leader->a] };
}

/* The way goes on behind the operation, which is well formed. */
static void pass_by(const struct ir *r, struct trail *trail, const struct t2_insn *insn)
{
    int64_t step = 0;
    if (t2_is_access(insn)) {
        if (insn->check != T2_CHECK_NONE && insn->slot != T2_NONE)
            trail->slot[insn->slot] = here(trail, insn);
        if (insn->check == T2_CHECK_WINDOW && !insn->bounded)
            trail->compared[insn->a] = here(trail, insn);
    }
    if (insn->d >= 32)
        return;
    if (t2_step(r, insn, &step))
        trail->moved[insn->d] += step;
    else
        trail->written[insn->d]++;
}

/* Whether the access lies in the range that `leader` checks, with the pointer `moved` since then; NULL: it
 * does. */
static const char *verify_covered(const struct ir *r, const struct t2_insn *insn,
                                  const struct t2_insn *leader, int64_t moved)
{
    bool stands_in_range = moved == 0 || (moved >= leader->lo && moved < leader->hi);
    int64_t low = moved + insn->imm;
    if (insn->a != leader->a)
        return "an access follows the check of another pointer";
    if (low < leader->lo || low + insn->bits / 8 > leader->hi)
        return "an access lies outside of the range that is checked for it";
    if (t2_is_store(insn) && !leader->write)
        return "a store follows a check for loads";
    if (r->isa.xlen == 32 && !stands_in_range && !insn->cut)
        return "a pointer may have wrapped between its check and an access";
    return NULL;
}

/* An access without a check of its own. */
static const char *verify_follower(const struct ir *r, const struct trail *trail, const struct t2_insn *insn)
{
    const struct check_point *check = &trail->slot[insn->slot];
    if (!check->leader)
        return "an access can be reached without its check";
    if (insn->a == check->leader->a && trail->written[insn->a] != check->written)
        return "a pointer changes between its check and an access";
    return verify_covered(r, insn, check->leader, trail->moved[insn->a] - check->moved);
}

/* An access that checks. `owners`: which access fills each slot. */
static const char *verify_leader(const struct ir *r, unsigned position, unsigned owners[T2_SLOTS])
{
    const struct t2_insn *insn = &r->insns[position];
    int64_t span = (int64_t)insn->hi - insn->lo;
    if (span <= 0 || span > T2_SPAN_MAX)
        return "a check covers too much";
    if (verify_covered(r, insn, insn, 0))
        return "an access does not check what it accesses";
    if (insn->slot == T2_NONE)
        return insn->check == T2_CHECK_PAGE ? "a check of a page has no slot" : NULL;
    if (owners[insn->slot] != T2_INSNS_MAX)
        return "two checks share a slot";
    owners[insn->slot] = position;
    if (insn->check == T2_CHECK_PAGE &&
        (span > r->slot_span[insn->slot] || (insn->write && !r->slot_write[insn->slot])))
        return "a slot promises less than its check needs";
    return NULL;
}

/* An access to the window whose pointer is not compared with its bounds: it was, and has not moved far. */
static const char *verify_bounded(const struct trail *trail, const struct t2_insn *insn)
{
    const struct check_point *check = &trail->compared[insn->a];
    if (!check->leader)
        return "an access to the window can be reached without its comparison";
    if (trail->written[insn->a] != check->written)
        return "a pointer changes between its comparison and an access";
    int64_t moved = trail->moved[insn->a] - check->moved;
    return moved <= WINDOW_MOVED_MAX && moved >= -WINDOW_MOVED_MAX
               ? NULL
               : "a pointer moves too far from where it was compared";
}

/* An access to the window. RV32's registers have 32 bits, so nothing can lead beyond the guards. */
static const char *verify_window(const struct ir *r, const struct trail *trail, const struct t2_insn *insn)
{
    if (r->kind == TLB_KIND_LOOKS)
        return "there is no window";
    if (insn->imm < -WINDOW_MOVED_MAX || insn->imm > WINDOW_MOVED_MAX)
        return "an access may lead out of the window";
    if (insn->slot != T2_NONE || insn->cut)
        return "an access to the window has a slot";
    if (!insn->bounded || r->isa.xlen == 32 || insn->a == T2_X0)
        return NULL;
    return verify_bounded(trail, insn);
}

static const char *verify_access(const struct ir *r, const struct trail *trail, unsigned position,
                                 unsigned owners[T2_SLOTS])
{
    const struct t2_insn *insn = &r->insns[position];
    if (insn->slot != T2_NONE && insn->slot >= r->slot_count)
        return "there is no such slot";
    if (insn->check == T2_CHECK_WINDOW)
        return verify_window(r, trail, insn);
    if (insn->check != T2_CHECK_NONE)
        return verify_leader(r, position, owners);
    return insn->slot == T2_NONE ? "an access has neither check nor slot" : verify_follower(r, trail, insn);
}

/* `trail`: of the way to the block; becomes that of the way to its end. */
static const char *verify_accesses(const struct ir *r, const struct t2_block *block, struct trail *trail,
                                   unsigned owners[T2_SLOTS], unsigned *where)
{
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        *where = i;
        const char *fault = t2_is_access(insn) ? verify_access(r, trail, i, owners) : NULL;
        if (fault)
            return fault;
        pass_by(r, trail, insn);
    }
    return NULL;
}

static const char *verify_checks(const struct ir *r, unsigned *where)
{
    struct trail trails[T2_BLOCKS_MAX]; /* of the ways to the ends of the blocks */
    unsigned owners[T2_SLOTS];
    uint64_t reachable = reachable_blocks(r);
    for (unsigned i = 0; i < T2_SLOTS; i++)
        owners[i] = T2_INSNS_MAX;
    if (r->slot_count > T2_SLOTS)
        return "there are too many slots";
    for (unsigned i = 0; i < r->block_count; i++) {
        if (!(reachable >> i & 1))
            continue;
        unsigned from = only_way_to(r, reachable, i);
        trails[i] = from == T2_NOT_HERE ? (struct trail){ 0 } : trails[from];
        const char *fault = verify_accesses(r, &r->blocks[i], &trails[i], owners, where);
        if (fault)
            return fault;
    }
    return NULL;
}

const char *t2_verify(const struct ir *r, unsigned *where)
{
    *where = 0;
    const char *fault = verify_form(r, where);
    return fault ? fault : verify_checks(r, where);
}
