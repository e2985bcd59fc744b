/* SPDX-License-Identifier: MIT
 *
 * Converts bits to operands and back; see isa.h. It runs once for each instruction of a block that is built,
 * so it is simple rather than fast.
 */
#include "cpu/isa/tables.h"

static int32_t sign_extend(uint32_t value, unsigned width)
{
    return (int32_t)(value << (32 - width)) >> (32 - width);
}

static bool has_field(const struct isa_entry *entry, enum isa_field field)
{
    return entry->fields >> field & 1;
}

static uint32_t field(const struct isa_entry *entry, enum isa_field which, uint32_t bits, unsigned width)
{
    return bits >> entry->shift[which] & ((1u << width) - 1);
}

static int32_t branch_offset(uint32_t bits)
{
    return sign_extend(
        (bits >> 31) << 12 | (bits >> 7 & 1) << 11 | (bits >> 25 & 63) << 5 | (bits >> 8 & 15) << 1, 13);
}

static int32_t jump_offset(uint32_t bits)
{
    return sign_extend(
        (bits >> 31) << 20 | (bits & 0xff000) | (bits >> 20 & 1) << 11 | (bits >> 21 & 1023) << 1, 21);
}

static int32_t mop_number(const struct isa_entry *entry, uint32_t bits)
{
    uint32_t high = (bits >> 30 & 1) << 2 | (bits >> 26 & 3);
    return (int32_t)(has_field(entry, ISA_FIELD_mopl2) ? high << 2 | (bits >> 20 & 3) : high);
}

static int32_t immediate(const struct isa_entry *entry, uint32_t bits)
{
    if (has_field(entry, ISA_FIELD_imm12))
        return (int32_t)bits >> 20;
    if (has_field(entry, ISA_FIELD_immhi7))
        return ((int32_t)bits >> 25) * 32 + (int32_t)(bits >> 7 & 31);
    if (has_field(entry, ISA_FIELD_bhi7))
        return branch_offset(bits);
    if (has_field(entry, ISA_FIELD_imm20))
        return (int32_t)(bits & 0xfffff000);
    if (has_field(entry, ISA_FIELD_jimm20))
        return jump_offset(bits);
    if (has_field(entry, ISA_FIELD_shamt5))
        return (int32_t)(bits >> 20 & 31);
    if (has_field(entry, ISA_FIELD_shamt6))
        return (int32_t)(bits >> 20 & 63);
    if (has_field(entry, ISA_FIELD_csr12))
        return (int32_t)(bits >> 20 | (bits >> 15 & 31) << 16);
    if (has_field(entry, ISA_FIELD_vtype11))
        return (int32_t)(bits >> 20 & 0x7ff);
    if (has_field(entry, ISA_FIELD_vtype10))
        return (int32_t)((bits >> 20 & 0x3ff) | (bits >> 15 & 31) << 16);
    if (has_field(entry, ISA_FIELD_simm5))
        return sign_extend(bits >> 15 & 31, 5);
    if (has_field(entry, ISA_FIELD_uimm1))
        return (int32_t)((bits >> 15 & 31) | (bits >> 26 & 1) << 5);
    if (has_field(entry, ISA_FIELD_zimm5))
        return (int32_t)(bits >> 15 & 31);
    if (has_field(entry, ISA_FIELD_uimm5))
        return (int32_t)(bits >> 15 & 31);
    if (has_field(entry, ISA_FIELD_pred4))
        return (int32_t)(bits >> 20);
    if (has_field(entry, ISA_FIELD_phi7))
        return ((int32_t)bits >> 25) * 32;
    if (has_field(entry, ISA_FIELD_bs2))
        return (int32_t)(bits >> 30);
    if (has_field(entry, ISA_FIELD_rnum4))
        return (int32_t)(bits >> 20 & 15);
    if (has_field(entry, ISA_FIELD_mop1))
        return mop_number(entry, bits);
    if (has_field(entry, ISA_FIELD_step5))
        return sign_extend(bits >> 20 & 31, 5) * (1 << (bits >> 25 & 3));
    if (has_field(entry, ISA_FIELD_msb6))
        return (int32_t)(bits >> 20);
    return 0;
}

