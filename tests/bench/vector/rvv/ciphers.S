/* SPDX-License-Identifier: MIT
 *
 * AES-CTR by Zvkned, GHASH by Zvkg, SHA-256 by Zvknha, ChaCha20 with the rotations of Zvkb.
 */
#include "rvv.inc"

/* void kernel_aes_expand(const uint8_t key[16], uint8_t keys[176]) */
FUNCTION kernel_aes_expand
    vsetivli zero, 4, e32, m1, ta, ma
    vle32.v v1, (a0)
    vse32.v v1, (a1)
    .irp round, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    VAESKF1 1, 1, \round
    addi a1, a1, 16
    vse32.v v1, (a1)
    .endr
    ret

/* void kernel_aes_ctr(size_t blocks, const uint8_t keys[176], const uint8_t counter[16], const uint8_t *from,
 * uint8_t *to). The keys are in v1 to v11, one in each register; a strip has four registers of blocks. v20
 * counts in every lane. v16 has the blocks' counters; v20, with its bytes reversed, goes into their last
 * words. v0 says which lanes those are. */
FUNCTION kernel_aes_ctr
    vsetivli zero, 4, e32, m1, ta, ma
    .irp key, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    vle32.v v\key, (a1)
    addi a1, a1, 16
    .endr
    vle32.v v24, (a2)
    lbu t1, 12(a2)
    lbu t2, 13(a2)
    lbu t3, 14(a2)
    lbu t4, 15(a2)
    slli t1, t1, 24
    slli t2, t2, 16
    slli t3, t3, 8
    or t1, t1, t2
    or t3, t3, t4
    or t1, t1, t3                /* the counter */
    slli a0, a0, 2               /* words */
    vsetvli t0, zero, e32, m4, ta, ma
    vid.v v12
    vsrl.vi v20, v12, 2
    vadd.vx v20, v20, t1
    vand.vi v12, v12, 3
    vrgather.vv v16, v24, v12
    vmseq.vi v0, v12, 3
1:  vsetvli t0, a0, e32, m4, ta, mu
    VREV8_MASKED 16, 20
    vmv.v.v v12, v16
    VAESZ_VS 12, 1
    .irp key, 2, 3, 4, 5, 6, 7, 8, 9, 10
    VAESEM_VS 12, \key
    .endr
    VAESEF_VS 12, 11
    vle32.v v24, (a3)
    vxor.vv v24, v24, v12
    vse32.v v24, (a4)
    srli t1, t0, 2
    vadd.vx v20, v20, t1
    sub a0, a0, t0
    slli t1, t0, 2
    add a3, a3, t1
    add a4, a4, t1
    bnez a0, 1b
    ret

/* void kernel_ghash(uint8_t sum[16], const uint8_t h[16], const uint8_t *data, size_t blocks) */
FUNCTION kernel_ghash
    vsetivli zero, 4, e32, m1, ta, ma
    vle32.v v1, (a0)
    vle32.v v2, (a1)
1:  vle32.v v3, (a2)
    VGHSH 1, 2, 3
    addi a2, a2, 16
    addi a3, a3, -1
    bnez a3, 1b
    vse32.v v1, (a0)
    ret

/* Four rounds of SHA-256: v5 is {f, e, b, a}, v6 {h, g, d, c}, the highest element last. */
    .macro ROUNDS k, w
    vadd.vv v7, \k, \w
    VSHA2CL 6, 5, 7
    VSHA2CH 5, 6, 7
    .endm

/* The next four words of the schedule, which take the place of the oldest: w0 to w3 are sixteen words. */
    .macro SCHEDULE w0, w1, w2, w3
    vmerge.vvm v7, v\w2, v\w1, v0
    VSHA2MS \w0, 7, \w3
    .endm

    .section .rodata
sha256_places: /* of f, e, b and a in the state, in bytes; h, g, d and c are 8 behind */
    .byte 20, 16, 4, 0
    .text

/* void kernel_sha256(uint32_t state[8], const uint8_t *data, size_t blocks). The constants are in v10 to
 * v25. */
FUNCTION kernel_sha256
    vsetivli zero, 4, e32, m1, ta, ma
    lla t1, kernel_sha256_constants
    .irp four, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25
    vle32.v v\four, (t1)
    addi t1, t1, 16
    .endr
    vmv.v.i v0, 1                /* the first lane, for SCHEDULE */
    lla t1, sha256_places
    vle8.v v26, (t1)
    addi t2, a0, 8
    vluxei8.v v5, (a0), v26
    vluxei8.v v6, (t2), v26
