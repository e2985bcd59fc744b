/* SPDX-License-Identifier: MIT
 *
 * Handlers of F, D, Zfh, Zfhmin and Zfa; the arithmetic is in fp.h. See exec.h.
 *
 * An f register is 64 bits wide; a narrower value is NaN-boxed: ones above it, and an operand that is not
 * boxed counts as the canonical NaN ("NaN Boxing of Narrower Values").
 */
#include "cpu/exec/exec.h"

#include "cpu/fp/fp.h"
#include "cpu/trap.h"

/* Types, boxing and sign of the formats. Argument suffixes: _h, _s, _d. */
#define T_h    uint16_t
#define T_s    uint32_t
#define T_d    uint64_t
#define SIGN_h 0x8000u
#define SIGN_s 0x80000000u
#define SIGN_d (1ull << 63)

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

/* False after raising the trap: FS is Off. From here on the state is dirty. */
static inline bool fp_ready(struct hart *hart, const struct insn *insn)
{
    if (UNLIKELY(!(hart->mstatus & MSTATUS_FS))) {
        trap_illegal(hart, insn);
        return false;
    }
    hart->mstatus |= MSTATUS_FS;
    return true;
}

/* The same for an instruction with a rounding mode: resolves it, and traps on a reserved one. */
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

#define ENV                (&hart->fp)
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

/* ---- What all formats have: s is the mnemonic's suffix, f the name of the format in fp.h --------------- */

#define FMA(s, f, a, b, c) SET_FD(s, fp_##f##_fma(ENV, rm, a, b, c))

