/* SPDX-License-Identifier: MIT
 *
 * Handlers that are the same for f registers (fp.c) and for x registers (zfinx.c). These two files define
 * where operands are before they include this one:
 *
 *   EXEC_FP(name, statement)      a handler that executes the statement
 *   EXEC_FP_RM(name, statement)   the same with a rounding mode, which the statement can use as `rm`
 *   FS1(s), FS2(s), FS3(s)        read the operands, in a format
 *   SET_FD(s, value)              writes the result
 *
 * s is a mnemonic's suffix (h, s, d), f the name of the format in fp.h. Statements can use ENV, too.
 */
#ifndef CPU_EXEC_FP_FORMAT_H
#define CPU_EXEC_FP_FORMAT_H

#include "cpu/exec/exec.h"
#include "cpu/fp/fp.h"

#define ENV (&hart->fp)

/* The type and the sign bit of each format. */
#define T_h    uint16_t
#define T_s    uint32_t
#define T_d    uint64_t
#define SIGN_h 0x8000u
#define SIGN_s 0x80000000u
#define SIGN_d (1ull << 63)

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
    EXEC_FP(fmax_##s, SET_FD(s, fp_##f##_max(ENV, FS1(s), FS2(s))))

#define EXEC_SIGN_AND_COMPARE(s, f)                                                                          \
    EXEC_FP(fsgnj_##s, SET_FD(s, (T_##s)((FS1(s) & ~SIGN_##s) | (FS2(s) & SIGN_##s))))                       \
    EXEC_FP(fsgnjn_##s, SET_FD(s, (T_##s)((FS1(s) & ~SIGN_##s) | (~FS2(s) & SIGN_##s))))                     \
    EXEC_FP(fsgnjx_##s, SET_FD(s, (T_##s)(FS1(s) ^ (FS2(s) & SIGN_##s))))                                    \
    EXEC_FP(feq_##s, SET_RD(fp_##f##_eq(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(flt_##s, SET_RD(fp_##f##_lt(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(fle_##s, SET_RD(fp_##f##_le(ENV, FS1(s), FS2(s))))                                               \
    EXEC_FP(fclass_##s, SET_RD(fp_##f##_classify(FS1(s))))

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

/* Conversions between formats. */
EXEC_FP_RM(fcvt_s_d, SET_FD(s, fp_f64_to_f32(ENV, rm, FS1(d))))
EXEC_FP_RM(fcvt_h_s, SET_FD(h, fp_f32_to_f16(ENV, rm, FS1(s))))
EXEC_FP_RM(fcvt_h_d, SET_FD(h, fp_f64_to_f16(ENV, rm, FS1(d))))
/* A conversion to a wider format is exact, but a reserved rounding mode traps here, too. */
EXEC_FP_RM(fcvt_d_s, SET_FD(d, fp_f32_to_f64(ENV, FS1(s))))
EXEC_FP_RM(fcvt_s_h, SET_FD(s, fp_f16_to_f32(ENV, FS1(h))))
EXEC_FP_RM(fcvt_d_h, SET_FD(d, fp_f16_to_f64(ENV, FS1(h))))

#endif
