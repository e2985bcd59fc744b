/* SPDX-License-Identifier: MIT
 *
 * The Mandelbrot set and bodies that attract each other in V.
 */
#include "rvv.inc"

/* void kernel_mandelbrot(size_t count, float left, float step, float y, uint32_t limit, uint32_t *steps). A
 * strip ends when none of its points is left in v0; masked operations leave the finished points unchanged. */
FUNCTION kernel_mandelbrot
    li t1, 0x40800000            /* 4.0 */
    fmv.w.x fa3, t1
    li a3, 0                     /* points that are done */
1:  vsetvli t0, a0, e32, m2, ta, mu
    vid.v v2
    vadd.vx v2, v2, a3
    vfcvt.f.xu.v v2, v2
    vfmul.vf v2, v2, fa1
    vfadd.vf v2, v2, fa0         /* x */
    vmv.v.i v4, 0                /* re */
    vmv.v.i v6, 0                /* im */
    vmv.v.i v8, 0                /* steps */
    vfmv.v.f v18, fa2            /* y */
    vmset.m v0
    mv t2, a1
2:  beqz t2, 3f
    vfmul.vv v10, v4, v4, v0.t
    vfmul.vv v12, v6, v6, v0.t
    vfadd.vv v14, v10, v12, v0.t
    vmfle.vf v0, v14, fa3, v0.t
    vcpop.m t1, v0
    beqz t1, 3f
    vadd.vi v8, v8, 1, v0.t
    vfadd.vv v16, v4, v4, v0.t
    vfsub.vv v4, v10, v12, v0.t
    vfadd.vv v4, v4, v2, v0.t
    vfmadd.vv v6, v16, v18, v0.t
    addi t2, t2, -1
    j 2b
3:  vse32.v v8, (a2)
    sub a0, a0, t0
    add a3, a3, t0
    slli t1, t0, 2
    add a2, a2, t1
    bnez a0, 1b
    ret

/* void kernel_forces(size_t count, const struct kernel_bodies *bodies, double softening): computes the forces
 * between a strip of bodies and one body after the other. */
FUNCTION kernel_forces
    ld a2, 0(a1)                 /* x */
    ld a3, 8(a1)                 /* y */
    ld a4, 16(a1)                /* z */
    ld a5, 24(a1)                /* mass */
    ld a6, 32(a1)                /* ax */
    ld a7, 40(a1)                /* ay */
    ld t6, 48(a1)                /* az */
    mv t5, a0                    /* bodies that are left */
    li t4, 0                     /* bytes that are done */
1:  vsetvli t0, t5, e64, m2, ta, ma
    add t1, a2, t4
    vle64.v v0, (t1)
    add t1, a3, t4
    vle64.v v2, (t1)
    add t1, a4, t4
    vle64.v v4, (t1)
    vmv.v.i v6, 0
    vmv.v.i v8, 0
    vmv.v.i v10, 0
    li t2, 0
    mv t3, a0
2:  add t1, a2, t2
    fld fa1, 0(t1)
    add t1, a3, t2
    fld fa2, 0(t1)
    add t1, a4, t2
    fld fa3, 0(t1)
    add t1, a5, t2
    fld fa4, 0(t1)
    vfrsub.vf v12, v0, fa1
    vfrsub.vf v14, v2, fa2
    vfrsub.vf v16, v4, fa3
    vfmv.v.f v18, fa0
    vfmacc.vv v18, v12, v12
    vfmacc.vv v18, v14, v14
    vfmacc.vv v18, v16, v16
    vfsqrt.v v20, v18
    vfmul.vv v18, v18, v20
    vfrdiv.vf v18, v18, fa4
    vfmacc.vv v6, v12, v18
    vfmacc.vv v8, v14, v18
    vfmacc.vv v10, v16, v18
    addi t2, t2, 8
    addi t3, t3, -1
    bnez t3, 2b
    add t1, a6, t4
    vse64.v v6, (t1)
    add t1, a7, t4
    vse64.v v8, (t1)
    add t1, t6, t4
    vse64.v v10, (t1)
    sub t5, t5, t0
    slli t1, t0, 3
    add t4, t4, t1
    bnez t5, 1b
    ret
