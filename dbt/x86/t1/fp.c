/* SPDX-License-Identifier: MIT
 *
 * Lowerings of F, D, Zfh, Zfinx and Zdinx with SSE, FMA3 and F16C. While the hart runs, MXCSR holds the
 * guest's rounding mode and its sticky flags (cpu/fp/env.h). So an operation is its host instruction between
 * two checks: before it, that MXCSR has the wanted rounding mode and that narrow operands are boxed; after
 * it, that the result is not a NaN. If a check fails, the interpreter's handler executes the instruction from
 * the unchanged operands; all flags that the host has raised by then are raised by the handler, too.
 *
 * Within a block nothing changes frm, and handlers leave MXCSR's mode as they found it (thunks.c, exec). So a
 * block checks once that the two agree. If they do not, the first instruction that depends on the mode
 * changes MXCSR; if the host has no such mode, the handler executes that instruction, and control leaves the
 * block after it.
 *
 * Half precision is computed in single precision; fp_half.c says why that is exact.
 *
 * Instructions that compute in x registers (Zfinx, Zdinx) check neither FS nor a box, and extend the sign of
 * their result. Handlers execute those that use pairs of x registers (Zdinx on RV32) or half precision in
 * them.
 */
#include "dbt/x86/t1/fp.h"
#include "dbt/x86/vex.h"

#define OP (t->op)

/* ---- Checks ------------------------------------------------------------------------------------------- */

void t1_fp_handler_if(struct t1 *t, uint8_t *site)
{
    if (t->fp_cold) {
        t1_cold_also(t, t->fp_cold, site);
        return;
    }
    t->fp_cold = t1_cold(t, T1_COLD_EXEC, site);
    t->fp_cold->insn = t1_make_insn(t);
}

/* The handler of the first instruction that writes makes FS Dirty, or traps if it is Off. */
void t1_fp_begin(struct t1 *t, bool writes)
{
    struct x86_emit *e = &t->e;
    t->fp_cold = NULL;
    t1_forget_rax(t);
    if (t1_fp_in_x(t))
        return;
    if (writes && !t->fp.dirty) {
        x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
        x86_not(e, 32, X86_RAX);
        x86_test_imm32(e, X86_RAX, (int32_t)MSTATUS_FS);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        t->fp.on = t->fp.dirty = true;
    } else if (!t->fp.on) {
        x86_test_mem_imm(e, HART_MEM(mstatus), (int32_t)MSTATUS_FS);
        t1_fp_handler_if(t, x86_jcc(e, X86_E));
        t->fp.on = true;
    }
}

void t1_fp_end(struct t1 *t)
{
    if (t->fp_cold)
        t1_set_back(t, t->fp_cold);
}

bool t1_fp_look_at_rounding(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (OP.rm != 7 && OP.rm > 3)
        return false;
    if (OP.rm != 7) {
        x86_load_extend(e, 8, false, X86_RAX, HART_MEM(fp.host_rm));
        x86_op_imm(e, X86_CMP, 32, X86_RAX, OP.rm);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
    } else if (!t->fp.rounding) {
        x86_load_extend(e, 8, false, X86_RAX, HART_MEM(fp.host_rm));
        x86_load_extend(e, 8, false, X86_RCX, HART_MEM(fp.frm));
        x86_op(e, X86_CMP, 32, X86_RAX, X86_RCX);
        struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, x86_jcc(e, X86_NE));
        cold->insn = t1_make_insn(t);
        cold->thunk = t->dbt->round;
        t1_set_back(t, cold);
        t->fp.rounding = true;
    }
    return true;
}

void t1_fp_look_at_box(struct t1 *t, unsigned bits, unsigned guest)
{
    if (bits == 64 || t1_fp_in_x(t) || (bits == 16 ? t->fp.halves : t->fp.boxed) >> guest & 1)
        return;
    if (bits == 16) {
        x86_mem_op_imm(&t->e, X86_CMP, 64, t1_f_mem(guest), T1_HALF_BOX);
        t1_fp_handler_if(t, x86_jcc(&t->e, X86_B));
    } else {
        x86_mem_op_imm(&t->e, X86_CMP, 32, t1_f_high(guest), -1);
        t1_fp_handler_if(t, x86_jcc(&t->e, X86_NE));
    }
}

bool t1_fp_possible(const struct t1 *t, unsigned bits)
{
    return (OP.rm == 7 || OP.rm <= 3) && (bits != 16 || t->dbt->host.v3);
}

