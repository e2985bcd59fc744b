/* SPDX-License-Identifier: MIT
 *
 * Handlers of the compressed instructions that do the work of several others: Zcmp's pushes, pops and moves,
 * Zcmt's jumps through a table. See exec.h. If one traps, it has changed no register, so it can be executed
 * again afterwards.
 */
#include "cpu/exec/exec.h"

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"

#define LIST_MAX 13
#define ADJUST   ((ux)(insn->imm & 0xffff))
#define SP       2

/* Fills in the registers of a list, beginning with the one at the highest address: s11 to s0, ra. Returns
 * their number; 0: the list is reserved. */
static unsigned registers_of(const struct insn *insn, uint8_t list[LIST_MAX])
{
    unsigned number = (unsigned)insn->imm >> 16 & 15, count = 0;
    unsigned saved = number == 15 ? 12 : number < 4 ? 0 : number - 4;
    for (unsigned s = saved; s-- > 0;)
        list[count++] = (uint8_t)(s < 2 ? 8 + s : 16 + s);
    if (number >= 4)
        list[count++] = 1;
    return count;
}

/* False: it trapped, or the block ends after this instruction. */
static __attribute__((noinline)) bool push(struct hart *hart, const struct insn *insn)
{
    uint8_t list[LIST_MAX];
    unsigned count = registers_of(insn, list);
    bool leave = false;
    if (!count) {
        trap_illegal(hart, insn);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t to = (ux)(hart->x[SP] - (i + 1) * sizeof(ux)), value = hart->x[list[i]];
        const struct tlb_side *side = &hart->tlb_data->write;
        if (mem_hit(side, to, sizeof(ux)))
            mem_host_write(mem_hit_host(side, to), sizeof(ux), value);
        else if (!mem_write_element(hart, insn, to, sizeof(ux), value, &leave))
            return false;
    }
    hart->x[SP] = (ux)(hart->x[SP] - ADJUST);
    return !(leave && trap_leave_behind(hart, insn));
}

static __attribute__((noinline)) bool pop(struct hart *hart, const struct insn *insn)
{
    uint8_t list[LIST_MAX];
    uint64_t values[LIST_MAX];
    unsigned count = registers_of(insn, list);
    if (!count) {
        trap_illegal(hart, insn);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t from = (ux)(hart->x[SP] + ADJUST - (i + 1) * sizeof(ux));
        if (!mem_read(hart, insn, from, sizeof(ux), &values[i]))
            return false;
    }
    for (unsigned i = 0; i < count; i++)
        hart->x[list[i]] = values[i];
    hart->x[SP] = (ux)(hart->x[SP] + ADJUST);
    return true;
}

EXEC(cm_push)
{
    if (!push(hart, insn))
        return;
    NEXT;
}

EXEC(cm_pop)
{
    if (!pop(hart, insn))
        return;
    NEXT;
}

#define EXEC_RETURN(name, statement)                                                                         \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!pop(hart, insn))                                                                                \
            return;                                                                                          \
        statement;                                                                                           \
        hart->pc = hart->x[1] & ~1ull;                                                                       \
        LEAVE;                                                                                               \
    }

EXEC_RETURN(cm_popret, (void)0)
EXEC_RETURN(cm_popretz, hart->x[10] = 0)

/* The two registers of cm.mvsa01 must be different. */
EXEC(cm_mvsa01)
{
    if (insn->rs1 == insn->rs2) {
        trap_illegal(hart, insn);
        return;
    }
    hart->x[insn->rs1] = hart->x[10];
    hart->x[insn->rs2] = hart->x[11];
    NEXT;
}

EXEC(cm_mva01s)
{
    hart->x[10] = RS1;
    hart->x[11] = RS2;
    NEXT;
}

/* The table is read as instructions are fetched. False after raising the trap. */
static __attribute__((noinline)) bool look_up(struct hart *hart, const struct insn *insn)
{
    struct mmu_result at;
    uint64_t vaddr = (ux)(hart->jvt + (unsigned)insn->imm * sizeof(ux));
    int cause = mmu_translate(hart, vaddr, sizeof(ux), MMU_FETCH, &at);
    if (cause == MMU_OK && !at.host)
        cause = CAUSE_FETCH_ACCESS;
    if (cause != MMU_OK) {
        trap_insn(hart, insn, (enum cause)cause, vaddr);
        return false;
    }
    hart->loaded = mem_host_read(at.host, sizeof(ux)) & ~1ull;
    return true;
}

EXEC(cm_jt)
{
    if (!look_up(hart, insn))
        return;
    hart->pc = hart->loaded;
    LEAVE;
}

EXEC(cm_jalt)
{
    if (!look_up(hart, insn))
        return;
    hart->x[1] = (ux)(hart_insn_pc(hart, insn) + insn->length);
    hart->pc = hart->loaded;
    LEAVE;
}
