/* SPDX-License-Identifier: MIT
 *
 * Handlers of the integer instructions: I, M, Zba, Zbb, Zbc, Zbs, Zicond, Zimop, and the jumps. See exec.h.
 */
#include "cpu/exec/exec.h"

#include "cpu/exec/ops.h"
#include "cpu/trap.h"

#define RS1W   ((uint32_t)hart->x[insn->rs1])
#define RS2W   ((uint32_t)hart->x[insn->rs2])
#define RS1S   ((sx)RS1)
#define RS2S   ((sx)RS2)
#define IMMS   ((sx)insn->imm)
#define SHAMT  ((unsigned)insn->imm)
#define RS2_SH ((unsigned)RS2 & (XLEN - 1))
#define PC     (hart->pc)

#if XLEN == 64
#define OP(name) op_##name##64
#else
#define OP(name) op_##name##32
#endif

/* ---- I ------------------------------------------------------------------------------------------------- */

EXEC_ALU(lui, IMM)
EXEC_ALU(auipc, PC + IMM)
EXEC_ALU(addi, RS1 + IMM)
EXEC_ALU(slti, RS1S < IMMS)
EXEC_ALU(sltiu, RS1 < IMM)
EXEC_ALU(xori, RS1 ^ IMM)
EXEC_ALU(ori, RS1 | IMM)
EXEC_ALU(andi, (RS1 & IMM))
EXEC_ALU(slli, RS1 << SHAMT)
EXEC_ALU(srli, RS1 >> SHAMT)
EXEC_ALU(srai, RS1S >> SHAMT)
EXEC_ALU(slli32, RS1 << SHAMT)
EXEC_ALU(srli32, RS1 >> SHAMT)
EXEC_ALU(srai32, RS1S >> SHAMT)
EXEC_ALU(add, RS1 + RS2)
EXEC_ALU(sub, RS1 - RS2)
EXEC_ALU(sll, RS1 << RS2_SH)
EXEC_ALU(slt, RS1S < RS2S)
EXEC_ALU(sltu, RS1 < RS2)
EXEC_ALU(xor, RS1 ^ RS2)
EXEC_ALU(srl, RS1 >> RS2_SH)
EXEC_ALU(sra, RS1S >> RS2_SH)
EXEC_ALU(or, RS1 | RS2)
EXEC_ALU(and, (RS1 & RS2))
EXEC_ALUW(addiw, RS1W + (uint32_t)insn->imm)
EXEC_ALUW(slliw, RS1W << SHAMT)
EXEC_ALUW(srliw, RS1W >> SHAMT)
EXEC_ALUW(sraiw, (int32_t)RS1W >> SHAMT)
EXEC_ALUW(addw, RS1W + RS2W)
EXEC_ALUW(subw, RS1W - RS2W)
EXEC_ALUW(sllw, RS1W << (RS2W & 31))
EXEC_ALUW(srlw, RS1W >> (RS2W & 31))
EXEC_ALUW(sraw, (int32_t)RS1W >> (RS2W & 31))

/* Jumps. A target that is misaligned for this hart traps at the jump, and then the link register is not
 * written (Unpriv. 2.5). With C no target is misaligned. */
#define EXEC_BRANCH(name, condition)                                                                         \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (condition) {                                                                                     \
            uint64_t target = (ux)(PC + IMM);                                                                \
            if (UNLIKELY(target & hart->ialign_mask)) {                                                      \
                trap_insn(hart, insn, CAUSE_FETCH_MISALIGNED, target);                                       \
                return;                                                                                      \
            }                                                                                                \
            PC = target;                                                                                     \
            GO_TO(insn->rm &INSN_CHAIN_TAKEN, 0);                                                            \
        }                                                                                                    \
        PC = (ux)(PC + insn->aux);                                                                           \
        GO_TO(insn->rm &INSN_CHAIN_NEXT, 1);                                                                 \
    }

