/* SPDX-License-Identifier: MIT
 *
 * Vector floating-point arithmetic, compares, merges and reductions ("Vector Floating-Point Instructions").
 * Each element is computed by the function of the scalar instruction (cpu/fp/fp.h), so results and flags are
 * the same. In the expressions b is the element of vs2, a is that of vs1 or the scalar, c is that of vd, and
 * F is the format.
 */
#include "cpu/exec/vector/vector.h"

#define ENV (&op->hart->fp)

/* ---- With one width ------------------------------------------------------------------------------------ */

#define BINARY_LOOP(name, F, T, bits, source, EXPRESSION)                                                    \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        typedef T U;                                                                                         \
        enum { BITS = bits };                                                                                \
        V_OPERANDS(U, U, U);                                                                                 \
        V_EACH(U b = vs2[i]; U a = source; U c = vd[i]; (void)a; (void)b; (void)c;                           \
               vd[i] = (U)EXPRESSION(F));                                                                    \
        (void)BITS;                                                                                          \
    }
#define BINARY_VV(name, EXPRESSION)                                                                          \
    V_FLOAT_LOOPS(BINARY_LOOP, name##_vv_, vs1[i], EXPRESSION)                                               \
    V_RUN_FLOAT(name##_vv, name##_vv_, 0, 0, 0, V_V, V_FLOAT)
#define BINARY_VF(name, EXPRESSION)                                                                          \
    V_FLOAT_LOOPS(BINARY_LOOP, name##_vf_, (U)op->x, EXPRESSION)                                             \
    V_RUN_FLOAT(name##_vf, name##_vf_, 0, 0, V_NONE, V_F, V_FLOAT)
#define BINARY(name, EXPRESSION)                                                                             \
    BINARY_VV(name, EXPRESSION)                                                                              \
    BINARY_VF(name, EXPRESSION)

#define SIGN            ((U)((U)1 << (BITS - 1)))
#define ADD(F)          fp_##F##_add(ENV, op->rm, b, a)
#define SUB(F)          fp_##F##_sub(ENV, op->rm, b, a)
#define RSUB(F)         fp_##F##_sub(ENV, op->rm, a, b)
#define MUL(F)          fp_##F##_mul(ENV, op->rm, b, a)
#define DIV(F)          fp_##F##_div(ENV, op->rm, b, a)
#define RDIV(F)         fp_##F##_div(ENV, op->rm, a, b)
#define MIN(F)          fp_##F##_min(ENV, b, a)
#define MAX(F)          fp_##F##_max(ENV, b, a)
#define SGNJ(F)         ((b & ~SIGN) | (a & SIGN))
#define SGNJN(F)        ((b & ~SIGN) | (~a & SIGN))
#define SGNJX(F)        (b ^ (a & SIGN))
#define FMA(F, x, y, z) fp_##F##_fma(ENV, op->rm, (U)(x), (U)(y), (U)(z))
#define MACC(F)         FMA(F, a, b, c)
#define NMACC(F)        FMA(F, a ^ SIGN, b, c ^ SIGN)
#define MSAC(F)         FMA(F, a, b, c ^ SIGN)
#define NMSAC(F)        FMA(F, a ^ SIGN, b, c)
#define MADD(F)         FMA(F, a, c, b)
#define NMADD(F)        FMA(F, a ^ SIGN, c, b ^ SIGN)
#define MSUB(F)         FMA(F, a, c, b ^ SIGN)
#define NMSUB(F)        FMA(F, a ^ SIGN, c, b)

BINARY(vfadd, ADD)
BINARY(vfsub, SUB)
BINARY_VF(vfrsub, RSUB)
BINARY(vfmul, MUL)
BINARY(vfdiv, DIV)
BINARY_VF(vfrdiv, RDIV)
BINARY(vfmin, MIN)
BINARY(vfmax, MAX)
BINARY(vfsgnj, SGNJ)
BINARY(vfsgnjn, SGNJN)
BINARY(vfsgnjx, SGNJX)
BINARY(vfmacc, MACC)
BINARY(vfnmacc, NMACC)
BINARY(vfmsac, MSAC)
BINARY(vfnmsac, NMSAC)
BINARY(vfmadd, MADD)
BINARY(vfnmadd, NMADD)
BINARY(vfmsub, MSUB)
BINARY(vfnmsub, NMSUB)

#define SQRT(F)  fp_##F##_sqrt(ENV, op->rm, b)
#define CLASS(F) fp_##F##_classify(b)
V_FLOAT_LOOPS(BINARY_LOOP, vfsqrt_, 0, SQRT)
V_FLOAT_LOOPS(BINARY_LOOP, vfclass_, 0, CLASS)
V_RUN_FLOAT(vfsqrt_v, vfsqrt_, 0, 0, V_NONE, V_V, V_FLOAT)
V_RUN_FLOAT(vfclass_v, vfclass_, 0, 0, V_NONE, V_V, V_FLOAT)

/* ---- Widening: both operands are made wide first, which is exact --------------------------------------- */

#define EXTEND_uint16_t(value) fp_f16_to_f32(ENV, value)
#define EXTEND_uint32_t(value) fp_f32_to_f64(ENV, value)
#define WIDE_uint16_t(value)   (value)
#define WIDE_uint32_t(value)   (value)

/* B: what is done to the element of vs2: EXTEND, or WIDE if it is wide already; T2 is its type. */
#define WIDEN_LOOP(name, F, T, W, bits, B, T2, source, EXPRESSION)                                           \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        typedef W U;                                                                                         \
        enum { BITS = bits };                                                                                \
        V_OPERANDS(U, T2, T);                                                                                \
        V_EACH(U b = B##_##T(vs2[i]); U a = EXTEND_##T((T)(source)); U c = vd[i]; (void)c;                   \
               vd[i] = (U)EXPRESSION(F));                                                                    \
        (void)BITS;                                                                                          \
    }
#define WIDEN_RUN(name, loop, ...)                                                                           \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        static vector_loop *const loops[4] = { NULL, loop##16, loop##32, NULL };                             \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
#define WIDEN(name, EXPRESSION, flags)                                                                       \
    WIDEN_LOOP(name##_vv_16, f32, uint16_t, uint32_t, 32, EXTEND, uint16_t, vs1[i], EXPRESSION)              \
    WIDEN_LOOP(name##_vv_32, f64, uint32_t, uint64_t, 64, EXTEND, uint32_t, vs1[i], EXPRESSION)              \
    WIDEN_LOOP(name##_vf_16, f32, uint16_t, uint32_t, 32, EXTEND, uint16_t, op->x, EXPRESSION)               \
    WIDEN_LOOP(name##_vf_32, f64, uint32_t, uint64_t, 64, EXTEND, uint32_t, op->x, EXPRESSION)               \
    WIDEN_RUN(name##_vv, name##_vv_, 1, 0, 0, V_V, V_FLOAT | (flags))                                        \
    WIDEN_RUN(name##_vf, name##_vf_, 1, 0, V_NONE, V_F, V_FLOAT | (flags))
#define WIDEN_W(name, EXPRESSION)                                                                            \
    WIDEN_LOOP(name##_wv_16, f32, uint16_t, uint32_t, 32, WIDE, uint32_t, vs1[i], EXPRESSION)                \
    WIDEN_LOOP(name##_wv_32, f64, uint32_t, uint64_t, 64, WIDE, uint64_t, vs1[i], EXPRESSION)                \
    WIDEN_LOOP(name##_wf_16, f32, uint16_t, uint32_t, 32, WIDE, uint32_t, op->x, EXPRESSION)                 \
    WIDEN_LOOP(name##_wf_32, f64, uint32_t, uint64_t, 64, WIDE, uint64_t, op->x, EXPRESSION)                 \
    WIDEN_RUN(name##_wv, name##_wv_, 1, 1, 0, V_V, V_FLOAT)                                                  \
    WIDEN_RUN(name##_wf, name##_wf_, 1, 1, V_NONE, V_F, V_FLOAT)

WIDEN(vfwadd, ADD, 0)
WIDEN(vfwsub, SUB, 0)
WIDEN_W(vfwadd, ADD)
WIDEN_W(vfwsub, SUB)
WIDEN(vfwmul, MUL, 0)
WIDEN(vfwmacc, MACC, V_READS_D)
WIDEN(vfwnmacc, NMACC, V_READS_D)
WIDEN(vfwmsac, MSAC, V_READS_D)
WIDEN(vfwnmsac, NMSAC, V_READS_D)

/* ---- Compares into a mask ------------------------------------------------------------------------------ */

#define COMPARE_LOOP(name, F, T, bits, source, EXPRESSION)                                                   \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(uint8_t, T, T);                                                                           \
        V_EACH(T b = vs2[i]; T a = source; vector_set_bit(vd, i, EXPRESSION(F)));                            \
    }
#define COMPARE_VV(name, EXPRESSION)                                                                         \
    V_FLOAT_LOOPS(COMPARE_LOOP, name##_vv_, vs1[i], EXPRESSION)                                              \
    V_RUN_FLOAT(name##_vv, name##_vv_, V_MASK, 0, 0, V_V, V_FLOAT)
#define COMPARE_VF(name, EXPRESSION)                                                                         \
    V_FLOAT_LOOPS(COMPARE_LOOP, name##_vf_, (__typeof__(*vs2))op->x, EXPRESSION)                             \
    V_RUN_FLOAT(name##_vf, name##_vf_, V_MASK, 0, V_NONE, V_F, V_FLOAT)
#define COMPARE(name, EXPRESSION)                                                                            \
    COMPARE_VV(name, EXPRESSION)                                                                             \
    COMPARE_VF(name, EXPRESSION)

#define EQ(F) fp_##F##_eq(ENV, b, a)
#define NE(F) !fp_##F##_eq(ENV, b, a)
#define LT(F) fp_##F##_lt(ENV, b, a)
#define LE(F) fp_##F##_le(ENV, b, a)
#define GT(F) fp_##F##_lt(ENV, a, b)
#define GE(F) fp_##F##_le(ENV, a, b)

COMPARE(vmfeq, EQ)
COMPARE(vmfne, NE)
COMPARE(vmflt, LT)
COMPARE(vmfle, LE)
COMPARE_VF(vmfgt, GT)
COMPARE_VF(vmfge, GE)

/* ---- Merge and splat ----------------------------------------------------------------------------------- */

#define MERGE_LOOP(name, F, T, bits, ELEMENT)                                                                \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(T, T, T);                                                                                 \
        for (uint32_t i = op->start; i < op->vl; i++)                                                        \
            vd[i] = ELEMENT((T)op->x);                                                                       \
    }
#define CHOSEN(x) (vector_bit(op->v0, i) ? (x) : vs2[i])
#define SPLAT(x)  (x)
V_FLOAT_LOOPS(MERGE_LOOP, vfmerge_, CHOSEN)
V_FLOAT_LOOPS(MERGE_LOOP, vfmv_, SPLAT)
V_RUN_FLOAT(vfmerge_vfm, vfmerge_, 0, 0, V_NONE, V_F, V_FLOAT)
V_RUN_FLOAT(vfmv_v_f, vfmv_, 0, V_NONE, V_NONE, V_F, V_FLOAT)

/* ---- Reductions: in order, the unordered ones too ------------------------------------------------------ */

#define REDUCE_LOOP(name, F, T, bits, EXPRESSION)                                                            \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(T, T, T);                                                                                 \
        if (!op->vl)                                                                                         \
            return;                                                                                          \
        T b = vs1[0];                                                                                        \
        V_EACH(T a = vs2[i]; b = (T)EXPRESSION(F));                                                          \
        vd[0] = b;                                                                                           \
    }
#define REDUCE(name, EXPRESSION)                                                                             \
    V_FLOAT_LOOPS(REDUCE_LOOP, name##_, EXPRESSION)                                                          \
    V_RUN_FLOAT(name##_vs, name##_, V_ONE, 0, V_ONE, V_V, V_FLOAT | V_START_0)
REDUCE(vfredusum, ADD)
REDUCE(vfredosum, ADD)
REDUCE(vfredmin, MIN)
REDUCE(vfredmax, MAX)

#define REDUCE_WIDE_LOOP(name, F, T, W)                                                                      \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(W, T, W);                                                                                 \
        if (!op->vl)                                                                                         \
            return;                                                                                          \
        W b = vs1[0];                                                                                        \
        V_EACH(W a = EXTEND_##T(vs2[i]); b = ADD(F));                                                        \
        vd[0] = b;                                                                                           \
    }
REDUCE_WIDE_LOOP(vfwredsum_16, f32, uint16_t, uint32_t)
REDUCE_WIDE_LOOP(vfwredsum_32, f64, uint32_t, uint64_t)
WIDEN_RUN(vfwredusum_vs, vfwredsum_, V_ONE_WIDE, 0, V_ONE_WIDE, V_V, V_FLOAT | V_START_0)
WIDEN_RUN(vfwredosum_vs, vfwredsum_, V_ONE_WIDE, 0, V_ONE_WIDE, V_V, V_FLOAT | V_START_0)
