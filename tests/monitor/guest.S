/* SPDX-License-Identifier: MIT
 *
 * The guest of the monitor's tests. Hart 0 maps RAM and the devices to their own addresses by two gigapages
 * of Sv39 and enters S-mode. Then it loops: it counts in `counter`, echoes what arrives through the UART, and
 * prints <break> for a break. An 'f' programs the next word of the second bank of flash. A 'q' ends it with
 * code 7. The other harts sleep. `value` has known contents.
 */
    .option norvc
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, sleep
    la      t0, root
    li      t1, 0xcf            /* DAGU-XWRV without U: 0x00000000 */
    sd      t1, 0(t0)
    li      t1, 0x200000cf      /* 0x80000000 */
    sd      t1, 16(t0)
    srli    t0, t0, 12
    li      t1, 8 << 60
    or      t0, t0, t1
    csrw    satp, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    li      t0, 1 << 11
    csrw    mstatus, t0
    la      t0, supervisor
    csrw    mepc, t0
    mret
supervisor:
    li      s0, 0x10000000
    la      s1, counter
    li      s2, 0x22000000
    li      a0, '!'
    sb      a0, 0(s0)
loop:
    ld      t0, 0(s1)
    addi    t0, t0, 1
    sd      t0, 0(s1)
    lbu     t1, 5(s0)
    andi    t2, t1, 0x10
    bnez    t2, broken
    andi    t2, t1, 1
    beqz    t2, loop
    lbu     a0, 0(s0)
    li      t2, 'q'
    beq     a0, t2, end
    li      t2, 'f'
    beq     a0, t2, flash
    sb      a0, 0(s0)
    j       loop
flash:
    li      t2, 0x400040
    sw      t2, 0(s2)
    sw      zero, 0(s2)
    li      t2, 0xff00ff
    sw      t2, 0(s2)
    addi    s2, s2, 4
    sb      a0, 0(s0)
    j       loop
broken:
    lbu     a0, 0(s0)
    la      a1, break_text
1:  lbu     a0, 0(a1)
    beqz    a0, loop
    sb      a0, 0(s0)
    addi    a1, a1, 1
    j       1b
end:
    li      t0, 0x100000
    li      t1, 7 << 16 | 0x3333
    sw      t1, 0(t0)
    j       end
sleep:
    wfi
    j       sleep

    .balign 8
counter:
    .dword  0
    .globl  value
value:
    .dword  0x1122334455667788
    .asciz  "text in memory"
break_text:
    .asciz  "<break>"
    .balign 4096
root:
    .zero   4096
