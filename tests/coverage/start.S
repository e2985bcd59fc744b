# SPDX-License-Identifier: MIT
# The beginning of the programs for -coverage, and their trap handler, which continues at resume_at with an empty stack.
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    la t0, on_trap
    csrw mtvec, t0
    csrr t0, mhartid
    bnez t0, others
    call setup
others:
    li t1, 1
    bne t0, t1, park
    la sp, other_top
    call other
park:
    wfi
    j park
    .balign 4
on_trap:
    la t0, resume_at
#if __riscv_xlen == 64
    ld t0, 0(t0)
#else
    lw t0, 0(t0)
#endif
    csrw mepc, t0
    la sp, stack_top
    mret
# Enters U-mode at the function in a0, with the present stack.
    .globl enter_user
enter_user:
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x1800
    csrc mstatus, t0
    csrw mepc, a0
    mret
    .bss
    .balign 16
    .zero 4096
stack_top:
    .zero 4096
other_top:
