/* SPDX-License-Identifier: MIT
 *
 * The intermediate representation: its table, its text, and the check that a region is well formed. The check
 * runs after every pass in builds with assertions and in tests.
 */
#include <inttypes.h>
#include <string.h>

#include "dbt/t2.h"

const struct t2_op_info t2_ops[T2_OP_COUNT] = {
#define EXIT                      T2_EXIT
#define END                       T2_END
#define KEEP                      T2_KEEP
#define OP(name, operands, flags) [T2_##name] = { #name, operands, flags },
#include "dbt/t2_ir.def"
#undef OP
#undef EXIT
#undef END
#undef KEEP
};

/* ---- Checking ------------------------------------------------------------------------------------------ */

static bool operand_fits(char kind, unsigned operand)
{
    switch (kind) {
    case 'x': return operand < 32;
    case 'f': return t2_is_f(operand);
    case 'i': return operand < 32 || operand == T2_IMM;
    default: return operand == T2_NONE;
    }
}

static const char *verify_insn(const struct t2_insn *insn, bool last)
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
    return NULL;
}

static const char *verify_block(const struct t2_region *r, const struct t2_block *block, unsigned *where)
{
    if (!block->count || block->first + block->count > r->insn_count)
        return "a block has no operations";
    for (unsigned i = 0; i < block->count; i++) {
        const struct t2_insn *insn = &r->insns[block->first + i];
        *where = block->first + i;
        const char *fault = verify_insn(insn, i + 1 == block->count);
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

const char *t2_verify(const struct t2_region *r, unsigned *where)
{
    *where = 0;
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

/* ---- Printing ------------------------------------------------------------------------------------------ */

static void print_variable(const struct t2_region *r, unsigned variable, FILE *out)
{
    if (variable == T2_NONE)
        return;
    fprintf(out, " %s", t2_is_f(variable) ? isa_f_names[variable - T2_F0] : isa_x_names[variable]);
    if (r->home[variable] != T2_IN_HART)
        fprintf(out, "@%u", r->home[variable]);
}

static void print_insn(const struct t2_region *r, const struct t2_insn *insn, FILE *out)
{
    static const char *const conds[] = { "eq", "ne", "lt", "ge", "ltu", "geu", "le" };
    const char *kinds = t2_ops[insn->op].operands;
    fprintf(out, "  %03x  %-6s %2u %s%s", insn->offset, t2_ops[insn->op].name, insn->bits,
            insn->sign ? "s" : "-", strchr("BSCF", t2_ops[insn->op].name[0]) ? conds[insn->cond] : "");
    if (kinds[0] != '-' && insn->d != T2_NONE) {
        print_variable(r, insn->d, out);
        fputs(" =", out);
    }
    print_variable(r, insn->a, out);
    if (insn->b != T2_IMM)
        print_variable(r, insn->b, out);
    print_variable(r, insn->c, out);
    if (insn->imm || insn->b == T2_IMM)
        fprintf(out, " %" PRId64, insn->imm);
    if (insn->op >= T2_LOAD && insn->op <= T2_FSTORE) {
        static const char *const checks[] = { "tlb", "page", "checked" };
        fprintf(out, "   [%s %d..%d", checks[insn->check], insn->lo, insn->hi);
        if (insn->slot != T2_NONE)
            fprintf(out, " slot %u", insn->slot);
        fputc(']', out);
    }
    fputc('\n', out);
}

void t2_print(const struct t2_region *r, FILE *out)
{
    fprintf(out, "region at page %012" PRIx64 "+%03x, %u blocks\n", r->page, r->header_offset,
            r->block_count);
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct t2_block *block = &r->blocks[i];
        fprintf(out, " block %u, %u instructions, depth %u%s ->", i, block->guest_insns, block->depth,
                block->loop ? ", loop" : "");
        if (block->taken != T2_NOT_HERE)
            fprintf(out, " %u", block->taken);
        if (block->next != T2_NOT_HERE)
            fprintf(out, " %u", block->next);
        fputc('\n', out);
        for (unsigned k = 0; k < block->count; k++)
            print_insn(r, &r->insns[block->first + k], out);
    }
}
