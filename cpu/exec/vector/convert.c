/* SPDX-License-Identifier: MIT
 *
 * Vector conversions ("Vector Floating-Point/Integer Type-Convert Instructions", widening and narrowing
 * ones).
 *
 * All are done in software (cpu/fp/soft.h), which has every format and mode. It leaves its flags in
 * env->flags, so the flags of one conversion can be separated from earlier ones.
 */
#include "cpu/exec/vector/vector.h"

#define ENV (&op->hart->fp)

/* ---- One element --------------------------------------------------------------------------------------- */

/* For a result of less than 32 bits: a value that does not fit saturates; then only the invalid flag is
 * raised. */
static uint64_t saturate(struct fp_env *env, uint8_t flags, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high)
        return (uint64_t)value;
    env->flags = flags | FP_NV;
    return (uint64_t)(value < low ? low : high);
}

/* Converts from a format of `width` bits to an integer of `bits`, 8 to 64. */
static inline uint64_t to_signed(struct fp_env *env, unsigned width, unsigned bits, unsigned rm, uint64_t a)
{
    uint8_t flags = env->flags;
    uint64_t value = fp_soft_to_integer(env, width, rm, a, bits == 64 ? FP_I64 : FP_I32);
    int64_t high = bits < 32 ? (1 << (bits - 1)) - 1 : 0;
    return bits < 32 ? saturate(env, flags, (int32_t)value, -high - 1, high) : value;
}

static inline uint64_t to_unsigned(struct fp_env *env, unsigned width, unsigned bits, unsigned rm, uint64_t a)
{
    uint8_t flags = env->flags;
    uint64_t value = fp_soft_to_integer(env, width, rm, a, bits == 64 ? FP_U64 : FP_U32);
    return bits < 32 ? saturate(env, flags, (uint32_t)value, 0, (1 << bits) - 1) : value;
}

static inline uint64_t from_signed(struct fp_env *env, unsigned width, unsigned rm, int64_t a)
{
    return fp_soft_from_integer(env, width, rm, a < 0, a < 0 ? 0 - (uint64_t)a : (uint64_t)a);
}

static inline uint64_t from_unsigned(struct fp_env *env, unsigned width, unsigned rm, uint64_t a)
{
    return fp_soft_from_integer(env, width, rm, false, a);
}

/* Rounds to odd: an inexact result has its last bit set. */
static inline uint64_t convert_to_odd(struct fp_env *env, unsigned from, unsigned to, uint64_t a)
{
    uint8_t flags = env->flags;
    env->flags = 0;
    uint64_t result = fp_soft_convert(env, from, to, FP_RTZ, a);
    result |= env->flags & FP_NX ? 1 : 0;
    env->flags |= flags;
    return result;
}

/* ---- Loops --------------------------------------------------------------------------------------------- */

#define LOOP(name, D, T, expression)                                                                         \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(D, T, T);                                                                                 \
        V_EACH(T b = vs2[i]; vd[i] = (D)(expression));                                                       \
    }

/* Loops for SEW = 8, 16, 32 and 64; NULL if there is none. `from` and `to` are widths relative to SEW. */
#define RUN(name, loop8, loop16, loop32, loop64, to, from, flags)                                            \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { to, from, V_NONE, V_V, V_FLOAT | (flags) };                     \
        static vector_loop *const loops[4] = { loop8, loop16, loop32, loop64 };                              \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }

/* From a format of one width to an integer of another, signed and unsigned; rounded by frm, or towards
 * zero. */
#define TO_INTEGER(float, integer)                                                                           \
    LOOP(f##float##_x##integer, uint##integer##_t, uint##float##_t,                                          \
         to_signed(ENV, float, integer, op->rm, b))                                                          \
    LOOP(f##float##_xu##integer, uint##integer##_t, uint##float##_t,                                         \
         to_unsigned(ENV, float, integer, op->rm, b))                                                        \
    LOOP(f##float##_rtz_x##integer, uint##integer##_t, uint##float##_t,                                      \
         to_signed(ENV, float, integer, FP_RTZ, b))                                                          \
    LOOP(f##float##_rtz_xu##integer, uint##integer##_t, uint##float##_t,                                     \
         to_unsigned(ENV, float, integer, FP_RTZ, b))
