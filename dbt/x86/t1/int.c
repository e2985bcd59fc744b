/* SPDX-License-Identifier: MIT
 *
 * Lowerings of I, and of the rotations and extensions of Zbb; bits.c has the other integer instructions.
 */
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/vex.h"

#define OP (t->op)

/* ---- Two registers ------------------------------------------------------------------------------------- */

/* The register that op only copies, since the other one is x0 (c.mv is add with x0); 0: op computes. */
static unsigned copied(const struct t1 *t, enum x86_alu op)
{
    if (op == X86_AND || (op == X86_SUB && OP.rs1 == 0))
        return 0;
    return OP.rs1 == 0 ? OP.rs2 : OP.rs2 == 0 ? OP.rs1 : 0;
}

/* rd = the guest register. */
static bool move(struct t1 *t, unsigned from)
{
    enum x86_reg host = dbt_pinned(from);
    if (host == X86_NONE || !t1_in_memory(t)) {
        host = t1_dest(t);
        t1_copy(t, host, from);
    }
    t1_set(t, host);
    return true;
}

/* rd = rs1 op rs2, of `bits`. */
static bool binary(struct t1 *t, enum x86_alu op, unsigned bits)
{
    enum x86_reg to = t1_dest(t);
    unsigned source = copied(t, op);
    if (source && bits == XLEN)
        return move(t, source);
    if (source) {
        t1_copy(t, to, source);
        t1_extend_result(t, bits, to);
        t1_set(t, to);
        return true;
    }
    if (bits == XLEN && OP.rd == OP.rs1 && dbt_pinned(OP.rs2) != X86_NONE && t1_in_memory(t)) {
        x86_mem_op(&t->e, op, bits, t1_home(OP.rd), dbt_pinned(OP.rs2));
        return true;
    }
    /* rs2 must survive the copy of rs1 into the destination. */
    enum x86_reg work = to == dbt_pinned(OP.rs2) && OP.rs1 != OP.rs2 ? X86_RAX : to;
    t1_copy(t, work, OP.rs1);
    t1_op_guest(t, op, bits, work, OP.rs2);
    t1_extend_result(t, bits, work);
    t1_set(t, work);
    return true;
}

/* Shifts with one instruction (BMI2). */
static bool quick_shift(struct t1 *t, enum x86_shift op, unsigned bits)
{
    enum x86_reg to = t1_dest(t), from = t1_use(t, OP.rs1, X86_RAX), count = t1_use(t, OP.rs2, X86_RCX);
    x86_shift_by(&t->e, op, bits, to, from, count);
    t1_extend_result(t, bits, to);
    t1_set(t, to);
    return true;
}

static bool shift(struct t1 *t, enum x86_shift op, unsigned bits)
{
    if (t->dbt->host.v3 && op >= X86_SHL)
        return quick_shift(t, op, bits);
    t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RAX, OP.rs1);
    x86_shift_cl(&t->e, op, bits, X86_RAX); /* the host takes the count modulo the width, too */
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

