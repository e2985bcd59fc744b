/* SPDX-License-Identifier: MIT
 *
 * Floating-point arithmetic of the extensions F, D, Zfh and Zfa: bit-exact results and flags.
 *
 * Every format (fmt: f16, f32, f64) has the same operations on raw bits, not NaN-boxed, of type T (uint16_t,
 * uint32_t, uint64_t). rm is the resolved rounding mode, FP_RNE..FP_RMM: the caller turns DYN into frm and
 * refuses reserved values. Nothing fails; exceptions become flags in the environment (fp_flags_get()). NaN
 * results are canonical. Call only between fp_env_enter() and fp_env_leave(), on the thread that did
 * (fp/env.h).
 *
 *     T fp_fmt_add, _sub, _mul, _div(env, rm, a, b)     T fp_fmt_sqrt(env, rm, a)
 *     T fp_fmt_fma(env, rm, a, b, c)                    a * b + c, rounded once; for the other three forms
 *                                                       flip signs of operands
 *     T fp_fmt_min, _max(env, a, b)                     the number if one operand is a NaN; -0 < +0
 *     T fp_fmt_minm, _maxm(env, a, b)                   Zfa: NaN if either operand is
 *     bool fp_fmt_eq, _ltq, _leq(env, a, b)             only signalling NaNs are invalid
 *     bool fp_fmt_lt, _le(env, a, b)                    all NaNs are invalid
 *     unsigned fp_fmt_classify(a)                       the ten-bit mask of FCLASS
 *     uint64_t fp_fmt_to_i32, _u32, _i64, _u64(env, rm, a)   saturating, as an RV64 register gets it
 *     T fp_fmt_from_i32, _u32, _i64, _u64(env, rm, x)   of 32 bits only the low half of x counts
 *     T fp_fmt_round(env, rm, a, inexact)               Zfa: to an integral value; NX only if `inexact`
 *     T fp_fmt_fli(index)                               Zfa: constant 0..31
 *     T fp_from_to_to(env, a), or (env, rm, a)          between formats; rm where the result has fewer bits
 *     uint64_t fp_f64_to_i32_mod(env, a)                Zfa: FCVTMOD.W.D
 *
 * f32 and f64 arithmetic and conversions run on host instructions where these do what RISC-V wants
 * (fp/host.h), and in software elsewhere (fp/soft.h); comparisons are integer code (fp/compare.h).
 */
#ifndef CPU_FP_FP_H
#define CPU_FP_FP_H

#include "cpu/fp/compare.h"
#include "cpu/fp/env.h"
#include "cpu/fp/format.h"
#include "cpu/fp/host.h"
#include "cpu/fp/soft.h"

/* Operations that are the same code in every format. */
#define FP_COMMON_OPERATIONS(fmt, T, width)                                                                  \
    static inline T fp_##fmt##_min(struct fp_env *env, T a, T b)                                             \
    {                                                                                                        \
        return (T)fp_select(env, width, a, b, false, false);                                                 \
    }                                                                                                        \
    static inline T fp_##fmt##_max(struct fp_env *env, T a, T b)                                             \
    {                                                                                                        \
        return (T)fp_select(env, width, a, b, true, false);                                                  \
    }                                                                                                        \
    static inline T fp_##fmt##_minm(struct fp_env *env, T a, T b)                                            \
    {                                                                                                        \
        return (T)fp_select(env, width, a, b, false, true);                                                  \
    }                                                                                                        \
    static inline T fp_##fmt##_maxm(struct fp_env *env, T a, T b)                                            \
    {                                                                                                        \
        return (T)fp_select(env, width, a, b, true, true);                                                   \
    }                                                                                                        \
    static inline bool fp_##fmt##_eq(struct fp_env *env, T a, T b)                                           \
    {                                                                                                        \
        return fp_compare_eq(env, width, a, b);                                                              \
    }                                                                                                        \
    static inline bool fp_##fmt##_lt(struct fp_env *env, T a, T b)                                           \
    {                                                                                                        \
        return fp_compare_order(env, width, a, b, false, false);                                             \
    }                                                                                                        \
    static inline bool fp_##fmt##_le(struct fp_env *env, T a, T b)                                           \
    {                                                                                                        \
        return fp_compare_order(env, width, a, b, true, false);                                              \
    }                                                                                                        \
    static inline bool fp_##fmt##_ltq(struct fp_env *env, T a, T b)                                          \
    {                                                                                                        \
        return fp_compare_order(env, width, a, b, false, true);                                              \
    }                                                                                                        \
    static inline bool fp_##fmt##_leq(struct fp_env *env, T a, T b)                                          \
    {                                                                                                        \
        return fp_compare_order(env, width, a, b, true, true);                                               \
    }                                                                                                        \
    static inline unsigned fp_##fmt##_classify(T a)                                                          \
    {                                                                                                        \
        return fp_classify(width, a);                                                                        \
    }                                                                                                        \
    static inline T fp_##fmt##_round(struct fp_env *env, unsigned rm, T a, bool inexact)                     \
    {                                                                                                        \
        return (T)fp_soft_round(env, width, rm, a, inexact);                                                 \
    }                                                                                                        \
    static inline T fp_##fmt##_fli(unsigned index)                                                           \
    {                                                                                                        \
        return (T)fp_soft_load_immediate(width, index);                                                      \
    }

