/* SPDX-License-Identifier: MIT
 *
 * The intermediate representation: its table, and its text.
 */
#include <inttypes.h>

#include "dbt/ir/ir.h"

const struct t2_op_info t2_ops[T2_OP_COUNT] = {
#define EXIT T2_EXIT
#define END  T2_END
#define KEEP T2_KEEP
#define COND T2_COND
#define OP(name, type, class, operands, flags)                                                               \
    [T2_##name] = { #name, operands, T2_TYPE_##type, T2_CLASS_##class, flags },
#include "dbt/ir/ir.def"
#undef OP
#undef EXIT
#undef END
#undef KEEP
#undef COND
};

const char *const t2_conds[T2_COND_COUNT] = { "eq", "ne", "lt", "ge", "ltu", "geu", "le" };
const char *const t2_checks[T2_CHECK_COUNT] = { "tlb", "page", "checked", "window" };

/* ---- Printing ------------------------------------------------------------------------------------------ */

static void print_variable(const struct ir *r, unsigned variable, FILE *out)
{
    if (variable == T2_NONE)
        return;
    fprintf(out, " %s", t2_is_f(variable) ? isa_f_names[variable - T2_F0] : isa_x_names[variable]);
    if (r->home[variable] != T2_IN_HART)
        fprintf(out, "@%u", r->home[variable]);
}

static void print_insn(const struct ir *r, const struct t2_insn *insn, FILE *out)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    fprintf(out, "  %03x +%-2u %-6s %2u %s", insn->offset, insn->left, op->name, insn->bits,
            insn->sign ? "s" : "-");
    if (op->flags & T2_COND)
        fprintf(out, " %s", t2_conds[insn->cond]);
    if (op->operands[0] != '-' && insn->d != T2_NONE) {
        print_variable(r, insn->d, out);
        fputs(" =", out);
    }
    print_variable(r, insn->a, out);
    if (insn->b != T2_IMM)
        print_variable(r, insn->b, out);
    print_variable(r, insn->c, out);
    if (insn->imm || insn->b == T2_IMM)
        fprintf(out, " %" PRId64, insn->imm);
    if (op->class == T2_CLASS_ACCESS) {
        fprintf(out, "   [%s%s %d..%d", t2_checks[insn->check], insn->write ? " write" : "", insn->lo,
                insn->hi);
        if (insn->slot != T2_NONE)
            fprintf(out, " slot %u", insn->slot);
        if (insn->bounded)
            fputs(" bounded", out);
        if (insn->cut)
            fputs(" cut", out);
        fputc(']', out);
    }
    if (insn->sunk)
        fprintf(out, "   [sunk %u]", insn->sunk);
    fputc('\n', out);
}

static void print_way(const char *name, unsigned to, int32_t offset, FILE *out)
{
    if (to == T2_NOT_HERE)
        fprintf(out, " %s out at %d", name, offset);
    else
        fprintf(out, " %s %u at %d", name, to, offset);
}

static void print_block(const struct ir *r, unsigned number, FILE *out)
{
    const struct t2_block *block = &r->blocks[number];
    fprintf(out, " block %u at %03x..%03x, %u instructions, depth %u, ways %u from %u", number, block->offset,
            block->limit, block->guest_insns, block->depth, block->predecessors, block->before);
    if (block->loop)
        fputs(", loop", out);
    for (unsigned i = 0; i < r->block_count && block->loop; i++)
        if (block->body[i])
            fprintf(out, " %u", i);
    fputs(" ->", out);
    print_way("taken", block->taken, block->taken_offset, out);
    print_way("next", block->next, block->next_offset, out);
    fputc('\n', out);
    for (unsigned k = 0; k < block->count; k++)
        print_insn(r, &r->insns[block->first + k], out);
}

void t2_print(const struct ir *r, FILE *out)
{
    fprintf(out, "region at page %012" PRIx64 "+%03x, %u blocks of %03x..%03x%s%s%s%s%s", r->page,
            r->header_offset, r->block_count, r->span_first, r->span_last, r->isa.xlen == 32 ? ", rv32" : "",
            r->loops ? ", loops" : "", r->fp_used ? ", fp" : "", r->fp_written ? ", fp written" : "",
            r->rm_dynamic ? ", frm" : "");
    if (r->rm_static >= 0)
        fprintf(out, ", rm %d", r->rm_static);
    fputc('\n', out);
    for (unsigned i = 0; i < r->block_count; i++)
        print_block(r, i, out);
}
