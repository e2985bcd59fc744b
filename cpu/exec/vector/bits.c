/* SPDX-License-Identifier: MIT
 *
 * Zvbb, Zvkb and Zvbc ("Vector Cryptography"): bits of elements, and carry-less products. In the expressions
 * b is the element of vs2, and a is that of vs1 or the scalar.
 */
#include "cpu/exec/ops.h"
#include "cpu/exec/vector/vector.h"

#define BINARY_LOOP(name, source, expression)                                                                \
    V_LOOPS(name, V_OPERANDS(U, U, U); V_EACH(U b = vs2[i]; U a = source; (void)a; vd[i] = (U)(expression)))
#define BINARY(name, expression)                                                                             \
    BINARY_LOOP(name##_vv_, vs1[i], expression)                                                              \
    BINARY_LOOP(name##_vx_, (U)op->x, expression)                                                            \
    V_RUN(name##_vv, name##_vv_, 0, 0, 0, V_V, 0)                                                            \
    V_RUN(name##_vx, name##_vx_, 0, 0, V_NONE, V_X, 0)
#define UNARY(name, expression)                                                                              \
    BINARY_LOOP(name##_v_, 0, expression)                                                                    \
    V_RUN(name##_v, name##_v_, 0, 0, V_NONE, V_V, 0)

/* Rotations by less than the width. This form needs no branch for 0. */
#define LEFT(n)  (U)((UW)b << ((n) & (BITS - 1)) | (UW)b >> (-(n) & (BITS - 1)))
#define RIGHT(n) LEFT(-(n))

BINARY(vandn, b & ~a)
BINARY(vrol, LEFT(a))
BINARY(vror, RIGHT(a))
V_RUN(vror_vi, vror_vx_, 0, 0, V_NONE, V_I, 0)
UNARY(vbrev8, op_brev8(b))
UNARY(vrev8, __builtin_bswap64(b) >> (64 - BITS))
UNARY(vbrev, op_brev8(__builtin_bswap64(b)) >> (64 - BITS))
UNARY(vclz, op_clz64(b) - (64 - BITS))
UNARY(vctz, b ? op_ctz64(b) : BITS)
UNARY(vcpop, __builtin_popcountll(b))

/* ---- Widening shift ------------------------------------------------------------------------------------ */

#define SHIFT_LOOP(name, source)                                                                             \
    V_LOOPS_TO_32(name, V_OPERANDS(UW, U, U);                                                                \
                  V_EACH(UW b = vs2[i]; U a = source; vd[i] = (UW)((uint64_t)b << (a & (2 * BITS - 1)))))
SHIFT_LOOP(vwsll_vv_, vs1[i])
SHIFT_LOOP(vwsll_vx_, (U)op->x)
V_RUN_TO_32(vwsll_vv, vwsll_vv_, 1, 0, 0, V_V, 0)
V_RUN_TO_32(vwsll_vx, vwsll_vx_, 1, 0, V_NONE, V_X, 0)
V_RUN_TO_32(vwsll_vi, vwsll_vx_, 1, 0, V_NONE, V_I, 0)

/* ---- Carry-less products, of 64 bits only -------------------------------------------------------------- */

#define PRODUCT(name, source, shift)                                                                         \
    static void name(const struct vop *op)                                                                   \
    {                                                                                                        \
        V_OPERANDS(uint64_t, uint64_t, uint64_t);                                                            \
        V_EACH(vd[i] = (uint64_t)(op_clmul_wide(vs2[i], source) >> (shift)));                                \
    }
#define PRODUCTS(name, shift)                                                                                \
    PRODUCT(name##_vv_, vs1[i], shift)                                                                       \
    PRODUCT(name##_vx_, op->x, shift)                                                                        \
    RUN_64(name##_vv, name##_vv_, 0, V_V)                                                                    \
    RUN_64(name##_vx, name##_vx_, V_NONE, V_X)
#define RUN_64(name, loop, s1, scalar)                                                                       \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { 0, 0, s1, scalar, 0 };                                          \
        static vector_loop *const loops[4] = { NULL, NULL, NULL, loop };                                     \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
PRODUCTS(vclmul, 0)
PRODUCTS(vclmulh, 64)
