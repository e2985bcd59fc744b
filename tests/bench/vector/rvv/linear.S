/* SPDX-License-Identifier: MIT
 *
 * Linear algebra and half precision in V.
 */
#include "rvv.inc"

/* void NAME(size_t count, float a, const float *x, float *y), and the same for doubles */
    .macro AXPY name, bits, shift
FUNCTION \name
1:  vsetvli t0, a0, e\bits, m8, ta, ma
    vle\bits\().v v0, (a1)
    sub a0, a0, t0
    slli t1, t0, \shift
    add a1, a1, t1
    vle\bits\().v v8, (a2)
    vfmacc.vf v8, fa0, v0
    vse\bits\().v v8, (a2)
    add a2, a2, t1
    bnez a0, 1b
    ret
    .endm

    AXPY kernel_saxpy, 32, 2
    AXPY kernel_daxpy, 64, 3

/* void NAME(size_t side, const float *a, const float *b, float *c), and the same for doubles. Four rows of c
 * are computed at once, in a strip of columns. A row of the strip takes four registers; they begin at v0, v4,
 * v8 and v12. */
    .macro GEMM name, bits, shift, load
FUNCTION \name
    slli a4, a0, \shift          /* bytes in a row */
    mv a5, a0                    /* rows that are left */
1:  mv t2, a0                    /* columns that are left */
    mv t3, a2                    /* b's strip */
    mv t4, a3                    /* c's */
2:  vsetvli t0, t2, e\bits, m4, ta, ma
    vmv.v.i v0, 0
    vmv.v.i v4, 0
    vmv.v.i v8, 0
    vmv.v.i v12, 0
    mv t5, t3
    mv t6, a1
    mv a6, a0                    /* k */
3:  vle\bits\().v v16, (t5)
    add a7, t6, a4
    \load fa0, 0(t6)
    \load fa1, 0(a7)
    add a7, a7, a4
    \load fa2, 0(a7)
    add a7, a7, a4
    \load fa3, 0(a7)
    vfmacc.vf v0, fa0, v16
    vfmacc.vf v4, fa1, v16
    vfmacc.vf v8, fa2, v16
    vfmacc.vf v12, fa3, v16
    add t5, t5, a4
    addi t6, t6, 1 << \shift
    addi a6, a6, -1
    bnez a6, 3b
    add a7, t4, a4
    vse\bits\().v v0, (t4)
    vse\bits\().v v4, (a7)
    add a7, a7, a4
    vse\bits\().v v8, (a7)
    add a7, a7, a4
    vse\bits\().v v12, (a7)
    sub t2, t2, t0
    slli t1, t0, \shift
    add t3, t3, t1
    add t4, t4, t1
    bnez t2, 2b
    slli t1, a4, 2
    add a1, a1, t1
    add a3, a3, t1
    addi a5, a5, -4
    bnez a5, 1b
    ret
    .endm

    GEMM kernel_sgemm, 32, 2, flw
    GEMM kernel_dgemm, 64, 3, fld

/* int32_t kernel_dot_i8(const int8_t *a, const int8_t *b, size_t count). The sums of the lanes are in v8 to
 * v15; the last strip leaves the sums of lanes that it does not reach unchanged. */
FUNCTION kernel_dot_i8
    vsetvli t0, zero, e32, m8, ta, ma
    vmv.v.i v8, 0
1:  vsetvli t0, a2, e8, m2, ta, ma
    vle8.v v0, (a0)
    vle8.v v2, (a1)
    add a0, a0, t0
    add a1, a1, t0
    sub a2, a2, t0
    vwmul.vv v4, v0, v2
    vsetvli zero, zero, e16, m4, tu, ma
    vwadd.wv v8, v8, v4
    bnez a2, 1b
    vsetvli t0, zero, e32, m8, ta, ma
    vmv.s.x v0, zero
    vredsum.vs v0, v8, v0
    vmv.x.s a0, v0
    ret

/* void kernel_to_half(size_t count, const float *from, uint16_t *to) */
FUNCTION kernel_to_half
1:  vsetvli t0, a0, e16, m4, ta, ma
    vle32.v v8, (a1)
    sub a0, a0, t0
    slli t1, t0, 2
    add a1, a1, t1
    vfncvt.f.f.w v0, v8
    vse16.v v0, (a2)
    slli t1, t0, 1
    add a2, a2, t1
    bnez a0, 1b
    ret

/* void kernel_from_half(size_t count, const uint16_t *from, float *to) */
FUNCTION kernel_from_half
1:  vsetvli t0, a0, e16, m4, ta, ma
    vle16.v v0, (a1)
    sub a0, a0, t0
    slli t1, t0, 1
    add a1, a1, t1
    vfwcvt.f.f.v v8, v0
    vse32.v v8, (a2)
    slli t1, t0, 2
    add a2, a2, t1
    bnez a0, 1b
    ret
