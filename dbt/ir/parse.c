/* SPDX-License-Identifier: MIT
 *
 * Reads a region's text back: what t2_print() writes, and what tests write by hand. Words are separated by
 * blanks, commas and brackets; a line is one of
 *
 *     region at page PADDR+OFFSET, N blocks of FIRST..LAST[, loops][, fp][, fp written][, frm][, rm MODE]
 *     block N at FIRST..LIMIT, N instructions[, depth N, ways N from N][, loop N N ...] -> taken WAY next WAY
 *     OFFSET +LEFT OP BITS s|- [COND] [D =] [A] [B] [C] [IMM] [ACCESS] [SUNK]
 *
 * A WAY is "N at OFFSET" or "out at OFFSET". An ACCESS, which is printed in brackets, is
 *
 *     tlb|page|checked|window [write] LO..HI [bounded|slot N [cut]]
 *
 * and SUNK, in brackets, is `sunk` and by how many operations (passes/sink.c).
 * A variable that has a host register is NAME@NUMBER. Addresses, and offsets in front of operations, are
 * hexadecimal; all other numbers are decimal. If a block has no `ways`, loops are found anew.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dbt/ir/ir.h"

#define WORD_MAX 64

struct parse {
    struct ir *r;
    const char *at; /* the rest of the line */
    char word[WORD_MAX];
    unsigned line;
    bool found_loops; /* all blocks have `ways`: the text says where loops are */
    struct error *error;
};

/* ---- Words --------------------------------------------------------------------------------------------- */

static bool fail(struct parse *p, const char *what)
{
    return error_set(p->error, "line %u: %s, at \"%.40s\"", p->line, what, p->word);
}

static bool is_blank(char c)
{
    return c == ' ' || c == ',' || c == '[' || c == ']';
}

/* Puts the next word of the line into p->word; false at the end of the line. */
static bool next(struct parse *p)
{
    size_t length = 0;
    while (is_blank(*p->at))
        p->at++;
    while (p->at[length] && p->at[length] != '\n' && !is_blank(p->at[length]))
        length++;
    size_t kept = length < WORD_MAX - 1 ? length : WORD_MAX - 1;
    memcpy(p->word, p->at, kept);
    p->word[kept] = '\0';
    p->at += length;
    return length != 0;
}

static bool is(const struct parse *p, const char *word)
{
    return strcmp(p->word, word) == 0;
}

static bool take(struct parse *p, const char *word)
{
    return (next(p) && is(p, word)) || fail(p, word);
}

/* The word as a number between the limits. */
static bool number(struct parse *p, int base, int64_t low, int64_t high, int64_t *value)
{
    char *end;
    *value = strtoll(p->word, &end, base);
    return (*p->word && !*end && *value >= low && *value <= high) || fail(p, "a number that fits is wanted");
}

static bool take_number(struct parse *p, int base, int64_t high, int64_t *value)
{
    return next(p) ? number(p, base, 0, high, value) : fail(p, "a number is wanted");
}