#define FROM_INTEGER(integer, float)                                                                         \
    LOOP(x##integer##_f##float, uint##float##_t, int##integer##_t, from_signed(ENV, float, op->rm, b))       \
    LOOP(xu##integer##_f##float, uint##float##_t, uint##integer##_t, from_unsigned(ENV, float, op->rm, b))

TO_INTEGER(16, 8)
TO_INTEGER(16, 16)
TO_INTEGER(16, 32)
TO_INTEGER(32, 16)
TO_INTEGER(32, 32)
TO_INTEGER(32, 64)
TO_INTEGER(64, 32)
TO_INTEGER(64, 64)
FROM_INTEGER(8, 16)
FROM_INTEGER(16, 16)
FROM_INTEGER(32, 16)
FROM_INTEGER(16, 32)
FROM_INTEGER(32, 32)
FROM_INTEGER(64, 32)
FROM_INTEGER(32, 64)
FROM_INTEGER(64, 64)
LOOP(f16_f32, uint32_t, uint16_t, fp_soft_convert(ENV, 16, 32, FP_RNE, b))
LOOP(f32_f64, uint64_t, uint32_t, fp_soft_convert(ENV, 32, 64, FP_RNE, b))
LOOP(f32_f16, uint16_t, uint32_t, fp_soft_convert(ENV, 32, 16, op->rm, b))
LOOP(f64_f32, uint32_t, uint64_t, fp_soft_convert(ENV, 64, 32, op->rm, b))
LOOP(f32_odd_f16, uint16_t, uint32_t, convert_to_odd(ENV, 32, 16, b))
LOOP(f64_odd_f32, uint32_t, uint64_t, convert_to_odd(ENV, 64, 32, b))

RUN(vfcvt_xu_f_v, NULL, f16_xu16, f32_xu32, f64_xu64, 0, 0, 0)
RUN(vfcvt_x_f_v, NULL, f16_x16, f32_x32, f64_x64, 0, 0, 0)
RUN(vfcvt_rtz_xu_f_v, NULL, f16_rtz_xu16, f32_rtz_xu32, f64_rtz_xu64, 0, 0, 0)
RUN(vfcvt_rtz_x_f_v, NULL, f16_rtz_x16, f32_rtz_x32, f64_rtz_x64, 0, 0, 0)
RUN(vfcvt_f_xu_v, NULL, xu16_f16, xu32_f32, xu64_f64, 0, 0, 0)
RUN(vfcvt_f_x_v, NULL, x16_f16, x32_f32, x64_f64, 0, 0, 0)

RUN(vfwcvt_xu_f_v, NULL, f16_xu32, f32_xu64, NULL, 1, 0, 0)
RUN(vfwcvt_x_f_v, NULL, f16_x32, f32_x64, NULL, 1, 0, 0)
RUN(vfwcvt_rtz_xu_f_v, NULL, f16_rtz_xu32, f32_rtz_xu64, NULL, 1, 0, 0)
RUN(vfwcvt_rtz_x_f_v, NULL, f16_rtz_x32, f32_rtz_x64, NULL, 1, 0, 0)
RUN(vfwcvt_f_xu_v, xu8_f16, xu16_f32, xu32_f64, NULL, 1, 0, V_CONVERTS)
RUN(vfwcvt_f_x_v, x8_f16, x16_f32, x32_f64, NULL, 1, 0, V_CONVERTS)
RUN(vfwcvt_f_f_v, NULL, f16_f32, f32_f64, NULL, 1, 0, V_MINIMAL)

RUN(vfncvt_xu_f_w, f16_xu8, f32_xu16, f64_xu32, NULL, 0, 1, V_CONVERTS)
RUN(vfncvt_x_f_w, f16_x8, f32_x16, f64_x32, NULL, 0, 1, V_CONVERTS)
RUN(vfncvt_rtz_xu_f_w, f16_rtz_xu8, f32_rtz_xu16, f64_rtz_xu32, NULL, 0, 1, V_CONVERTS)
RUN(vfncvt_rtz_x_f_w, f16_rtz_x8, f32_rtz_x16, f64_rtz_x32, NULL, 0, 1, V_CONVERTS)
RUN(vfncvt_f_xu_w, NULL, xu32_f16, xu64_f32, NULL, 0, 1, 0)
RUN(vfncvt_f_x_w, NULL, x32_f16, x64_f32, NULL, 0, 1, 0)
RUN(vfncvt_f_f_w, NULL, f32_f16, f64_f32, NULL, 0, 1, V_MINIMAL)
RUN(vfncvt_rod_f_f_w, NULL, f32_odd_f16, f64_odd_f32, NULL, 0, 1, 0)
