/* SPDX-License-Identifier: MIT
 *
 * Internals of the instruction tables: shared by isa.c (which builds them), isa/decode.c and isa/rvc.c.
 */
#ifndef CPU_ISA_TABLES_H
#define CPU_ISA_TABLES_H

#include "cpu/isa/isa.h"

/* How to find the operands of a compressed form; isa/rvc.c has a case for each. */
/* clang-format off */
#define ISA_RVC_FORMS(X)                                                                                     \
    X(NONE) X(ADDI4SPN) X(LW) X(LD) X(LBU) X(LH) X(SB) X(SH) X(SW) X(SD) X(ADDI) X(LI) X(ADDI16SP) X(LUI)    \
    X(SHAMT3) X(SHAMT5) X(ANDI) X(CA) X(CU) X(ZEXT_B) X(NOT) X(JAL) X(J) X(BRANCH) X(LDSP) X(LWSP) X(JR)     \
    X(JALR) X(MV) X(ADD) X(SDSP) X(SWSP) X(MOP) X(SS)                 \
    X(PUSH32) X(PUSH64) X(POP32) X(POP64) X(SREGS) X(TABLE)
/* clang-format on */

enum isa_rvc_form {
#define X(name) ISA_FORM_##name,
    ISA_RVC_FORMS(X)
#undef X
};

extern const enum isa_insn isa_rvc_expands[ISA_RVC_COUNT];
extern const enum isa_rvc_form isa_rvc_forms[ISA_RVC_COUNT];

/* Fills rd, rs1, rs2 and imm from the 16 bits of a compressed instruction. */
void isa_rvc_extract(enum isa_rvc_form form, uint32_t bits, struct isa_operands *operands);

/* Writes the name of a CSR, or its number in hexadecimal if it has no name. */
void isa_csr_name(unsigned number, char *text, size_t size);

/* Returns the rows whose pattern can match, most specific first, terminated by 0xffff. */
const uint16_t *isa_candidates(uint32_t bits);
const uint16_t *isa_rvc_candidates(uint32_t bits);

#endif
