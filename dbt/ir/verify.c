/* SPDX-License-Identifier: MIT
 *
 * Is a region well formed, and is every memory access in it checked? Regions that fail are not used. It runs
 * in every build, on the optimiser's thread, when a region has been built and again before its code is
 * written.
 *
 * The proof of the checks is made from the operations alone and knows nothing of how passes/access.c came to
 * them. For an access that has no check of its own it walks back, against the flow of control, until it meets
 * the access that fills the same slot. On this way
 *
 *  - each write of the pointer must be a step of XLEN bits (t2_step()), whose sum says how far the pointer
 * has moved since it was checked: addresses and steps are both numbers modulo 2^XLEN, so wrapping is right,
 * and anything else, RV64's word arithmetic above all, ends the proof;
 *  - a block's beginning is passed only where exactly one block leads to it, which is in front of it, so
 *    that there is no other way to come here without the check. Blocks that cannot be reached from the
 * header, since what led to them was cut off by something that T2 cannot do, do not count and need no proof.
 *
 * What is left is that the moved access lies in the range that was checked, and that a store is covered by a
 * check for storing. On RV32, where the host adds up the address in 64 bits, one more thing: the range that
 * was checked lies in a page, so it does not wrap; a pointer that has moved may have wrapped all the same,
 * and be 2^32 from where the sum is to lie. Either it stands in the range itself, or the sum is cut to 32
 * bits.
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

/* Only where no bit of the upper half can come out. */
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

static const char *verify_block(const struct ir *r, const struct t2_block *block, unsigned *where)
{
    if (!block->count || block->first + block->count > r->insn_count)
        return "a block has no operations";
    for (unsigned i = 0; i < block->count; i++) {
        const struct t2_insn *insn = &r->insns[block->first + i];
        *where = block->first + i;
        const char *fault = verify_insn(insn, r->isa.xlen, i + 1 == block->count);
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
        ways++; /* also where both of its ways lead here */
        from = i;
    }
    return ways == 1 && from < block ? from : T2_NOT_HERE;
}

/* Does the access lie in the range that `leader` checks, when the pointer has moved so far since then? */
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
static const char *verify_follower(const struct ir *r, uint64_t reachable, unsigned block, unsigned position)
{
    const struct t2_insn *insn = &r->insns[position];
    int64_t moved = 0;
    for (unsigned end = position; block != T2_NOT_HERE; block = only_way_to(r, reachable, block)) {
        const struct t2_block *b = &r->blocks[block];
        if (end == T2_INSNS_MAX)
            end = b->first + b->count;
        while (end-- > b->first) {
            const struct t2_insn *before = &r->insns[end];
            int64_t step = 0;
            if (before->d == insn->a && !t2_step(r, before, &step))
                return "a pointer changes between its check and an access";
            moved += step;
            if (t2_is_access(before) && before->check != T2_CHECK_NONE && before->slot == insn->slot)
                return verify_covered(r, insn, before, moved);
        }
        end = T2_INSNS_MAX;
    }
    return "an access can be reached without its check";
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

static const char *verify_access(const struct ir *r, uint64_t reachable, unsigned block, unsigned position,
                                 unsigned owners[T2_SLOTS])
{
    const struct t2_insn *insn = &r->insns[position];
    if (insn->slot != T2_NONE && insn->slot >= r->slot_count)
        return "there is no such slot";
    if (insn->check != T2_CHECK_NONE)
        return verify_leader(r, position, owners);
    return insn->slot == T2_NONE ? "an access has neither check nor slot"
                                 : verify_follower(r, reachable, block, position);
}

static const char *verify_checks(const struct ir *r, unsigned *where)
{
    unsigned owners[T2_SLOTS];
    uint64_t reachable = reachable_blocks(r);
    for (unsigned i = 0; i < T2_SLOTS; i++)
        owners[i] = T2_INSNS_MAX;
    if (r->slot_count > T2_SLOTS)
        return "there are too many slots";
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct t2_block *b = &r->blocks[i];
        for (unsigned k = b->first; k < b->first + b->count && reachable >> i & 1; k++) {
            *where = k;
            const char *fault = t2_is_access(&r->insns[k]) ? verify_access(r, reachable, i, k, owners) : NULL;
            if (fault)
                return fault;
        }
    }
    return NULL;
}

const char *t2_verify(const struct ir *r, unsigned *where)
{
    *where = 0;
    const char *fault = verify_form(r, where);
    return fault ? fault : verify_checks(r, where);
}