1:  .irp four, 1, 2, 3, 4
    vle32.v v\four, (a1)
    addi a1, a1, 16
    VREV8 \four, \four
    .endr
    vmv.v.v v27, v5
    vmv.v.v v28, v6
    ROUNDS v10, v1
    SCHEDULE 1, 2, 3, 4
    ROUNDS v11, v2
    SCHEDULE 2, 3, 4, 1
    ROUNDS v12, v3
    SCHEDULE 3, 4, 1, 2
    ROUNDS v13, v4
    SCHEDULE 4, 1, 2, 3
    ROUNDS v14, v1
    SCHEDULE 1, 2, 3, 4
    ROUNDS v15, v2
    SCHEDULE 2, 3, 4, 1
    ROUNDS v16, v3
    SCHEDULE 3, 4, 1, 2
    ROUNDS v17, v4
    SCHEDULE 4, 1, 2, 3
    ROUNDS v18, v1
    SCHEDULE 1, 2, 3, 4
    ROUNDS v19, v2
    SCHEDULE 2, 3, 4, 1
    ROUNDS v20, v3
    SCHEDULE 3, 4, 1, 2
    ROUNDS v21, v4
    SCHEDULE 4, 1, 2, 3
    ROUNDS v22, v1
    ROUNDS v23, v2
    ROUNDS v24, v3
    ROUNDS v25, v4
    vadd.vv v5, v5, v27
    vadd.vv v6, v6, v28
    addi a2, a2, -1
    bnez a2, 1b
    vsuxei8.v v5, (a0), v26
    vsuxei8.v v6, (t2), v26
    ret

/* One step of four quarter rounds: a += b, d = (d ^ a) rotated right by `by`. */
    .macro STEP by, a0, b0, d0, a1, b1, d1, a2, b2, d2, a3, b3, d3
    vadd.vv v\a0, v\a0, v\b0
    vadd.vv v\a1, v\a1, v\b1
    vadd.vv v\a2, v\a2, v\b2
    vadd.vv v\a3, v\a3, v\b3
    vxor.vv v\d0, v\d0, v\a0
    vxor.vv v\d1, v\d1, v\a1
    vxor.vv v\d2, v\d2, v\a2
    vxor.vv v\d3, v\d3, v\a3
    VROR_32 \d0, \d0, \by
    VROR_32 \d1, \d1, \by
    VROR_32 \d2, \d2, \by
    VROR_32 \d3, \d3, \by
    .endm

/* void kernel_chacha(size_t blocks, const uint32_t state[16], const uint8_t *from, uint8_t *to). Register n has word n of as
 * many blocks as there are lanes; data are read and written as segments of eight words, 64 bytes apart. */
FUNCTION kernel_chacha
    lwu a4, 48(a1)               /* the first block's number */
    li a5, 64
1:  vsetvli t0, a0, e32, m1, ta, ma
    mv t1, a1
    .irp word, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    lw t2, 0(t1)
    vmv.v.x v\word, t2
    addi t1, t1, 4
    .endr
    vid.v v16
    vadd.vx v12, v16, a4
    li t3, 10
2:  STEP 16, 0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15
    STEP 20, 8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7
    STEP 24, 0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15
    STEP 25, 8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7
    STEP 16, 0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14
    STEP 20, 10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4
    STEP 24, 0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14
    STEP 25, 10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4
    addi t3, t3, -1
    bnez t3, 2b
    mv t1, a1
    .irp word, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    lw t2, 0(t1)
    .if \word == 12
    vid.v v16
    vadd.vv v12, v12, v16
    mv t2, a4
    .endif
    vadd.vx v\word, v\word, t2
    addi t1, t1, 4
    .endr
    vlsseg8e32.v v16, (a2), a5
    vxor.vv v0, v0, v16
    vxor.vv v1, v1, v17
    vxor.vv v2, v2, v18
    vxor.vv v3, v3, v19
    vxor.vv v4, v4, v20
    vxor.vv v5, v5, v21
    vxor.vv v6, v6, v22
    vxor.vv v7, v7, v23
    vssseg8e32.v v0, (a3), a5
    addi t1, a2, 32
    addi t2, a3, 32
    vlsseg8e32.v v16, (t1), a5
    vxor.vv v8, v8, v16
    vxor.vv v9, v9, v17
    vxor.vv v10, v10, v18
    vxor.vv v11, v11, v19
    vxor.vv v12, v12, v20
    vxor.vv v13, v13, v21
    vxor.vv v14, v14, v22
    vxor.vv v15, v15, v23
    vssseg8e32.v v8, (t2), a5
    slli t1, t0, 6
    add a2, a2, t1
    add a3, a3, t1
    add a4, a4, t0
    sub a0, a0, t0
    bnez a0, 1b
    ret
