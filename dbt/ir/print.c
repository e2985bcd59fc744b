/* SPDX-License-Identifier: MIT
 *
 * The intermediate representation: its table, and its text.
 */
#include <inttypes.h>
#include <string.h>

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
    if (t2_is_access(insn)) {
        static const char *const checks[] = { "tlb", "page", "checked" };
        fprintf(out, "   [%s %d..%d", checks[insn->check], insn->lo, insn->hi);
        if (insn->slot != T2_NONE)
            fprintf(out, " slot %u", insn->slot);
        fputc(']', out);
    }
    fputc('\n', out);
}

void t2_print(const struct ir *r, FILE *out)
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
