/* SPDX-License-Identifier: MIT
 *
 * Counts in a word of each of 40 pages, again and again, without any device: for the thinning of checkpoints.
 */
    .globl _start
_start:
    li s0, 0x80010000
    li s2, 0x80010000 + 40 * 4096
    li s3, 4096
again:
    mv s1, s0
next:
    ld t0, (s1)
    addi t0, t0, 1
    sd t0, (s1)
    add s1, s1, s3
    bltu s1, s2, next
    j again
