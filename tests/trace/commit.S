/* SPDX-License-Identifier: MIT
 *
 * One line of each kind of -d commit, at addresses that do not move: registers, memory, atomics, floating
 * point with and without flags, CSRs and the CSRs that share their bits, traps with and without tval, an
 * interrupt, returns to S and U.
 */
    .option norvc
    .globl _start
_start:
    lla     t0, handler
    csrw    mtvec, t0
    lla     s0, data
    lw      a0, 0(s0)
    sb      a0, 4(s0)
    sh      a0, 6(s0)
    lbu     zero, 4(s0)
    nop
    .option rvc
    c.li    a1, -1
    c.nop
    .option norvc
    amoadd.w a2, a1, (s0)
    amomaxu.w zero, a1, (s0)
    li      a4, 3
    amoswap.w a4, a4, (s0)
    lr.w    a3, (s0)
    sc.w    a3, a0, (s0)
    sc.w    a3, a1, (s0)
    lui     t1, 0x6
    csrrs   t2, mstatus, t1     /* FS dirty */
    csrrc   t2, mstatus, t1
    lui     t1, 0x2
    csrs    mstatus, t1         /* FS initial */
    flw     ft0, 8(s0)
    fdiv.s  ft1, ft0, ft0
    fdiv.s  ft2, ft0, ft3
    fdiv.s  ft4, ft1, ft0       /* inexact */
    fsw     ft1, 12(s0)
    feq.s   a5, ft0, ft1
    csrw    fcsr, zero
    csrr    a5, mscratch
    csrw    sscratch, a0
    csrsi   sie, 2
    csrw    sstatus, zero
    ecall
    .word   0
    lw      a5, -1(zero)        /* there is no memory */
    jal     a5, 1f
1:  beq     a5, zero, 1b
    auipc   a5, 0
    jalr    a5, 8(a5)
    .word   0x0044200f          /* cbo.zero (s0) */
    li      t1, -1
    csrw    pmpaddr0, t1
    csrwi   pmpcfg0, 31
    lla     t1, user
    csrw    mepc, t1
    li      t1, 0x1800
    csrs    mstatus, t1         /* MPP: S ... */
    lui     t1, 0x1
    csrc    mstatus, t1
    mret
user:
    sfence.vma
    ecall
    .globl data, handler
    .balign 4
handler:
    csrr    t3, mepc
    addi    t3, t3, 4
    csrw    mepc, t3
    csrr    t4, mcause
    addi    t4, t4, -9
    beqz    t4, finish
    mret
finish:
    lui     t0, 0x2004
    sw      zero, 4(t0)
    sw      zero, 0(t0)         /* mtimecmp: now */
    li      t1, 0x80
    lla     t0, 2f
    csrw    mtvec, t0
    csrw    mie, t1
    csrsi   mstatus, 8
1:  j       1b
    .balign 4
2:  lui     t0, 0x100
    lui     t1, 0x5
    addi    t1, t1, 0x555
    sw      t1, 0(t0)
3:  j       3b
    .balign 64
data:
    .word   0x11223344, 0, 0x40400000, 0
    .space  48