EXEC_BRANCH(beq, RS1 == RS2)
EXEC_BRANCH(bne, RS1 != RS2)
EXEC_BRANCH(blt, RS1S < RS2S)
EXEC_BRANCH(bge, RS1S >= RS2S)
EXEC_BRANCH(bltu, RS1 < RS2)
EXEC_BRANCH(bgeu, RS1 >= RS2)

EXEC(jal)
{
    uint64_t target = (ux)(PC + IMM);
    if (UNLIKELY(target & hart->ialign_mask)) {
        trap_insn(hart, insn, CAUSE_FETCH_MISALIGNED, target);
        return;
    }
    SET_RD(PC + insn->aux);
    PC = target;
    GO_TO(insn->rm & INSN_CHAIN_TAKEN, 0);
}

EXEC(jalr)
{
    uint64_t target = (ux)(RS1 + IMM) & ~1ull;
    if (UNLIKELY(target & hart->ialign_mask)) {
        trap_insn(hart, insn, CAUSE_FETCH_MISALIGNED, target);
        return;
    }
    SET_RD(PC + insn->aux);
    PC = target;
    if (UNLIKELY(hart->pads) && !isa_is_guarded_jump(insn->rs1))
        hart->pad_expected = true; /* block_find() checks it */
    LEAVE;
}

/* Not an instruction: the end of a block that continues with the instruction after it. */
EXEC(block_end)
{
    PC = (ux)(PC + insn->aux);
    GO_TO(insn->rm & INSN_CHAIN_NEXT, 1);
}

/* ---- M ------------------------------------------------------------------------------------------------- */

EXEC_ALU(mul, RS1 *RS2)
EXEC_ALU(mulh, OP(mulh)(RS1S, RS2S))
EXEC_ALU(mulhsu, OP(mulhsu)(RS1S, RS2))
EXEC_ALU(mulhu, OP(mulhu)(RS1, RS2))
EXEC_ALU(div, OP(div)(RS1S, RS2S))
EXEC_ALU(divu, OP(divu)(RS1, RS2))
EXEC_ALU(rem, OP(rem)(RS1S, RS2S))
EXEC_ALU(remu, OP(remu)(RS1, RS2))
EXEC_ALUW(mulw, RS1W *RS2W)
EXEC_ALUW(divw, op_div32((int32_t)RS1W, (int32_t)RS2W))
EXEC_ALUW(divuw, op_divu32(RS1W, RS2W))
EXEC_ALUW(remw, op_rem32((int32_t)RS1W, (int32_t)RS2W))
EXEC_ALUW(remuw, op_remu32(RS1W, RS2W))

/* ---- Zba ----------------------------------------------------------------------------------------------- */

EXEC_ALU(sh1add, (RS1 << 1) + RS2)
EXEC_ALU(sh2add, (RS1 << 2) + RS2)
EXEC_ALU(sh3add, (RS1 << 3) + RS2)
EXEC_ALU(add_uw, (ux)RS1W + RS2)
EXEC_ALU(sh1add_uw, ((ux)RS1W << 1) + RS2)
EXEC_ALU(sh2add_uw, ((ux)RS1W << 2) + RS2)
EXEC_ALU(sh3add_uw, ((ux)RS1W << 3) + RS2)
EXEC_ALU(slli_uw, (uint64_t)RS1W << SHAMT)

/* ---- Zbb ----------------------------------------------------------------------------------------------- */