void t1_fp_load_bits(struct t1 *t, unsigned bits, bool sign, enum x86_reg to, unsigned guest)
{
    if (!t1_fp_in_x(t)) {
        x86_load_extend(&t->e, bits, sign, to, t1_f_mem(guest));
        return;
    }
    t1_copy(t, to, guest);
    if (bits < 64)
        x86_extend(&t->e, bits, sign, to, to);
}

void t1_fp_load(struct t1 *t, unsigned bits, unsigned to, unsigned guest)
{
    if (t1_fp_in_x(t))
        x86_movq_from(&t->e, to, t1_use(t, guest, X86_RAX));
    else if (bits == 16)
        x86_halves_to_singles_mem(&t->e, to, t1_f_mem(guest));
    else
        x86_sse_load(&t->e, bits, to, t1_f_mem(guest));
}

/* The handlers box their results, too. */
void t1_fp_written(struct t1 *t, unsigned bits)
{
    uint32_t bit = 1u << OP.rd;
    t->fp.boxed = bits == 64 ? t->fp.boxed & ~bit : t->fp.boxed | bit; /* the box of a half is longer */
    t->fp.halves = bits == 16 ? t->fp.halves | bit : t->fp.halves & ~bit;
}

static void box(struct t1 *t, unsigned bits)
{
    if (bits == 32 && !(t->fp.boxed >> OP.rd & 1))
        x86_store_imm(&t->e, 32, t1_f_high(OP.rd), -1);
    t1_fp_written(t, bits);
}

static void set_x(struct t1 *t, unsigned bits)
{
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
}

void t1_fp_set_number(struct t1 *t, unsigned bits)
{
    if (t1_fp_in_x(t)) {
        x86_movq_to(&t->e, X86_RAX, 0);
        if (XLEN == 32) /* the upper half is not part of the result */
            x86_extend(&t->e, 32, false, X86_RAX, X86_RAX);
        set_x(t, bits);
        return;
    }
    if (bits == 16)
        x86_singles_to_halves_mem(&t->e, t1_f_mem(OP.rd), 0, t1_fp_host_mode(OP.rm));
    else
        x86_sse_store(&t->e, bits, t1_f_mem(OP.rd), 0);
    box(t, bits);
    t1_fp_end(t);
}

void t1_fp_set_result(struct t1 *t, unsigned bits)
{
    x86_ucomis(&t->e, t1_fp_host_bits(bits), 0, 0);
    t1_fp_handler_if(t, x86_jcc(&t->e, X86_P));
    t1_fp_set_number(t, bits);
}

void t1_fp_set_bits(struct t1 *t, unsigned bits)
{
    if (t1_fp_in_x(t)) {
        set_x(t, bits);
        return;
    }
    if (bits == 16)
        x86_op_imm(&t->e, X86_OR, 64, X86_RAX, T1_HALF_BOX);
    x86_store(&t->e, bits == 16 ? 64 : bits, t1_f_mem(OP.rd), X86_RAX);
    box(t, bits);
    t1_fp_end(t);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

static bool arithmetic(struct t1 *t, unsigned bits, enum x86_scalar op)
{
    if (!t1_fp_possible(t, bits))
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, bits, OP.rs1);
    if (op != X86_SCALAR_SQRT)
        t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_load(t, bits, 0, OP.rs1);
    if (op == X86_SCALAR_SQRT) {
        x86_sse_op(&t->e, t1_fp_host_bits(bits), op, 0, 0);
    } else if (bits == 16 || t1_fp_in_x(t)) {
        t1_fp_load(t, bits, 1, OP.rs2);
        x86_sse_op(&t->e, t1_fp_host_bits(bits), op, 0, 1);
    } else {
        x86_sse_op_mem(&t->e, bits, op, 0, t1_f_mem(OP.rs2));
    }
    t1_fp_set_result(t, bits);
    return true;
}

/* The 213 forms: xmm0 = +-(xmm1 * xmm0) +- memory or xmm2. */
static bool fused(struct t1 *t, unsigned bits, enum x86_fused op)
{
    if (!t->dbt->host.fma || (OP.rm != 7 && OP.rm > 3))
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_rounding(t);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_look_at_box(t, bits, OP.rs3);
    t1_fp_load(t, bits, 0, OP.rs1);
    t1_fp_load(t, bits, 1, OP.rs2);
    if (t1_fp_in_x(t)) {
        t1_fp_load(t, bits, 2, OP.rs3);
        x86_fma(&t->e, bits, op, 0, 1, 2);
    } else {
        x86_fma_mem(&t->e, bits, op, 0, 1, t1_f_mem(OP.rs3));
    }
    t1_fp_set_result(t, bits);
    return true;
}

