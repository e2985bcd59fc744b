/* SPDX-License-Identifier: MIT
 *
 * Handlers of T-Head's extensions ("T-Head ISA extension specifications"). See exec.h and mem.h.
 *
 * An instruction that accesses memory and moves its pointer, or that loads two registers, changes no register
 * if it traps.
 */
#include "cpu/exec/exec.h"

#include "cpu/accel.h"
#include "cpu/code_watch.h"
#include "cpu/exec/ops.h"
#include "cpu/mmu/mem.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"

#define RD    ((ux)hart->x[insn->rd])
#define RS1W  ((uint32_t)hart->x[insn->rs1])
#define RS2W  ((uint32_t)hart->x[insn->rs2])
#define SHAMT ((unsigned)insn->imm & (XLEN - 1))

#if XLEN == 64
#define OP(name) op_##name##64
#define BSWAP    __builtin_bswap64
#else
#define OP(name) op_##name##32
#define BSWAP    __builtin_bswap32
#endif

/* ---- XTheadBa, XTheadBb, XTheadBs ---------------------------------------------------------------------- */

/* The upper and the lower number of a range of bits. Where they are none, rd stays as it was, as on QEMU. */
#define MSB      ((unsigned)insn->imm >> 6)
#define LSB      ((unsigned)insn->imm & 63)
#define IN_RANGE (MSB >= LSB && MSB < XLEN)
/* The bits, and nothing above them, at the top. */
#define AT_TOP (RS1 << (XLEN - 1 - MSB))
#define TO_LOW (XLEN - 1 - MSB + LSB)

EXEC_ALU(th_addsl, RS1 + (RS2 << insn->rm))
EXEC_ALU(th_srri, OP(rol)(RS1, -SHAMT))
EXEC_ALUW(th_srriw, op_rol32(RS1W, -(unsigned)insn->imm))
EXEC_ALU(th_ext, IN_RANGE ? (ux)((sx)AT_TOP >> TO_LOW) : RD)
EXEC_ALU(th_extu, IN_RANGE ? AT_TOP >> TO_LOW : RD)
EXEC_ALU(th_ff0, OP(clz)(~RS1))
EXEC_ALU(th_ff1, OP(clz)(RS1))
EXEC_ALU(th_rev, BSWAP(RS1))
EXEC_ALUW(th_revw, __builtin_bswap32(RS1W))
EXEC_ALU(th_tstnbz, ~op_orc_b(RS1))
EXEC_ALU(th_tst, (uint64_t)RS1 >> insn->imm & 1)

/* ---- XTheadCondMov, XTheadMac: rd is an operand, too --------------------------------------------------- */

#define RDW ((uint32_t)hart->x[insn->rd])
#define H1  ((int16_t)hart->x[insn->rs1])
#define H2  ((int16_t)hart->x[insn->rs2])

EXEC_ALU(th_mveqz, RS2 ? RD : RS1)
EXEC_ALU(th_mvnez, RS2 ? RS1 : RD)
EXEC_ALU(th_mula, RD + RS1 * RS2)
EXEC_ALU(th_muls, RD - RS1 * RS2)
EXEC_ALUW(th_mulaw, RDW + RS1W * RS2W)
EXEC_ALUW(th_mulsw, RDW - RS1W * RS2W)
EXEC_ALUW(th_mulah, RDW + (uint32_t)(H1 * H2))
EXEC_ALUW(th_mulsh, RDW - (uint32_t)(H1 * H2))

/* ---- XTheadCmo, XTheadSync ----------------------------------------------------------------------------- */

#define ILLEGAL_IN_U ILLEGAL_IF(hart->priv == PRIV_U)

/* What fence.i is. Other harts see stores to code without it (code_watch.h). */
static __attribute__((noinline)) void fence_i(struct hart *hart)
{
    atomic_thread_fence(memory_order_seq_cst);
    hart_fence_i(hart);
}

/* There are no caches of data. In U-mode QEMU permits th.dcache.cva and th.dcache.iva, which the
 * specification does not. */
