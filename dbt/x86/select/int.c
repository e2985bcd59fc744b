/* SPDX-License-Identifier: MIT
 *
 * Host code of the integer operations. A result is computed in its own place, unless that holds an operand
 * that is still needed; rcx and rdx are scratch.
 */
#include "dbt/x86/select/select.h"

static enum x86_reg register_of(const struct t2_emit *t, unsigned variable)
{
    return t2_in_register(t, variable) ? (enum x86_reg)t->r->home[variable] : X86_NONE;
}

static void copy(struct t2_emit *t, enum x86_reg to, unsigned variable)
{
    x86_mov(&t->e, 64, to, t2_use(t, variable, to));
}

/* to = to op the variable. */
static void op_variable(struct t2_emit *t, enum x86_alu op, unsigned bits, enum x86_reg to, unsigned variable)
{
    if (variable == T2_X0)
        x86_op_imm(&t->e, op, bits, to, 0);
    else if (t2_in_register(t, variable))
        x86_op(&t->e, op, bits, to, t->r->home[variable]);
    else
        x86_op_mem(&t->e, op, bits, to, t2_home(variable));
}

static void extend_word(struct t2_emit *t, const struct t2_insn *insn, enum x86_reg reg)
{
    if (insn->bits < t->r->isa.xlen)
        x86_extend(&t->e, 32, true, reg, reg);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

static void binary_immediate(struct t2_emit *t, const struct t2_insn *insn, enum x86_alu op)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX), a = register_of(t, insn->a);
    int32_t value = (int32_t)insn->imm;
    bool adds = op == X86_ADD || (op == X86_SUB && value != INT32_MIN);
    if (adds && a != X86_NONE && a != to) {
        x86_lea(&t->e, insn->bits, to, x86_mem(a, op == X86_ADD ? value : -value));
    } else {
        copy(t, to, insn->a);
        x86_op_imm(&t->e, op, insn->bits, to, value);
    }
    extend_word(t, insn, to);
    t2_set(t, insn->d, to);
}

static void binary(struct t2_emit *t, const struct t2_insn *insn, enum x86_alu op)
{
    if (insn->b == T2_IMM) {
        binary_immediate(t, insn, op);
        return;
    }
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX), a = register_of(t, insn->a), b = register_of(t, insn->b);
    enum x86_reg work = to;
    if (op == X86_ADD && a != X86_NONE && b != X86_NONE && to != a && to != b) {
        x86_lea(&t->e, insn->bits, to, x86_mem_index(a, b, 0));
    } else if (to == b && to != a && op != X86_SUB) {
        op_variable(t, op, insn->bits, to, insn->a);
    } else {
        work = to == b && to != a ? X86_RDX : to;
        copy(t, work, insn->a);
        op_variable(t, op, insn->bits, work, insn->b);
    }
    extend_word(t, insn, work);
    t2_set(t, insn->d, work);
}

static void shift(struct t2_emit *t, const struct t2_insn *insn, enum x86_shift op)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
    bool rotates = op == X86_ROL || op == X86_ROR;
    if (insn->b == T2_IMM && rotates) {
        unsigned n = (unsigned)insn->imm & (insn->bits - 1u);
        x86_rotate_right(&t->e, insn->bits, to, t2_use(t, insn->a, X86_RCX),
                         op == X86_ROR ? n : -n & (insn->bits - 1u));
    } else if (insn->b == T2_IMM) {
        copy(t, to, insn->a);
        if (insn->imm)
            x86_shift_imm(&t->e, op, insn->bits, to, (unsigned)insn->imm);
    } else if (rotates) {
        copy(t, X86_RDX, insn->a);
        copy(t, X86_RCX, insn->b);
        x86_shift_cl(&t->e, op, insn->bits, X86_RDX);
        to = X86_RDX;
    } else {
        x86_shift_by(&t->e, op, insn->bits, to, t2_use(t, insn->a, X86_RCX), t2_use(t, insn->b, X86_RDX));
    }
    extend_word(t, insn, to);
    t2_set(t, insn->d, to);
}

static void multiply(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX), b = register_of(t, insn->b);
    if (to == b && insn->a != insn->b) {
        x86_imul(&t->e, insn->bits, to, t2_use(t, insn->a, X86_RDX));
    } else {
        enum x86_reg by = t2_use(t, insn->b, X86_RDX);
        copy(t, to, insn->a);
        x86_imul(&t->e, insn->bits, to, by);
    }
    extend_word(t, insn, to);
    t2_set(t, insn->d, to);
}

static void multiply_high(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    copy(t, X86_RCX, insn->b);
    copy(t, X86_RAX, insn->a);
    x86_mul(e, insn->op == T2_MULH && insn->sign, insn->bits, X86_RCX);
    /* The product takes a negative a as 2^bits too large: its high half is b too large. */
    if (insn->op == T2_MULHSU) {
        copy(t, X86_RAX, insn->a);
        x86_shift_imm(e, X86_SAR, insn->bits, X86_RAX, insn->bits - 1u);
        x86_op(e, X86_AND, insn->bits, X86_RAX, X86_RCX);
        x86_op(e, X86_SUB, insn->bits, X86_RDX, X86_RAX);
    }
    t2_set(t, insn->d, X86_RDX);
}

