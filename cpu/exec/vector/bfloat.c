/* SPDX-License-Identifier: MIT
 *
 * Zvfbfmin and Zvfbfwma: vectors of BF16, which is the upper half of single precision.
 */
#include "cpu/exec/vector/vector.h"
#include "cpu/fp/bfloat.h"

#define ENV (&op->hart->fp)

/* Converts an operand to single precision; a signalling NaN stays signalling. */
static inline uint32_t widen(uint16_t a)
{
    return (uint32_t)a << 16;
}

static void from_loop(const struct vop *op)
{
    V_OPERANDS(uint32_t, uint16_t, uint16_t);
    V_EACH(vd[i] = fp_bf16_to_f32(ENV, vs2[i]));
}

static void to_loop(const struct vop *op)
{
    V_OPERANDS(uint16_t, uint32_t, uint32_t);
    V_EACH(vd[i] = fp_f32_to_bf16(ENV, op->rm, vs2[i]));
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

/* SEW is 16. The scalar is NaN-boxed like a half-precision value, but a value that is not boxed counts as
 * BF16's NaN. */
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
