/* SPDX-License-Identifier: MIT
 *
 * The handlers by instruction, for one XLEN; see exec.h.
 */
#include "cpu/exec/exec.h"

#if XLEN == 32
#define TABLE exec_table_rv32
#else
#define TABLE exec_table_rv64
#endif

exec_fn *const TABLE[ISA_INSN_COUNT + 1] = {
    [ISA_INSN_ILLEGAL] = EXEC_NAME(ILLEGAL),
#define INSN(name, mnemonic, pattern, operands, extension, flags) [ISA_INSN_##name] = EXEC_NAME(name),
#include "cpu/isa/isa.def"
    [ISA_INSN_COUNT] = EXEC_NAME(block_end),
};