/* Division by zero: the quotient is all ones, the remainder the dividend. Overflow: the quotient is the
 * dividend, the remainder 0 (Unpriv. "M"). */
static void divide(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    enum x86_reg result = insn->op == T2_DIV ? X86_RAX : X86_RDX;
    uint8_t *minus_one = NULL, *done_minus_one = NULL;
    copy(t, X86_RCX, insn->b);
    copy(t, X86_RAX, insn->a);
    x86_test(e, insn->bits, X86_RCX, X86_RCX);
    uint8_t *zero = x86_jcc(e, X86_E);
    if (insn->sign) {
        x86_op_imm(e, X86_CMP, insn->bits, X86_RCX, -1);
        minus_one = x86_jcc(e, X86_E);
        x86_sign_to_rdx(e, insn->bits);
    } else {
        x86_mov_imm(e, X86_RDX, 0);
    }
    x86_div(e, insn->sign, insn->bits, X86_RCX);
    uint8_t *done = x86_jmp(e);
    if (e->overflow)
        return;
    if (minus_one) {
        x86_patch(minus_one, e->run, x86_here(e));
        x86_neg(e, insn->bits, X86_RAX);
        x86_mov_imm(e, X86_RDX, 0);
        done_minus_one = x86_jmp(e);
    }
    x86_patch(zero, e->run, x86_here(e));
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_mov_imm_to(e, t->r->isa.xlen, X86_RAX, -1);
    if (done_minus_one && !e->overflow)
        x86_patch(done_minus_one, e->run, x86_here(e));
    x86_patch(done, e->run, x86_here(e));
    extend_word(t, insn, result);
    t2_set(t, insn->d, result);
}

/* ---- Logic and bits ------------------------------------------------------------------------------------ */

static void logic_not(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    if (insn->op == T2_ANDN) {
        enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
        x86_and_not(e, to, t2_use(t, insn->b, X86_RDX), t2_use(t, insn->a, X86_RCX));
        t2_set(t, insn->d, to);
        return;
    }
    copy(t, X86_RDX, insn->b);
    if (insn->op == T2_ORN) {
        x86_not(e, insn->bits, X86_RDX);
        op_variable(t, X86_OR, insn->bits, X86_RDX, insn->a);
    } else {
        op_variable(t, X86_XOR, insn->bits, X86_RDX, insn->a);
        x86_not(e, insn->bits, X86_RDX);
    }
    t2_set(t, insn->d, X86_RDX);
}

static void shift_add(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX), a;
    if (insn->sign) {
        a = t2_use(t, insn->a, X86_RCX);
    } else {
        a = X86_RCX;
        x86_mov(&t->e, 32, a, t2_use(t, insn->a, X86_RCX));
    }
    x86_lea(&t->e, insn->bits, to, x86_mem_scaled(t2_use(t, insn->b, X86_RDX), a, (unsigned)insn->imm, 0));
    t2_set(t, insn->d, to);
}

static void single_bit(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    if (insn->op == T2_BEXT) {
        enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
        if (insn->b == T2_IMM) {
            copy(t, to, insn->a);
            x86_shift_imm(e, X86_SHR, 64, to, (unsigned)insn->imm & 63);
        } else {
            x86_shift_by(e, X86_SHR, insn->bits, to, t2_use(t, insn->a, X86_RCX),
                         t2_use(t, insn->b, X86_RDX));
        }
        x86_op_imm(e, X86_AND, 32, to, 1);
        t2_set(t, insn->d, to);
        return;
    }
    enum x86_reg number = X86_RCX;
    if (insn->b == T2_IMM)
        x86_mov_imm(e, X86_RCX, insn->imm & 63);
    else
        number = t2_use(t, insn->b, X86_RCX);
    copy(t, X86_RDX, insn->a);
    x86_bit_op(e,
               insn->op == T2_BSET   ? X86_BTS
               : insn->op == T2_BCLR ? X86_BTR
                                     : X86_BTC,
               insn->bits, X86_RDX, number);
    t2_set(t, insn->d, X86_RDX);
}

static void one_operand(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX), a = t2_use(t, insn->a, X86_RDX);
    switch (insn->op) {
    case T2_MOV: x86_mov(e, 64, to, a); break;
    case T2_EXT: x86_extend_to(e, t->r->isa.xlen, insn->bits, insn->sign, to, a); break;
    case T2_CLZ: x86_count(e, X86_LZCNT, insn->bits, to, a); break;
    case T2_CTZ: x86_count(e, X86_TZCNT, insn->bits, to, a); break;
    case T2_CPOP: x86_count(e, X86_POPCNT, insn->bits, to, a); break;
    default:
        x86_mov(e, 64, to, a);
        x86_bswap(e, insn->bits, to);
        break;
    }
    t2_set(t, insn->d, to);
}

