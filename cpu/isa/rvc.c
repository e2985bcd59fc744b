/* SPDX-License-Identifier: MIT
 *
 * Operands of the compressed forms ("C" Standard Extension, the tables of instruction formats; Zcb). A form
 * collects the scattered bits of the immediate and names the registers of the instruction that it expands to.
 */
#include "cpu/isa/tables.h"

/* Bits [high:low] of the encoding, moved to bit `at` of the immediate. */
#define BITS(high, low, at) ((bits >> (low) & ((1u << ((high) - (low) + 1)) - 1)) << (at))
#define SIGN(bit, at)       (-(int32_t)(bits >> (bit)&1) * (1 << (at)))

#define RD    (bits >> 7 & 31) /* rd, rs1 of CR and CI */
#define RS2   (bits >> 2 & 31)
#define RD_P  (8 + (bits >> 2 & 7)) /* rd', rs2' */
#define RS1_P (8 + (bits >> 7 & 7))

static int32_t imm6(uint32_t bits)
{
    return SIGN(12, 5) | (int32_t)BITS(6, 2, 0);
}

static int32_t shamt6(uint32_t bits)
{
    return (int32_t)(BITS(12, 12, 5) | BITS(6, 2, 0));
}

static int32_t imm_addi16sp(uint32_t bits)
{
    return SIGN(12, 9) | (int32_t)(BITS(6, 6, 4) | BITS(5, 5, 6) | BITS(4, 3, 7) | BITS(2, 2, 5));
}

static int32_t imm_addi4spn(uint32_t bits)
{
    return (int32_t)(BITS(12, 11, 4) | BITS(10, 7, 6) | BITS(6, 6, 2) | BITS(5, 5, 3));
}

static int32_t imm_word(uint32_t bits)
{
    return (int32_t)(BITS(12, 10, 3) | BITS(6, 6, 2) | BITS(5, 5, 6));
}

static int32_t imm_double(uint32_t bits)
{
    return (int32_t)(BITS(12, 10, 3) | BITS(6, 5, 6));
}

static int32_t imm_byte(uint32_t bits)
{
    return (int32_t)(BITS(6, 6, 0) | BITS(5, 5, 1));
}

static int32_t imm_lwsp(uint32_t bits)
{
    return (int32_t)(BITS(12, 12, 5) | BITS(6, 4, 2) | BITS(3, 2, 6));
}

static int32_t imm_ldsp(uint32_t bits)
{
    return (int32_t)(BITS(12, 12, 5) | BITS(6, 5, 3) | BITS(4, 2, 6));
}

static int32_t imm_swsp(uint32_t bits)
{
    return (int32_t)(BITS(12, 9, 2) | BITS(8, 7, 6));
}

static int32_t imm_sdsp(uint32_t bits)
{
    return (int32_t)(BITS(12, 10, 3) | BITS(9, 7, 6));
}

static int32_t imm_jump(uint32_t bits)
{
    return SIGN(12, 11) | (int32_t)(BITS(11, 11, 4) | BITS(10, 9, 8) | BITS(8, 8, 10) | BITS(7, 7, 6) |
                                    BITS(6, 6, 7) | BITS(5, 3, 1) | BITS(2, 2, 5));
}

static int32_t imm_branch(uint32_t bits)
{
    return SIGN(12, 8) | (int32_t)(BITS(11, 10, 3) | BITS(6, 5, 6) | BITS(4, 3, 1) | BITS(2, 2, 5));
}

static void set(struct isa_operands *operands, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
    operands->rd = (uint8_t)rd;
    operands->rs1 = (uint8_t)rs1;
    operands->rs2 = (uint8_t)rs2;
    operands->imm = imm;
}

/* Zcmp: the bytes of a list of registers, rounded up to 16, plus 16 times the number in the instruction. The
 * list is in bits 19:16. */
static int32_t stack_adjustment(uint32_t bits, unsigned xlen)
{
    uint32_t list = bits >> 4 & 15, more = bits >> 2 & 3;
    uint32_t registers = list == 15 ? 13 : list < 4 ? 0 : list - 3;
    return (int32_t)(((registers * xlen / 8 + 15) & ~15u) + 16 * more) | (int32_t)(list << 16);
}

/* The numbers 0 and 1 are s0 and s1; 2 to 7 are s2 to s7. */
static unsigned s_register(uint32_t number)
{
    return number < 2 ? 8 + number : 16 + number;
}

