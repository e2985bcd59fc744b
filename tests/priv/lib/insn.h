/* SPDX-License-Identifier: MIT
 *
 * Encodings of the instructions that tests put into the code buffer (Unpriv., "RV32/64G Instruction Set
 * Listings"). Register operands are numbers: 10 is a0.
 */
#ifndef INSN_H
#define INSN_H

#include <stdint.h>

enum { ZERO = 0, RA = 1, SP = 2, T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1, A2, A3, A4, A5, T3 = 28 };

/* These are constant expressions, so that tables may hold them. */
#define insn_i(opcode, funct3, rd, rs1, imm)                                                                 \
    ((uint32_t)(imm) << 20 | (uint32_t)(rs1) << 15 | (uint32_t)(funct3) << 12 | (uint32_t)(rd) << 7 |        \
     (opcode))
#define insn_s(opcode, funct3, rs1, rs2, imm)                                                                \
    (((uint32_t)(imm) >> 5) << 25 | (uint32_t)(rs2) << 20 | (uint32_t)(rs1) << 15 |                          \
     (uint32_t)(funct3) << 12 | ((uint32_t)(imm)&31) << 7 | (opcode))
#define insn_b(funct3, rs1, rs2, imm)                                                                        \
    (((uint32_t)(imm) >> 12 & 1) << 31 | ((uint32_t)(imm) >> 5 & 63) << 25 | (uint32_t)(rs2) << 20 |         \
     (uint32_t)(rs1) << 15 | (uint32_t)(funct3) << 12 | ((uint32_t)(imm) >> 1 & 15) << 8 |                   \
     ((uint32_t)(imm) >> 11 & 1) << 7 | 0x63)
#define insn_r(opcode, funct3, funct7, rd, rs1, rs2)                                                         \
    ((uint32_t)(funct7) << 25 | (uint32_t)(rs2) << 20 | (uint32_t)(rs1) << 15 | (uint32_t)(funct3) << 12 |   \
     (uint32_t)(rd) << 7 | (opcode))

#define ADDI(rd, rs1, imm)               insn_i(0x13, 0, rd, rs1, imm)
#define LI(rd, imm)                      ADDI(rd, ZERO, imm)
#define ADD(rd, rs1, rs2)                insn_r(0x33, 0, 0, rd, rs1, rs2)
#define LB(rd, rs1, imm)                 insn_i(0x03, 0, rd, rs1, imm)
#define LH(rd, rs1, imm)                 insn_i(0x03, 1, rd, rs1, imm)
#define LW(rd, rs1, imm)                 insn_i(0x03, 2, rd, rs1, imm)
#define LD(rd, rs1, imm)                 insn_i(0x03, 3, rd, rs1, imm)
#define LBU(rd, rs1, imm)                insn_i(0x03, 4, rd, rs1, imm)
#define LHU(rd, rs1, imm)                insn_i(0x03, 5, rd, rs1, imm)
#define LWU(rd, rs1, imm)                insn_i(0x03, 6, rd, rs1, imm)
#define SB(rs2, rs1, imm)                insn_s(0x23, 0, rs1, rs2, imm)
#define SH(rs2, rs1, imm)                insn_s(0x23, 1, rs1, rs2, imm)
#define SW(rs2, rs1, imm)                insn_s(0x23, 2, rs1, rs2, imm)
#define SD(rs2, rs1, imm)                insn_s(0x23, 3, rs1, rs2, imm)
#define FLW(rd, rs1, imm)                insn_i(0x07, 2, rd, rs1, imm)
#define FLD(rd, rs1, imm)                insn_i(0x07, 3, rd, rs1, imm)
#define FSW(rs2, rs1, imm)               insn_s(0x27, 2, rs1, rs2, imm)
#define FSD(rs2, rs1, imm)               insn_s(0x27, 3, rs1, rs2, imm)
#define JALR(rd, rs1, imm)               insn_i(0x67, 0, rd, rs1, imm)
#define RET                              JALR(ZERO, RA, 0)
#define BEQ(rs1, rs2, imm)               insn_b(0, rs1, rs2, imm)
#define BNE(rs1, rs2, imm)               insn_b(1, rs1, rs2, imm)
#define ECALL                            0x00000073u
#define EBREAK                           0x00100073u
#define SRET                             0x10200073u
#define MRET                             0x30200073u
#define WFI                              0x10500073u
#define NOP                              0x00000013u
#define FENCE_I                          0x0000100fu
#define C_NOP                            0x0001u
#define C_EBREAK                         0x9002u
#define SFENCE_VMA(rs1, rs2)             insn_r(0x73, 0, 0x09, 0, rs1, rs2)
#define SINVAL_VMA(rs1, rs2)             insn_r(0x73, 0, 0x0b, 0, rs1, rs2)
#define SFENCE_W_INVAL                   0x18000073u
#define SFENCE_INVAL_IR                  0x18100073u
#define CSRRW(rd, csr, rs1)              insn_i(0x73, 1, rd, rs1, (int32_t)(csr))
#define CSRRS(rd, csr, rs1)              insn_i(0x73, 2, rd, rs1, (int32_t)(csr))
#define CSRRC(rd, csr, rs1)              insn_i(0x73, 3, rd, rs1, (int32_t)(csr))
#define CSRRWI(rd, csr, imm)             insn_i(0x73, 5, rd, imm, (int32_t)(csr))
#define CSRRSI(rd, csr, imm)             insn_i(0x73, 6, rd, imm, (int32_t)(csr))
#define CSRRCI(rd, csr, imm)             insn_i(0x73, 7, rd, imm, (int32_t)(csr))
#define AMO(funct5, width, rd, rs1, rs2) insn_r(0x2f, width, (funct5) << 2, rd, rs1, rs2)
#define LR_W(rd, rs1)                    AMO(2, 2, rd, rs1, 0)
#define SC_W(rd, rs2, rs1)               AMO(3, 2, rd, rs1, rs2)
#define LR_D(rd, rs1)                    AMO(2, 3, rd, rs1, 0)
#define SC_D(rd, rs2, rs1)               AMO(3, 3, rd, rs1, rs2)
#define AMOADD_W(rd, rs2, rs1)           AMO(0, 2, rd, rs1, rs2)
#define AMOADD_D(rd, rs2, rs1)           AMO(0, 3, rd, rs1, rs2)
#define AMOSWAP_W(rd, rs2, rs1)          AMO(1, 2, rd, rs1, rs2)
#define AMOCAS_W(rd, rs2, rs1)           AMO(5, 2, rd, rs1, rs2)
#define AMOCAS_D(rd, rs2, rs1)           AMO(5, 3, rd, rs1, rs2)
#define AMOCAS_Q(rd, rs2, rs1)           AMO(5, 4, rd, rs1, rs2)
#define CBO_INVAL(rs1)                   insn_i(0x0f, 2, 0, rs1, 0)
#define CBO_CLEAN(rs1)                   insn_i(0x0f, 2, 0, rs1, 1)
#define CBO_FLUSH(rs1)                   insn_i(0x0f, 2, 0, rs1, 2)
#define CBO_ZERO(rs1)                    insn_i(0x0f, 2, 0, rs1, 4)
#define WRS_NTO                          0x00d00073u
#define WRS_STO                          0x01d00073u

/* The widest load and store of x registers. */
#if __riscv_xlen == 64
#define LX LD
#define SX SD
#else
#define LX LW
#define SX SW
#endif

#endif
