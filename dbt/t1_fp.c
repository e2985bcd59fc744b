/* SPDX-License-Identifier: MIT
 *
 * Lowerings of F and D on SSE and FMA3. While the hart runs, MXCSR holds the guest's rounding mode and its
 * sticky flags (cpu/fp_env.h), so an operation is its host instruction between two looks: before it, that the
 * rounding mode in MXCSR is the wanted one and that single-precision operands are boxed; after it, that the
 * result is no NaN. Whatever fails a look is done by the interpreter's handler from the unchanged operands;
 * flags that the host raised on the way are those that the handler raises, or fewer.
 */
#include "dbt/t1.h"

#define OP (t->op)

enum { SSE_ADD = 0x58, SSE_MUL = 0x59, SSE_SUB = 0x5c, SSE_DIV = 0x5e, SSE_SQRT = 0x51 };

static struct x86_mem f_mem(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest);
}

static struct x86_mem f_high(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest + 4);
}

/* ---- Looks --------------------------------------------------------------------------------------------- */

/* From the jump at `site` the handler takes over; t1_fp_end() says where it comes back. */
static void handler_if(struct t1 *t, uint8_t *site)
{
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, site);
    if (!t->fp_insn)
        t->fp_insn = t1_make_insn(t);
    cold->insn = t->fp_insn;
}

void t1_fp_begin(struct t1 *t, bool writes)
{
    t->fp_insn = NULL;
    t->fp_first_cold = t->cold_count;
    if (!t->fp_on) {
        x86_test_mem_imm(&t->e, HART_MEM(mstatus), (int32_t)MSTATUS_FS);
        handler_if(t, x86_jcc(&t->e, X86_E));
        t->fp_on = true;
    }
    if (writes && !t->fp_dirty) {
        x86_mem_op_imm(&t->e, X86_OR, 32, HART_MEM(mstatus), (int32_t)MSTATUS_FS);
        t->fp_dirty = true;
    }
}

void t1_fp_end(struct t1 *t)
{
    for (unsigned i = t->fp_first_cold; i < t->cold_count; i++)
        if (t->colds[i].kind == T1_COLD_EXEC)
            t->colds[i].back = x86_here(&t->e);
}

static void look_at_rounding(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_load_extend(e, 8, false, X86_RAX, HART_MEM(fp.host_rm));
    if (OP.rm == 7) {
        x86_load_extend(e, 8, false, X86_RCX, HART_MEM(fp.frm));
        x86_op(e, X86_CMP, 32, X86_RAX, X86_RCX);
    } else {
        x86_op_imm(e, X86_CMP, 32, X86_RAX, OP.rm);
    }
    handler_if(t, x86_jcc(e, X86_NE));
}

static void look_at_box(struct t1 *t, unsigned bits, unsigned guest)
{
    if (bits == 64)
        return;
    x86_mem_op_imm(&t->e, X86_CMP, 32, f_high(guest), -1);
    handler_if(t, x86_jcc(&t->e, X86_NE));
}

