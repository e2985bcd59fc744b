# SPDX-License-Identifier: MIT
# Gives each hart a stack, and calls program(hart, number of harts).
    .text
    .globl _start
_start:
    csrr a0, mhartid
    la sp, stacks
    addi t0, a0, 1
    slli t0, t0, 12
    add sp, sp, t0
    li a1, HARTS
    call program
1:  j 1b

    .bss
    .balign 16
stacks:
    .space 4 * 4096
