/* SPDX-License-Identifier: MIT
 *
 * How instruction handlers are written. Each file is compiled twice, with XLEN = 32 and 64; a handler is
 *
 *     EXEC(add) { SET_RD(RS1 + RS2); NEXT; }
 *
 * and becomes exec32_add and exec64_add, which exec/table.c collects in the order of the rows of isa.def. A
 * handler that ends with NEXT runs the next instruction of the block by a tail call. A handler that raised a
 * trap just returns. A handler that ends its block leaves the next pc in hart->pc and returns by LEAVE or
 * GO_TO.
 */
#ifndef CPU_EXEC_EXEC_H
#define CPU_EXEC_EXEC_H

#include "cpu/hart_state.h"

/* The handlers, by enum isa_insn. After them, at ISA_INSN_COUNT, is the handler that ends a block without a
 * jump. */
extern exec_fn *const exec_table_rv32[ISA_INSN_COUNT + 1];
extern exec_fn *const exec_table_rv64[ISA_INSN_COUNT + 1];

/* gcc makes these tail calls when it optimises, if the address of no local variable leaves the handler;
 * tests/style checks the object code. clang has an attribute for them. */
#if defined(__clang__)
#define TAIL_CALL __attribute__((musttail)) return
#else
#define TAIL_CALL
#endif

#ifdef XLEN

#if XLEN == 32
typedef uint32_t ux; /* an x register, unsigned; the next is signed */
typedef int32_t sx;
#define EXEC_NAME(name) exec32_##name
#else
typedef uint64_t ux;
typedef int64_t sx;
#define EXEC_NAME(name) exec64_##name
#endif

/* Prototypes of all handlers. */
#define INSN(name, mnemonic, pattern, operands, extension, flags) exec_fn EXEC_NAME(name);
#include "cpu/isa/isa.def"
exec_fn EXEC_NAME(ILLEGAL), EXEC_NAME(block_end);

#define EXEC(name) void EXEC_NAME(name)(struct hart * hart, const struct insn *insn)

#define RS1 ((ux)hart->x[insn->rs1])
#define RS2 ((ux)hart->x[insn->rs2])
#define IMM ((ux)(sx)insn->imm)
/* The upper half of an RV32 register is 0. */
#define SET_RD(value) (hart->x[insn->rd] = (ux)(value))

#define NEXT                                                                                                 \
    do {                                                                                                     \
        insn++;                                                                                              \
        TAIL_CALL insn->exec(hart, insn);                                                                    \
        return;                                                                                              \
    } while (0)

/* Ends the block; the run loop searches the next one. */
#define LEAVE                                                                                                \
    do {                                                                                                     \
        hart->exit_link = NULL;                                                                              \
        return;                                                                                              \
    } while (0)

/* Ends the block after this instruction. */
#define STEP_AND_LEAVE                                                                                       \
    do {                                                                                                     \
        hart->pc = (ux)(hart->pc + insn->offset + insn->length);                                             \
        LEAVE;                                                                                               \
    } while (0)

/* Traps; cpu/trap.h must be included. */
#define ILLEGAL_IF(condition)                                                                                \
    do {                                                                                                     \
        if (UNLIKELY(condition)) {                                                                           \
            trap_illegal(hart, insn);                                                                        \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

#define VIRTUAL_IF(condition)                                                                                \
    do {                                                                                                     \
        if (UNLIKELY(condition)) {                                                                           \
            trap_virtual(hart, insn);                                                                        \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

/* An instruction that is one expression and writes one register. */
#define EXEC_ALU(name, value)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        SET_RD(value);                                                                                       \
        NEXT;                                                                                                \
    }
/* A W instruction: 32-bit result, sign-extended. */
#define EXEC_ALUW(name, value) EXEC_ALU(name, (int32_t)(value))

/* An instruction that is one call, which returns false if the hart has trapped or the block ends there. */
#define EXEC_CALL(name, call)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(!(call)))                                                                               \
            return;                                                                                          \
        NEXT;                                                                                                \
    }

/* Tail calls from block to block need an optimising compiler; otherwise the run loop calls the blocks. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EXEC_CHAIN 1
#else
#define EXEC_CHAIN 0
#endif

/* Continues at hart->pc (already set) through a link of the block, if the link leads to a valid block and no
 * request waits for the hart. */
static inline void exec_follow(struct hart *hart, struct block **link)
{
    struct block *next = *link;
    if (EXEC_CHAIN && LIKELY(next && next->epoch == hart->epoch && --next->heat > 0 &&
                             !atomic_load_explicit(&hart->requests, memory_order_relaxed))) {
        hart_begin_block(hart, next);
        next->insns[0].exec(hart, next->insns);
        return;
    }
    hart->exit_link = link;
}

/* Ends the block at a target that may be linked: `which` is 0 for a taken jump, 1 for the next
 * instruction. */
#define GO_TO(chainable, which)                                                                              \
    do {                                                                                                     \
        if (!(chainable))                                                                                    \
            LEAVE;                                                                                           \
        exec_follow(hart, &hart->block->link[which]);                                                        \
        return;                                                                                              \
    } while (0)

#endif
#endif
