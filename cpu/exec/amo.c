/* SPDX-License-Identifier: MIT
 *
 * Handlers of the atomic instructions: A, Zacas. See exec.h.
 *
 * AMOs are locked host instructions, sequentially consistent whatever aq and rl say. LR notes the host
 * address and the value; SC is a compare-and-swap against that value, so a store of another hart that
 * restores the old value between the two goes unseen, as it does on most emulators; every real use of LR/SC
 * is a read-modify-write for which that is right.
 *
 * A device's register is read into hart->cell, and written back from there (mem.h).
 */
#include "cpu/exec/exec.h"

#include "cpu/mmu/mem.h"
#include "cpu/trap.h"

#define VADDR ((uint64_t)RS1)

/* `host` may be a copy of a device's register, which is then to be written back. */
#define FINISH_IF(type, store)                                                                               \
    if (UNLIKELY(mem_is_cell(hart, host)) && !mem_cell_done(hart, insn, VADDR, sizeof(type), store))         \
    return
#define FINISH(type) FINISH_IF(type, true)

/* `type` is the operand's signed type; `update` computes the new value from `old` and `operand`. Where the
 * host has no single instruction the compare-and-swap loop does. */
#define EXEC_AMO(name, type, update)                                                                         \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = mem_atomic(hart, insn, VADDR, sizeof(type));                                            \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        type operand = (type)hart->x[insn->rs2];                                                             \
        type old = __atomic_load_n(host, __ATOMIC_RELAXED);                                                  \
        while (!__atomic_compare_exchange_n(host, &old, (type)(update), true, __ATOMIC_SEQ_CST,              \
                                            __ATOMIC_RELAXED)) {                                             \
        }                                                                                                    \
        FINISH(type);                                                                                        \
        SET_RD(old);                                                                                         \
        NEXT;                                                                                                \
    }

/* The host has swap and add. */
#define EXEC_AMO_HOST(name, type, builtin)                                                                   \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = mem_atomic(hart, insn, VADDR, sizeof(type));                                            \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        type old = builtin(host, (type)hart->x[insn->rs2], __ATOMIC_SEQ_CST);                                \
        FINISH(type);                                                                                        \
        SET_RD(old);                                                                                         \
        NEXT;                                                                                                \
    }

#define UNSIGNED(type, value) ((u##type)(value))

