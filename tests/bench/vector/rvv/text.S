/* SPDX-License-Identifier: MIT
 *
 * Base64 and the validation of UTF-8 in V: segments, and tables of sixteen bytes in a register.
 */
#include "rvv.inc"

/* Computes the character of each number below 64 in `index`. Numbers fall into classes, and what is added
 * depends only on the class: 13 below 26, 0 below 52, then one class for each digit and sign. a3 is 51, a4 is
 * 26, v2 the table. */
    .macro DIGIT index
    vssubu.vx v20, \index, a3
    vmsltu.vx v0, \index, a4
    vmerge.vim v20, v20, 13, v0
    vrgather.vv v21, v2, v20
    vadd.vv \index, \index, v21
    .endm

    .section .rodata
base64_classes:
    .byte 'a' - 26
    .fill 10, 1, '0' - 52
    .byte '+' - 62, '/' - 63, 'A', 0, 0
    .text

/* void kernel_base64(size_t bytes, const uint8_t *from, char *to) */
FUNCTION kernel_base64
    li t1, 3
    divu a0, a0, t1              /* groups of three bytes */
    lla t1, base64_classes
    vsetivli zero, 16, e8, m1, ta, ma
    vle8.v v2, (t1)
    li a3, 51
    li a4, 26
    li a5, 63
1:  vsetvli t0, a0, e8, m1, ta, ma
    vlseg3e8.v v8, (a1)
    sub a0, a0, t0
    slli t1, t0, 1
    add t1, t1, t0
    add a1, a1, t1
    vsrl.vi v12, v8, 2
    vsll.vi v13, v8, 4
    vsrl.vi v16, v9, 4
    vor.vv v13, v13, v16
    vand.vx v13, v13, a5
    vsll.vi v14, v9, 2
    vsrl.vi v16, v10, 6
    vor.vv v14, v14, v16
    vand.vx v14, v14, a5
    vand.vx v15, v10, a5
    DIGIT v12
    DIGIT v13
    DIGIT v14
    DIGIT v15
    vsseg4e8.v v12, (a2)
    slli t1, t0, 2
    add a2, a2, t1
    bnez a0, 1b
    ret

/* UTF-8 by three tables, after "Validating UTF-8 In Less Than One Instruction Per Byte" (Keiser, Lemire,
 * 2020). Every mistake that two neighbouring bytes can contain is a bit. There is a table for each half of
 * the first byte and one for the upper half of the second; each says which mistakes are possible with this
 * half. A mistake that is possible by all three was made. PAIR, two continuations, is no mistake if a longer
 * sequence began two or three bytes before. */
    .equ SHORT, 1        /* a sequence ends too early */
    .equ LONG, 2         /* a continuation behind ASCII */
    .equ OVER3, 4        /* three bytes where two are enough */
    .equ LARGE, 8        /* above U+10FFFF, by the second byte */
    .equ SURROGATE, 16
    .equ OVER2, 32
    .equ OVER4, 64       /* four bytes where three are enough; also F5 and more before 80 to 8F */
    .equ PAIR, 128
    .equ ANY, SHORT | LONG | PAIR
    .section .rodata
utf8_upper: /* of the first byte */
    .fill 8, 1, LONG
    .fill 4, 1, PAIR
    .byte SHORT | OVER2, SHORT, SHORT | OVER3 | SURROGATE, SHORT | LARGE | OVER4
utf8_lower: /* of the first byte */
    .byte ANY | OVER3 | OVER2 | OVER4, ANY | OVER2, ANY, ANY, ANY | LARGE
    .fill 8, 1, ANY | LARGE | OVER4
    .byte ANY | LARGE | OVER4 | SURROGATE, ANY | LARGE | OVER4, ANY | LARGE | OVER4
utf8_second: /* the upper half of the second byte */
    .fill 8, 1, SHORT
    .byte LONG | OVER2 | PAIR | OVER3 | OVER4, LONG | OVER2 | PAIR | OVER3 | LARGE
    .fill 2, 1, LONG | OVER2 | PAIR | SURROGATE | LARGE
    .fill 4, 1, SHORT
    .text

/* bool kernel_utf8(const uint8_t *text, size_t bytes) */
FUNCTION kernel_utf8
    vsetivli zero, 16, e8, m1, ta, ma
    lla t1, utf8_upper
    vle8.v v1, (t1)
    lla t1, utf8_lower
    vle8.v v2, (t1)
    lla t1, utf8_second
    vle8.v v3, (t1)
    li a2, 0                     /* the byte before the strip */
    li a3, 0                     /* the one before that */
    li a4, 0
    li a5, 0x80
    li a6, 0xe0 - 0x80
    li a7, 0xf0 - 0x80
    mv t3, a0
    beqz a1, 5f
1:  vsetvli t0, a1, e8, m1, ta, ma
    vle8.v v8, (a0)
    sub a1, a1, t0
    add a0, a0, t0
    bgeu a2, a5, 2f
    vmslt.vx v0, v8, zero        /* a strip of ASCII */
    vfirst.m t1, v0
    bltz t1, 3f
2:  vslide1up.vx v9, v8, a2      /* each byte's neighbours: one, two and three before */
    vslide1up.vx v10, v9, a3
    vslide1up.vx v11, v10, a4
    vsrl.vi v12, v9, 4
    vrgather.vv v13, v1, v12
    vand.vi v12, v9, 15
    vrgather.vv v14, v2, v12
    vand.vv v13, v13, v14
    vsrl.vi v12, v8, 4
    vrgather.vv v14, v3, v12
    vand.vv v13, v13, v14
    vssubu.vx v10, v10, a6
    vssubu.vx v11, v11, a7
    vor.vv v10, v10, v11
    vand.vx v10, v10, a5
    vmsne.vv v0, v10, v13
    vfirst.m t1, v0
    bgez t1, 6f
3:  lbu a2, -1(a0)
    li a3, 0
    li a4, 0
    addi t1, a0, -2
    bltu t1, t3, 4f              /* a text of one byte, or of two */
    lbu a3, 0(t1)
    beq t1, t3, 4f
    lbu a4, -1(t1)
4:  bnez a1, 1b
/* At the end nothing may be missing. */
5:  sltiu t1, a2, 0xc0
    sltiu t2, a3, 0xe0
    and t1, t1, t2
    sltiu t2, a4, 0xf0
    and a0, t1, t2
    ret
6:  li a0, 0
    ret
