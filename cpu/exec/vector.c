/* SPDX-License-Identifier: MIT
 *
 * Handlers of the vector instructions. The folder vector/ implements them, once for both XLEN. See exec.h.
 */
#include "cpu/exec/exec.h"

#include "cpu/exec/vector/vector.h"

#define INSN(name, mnemonic, pattern, operands, extension, flags)                                            \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(!vector_##name(hart, insn)))                                                            \
            return;                                                                                          \
        NEXT;                                                                                                \
    }
#include "cpu/isa/vector.def"
