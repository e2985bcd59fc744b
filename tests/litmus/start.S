/* SPDX-License-Identifier: MIT
 *
 * Entry of all harts: each gets a stack and calls hart_main(hart). Interrupts lead to hart_interrupt().
 */
    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr a0, mhartid
    li t0, 4
    bgeu a0, t0, park
    la sp, stacks
    addi t1, a0, 1
    slli t1, t1, 13
    add sp, sp, t1
    la t0, hart_interrupt
    csrw mtvec, t0
    call hart_main
park:
    wfi
    j park

    .bss
    .balign 4096
stacks:
    .space 4 * 8192
