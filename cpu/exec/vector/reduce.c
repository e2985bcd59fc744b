/* SPDX-License-Identifier: MIT
 *
 * Integer reductions ("Vector Reduction Operations"): element 0 of vd is computed from element 0 of vs1 and
 * the active elements of vs2. With vl = 0 nothing is written.
 */
#include "cpu/exec/vector/vector.h"

#define REDUCE_LOOP(loops, name, R, T, expression)                                                           \
    loops(name, V_OPERANDS(R, T, R); if (!op->vl) return; R a = vs1[0];                                      \
          V_EACH(R b = (R)vs2[i]; a = (R)(expression)); vd[0] = a)
#define REDUCE(name, T, expression)                                                                          \
    REDUCE_LOOP(V_LOOPS, name##_, T, T, expression)                                                          \
    V_RUN(name##_vs, name##_, V_ONE, 0, V_ONE, V_V, V_START_0)

REDUCE(vredsum, U, a + b)
REDUCE(vredand, U, a &b)
REDUCE(vredor, U, a | b)
REDUCE(vredxor, U, a ^ b)
REDUCE(vredminu, U, b < a ? b : a)
REDUCE(vredmin, S, b < a ? b : a)
REDUCE(vredmaxu, U, b > a ? b : a)
REDUCE(vredmax, S, b > a ? b : a)

#define REDUCE_WIDE(name, R, T)                                                                              \
    REDUCE_LOOP(V_LOOPS_TO_32, name##_, R, T, (UW)a + (UW)b)                                                 \
    V_RUN_TO_32(name##_vs, name##_, V_ONE_WIDE, 0, V_ONE_WIDE, V_V, V_START_0)
REDUCE_WIDE(vwredsumu, UW, U)
REDUCE_WIDE(vwredsum, SW, S)
