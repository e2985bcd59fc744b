/* SPDX-License-Identifier: MIT
 *
 * Handlers of F, D, Zfh, Zfhmin, Zfbfmin and Zfa. fp_format.h makes those that all formats have; the
 * arithmetic is in fp.h and bfloat.h. See exec.h.
 *
 * An f register is 64 bits wide. A narrower value in it is NaN-boxed: all bits above it are ones. A narrower
 * operand that is not boxed counts as the canonical NaN ("NaN Boxing of Narrower Values").
 */
#include "cpu/exec/exec.h"

#include "cpu/fp/bfloat.h"
#include "cpu/trap.h"

/* ---- Operands ------------------------------------------------------------------------------------------ */

static inline uint16_t unbox_h(uint64_t f)
{
    return f >> 16 == 0xffffffffffffull ? (uint16_t)f : 0x7e00;
}
static inline uint32_t unbox_s(uint64_t f)
{
    return f >> 32 == 0xffffffffu ? (uint32_t)f : 0x7fc00000u;
}
static inline uint64_t unbox_d(uint64_t f)
{
    return f;
}
static inline uint64_t box_h(uint16_t value)
{
    return value | ~0xffffull;
}
static inline uint64_t box_s(uint32_t value)
{
    return value | ~0xffffffffull;
}
static inline uint64_t box_d(uint64_t value)
{
    return value;
}

/* Raises the trap and returns false if FS is Off. Otherwise FS is Dirty from here on. */
static inline bool fp_ready(struct hart *hart, const struct insn *insn)
{
    if (UNLIKELY(!(hart->mstatus & MSTATUS_FS))) {
        trap_illegal(hart, insn);
        return false;
    }
    hart->mstatus |= MSTATUS_FS;
    return true;
}

/* The same for an instruction with a rounding mode: *rm = the mode to use; a reserved one traps. */
static inline bool fp_ready_rm(struct hart *hart, const struct insn *insn, unsigned *rm)
{
    *rm = insn->rm == 7 ? hart->fp.frm : insn->rm;
    if (UNLIKELY(*rm > FP_RMM || !(hart->mstatus & MSTATUS_FS))) {
        trap_illegal(hart, insn);
        return false;
    }
    hart->mstatus |= MSTATUS_FS;
    return true;
}

#define FS1(fmt)           unbox_##fmt(hart->f[insn->rs1])
#define FS2(fmt)           unbox_##fmt(hart->f[insn->rs2])
#define FS3(fmt)           unbox_##fmt(hart->f[insn->rs3])
#define SET_FD(fmt, value) (hart->f[insn->rd] = box_##fmt(value))

#define EXEC_FP(name, statement)                                                                             \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(!fp_ready(hart, insn)))                                                                 \
            return;                                                                                          \
        statement;                                                                                           \
        NEXT;                                                                                                \
    }

#define EXEC_FP_RM(name, statement)                                                                          \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        unsigned rm;                                                                                         \
        if (UNLIKELY(!fp_ready_rm(hart, insn, &rm)))                                                         \
            return;                                                                                          \
        statement;                                                                                           \
        NEXT;                                                                                                \
    }

#include "cpu/exec/fp_format.h"

/* ---- BF16, and moves ----------------------------------------------------------------------------------- */

/* BF16 is boxed like half precision, but its canonical NaN is another one. */
static inline uint16_t unbox_bf16(uint64_t f)
{
    return f >> 16 == 0xffffffffffffull ? (uint16_t)f : FP_BF16_NAN;
}
EXEC_FP_RM(fcvt_s_bf16, SET_FD(s, fp_bf16_to_f32(ENV, unbox_bf16(hart->f[insn->rs1]))))
EXEC_FP_RM(fcvt_bf16_s, SET_FD(h, fp_f32_to_bf16(ENV, rm, FS1(s))))

/* Moves transfer bits: they do not check the box of their operand. */
EXEC_FP(fmv_x_h, SET_RD((int16_t)hart->f[insn->rs1]))
EXEC_FP(fmv_x_w, SET_RD((int32_t)hart->f[insn->rs1]))
EXEC_FP(fmv_x_d, SET_RD(hart->f[insn->rs1]))
EXEC_FP(fmv_h_x, SET_FD(h, (uint16_t)RS1))
EXEC_FP(fmv_w_x, SET_FD(s, (uint32_t)RS1))
EXEC_FP(fmv_d_x, SET_FD(d, RS1))

/* ---- Zfa ----------------------------------------------------------------------------------------------- */

#define EXEC_ZFA(s, f)                                                                                       \
    EXEC_FP(fminm_##s, SET_FD(s, fp_##f##_minm(ENV, FS1(s), FS2(s))))                                        \
    EXEC_FP(fmaxm_##s, SET_FD(s, fp_##f##_maxm(ENV, FS1(s), FS2(s))))                                        \
    EXEC_FP_RM(fround_##s, SET_FD(s, fp_##f##_round(ENV, rm, FS1(s), false)))                                \
    EXEC_FP_RM(froundnx_##s, SET_FD(s, fp_##f##_round(ENV, rm, FS1(s), true)))                               \
    EXEC_FP(fltq_##s, SET_RD(fp_##f##_ltq(ENV, FS1(s), FS2(s))))                                             \
    EXEC_FP(fleq_##s, SET_RD(fp_##f##_leq(ENV, FS1(s), FS2(s))))                                             \
    EXEC_FP(fli_##s, SET_FD(s, fp_##f##_fli((unsigned)insn->imm)))

EXEC_ZFA(h, f16)
EXEC_ZFA(s, f32)
EXEC_ZFA(d, f64)

EXEC_FP(fcvtmod_w_d, SET_RD(fp_f64_to_i32_mod(ENV, FS1(d))))
EXEC_FP(fmvh_x_d, SET_RD((int32_t)(hart->f[insn->rs1] >> 32)))
EXEC_FP(fmvp_d_x, SET_FD(d, (uint64_t)(uint32_t)RS2 << 32 | (uint32_t)RS1))
