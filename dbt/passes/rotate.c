/* SPDX-License-Identifier: MIT
 *
 * Rotations. Code without Zbb writes one as two shifts of a value, to the left and to the right, whose
 * results are put together by or, xor or an addition: no bit is in both. Where the value is still there, that
 * becomes one operation. The shifts stay: they are dropped by dead.c, or sunk by sink.c, if nothing else
 * reads them.
 */
#include <string.h>

#include "dbt/passes/passes.h"

/* Which operation of the block wrote a register last; NOBODY: none so far. */
#define NOBODY 0xffff

static bool shifts(const struct t2_insn *insn, enum t2_op op)
{
    return insn->op == op && insn->b == T2_IMM && insn->a != insn->d && insn->a != T2_X0;
}

static bool puts_together(const struct ir *ir, const struct t2_insn *insn)
{
    bool whole = insn->bits == ir->isa.xlen || insn->op != T2_ADD; /* addw cuts the sum */
    return (insn->op == T2_OR || insn->op == T2_XOR || insn->op == T2_ADD) && whole && insn->a < 32 &&
           insn->b < 32;
}

/* The left shift of the two that the operation puts together, if they are a rotation; NULL: they are not. */
static const struct t2_insn *left_of(const struct ir *ir, const struct t2_insn *insn,
                                     const uint16_t writer[32])
{
    uint16_t first = writer[insn->a], second = writer[insn->b];
    if (first == NOBODY || second == NOBODY)
        return NULL;
    const struct t2_insn *left = &ir->insns[first], *right = &ir->insns[second];
    if (left->op == T2_SHR) {
        left = &ir->insns[second];
        right = &ir->insns[first];
    }
    if (!shifts(left, T2_SHL) || !shifts(right, T2_SHR) || left->a != right->a || left->bits != right->bits ||
        left->imm + right->imm != left->bits)
        return NULL;
    uint16_t value = writer[left->a];
    return value == NOBODY || (value < first && value < second) ? left : NULL;
}

bool pass_rotate(struct ir *ir)
{
    bool changed = false;
    for (unsigned i = 0; i < ir->block_count; i++) {
        const struct t2_block *block = &ir->blocks[i];
        uint16_t writer[32];
        memset(writer, 0xff, sizeof(writer));
        for (unsigned k = block->first; k < block->first + block->count; k++) {
            struct t2_insn *insn = &ir->insns[k];
            const struct t2_insn *left = puts_together(ir, insn) ? left_of(ir, insn, writer) : NULL;
            if (left) {
                insn->op = T2_ROL;
                insn->bits = left->bits;
                insn->a = left->a;
                insn->b = T2_IMM;
                insn->imm = left->imm;
                changed = true;
            }
            if (insn->d < 32)
                writer[insn->d] = (uint16_t)k;
        }
    }
    return changed;
}
