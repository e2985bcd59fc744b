/* SPDX-License-Identifier: MIT
 *
 * Chooses the blocks of a region: those that direct jumps inside the page reach from the header and that lead
 * back to it, which is a loop and everything in it. If nothing leads back (at a function's entry, for
 * example), the region has all blocks that can be reached. An instruction that T2 cannot do ends a block: T1
 * continues there.
 *
 * Blocks are put in an order in which each block comes after those that lead to it, except in loops; a jump
 * that goes back in this order makes its target a loop.
 */
#include <string.h>

#include "dbt/ir/ir.h"

enum { UNSEEN, SEEN_START = 1, SEEN_INSN = 2 };

struct search {
    struct ir *r;
    uint8_t at[PAGE_SIZE / 2]; /* by half of the offset: SEEN_* */
    uint16_t starts[T2_BLOCKS_MAX];
    unsigned start_count, insn_count;
};

bool t2_decode(const struct ir *region, unsigned offset, struct isa_operands *op)
{
    uint32_t bits = 0;
    if (offset > PAGE_SIZE - 2)
        return false;
    memcpy(&bits, region->code + offset, offset > PAGE_SIZE - 4 ? 2 : 4);
    isa_decode(&region->isa, bits, op, NULL);
    return offset + op->length <= PAGE_SIZE;
}

static bool is_branch(const struct isa_operands *op)
{
    return isa_entry(op->insn)->flags & ISA_BRANCH;
}

static bool is_plain_jump(const struct isa_operands *op)
{
    return op->insn == ISA_INSN_jal && op->rd == 0;
}

static bool in_page(int64_t offset)
{
    return offset >= 0 && offset < (int64_t)PAGE_SIZE;
}

static void add_start(struct search *s, int64_t offset)
{
    if (!in_page(offset) || s->at[offset / 2] & SEEN_START)
        return;
    if (s->start_count == T2_BLOCKS_MAX)
        return; /* the jump there leaves the region */
    s->at[offset / 2] |= SEEN_START;
    s->starts[s->start_count++] = (uint16_t)offset;
}

/* Follows straight-line code, noting where its jumps lead. */
static void scan(struct search *s, unsigned offset)
{
    struct isa_operands op;
    while (offset < PAGE_SIZE && !(s->at[offset / 2] & SEEN_INSN) && s->insn_count < T2_GUEST_MAX &&
           t2_decode(s->r, offset, &op)) {
        if (is_branch(&op)) {
            add_start(s, (int64_t)offset + op.imm);
            add_start(s, (int64_t)offset + op.length);
        } else if (is_plain_jump(&op)) {
            add_start(s, (int64_t)offset + op.imm);
        } else if (t2_can(s->r, offset, &op)) {
            s->at[offset / 2] |= SEEN_INSN;
            s->insn_count++;
            offset += op.length;
            continue;
        }
        s->at[offset / 2] |= SEEN_INSN;
        s->insn_count++;
        return;
    }
}

/* ---- Blocks -------------------------------------------------------------------------------------------- */

static unsigned block_at(const struct ir *r, int64_t offset)
{
    for (unsigned i = 0; i < r->block_count; i++)
        if (r->blocks[i].offset == offset)
            return i;
    return T2_NOT_HERE;
}

static void set_successors(struct search *s, struct t2_block *block)
{
    struct isa_operands op;
    unsigned offset = block->offset;
    block->limit = PAGE_SIZE;
    block->taken = block->next = T2_NOT_HERE;
    block->taken_offset = block->next_offset = -1;
    for (;;) {
        if (offset != block->offset && offset < PAGE_SIZE && s->at[offset / 2] & SEEN_START) {
            block->next_offset = block->limit = (uint16_t)offset; /* falls into the next block */
            break;
        }
        if (offset >= PAGE_SIZE || !(s->at[offset / 2] & SEEN_INSN) || !t2_decode(s->r, offset, &op))
            break; /* leaves there */
        if (is_branch(&op)) {
            block->taken_offset = (int32_t)offset + op.imm;
            block->next_offset = (int32_t)offset + op.length;
            break;
        }
        if (is_plain_jump(&op)) {
            block->next_offset = (int32_t)offset + op.imm;
            break;
        }
        if (!t2_can(s->r, offset, &op))
            break;
        offset += op.length;
    }
    if (block->taken_offset >= 0)
        block->taken = (uint8_t)block_at(s->r, block->taken_offset);
    if (block->next_offset >= 0)
        block->next = (uint8_t)block_at(s->r, block->next_offset);
}

