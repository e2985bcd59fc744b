/* SPDX-License-Identifier: MIT
 *
 * Saves and loads a hart: only the architectural state. Caches are empty afterwards. The registers are listed
 * once, and the list is used for both directions.
 */
#include "cpu/hart.h"

#include <stdio.h>

#include "cpu/block.h"
#include "cpu/csr/csr.h"
#include "cpu/hart_state.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/vector_state.h"

/* clang-format off */
#define FIELDS(X)                                                                                            \
    X(pc) X(mstatus) X(medeleg) X(mideleg) X(mie) X(mtvec) X(mscratch) X(mepc) X(mcause) X(mtval)            \
    X(stvec) X(sscratch) X(sepc) X(scause) X(stval) X(satp) X(menvcfg) X(senvcfg) X(mcounteren)              \
    X(scounteren) X(mcountinhibit) X(cycle_base) X(instret_base) X(stimecmp)
/* clang-format on */

/* Of H, in a section of its own, which only a hart with H has. */
/* clang-format off */
#define HYPER_FIELDS(X)                                                                                      \
    X(virt) X(bank.status) X(bank.tvec) X(bank.scratch) X(bank.epc) X(bank.cause) X(bank.tval) X(bank.satp)  \
    X(off) X(hstatus) X(hedeleg) X(hideleg) X(hgatp) X(htval) X(htinst) X(mtval2) X(mtinst) X(htimedelta)    \
    X(henvcfg) X(vstimecmp) X(hcounteren)
/* clang-format on */
#define HYPER_VERSION 1

/* 1 had no mseccfg, 2 no vectors, 3 no ssp, jvt and pad_expected, 4 no reservation, 5 no waits */
#define SECTION_VERSION 6

static void save_vectors(const struct hart *hart, struct state_writer *writer)
{
    const struct hart_vector *v = &hart->vector;
    state_put(writer, "vlenb", v->vlenb);
    if (!v->vlenb)
        return;
    state_put_bytes(writer, "v", hart->v, 32 * (size_t)v->vlenb);
    state_put(writer, "vtype", vector_get_type(hart));
    state_put(writer, "vl", v->vl);
    state_put(writer, "vstart", v->vstart);
    state_put(writer, "vcsr", v->vxsat | (uint64_t)v->vxrm << 1);
}

/* A state of a hart with vector registers of another length is refused, by the limit of vlenb or by the
 * length of v. */
static void load_vectors(struct hart *hart, struct state_reader *reader)
{
    struct hart_vector *v = &hart->vector;
    csr_vector_reset(hart);
    state_get(reader, "vlenb", v->vlenb);
    if (!v->vlenb)
        return;
    state_get_bytes(reader, "v", hart->v, 32 * (size_t)v->vlenb);
    uint64_t vtype = state_get(reader, "vtype", UINT64_MAX);
    v->vl = (uint32_t)state_get(reader, "vl", UINT32_MAX);
    v->vstart = (uint32_t)state_get(reader, "vstart", UINT32_MAX);
    uint64_t vcsr = state_get(reader, "vcsr", 7);
    v->vxsat = vcsr & 1;
    v->vxrm = vcsr >> 1 & 3;
    csr_vector_legalize(hart, vtype);
}

/* LR's reservation. The A extension allows an SC to fail, so it could be dropped; but then a machine that was
 * loaded would execute other instructions than the one that was saved. What the SC compares is in memory,
 * which is saved at the same time. A reservation on a device's register is dropped: its host address names
 * no memory. */
static void save_reservation(const struct hart *hart, struct state_writer *writer)
{
    const struct hart_bus_ops *ops = hart->bus->ops;
    uint64_t paddr = 0;
    bool any = hart->reserve_size && ops->paddr && ops->paddr(hart->bus, hart->reserve_host, &paddr);
    state_put(writer, "reserve_size", any ? hart->reserve_size : 0);
    state_put(writer, "reserve_paddr", paddr);
    state_put(writer, "reserve_value", any ? hart->reserve_value : 0);
}

/* An SC compares size and address, and stores where its own translation leads. So a reservation of a hostile
 * file allows no store that the guest could not do. */
static void load_reservation(struct hart *hart, struct state_reader *reader)
{
    bool writable = false;
    uint64_t size = state_get(reader, "reserve_size", 8);
    uint64_t paddr = state_get(reader, "reserve_paddr", UINT64_MAX);
    uint8_t *page = size ? hart->bus->ops->page(hart->bus, paddr & ~(PAGE_SIZE - 1), &writable) : NULL;
    hart->reserve_value = state_get(reader, "reserve_value", UINT64_MAX);
    hart->reserve_host = page ? page + (paddr & (PAGE_SIZE - 1)) : NULL;
    hart->reserve_size = page && (size == 4 || size == 8) ? (unsigned)size : 0;
}

static void save_hyper(const struct hart *hart, struct state_writer *writer)
{
    char section[24];
    if (!isa_has(&hart->isa, ISA_H))
        return;
    snprintf(section, sizeof(section), "hart%u.hyper", hart->id);
    state_section(writer, section, HYPER_VERSION);
#define X(field) state_put(writer, #field, hart->hyper.field);
    HYPER_FIELDS(X)
#undef X
}