static void extract(const struct isa_entry *entry, uint32_t bits, struct isa_operands *operands)
{
    if (has_field(entry, ISA_FIELD_rd))
        operands->rd = (uint8_t)field(entry, ISA_FIELD_rd, bits, 5);
    if (has_field(entry, ISA_FIELD_rs1))
        operands->rs1 = (uint8_t)field(entry, ISA_FIELD_rs1, bits, 5);
    if (has_field(entry, ISA_FIELD_rs2))
        operands->rs2 = (uint8_t)field(entry, ISA_FIELD_rs2, bits, 5);
    if (has_field(entry, ISA_FIELD_rs3))
        operands->rs3 = (uint8_t)field(entry, ISA_FIELD_rs3, bits, 5);
    if (has_field(entry, ISA_FIELD_rm))
        operands->rm = (uint8_t)field(entry, ISA_FIELD_rm, bits, 3);
    if (has_field(entry, ISA_FIELD_aqrl))
        operands->rm = (uint8_t)field(entry, ISA_FIELD_aqrl, bits, 2);
    if (has_field(entry, ISA_FIELD_vm))
        operands->rm = (uint8_t)field(entry, ISA_FIELD_vm, bits, 1);
    if (has_field(entry, ISA_FIELD_sh2))
        operands->rm = (uint8_t)field(entry, ISA_FIELD_sh2, bits, 2);
    operands->imm = immediate(entry, bits);
}

static bool xlen_has(const struct isa_config *config, const struct isa_entry *entry)
{
    return !(entry->flags & (config->xlen == 32 ? ISA_RV64 : ISA_RV32));
}

/* Returns the extension that the configuration lacks for this row, or ISA_EXTENSION_COUNT. */
static enum isa_extension lacks(const struct isa_config *config, const struct isa_entry *entry)
{
    bool shared = entry->flags & ISA_SHARED && isa_has(config, isa_sharer(entry->extension));
    if (!shared && !isa_has(config, entry->extension))
        return entry->extension;
    enum isa_extension d = isa_is_in_x(entry->extension) ? ISA_Zdinx : ISA_D;
    if (entry->flags & ISA_ALSO_D && !isa_has(config, d))
        return d;
    if (entry->flags & ISA_ALSO_ZFH && !isa_has(config, ISA_Zfh))
        return ISA_Zfh;
    if (entry->flags & ISA_ALSO_ZACAS && !isa_has(config, ISA_Zacas))
        return ISA_Zacas;
    /* Of compressed forms the bit is another flag. */
    if (entry->flags & ISA_ALSO_SVINVAL && entry->extension == ISA_H && !isa_has(config, ISA_Svinval))
        return ISA_Svinval;
    if (entry->flags & RVC_ALSO_ZCMOP && !isa_has(config, ISA_Zcmop))
        return ISA_Zcmop;
    return ISA_EXTENSION_COUNT;
}

/* RV32E and RV64E have only 16 integer registers ("RV32E and RV64E Base Integer Instruction
 * Sets"). */
static bool beyond_embedded(const struct isa_config *config, enum isa_insn insn,
                            const struct isa_operands *operands)
{
    unsigned flags = isa_entry(insn)->flags;
    return config->embedded && ((operands->rd > 15 && !(flags & (ISA_FRD | ISA_VRD))) ||
                                (operands->rs1 > 15 && !(flags & (ISA_FRS1 | ISA_VRS1))) ||
                                (operands->rs2 > 15 && !(flags & (ISA_FRS2 | ISA_VRS2)) &&
                                 isa_entry(insn)->extension != ISA_Zibi) ||
                                (operands->rs3 > 15 && !(flags & ISA_FRS3)));
}

/* Odd registers are reserved as double-width operands of floating point ("Zdinx"). */
static bool odd_pair(const struct isa_config *config, const struct isa_entry *entry,
                     const struct isa_operands *operands)
{
    unsigned odd = (operands->rd & 1 ? ISA_PAIR_RD : 0) | (operands->rs1 & 1 ? ISA_PAIR_RS1 : 0) |
                   (operands->rs2 & 1 ? ISA_PAIR_RS2 : 0) | (operands->rs3 & 1 ? ISA_PAIR_RS3 : 0);
    return config->xlen == 32 && odd & entry->pairs;
}

/* Two results in one register, or a load of two in place of the pointer (T-Head, "XTheadMemIdx",
 * "XTheadMemPair").
 */
