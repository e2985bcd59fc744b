/* SPDX-License-Identifier: MIT
 *
 * Saving and loading a hart: the architectural state only. Caches are empty afterwards. The registers are
 * listed once, and the list serves both directions.
 */
#include "cpu/hart.h"

#include <stdio.h>

#include "cpu/block.h"
#include "cpu/csr/csr.h"
#include "cpu/hart_state.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

/* clang-format off */
#define FIELDS(X)                                                                                            \
    X(pc) X(mstatus) X(medeleg) X(mideleg) X(mie) X(mtvec) X(mscratch) X(mepc) X(mcause) X(mtval)            \
    X(stvec) X(sscratch) X(sepc) X(scause) X(stval) X(satp) X(menvcfg) X(senvcfg) X(mcounteren)              \
    X(scounteren) X(mcountinhibit) X(cycle_base) X(instret_base) X(stimecmp)
/* clang-format on */

#define SECTION_VERSION 2 /* 1 had no mseccfg */

void hart_save(struct hart *hart, struct state_writer *writer)
{
    char section[16];
    snprintf(section, sizeof(section), "hart%u", hart->id);
    state_section(writer, section, SECTION_VERSION);
    state_put_bytes(writer, "x", hart->x, 32 * sizeof(hart->x[0]));
    state_put_bytes(writer, "f", hart->f, sizeof(hart->f));
#define X(field) state_put(writer, #field, hart->field);
    FIELDS(X)
#undef X
    state_put(writer, "priv", hart->priv);
    state_put(writer, "instret", hart_instructions(hart));
    state_put(writer, "frm", hart->fp.frm);
    state_put(writer, "fflags", fp_flags_get(&hart->fp));
    state_put(writer, "irq_lines", atomic_load(&hart->irq_lines));
    state_put(writer, "irq_soft", atomic_load(&hart->irq_soft));
    state_put_bytes(writer, "pmpcfg", hart->pmpcfg, sizeof(hart->pmpcfg));
    state_put_bytes(writer, "pmpaddr", hart->pmpaddr, sizeof(hart->pmpaddr));
    state_put(writer, "mseccfg", hart->mseccfg);
}

bool hart_load(struct hart *hart, struct state_reader *reader)
{
    char section[16];
    snprintf(section, sizeof(section), "hart%u", hart->id);
    unsigned version = state_open(reader, section, SECTION_VERSION);
    if (!version)
        return false;
    state_get_bytes(reader, "x", hart->x, 32 * sizeof(hart->x[0]));
    hart->x[0] = 0;
    for (unsigned i = 1; i < 32 && hart->isa.xlen == 32; i++)
        hart->x[i] = (uint32_t)hart->x[i]; /* older versions kept the sign above it */
    state_get_bytes(reader, "f", hart->f, sizeof(hart->f));
    pthread_mutex_lock(&hart->timer_lock);
#define X(field) hart->field = (__typeof__(hart->field))state_get(reader, #field, UINT64_MAX);
    FIELDS(X)
#undef X
    pthread_mutex_unlock(&hart->timer_lock);
    uint64_t priv = state_get(reader, "priv", PRIV_M);
    hart->priv = priv == 2 || !hart->isa.supervisor ? PRIV_M : (enum privilege)priv;
    hart->pc &= (hart->isa.xlen == 32 ? UINT32_MAX : UINT64_MAX) & ~(1ull | hart->ialign_mask);
    atomic_store(&hart->instret, state_get(reader, "instret", UINT64_MAX));
    fp_rm_set(&hart->fp, (unsigned)state_get(reader, "frm", 7));
    fp_flags_set(&hart->fp, (unsigned)state_get(reader, "fflags", 31));
    atomic_store(&hart->irq_lines, (unsigned)state_get(reader, "irq_lines", UINT32_MAX));
    atomic_store(&hart->irq_soft, (unsigned)state_get(reader, "irq_soft", UINT32_MAX));
    state_get_bytes(reader, "pmpcfg", hart->pmpcfg, sizeof(hart->pmpcfg));
    state_get_bytes(reader, "pmpaddr", hart->pmpaddr, sizeof(hart->pmpaddr));
    hart->mseccfg = version >= 2 ? state_get(reader, "mseccfg", UINT64_MAX) : 0;
    hart->reserve_size = 0;
    csr_legalize(hart);
    tlb_flush_all(hart);
    block_cache_reset(hart);
    csr_timer_fired(hart); /* arms the timer for stimecmp */
    hart_request(hart, HART_REQUEST_IRQ);
    return !reader->failed;
}