#define EXEC_AMOS(suffix, type)                                                                              \
    EXEC_AMO_HOST(amoswap_##suffix, type, __atomic_exchange_n)                                               \
    EXEC_AMO_HOST(amoadd_##suffix, type, __atomic_fetch_add)                                                 \
    EXEC_AMO(amoxor_##suffix, type, old ^ operand)                                                           \
    EXEC_AMO(amoand_##suffix, type, old &operand)                                                            \
    EXEC_AMO(amoor_##suffix, type, old | operand)                                                            \
    EXEC_AMO(amomin_##suffix, type, old < operand ? old : operand)                                           \
    EXEC_AMO(amomax_##suffix, type, old > operand ? old : operand)                                           \
    EXEC_AMO(amominu_##suffix, type, UNSIGNED(type, old) < UNSIGNED(type, operand) ? old : operand)          \
    EXEC_AMO(amomaxu_##suffix, type, UNSIGNED(type, old) > UNSIGNED(type, operand) ? old : operand)

EXEC_AMOS(w, int32_t)
EXEC_AMOS(d, int64_t)

/* ---- LR, SC -------------------------------------------------------------------------------------------- */

static void *reserve_host(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    const struct tlb_side *side = &hart->tlb_data->read;
    if (UNLIKELY(vaddr & (size - 1)) || !mem_hit(side, vaddr, size))
        return mem_reserve_slow(hart, insn, vaddr, size);
    return mem_hit_host(side, vaddr);
}

#define EXEC_LR(name, type)                                                                                  \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = reserve_host(hart, insn, VADDR, sizeof(type));                                          \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        if (insn->rm & 1) /* rl: not before the stores in front of it, which x86 lets a load pass */         \
            atomic_thread_fence(memory_order_seq_cst);                                                       \
        type value = __atomic_load_n(host, __ATOMIC_SEQ_CST);                                                \
        hart->reserve_host = host;                                                                           \
        hart->reserve_value = (uint64_t)value;                                                               \
        hart->reserve_size = sizeof(type);                                                                   \
        SET_RD(value);                                                                                       \
        NEXT;                                                                                                \
    }

#define EXEC_SC(name, type)                                                                                  \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = mem_atomic(hart, insn, VADDR, sizeof(type));                                            \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        bool reserved = hart->reserve_host == (void *)host && hart->reserve_size == sizeof(type);            \
        hart->reserve_size = 0; /* any SC gives the reservation up */                                        \
        type old = (type)hart->reserve_value;                                                                \
        bool stored = reserved && __atomic_compare_exchange_n(host, &old, (type)hart->x[insn->rs2], false,   \
                                                              __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);           \
        FINISH_IF(type, stored);                                                                             \
        SET_RD(!stored);                                                                                     \
        NEXT;                                                                                                \
    }

EXEC_LR(lr_w, int32_t)
EXEC_LR(lr_d, int64_t)
EXEC_SC(sc_w, int32_t)
EXEC_SC(sc_d, int64_t)

/* ---- Zacas --------------------------------------------------------------------------------------------- */

#define EXEC_CAS(name, type)                                                                                 \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        type *host = mem_atomic(hart, insn, VADDR, sizeof(type));                                            \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        type old = insn->rd == ISA_X_SINK ? 0 : (type)hart->x[insn->rd];                                     \
        __atomic_compare_exchange_n(host, &old, (type)hart->x[insn->rs2], false, __ATOMIC_SEQ_CST,           \
                                    __ATOMIC_SEQ_CST);                                                       \
        FINISH(type);                                                                                        \
        SET_RD(old);                                                                                         \
        NEXT;                                                                                                \
    }

EXEC_CAS(amocas_w, int32_t)

/* Register pairs: the low half in the even register; the pair of x0 is zero and takes no result. Odd
 * registers are reserved encodings ("Zacas"). */
static bool pairs_valid(const struct insn *insn)
{
    return (insn->rd == ISA_X_SINK || insn->rd % 2 == 0) && insn->rs2 % 2 == 0;
}

static uint64_t pair_high(const struct hart *hart, unsigned low)
{
    return low == 0 || low == ISA_X_SINK ? 0 : hart->x[low + 1];
}

#if XLEN == 64

EXEC_CAS(amocas_d, int64_t)

/* cmpxchg16b is in every x86-64 CPU that can run current systems; gcc would call libatomic for it. */
static bool compare_exchange16(uint64_t *host, uint64_t old[2], const uint64_t new[2])
{
    bool done;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(unsigned __int128 *)(void *)host), "+a"(old[0]), "+d"(old[1])
                     : "b"(new[0]), "c"(new[1])
                     : "memory");
    return done;
}

EXEC(amocas_q)
{
    if (!pairs_valid(insn)) {
        trap_illegal(hart, insn);
        return;
    }
    uint64_t *host = mem_atomic(hart, insn, VADDR, 16);
    if (UNLIKELY(!host))
        return;
    bool zero = insn->rd == ISA_X_SINK;
    uint64_t old[2] = { zero ? 0 : hart->x[insn->rd], pair_high(hart, insn->rd) };
    const uint64_t new[2] = { hart->x[insn->rs2], pair_high(hart, insn->rs2) };
    compare_exchange16(host, old, new);
    if (!zero) {
        hart->x[insn->rd] = old[0];
        hart->x[insn->rd + 1] = old[1];
    }
    NEXT;
}

#else

EXEC(amocas_d)
{
    if (!pairs_valid(insn)) {
        trap_illegal(hart, insn);
        return;
    }
    uint64_t *host = mem_atomic(hart, insn, VADDR, 8);
    if (UNLIKELY(!host))
        return;
    bool zero = insn->rd == ISA_X_SINK;
    uint64_t old = zero ? 0 : hart->x[insn->rd] | pair_high(hart, insn->rd) << 32;
    uint64_t new = hart->x[insn->rs2] | pair_high(hart, insn->rs2) << 32;
    __atomic_compare_exchange_n(host, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    FINISH(uint64_t);
    if (!zero) {
        hart->x[insn->rd] = (uint32_t)old;
        hart->x[insn->rd + 1] = old >> 32;
    }
    NEXT;
}

EXEC(amocas_q)
{
    trap_illegal(hart, insn); /* the table has no such row on RV32 */
}

#endif