/* The host's minimum of equal operands is the second one. Of zeroes, RISC-V wants the negative one as the
 * minimum, which is the bits of either, and the positive one as the maximum, which is the bits of both. A NaN
 * is left to the handler. */
static bool select_number(struct t1 *t, unsigned bits, enum x86_scalar op)
{
    struct x86_emit *e = &t->e;
    if (bits == 16 && !t->dbt->host.v3)
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_load(t, bits, 0, OP.rs1);
    t1_fp_load(t, bits, 1, OP.rs2);
    x86_ucomis(e, t1_fp_host_bits(bits), 0, 1);
    t1_fp_handler_if(t, x86_jcc(e, X86_P));
    uint8_t *different = x86_jcc(e, X86_NE);
    x86_packed_logic(e, op == X86_SCALAR_MIN ? X86_POR : X86_PAND, 0, 1);
    uint8_t *done = x86_jmp(e);
    x86_land(e, different);
    x86_sse_op(e, t1_fp_host_bits(bits), op, 0, 1);
    x86_land(e, done);
    t1_fp_set_number(t, bits);
    return true;
}

/* ---- Signs --------------------------------------------------------------------------------------------- */

enum sign { SIGN_COPY, SIGN_NEGATE, SIGN_XOR };

static int64_t sign_bit(unsigned bits)
{
    return bits == 64 ? INT64_MIN : 1ll << (bits - 1);
}

/* fmv, fneg, fabs. */
static void sign_of_itself(struct t1 *t, unsigned bits, enum sign what)
{
    int64_t bit = sign_bit(bits);
    if (what == SIGN_COPY)
        return;
    x86_mov_imm(&t->e, X86_RCX, what == SIGN_XOR ? ~bit : bit);
    x86_op(&t->e, what == SIGN_XOR ? X86_AND : X86_XOR, bits, X86_RAX, X86_RCX);
}

static void sign_of_other(struct t1 *t, unsigned bits, enum sign what)
{
    struct x86_emit *e = &t->e;
    t1_fp_load_bits(t, bits, false, X86_RDX, OP.rs2);
    x86_mov_imm(e, X86_RCX, sign_bit(bits));
    if (what == SIGN_NEGATE)
        x86_not(e, bits, X86_RDX);
    x86_op(e, X86_AND, bits, X86_RDX, X86_RCX);
    if (what != SIGN_XOR) {
        x86_not(e, bits, X86_RCX);
        x86_op(e, X86_AND, bits, X86_RAX, X86_RCX);
    }
    x86_op(e, X86_XOR, bits, X86_RAX, X86_RDX);
}

static bool sign(struct t1 *t, unsigned bits, enum sign what)
{
    t1_fp_begin(t, true);
    t1_fp_look_at_box(t, bits, OP.rs1);
    if (OP.rs1 != OP.rs2)
        t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_load_bits(t, bits, false, X86_RAX, OP.rs1);
    if (OP.rs1 == OP.rs2)
        sign_of_itself(t, bits, what);
    else
        sign_of_other(t, bits, what);
    t1_fp_set_bits(t, bits);
    return true;
}

/* ---- Comparisons --------------------------------------------------------------------------------------- */

/* flt, fle: b > a, b >= a, with the comparison that signals for every NaN, or a quiet one; a NaN sets the
 * carry flag, so both fail. */
static bool compare_order(struct t1 *t, unsigned bits, enum x86_cond cond, bool quiet)
{
    struct x86_emit *e = &t->e;
    if (bits == 16 && !t->dbt->host.v3)
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_load(t, bits, 0, OP.rs2);
    t1_fp_load(t, bits, 1, OP.rs1);
    if (quiet)
        x86_ucomis(e, t1_fp_host_bits(bits), 0, 1);
    else
        x86_comis(e, t1_fp_host_bits(bits), 0, 1);
    x86_setcc(e, cond, X86_RAX);
    x86_extend(e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool compare_equal(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    if (bits == 16 && !t->dbt->host.v3)
        return false;
    t1_fp_begin(t, true);
    t1_fp_look_at_box(t, bits, OP.rs1);
    t1_fp_look_at_box(t, bits, OP.rs2);
    t1_fp_load(t, bits, 0, OP.rs1);
    t1_fp_load(t, bits, 1, OP.rs2);
    x86_ucomis(e, t1_fp_host_bits(bits), 0, 1);
    x86_setcc(e, X86_E, X86_RAX);
    x86_setcc(e, X86_NP, X86_RCX);
    x86_op(e, X86_AND, 32, X86_RAX, X86_RCX);
    x86_extend(e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define FP(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