/* ---- Comparisons --------------------------------------------------------------------------------------- */

void t2_emit_compare(struct t2_emit *t, const struct t2_insn *insn, enum x86_cond *cond)
{
    static const enum x86_cond conds[] = { X86_E, X86_NE, X86_L, X86_GE, X86_B, X86_AE };
    struct x86_emit *e = &t->e;
    *cond = conds[insn->cond];
    bool zero = insn->b == T2_X0 || (insn->b == T2_IMM && insn->imm == 0);
    if (zero && t2_in_register(t, insn->a)) {
        x86_test(e, insn->bits, t->r->home[insn->a], t->r->home[insn->a]);
    } else if (zero || insn->b == T2_IMM) {
        int32_t value = zero ? 0 : (int32_t)insn->imm;
        if (insn->a == T2_X0 || t2_in_register(t, insn->a))
            x86_op_imm(e, X86_CMP, insn->bits, t2_use(t, insn->a, X86_RCX), value);
        else
            x86_mem_op_imm(e, X86_CMP, insn->bits, t2_home(insn->a), value);
    } else {
        op_variable(t, X86_CMP, insn->bits, t2_use(t, insn->a, X86_RCX), insn->b);
    }
}

static void set_if(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_cond cond;
    t2_emit_compare(t, insn, &cond);
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
    x86_setcc(&t->e, cond, X86_RCX);
    x86_extend(&t->e, 8, false, to, X86_RCX);
    t2_set(t, insn->d, to);
}

static void select_if(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_cond cond;
    copy(t, X86_RCX, insn->a);
    t2_emit_compare(t, insn, &cond); /* it may load a into rcx, which has it already */
    enum x86_reg b = t2_use(t, insn->b, X86_RDX);
    x86_cmov(&t->e, cond ^ 1, 64, X86_RCX, b);
    t2_set(t, insn->d, X86_RCX);
}

static void zero_if(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    enum x86_reg b = t2_use(t, insn->b, X86_RDX);
    copy(t, X86_RCX, insn->a);
    x86_test(e, 64, b, b);
    x86_mov_imm(e, X86_RDX, 0); /* keeps flags */
    x86_cmov(e, insn->cond == T2_EQ ? X86_E : X86_NE, 64, X86_RCX, X86_RDX);
    t2_set(t, insn->d, X86_RCX);
}

/* ---- Constants ----------------------------------------------------------------------------------------- */

static void constant(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
    x86_mov_imm_to(&t->e, t->r->isa.xlen, to, insn->imm);
    t2_set(t, insn->d, to);
}

static void page_address(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg to = t2_dest(t, insn->d, X86_RCX);
    if (insn->imm == (int32_t)insn->imm) {
        x86_load(&t->e, 64, to, DBT_MEM(page));
        x86_op_imm(&t->e, X86_ADD, t->r->isa.xlen, to, (int32_t)insn->imm);
    } else {
        x86_mov_imm(&t->e, to, insn->imm);
        x86_op_mem(&t->e, X86_ADD, 64, to, DBT_MEM(page));
    }
    t2_set(t, insn->d, to);
}

void t2_emit_integer(struct t2_emit *t, const struct t2_insn *insn)
{
    switch (insn->op) {
    case T2_NOP: break;
    case T2_CONST: constant(t, insn); break;
    case T2_PC: page_address(t, insn); break;
    case T2_ADD: binary(t, insn, X86_ADD); break;
    case T2_SUB: binary(t, insn, X86_SUB); break;
    case T2_AND: binary(t, insn, X86_AND); break;
    case T2_OR: binary(t, insn, X86_OR); break;
    case T2_XOR: binary(t, insn, X86_XOR); break;
    case T2_SHL: shift(t, insn, X86_SHL); break;
    case T2_SHR: shift(t, insn, X86_SHR); break;
    case T2_SAR: shift(t, insn, X86_SAR); break;
    case T2_ROL: shift(t, insn, X86_ROL); break;
    case T2_ROR: shift(t, insn, X86_ROR); break;
    case T2_MUL: multiply(t, insn); break;
    case T2_MULH:
    case T2_MULHSU: multiply_high(t, insn); break;
    case T2_DIV:
    case T2_REM: divide(t, insn); break;
    case T2_ANDN:
    case T2_ORN:
    case T2_XNOR: logic_not(t, insn); break;
    case T2_SHADD: shift_add(t, insn); break;
    case T2_SET: set_if(t, insn); break;
    case T2_SELECT: select_if(t, insn); break;
    case T2_CZERO: zero_if(t, insn); break;
    case T2_BEXT:
    case T2_BSET:
    case T2_BCLR:
    case T2_BINV: single_bit(t, insn); break;
    case T2_FENCE: x86_mfence(&t->e); break;
    default: one_operand(t, insn); break;
    }
}
