/* SPDX-License-Identifier: MIT
 *
 * Vector integer arithmetic ("Vector Integer Arithmetic Instructions"), except compares and instructions
 * whose result is a mask (mask.c). In the expressions b is the element of vs2, a is that of vs1 or the
 * scalar, and c is that of vd.
 */
#include "cpu/exec/vector/vector.h"

#define INDEX (vs1[i])
#define FIXED ((U)op->x)

/* ---- With one width ------------------------------------------------------------------------------------ */

#define BINARY_LOOP(name, source, expression)                                                                \
    V_LOOPS(name, V_OPERANDS(U, U, U);                                                                       \
            V_EACH(U b = vs2[i]; U a = source; U c = vd[i]; (void)b; vd[i] = (U)(expression); (void)c))

#define BINARY_VV(name, expression)                                                                          \
    BINARY_LOOP(name##_vv_, INDEX, expression)                                                               \
    V_RUN(name##_vv, name##_vv_, 0, 0, 0, V_V, 0)
#define BINARY_X(name, expression) BINARY_LOOP(name##_vx_, FIXED, expression)
#define BINARY_VX(name, expression)                                                                          \
    BINARY_X(name, expression)                                                                               \
    V_RUN(name##_vx, name##_vx_, 0, 0, V_NONE, V_X, 0)
#define BINARY_VI(name) V_RUN(name##_vi, name##_vx_, 0, 0, V_NONE, V_I, 0)

#define BINARY(name, expression)                                                                             \
    BINARY_VV(name, expression)                                                                              \
    BINARY_VX(name, expression)
#define BINARY_I(name, expression)                                                                           \
    BINARY(name, expression)                                                                                 \
    BINARY_VI(name)

BINARY_I(vadd, b + a)
BINARY(vsub, b - a)
BINARY_VX(vrsub, a - b)
BINARY_VI(vrsub)
BINARY_I(vand, b &a)
BINARY_I(vor, b | a)
BINARY_I(vxor, b ^ a)
BINARY_I(vsll, (UW)b << (a & (BITS - 1)))
BINARY_I(vsrl, b >> (a & (BITS - 1)))
BINARY_I(vsra, (S)b >> (a & (BITS - 1)))
BINARY(vminu, a < b ? a : b)
BINARY(vmin, (S)a < (S)b ? a : b)
BINARY(vmaxu, a > b ? a : b)
BINARY(vmax, (S)a > (S)b ? a : b)
BINARY(vmul, (UW)b *a)
BINARY(vmulh, ((SW)(S)b * (S)a) >> BITS)
BINARY(vmulhu, ((UW)b * a) >> BITS)
BINARY(vmulhsu, ((SW)(S)b * (SW)a) >> BITS)
BINARY(vdivu, a == 0 ? (U)-1 : b / a)
BINARY(vdiv, a == 0 ? (U)-1 : (S)a == -1 ? (U)(0 - (UW)b) : (U)((S)b / (S)a))
BINARY(vremu, a == 0 ? b : b % a)
BINARY(vrem, a == 0 ? b : (S)a == -1 ? 0 : (U)((S)b % (S)a))
BINARY(vmacc, (UW)a *b + c)
BINARY(vnmsac, c - (UW)a * b)
BINARY(vmadd, (UW)a *c + b)
BINARY(vnmsub, b - (UW)a * c)

/* ---- Carries and choices: v0 is an operand, and every element is written ------------------------------- */

#define CHOICE(name, source, expression)                                                                     \
    V_LOOPS(                                                                                                 \
        name, V_OPERANDS(U, U, U); for (uint32_t i = op->start; i < op->vl; i++) {                           \
            U b = vs2[i], a = source;                                                                        \
            bool m = vector_bit(op->v0, i);                                                                  \
            vd[i] = (U)(expression);                                                                         \
        })
#define CHOICE_VVM(name, expression)                                                                         \
    CHOICE(name##_vvm_, INDEX, expression)                                                                   \
    V_RUN(name##_vvm, name##_vvm_, 0, 0, 0, V_V, V_V0)
#define CHOICE_VXM(name, expression)                                                                         \
    CHOICE(name##_vxm_, FIXED, expression)                                                                   \
    V_RUN(name##_vxm, name##_vxm_, 0, 0, V_NONE, V_X, V_V0)
#define CHOICE_VIM(name) V_RUN(name##_vim, name##_vxm_, 0, 0, V_NONE, V_I, V_V0)

CHOICE_VVM(vadc, b + a + m)
CHOICE_VXM(vadc, b + a + m)
CHOICE_VIM(vadc)
CHOICE_VVM(vsbc, b - a - m)
CHOICE_VXM(vsbc, b - a - m)
CHOICE(vmerge_vvm_, INDEX, m ? a : b)
CHOICE(vmerge_vxm_, FIXED, m ? a : b)
V_RUN(vmerge_vvm, vmerge_vvm_, 0, 0, 0, V_V, 0)
V_RUN(vmerge_vxm, vmerge_vxm_, 0, 0, V_NONE, V_X, 0)
V_RUN(vmerge_vim, vmerge_vxm_, 0, 0, V_NONE, V_I, 0)

#define COPY(name, source)                                                                                   \
    V_LOOPS(name, V_OPERANDS(U, U, U); for (uint32_t i = op->start; i < op->vl; i++) vd[i] = source)
COPY(vmv_v_v_, INDEX)
COPY(vmv_v_x_, FIXED)
V_RUN(vmv_v_v, vmv_v_v_, 0, V_NONE, 0, V_V, 0)
V_RUN(vmv_v_x, vmv_v_x_, 0, V_NONE, V_NONE, V_X, 0)
V_RUN(vmv_v_i, vmv_v_x_, 0, V_NONE, V_NONE, V_I, 0)

/* ---- Widening: the result has twice the SEW ------------------------------------------------------------ */

/* T2 and T1 are the types from which the elements of vs2 and vs1 are extended: U or S, or UW in .w forms. */
#define WIDEN_LOOP(name, type2, type1, source, expression)                                                   \
    V_LOOPS_TO_32(                                                                                           \
        name, typedef type2 T2; typedef type1 T1; V_OPERANDS(UW, T2, T1);                                    \
        V_EACH(UW b = (UW)vs2[i]; UW a = (UW)(T1)(source); UW c = vd[i]; (void)c; vd[i] = (UW)(expression)))
#define WIDEN(name, type2, type1, expression)                                                                \
    WIDEN_LOOP(name##_vv_, type2, type1, vs1[i], expression)                                                 \
    WIDEN_LOOP(name##_vx_, type2, type1, op->x, expression)                                                  \
    V_RUN_TO_32(name##_vv, name##_vv_, 1, 0, 0, V_V, 0)                                                      \
    V_RUN_TO_32(name##_vx, name##_vx_, 1, 0, V_NONE, V_X, 0)
#define WIDEN_ACCUMULATE(name, type2, type1)                                                                 \
    WIDEN_LOOP(name##_vv_, type2, type1, vs1[i], c + (uint64_t)a * b)                                        \
    WIDEN_LOOP(name##_vx_, type2, type1, op->x, c + (uint64_t)a * b)                                         \
    V_RUN_TO_32(name##_vv, name##_vv_, 1, 0, 0, V_V, V_READS_D)                                              \
    V_RUN_TO_32(name##_vx, name##_vx_, 1, 0, V_NONE, V_X, V_READS_D)
#define WIDEN_W(name, type1, expression)                                                                     \
    WIDEN_LOOP(name##_wv_, UW, type1, vs1[i], expression)                                                    \
    WIDEN_LOOP(name##_wx_, UW, type1, op->x, expression)                                                     \
    V_RUN_TO_32(name##_wv, name##_wv_, 1, 1, 0, V_V, 0)                                                      \
    V_RUN_TO_32(name##_wx, name##_wx_, 1, 1, V_NONE, V_X, 0)

WIDEN(vwaddu, U, U, b + a)
WIDEN(vwadd, S, S, b + a)
WIDEN(vwsubu, U, U, b - a)
WIDEN(vwsub, S, S, b - a)
WIDEN_W(vwaddu, U, b + a)
WIDEN_W(vwadd, S, b + a)
WIDEN_W(vwsubu, U, b - a)
WIDEN_W(vwsub, S, b - a)
WIDEN(vwmulu, U, U, (uint64_t)b *a)
WIDEN(vwmul, S, S, (uint64_t)b *a)
WIDEN(vwmulsu, S, U, (uint64_t)b *a)
WIDEN_ACCUMULATE(vwmaccu, U, U)
WIDEN_ACCUMULATE(vwmacc, S, S)
WIDEN_ACCUMULATE(vwmaccsu, U, S)
WIDEN_LOOP(vwmaccus_vx_, S, U, op->x, c + (uint64_t)a * b)
V_RUN_TO_32(vwmaccus_vx, vwmaccus_vx_, 1, 0, V_NONE, V_X, V_READS_D)

/* ---- Extensions of a half, a quarter, an eighth -------------------------------------------------------- */

#define EXTEND(name, from, D, T)                                                                             \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(D, T, T);                                                                                 \
        V_EACH(vd[i] = (D)vs2[i]);                                                                           \
    }
EXTEND(zext_8_16, 8, uint16_t, uint8_t)
EXTEND(zext_8_32, 8, uint32_t, uint8_t)
EXTEND(zext_8_64, 8, uint64_t, uint8_t)
EXTEND(zext_16_32, 16, uint32_t, uint16_t)
EXTEND(zext_16_64, 16, uint64_t, uint16_t)
EXTEND(zext_32_64, 32, uint64_t, uint32_t)
EXTEND(sext_8_16, 8, int16_t, int8_t)
EXTEND(sext_8_32, 8, int32_t, int8_t)
EXTEND(sext_8_64, 8, int64_t, int8_t)
EXTEND(sext_16_32, 16, int32_t, int16_t)
EXTEND(sext_16_64, 16, int64_t, int16_t)
EXTEND(sext_32_64, 32, int64_t, int32_t)

#define RUN_EXTEND(name, width, to_16, to_32, to_64)                                                         \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { 0, width, V_NONE, V_V, 0 };                                     \
        static vector_loop *const loops[4] = { NULL, to_16, to_32, to_64 };                                  \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
RUN_EXTEND(vzext_vf2, -1, zext_8_16, zext_16_32, zext_32_64)
RUN_EXTEND(vzext_vf4, -2, NULL, zext_8_32, zext_16_64)
RUN_EXTEND(vzext_vf8, -3, NULL, NULL, zext_8_64)
RUN_EXTEND(vsext_vf2, -1, sext_8_16, sext_16_32, sext_32_64)
RUN_EXTEND(vsext_vf4, -2, NULL, sext_8_32, sext_16_64)
RUN_EXTEND(vsext_vf8, -3, NULL, NULL, sext_8_64)

/* ---- Narrowing shifts: vs2 has twice the SEW ----------------------------------------------------------- */

#define NARROW_LOOP(name, type2, source)                                                                     \
    V_LOOPS_TO_32(name, typedef type2 T2; V_OPERANDS(U, T2, U);                                              \
                  V_EACH(T2 b = vs2[i]; U a = source; vd[i] = (U)(b >> (a & (2 * BITS - 1)))))
#define NARROW(name, type2)                                                                                  \
    NARROW_LOOP(name##_wv_, type2, INDEX)                                                                    \
    NARROW_LOOP(name##_wx_, type2, FIXED)                                                                    \
    V_RUN_TO_32(name##_wv, name##_wv_, 0, 1, 0, V_V, 0)                                                      \
    V_RUN_TO_32(name##_wx, name##_wx_, 0, 1, V_NONE, V_X, 0)                                                 \
    V_RUN_TO_32(name##_wi, name##_wx_, 0, 1, V_NONE, V_I, 0)
NARROW(vnsrl, UW)
NARROW(vnsra, SW)
