/* SPDX-License-Identifier: MIT
 *
 * The inner loop of crc.c: carry-less products of Zvbc.
 */
#include "rvv.inc"

/* size_t kernel_crc_lanes(void): how many lanes of 16 bytes are folded at a time */
FUNCTION kernel_crc_lanes
    vsetvli a0, zero, e64, m2, ta, ma
    ret

/* const uint8_t *kernel_crc_fold(uint8_t *state, const uint8_t *data, size_t folds, uint64_t low, uint64_t
 * high): `folds` times, multiplies the halves of the state's lanes by their factors and adds the state to the
 * next lanes of the data; returns the end of the data. */
FUNCTION kernel_crc_fold
    vsetvli t0, zero, e64, m2, ta, ma
    slli t0, t0, 4
    vlseg2e64.v v0, (a0)         /* lows v0, highs v2 */
1:  vlseg2e64.v v4, (a1)
    VCLMUL_VX 8, 0, a3
    VCLMULH_VX 10, 0, a3
    VCLMUL_VX 12, 2, a4
    VCLMULH_VX 14, 2, a4
    vxor.vv v0, v8, v12
    vxor.vv v2, v10, v14
    vxor.vv v0, v0, v4
    vxor.vv v2, v2, v6
    add a1, a1, t0
    addi a2, a2, -1
    bnez a2, 1b
    vsseg2e64.v v0, (a0)
    mv a0, a1
    ret
