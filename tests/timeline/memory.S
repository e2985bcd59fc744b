# SPDX-License-Identifier: MIT
# Has fw_cfg write BYTES of memory (4 MiB), TIMES times (256), with three instructions each; then off.
#ifndef BYTES
#define BYTES 0x400000
#endif
#ifndef TIMES
#define TIMES 256
#endif
    .text
    .globl _start
_start:
    la a0, descriptor
    li a1, 0x10100010   # the DMA address of fw_cfg, big-endian
    li t2, 8
    mv t0, a0
1:  slli t1, t1, 8
    andi t3, t0, 255
    or t1, t1, t3
    srli t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    lw s0, 0(a0)
    li s1, TIMES
2:  sw s0, 0(a0)        # the device writes it when it is done
    sd t1, 0(a1)
    addi s1, s1, -1
    bnez s1, 2b
    li a1, 0x100000
    li t0, 0x5555
    sw t0, 0(a1)
3:  j 3b

    .balign 16
descriptor:             # big-endian: selects the item 0 and reads it; what is beyond its end is zero
    .byte 0, 0, 0, 0x0a
    .byte BYTES >> 24 & 255, BYTES >> 16 & 255, BYTES >> 8 & 255, BYTES & 255
    .byte 0, 0, 0, 0, 0x81, 0, 0, 0
