/* SPDX-License-Identifier: MIT
 *
 * Zvfbfmin and Zvfbfwma: vectors of BF16, which is the upper half of single precision.
 */
#include "cpu/exec/vector/vector.h"

#define ENV (&op->hart->fp)

#define BF16_NAN      0x7fc0u
#define BF16_INFINITY 0x7f80u

/* magnitude / 2^shift, rounded. */
static uint32_t round_off(unsigned rm, bool negative, uint32_t magnitude, unsigned shift)
{
    uint32_t rest = magnitude & ((1u << shift) - 1), half = 1u << (shift - 1), kept = magnitude >> shift;
    bool up = false;
    switch (rm) {
    case FP_RNE: up = rest > half || (rest == half && kept & 1); break;
    case FP_RDN: up = rest && negative; break;
    case FP_RUP: up = rest && !negative; break;
    case FP_RMM: up = rest >= half; break;
    }
    return kept + up;
}

/* From single precision. A result is tiny if it is so with one more bit, as a number of that size would have
 * were the exponent not at its end ("Underflow": after rounding). */
static uint16_t to_bf16(struct fp_env *env, unsigned rm, uint32_t a)
{
    enum { CUT = 16, SMALLEST = 1 << 23 };
    uint32_t magnitude = (uint32_t)fp_magnitude(32, a);
    bool negative = a >> 31;
    if (fp_is_nan(32, a)) {
        env->flags |= fp_is_signalling(32, a) ? FP_NV : 0;
        return BF16_NAN;
    }
    uint32_t result = round_off(rm, negative, magnitude, CUT);
    if (magnitude & ((1u << CUT) - 1)) {
        env->flags |= FP_NX;
        if (result == BF16_INFINITY)
            env->flags |= FP_OF;
        if (magnitude < SMALLEST && round_off(rm, negative, magnitude, CUT - 1) << (CUT - 1) < SMALLEST)
            env->flags |= FP_UF;
    }
    return (uint16_t)(result | (a >> 31) << 15);
}

/* To single precision, as an operand: a signalling NaN stays one. */
static inline uint32_t widen(uint16_t a)
{
    return (uint32_t)a << 16;
}

static uint32_t from_bf16(struct fp_env *env, uint16_t a)
{
    uint32_t wide = widen(a);
    if (!fp_is_nan(32, wide))
        return wide;
    env->flags |= fp_is_signalling(32, wide) ? FP_NV : 0;
    return (uint32_t)fp_canonical_nan(32);
}

static void from_loop(const struct vop *op)
{
    V_OPERANDS(uint32_t, uint16_t, uint16_t);
    V_EACH(vd[i] = from_bf16(ENV, vs2[i]));
}

static void to_loop(const struct vop *op)
{
    V_OPERANDS(uint16_t, uint32_t, uint32_t);
    V_EACH(vd[i] = to_bf16(ENV, op->rm, vs2[i]));
}

static void accumulate_vv(const struct vop *op)
{
    V_OPERANDS(uint32_t, uint16_t, uint16_t);
    V_EACH(vd[i] = fp_f32_fma(ENV, op->rm, widen(vs1[i]), widen(vs2[i]), vd[i]));
}

static void accumulate_vf(const struct vop *op)
{
    V_OPERANDS(uint32_t, uint16_t, uint16_t);
    V_EACH(vd[i] = fp_f32_fma(ENV, op->rm, widen((uint16_t)op->x), widen(vs2[i]), vd[i]));
}

/* SEW is 16. The scalar is NaN-boxed like one of half precision, but the NaN in its place is BF16's. */
#define RUN(name, loop, ...)                                                                                 \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        static vector_loop *const loops[4] = { NULL, loop, NULL, NULL };                                     \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
RUN(vfwcvtbf16_f_f_v, from_loop, 1, 0, V_NONE, V_V, V_FLOAT | V_BF16)
RUN(vfncvtbf16_f_f_w, to_loop, 0, 1, V_NONE, V_V, V_FLOAT | V_BF16)
RUN(vfwmaccbf16_vv, accumulate_vv, 1, 0, 0, V_V, V_FLOAT | V_BF16 | V_READS_D)
RUN(vfwmaccbf16_vf, accumulate_vf, 1, 0, V_NONE, V_F, V_FLOAT | V_BF16 | V_READS_D)
