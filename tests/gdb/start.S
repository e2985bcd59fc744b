/* SPDX-License-Identifier: MIT
 *
 * Entry of both harts, the way into a process and back, and the process itself. See guest.c.
 */
#if __riscv_xlen == 64
#define L ld
#define S sd
#define W 8
#else
#define L lw
#define S sw
#define W 4
#endif
    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr s0, mhartid
    la sp, stacks + 4096
    slli t0, s0, 12
    add sp, sp, t0
    la t0, trap_entry
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    bnez s0, 1f
    call hart0_main
1:  call hart1_main

/* enter_user(struct process *): enters U-mode at the process's pc, in its address space, with its sum in
 * a0. */
    .globl enter_user
enter_user:
    L t0, 0(a0)
    csrw satp, t0
    sfence.vma
    L t0, W(a0)
    csrw mepc, t0
    L a0, 2*W(a0)
    li t0, 0x1800
    csrc mstatus, t0
    .globl leave_kernel
leave_kernel:
    mret

    .balign 4
    .globl trap_entry
trap_entry:
    la sp, stacks + 4096
    csrr a1, mepc
    .globl trap_call
trap_call:
    call on_trap

/* A place for breakpoints that are not reached. */
    .balign 4
    .globl never
never:
    .space 256

/* What both processes run: ROUNDS times a0 = 5 * a0 + 1, then an ecall. */
    .option push
    .option norvc
    .globl user_code, user_loop, user_ecall, user_leaf, user_end
user_code:
    li t1, 1000
user_loop:
    slli t2, a0, 2
    add a0, a0, t2
    addi a0, a0, 1
    addi t1, t1, -1
    bnez t1, user_loop
user_ecall:
    ecall
    j user_code
user_leaf: /* a function that gdb calls */
    addi a0, a0, 5
    ret
user_end:
    .option pop

    .bss
    .balign 16
stacks:
    .space 8192
