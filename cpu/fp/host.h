/* SPDX-License-Identifier: MIT
 *
 * f32 and f64 on the host's own instructions. Only fp.h includes this header.
 *
 * SSE scalar arithmetic is IEEE 754 in all four of its rounding modes, and detects tininess after rounding as
 * RISC-V does. The differences are repaired here:
 *  - a NaN result carries a payload and often a sign: it is replaced by the canonical NaN;
 *  - infinity * 0 + quiet NaN is not invalid to FMA3: the software decides the flags of every NaN result;
 *  - conversions to integers give one "indefinite" value where RISC-V saturates: the software does those
 *    again. The flags agree (the host raises IE alone, the software NV alone);
 *  - there is no mode for ties to the larger magnitude, and FMA3 may be missing: then the software does it.
 * DE, which RISC-V does not have, is never read.
 *
 * The instructions are volatile asm, not C operators, because the compiler believes that arithmetic neither
 * depends on MXCSR nor changes it: it would fold constants, drop results that are not used, and move
 * operations across the ldmxcsr and stmxcsr that fp/env.c does. Volatile asm statements keep their order.
 */
#ifndef CPU_FP_HOST_H
#define CPU_FP_HOST_H

#include <string.h>

#include "cpu/fp/env.h"
#include "cpu/fp/soft.h"