#define EXEC_DCACHE(name)                                                                                    \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        ILLEGAL_IN_U;                                                                                        \
        NEXT;                                                                                                \
    }
#define EXEC_NOTHING(name)                                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        NEXT;                                                                                                \
    }
#define EXEC_ICACHE(name)                                                                                    \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        ILLEGAL_IN_U;                                                                                        \
        fence_i(hart);                                                                                       \
        STEP_AND_LEAVE;                                                                                      \
    }
#define EXEC_FENCE_I(name)                                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        fence_i(hart);                                                                                       \
        STEP_AND_LEAVE;                                                                                      \
    }
#define EXEC_FENCE(name)                                                                                     \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        atomic_thread_fence(memory_order_seq_cst);                                                           \
        NEXT;                                                                                                \
    }

EXEC_DCACHE(th_dcache_call)
EXEC_DCACHE(th_dcache_ciall)
EXEC_DCACHE(th_dcache_iall)
EXEC_DCACHE(th_dcache_cpa)
EXEC_DCACHE(th_dcache_cipa)
EXEC_DCACHE(th_dcache_ipa)
EXEC_NOTHING(th_dcache_cva)
EXEC_NOTHING(th_dcache_civa)
EXEC_NOTHING(th_dcache_iva)
EXEC_DCACHE(th_dcache_csw)
EXEC_DCACHE(th_dcache_cisw)
EXEC_DCACHE(th_dcache_isw)
EXEC_DCACHE(th_dcache_cpal1)
EXEC_NOTHING(th_dcache_cval1)
EXEC_ICACHE(th_icache_iall)
EXEC_ICACHE(th_icache_ialls)
EXEC_ICACHE(th_icache_ipa)
EXEC_FENCE_I(th_icache_iva)
EXEC_DCACHE(th_l2cache_call)
EXEC_DCACHE(th_l2cache_ciall)
EXEC_DCACHE(th_l2cache_iall)
EXEC_FENCE(th_sync)
EXEC_FENCE(th_sync_s)
EXEC_FENCE_I(th_sync_i)
EXEC_FENCE_I(th_sync_is)

/* Of this hart alone what is named is dropped; of all others, everything, and soon: the specification does
 * not say when the broadcast arrives. */
EXEC(th_sfence_vmas)
{
    ILLEGAL_IN_U;
    tlb_flush(hart, insn->rs1 == 0, RS1, insn->rs2 == 0, RS2 & (XLEN == 32 ? 0x1ff : 0xffff));
    code_watch_ask_others(hart, HART_REQUEST_FLUSH);
    STEP_AND_LEAVE;
}

/* ---- XTheadMemIdx -------------------------------------------------------------------------------------- */

#define INDEXED ((uint64_t)(ux)(RS1 + (RS2 << insn->rm)))
#define BY_WORD ((uint64_t)(ux)(RS1 + ((ux)RS2W << insn->rm)))
#define AFTER   ((uint64_t)RS1)
#define BEFORE  ((uint64_t)(ux)(RS1 + IMM))

#define EXEC_LOAD(name, type, vaddr, moves)                                                                  \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        if (UNLIKELY(!mem_read(hart, insn, vaddr, sizeof(type), &value)))                                    \
            return;                                                                                          \
        SET_RD((type)value);                                                                                 \
        if (moves)                                                                                           \
            hart->x[insn->rs1 ? insn->rs1 : ISA_X_SINK] = (ux)(RS1 + IMM);                                   \
        NEXT;                                                                                                \
    }

