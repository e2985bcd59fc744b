/* SPDX-License-Identifier: MIT
 *
 * Control and status registers: which there are and who may touch them. Each has one small read and one small
 * write function, gathered by csr.def; they live in csr/counter.c (counters and timers), csr/envcfg.c,
 * csr/hyper.c (H), csr/pmp.c, csr/seed.c, csr/stateen.c, csr/status.c (status, floating point, satp),
 * csr/trap.c, and csr/aia.c with csr/imsic.c (advanced interrupts). Fields are WARL: a write keeps what is
 * legal and leaves the rest as it was. Reads and writes see RV32 registers as their low 32 bits.
 */
#include "cpu/csr/internal.h"
#include "cpu/hyper.h"
#include "util/check.h"

/* ---- Which registers a configuration has --------------------------------------------------------------- */

bool csr_always(const struct hart *hart)
{
    (void)hart;
    return true;
}
bool csr_is_rv32(const struct hart *hart)
{
    return hart->isa.xlen == 32;
}
bool csr_has_s(const struct hart *hart)
{
    return hart->isa.supervisor;
}
bool csr_has_u(const struct hart *hart)
{
    return hart->isa.user;
}
bool csr_has_f(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_F);
}
/* fcsr, which is there without f registers, too. */
bool csr_has_fcsr(const struct hart *hart)
{
    return csr_has_f(hart) || isa_has(&hart->isa, ISA_Zfinx);
}
bool csr_has_zicntr(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zicntr);
}
bool csr_has_zicntr_rv32(const struct hart *hart)
{
    return csr_has_zicntr(hart) && csr_is_rv32(hart);
}
bool csr_has_zihpm(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zihpm);
}
/* What an older privileged architecture does not have. */
bool csr_since_1_11(const struct hart *hart)
{
    return isa_since(&hart->isa, 11);
}
bool csr_since_1_12(const struct hart *hart)
{
    return isa_since(&hart->isa, 12);
}
bool csr_has_medelegh(const struct hart *hart)
{
    return csr_has_s(hart) && csr_is_rv32(hart) && isa_since(&hart->isa, 13);
}
bool csr_has_menvcfg(const struct hart *hart)
{
    return csr_has_u(hart) && csr_since_1_12(hart);
}
bool csr_has_menvcfg_rv32(const struct hart *hart)
{
    return csr_has_menvcfg(hart) && csr_is_rv32(hart);
}
bool csr_has_senvcfg(const struct hart *hart)
{
    return csr_has_s(hart) && csr_since_1_12(hart);
}
bool csr_has_zihpm_rv32(const struct hart *hart)
{
    return csr_has_zihpm(hart) && csr_is_rv32(hart);
}
/* Sscofpmf's counters are those of Zihpm, which never count, so none overflows. */
bool csr_has_sscofpmf(const struct hart *hart)
{
    return csr_has_s(hart) && isa_has(&hart->isa, ISA_Sscofpmf);
}
bool csr_has_sscofpmf_rv32(const struct hart *hart)
{
    return csr_has_sscofpmf(hart) && csr_is_rv32(hart);
}
bool csr_has_sstc(const struct hart *hart)
{
    return csr_has_s(hart) && isa_has(&hart->isa, ISA_Sstc);
}
bool csr_has_sstc_rv32(const struct hart *hart)
{
    return csr_has_sstc(hart) && csr_is_rv32(hart);
}
bool csr_has_h(const struct hart *hart)
{
    return hyper_has(hart);
}
bool csr_has_h_rv32(const struct hart *hart)
{
    return hyper_has(hart) && csr_is_rv32(hart);
}
bool csr_has_h_sstc(const struct hart *hart)
{
    return hyper_has(hart) && csr_has_sstc(hart);
}
bool csr_has_h_sstc_rv32(const struct hart *hart)
{
    return hyper_has(hart) && csr_has_sstc_rv32(hart);
}
bool csr_has_zicfilp(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zicfilp);
}
bool csr_has_zicfiss(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zicfiss);
}
bool csr_has_zcmt(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zcmt);
}
bool csr_has_zkr(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zkr);
}
bool csr_has_thead(const struct hart *hart)
{
    return csr_has_s(hart) && hart->isa.mvendorid == ISA_VENDOR_T_HEAD && hart->isa.extensions & ISA_T_HEAD;
}
bool csr_has_pmp(const struct hart *hart)
{
    return hart->isa.pmp;
}
/* RV64 has only the even registers; see csr_access_allowed(). */
bool csr_has_pmpcfg(const struct hart *hart)
{
    return hart->isa.pmp;
}

