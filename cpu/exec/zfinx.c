/* SPDX-License-Identifier: MIT
 *
 * Handlers of Zfinx, Zdinx, Zhinx and Zhinxmin, whose operands are in x registers. fp_format.h makes most of
 * them. See exec.h.
 *
 * Values are not boxed: of an operand that is narrower than the register only the low bits count, and a
 * narrower result is written with its sign extended ("Processing of Narrower Values"). On RV32 a double is in
 * a pair of registers, the first of which has an even number (the decoder refuses odd ones). A pair that
 * begins with x0 is zero when it is read, and a result for it is dropped ("Zdinx"). mstatus.FS is zero, and
 * these handlers do not check it.
 */
#include "cpu/exec/exec.h"

#include "cpu/fp/fp.h"
#include "cpu/trap.h"

static inline uint16_t get_h(const struct hart *hart, unsigned number)
{
    return (uint16_t)hart->x[number];
}
static inline uint32_t get_s(const struct hart *hart, unsigned number)
{
    return (uint32_t)hart->x[number];
}
static inline uint64_t get_d(const struct hart *hart, unsigned number)
{
    if (XLEN == 64)
        return hart->x[number];
    return number ? hart->x[number] | hart->x[number + 1] << 32 : 0;
}

static inline void set_h(struct hart *hart, unsigned number, uint16_t value)
{
    hart->x[number] = (ux)(sx)(int16_t)value;
}
static inline void set_s(struct hart *hart, unsigned number, uint32_t value)
{
    hart->x[number] = (ux)(sx)(int32_t)value;
}
static inline void set_d(struct hart *hart, unsigned number, uint64_t value)
{
    hart->x[number] = (ux)value;
    if (XLEN == 32 && number != ISA_X_SINK)
        hart->x[number + 1] = value >> 32;
}

#define FS1(fmt)           get_##fmt(hart, insn->rs1)
#define FS2(fmt)           get_##fmt(hart, insn->rs2)
#define FS3(fmt)           get_##fmt(hart, insn->rs3)
#define SET_FD(fmt, value) set_##fmt(hart, insn->rd, value)

#define EXEC_FP(name, statement)                                                                             \
    EXEC(name##_x)                                                                                           \
    {                                                                                                        \
        statement;                                                                                           \
        NEXT;                                                                                                \
    }

/* The same for an instruction with a rounding mode: a reserved one traps. */
#define EXEC_FP_RM(name, statement)                                                                          \
    EXEC(name##_x)                                                                                           \
    {                                                                                                        \
        unsigned rm = insn->rm == 7 ? hart->fp.frm : insn->rm;                                               \
        if (UNLIKELY(rm > FP_RMM)) {                                                                         \
            trap_illegal(hart, insn);                                                                        \
            return;                                                                                          \
        }                                                                                                    \
        statement;                                                                                           \
        NEXT;                                                                                                \
    }

#include "cpu/exec/fp_format.h"