static inline float fp_f32_load(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t fp_f32_store(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return __builtin_expect(fp_is_nan(32, bits), 0) ? (uint32_t)fp_canonical_nan(32) : bits;
}

static inline double fp_f64_load(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint64_t fp_f64_store(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return __builtin_expect(fp_is_nan(64, bits), 0) ? fp_canonical_nan(64) : bits;
}

#define FP_HOST_BINARY(fmt, T, host, width, name, instruction)                                               \
    static inline T fp_##fmt##_##name(struct fp_env *env, unsigned rm, T a, T b)                             \
    {                                                                                                        \
        if (!fp_host_rm(env, rm))                                                                            \
            return (T)fp_soft_##name(env, width, rm, a, b);                                                  \
        host x = fp_##fmt##_load(a);                                                                         \
        __asm__ volatile(instruction " %1, %0" : "+x"(x) : "x"(fp_##fmt##_load(b)));                         \
        return fp_##fmt##_store(x);                                                                          \
    }

#define FP_HOST_SQRT(fmt, T, host, width, instruction)                                                       \
    static inline T fp_##fmt##_sqrt(struct fp_env *env, unsigned rm, T a)                                    \
    {                                                                                                        \
        if (!fp_host_rm(env, rm))                                                                            \
            return (T)fp_soft_sqrt(env, width, rm, a);                                                       \
        host x = fp_##fmt##_load(a);                                                                         \
        __asm__ volatile(instruction " %0, %0" : "+x"(x));                                                   \
        return fp_##fmt##_store(x);                                                                          \
    }

#define FP_HOST_FMA(fmt, T, host, width, instruction)                                                        \
    static inline T fp_##fmt##_fma(struct fp_env *env, unsigned rm, T a, T b, T c)                           \
    {                                                                                                        \
        if (!env->host_fma || !fp_host_rm(env, rm))                                                          \
            return (T)fp_soft_fma(env, width, rm, a, b, c);                                                  \
        host x = fp_##fmt##_load(a);                                                                         \
        __asm__ volatile(instruction " %2, %1, %0"                                                           \
                         : "+x"(x)                                                                           \
                         : "x"(fp_##fmt##_load(b)), "x"(fp_##fmt##_load(c)));                                \
        T result = fp_##fmt##_store(x);                                                                      \
        if (__builtin_expect(fp_is_nan(width, result), 0))                                                   \
            fp_soft_fma(env, width, rm, a, b, c); /* sets NV */                                              \
        return result;                                                                                       \
    }

/* To int32_t or int64_t: the width of the register operand is that of the conversion. */
#define FP_HOST_TO_SIGNED(fmt, T, width, name, signed_type, minimum, integer, instruction)                   \
    static inline uint64_t fp_##fmt##_to_##name(struct fp_env *env, unsigned rm, T a)                        \
    {                                                                                                        \
        signed_type result;                                                                                  \
        if (rm == FP_RTZ)                                                                                    \
            __asm__ volatile("cvtt" instruction " %1, %0" : "=r"(result) : "x"(fp_##fmt##_load(a)));         \
        else if (fp_host_rm(env, rm))                                                                        \
            __asm__ volatile("cvt" instruction " %1, %0" : "=r"(result) : "x"(fp_##fmt##_load(a)));          \
        else                                                                                                 \
            return fp_soft_to_integer(env, width, rm, a, integer);                                           \
        if (__builtin_expect(result == minimum, 0)) /* really the minimum, or the indefinite value */        \
            return fp_soft_to_integer(env, width, rm, a, integer);                                           \
        return (uint64_t)(int64_t)result;                                                                    \
    }

/* An operand from +0 to `last` (as bits) cannot overflow in any mode: it goes the signed 64-bit way. */
#define FP_HOST_TO_UNSIGNED(fmt, T, width, name, last, integer, result_type)                                 \
    static inline uint64_t fp_##fmt##_to_##name(struct fp_env *env, unsigned rm, T a)                        \
    {                                                                                                        \
        if (__builtin_expect(a > (last), 0))                                                                 \
            return fp_soft_to_integer(env, width, rm, a, integer);                                           \
        return (uint64_t)(result_type)fp_##fmt##_to_i64(env, rm, a);                                         \
    }

#define FP_HOST_FROM_INTEGER(fmt, T, host, width, instruction)                                               \
    static inline T fp_##fmt##_from_i64(struct fp_env *env, unsigned rm, uint64_t x)                         \
    {                                                                                                        \
        host result = 0;                                                                                     \
        if (!fp_host_rm(env, rm))                                                                            \
            return (T)fp_soft_from_integer(env, width, rm, x >> 63, x >> 63 ? -x : x);                       \
        __asm__ volatile(instruction " %1, %0" : "+x"(result) : "r"(x));                                     \
        return fp_##fmt##_store(result);                                                                     \
    }                                                                                                        \
    static inline T fp_##fmt##_from_u64(struct fp_env *env, unsigned rm, uint64_t x)                         \
    {                                                                                                        \
        if (__builtin_expect(x >> 63, 0))                                                                    \
            return (T)fp_soft_from_integer(env, width, rm, false, x);                                        \
        return fp_##fmt##_from_i64(env, rm, x);                                                              \
    }                                                                                                        \
    static inline T fp_##fmt##_from_i32(struct fp_env *env, unsigned rm, uint64_t x)                         \
    {                                                                                                        \
        return fp_##fmt##_from_i64(env, rm, (uint64_t)(int64_t)(int32_t)x);                                  \
    }                                                                                                        \
    static inline T fp_##fmt##_from_u32(struct fp_env *env, unsigned rm, uint64_t x)                         \
    {                                                                                                        \
        return fp_##fmt##_from_i64(env, rm, (uint32_t)x);                                                    \
    }

FP_HOST_BINARY(f32, uint32_t, float, 32, add, "addss")
FP_HOST_BINARY(f32, uint32_t, float, 32, sub, "subss")
FP_HOST_BINARY(f32, uint32_t, float, 32, mul, "mulss")
FP_HOST_BINARY(f32, uint32_t, float, 32, div, "divss")
FP_HOST_SQRT(f32, uint32_t, float, 32, "sqrtss")
FP_HOST_FMA(f32, uint32_t, float, 32, "vfmadd213ss")
FP_HOST_TO_SIGNED(f32, uint32_t, 32, i32, int32_t, INT32_MIN, FP_I32, "ss2si")
FP_HOST_TO_SIGNED(f32, uint32_t, 32, i64, int64_t, INT64_MIN, FP_I64, "ss2si")
FP_HOST_TO_UNSIGNED(f32, uint32_t, 32, u32, 0x4f7fffff, FP_U32, int32_t)
FP_HOST_TO_UNSIGNED(f32, uint32_t, 32, u64, 0x5effffff, FP_U64, int64_t)
FP_HOST_FROM_INTEGER(f32, uint32_t, float, 32, "cvtsi2ssq")

FP_HOST_BINARY(f64, uint64_t, double, 64, add, "addsd")
FP_HOST_BINARY(f64, uint64_t, double, 64, sub, "subsd")
FP_HOST_BINARY(f64, uint64_t, double, 64, mul, "mulsd")
FP_HOST_BINARY(f64, uint64_t, double, 64, div, "divsd")
FP_HOST_SQRT(f64, uint64_t, double, 64, "sqrtsd")
FP_HOST_FMA(f64, uint64_t, double, 64, "vfmadd213sd")
FP_HOST_TO_SIGNED(f64, uint64_t, 64, i32, int32_t, INT32_MIN, FP_I32, "sd2si")
FP_HOST_TO_SIGNED(f64, uint64_t, 64, i64, int64_t, INT64_MIN, FP_I64, "sd2si")
FP_HOST_TO_UNSIGNED(f64, uint64_t, 64, u32, 0x41efffffffe00000, FP_U32, int32_t)
FP_HOST_TO_UNSIGNED(f64, uint64_t, 64, u64, 0x43dfffffffffffff, FP_U64, int64_t)
FP_HOST_FROM_INTEGER(f64, uint64_t, double, 64, "cvtsi2sdq")

static inline uint64_t fp_f32_to_f64(struct fp_env *env, uint32_t a)
{
    double result = 0;
    (void)env;
    __asm__ volatile("cvtss2sd %1, %0" : "+x"(result) : "x"(fp_f32_load(a)));
    return fp_f64_store(result);
}

static inline uint32_t fp_f64_to_f32(struct fp_env *env, unsigned rm, uint64_t a)
{
    float result = 0;
    if (!fp_host_rm(env, rm))
        return (uint32_t)fp_soft_convert(env, 64, 32, rm, a);
    __asm__ volatile("cvtsd2ss %1, %0" : "+x"(result) : "x"(fp_f64_load(a)));
    return fp_f32_store(result);
}

#endif
