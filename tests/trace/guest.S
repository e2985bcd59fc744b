/* SPDX-License-Identifier: MIT
 *
 * One of each event: a CSR, a device, a trap for an instruction of an extension that is off (twice at one
 * place), a CSR that does not exist, a timer interrupt, the end.
 */
    .option norvc
    .globl _start
_start:
    la      t0, handler
    csrw    mtvec, t0
    li      s0, 0x10000000
    lbu     a0, 5(s0)
    li      s1, 2
again:
    .word   0x60051513          /* clz a0, a0 */
    addi    s1, s1, -1
    bnez    s1, again
    csrr    a1, 0x5a8           /* scontext: does not exist */
    li      t0, 0x2004000
    sw      zero, 4(t0)
    sw      zero, 0(t0)         /* mtimecmp: now */
    li      t0, 0x80
    csrw    mie, t0
    csrsi   mstatus, 8
1:  beqz    s2, 1b
    li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, 0(t0)
2:  j       2b
    .balign 4
handler:
    csrr    t2, mcause
    bltz    t2, timer
    csrr    t2, mepc
    addi    t2, t2, 4
    csrw    mepc, t2
    mret
timer:
    csrw    mie, zero
    li      s2, 1
    mret
