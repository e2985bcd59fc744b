/* SPDX-License-Identifier: MIT
 *
 * Loads and stores of T-Head's extensions for -d commit, made by hand: assemblers need other names for the
 * architecture.
 */
    .option norvc
    .globl _start
#define TH(code, sh, funct3, rd, rs1, rs2) .insn r 0x0b, funct3, code * 4 + sh, rd, rs1, rs2
_start:
    li      t1, 0x6000
    csrs    mstatus, t1
    li      s0, 0x80001000
    li      a1, -2
    li      a2, 3
    sw      a1, 0(s0)
    sw      a2, 4(s0)
    TH(11, 1, 4, a0, s0, x2)    /* th.lwia a0,(s0),2,1 */
    TH(9, 0, 4, a0, s0, x31)    /* th.lwib a0,(s0),-1,0: 0x80001003 */
    TH(3, 3, 5, s0, s0, x1)     /* th.sbia s0,(s0),1,3 */
    li      s0, 0x80001000
    li      a3, -1
    slli    a3, a3, 32
    addi    a3, a3, 1
    TH(10, 2, 4, a0, s0, a3)    /* th.lurw a0,s0,a3,2 */
    li      a3, 2
    TH(4, 1, 5, a2, s0, a3)     /* th.srh a2,s0,a3,1 */
    TH(28, 0, 4, a4, s0, a5)    /* th.lwd a4,a5,(s0),0,3 */
    TH(31, 1, 5, a4, s0, a2)    /* th.sdd a4,a2,(s0),1,4 */
    TH(8, 1, 6, x10, s0, a3)    /* th.flrw fa0,s0,a3,1 */
    TH(8, 3, 7, x10, s0, a3)    /* th.fsrw fa0,s0,a3,3 */
    TH(4, 0, 1, a2, a2, a2)     /* th.mula a2,a2,a2 */
    li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, 0(t0)
1:  j       1b