FP_COMMON_OPERATIONS(f16, uint16_t, 16)
FP_COMMON_OPERATIONS(f32, uint32_t, 32)
FP_COMMON_OPERATIONS(f64, uint64_t, 64)

/* f16 is all software: few hosts compute with it, and in f32 results would be rounded twice and flags raised
 * twice. */
#define FP_F16_BINARY(name)                                                                                  \
    static inline uint16_t fp_f16_##name(struct fp_env *env, unsigned rm, uint16_t a, uint16_t b)            \
    {                                                                                                        \
        return (uint16_t)fp_soft_##name(env, 16, rm, a, b);                                                  \
    }
#define FP_F16_TO_INTEGER(name, integer)                                                                     \
    static inline uint64_t fp_f16_to_##name(struct fp_env *env, unsigned rm, uint16_t a)                     \
    {                                                                                                        \
        return fp_soft_to_integer(env, 16, rm, a, integer);                                                  \
    }

FP_F16_BINARY(add)
FP_F16_BINARY(sub)
FP_F16_BINARY(mul)
FP_F16_BINARY(div)
FP_F16_TO_INTEGER(i32, FP_I32)
FP_F16_TO_INTEGER(u32, FP_U32)
FP_F16_TO_INTEGER(i64, FP_I64)
FP_F16_TO_INTEGER(u64, FP_U64)

static inline uint16_t fp_f16_from_i64(struct fp_env *env, unsigned rm, uint64_t x)
{
    return (uint16_t)fp_soft_from_integer(env, 16, rm, x >> 63, x >> 63 ? -x : x);
}

static inline uint16_t fp_f16_from_u64(struct fp_env *env, unsigned rm, uint64_t x)
{
    return (uint16_t)fp_soft_from_integer(env, 16, rm, false, x);
}

static inline uint16_t fp_f16_from_i32(struct fp_env *env, unsigned rm, uint64_t x)
{
    return fp_f16_from_i64(env, rm, (uint64_t)(int64_t)(int32_t)x);
}

static inline uint16_t fp_f16_from_u32(struct fp_env *env, unsigned rm, uint64_t x)
{
    return fp_f16_from_u64(env, rm, (uint32_t)x);
}

static inline uint16_t fp_f16_sqrt(struct fp_env *env, unsigned rm, uint16_t a)
{
    return (uint16_t)fp_soft_sqrt(env, 16, rm, a);
}

static inline uint16_t fp_f16_fma(struct fp_env *env, unsigned rm, uint16_t a, uint16_t b, uint16_t c)
{
    return (uint16_t)fp_soft_fma(env, 16, rm, a, b, c);
}

static inline uint32_t fp_f16_to_f32(struct fp_env *env, uint16_t a)
{
    return (uint32_t)fp_soft_convert(env, 16, 32, FP_RNE, a);
}

static inline uint64_t fp_f16_to_f64(struct fp_env *env, uint16_t a)
{
    return fp_soft_convert(env, 16, 64, FP_RNE, a);
}

static inline uint16_t fp_f32_to_f16(struct fp_env *env, unsigned rm, uint32_t a)
{
    return (uint16_t)fp_soft_convert(env, 32, 16, rm, a);
}

static inline uint16_t fp_f64_to_f16(struct fp_env *env, unsigned rm, uint64_t a)
{
    return (uint16_t)fp_soft_convert(env, 64, 16, rm, a);
}

static inline uint64_t fp_f64_to_i32_mod(struct fp_env *env, uint64_t a)
{
    return fp_soft_f64_to_i32_mod(env, a);
}

#endif