void isa_rvc_extract(enum isa_rvc_form form, uint32_t bits, struct isa_operands *operands)
{
    struct isa_operands *o = operands;
    switch (form) {
    case ISA_FORM_PUSH32:
    case ISA_FORM_POP32: set(o, 0, 0, 0, stack_adjustment(bits, 32)); break;
    case ISA_FORM_PUSH64:
    case ISA_FORM_POP64: set(o, 0, 0, 0, stack_adjustment(bits, 64)); break;
    case ISA_FORM_SREGS: set(o, 0, s_register(bits >> 7 & 7), s_register(bits >> 2 & 7), 0); break;
    case ISA_FORM_TABLE: set(o, 0, 0, 0, (int32_t)(bits >> 2 & 255)); break;
    case ISA_FORM_NONE:
    case ISA_FORM_SS:                             /* its register is that of the instruction */
    case ISA_FORM_MOP: set(o, 0, 0, 0, 0); break; /* c.mop.N has no operands, whatever N is */
    case ISA_FORM_ADDI4SPN: set(o, RD_P, 2, 0, imm_addi4spn(bits)); break;
    case ISA_FORM_LW: set(o, RD_P, RS1_P, 0, imm_word(bits)); break;
    case ISA_FORM_LD: set(o, RD_P, RS1_P, 0, imm_double(bits)); break;
    case ISA_FORM_LBU: set(o, RD_P, RS1_P, 0, imm_byte(bits)); break;
    case ISA_FORM_LH: set(o, RD_P, RS1_P, 0, (int32_t)BITS(5, 5, 1)); break;
    case ISA_FORM_SB: set(o, 0, RS1_P, RD_P, imm_byte(bits)); break;
    case ISA_FORM_SH: set(o, 0, RS1_P, RD_P, (int32_t)BITS(5, 5, 1)); break;
    case ISA_FORM_SW: set(o, 0, RS1_P, RD_P, imm_word(bits)); break;
    case ISA_FORM_SD: set(o, 0, RS1_P, RD_P, imm_double(bits)); break;
    case ISA_FORM_ADDI: set(o, RD, RD, 0, imm6(bits)); break;
    case ISA_FORM_LI: set(o, RD, 0, 0, imm6(bits)); break;
    case ISA_FORM_ADDI16SP: set(o, 2, 2, 0, imm_addi16sp(bits)); break;
    case ISA_FORM_LUI: set(o, RD, 0, 0, (int32_t)((uint32_t)imm6(bits) << 12)); break;
    case ISA_FORM_SHAMT3: set(o, RS1_P, RS1_P, 0, shamt6(bits)); break;
    case ISA_FORM_SHAMT5: set(o, RD, RD, 0, shamt6(bits)); break;
    case ISA_FORM_ANDI: set(o, RS1_P, RS1_P, 0, imm6(bits)); break;
    case ISA_FORM_CA: set(o, RS1_P, RS1_P, RD_P, 0); break;
    case ISA_FORM_CU: set(o, RS1_P, RS1_P, 0, 0); break;
    case ISA_FORM_ZEXT_B: set(o, RS1_P, RS1_P, 0, 0xff); break;
    case ISA_FORM_NOT: set(o, RS1_P, RS1_P, 0, -1); break;
    case ISA_FORM_JAL: set(o, 1, 0, 0, imm_jump(bits)); break;
    case ISA_FORM_J: set(o, 0, 0, 0, imm_jump(bits)); break;
    case ISA_FORM_BRANCH: set(o, 0, RS1_P, 0, imm_branch(bits)); break;
    case ISA_FORM_LDSP: set(o, RD, 2, 0, imm_ldsp(bits)); break;
    case ISA_FORM_LWSP: set(o, RD, 2, 0, imm_lwsp(bits)); break;
    case ISA_FORM_JR: set(o, 0, RD, 0, 0); break;
    case ISA_FORM_JALR: set(o, 1, RD, 0, 0); break;
    case ISA_FORM_MV: set(o, RD, 0, RS2, 0); break;
    case ISA_FORM_ADD: set(o, RD, RD, RS2, 0); break;
    case ISA_FORM_SDSP: set(o, 0, 2, RS2, imm_sdsp(bits)); break;
    case ISA_FORM_SWSP: set(o, 0, 2, RS2, imm_swsp(bits)); break;
    }
}