/* "LOW..HIGH" in the word. */
static bool range(struct parse *p, int base, int64_t *low, int64_t *high)
{
    char *end;
    *low = strtoll(p->word, &end, base);
    if (strncmp(end, "..", 2) != 0)
        return fail(p, "a range is wanted");
    *high = strtoll(end + 2, &end, base);
    return !*end || fail(p, "a range is wanted");
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static bool parse_region(struct parse *p)
{
    struct ir *r = p->r;
    int64_t value, first, last;
    char *plus;
    if (!take(p, "at") || !take(p, "page") || !next(p))
        return fail(p, "the region's address is wanted");
    r->page = strtoull(p->word, &plus, 16);
    r->header_offset = *plus == '+' ? (unsigned)strtoul(plus + 1, &plus, 16) : PAGE_SIZE;
    if (*plus || r->header_offset >= PAGE_SIZE)
        return fail(p, "the region's address is wanted");
    if (!take_number(p, 10, T2_BLOCKS_MAX, &value) || !take(p, "blocks") || !take(p, "of") || !next(p) ||
        !range(p, 16, &first, &last) || first < 0 || last > (int64_t)PAGE_SIZE)
        return fail(p, "the region's blocks are wanted");
    r->span_first = (unsigned)first;
    r->span_last = (unsigned)last;
    while (next(p)) {
        if (is(p, "rv32"))
            r->isa.xlen = 32;
        else if (is(p, "loops"))
            r->loops = true;
        else if (is(p, "fp"))
            r->fp_used = true;
        else if (is(p, "written"))
            r->fp_written = true;
        else if (is(p, "frm"))
            r->rm_dynamic = true;
        else if (is(p, "rm") && take_number(p, 10, 7, &value))
            r->rm_static = (int)value;
        else
            return fail(p, "the region has no such property");
    }
    return true;
}

static bool parse_way(struct parse *p, const char *name, uint8_t *to, int32_t *offset)
{
    int64_t value = T2_NOT_HERE;
    if (!take(p, name) || !next(p) || (!is(p, "out") && !number(p, 10, 0, T2_BLOCKS_MAX - 1, &value)))
        return fail(p, "a way out of the block is wanted");
    *to = (uint8_t)value;
    if (!take(p, "at") || !next(p) || !number(p, 10, INT32_MIN, INT32_MAX, &value))
        return false;
    *offset = (int32_t)value;
    return true;
}

static bool parse_loop(struct parse *p, struct t2_block *block)
{
    int64_t value;
    block->loop = true;
    while (next(p) && !is(p, "->")) {
        if (!number(p, 10, 0, T2_BLOCKS_MAX - 1, &value))
            return false;
        block->body[value] = true;
    }
    return true;
}

static bool parse_known(struct parse *p, struct t2_block *block)
{
    int64_t depth, ways, from;
    if (!take_number(p, 10, UINT8_MAX, &depth) || !take(p, "ways") || !take_number(p, 10, UINT8_MAX, &ways) ||
        !take(p, "from") || !take_number(p, 10, UINT8_MAX, &from))
        return false;
    block->depth = (uint8_t)depth;
    block->predecessors = (uint8_t)ways;
    block->before = (uint8_t)from;
    return next(p) || fail(p, "the block's ways are wanted");
}

static bool parse_block(struct parse *p)
{
    struct ir *r = p->r;
    int64_t value, first, limit;
    if (r->block_count == T2_BLOCKS_MAX || !take_number(p, 10, T2_BLOCKS_MAX - 1, &value) ||
        value != r->block_count)
        return fail(p, "the number of the next block is wanted");
    struct t2_block *block = &r->blocks[r->block_count++];
    *block = (struct t2_block){ .first = (uint16_t)r->insn_count };
    if (!take(p, "at") || !next(p) || !range(p, 16, &first, &limit) || first < 0 ||
        first >= (int64_t)PAGE_SIZE || limit > (int64_t)PAGE_SIZE)
        return fail(p, "the block's place is wanted");
    block->offset = (uint16_t)first;
    block->limit = (uint16_t)limit;
    if (!take_number(p, 10, PAGE_SIZE / 2, &value) || !take(p, "instructions"))
        return fail(p, "the number of instructions is wanted");
    block->guest_insns = (uint16_t)value;
    if (!next(p))
        return fail(p, "-> is wanted");
    if (is(p, "depth") && !parse_known(p, block))
        return false;
    p->found_loops &= block->predecessors != 0;
    if (is(p, "loop") && !parse_loop(p, block))
        return false;
    return is(p, "->") ? parse_way(p, "taken", &block->taken, &block->taken_offset) &&
                             parse_way(p, "next", &block->next, &block->next_offset)
                       : fail(p, "-> is wanted");
}

/* Returns the variable that the word names, and notes its host register; T2_NONE: the word names none. */
static unsigned variable(struct parse *p)
{
    char *place = strchr(p->word, '@');
    size_t length = place ? (size_t)(place - p->word) : strlen(p->word);
    for (unsigned i = 0; i < T2_VARS; i++) {
        const char *name = t2_is_f(i) ? isa_f_names[i - T2_F0] : isa_x_names[i];
        if (strlen(name) != length || strncmp(name, p->word, length) != 0)
            continue;
        if (place)
            p->r->home[i] = (uint8_t)strtoul(place + 1, NULL, 10);
        return i;
    }
    return T2_NONE;
}

static bool parse_access(struct parse *p, struct t2_insn *insn)
{
    int64_t low, high;
    for (insn->check = 0; insn->check < T2_CHECK_COUNT && !is(p, t2_checks[insn->check]);)
        insn->check++;
    if (insn->check == T2_CHECK_COUNT || !next(p))
        return fail(p, "the access's check is wanted");
    insn->write = is(p, "write");
    if ((insn->write && !next(p)) || !range(p, 10, &low, &high))
        return false;
    insn->lo = (int32_t)low;
    insn->hi = (int32_t)high;
    if (!next(p))
        return true;
    insn->bounded = is(p, "bounded");
    if (insn->bounded)
        return true;
    if (!is(p, "slot") || !take_number(p, 10, T2_SLOTS - 1, &low))
        return fail(p, "a slot is wanted");
    insn->slot = (uint8_t)low;
    if (low >= p->r->slot_count)
        p->r->slot_count = (unsigned)low + 1;
    insn->cut = next(p) && is(p, "cut");
    return true;
}

/* What follows the operation's name: bits, sign, condition, then operands and the immediate. */
static bool parse_operands(struct parse *p, struct t2_insn *insn)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    int64_t value;
    if (!take_number(p, 10, 64, &value) || !next(p) || (!is(p, "s") && !is(p, "-")))
        return fail(p, "bits and sign are wanted");
    insn->bits = (uint8_t)value;
    insn->sign = is(p, "s");
    if (op->flags & T2_COND) {
        if (!next(p))
            return fail(p, "a condition is wanted");
        while (insn->cond < T2_COND_COUNT && !is(p, t2_conds[insn->cond]))
            insn->cond++;
        if (insn->cond == T2_COND_COUNT)
            return fail(p, "that is no condition");
    }
    bool more = next(p);
    const char *ahead = p->at;
    while (is_blank(*ahead))
        ahead++;
    if (more && *ahead == '=') {
        insn->d = (uint8_t)variable(p);
        next(p);
        more = next(p);
    }
    uint8_t *const operands[3] = { &insn->a, &insn->b, &insn->c };
    for (unsigned i = 0; i < 3; i++) {
        unsigned found = more && op->operands[i + 1] != '-' ? variable(p) : T2_NONE;
        if (op->operands[i + 1] == 'i' && found == T2_NONE)
            *operands[i] = T2_IMM;
        if (found == T2_NONE)
            continue;
        *operands[i] = (uint8_t)found;
        more = next(p);
    }
    if (more && (p->word[0] == '-' || (p->word[0] >= '0' && p->word[0] <= '9'))) {
        if (!number(p, 10, INT64_MIN, INT64_MAX, &insn->imm))
            return false;
        more = next(p);
    }
    if (more && op->class == T2_CLASS_ACCESS)
        return parse_access(p, insn);
    if (more && is(p, "sunk")) {
        if (!take_number(p, 10, T2_INSNS_MAX, &value))
            return false;
        insn->sunk = (uint16_t)value;
        more = next(p);
    }
    return !more || fail(p, "the operation takes no such operand");
}