#define EXEC_ARITHMETIC(s, f)                                                                                \
    EXEC_FP_RM(fadd_##s, SET_FD(s, fp_##f##_add(ENV, rm, FS1(s), FS2(s))))                                   \
    EXEC_FP_RM(fsub_##s, SET_FD(s, fp_##f##_sub(ENV, rm, FS1(s), FS2(s))))                                   \
    EXEC_FP_RM(fmul_##s, SET_FD(s, fp_##f##_mul(ENV, rm, FS1(s), FS2(s))))                                   \
    EXEC_FP_RM(fdiv_##s, SET_FD(s, fp_##f##_div(ENV, rm, FS1(s), FS2(s))))                                   \
    EXEC_FP_RM(fsqrt_##s, SET_FD(s, fp_##f##_sqrt(ENV, rm, FS1(s))))                                         \
    EXEC_FP_RM(fmadd_##s, FMA(s, f, FS1(s), FS2(s), FS3(s)))                                                 \
    EXEC_FP_RM(fmsub_##s, FMA(s, f, FS1(s), FS2(s), FS3(s) ^ SIGN_##s))                                      \
    EXEC_FP_RM(fnmsub_##s, FMA(s, f, FS1(s) ^ SIGN_##s, FS2(s), FS3(s)))                                     \
    EXEC_FP_RM(fnmadd_##s, FMA(s, f, FS1(s) ^ SIGN_##s, FS2(s), FS3(s) ^ SIGN_##s))                          \
    EXEC_FP(fmin_##s, SET_FD(s, fp_##f##_min(ENV, FS1(s), FS2(s))))                                          \
    EXEC_FP(fmax_##s, SET_FD(s, fp_##f##_max(ENV, FS1(s), FS2(s))))                                          \
    EXEC_FP(fminm_##s, SET_FD(s, fp_##f##_minm(ENV, FS1(s), FS2(s))))                                        \
    EXEC_FP(fmaxm_##s, SET_FD(s, fp_##f##_maxm(ENV, FS1(s), FS2(s))))                                        \
    EXEC_FP_RM(fround_##s, SET_FD(s, fp_##f##_round(ENV, rm, FS1(s), false)))                                \
    EXEC_FP_RM(froundnx_##s, SET_FD(s, fp_##f##_round(ENV, rm, FS1(s), true)))

#define EXEC_SIGN_AND_COMPARE(s, f)                                                                          \
    EXEC_FP(fsgnj_##s, SET_FD(s, (T_##s)((FS1(s) & ~SIGN_##s) | (FS2(s) & SIGN_##s))))                       \
    EXEC_FP(fsgnjn_##s, SET_FD(s, (T_##s)((FS1(s) & ~SIGN_##s) | (~FS2(s) & SIGN_##s))))                     \
    EXEC_FP(fsgnjx_##s, SET_FD(s, (T_##s)(FS1(s) ^ (FS2(s) & SIGN_##s))))                                    \
    EXEC_FP(feq_##s, SET_RD(fp_##f##_eq(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(flt_##s, SET_RD(fp_##f##_lt(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(fle_##s, SET_RD(fp_##f##_le(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(fltq_##s, SET_RD(fp_##f##_ltq(ENV, FS1(s), FS2(s))))                                             \
    EXEC_FP(fleq_##s, SET_RD(fp_##f##_leq(ENV, FS1(s), FS2(s))))                                             \
    EXEC_FP(fclass_##s, SET_RD(fp_##f##_classify(FS1(s))))                                                   \
    EXEC_FP(fli_##s, SET_FD(s, fp_##f##_fli((unsigned)insn->imm)))

#define EXEC_CONVERT(s, f)                                                                                   \
    EXEC_FP_RM(fcvt_w_##s, SET_RD(fp_##f##_to_i32(ENV, rm, FS1(s))))                                         \
    EXEC_FP_RM(fcvt_wu_##s, SET_RD(fp_##f##_to_u32(ENV, rm, FS1(s))))                                        \
    EXEC_FP_RM(fcvt_l_##s, SET_RD(fp_##f##_to_i64(ENV, rm, FS1(s))))                                         \
    EXEC_FP_RM(fcvt_lu_##s, SET_RD(fp_##f##_to_u64(ENV, rm, FS1(s))))                                        \
    EXEC_FP_RM(fcvt_##s##_w, SET_FD(s, fp_##f##_from_i32(ENV, rm, RS1)))                                     \
    EXEC_FP_RM(fcvt_##s##_wu, SET_FD(s, fp_##f##_from_u32(ENV, rm, RS1)))                                    \
    EXEC_FP_RM(fcvt_##s##_l, SET_FD(s, fp_##f##_from_i64(ENV, rm, RS1)))                                     \
    EXEC_FP_RM(fcvt_##s##_lu, SET_FD(s, fp_##f##_from_u64(ENV, rm, RS1)))

#define EXEC_FORMAT(s, f)                                                                                    \
    EXEC_ARITHMETIC(s, f)                                                                                    \
    EXEC_SIGN_AND_COMPARE(s, f)                                                                              \
    EXEC_CONVERT(s, f)

EXEC_FORMAT(h, f16)
EXEC_FORMAT(s, f32)
EXEC_FORMAT(d, f64)

/* ---- Between formats, and moves ------------------------------------------------------------------------ */

EXEC_FP_RM(fcvt_s_d, SET_FD(s, fp_f64_to_f32(ENV, rm, FS1(d))))
EXEC_FP_RM(fcvt_h_s, SET_FD(h, fp_f32_to_f16(ENV, rm, FS1(s))))
EXEC_FP_RM(fcvt_h_d, SET_FD(h, fp_f64_to_f16(ENV, rm, FS1(d))))
/* Widening is exact, but a reserved rounding mode is still one. */
EXEC_FP_RM(fcvt_d_s, SET_FD(d, fp_f32_to_f64(ENV, FS1(s))))
EXEC_FP_RM(fcvt_s_h, SET_FD(s, fp_f16_to_f32(ENV, FS1(h))))
EXEC_FP_RM(fcvt_d_h, SET_FD(d, fp_f16_to_f64(ENV, FS1(h))))

/* Moves transfer bits: no unboxing. */
EXEC_FP(fmv_x_h, SET_RD((int16_t)hart->f[insn->rs1]))
EXEC_FP(fmv_x_w, SET_RD((int32_t)hart->f[insn->rs1]))
EXEC_FP(fmv_x_d, SET_RD(hart->f[insn->rs1]))
EXEC_FP(fmv_h_x, SET_FD(h, (uint16_t)RS1))
EXEC_FP(fmv_w_x, SET_FD(s, (uint32_t)RS1))
EXEC_FP(fmv_d_x, SET_FD(d, RS1))

/* ---- Zfa ----------------------------------------------------------------------------------------------- */

EXEC_FP(fcvtmod_w_d, SET_RD(fp_f64_to_i32_mod(ENV, FS1(d))))
EXEC_FP(fmvh_x_d, SET_RD((int32_t)(hart->f[insn->rs1] >> 32)))
EXEC_FP(fmvp_d_x, SET_FD(d, (uint64_t)(uint32_t)RS2 << 32 | (uint32_t)RS1))
