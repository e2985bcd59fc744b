# SPDX-License-Identifier: MIT
# How riscv-tests end: the code is stored in a loop. HIGH: with its upper half. What follows must not run: it writes to the
# console.
    .section .text.init, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, .
    la t1, tohost
    li gp, CODE << 1 | 1
1:  sw gp, 0(t1)
#ifdef HIGH
    sw zero, 4(t1)
    li t2, 'x'
    li t3, 0x01010000
    sw t2, 0(t1)
    sw t3, 4(t1)
#endif
    j 1b
    .section .tohost, "aw"
    .align 6
    .globl tohost
    .size tohost, 8
tohost: .dword 0
    .align 6
    .globl fromhost
    .size fromhost, 8
fromhost: .dword 0
