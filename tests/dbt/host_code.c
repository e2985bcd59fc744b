/* SPDX-License-Identifier: MIT
 *
 * Decodes host code; see host_code.h.
 */
#include "tests/dbt/host_code.h"

#include <capstone/capstone.h>
#include <stdlib.h>

static csh disassembler;

void host_code_open(void)
{
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler) != CS_ERR_OK)
        abort();
    cs_option(disassembler, CS_OPT_DETAIL, CS_OPT_ON);
}

void host_code_close(void)
{
    cs_close(&disassembler);
}

/* The number of the register (this may be a part of it); -1: a register of another kind. */
static int number_of(unsigned reg)
{
    static const uint16_t names[16][5] = {
        { X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH },
        { X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH },
        { X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH },
        { X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH },
        { X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL },
        { X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL },
        { X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
        { X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
        { X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
        { X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
        { X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
        { X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
        { X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
        { X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
        { X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
        { X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
    };
    for (int i = 0; i < 16; i++)
        for (unsigned k = 0; k < 5; k++)
            if (names[i][k] && names[i][k] == reg)
                return i;
    return -1;
}

static void note_memory(const cs_x86_op *op, struct host_insn *insn)
{
    insn->loads |= (op->access & CS_AC_READ) != 0;
    insn->stores |= (op->access & CS_AC_WRITE) != 0;
    if (op->mem.index == X86_REG_INVALID)
        insn->mem = (struct host_mem){ number_of(op->mem.base), op->mem.disp };
}

static void take_apart(const cs_insn *from, struct host_insn *insn)
{
    const cs_x86 *x86 = &from->detail->x86;
    cs_regs read, written;
    uint8_t read_count, written_count;
    *insn = (struct host_insn){ .size = from->size, .mem = { .base = -1 }, .stored = -1 };
    if (cs_regs_access(disassembler, from, read, &read_count, written, &written_count) != CS_ERR_OK)
        abort();
    for (unsigned i = 0; i < written_count; i++)
        if (number_of(written[i]) >= 0)
            insn->written |= (uint16_t)(1u << number_of(written[i]));
    for (unsigned i = 0; i < x86->op_count && from->id != X86_INS_LEA; i++)
        if (x86->operands[i].type == X86_OP_MEM)
            note_memory(&x86->operands[i], insn);
    if (from->id == X86_INS_MOV && insn->stores && x86->operands[1].type == X86_OP_REG)
        insn->stored = number_of(x86->operands[1].reg);
    insn->call = from->id == X86_INS_CALL;
    insn->jump = from->id == X86_INS_JMP;
    if ((insn->call || insn->jump) && x86->operands[0].type == X86_OP_IMM)
        insn->target = (uint64_t)x86->operands[0].imm;
}

bool host_code_decode(const uint8_t *code, size_t size, uint64_t address, struct host_insn *insn)
{
    cs_insn *found;
    size_t count = cs_disasm(disassembler, code, size, address, 1, &found);
    if (!count)
        return false;
    take_apart(found, insn);
    cs_free(found, count);
    return true;
}
