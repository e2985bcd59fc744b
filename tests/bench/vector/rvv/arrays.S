/* SPDX-License-Identifier: MIT
 *
 * Pixels, sums and partitions in V: segments, widening, masks, indexed accesses, slides and compression.
 */
#include "rvv.inc"

/* void kernel_grey(size_t pixels, const uint8_t *rgb, uint8_t *grey) */
FUNCTION kernel_grey
    csrwi vxrm, 0                /* vnclipu rounds to nearest, ties up */
    li t3, 77
    li t4, 150
    li t5, 29
1:  vsetvli t0, a0, e8, m2, ta, ma
    vlseg3e8.v v0, (a1)          /* red v0, green v2, blue v4 */
    sub a0, a0, t0
    slli t1, t0, 1
    add t1, t1, t0
    add a1, a1, t1
    vwmulu.vx v8, v0, t3
    vwmaccu.vx v8, t4, v2
    vwmaccu.vx v8, t5, v4
    vnclipu.wi v12, v8, 8
    vse8.v v12, (a2)
    add a2, a2, t0
    bnez a0, 1b
    ret

/* One plane of kernel_yuv: (red × r + green × g + blue × b + add) >> 8, from v0, v2 and v4. The instruction
 * depends on the sign of the coefficient: vwmaccu or vwmaccsu. */
    .macro PLANE red, r, green, g, blue, b, add, to
    vsetvli zero, t0, e16, m4, ta, ma
    vmv.v.x v8, \add
    vsetvli zero, t0, e8, m2, ta, ma
    \red v8, \r, v0
    \green v8, \g, v2
    \blue v8, \b, v4
    vnsrl.wi v12, v8, 8
    vse8.v v12, (\to)
    add \to, \to, t0
    .endm

/* void kernel_yuv(size_t pixels, const uint8_t *rgb, uint8_t *y, uint8_t *u, uint8_t *v) */
FUNCTION kernel_yuv
    addi sp, sp, -16
    sd s0, 0(sp)
    sd s1, 8(sp)
    li t2, 66
    li t3, 129
    li t4, 25
    li t5, -38
    li t6, -74
    li a5, 112
    li a6, -94
    li a7, -18
    li s0, (16 << 8) + 128
    li s1, (128 << 8) + 128
1:  vsetvli t0, a0, e8, m2, ta, ma
    vlseg3e8.v v0, (a1)
    sub a0, a0, t0
    slli t1, t0, 1
    add t1, t1, t0
    add a1, a1, t1
    PLANE vwmaccu.vx, t2, vwmaccu.vx, t3, vwmaccu.vx, t4, s0, a2
    PLANE vwmaccsu.vx, t5, vwmaccsu.vx, t6, vwmaccu.vx, a5, s1, a3
    PLANE vwmaccu.vx, a5, vwmaccsu.vx, a6, vwmaccsu.vx, a7, s1, a4
    bnez a0, 1b
    ld s0, 0(sp)
    ld s1, 8(sp)
    addi sp, sp, 16
    ret

/* void kernel_prefix(size_t count, const uint32_t *numbers, uint32_t *sums). In a strip, each lane adds the
 * lane 1, 2, 4, ... below it; the sum of the strip, a reduction, is added to the next strip. */
FUNCTION kernel_prefix
    li a3, 0
1:  vsetvli t0, a0, e32, m2, ta, ma
    vle32.v v8, (a1)
    sub a0, a0, t0
    slli t1, t0, 2
    add a1, a1, t1
    vmv.s.x v4, a3
    vredsum.vs v4, v8, v4
    li t2, 1
2:  bgeu t2, t0, 3f
    vmv.v.i v12, 0
    vslideup.vx v12, v8, t2
    vadd.vv v8, v8, v12
    slli t2, t2, 1
    j 2b
3:  vadd.vx v8, v8, a3
    vmv.x.s a3, v4
    vse32.v v8, (a2)
    add a2, a2, t1
    bnez a0, 1b
    ret

/* void kernel_update(size_t count, float limit, const float *x, float *y) */
FUNCTION kernel_update
1:  vsetvli t0, a0, e32, m8, ta, ma
    vle32.v v8, (a1)
    sub a0, a0, t0
    slli t1, t0, 2
    add a1, a1, t1
    vmfgt.vf v0, v8, fa0
    vle32.v v16, (a2), v0.t
    vfsub.vv v16, v8, v16, v0.t
    vse32.v v16, (a2), v0.t
    add a2, a2, t1
    bnez a0, 1b
    ret

/* void kernel_histogram(size_t count, const uint8_t *bytes, uint32_t bins[256], uint32_t *scratch). Each lane
 * has bins of its own, so that no two lanes store to the same word: bin b of lane l is word b × lanes + l of
 * the scratch. */
FUNCTION kernel_histogram
    vsetvli a4, zero, e32, m2, ta, ma /* lanes */
    slli a5, a4, 2               /* bytes of a bin */
    vmv.v.i v8, 0
    mv t1, a3
    li t2, 256
1:  vse32.v v8, (t1)
    add t1, t1, a5
    addi t2, t2, -1
    bnez t2, 1b
    vid.v v16
    vsll.vi v16, v16, 2
2:  vsetvli t0, a0, e32, m2, ta, ma
    vle8.v v4, (a1)
    sub a0, a0, t0
    add a1, a1, t0
    vzext.vf4 v8, v4
    vmul.vx v8, v8, a5
    vadd.vv v8, v8, v16
    vluxei32.v v12, (a3), v8
    vadd.vi v12, v12, 1
    vsuxei32.v v12, (a3), v8
    bnez a0, 2b
    vsetvli t0, zero, e32, m2, ta, ma
    li t2, 256
3:  vle32.v v8, (a3)
    vmv.s.x v4, zero
    vredsum.vs v4, v8, v4
    vmv.x.s t1, v4
    sw t1, 0(a2)
    add a3, a3, a5
    addi a2, a2, 4
    addi t2, t2, -1
    bnez t2, 3b
    ret

/* size_t kernel_partition(uint32_t *keys, size_t count, uint32_t pivot, uint32_t *spare) */
FUNCTION kernel_partition
    mv a4, a0                    /* where the next low key goes */
    mv a5, a0                    /* the next to read */
    mv a6, a3                    /* where the next high key goes */
    beqz a1, 3f
1:  vsetvli t0, a1, e32, m4, ta, ma
    vle32.v v8, (a5)
    sub a1, a1, t0
    slli t1, t0, 2
    add a5, a5, t1
    vmsltu.vx v0, v8, a2
    vmnot.m v1, v0
    vcompress.vm v12, v8, v0
    vcompress.vm v16, v8, v1
    vcpop.m t1, v0
    sub t2, t0, t1
    vsetvli zero, t1, e32, m4, ta, ma
    vse32.v v12, (a4)
    vsetvli zero, t2, e32, m4, ta, ma
    vse32.v v16, (a6)
    slli t1, t1, 2
    add a4, a4, t1
    slli t2, t2, 2
    add a6, a6, t2
    bnez a1, 1b
    sub a6, a6, a3
    srli a6, a6, 2
    mv t3, a4
    beqz a6, 3f
2:  vsetvli t0, a6, e32, m8, ta, ma
    vle32.v v8, (a3)
    sub a6, a6, t0
    slli t1, t0, 2
    add a3, a3, t1
    vse32.v v8, (t3)
    add t3, t3, t1
    bnez a6, 2b
3:  sub a0, a4, a0
    srli a0, a0, 2
    ret