uint64_t csr_read_zero(struct hart *hart, unsigned number)
{
    (void)hart, (void)number;
    return 0;
}
void csr_write_ignored(struct hart *hart, unsigned number, uint64_t value)
{
    (void)hart, (void)number, (void)value;
}

/* T-Head "XTheadSxStatus": which of its extensions there are. */
uint64_t csr_read_sxstatus(struct hart *hart, unsigned number)
{
    (void)number;
    const uint64_t ucme = 1 << 16, maee = 1 << 21, theadisaee = 1 << 22;
    return ucme | theadisaee | (isa_has(&hart->isa, ISA_XTheadMae) ? maee : 0);
}

/* info = 1: only type 0, which says that there is no trigger. */
uint64_t csr_read_tinfo(struct hart *hart, unsigned number)
{
    (void)hart, (void)number;
    return 1;
}

/* ---- The table ----------------------------------------------------------------------------------------- */

struct csr_entry {
    const char *name;
    uint16_t first, last;
    csr_exists_fn *exists;
    csr_read_fn *read;
    csr_write_fn *write;
};

static const struct csr_entry entries[] = {
#define CSRS(name, first, last, exists, read, write)                                                         \
    { #name, first, last, csr_##exists, csr_##read, csr_##write },
#include "cpu/isa/csr.def"
};

static const struct csr_entry *by_number[4096];

void csr_init(void)
{
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        for (unsigned number = entries[i].first; number <= entries[i].last; number++)
            by_number[number] = &entries[i];
}

const char *csr_name(unsigned number)
{
    return by_number[number & 4095] ? by_number[number & 4095]->name : NULL;
}

/* Who accesses a register. */
struct csr_mode {
    enum privilege priv;
    bool virt, tvm;
    bool whatever_selected; /* it is asked whether HS-mode has the register at all */
};

/* Counters below M-mode: mcounteren enables them; below S-mode, if there is one, scounteren must enable them,
 * too (Priv. 3.1.11), and in a virtual machine hcounteren. */
static bool counter_enabled(const struct hart *hart, struct csr_mode mode, unsigned number)
{
    uint32_t bit = 1u << (number & 31);
    if (mode.priv == PRIV_M)
        return true;
    return hart->mcounteren & bit && (mode.priv == PRIV_S || !csr_has_s(hart) || hart->scounteren & bit) &&
           (!mode.virt || hart->hyper.hcounteren & bit);
}

/* stimecmp, vstimecmp. */
static bool timer_enabled(const struct hart *hart, struct csr_mode mode)
{
    if (mode.priv == PRIV_M)
        return true;
    return hart->mcounteren & CSR_COUNTER_TM && hart->menvcfg & ENVCFG_STCE &&
           (!mode.virt || (hart->hyper.hcounteren & CSR_COUNTER_TM && hart->hyper.henvcfg & ENVCFG_STCE));
}

/* The highest of the levels in the numbers of CSRs that a mode may access. */
static unsigned level_of(const struct hart *hart, struct csr_mode mode)
{
    return mode.priv == PRIV_S && !mode.virt && hyper_has(hart) ? 2 : mode.priv;
}

static bool is_counter(unsigned number)
{
    return (number & ~0x9fu) == 0xc00;
}

bool csr_exists(const struct hart *hart, unsigned number)
{
    const struct csr_entry *entry = by_number[number & 4095];
    bool odd_pmpcfg = (number & ~3u) == 0x3a0 && number & 1 && !csr_is_rv32(hart);
    return entry && entry->exists(hart) && !odd_pmpcfg;
}

static bool allowed_in(const struct hart *hart, struct csr_mode mode, unsigned number, bool write)
{
    const struct csr_entry *entry = by_number[number];
    if (!entry || !entry->exists(hart) || (number >> 8 & 3) > level_of(hart, mode) ||
        (write && number >> 10 == 3))
        return false;
    if (mode.priv != PRIV_M && csr_has_stateen(hart) &&
        !(csr_stateen_permits(hart, number, false) &&
          (!mode.virt || csr_stateen_permits(hart, number, true))))
        return false;
    if (hart->aia.on && !mode.whatever_selected &&
        !(mode.virt ? csr_aia_guest_permits(hart, number, write) : csr_aia_permits(hart, mode.priv, number)))
        return false;
    if (number <= 3)
        return !csr_has_f(hart) || hart->mstatus & MSTATUS_FS;
    if (number <= 0x00f || (number >= 0xc20 && number <= 0xc22)) /* vectors */
        return hart->mstatus & MSTATUS_VS;
    /* ssp does not depend on xSSE in M-mode, which has no such bit ("ssp CSR access control"). */
    if (number == 0x011)
        return mode.priv == PRIV_M || csr_shadow_stack(hart, mode.priv, mode.virt);
    if (number == 0x015) /* seed */
        return write && csr_seed_allowed(hart, mode.priv) && !mode.virt;
    if (is_counter(number))
        return counter_enabled(hart, mode, number);
    if (number == 0x180 || number == 0x680) /* satp, hgatp */
        return !(mode.priv == PRIV_S && mode.tvm);
    if (number == 0x14d || number == 0x15d || number == 0x24d || number == 0x25d) /* stimecmp, vstimecmp */
        return timer_enabled(hart, mode);
    if ((number & ~3u) == 0x3a0) /* pmpcfg: RV64 has no odd ones */
        return csr_is_rv32(hart) || !(number & 1);
    return true;
}

bool csr_access_allowed(const struct hart *hart, unsigned number, bool write)
{
    uint64_t tvm = hart->hyper.virt ? hart->hyper.hstatus & HSTATUS_VTVM : hart->mstatus & MSTATUS_TVM;
    struct csr_mode mode = { .priv = hart->priv, .virt = hart->hyper.virt, .tvm = tvm };
    return allowed_in(hart, mode, number, write);
}

bool csr_refusal_is_virtual(const struct hart *hart, unsigned number, bool write)
{
    const struct csr_mode hs = { .priv = PRIV_S, .whatever_selected = true };
    bool unit = number <= 0x00f || (number >= 0xc20 && number <= 0xc22); /* FS or VS is Off */
    if (!hart->hyper.virt || unit || !allowed_in(hart, hs, number, write))
        return false;
    return !hart->aia.on || hart->priv != PRIV_S || csr_aia_guest_knows(hart, number) ||
           (csr_has_stateen(hart) && !csr_stateen_permits(hart, number, true));
}

uint64_t csr_read(struct hart *hart, unsigned number)
{
    CHECK(number < 4096 && by_number[number]);
    return by_number[number]->read(hart, number);
}

uint64_t csr_read_for_modify(struct hart *hart, unsigned number)
{
    uint64_t value = csr_read(hart, number);
    if (number == 0x344) /* Priv. 3.1.9: the PLIC's SEIP is not written back into the software bit */
        value = (value & ~(uint64_t)IRQ_SEI) | (atomic_load(&hart->irq_soft) & IRQ_SEI);
    return value;
}

void csr_write(struct hart *hart, unsigned number, uint64_t value)
{
    by_number[number]->write(hart, number, csr_is_rv32(hart) ? (uint32_t)value : value);
    /* The write may have enabled an interrupt. */
    hart_request_self(hart, HART_REQUEST_IRQ);
}

void csr_reset(struct hart *hart)
{
    csr_envcfg_reset(hart);
    csr_status_reset(hart);
    csr_trap_reset(hart);
    csr_pmp_reset(hart);
    csr_hyper_reset(hart);
    csr_counter_reset(hart);
    csr_vector_reset(hart);
    csr_aia_reset(hart);
    csr_clic_reset(hart);
    csr_stateen_reset(hart);
}

void csr_legalize(struct hart *hart)
{
    hart->mcountinhibit &= CSR_COUNTER_CY | CSR_COUNTER_IR;
    csr_envcfg_legalize(hart); /* before PMP, whose entries mean what mseccfg says */
    csr_pmp_legalize(hart);
    csr_status_legalize(hart);
    csr_trap_legalize(hart);
    csr_hyper_legalize(hart);
    csr_aia_legalize(hart);
    csr_stateen_legalize(hart);
}
