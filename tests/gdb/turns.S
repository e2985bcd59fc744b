/* SPDX-License-Identifier: MIT
 *
 * Harts that come to the same place again and again: each calls leaf in a loop and counts its rounds. With
 * `elsewhere` set, hart 1 counts in a loop of its own. Once `done` is set, hart 0 ends the machine.
 */
#if __riscv_xlen == 64
#define L ld
#define S sd
#define W 3
#else
#define L lw
#define S sw
#define W 2
#endif
    .section .text.start, "ax"
    .globl _start
_start:
    csrr s0, mhartid
    slli s1, s0, W
    la t0, turns
    add s1, s1, t0
    la s2, done
    la s3, elsewhere
again:
    L t0, 0(s1)
    addi t0, t0, 1
    S t0, 0(s1)
    bnez s0, 1f
    lw t0, 0(s2)
    bnez t0, finish
    j 2f
1:  lw t0, 0(s3)
    bnez t0, again
2:  call leaf
    j again
    .balign 4
    .globl leaf
leaf:
    addi a0, a0, 1
    ret
finish:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b

    .data
    .balign 8
    .globl turns, done, elsewhere
turns:
    .space 16
done:
    .word 0
elsewhere:
    .word 0
