/* SPDX-License-Identifier: MIT
 *
 * Handlers of the atomic instructions: A, Zabha, Zacas, Zalasr. See exec.h.
 *
 * AMOs are locked host instructions: they are sequentially consistent whatever aq and rl are. LR records the
 * host address and the value; SC is a compare-and-swap with that value. So a store of another hart that
 * restores the old value between the two is not noticed, as on most emulators. This is right for every real
 * use of LR/SC, which is a read-modify-write.
 *
 * A device's register is read into hart->cell, and written back from there (mem.h).
 */
#include "cpu/exec/exec.h"

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"

#define VADDR ((uint64_t)RS1)

/* `host` may be a copy of a device's register; then it must be written back. */
#define FINISH_IF(type, store)                                                                               \
    if (UNLIKELY(mem_is_cell(hart, host)) && !mem_cell_done(hart, insn, VADDR, sizeof(type), store))         \
    return
#define FINISH(type) FINISH_IF(type, true)

/* `type` is the operand's signed type; `update` computes the new value from `old` and `operand`. It is a
 * compare-and-swap loop, for operations that are no single instruction of the host. */
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

/* The host has single instructions for swap and add. */
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

EXEC_AMOS(b, int8_t)
EXEC_AMOS(h, int16_t)
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
        if (insn->rm & 1) /* rl: not before earlier stores, which x86 lets a load pass */                    \
            atomic_thread_fence(memory_order_seq_cst);                                                       \
        type value = __atomic_load_n(host, __ATOMIC_SEQ_CST);                                                \
        hart->reserve_host = host;                                                                           \
        hart->reserve_value = (uint64_t)value;                                                               \
        hart->reserve_size = sizeof(type);                                                                   \
        SET_RD(value);                                                                                       \
        NEXT;                                                                                                \
    }

/* Zama16b permits misaligned accesses to other instructions, but not to SC ("Load-Reserved/Store-Conditional
 * Instructions"). */
#define EXEC_SC(name, type)                                                                                  \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(VADDR & (sizeof(type) - 1))) {                                                          \
            trap_insn(hart, insn, CAUSE_STORE_MISALIGNED, mmu_effective(hart, VADDR));                       \
            return;                                                                                          \
        }                                                                                                    \
        type *host = mem_atomic(hart, insn, VADDR, sizeof(type));                                            \
        if (UNLIKELY(!host))                                                                                 \
            return;                                                                                          \
        bool reserved = hart->reserve_host == (void *)host && hart->reserve_size == sizeof(type);            \
        hart->reserve_size = 0; /* any SC ends the reservation */                                            \
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

/* ---- Zalasr: all are sequentially consistent with each other, since both kinds are "RCsc" -------------- */

/* x86 keeps loads in order; with rl set, earlier stores must be visible first. */
#define EXEC_LOAD_ACQUIRE(name, type, releases)                                                              \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        if (UNLIKELY(!mem_may_be_atomic(hart, VADDR, sizeof(type)))) {                                       \
            trap_insn(hart, insn, CAUSE_LOAD_MISALIGNED, mmu_effective(hart, VADDR));                        \
            return;                                                                                          \
        }                                                                                                    \
        if (releases)                                                                                        \
            atomic_thread_fence(memory_order_seq_cst);                                                       \
        if (UNLIKELY(!mem_read(hart, insn, VADDR, sizeof(type), &value)))                                    \
            return;                                                                                          \
        SET_RD((type)value);                                                                                 \
        NEXT;                                                                                                \
    }

/* x86 keeps stores in order; a later load-acquire must not be performed first (RVWMO, rule 7). */
#define EXEC_STORE_RELEASE(name, type)                                                                       \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (UNLIKELY(!mem_may_be_atomic(hart, VADDR, sizeof(type)))) {                                       \
            trap_insn(hart, insn, CAUSE_STORE_MISALIGNED, mmu_effective(hart, VADDR));                       \
            return;                                                                                          \
        }                                                                                                    \
        if (UNLIKELY(!mem_write(hart, insn, VADDR, sizeof(type), hart->x[insn->rs2])))                       \
            return;                                                                                          \
        atomic_thread_fence(memory_order_seq_cst);                                                           \
        NEXT;                                                                                                \
    }

#define EXEC_ORDERED(width, type)                                                                            \
    EXEC_LOAD_ACQUIRE(l##width##_aq, type, false)                                                            \
    EXEC_LOAD_ACQUIRE(l##width##_aqrl, type, true)                                                           \
    EXEC_STORE_RELEASE(s##width##_rl, type)                                                                  \
    EXEC_STORE_RELEASE(s##width##_aqrl, type)

EXEC_ORDERED(b, int8_t)
EXEC_ORDERED(h, int16_t)
EXEC_ORDERED(w, int32_t)
EXEC_ORDERED(d, int64_t)

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

EXEC_CAS(amocas_b, int8_t)
EXEC_CAS(amocas_h, int16_t)
EXEC_CAS(amocas_w, int32_t)

/* Register pairs: the low half is in the even register; the pair x0 reads as zero and ignores the result. Odd
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

/* Every x86-64 processor that can run current systems has cmpxchg16b; gcc would call libatomic for it. */
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
    trap_illegal(hart, insn); /* cannot happen: on RV32 the table has no such row */
}

#endif
