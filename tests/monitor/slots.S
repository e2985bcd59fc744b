# SPDX-License-Identifier: MIT
# A guest that serves the slot of one root port at 01.0, as a hot-plug driver does: it gives the port bus 1, switches the power
# on when something comes, and off when the button is pressed. It writes a letter for each: '+' for a function that it then
# sees there, '-' when it has given the function up.
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, idle
    li s0, 0x30008000       # the port
    li s1, 0x30100000       # bus 1
    li s2, 0x10000000       # the UART
    li t0, 0x00010100
    sw t0, 0x18(s0)
    li t0, 7
    sh t0, 4(s0)
    li s3, 0                # is the power on?
    lhu t0, 0x6c(s0)
    andi t0, t0, 0x400
    bnez t0, ready
    li s3, 1
ready:
    li t0, '!'
    sb t0, 0(s2)
look:
    lhu t1, 0x6e(s0)        # the slot's status
    sh t1, 0x6e(s0)         # what it says is taken back
    andi t2, t1, 0x40
    beqz t2, look
    bnez s3, pressed
    li t0, 0x1c0            # power on, indicator on
    sh t0, 0x6c(s0)
    li s3, 1
    lhu t0, 0(s1)
    li t2, 0xffff
    beq t0, t2, look
    li t0, '+'
    sb t0, 0(s2)
    j look
pressed:
    andi t2, t1, 1
    beqz t2, look
    li t0, 0x7c0            # both off
    sh t0, 0x6c(s0)
    li s3, 0
    li t0, '-'
    sb t0, 0(s2)
    j look
idle:
    wfi
    j idle
