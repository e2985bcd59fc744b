/* SPDX-License-Identifier: MIT
 *
 * Handlers of the shadow stack (Zicfiss). If the hart's mode has no shadow stack, those that use encodings of
 * may-be-operations behave like these: they write 0, or do nothing. See exec.h.
 */
#include "cpu/exec/exec.h"

#include "cpu/code_watch.h"
#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"

/* False: it trapped, or the block ends after this instruction. */
static __attribute__((noinline)) bool push(struct hart *hart, const struct insn *insn, ux value)
{
    struct mmu_result at;
    uint64_t to = (ux)(hart->ssp - sizeof(ux));
    if (!mem_shadow(hart, insn, to, sizeof(ux), true, &at))
        return false;
    mem_host_write(at.host, sizeof(ux), value);
    hart->ssp = to;
    return !UNLIKELY(at.watched) || !code_watch_stored(hart, at.paddr, sizeof(ux)) ||
           !trap_leave_behind(hart, insn);
}

static __attribute__((noinline)) bool pop(struct hart *hart, const struct insn *insn, ux expected)
{
    struct mmu_result at;
    if (!mem_shadow(hart, insn, hart->ssp, sizeof(ux), false, &at))
        return false;
    if ((ux)mem_host_read(at.host, sizeof(ux)) != expected) {
        trap_insn(hart, insn, CAUSE_SOFTWARE_CHECK, SOFTWARE_CHECK_SHADOW_STACK);
        return false;
    }
    hart->ssp = (ux)(hart->ssp + sizeof(ux));
    return true;
}

#define EXEC_SHADOW(name, operation, link)                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(hart->shadow) && !operation(hart, insn, (ux)hart->x[link]))                             \
            return;                                                                                          \
        NEXT;                                                                                                \
    }

EXEC_SHADOW(sspush_ra, push, 1)
EXEC_SHADOW(sspush_t0, push, 5)
EXEC_SHADOW(sspopchk_ra, pop, 1)
EXEC_SHADOW(sspopchk_t0, pop, 5)

EXEC(ssrdp)
{
    SET_RD(hart->shadow ? hart->ssp : 0);
    NEXT;
}

/* Returns the host address of the word to be swapped; NULL after raising a trap. M-mode may execute this, but
 * finds no shadow stack. */
static __attribute__((noinline)) void *swap_host(struct hart *hart, const struct insn *insn, unsigned size)
{
    struct mmu_result at;
    uint64_t vaddr = (uint64_t)RS1;
    if (!hart->isa.supervisor || !(hart->priv == PRIV_M || hart->shadow)) {
        trap_illegal(hart, insn);
        return NULL;
    }
    if (vaddr & (size - 1)) {
        trap_insn(hart, insn, CAUSE_STORE_MISALIGNED, mmu_effective(hart, vaddr));
        return NULL;
    }
    if (!mem_shadow(hart, insn, vaddr, size, true, &at))
        return NULL;
    if (UNLIKELY(at.watched))
        code_watch_atomic(hart, at.paddr);
    return at.host;
}

#define EXEC_SWAP(name, type)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = swap_host(hart, insn, sizeof(type));                                                    \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        SET_RD(__atomic_exchange_n(host, (type)hart->x[insn->rs2], __ATOMIC_SEQ_CST));                       \
        NEXT;                                                                                                \
    }

EXEC_SWAP(ssamoswap_w, int32_t)
EXEC_SWAP(ssamoswap_d, int64_t)