/* f[rd] = xmm0, unless that is a NaN. */
static void set_result(struct t1 *t, unsigned bits)
{
    x86_ucomis(&t->e, bits, 0, 0);
    handler_if(t, x86_jcc(&t->e, X86_P));
    x86_sse_store(&t->e, bits, f_mem(OP.rd), 0);
    if (bits == 32)
        x86_store_imm(&t->e, 32, f_high(OP.rd), -1);
    t1_fp_end(t);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

static bool arithmetic(struct t1 *t, unsigned bits, unsigned op)
{
    t1_fp_begin(t, true);
    look_at_rounding(t);
    look_at_box(t, bits, OP.rs1);
    if (op == SSE_SQRT) {
        x86_sse_op_mem(&t->e, bits, op, 0, f_mem(OP.rs1));
    } else {
        look_at_box(t, bits, OP.rs2);
        x86_sse_load(&t->e, bits, 0, f_mem(OP.rs1));
        x86_sse_op_mem(&t->e, bits, op, 0, f_mem(OP.rs2));
    }
    set_result(t, bits);
    return true;
}

/* The 213 forms: xmm0 = +-(xmm1 * xmm0) +- memory. */
enum { FMADD = 0xa9, FMSUB = 0xab, FNMADD = 0xad, FNMSUB = 0xaf };

static bool fused(struct t1 *t, unsigned bits, unsigned op)
{
    if (!__builtin_cpu_supports("fma"))
        return false;
    t1_fp_begin(t, true);
    look_at_rounding(t);
    look_at_box(t, bits, OP.rs1);
    look_at_box(t, bits, OP.rs2);
    look_at_box(t, bits, OP.rs3);
    x86_sse_load(&t->e, bits, 0, f_mem(OP.rs1));
    x86_sse_load(&t->e, bits, 1, f_mem(OP.rs2));
    x86_fma_mem(&t->e, bits, op, 0, 1, f_mem(OP.rs3));
    set_result(t, bits);
    return true;
}

/* ---- Moves and signs ----------------------------------------------------------------------------------- */

enum sign { SIGN_COPY, SIGN_NEGATE, SIGN_CLEAR };

/* fmv, fneg, fabs: the sign instructions with one source; others go to the handler. */
static bool sign(struct t1 *t, unsigned bits, enum sign what)
{
    if (OP.rs1 != OP.rs2)
        return false;
    t1_fp_begin(t, true);
    look_at_box(t, bits, OP.rs1);
    x86_load(&t->e, 64, X86_RAX, f_mem(OP.rs1));
    if (what != SIGN_COPY) {
        int64_t bit = bits == 64 ? INT64_MIN : 0x80000000ll;
        x86_mov_imm(&t->e, X86_RCX, what == SIGN_CLEAR ? ~bit : bit);
        x86_op(&t->e, what == SIGN_CLEAR ? X86_AND : X86_XOR, 64, X86_RAX, X86_RCX);
    }
    x86_store(&t->e, 64, f_mem(OP.rd), X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool to_x(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    x86_load_extend(&t->e, bits, true, X86_RAX, f_mem(OP.rs1));
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool from_x(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    x86_store(&t->e, bits, f_mem(OP.rd), t1_use(t, OP.rs1, X86_RAX));
    if (bits == 32)
        x86_store_imm(&t->e, 32, f_high(OP.rd), -1);
    t1_fp_end(t);
    return true;
}

/* ---- Comparisons ----------------------------------------------------------------------------------------
 */

/* flt, fle: b > a, b >= a, by the comparison that signals for every NaN; a NaN sets the carry flag, so both
 * fail. */
static bool compare_order(struct t1 *t, unsigned bits, enum x86_cond cond)
{
    t1_fp_begin(t, true);
    look_at_box(t, bits, OP.rs1);
    look_at_box(t, bits, OP.rs2);
    x86_sse_load(&t->e, bits, 0, f_mem(OP.rs2));
    x86_sse_load(&t->e, bits, 1, f_mem(OP.rs1));
    x86_comis(&t->e, bits, 0, 1);
    x86_setcc(&t->e, cond, X86_RAX);
    x86_extend(&t->e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool compare_equal(struct t1 *t, unsigned bits)
{
    t1_fp_begin(t, true);
    look_at_box(t, bits, OP.rs1);
    look_at_box(t, bits, OP.rs2);
    x86_sse_load(&t->e, bits, 0, f_mem(OP.rs1));
    x86_sse_load(&t->e, bits, 1, f_mem(OP.rs2));
    x86_ucomis(&t->e, bits, 0, 1);
    x86_setcc(&t->e, X86_E, X86_RAX);
    x86_setcc(&t->e, X86_NP, X86_RCX);
    x86_op(&t->e, X86_AND, 32, X86_RAX, X86_RCX);
    x86_extend(&t->e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

/* ---- Conversions ----------------------------------------------------------------------------------------
 */

/* From an integer: exact from 32 bits to double, rounded else. */
static bool from_integer(struct t1 *t, unsigned bits, unsigned integer_bits)
{
    bool exact = bits == 64 && integer_bits == 32;
    if (OP.rm >= 5 && (exact || OP.rm < 7))
        return false; /* reserved, or perhaps so: the handler knows */
    t1_fp_begin(t, true);
    if (!exact)
        look_at_rounding(t);
    enum x86_reg from = t1_use(t, OP.rs1, X86_RAX);
    x86_cvt_from_integer(&t->e, bits, integer_bits, 0, from);
    x86_sse_store(&t->e, bits, f_mem(OP.rd), 0);
    if (bits == 32)
        x86_store_imm(&t->e, 32, f_high(OP.rd), -1);
    t1_fp_end(t);
    return true;
}

/* To a signed integer, towards zero, which compilers want. The host's answer to all that does not fit is the
 * lowest integer; that one is looked at again by the handler. */
static bool to_integer(struct t1 *t, unsigned bits, unsigned integer_bits)
{
    if (OP.rm != 1)
        return false;
    t1_fp_begin(t, true);
    look_at_box(t, bits, OP.rs1);
    x86_cvtt_to_integer(&t->e, bits, integer_bits, X86_RAX, f_mem(OP.rs1));
    x86_mov_imm(&t->e, X86_RCX, integer_bits == 64 ? INT64_MIN : 0x80000000ll);
    x86_op(&t->e, X86_CMP, integer_bits, X86_RAX, X86_RCX);
    handler_if(t, x86_jcc(&t->e, X86_E));
    if (integer_bits == 32)
        x86_extend(&t->e, 32, true, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

/* Between single and double: 0x5a, by the size of the source. */
static bool convert(struct t1 *t, unsigned from_bits)
{
    t1_fp_begin(t, true);
    look_at_rounding(t);
    look_at_box(t, from_bits, OP.rs1);
    x86_sse_op_mem(&t->e, from_bits, 0x5a, 0, f_mem(OP.rs1));
    set_result(t, 96 - from_bits);
    return true;
}

#define LOWER(name, call)                                                                                    \
    static bool lower_##name(struct t1 *t)                                                                   \
    {                                                                                                        \
        return call;                                                                                         \
    }

#define LOWER_FORMAT(s, bits)                                                                                \
    LOWER(fadd_##s, arithmetic(t, bits, SSE_ADD))                                                            \
    LOWER(fsub_##s, arithmetic(t, bits, SSE_SUB))                                                            \
    LOWER(fmul_##s, arithmetic(t, bits, SSE_MUL))                                                            \
    LOWER(fdiv_##s, arithmetic(t, bits, SSE_DIV))                                                            \
    LOWER(fsqrt_##s, arithmetic(t, bits, SSE_SQRT))                                                          \
    LOWER(fmadd_##s, fused(t, bits, FMADD))                                                                  \
    LOWER(fmsub_##s, fused(t, bits, FMSUB))                                                                  \
    LOWER(fnmsub_##s, fused(t, bits, FNMADD))                                                                \
    LOWER(fnmadd_##s, fused(t, bits, FNMSUB))                                                                \
    LOWER(fsgnj_##s, sign(t, bits, SIGN_COPY))                                                               \
    LOWER(fsgnjn_##s, sign(t, bits, SIGN_NEGATE))                                                            \
    LOWER(fsgnjx_##s, sign(t, bits, SIGN_CLEAR))                                                             \
    LOWER(feq_##s, compare_equal(t, bits))                                                                   \
    LOWER(flt_##s, compare_order(t, bits, X86_A))                                                            \
    LOWER(fle_##s, compare_order(t, bits, X86_AE))                                                           \
    LOWER(fcvt_##s##_w, from_integer(t, bits, 32))                                                           \
    LOWER(fcvt_##s##_l, from_integer(t, bits, 64))                                                           \
    LOWER(fcvt_w_##s, to_integer(t, bits, 32))                                                               \
    LOWER(fcvt_l_##s, to_integer(t, bits, 64))

LOWER_FORMAT(s, 32)
LOWER_FORMAT(d, 64)
LOWER(fcvt_s_d, convert(t, 64))
LOWER(fcvt_d_s, convert(t, 32))
LOWER(fmv_x_w, to_x(t, 32))
LOWER(fmv_x_d, to_x(t, 64))
LOWER(fmv_w_x, from_x(t, 32))
LOWER(fmv_d_x, from_x(t, 64))

#define ROW(name) [ISA_INSN_##name] = lower_##name
#define ROWS(s)                                                                                              \
    ROW(fadd_##s), ROW(fsub_##s), ROW(fmul_##s), ROW(fdiv_##s), ROW(fsqrt_##s), ROW(fmadd_##s),              \
        ROW(fmsub_##s), ROW(fnmsub_##s), ROW(fnmadd_##s), ROW(fsgnj_##s), ROW(fsgnjn_##s), ROW(fsgnjx_##s),  \
        ROW(feq_##s), ROW(flt_##s), ROW(fle_##s), ROW(fcvt_##s##_w), ROW(fcvt_##s##_l), ROW(fcvt_w_##s),     \
        ROW(fcvt_l_##s)

t1_lower_fn *const t1_fp_lowerings[ISA_INSN_COUNT] = {
    ROWS(s), ROWS(d), ROW(fcvt_s_d), ROW(fcvt_d_s), ROW(fmv_x_w), ROW(fmv_x_d), ROW(fmv_w_x), ROW(fmv_d_x),
};