static bool set_if(struct t1 *t, enum x86_cond cond)
{
    enum x86_reg a = t1_use(t, OP.rs1, X86_RAX);
    t1_op_guest(t, X86_CMP, XLEN, a, OP.rs2);
    x86_setcc(&t->e, cond, X86_RAX);
    x86_extend(&t->e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- One register and an immediate --------------------------------------------------------------------- */

static bool set_constant(struct t1 *t)
{
    enum x86_reg to = t1_dest(t);
    if (t1_in_memory(t)) {
        x86_store_imm(&t->e, XLEN, t1_home(OP.rd), OP.imm);
        return true;
    }
    if (OP.imm == 0)
        x86_op(&t->e, X86_XOR, 32, to, to);
    else
        t1_mov_imm(t, to, OP.imm);
    t1_set(t, to);
    return true;
}

static bool add_immediate(struct t1 *t)
{
    enum x86_reg to = t1_dest(t), from = dbt_pinned(OP.rs1);
    if (OP.rs1 == 0)
        return set_constant(t);
    if (OP.imm == 0)
        return move(t, OP.rs1);
    if (OP.rs1 == OP.rd && t1_in_memory(t)) {
        x86_mem_op_imm(&t->e, X86_ADD, XLEN, t1_home(OP.rd), OP.imm);
        return true;
    }
    if (from != X86_NONE && from != to) {
        x86_lea(&t->e, XLEN, to, x86_mem(from, OP.imm));
    } else {
        t1_copy(t, to, OP.rs1);
        x86_op_imm(&t->e, X86_ADD, XLEN, to, OP.imm);
    }
    t1_set(t, to);
    return true;
}

static bool add_immediate_word(struct t1 *t)
{
    enum x86_reg to = t1_dest(t);
    t1_copy(t, to, OP.rs1);
    if (OP.imm)
        x86_op_imm(&t->e, X86_ADD, 32, to, OP.imm);
    x86_extend(&t->e, 32, true, to, to);
    t1_set(t, to);
    return true;
}

static bool immediate(struct t1 *t, enum x86_alu op)
{
    if (OP.rd == OP.rs1 && t1_in_memory(t)) {
        x86_mem_op_imm(&t->e, op, XLEN, t1_home(OP.rd), OP.imm);
        return true;
    }
    enum x86_reg to = t1_dest(t);
    t1_copy(t, to, OP.rs1);
    x86_op_imm(&t->e, op, XLEN, to, OP.imm);
    t1_set(t, to);
    return true;
}

static bool shift_immediate(struct t1 *t, enum x86_shift op, unsigned bits)
{
    enum x86_reg to = t1_dest(t);
    t1_copy(t, to, OP.rs1);
    if (OP.imm)
        x86_shift_imm(&t->e, op, bits, to, (unsigned)OP.imm);
    t1_extend_result(t, bits, to);
    t1_set(t, to);
    return true;
}

static bool set_if_immediate(struct t1 *t, enum x86_cond cond)
{
    enum x86_reg a = t1_use(t, OP.rs1, X86_RAX);
    x86_op_imm(&t->e, X86_CMP, XLEN, a, OP.imm);
    x86_setcc(&t->e, cond, X86_RAX);
    x86_extend(&t->e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- One register -------------------------------------------------------------------------------------- */

static bool extend(struct t1 *t, unsigned bits, bool sign)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_extend_to(&t->e, XLEN, bits, sign, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* The sum has 32 bits: the lower 12 bits of one and the upper 20 of the other are 0. */
static bool add_upper_to_pc(struct t1 *t)
{
    t1_set_address(t, OP.imm + (int32_t)t->offset);
    return true;
}

/* x86 keeps all orders except that of a store before a load. */
static bool fence(struct t1 *t)
{
    unsigned pred = (unsigned)OP.imm >> 4 & 15, succ = (unsigned)OP.imm & 15;
    if (pred & 5 && succ & 10)
        x86_mfence(&t->e);
    return true;
}

/* Zicfiss, if the mode has no shadow stack: does nothing, or rd = 0. Otherwise the handler does it. */
static bool shadow_stack(struct t1 *t)
{
    x86_mem_op_imm(&t->e, X86_CMP, 32, HART_MEM(shadow), 0);
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, x86_jcc(&t->e, X86_NE));
    cold->insn = t1_make_insn(t);
    if (OP.rd) {
        enum x86_reg to = t1_dest(t);
        x86_mov_imm(&t->e, to, 0);
        t1_set(t, to);
    }
    t1_set_back(t, cold);
    return true;
}

/* Zimop: rd = 0. */
static bool set_zero(struct t1 *t)
{
    OP.imm = 0;
    return set_constant(t);
}

static bool nothing(struct t1 *t)
{
    (void)t;
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define INT(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