static bool same_results(const struct isa_entry *entry, const struct isa_operands *operands)
{
    bool rd = has_field(entry, ISA_FIELD_rd);
    if (entry->flags & ISA_ALSO_RS1)
        return rd && operands->rd == operands->rs1;
    return entry->flags & ISA_ALSO_RS2 &&
           (operands->rd == operands->rs2 || operands->rd == operands->rs1 || operands->rs2 == operands->rs1);
}

static bool rvc_operands_allowed(const struct isa_entry *entry, const struct isa_operands *operands)
{
    return !((entry->flags & RVC_RD_NZ && operands->rd == 0) ||
             (entry->flags & RVC_RS1_NZ && operands->rs1 == 0) ||
             (entry->flags & RVC_RS2_NZ && operands->rs2 == 0) ||
             (entry->flags & RVC_IMM_NZ && operands->imm == 0) ||
             (entry->flags & RVC_RD_NOT_SP && operands->rd == 2));
}

static void decode_rvc(const struct isa_config *config, struct isa_operands *operands,
                       enum isa_extension *missing)
{
    for (const uint16_t *row = isa_rvc_candidates(operands->bits); *row != 0xffff; row++) {
        const struct isa_entry *entry = isa_rvc_entry(*row);
        if ((operands->bits & entry->mask) != entry->match || !xlen_has(config, entry))
            continue;
        isa_rvc_extract(isa_rvc_forms[*row], operands->bits, operands);
        if (!rvc_operands_allowed(entry, operands))
            continue;
        enum isa_insn insn = isa_rvc_expands[*row];
        *missing = lacks(config, entry);
        if (*missing == ISA_EXTENSION_COUNT)
            *missing = lacks(config, isa_entry(insn));
        if (*missing != ISA_EXTENSION_COUNT && entry->flags & RVC_HINT)
            continue;
        if (*missing != ISA_EXTENSION_COUNT)
            return;
        if (beyond_embedded(config, insn, operands))
            return;
        operands->insn = insn;
        operands->rvc = (enum isa_rvc) * row;
        return;
    }
}

static void decode_32(const struct isa_config *config, struct isa_operands *operands,
                      enum isa_extension *missing)
{
    for (const uint16_t *row = isa_candidates(operands->bits); *row != 0xffff; row++) {
        const struct isa_entry *entry = isa_entry(*row);
        if ((operands->bits & entry->mask) != entry->match || !xlen_has(config, entry))
            continue;
        if (entry->flags & ISA_RD_NZ && !(operands->bits >> 7 & 31))
            continue;
        bool in_x = isa_is_in_x(entry->extension);
        if (in_x && !isa_has(config, ISA_Zfinx))
            continue; /* the instruction of f registers follows */
        enum isa_extension lack = lacks(config, entry);
        if (lack != ISA_EXTENSION_COUNT) {
            *missing = lack;
            if (in_x)
                return;
            continue; /* a hint falls back to the instruction whose encoding it uses */
        }
        *missing = ISA_EXTENSION_COUNT;
        extract(entry, operands->bits, operands);
        if (!beyond_embedded(config, (enum isa_insn) * row, operands) && !odd_pair(config, entry, operands) &&
            !same_results(entry, operands))
            operands->insn = (enum isa_insn) * row;
        return;
    }
}

void isa_decode(const struct isa_config *config, uint32_t bits, struct isa_operands *operands,
                enum isa_extension *missing)
{
    enum isa_extension lack = ISA_EXTENSION_COUNT;
    bool compressed = (bits & 3) != 3;
    *operands = (struct isa_operands){ .insn = ISA_INSN_ILLEGAL, .rvc = ISA_RVC_COUNT };
    operands->length = compressed ? 2 : 4;
    operands->bits = compressed ? bits & 0xffff : bits;
    if (compressed)
        decode_rvc(config, operands, &lack);
    else
        decode_32(config, operands, &lack);
    if (missing)
        *missing = lack;
}