EXEC_LOAD(th_lbia, int8_t, AFTER, true)
EXEC_LOAD(th_lbib, int8_t, BEFORE, true)
EXEC_LOAD(th_lbuia, uint8_t, AFTER, true)
EXEC_LOAD(th_lbuib, uint8_t, BEFORE, true)
EXEC_LOAD(th_lhia, int16_t, AFTER, true)
EXEC_LOAD(th_lhib, int16_t, BEFORE, true)
EXEC_LOAD(th_lhuia, uint16_t, AFTER, true)
EXEC_LOAD(th_lhuib, uint16_t, BEFORE, true)
EXEC_LOAD(th_lwia, int32_t, AFTER, true)
EXEC_LOAD(th_lwib, int32_t, BEFORE, true)
EXEC_LOAD(th_lwuia, uint32_t, AFTER, true)
EXEC_LOAD(th_lwuib, uint32_t, BEFORE, true)
EXEC_LOAD(th_ldia, int64_t, AFTER, true)
EXEC_LOAD(th_ldib, int64_t, BEFORE, true)
EXEC_LOAD(th_lrb, int8_t, INDEXED, false)
EXEC_LOAD(th_lrbu, uint8_t, INDEXED, false)
EXEC_LOAD(th_lrh, int16_t, INDEXED, false)
EXEC_LOAD(th_lrhu, uint16_t, INDEXED, false)
EXEC_LOAD(th_lrw, int32_t, INDEXED, false)
EXEC_LOAD(th_lrwu, uint32_t, INDEXED, false)
EXEC_LOAD(th_lrd, int64_t, INDEXED, false)
EXEC_LOAD(th_lurb, int8_t, BY_WORD, false)
EXEC_LOAD(th_lurbu, uint8_t, BY_WORD, false)
EXEC_LOAD(th_lurh, int16_t, BY_WORD, false)
EXEC_LOAD(th_lurhu, uint16_t, BY_WORD, false)
EXEC_LOAD(th_lurw, int32_t, BY_WORD, false)
EXEC_LOAD(th_lurwu, uint32_t, BY_WORD, false)
EXEC_LOAD(th_lurd, int64_t, BY_WORD, false)

#define RS3 (hart->x[insn->rs3])

#define EXEC_STORE(name, size, vaddr) EXEC_CALL(name, mem_write(hart, insn, vaddr, size, RS3))

EXEC_STORE(th_srb, 1, INDEXED)
EXEC_STORE(th_srh, 2, INDEXED)
EXEC_STORE(th_srw, 4, INDEXED)
EXEC_STORE(th_srd, 8, INDEXED)
EXEC_STORE(th_surb, 1, BY_WORD)
EXEC_STORE(th_surh, 2, BY_WORD)
EXEC_STORE(th_surw, 4, BY_WORD)
EXEC_STORE(th_surd, 8, BY_WORD)

/* One of the stores of an instruction that does more; see mem_write_element(). */
static inline bool store(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                         uint64_t value, bool *leave)
{
    const struct tlb_side *side = &hart->tlb_data->write;
    if (!mem_hit(side, vaddr, size))
        return mem_write_element(hart, insn, vaddr, size, value, leave);
    mem_host_write(mem_hit_host(side, vaddr), size, value);
    return true;
}

/* Stores and moves the pointer. False: it trapped, or the block ends here. */
static __attribute__((noinline)) bool store_and_move(struct hart *hart, const struct insn *insn,
                                                     uint64_t vaddr, unsigned size)
{
    bool leave = false;
    if (!store(hart, insn, vaddr, size, RS3, &leave))
        return false;
    hart->x[insn->rs1 ? insn->rs1 : ISA_X_SINK] = (ux)(RS1 + IMM);
    return !(leave && trap_leave_behind(hart, insn));
}

#define EXEC_STORE_MOVE(name, size, vaddr) EXEC_CALL(name, store_and_move(hart, insn, vaddr, size))

EXEC_STORE_MOVE(th_sbia, 1, AFTER)
EXEC_STORE_MOVE(th_sbib, 1, BEFORE)
EXEC_STORE_MOVE(th_shia, 2, AFTER)
EXEC_STORE_MOVE(th_shib, 2, BEFORE)
EXEC_STORE_MOVE(th_swia, 4, AFTER)
EXEC_STORE_MOVE(th_swib, 4, BEFORE)
EXEC_STORE_MOVE(th_sdia, 8, AFTER)
EXEC_STORE_MOVE(th_sdib, 8, BEFORE)

