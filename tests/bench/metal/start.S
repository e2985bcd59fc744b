/* SPDX-License-Identifier: MIT
 *
 * Where the board starts a bare-metal program: a stack, a cleared .bss, floating point and vectors on if there are any, main(),
 * and off. A trap ends it with status 1.
 */
    .option arch, +zicsr
    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, park
    la t0, trap
    csrw mtvec, t0
    li t0, 0x6600 /* mstatus.FS and VS */
    csrs mstatus, t0
    la sp, stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  call main
    beqz a0, passed
    .balign 4
trap:
    li t1, 0x13333 /* 1 << 16, and "failed" */
    j off
passed:
    li t1, 0x5555
off:
    li t0, 0x100000
    sw t1, 0(t0)
park:
    wfi
    j park
