/* SPDX-License-Identifier: MIT
 *
 * A guest that writes where it is told: it reads, from the UART, the size of a store (1, 2 or 4), an address
 * of 4 bytes and a value of 4 bytes (little-endian), stores, and answers '.'. It prints '!' when it starts.
 */
    .option norvc
    .globl _start
_start:
    csrr    t0, mhartid
1:  bnez    t0, 1b
    li      s0, 0x10000000
    li      a0, '!'
    sb      a0, 0(s0)
loop:
    jal     byte
    mv      s1, a0
    jal     word
    mv      s2, s3
    jal     word
    li      t0, 2
    beq     s1, t0, half
    bltu    s1, t0, single
    sw      s3, 0(s2)
    j       done
half:
    sh      s3, 0(s2)
    j       done
single:
    sb      s3, 0(s2)
done:
    li      a0, '.'
    sb      a0, 0(s0)
    j       loop

/* s3 = four bytes */
word:
    mv      s4, ra
    li      s3, 0
    li      s5, 0
1:  jal     byte
    sll     a0, a0, s5
    or      s3, s3, a0
    addi    s5, s5, 8
    li      t0, 32
    bne     s5, t0, 1b
    jr      s4

byte:
    lbu     t0, 5(s0)
    andi    t0, t0, 1
    beqz    t0, byte
    lbu     a0, 0(s0)
    ret
