/* SPDX-License-Identifier: MIT
 *
 * Floating-point operations in integer arithmetic, exact in every format and rounding mode. The host's
 * instructions are faster (fp/host.h); these functions do what the host cannot do, and are the reference for
 * the rest.
 *
 * Formats are named by width (fp/format.h): operands and results are raw bits. Flags go to env->flags; MXCSR
 * is neither read nor changed, so these also work outside of fp_env_enter(). rm is 0..4.
 */
#ifndef CPU_FP_SOFT_H
#define CPU_FP_SOFT_H

#include "cpu/fp/env.h"
#include "cpu/fp/format.h"

uint64_t fp_soft_add(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b);
uint64_t fp_soft_sub(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b);
uint64_t fp_soft_mul(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b);
uint64_t fp_soft_div(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b);
uint64_t fp_soft_sqrt(struct fp_env *env, unsigned width, unsigned rm, uint64_t a);
/* a * b + c, rounded once. Infinity times zero is invalid, even if c is a quiet NaN. */
uint64_t fp_soft_fma(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, uint64_t b, uint64_t c);

/* From one format to another. */
uint64_t fp_soft_convert(struct fp_env *env, unsigned from, unsigned to, unsigned rm, uint64_t a);

enum fp_integer {
    FP_I32,
    FP_U32,
    FP_I64,
    FP_U64,
};
/* FCVT.int.fmt: saturates; a NaN gives the largest value; in both cases only NV is raised. 32-bit results,
 * the unsigned ones too, are sign-extended as RV64 registers hold them. */
uint64_t fp_soft_to_integer(struct fp_env *env, unsigned width, unsigned rm, uint64_t a,
                            enum fp_integer integer);
/* FCVT.fmt.int of an integer given as sign and magnitude. */
uint64_t fp_soft_from_integer(struct fp_env *env, unsigned width, unsigned rm, bool sign, uint64_t magnitude);

/* FROUND, or FROUNDNX if `inexact` (Zfa). */
uint64_t fp_soft_round(struct fp_env *env, unsigned width, unsigned rm, uint64_t a, bool inexact);
/* FCVTMOD.W.D (Zfa): truncated, modulo 2^32, sign-extended; the flags of FCVT.W.D with RTZ. */
uint64_t fp_soft_f64_to_i32_mod(struct fp_env *env, uint64_t a);
/* FLI (Zfa): the constant of this index, 0..31. */
uint64_t fp_soft_load_immediate(unsigned width, unsigned index);

#endif
