/* SPDX-License-Identifier: MIT
 *
 * Handlers of loads and stores (I, F, D, Zfhmin) and of the cache-block instructions. See exec.h and mem.h.
 */
#include "cpu/exec/exec.h"

#include "cpu/mmu/mem.h"
#include "cpu/code_watch.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"

#define VADDR ((uint64_t)(ux)(RS1 + IMM))

#define EXEC_LOAD(name, type)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        if (UNLIKELY(!mem_read(hart, insn, VADDR, sizeof(type), &value)))                                    \
            return;                                                                                          \
        SET_RD((type)value);                                                                                 \
        NEXT;                                                                                                \
    }

#define EXEC_STORE(name, size) EXEC_CALL(name, mem_write(hart, insn, VADDR, size, hart->x[insn->rs2]))

EXEC_LOAD(lb, int8_t)
EXEC_LOAD(lh, int16_t)
EXEC_LOAD(lw, int32_t)
EXEC_LOAD(ld, int64_t)
EXEC_LOAD(lbu, uint8_t)
EXEC_LOAD(lhu, uint16_t)
EXEC_LOAD(lwu, uint32_t)
EXEC_STORE(sb, 1)
EXEC_STORE(sh, 2)
EXEC_STORE(sw, 4)
EXEC_STORE(sd, 8)

/* ---- Zilsd: the low half is in the even register; the pair x0 reads as zeros and ignores loads --------- */

#if XLEN == 32

EXEC(ld_pair)
{
    uint64_t value;
    if (insn->rd & 1) {
        trap_illegal(hart, insn);
        return;
    }
    if (UNLIKELY(!mem_read(hart, insn, VADDR, 8, &value)))
        return;
    if (insn->rd != ISA_X_SINK) {
        hart->x[insn->rd] = (uint32_t)value;
        hart->x[insn->rd + 1] = value >> 32;
    }
    NEXT;
}

EXEC(sd_pair)
{
    if (insn->rs2 & 1) {
        trap_illegal(hart, insn);
        return;
    }
    uint64_t value = insn->rs2 ? hart->x[insn->rs2] | hart->x[insn->rs2 + 1] << 32 : 0;
    if (UNLIKELY(!mem_write(hart, insn, VADDR, 8, value)))
        return;
    NEXT;
}

#else /* the table has no such rows */

EXEC(ld_pair)
{
    trap_illegal(hart, insn);
}
EXEC(sd_pair)
{
    trap_illegal(hart, insn);
}

#endif

/* ---- Floating-point loads and stores ------------------------------------------------------------------- */

#define FP_OFF (UNLIKELY(!(hart->mstatus & MSTATUS_FS)))

/* `box`: the ones above a value that is narrower than the register ("NaN Boxing of Narrower Values"). */
#define EXEC_FLOAD(name, size, box)                                                                          \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        if (FP_OFF) {                                                                                        \
            trap_illegal(hart, insn);                                                                        \
            return;                                                                                          \
        }                                                                                                    \
        if (UNLIKELY(!mem_read(hart, insn, VADDR, size, &value)))                                            \
            return;                                                                                          \
        hart->f[insn->rd] = value | (box);                                                                   \
        hart->mstatus |= MSTATUS_FS;                                                                         \
        NEXT;                                                                                                \
    }

#define EXEC_FSTORE(name, size)                                                                              \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (FP_OFF) {                                                                                        \
            trap_illegal(hart, insn);                                                                        \
            return;                                                                                          \
        }                                                                                                    \
        if (UNLIKELY(!mem_write(hart, insn, VADDR, size, hart->f[insn->rs2])))                               \
            return;                                                                                          \
        NEXT;                                                                                                \
    }

EXEC_FLOAD(flh, 2, ~0xffffull)
EXEC_FLOAD(flw, 4, ~0xffffffffull)
EXEC_FLOAD(fld, 8, 0)
EXEC_FSTORE(fsh, 2)
EXEC_FSTORE(fsw, 4)
EXEC_FSTORE(fsd, 8)

/* ---- Cache blocks ("Cache-Block Management Instructions": CMO 2.5, permissions and envcfg) ------------- */