static uint32_t encode_branch(uint32_t imm, uint32_t bits)
{
    return bits | (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7;
}

static uint32_t encode_jump(uint32_t imm, uint32_t bits)
{
    return bits | (imm >> 20 & 1) << 31 | (imm >> 1 & 1023) << 21 | (imm >> 11 & 1) << 20 | (imm & 0xff000);
}

static uint32_t encode_mop(const struct isa_entry *entry, uint32_t number, uint32_t bits)
{
    bool five = has_field(entry, ISA_FIELD_mopl2);
    uint32_t high = five ? number >> 2 : number;
    return bits | (high >> 2 & 1) << 30 | (high & 3) << 26 | (five ? (number & 3) << 20 : 0);
}

static uint32_t encode_immediate(const struct isa_entry *entry, uint32_t imm, uint32_t bits)
{
    if (has_field(entry, ISA_FIELD_imm12) || has_field(entry, ISA_FIELD_pred4))
        return bits | imm << 20;
    if (has_field(entry, ISA_FIELD_immhi7))
        return bits | (imm >> 5) << 25 | (imm & 31) << 7;
    if (has_field(entry, ISA_FIELD_bhi7))
        return encode_branch(imm, bits);
    if (has_field(entry, ISA_FIELD_imm20))
        return bits | (imm & 0xfffff000);
    if (has_field(entry, ISA_FIELD_jimm20))
        return encode_jump(imm, bits);
    if (has_field(entry, ISA_FIELD_shamt5))
        return bits | (imm & 31) << 20;
    if (has_field(entry, ISA_FIELD_shamt6))
        return bits | (imm & 63) << 20;
    if (has_field(entry, ISA_FIELD_csr12))
        return bits | imm << 20 | (has_field(entry, ISA_FIELD_uimm5) ? (imm >> 16 & 31) << 15 : 0);
    if (has_field(entry, ISA_FIELD_vtype11))
        return bits | (imm & 0x7ff) << 20;
    if (has_field(entry, ISA_FIELD_vtype10))
        return bits | (imm & 0x3ff) << 20 | (imm >> 16 & 31) << 15;
    if (has_field(entry, ISA_FIELD_uimm1))
        return bits | (imm & 31) << 15 | (imm >> 5 & 1) << 26;
    if (has_field(entry, ISA_FIELD_simm5) || has_field(entry, ISA_FIELD_zimm5))
        return bits | (imm & 31) << 15;
    if (has_field(entry, ISA_FIELD_uimm5))
        return bits | (imm & 31) << 15;
    if (has_field(entry, ISA_FIELD_phi7))
        return bits | (imm >> 5) << 25;
    if (has_field(entry, ISA_FIELD_bs2))
        return bits | imm << 30;
    if (has_field(entry, ISA_FIELD_rnum4))
        return bits | (imm & 15) << 20;
    if (has_field(entry, ISA_FIELD_mop1))
        return encode_mop(entry, imm, bits);
    if (has_field(entry, ISA_FIELD_msb6))
        return bits | imm << 20;
    return bits;
}

uint32_t isa_encode(enum isa_insn insn, const struct isa_operands *operands)
{
    const struct isa_entry *entry = isa_entry(insn);
    uint32_t bits = entry->match;
    if (has_field(entry, ISA_FIELD_rd))
        bits |= (operands->rd & 31u) << entry->shift[ISA_FIELD_rd];
    if (has_field(entry, ISA_FIELD_rs1))
        bits |= (operands->rs1 & 31u) << entry->shift[ISA_FIELD_rs1];
    if (has_field(entry, ISA_FIELD_rs2))
        bits |= (operands->rs2 & 31u) << entry->shift[ISA_FIELD_rs2];
    if (has_field(entry, ISA_FIELD_rs3))
        bits |= (operands->rs3 & 31u) << entry->shift[ISA_FIELD_rs3];
    if (has_field(entry, ISA_FIELD_rm))
        bits |= (operands->rm & 7u) << entry->shift[ISA_FIELD_rm];
    if (has_field(entry, ISA_FIELD_aqrl))
        bits |= (operands->rm & 3u) << entry->shift[ISA_FIELD_aqrl];
    if (has_field(entry, ISA_FIELD_vm))
        bits |= (operands->rm & 1u) << entry->shift[ISA_FIELD_vm];
    if (has_field(entry, ISA_FIELD_sh2))
        bits |= (operands->rm & 3u) << entry->shift[ISA_FIELD_sh2];
    if (has_field(entry, ISA_FIELD_step5))
        bits |= ((uint32_t)(operands->imm >> (operands->rm & 3)) & 31) << entry->shift[ISA_FIELD_step5];
    return encode_immediate(entry, (uint32_t)operands->imm, bits);
}
