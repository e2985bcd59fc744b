/* SPDX-License-Identifier: MIT
 *
 * Floating point in x registers (Zfinx): one instruction that is there, and three that are not: of f registers,
 * and of doubles.
 */
    .option norvc
    .globl _start
_start:
    la      t0, handler
    csrw    mtvec, t0
    li      a1, 0x3f800000
    li      a2, 0x33800000
    .word   0x00c5f553          /* fadd.s a0, a1, a2 */
    .word   0x02c67553          /* fadd.d a0, a2, a2 */
    .word   0x00052507          /* flw fa0, 0(a0) */
    .word   0xe0050553          /* fmv.x.w a0, fa0 */
    li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, 0(t0)
1:  j       1b
    .balign 4
handler:
    csrr    t2, mepc
    addi    t2, t2, 4
    csrw    mepc, t2
    mret
