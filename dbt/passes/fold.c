/* SPDX-License-Identifier: MIT
 *
 * Folds constants and sign extensions. It walks over each block once, in the order of the code, and keeps
 * what is known about each integer register: that it holds a constant, or that it is the sign extension of
 * its low 32 bits. A block with one predecessor begins with what is known at the end of that one; at the
 * beginning of other blocks nothing is known. The registers of RV32 have only these 32 bits, so all of them
 * count as sign extended; constants are kept with their sign here.
 */
#include <stdlib.h>

#include "dbt/passes/passes.h"

struct known {
    bool constant, narrow; /* narrow: equal to the sign extension of its low half */
    int64_t value;
};

struct facts {
    unsigned xlen;
    struct known x[32];
};

static bool constant_of(const struct facts *facts, unsigned variable, int64_t *value)
{
    if (variable >= 32 || !(variable == T2_X0 || facts->x[variable].constant))
        return false;
    *value = variable == T2_X0 ? 0 : facts->x[variable].value;
    return true;
}

static bool is_narrow(const struct facts *facts, unsigned variable)
{
    int64_t value;
    if (facts->xlen == 32)
        return true;
    if (constant_of(facts, variable, &value))
        return value == (int32_t)value;
    return facts->x[variable].narrow;
}

static int64_t shift_value(unsigned op, unsigned bits, int64_t a, int64_t b)
{
    unsigned n = (unsigned)b & (bits - 1);
    if (bits == 32) {
        switch (op) {
        case T2_SHL: return (int32_t)((uint32_t)a << n);
        case T2_SHR: return (int32_t)((uint32_t)a >> n);
        default: return (int32_t)a >> n;
        }
    }
    switch (op) {
    case T2_SHL: return (int64_t)((uint64_t)a << n);
    case T2_SHR: return (int64_t)((uint64_t)a >> n);
    default: return a >> n;
    }
}

/* The result of the operation on constants; false: it is not computed here. */
static bool evaluate(const struct t2_insn *insn, int64_t a, int64_t b, int64_t *result)
{
    uint64_t value;
    switch (insn->op) {
    case T2_MOV: value = (uint64_t)a; break;
    case T2_ADD: value = (uint64_t)a + (uint64_t)b; break;
    case T2_SUB: value = (uint64_t)a - (uint64_t)b; break;
    case T2_AND: value = (uint64_t)(a & b); break;
    case T2_OR: value = (uint64_t)(a | b); break;
    case T2_XOR: value = (uint64_t)(a ^ b); break;
    case T2_SHL:
    case T2_SHR:
    case T2_SAR: value = (uint64_t)shift_value(insn->op, insn->bits, a, b); break;
    case T2_SHADD: value = ((insn->sign ? (uint64_t)a : (uint32_t)a) << insn->imm) + (uint64_t)b; break;
    case T2_SET: value = insn->cond == T2_LT ? a < b : (uint64_t)a < (uint64_t)b; break;
    default: return false;
    }
    *result = insn->bits == 32 ? (int32_t)value : (int64_t)value;
    return true;
}

static void make_constant(struct t2_insn *insn, int64_t value)
{
    insn->op = T2_CONST;
    insn->bits = 64;
    insn->a = insn->b = insn->c = T2_NONE;
    insn->imm = value;
    insn->sign = false;
    insn->cond = 0;
}

static bool commutes(unsigned op)
{
    return op == T2_ADD || op == T2_AND || op == T2_OR || op == T2_XOR;
}

/* If b is a register that holds a small constant, makes it the immediate; operands of an operation that
 * commutes change places for that. */
static void take_immediate(const struct facts *facts, struct t2_insn *insn)
{
    int64_t value;
    if (insn->b >= 32 || t2_ops[insn->op].operands[2] != 'i')
        return;
    if (commutes(insn->op) && constant_of(facts, insn->a, &value) && value == (int32_t)value) {
        uint8_t swap = insn->a;
        insn->a = insn->b;
        insn->b = swap;
    }
    if (!constant_of(facts, insn->b, &value) || value != (int32_t)value)
        return;
    if (t2_ops[insn->op].class == T2_CLASS_SHIFT)
        value &= insn->bits - 1;
    if (t2_ops[insn->op].class == T2_CLASS_BIT)
        value &= insn->bits - 1;
    insn->b = T2_IMM;
    insn->imm = value;
}

static void make_move(struct t2_insn *insn)
{
    insn->op = insn->d == insn->a ? T2_NOP : T2_MOV;
    if (insn->op == T2_NOP)
        insn->d = insn->a = T2_NONE;
    insn->b = T2_NONE;
    insn->bits = 64;
    insn->imm = 0;
}

/* Operations that leave their first operand as it is become moves. */
static void simplify(const struct facts *facts, struct t2_insn *insn)
{
    bool nothing = insn->b == T2_IMM && insn->imm == 0 &&
                   (insn->op == T2_ADD || insn->op == T2_SUB || insn->op == T2_OR || insn->op == T2_XOR ||
                    t2_ops[insn->op].class == T2_CLASS_SHIFT);
    if (nothing && (insn->bits == 64 || is_narrow(facts, insn->a)))
        make_move(insn);
    else if (nothing && insn->op == T2_ADD)
        *insn = (struct t2_insn){ .op = T2_EXT,
                                  .bits = 32,
                                  .sign = true,
                                  .d = insn->d,
                                  .a = insn->a,
                                  .b = T2_NONE,
                                  .c = T2_NONE,
                                  .offset = insn->offset,
                                  .left = insn->left,
                                  .slot = T2_NONE };
    else if (insn->op == T2_EXT && insn->bits == 32 && insn->sign && is_narrow(facts, insn->a))
        make_move(insn);
}