/* Whether the envcfg registers of the modes above permit the instruction that `bits` control. False: it has
 * trapped. In a virtual machine henvcfg counts, too, and only what menvcfg forbids is an illegal
 * instruction. */
static bool cbo_enabled(struct hart *hart, const struct insn *insn, uint64_t bits)
{
    bool machine = hart->priv == PRIV_M || hart->menvcfg & bits;
    bool user = hart->priv != PRIV_U || !hart->isa.supervisor || hart->senvcfg & bits;
    if (LIKELY(machine && user && (!hart->hyper.virt || hart->hyper.henvcfg & bits)))
        return true;
    if (machine && hart->hyper.virt)
        trap_virtual(hart, insn);
    else
        trap_illegal(hart, insn);
    return false;
}

/* Cache management changes no data here, since there are no caches. It is permitted where some access is
 * permitted, and otherwise traps like a store (CMO 2.5.1). */
static __attribute__((noinline)) bool cbo_manage(struct hart *hart, const struct insn *insn, uint64_t enable)
{
    if (!cbo_enabled(hart, insn, enable))
        return false;
    struct mmu_result result;
    uint64_t vaddr = RS1;
    int cause = mmu_translate(hart, vaddr, 1, MMU_READ, &result);
    if (cause != MMU_OK)
        cause = mmu_translate(hart, vaddr, 1, MMU_WRITE, &result);
    if (cause == MMU_OK && !result.host && !hart->bus->ops->mapped(hart->bus, result.paddr))
        cause = CAUSE_STORE_ACCESS;
    if (cause == MMU_OK)
        return true;
    trap_insn(hart, insn, (enum cause)cause, mmu_effective(hart, vaddr));
    return false;
}

#define EXEC_CBO(name, enable)                                                                               \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!cbo_manage(hart, insn, enable))                                                                 \
            return;                                                                                          \
        NEXT;                                                                                                \
    }

EXEC_CBO(cbo_inval, ENVCFG_CBIE)
EXEC_CBO(cbo_clean, ENVCFG_CBCFE)
EXEC_CBO(cbo_flush, ENVCFG_CBCFE)

static GUEST_MEMORY void zero_block(void *host)
{
    for (unsigned i = 0; i < ISA_CACHE_BLOCK; i += 8)
        mem_host_write((uint8_t *)host + i, 8, 0);
}

static __attribute__((noinline)) bool cbo_zero_block(struct hart *hart, const struct insn *insn)
{
    if (!cbo_enabled(hart, insn, ENVCFG_CBZE))
        return false;
    struct mmu_result result;
    uint64_t vaddr = RS1 & ~(ux)(ISA_CACHE_BLOCK - 1);
    int cause = mmu_translate(hart, vaddr, ISA_CACHE_BLOCK, MMU_WRITE, &result);
    if (cause == MMU_OK && !result.host)
        cause = CAUSE_STORE_ACCESS; /* devices have no cache blocks */
    if (cause != MMU_OK) {
        trap_insn(hart, insn, (enum cause)cause, mmu_effective(hart, RS1));
        return false;
    }
    uint64_t at = mmu_effective(hart, vaddr);
    if (UNLIKELY(hart->debug.watches) &&
        debug_watched(hart, at, result.paddr, ISA_CACHE_BLOCK, DEBUG_WATCH_WRITE)) {
        debug_watch_stop(hart, insn, at, result.paddr, ISA_CACHE_BLOCK, DEBUG_WATCH_WRITE);
        return false;
    }
    zero_block(result.host);
    return !UNLIKELY(result.watched) || !code_watch_stored(hart, result.paddr, ISA_CACHE_BLOCK) ||
           !trap_leave_behind(hart, insn);
}

EXEC(cbo_zero)
{
    if (!cbo_zero_block(hart, insn))
        return;
    NEXT;
}

/* Prefetches do nothing. */
EXEC(prefetch_i)
{
    NEXT;
}
EXEC(prefetch_r)
{
    NEXT;
}
EXEC(prefetch_w)
{
    NEXT;
}
