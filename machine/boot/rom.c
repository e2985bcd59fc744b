/* SPDX-License-Identifier: MIT
 *
 * The boot ROM; see rom.h. The entry contract is that of RISC-V firmware and Linux: a0 = hart id, a1 = device
 * tree, and a2 = struct fw_dynamic_info of OpenSBI (docs/firmware/fw_dynamic.md), which other programs
 * ignore. The layout, from the reset pc on:
 *
 *      0  auipc t0, 0
 *      4  addi  a2, t0, INFO
 *      8  csrr  a0, mhartid
 *     12  ld    a1, FDT(t0)         (lw on RV32, whose addresses are 32 bits)
 *     16  ld    t0, START(t0)
 *     20  jr    t0
 *     24  START  address of the first program
 *     32  FDT    address of the device tree
 *     40  INFO   struct fw_dynamic_info, words of XLEN bits
 *
 * If a board has switches, the reset pc is behind their word, and INFO is 4 bytes later, so that its address
 * is a multiple of 8.
 */
#include "machine/boot/rom.h"

#include <string.h>

#include "cpu/isa/isa.h"

enum { CODE_WORDS = 6, START_OFFSET = 24, FDT_OFFSET = 32, INFO_OFFSET = 40 };
enum { REG_ZERO = 0, REG_T0 = 5, REG_A0 = 10, REG_A1 = 11, REG_A2 = 12, CSR_MHARTID = 0xf14 };

#define INFO_MAGIC   0x4942534f /* "OSBI" */
#define INFO_VERSION 2
#define NEXT_MODE_S  1

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t encode(enum isa_insn insn, uint8_t rd, uint8_t rs1, int32_t imm)
{
    struct isa_operands operands = {
        .insn = insn, .rvc = ISA_RVC_COUNT, .length = 4, .rd = rd, .rs1 = rs1, .imm = imm
    };
    return isa_encode(insn, &operands);
}

bool boot_rom_write(const struct boot_rom_config *config, uint8_t *rom, size_t size, struct error *error)
{
    enum isa_insn load = config->xlen == 64 ? ISA_INSN_ld : ISA_INSN_lw;
    unsigned word = config->xlen / 8, lead = config->has_msel ? 4 : 0, info_at = INFO_OFFSET + lead;
    const uint32_t code[CODE_WORDS] = {
        encode(ISA_INSN_auipc, REG_T0, 0, 0),
        encode(ISA_INSN_addi, REG_A2, REG_T0, (int32_t)info_at),
        encode(ISA_INSN_csrrs, REG_A0, REG_ZERO, CSR_MHARTID),
        encode(load, REG_A1, REG_T0, FDT_OFFSET),
        encode(load, REG_T0, REG_T0, START_OFFSET),
        encode(ISA_INSN_jalr, REG_ZERO, REG_T0, 0),
    };
    const uint64_t info[] = { INFO_MAGIC,  INFO_VERSION,    config->next_addr,
                              NEXT_MODE_S, 0 /* options */, 0 /* boot hart */ };
    const size_t words = sizeof(info) / sizeof(info[0]);
    if (size < lead + info_at + words * 8)
        return error_set(error, "the boot ROM of %zu bytes is too small", size);
    memset(rom, 0, size);
    if (lead)
        put(rom, config->msel, 4);
    rom += lead;
    for (unsigned i = 0; i < CODE_WORDS; i++)
        put(rom + 4 * i, code[i], 4);
    put(rom + START_OFFSET, config->start_addr, 8);
    put(rom + FDT_OFFSET, config->fdt_addr, 8);
    for (size_t i = 0; i < words; i++)
        put(rom + info_at + i * word, info[i], word);
    return true;
}