static bool parse_insn(struct parse *p)
{
    struct ir *r = p->r;
    int64_t offset, left;
    if (!r->block_count || r->insn_count == T2_INSNS_MAX)
        return fail(p, "there is no room for it");
    struct t2_insn *insn = &r->insns[r->insn_count++];
    if (!number(p, 16, 0, PAGE_SIZE - 1, &offset) || !next(p) || !number(p, 10, 0, PAGE_SIZE / 2, &left) ||
        !next(p))
        return fail(p, "an operation is wanted");
    *insn = (struct t2_insn){ .offset = (uint16_t)offset, .left = (uint16_t)left };
    insn->d = insn->a = insn->b = insn->c = insn->slot = T2_NONE;
    r->blocks[r->block_count - 1].count++;
    while (insn->op < T2_OP_COUNT && !is(p, t2_ops[insn->op].name))
        insn->op++;
    return insn->op < T2_OP_COUNT ? parse_operands(p, insn) : fail(p, "there is no such operation");
}

static bool parse_line(struct parse *p)
{
    if (!next(p))
        return true;
    if (is(p, "region"))
        return parse_region(p);
    return is(p, "block") ? parse_block(p) : parse_insn(p);
}

static void clear(struct ir *r)
{
    r->block_count = r->insn_count = r->slot_count = 0;
    r->span_first = r->span_last = r->header_offset = 0;
    r->page = r->vaddr = 0;
    r->isa.xlen = 64;
    r->full = r->loops = r->fp_used = r->fp_written = r->rm_dynamic = false;
    r->rm_static = -1;
    memset(r->home, T2_IN_HART, sizeof(r->home));
}

bool t2_parse(struct ir *r, const char *text, struct error *error)
{
    struct parse p = { .r = r, .at = text, .found_loops = true, .error = error };
    clear(r);
    while (*p.at) {
        p.line++;
        if (!parse_line(&p))
            return false;
        while (is_blank(*p.at))
            p.at++;
        if (*p.at && *p.at != '\n')
            return fail(&p, "the line goes on");
        p.at += *p.at == '\n';
    }
    t2_size_slots(r);
    if (!p.found_loops)
        t2_find_loops(r);
    return r->block_count || error_set(error, "the text has no block");
}
