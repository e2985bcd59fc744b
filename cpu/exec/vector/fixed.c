/* SPDX-License-Identifier: MIT
 *
 * Vector fixed-point arithmetic ("Vector Fixed-Point Arithmetic Instructions"): saturating operations set
 * vxsat, the others round as vxrm says. In the expressions b is the element of vs2, and a is that of vs1 or
 * the scalar.
 */
#include "cpu/exec/vector/vector.h"

/* For value / 2^shift, rounded as vxrm says ("Vector Fixed-Point Rounding Mode Register (vxrm)"): returns the
 * increment. */
static inline unsigned increment(unsigned vxrm, vector_u128 value, unsigned shift)
{
    if (shift == 0)
        return 0;
    unsigned half = value >> (shift - 1) & 1, odd = value >> shift & 1;
    bool rest = shift > 1 && (value & (((vector_u128)1 << (shift - 1)) - 1)) != 0;
    switch (vxrm) {
    case 0: return half;                    /* rnu: to nearest, up */
    case 1: return half && (rest || odd);   /* rne: to nearest, even */
    case 2: return 0;                       /* rdn: down */
    default: return !odd && (half || rest); /* rod: to odd */
    }
}

static inline void saturated(const struct vop *op)
{
    op->hart->vector.vxsat = 1;
}

#define LOOP(name, source, ...)                                                                              \
    V_LOOPS(name, V_OPERANDS(U, U, U); V_EACH(U b = vs2[i]; U a = source; U r; __VA_ARGS__; vd[i] = r))
#define FIXED_VX(name, ...)                                                                                  \
    LOOP(name##_vv_, vs1[i], __VA_ARGS__)                                                                    \
    LOOP(name##_vx_, (U)op->x, __VA_ARGS__)                                                                  \
    V_RUN(name##_vv, name##_vv_, 0, 0, 0, V_V, 0)                                                            \
    V_RUN(name##_vx, name##_vx_, 0, 0, V_NONE, V_X, 0)
#define FIXED_VXI(name, ...)                                                                                 \
    FIXED_VX(name, __VA_ARGS__)                                                                              \
    V_RUN(name##_vi, name##_vx_, 0, 0, V_NONE, V_I, 0)

/* The largest signed element, or with `negative` the smallest: `negative` is the sign of the exact result. */
#define LIMIT(negative) ((U)(((U)-1 >> 1) + (negative)))

/* clang-format off */
#define SATURATE(overflow, limit) if (overflow) { saturated(op); r = (limit); }

FIXED_VXI(vsaddu, r = (U)(b + a); SATURATE(r < b, (U)-1))
FIXED_VXI(vsadd, S s; bool o = __builtin_add_overflow((S)b, (S)a, &s); r = (U)s; SATURATE(o, LIMIT((S)b < 0)))
FIXED_VX(vssubu, r = (U)(b - a); SATURATE(b < a, 0))
FIXED_VX(vssub, S s; bool o = __builtin_sub_overflow((S)b, (S)a, &s); r = (U)s; SATURATE(o, LIMIT((S)b < 0)))

FIXED_VX(vaaddu, UW w = (UW)((UW)b + a); r = (U)((w >> 1) + increment(op->rm, w, 1)))
FIXED_VX(vaadd, SW w = (SW)((SW)(S)b + (S)a); r = (U)((w >> 1) + (SW)increment(op->rm, (vector_u128)w, 1)))
FIXED_VX(vasubu, SW w = (SW)((SW)b - (SW)a); r = (U)((w >> 1) + (SW)increment(op->rm, (vector_u128)w, 1)))
FIXED_VX(vasub, SW w = (SW)((SW)(S)b - (S)a); r = (U)((w >> 1) + (SW)increment(op->rm, (vector_u128)w, 1)))

/* Only the product of the smallest element with itself does not fit. */
FIXED_VX(vsmul, SW w = (SW)((SW)(S)b * (S)a);
         r = (U)((w >> (BITS - 1)) + (SW)increment(op->rm, (vector_u128)w, BITS - 1));
         SATURATE(b == a && b == (U)1 << (BITS - 1), LIMIT(0)))

FIXED_VXI(vssrl, unsigned n = a & (BITS - 1); r = (U)((b >> n) + increment(op->rm, b, n)))
FIXED_VXI(vssra, unsigned n = a & (BITS - 1);
          r = (U)(((S)b >> n) + (S)increment(op->rm, (vector_u128)(vector_s128)(S)b, n)))
/* clang-format on */

/* ---- Narrowing clips: vs2 has twice the SEW ------------------------------------------------------------ */

#define CLIP_LOOP(name, type2, source, low, high)                                                            \
    V_LOOPS_TO_32(                                                                                           \
        name, typedef type2 T2; V_OPERANDS(U, T2, U); V_EACH(                                                \
            T2 b = vs2[i]; unsigned n = (source) & (2 * BITS - 1);                                           \
            vector_s128 w = (vector_s128)(b >> n) + increment(op->rm, (vector_u128)(vector_s128)b, n);       \
            if (w > (high)) {                                                                                \
                saturated(op);                                                                               \
                w = (high);                                                                                  \
            } else if (w < (low)) {                                                                          \
                saturated(op);                                                                               \
                w = (low);                                                                                   \
            } vd[i] = (U)w))
#define CLIP(name, type2, low, high)                                                                         \
    CLIP_LOOP(name##_wv_, type2, vs1[i], low, high)                                                          \
    CLIP_LOOP(name##_wx_, type2, (U)op->x, low, high)                                                        \
    V_RUN_TO_32(name##_wv, name##_wv_, 0, 1, 0, V_V, 0)                                                      \
    V_RUN_TO_32(name##_wx, name##_wx_, 0, 1, V_NONE, V_X, 0)                                                 \
    V_RUN_TO_32(name##_wi, name##_wx_, 0, 1, V_NONE, V_I, 0)
CLIP(vnclipu, UW, 0, (U)-1)
CLIP(vnclip, SW, -(vector_s128)((U)-1 >> 1) - 1, (vector_s128)((U)-1 >> 1))