EXEC_ALU(andn, RS1 & ~RS2)
EXEC_ALU(orn, RS1 | ~RS2)
EXEC_ALU(xnor, ~(RS1 ^ RS2))
EXEC_ALU(clz, OP(clz)(RS1))
EXEC_ALU(ctz, OP(ctz)(RS1))
EXEC_ALU(cpop, __builtin_popcountll(RS1))
EXEC_ALUW(clzw, op_clz32(RS1W))
EXEC_ALUW(ctzw, op_ctz32(RS1W))
EXEC_ALUW(cpopw, __builtin_popcount(RS1W))
EXEC_ALU(max, RS1S > RS2S ? RS1 : RS2)
EXEC_ALU(maxu, RS1 > RS2 ? RS1 : RS2)
EXEC_ALU(min, RS1S < RS2S ? RS1 : RS2)
EXEC_ALU(minu, RS1 < RS2 ? RS1 : RS2)
EXEC_ALU(sext_b, (int8_t)RS1)
EXEC_ALU(sext_h, (int16_t)RS1)
EXEC_ALU(zext_h, (uint16_t)RS1)
EXEC_ALU(zext_h_32, (uint16_t)RS1)
EXEC_ALU(rol, OP(rol)(RS1, RS2_SH))
EXEC_ALU(ror, OP(rol)(RS1, -RS2_SH))
EXEC_ALU(rori, OP(rol)(RS1, -SHAMT))
EXEC_ALU(rori32, OP(rol)(RS1, -SHAMT))
EXEC_ALUW(rolw, op_rol32(RS1W, RS2W & 31))
EXEC_ALUW(rorw, op_rol32(RS1W, -(RS2W & 31)))
EXEC_ALUW(roriw, op_rol32(RS1W, -SHAMT))
EXEC_ALU(orc_b, op_orc_b(RS1))
EXEC_ALU(rev8, __builtin_bswap64(RS1))
EXEC_ALU(rev8_32, __builtin_bswap32(RS1W))

/* ---- Zbc ----------------------------------------------------------------------------------------------- */

EXEC_ALU(clmul, op_clmul_wide(RS1, RS2))
EXEC_ALU(clmulh, op_clmul_wide(RS1, RS2) >> XLEN)
EXEC_ALU(clmulr, op_clmul_wide(RS1, RS2) >> (XLEN - 1))

/* ---- Zbs ----------------------------------------------------------------------------------------------- */

#define BIT(n) ((ux)1 << (n))

EXEC_ALU(bclr, RS1 & ~BIT(RS2_SH))
EXEC_ALU(bext, RS1 >> RS2_SH & 1)
EXEC_ALU(binv, RS1 ^ BIT(RS2_SH))
EXEC_ALU(bset, RS1 | BIT(RS2_SH))
EXEC_ALU(bclri, RS1 & ~BIT(SHAMT))
EXEC_ALU(bexti, RS1 >> SHAMT & 1)
EXEC_ALU(binvi, RS1 ^ BIT(SHAMT))
EXEC_ALU(bseti, RS1 | BIT(SHAMT))
EXEC_ALU(bclri32, RS1 & ~BIT(SHAMT))
EXEC_ALU(bexti32, RS1 >> SHAMT & 1)
EXEC_ALU(binvi32, RS1 ^ BIT(SHAMT))
EXEC_ALU(bseti32, RS1 | BIT(SHAMT))

/* ---- Zicond -------------------------------------------------------------------------------------------- */

EXEC_ALU(czero_eqz, RS2 ? RS1 : 0)
EXEC_ALU(czero_nez, RS2 ? 0 : RS1)

/* ---- Zibi ---------------------------------------------------------------------------------------------- */

#define EXEC_BRANCH_NUMBER(name, operator)                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        ux number = insn->rs2 ? insn->rs2 : (ux)-1;                                                          \
        uint64_t target = (ux)(hart_insn_pc(hart, insn) + (RS1 operator number ? IMM : (ux)insn->length));   \
        if (UNLIKELY(target & hart->ialign_mask)) {                                                          \
            trap_insn(hart, insn, CAUSE_FETCH_MISALIGNED, target);                                           \
            return;                                                                                          \
        }                                                                                                    \
        PC = target;                                                                                         \
        LEAVE;                                                                                               \
    }

EXEC_BRANCH_NUMBER(beqi, ==)
EXEC_BRANCH_NUMBER(bnei, !=)

/* ---- Zicfilp: block_find() has checked it -------------------------------------------------------------- */

EXEC(lpad)
{
    NEXT;
}

/* ---- Zimop --------------------------------------------------------------------------------------------- */

EXEC_ALU(mop_r, 0)
EXEC_ALU(mop_rr, 0)