/* False: there is none, but the hart has H. csr_legalize() makes it legal. */
static bool load_hyper(struct hart *hart, struct state_reader *reader)
{
    char section[24];
    if (!isa_has(&hart->isa, ISA_H))
        return true;
    snprintf(section, sizeof(section), "hart%u.hyper", hart->id);
    if (!state_open(reader, section, HYPER_VERSION))
        return false;
    pthread_mutex_lock(&hart->timer_lock);
#define X(field)                                                                                             \
    hart->hyper.field = (__typeof__(hart->hyper.field))state_get(                                            \
        reader, #field, sizeof(hart->hyper.field) == 4 ? UINT32_MAX : UINT64_MAX);
    HYPER_FIELDS(X)
#undef X
    hart->hyper.virt = !!hart->hyper.virt;
    pthread_mutex_unlock(&hart->timer_lock);
    return true;
}

/* Registers of extensions that most harts do not have: in sections of their own. */
static void save_extensions(struct hart *hart, struct state_writer *writer)
{
    char section[24];
    snprintf(section, sizeof(section), "hart%u.aia", hart->id);
    if (isa_has(&hart->isa, ISA_Smaia)) {
        state_section(writer, section, 1);
        csr_aia_save(hart, writer);
    }
    snprintf(section, sizeof(section), "hart%u.clic", hart->id);
    if (hart->clic.on) {
        state_section(writer, section, 1);
        csr_clic_save(hart, writer);
    }
    snprintf(section, sizeof(section), "hart%u.guests", hart->id);
    if (isa_has(&hart->isa, ISA_Smaia) && isa_has(&hart->isa, ISA_H)) {
        state_section(writer, section, 1);
        csr_aia_guest_save(hart, writer);
    }
    snprintf(section, sizeof(section), "hart%u.stateen", hart->id);
    if (isa_has(&hart->isa, ISA_Smstateen)) {
        state_section(writer, section, 1);
        csr_stateen_save(hart, writer);
    }
}

static void load_extensions(struct hart *hart, struct state_reader *reader)
{
    char section[24];
    snprintf(section, sizeof(section), "hart%u.aia", hart->id);
    if (isa_has(&hart->isa, ISA_Smaia) && state_open(reader, section, 1))
        csr_aia_load(hart, reader);
    snprintf(section, sizeof(section), "hart%u.clic", hart->id);
    if (hart->clic.on && state_open(reader, section, 1))
        csr_clic_load(hart, reader);
    snprintf(section, sizeof(section), "hart%u.guests", hart->id);
    if (isa_has(&hart->isa, ISA_Smaia) && isa_has(&hart->isa, ISA_H) && state_open(reader, section, 1))
        csr_aia_guest_load(hart, reader);
    snprintf(section, sizeof(section), "hart%u.stateen", hart->id);
    if (isa_has(&hart->isa, ISA_Smstateen) && state_open(reader, section, 1))
        csr_stateen_load(hart, reader);
}

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
    save_vectors(hart, writer);
    state_put(writer, "ssp", hart->ssp);
    state_put(writer, "pad_expected", hart->pad_expected);
    state_put(writer, "jvt", hart->jvt);
    save_reservation(hart, writer);
    state_put(writer, "waits", hart->waits);
    save_hyper(hart, writer);
    save_extensions(hart, writer);
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
    bool there =
        priv == PRIV_M || (priv == PRIV_S && hart->isa.supervisor) || (priv == PRIV_U && hart->isa.user);
    hart->priv = there ? (enum privilege)priv : PRIV_M;
    hart->pc &= (hart->isa.xlen == 32 ? UINT32_MAX : UINT64_MAX) & ~(1ull | hart->ialign_mask);
    atomic_store(&hart->instret, state_get(reader, "instret", UINT64_MAX));
    fp_rm_set(&hart->fp, (unsigned)state_get(reader, "frm", 7));
    fp_flags_set(&hart->fp, (unsigned)state_get(reader, "fflags", 31));
    atomic_store(&hart->irq_lines, (unsigned)state_get(reader, "irq_lines", UINT32_MAX));
    atomic_store(&hart->irq_soft, (unsigned)state_get(reader, "irq_soft", UINT32_MAX));
    state_get_bytes(reader, "pmpcfg", hart->pmpcfg, sizeof(hart->pmpcfg));
    state_get_bytes(reader, "pmpaddr", hart->pmpaddr, sizeof(hart->pmpaddr));
    hart->mseccfg = version >= 2 ? state_get(reader, "mseccfg", UINT64_MAX) : 0;
    if (version >= 3)
        load_vectors(hart, reader);
    else
        csr_vector_reset(hart);
    hart->ssp = version >= 4 ? state_get(reader, "ssp", UINT64_MAX) : 0;
    hart->pad_expected = version >= 4 && state_get(reader, "pad_expected", 1);
    hart->jvt = version >= 4 ? state_get(reader, "jvt", UINT64_MAX) : 0;
    hart->reserve_size = 0;
    if (version >= 5)
        load_reservation(hart, reader);
    hart->waits = version >= 6 && state_get(reader, "waits", 1) && hart->exact;
    if (!load_hyper(hart, reader))
        return false;
    load_extensions(hart, reader);
    csr_legalize(hart);
    tlb_flush_all(hart);
    block_cache_reset(hart);
    csr_timer_fired(hart); /* arms the timer for stimecmp */
    hart_request(hart, HART_REQUEST_IRQ);
    return !reader->failed;
}