static bool result_is_narrow(const struct facts *facts, const struct t2_insn *insn)
{
    switch (insn->op) {
    case T2_MOV: return is_narrow(facts, insn->a);
    case T2_SET:
    case T2_FCMP:
    case T2_CLZ:
    case T2_CTZ:
    case T2_CPOP:
    case T2_BEXT:
    case T2_FFLAGS: return true;
    case T2_EXT:
    case T2_LOAD: return insn->sign ? insn->bits <= 32 : insn->bits < 32;
    case T2_AND:
        if (insn->b == T2_IMM)
            return insn->imm >= 0 || is_narrow(facts, insn->a);
        return is_narrow(facts, insn->a) && is_narrow(facts, insn->b);
    case T2_OR:
    case T2_XOR: return is_narrow(facts, insn->a) && (insn->b == T2_IMM || is_narrow(facts, insn->b));
    case T2_SAR:
        if (insn->bits == 64 && is_narrow(facts, insn->a))
            return true;
        return insn->bits == 32;
    case T2_FCVTIF: return insn->imm == 32;
    case T2_FMVX: return insn->bits == 32;
    case T2_DIV:
    case T2_REM:
    case T2_MUL:
    case T2_ADD:
    case T2_SUB:
    case T2_SHL:
    case T2_SHR:
    case T2_ROL:
    case T2_ROR: return insn->bits == 32;
    default: return false;
    }
}

static void learn(struct facts *facts, const struct t2_insn *insn)
{
    if (insn->d >= 32)
        return;
    bool narrow = result_is_narrow(facts, insn);
    facts->x[insn->d] = (struct known){ .constant = insn->op == T2_CONST,
                                        .narrow = narrow,
                                        .value = insn->op == T2_CONST ? insn->imm : 0 };
}

static void fold_insn(const struct facts *facts, struct t2_insn *insn)
{
    int64_t a = 0, b = 0, value;
    bool pure = !(t2_ops[insn->op].flags & (T2_KEEP | T2_END)) && insn->op != T2_CONST && insn->op != T2_PC;
    bool known = pure && insn->a < 32 && constant_of(facts, insn->a, &a);
    if (insn->b == T2_IMM)
        b = insn->imm;
    else if (insn->b != T2_NONE)
        known = known && insn->b < 32 && constant_of(facts, insn->b, &b);
    if (known && insn->c == T2_NONE && evaluate(insn, a, b, &value)) {
        make_constant(insn, value);
        return;
    }
    take_immediate(facts, insn);
    simplify(facts, insn);
}

static bool shifts(const struct t2_insn *insn, enum t2_op op)
{
    return insn->op == op && insn->bits == 64 && insn->b == T2_IMM;
}

/* Code without Zba uses slli by 32 followed by srli to extend an unsigned number, and to scale it. If both
 * write the same register, nothing reads the value between the two. */
static bool fold_extension(struct t2_insn *left, struct t2_insn *right)
{
    if (!shifts(left, T2_SHL) || left->imm != 32 || !shifts(right, T2_SHR) || right->a != left->d ||
        right->imm > 32)
        return false;
    struct t2_insn *extend = right->d == left->d ? left : right;
    if (extend == right && (right->imm != 32 || left->a == left->d))
        return false;
    if (extend == left) {
        right->op = T2_SHL;
        right->imm = 32 - right->imm;
    }
    extend->op = T2_EXT;
    extend->bits = 32;
    extend->sign = false;
    extend->a = left->a;
    extend->b = T2_NONE;
    extend->imm = 0;
    return true;
}

/* ---- The walk ------------------------------------------------------------------------------------------ */

static bool fold_block(struct ir *ir, const struct t2_block *block, struct facts *facts)
{
    bool changed = false;
    for (unsigned k = 0; k < block->count; k++) {
        struct t2_insn *insn = &ir->insns[block->first + k];
        struct t2_insn before = *insn;
        if (k + 1u < block->count)
            changed |= fold_extension(insn, insn + 1);
        fold_insn(facts, insn);
        learn(facts, insn);
        changed |= !t2_same(&before, insn);
    }
    return changed;
}

bool pass_fold(struct ir *ir)
{
    static const struct facts nothing;
    struct facts *ends = calloc(ir->block_count, sizeof(*ends));
    bool changed = false;
    for (unsigned i = 0; i < ir->block_count && ends; i++) {
        struct facts facts = nothing;
        facts.xlen = ir->isa.xlen;
        if (t2_inherits(ir, i) != T2_NOT_HERE)
            facts = ends[t2_inherits(ir, i)];
        changed |= fold_block(ir, &ir->blocks[i], &facts);
        ends[i] = facts;
    }
    free(ends);
    return changed;
}