/* Finds the blocks of `among` that lead to `target`, in any number of steps. */
static void reaching(const struct ir *r, unsigned target, const bool among[T2_BLOCKS_MAX],
                     bool result[T2_BLOCKS_MAX])
{
    memset(result, 0, T2_BLOCKS_MAX * sizeof(bool));
    for (bool changed = true; changed;) {
        changed = false;
        for (unsigned i = 0; i < r->block_count; i++) {
            const struct t2_block *b = &r->blocks[i];
            bool leads = b->taken == target || b->next == target ||
                         (b->taken != T2_NOT_HERE && b->taken != target && result[b->taken]) ||
                         (b->next != T2_NOT_HERE && b->next != target && result[b->next]);
            if (leads && !result[i] && among[i])
                changed = result[i] = true;
        }
    }
}

static void postorder(const struct ir *r, unsigned block, const bool keep[T2_BLOCKS_MAX],
                      bool seen[T2_BLOCKS_MAX], uint8_t *order, unsigned *count)
{
    if (block == T2_NOT_HERE || !keep[block] || seen[block])
        return;
    seen[block] = true;
    /* The successor that is visited last comes first: the block that follows in memory shall follow here. */
    postorder(r, r->blocks[block].taken, keep, seen, order, count);
    postorder(r, r->blocks[block].next, keep, seen, order, count);
    order[(*count)++] = (uint8_t)block;
}

/* Drops blocks that are not kept and puts the others in order. */
static void arrange(struct ir *r, const bool keep[T2_BLOCKS_MAX])
{
    bool seen[T2_BLOCKS_MAX] = { false };
    uint8_t order[T2_BLOCKS_MAX], place[T2_BLOCKS_MAX];
    unsigned count = 0;
    postorder(r, 0, keep, seen, order, &count);
    struct t2_block old[T2_BLOCKS_MAX];
    memcpy(old, r->blocks, sizeof(old));
    memset(place, T2_NOT_HERE, sizeof(place));
    for (unsigned i = 0; i < count; i++) {
        place[order[count - 1 - i]] = (uint8_t)i;
        r->blocks[i] = old[order[count - 1 - i]];
    }
    r->block_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct t2_block *b = &r->blocks[i];
        b->taken = b->taken == T2_NOT_HERE ? T2_NOT_HERE : place[b->taken];
        b->next = b->next == T2_NOT_HERE ? T2_NOT_HERE : place[b->next];
    }
}

/* ---- Loops --------------------------------------------------------------------------------------------- */

void t2_find_loops(struct ir *r)
{
    for (unsigned i = 0; i < r->block_count; i++) {
        struct t2_block *b = &r->blocks[i];
        const uint8_t successors[2] = { b->taken, b->next };
        for (unsigned k = 0; k < 2; k++) {
            if (successors[k] == T2_NOT_HERE || (k && successors[1] == successors[0]))
                continue;
            struct t2_block *to = &r->blocks[successors[k]];
            to->predecessors++;
            to->before = (uint8_t)i;
            to->loop |= successors[k] <= i;
        }
    }
    r->blocks[0].predecessors++; /* the entry */
    for (unsigned h = 0; h < r->block_count; h++) {
        struct t2_block *header = &r->blocks[h];
        if (!header->loop)
            continue;
        /* All blocks that come back to it without passing a block before it. */
        bool among[T2_BLOCKS_MAX] = { false };
        for (unsigned i = h; i < r->block_count; i++)
            among[i] = true;
        reaching(r, h, among, header->body);
        header->body[h] = true;
        for (unsigned i = 0; i < r->block_count; i++)
            r->blocks[i].depth += header->body[i];
    }
}

void t2_size_slots(struct ir *r)
{
    memset(r->slot_span, 0, sizeof(r->slot_span));
    memset(r->slot_write, 0, sizeof(r->slot_write));
    for (unsigned i = 0; i < r->insn_count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        if (!t2_is_access(insn) || insn->check != T2_CHECK_PAGE)
            continue;
        int32_t span = insn->hi - insn->lo;
        if (span > r->slot_span[insn->slot])
            r->slot_span[insn->slot] = span;
        r->slot_write[insn->slot] |= insn->write;
    }
}

void t2_region_find(struct ir *r)
{
    struct search s = { .r = r };
    r->rm_static = -1;
    add_start(&s, r->header_offset);
    for (unsigned i = 0; i < s.start_count; i++)
        scan(&s, s.starts[i]);
    r->block_count = s.start_count;
    memset(r->blocks, 0, sizeof(r->blocks));
    for (unsigned i = 0; i < s.start_count; i++)
        r->blocks[i].offset = s.starts[i];
    for (unsigned i = 0; i < s.start_count; i++)
        set_successors(&s, &r->blocks[i]);
    bool every[T2_BLOCKS_MAX], back[T2_BLOCKS_MAX];
    memset(every, true, sizeof(every));
    reaching(r, 0, every, back);
    bool loop = back[0];
    back[0] = true;
    arrange(r, loop ? back : every);
    t2_find_loops(r);
    bool inner = false;
    for (unsigned i = 0; i < r->block_count; i++)
        inner |= r->blocks[i].loop;
    r->loops = loop || inner;
}