/* ---- XTheadMemPair ------------------------------------------------------------------------------------- */

#define PAIR(size) ((uint64_t)(ux)(RS1 + ((ux)insn->rm * 2 * (size))))

#define EXEC_LOAD_PAIR(name, type)                                                                           \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t first, second, vaddr = PAIR(sizeof(type));                                                  \
        if (UNLIKELY(!mem_read(hart, insn, vaddr, sizeof(type), &first)) ||                                  \
            UNLIKELY(!mem_read(hart, insn, (ux)(vaddr + sizeof(type)), sizeof(type), &second)))              \
            return;                                                                                          \
        SET_RD((type)first);                                                                                 \
        hart->x[insn->rs2 ? insn->rs2 : ISA_X_SINK] = (ux)(type)second;                                      \
        NEXT;                                                                                                \
    }

EXEC_LOAD_PAIR(th_lwd, int32_t)
EXEC_LOAD_PAIR(th_lwud, uint32_t)
EXEC_LOAD_PAIR(th_ldd, int64_t)

static __attribute__((noinline)) bool store_pair(struct hart *hart, const struct insn *insn, unsigned size)
{
    bool leave = false;
    uint64_t vaddr = PAIR(size);
    if (!store(hart, insn, vaddr, size, RS3, &leave) ||
        !store(hart, insn, (ux)(vaddr + size), size, hart->x[insn->rs2], &leave))
        return false;
    return !(leave && trap_leave_behind(hart, insn));
}

#define EXEC_STORE_PAIR(name, size) EXEC_CALL(name, store_pair(hart, insn, size))

EXEC_STORE_PAIR(th_swd, 4)
EXEC_STORE_PAIR(th_sdd, 8)

/* ---- XTheadFMemIdx, XTheadFmv -------------------------------------------------------------------------- */

#define ILLEGAL_IF_FP_OFF ILLEGAL_IF(!(hart->mstatus & MSTATUS_FS))

#define EXEC_FLOAD(name, size, vaddr, box)                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        ILLEGAL_IF_FP_OFF;                                                                                   \
        if (UNLIKELY(!mem_read(hart, insn, vaddr, size, &value)))                                            \
            return;                                                                                          \
        hart->f[insn->rd] = value | (box);                                                                   \
        hart->mstatus |= MSTATUS_FS;                                                                         \
        NEXT;                                                                                                \
    }
#define EXEC_FSTORE(name, size, vaddr)                                                                       \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        ILLEGAL_IF_FP_OFF;                                                                                   \
        if (UNLIKELY(!mem_write(hart, insn, vaddr, size, hart->f[insn->rs3])))                               \
            return;                                                                                          \
        NEXT;                                                                                                \
    }

EXEC_FLOAD(th_flrw, 4, INDEXED, ~0xffffffffull)
EXEC_FLOAD(th_flrd, 8, INDEXED, 0)
EXEC_FLOAD(th_flurw, 4, BY_WORD, ~0xffffffffull)
EXEC_FLOAD(th_flurd, 8, BY_WORD, 0)
EXEC_FSTORE(th_fsrw, 4, INDEXED)
EXEC_FSTORE(th_fsrd, 8, INDEXED)
EXEC_FSTORE(th_fsurw, 4, BY_WORD)
EXEC_FSTORE(th_fsurd, 8, BY_WORD)

EXEC(th_fmv_hw_x)
{
    ILLEGAL_IF_FP_OFF;
    hart->f[insn->rd] = (uint32_t)hart->f[insn->rd] | (uint64_t)RS1W << 32;
    hart->mstatus |= MSTATUS_FS;
    NEXT;
}

EXEC(th_fmv_x_hw)
{
    ILLEGAL_IF_FP_OFF;
    SET_RD((int32_t)(hart->f[insn->rs1] >> 32));
    NEXT;
}
