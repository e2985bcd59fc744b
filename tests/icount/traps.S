# SPDX-License-Identifier: MIT
# Hart 0 traps without end: its handler in S-mode is at 0, where nothing is. Time goes on all the same: another hart
# prints what it counts, and then the timer in M-mode ends the run.
    .text
    .globl _start
_start:
    li s0, 0x10000000
    csrr t0, mhartid
    bnez t0, other
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la t0, timer
    csrw mtvec, t0
    li t0, 0x200bff8
    ld t1, (t0)
    li t2, 20000            # 2 ms
    add t1, t1, t2
    li t0, 0x2004000
    sd t1, (t0)
    li t0, 0x80
    csrw mie, t0
    li t0, 0xffff
    csrw medeleg, t0
    csrw stvec, zero
    csrw mepc, zero
    li t0, 0x1800
    csrc mstatus, t0
    mret

    .balign 4
timer:
    li t1, 'T'
    sb t1, (s0)
    li t1, '\n'
    sb t1, (s0)
    li t0, 0x100000
    li t1, 0x5555
    sw t1, (t0)
1:  j 1b

other:
    li s1, 3
    li t1, '1'
2:  li t2, 50000
3:  addi t2, t2, -1
    bnez t2, 3b
    sb t1, (s0)
    addi s1, s1, -1
    bnez s1, 2b
4:  wfi
    j 4b
