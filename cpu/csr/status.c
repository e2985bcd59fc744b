/* SPDX-License-Identifier: MIT
 *
 * mstatus and sstatus, the floating-point CSRs, the envcfg registers, satp.
 */
#include "cpu/csr/internal.h"

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

/* ---- Floating point ------------------------------------------------------------------------------------ */

uint64_t csr_read_fflags(struct hart *hart, unsigned number)
{
    (void)number;
    return fp_flags_get(&hart->fp);
}
void csr_write_fflags(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    fp_flags_set(&hart->fp, value & 31);
    hart->mstatus |= MSTATUS_FS;
}
uint64_t csr_read_frm(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->fp.frm;
}
void csr_write_frm(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    fp_rm_set(&hart->fp, value & 7);
    hart->mstatus |= MSTATUS_FS;
}
uint64_t csr_read_fcsr(struct hart *hart, unsigned number)
{
    return csr_read_fflags(hart, number) | csr_read_frm(hart, number) << 5;
}
void csr_write_fcsr(struct hart *hart, unsigned number, uint64_t value)
{
    csr_write_fflags(hart, number, value);
    csr_write_frm(hart, number, value >> 5);
}

/* ---- mstatus, sstatus ---------------------------------------------------------------------------------- */

#define MSTATUS_SD(hart) (1ull << ((hart)->isa.xlen - 1))

static uint64_t mstatus_value(const struct hart *hart)
{
    bool dirty = (hart->mstatus & MSTATUS_FS) == MSTATUS_FS || (hart->mstatus & MSTATUS_VS) == MSTATUS_VS;
    return hart->mstatus | (dirty ? MSTATUS_SD(hart) : 0);
}

static uint64_t mstatus_writable(const struct hart *hart)
{
    uint64_t mask = MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP;
    if (csr_has_s(hart))
        mask |= MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR |
                MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR;
    if (csr_has_f(hart))
        mask |= MSTATUS_FS;
    if (csr_has_v(hart))
        mask |= MSTATUS_VS;
    return mask;
}

#define SSTATUS_MASK                                                                                         \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_VS | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR |        \
     MSTATUS_UXL)

static void set_mstatus(struct hart *hart, uint64_t value, uint64_t mask)
{
    uint64_t old_mpp = hart->mstatus & MSTATUS_MPP;
    uint64_t new = (hart->mstatus & ~mask) | (value & mask);
    unsigned mpp = (unsigned)(new >> MSTATUS_MPP_SHIFT & 3);
    if (mpp == 2 || (!csr_has_s(hart) && mpp != PRIV_M))
        new = (new & ~MSTATUS_MPP) | old_mpp;
    hart->mstatus = new;
    tlb_select(hart);
}

uint64_t csr_read_mstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return mstatus_value(hart);
}
void csr_write_mstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_mstatus(hart, value, mstatus_writable(hart));
}
uint64_t csr_read_sstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return mstatus_value(hart) & (SSTATUS_MASK | MSTATUS_SD(hart));
}
void csr_write_sstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_mstatus(hart, value, mstatus_writable(hart) & SSTATUS_MASK);
}

/* ---- envcfg -------------------------------------------------------------------------------------------- */

static uint64_t senvcfg_mask(const struct hart *hart)
{
    uint64_t mask = ENVCFG_FIOM;
    if (isa_has(&hart->isa, ISA_Zicbom))
        mask |= ENVCFG_CBIE | ENVCFG_CBCFE;
    if (isa_has(&hart->isa, ISA_Zicboz))
        mask |= ENVCFG_CBZE;
    return mask;
}

static uint64_t menvcfg_mask(const struct hart *hart)
{
    uint64_t mask = senvcfg_mask(hart);
    if (isa_has(&hart->isa, ISA_Svadu))
        mask |= ENVCFG_ADUE;
    if (isa_has(&hart->isa, ISA_Svpbmt))
        mask |= ENVCFG_PBMTE;
    if (isa_has(&hart->isa, ISA_Sstc))
        mask |= ENVCFG_STCE;
    return mask;
}

/* CBIE = 2 is reserved. */
static uint64_t legal_envcfg(uint64_t old, uint64_t value, uint64_t mask)
{
    if ((value & ENVCFG_CBIE) == 2 << 4)
        value = (value & ~ENVCFG_CBIE) | (old & ENVCFG_CBIE);
    return value & mask;
}

/* The clock's thread reads STCE when the timer fires. */
static void store_menvcfg(struct hart *hart, uint64_t value)
{
    pthread_mutex_lock(&hart->timer_lock);
    hart->menvcfg = value;
    pthread_mutex_unlock(&hart->timer_lock);
}

static void set_menvcfg(struct hart *hart, uint64_t value)
{
    uint64_t old = hart->menvcfg;
    store_menvcfg(hart, legal_envcfg(old, value, menvcfg_mask(hart)));
    uint64_t changed = old ^ hart->menvcfg;
    if (changed & (ENVCFG_ADUE | ENVCFG_PBMTE))
        tlb_flush_all(hart);
    if (changed & ENVCFG_STCE) {
        /* STIP changes hands; what software had written into it is not seen while the timer has it. */
        if (csr_sstc_on(hart))
            csr_soft_irq_write(hart, IRQ_STI, 0);
        csr_timer_fired(hart);
    }
}

uint64_t csr_read_menvcfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->menvcfg;
}
CSR_READ_HIGH(menvcfgh, menvcfg)
CSR_WRITE_HALVES(menvcfg, hart->menvcfg, set_menvcfg)

uint64_t csr_read_senvcfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->senvcfg;
}
void csr_write_senvcfg(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->senvcfg = legal_envcfg(hart->senvcfg, value, senvcfg_mask(hart));
}

/* ---- satp (Priv. "Supervisor Address Translation and Protection (satp) Register") ---------------------- */

static bool satp_mode_supported(const struct hart *hart, uint64_t satp)
{
    if (csr_is_rv32(hart))
        return !(satp >> 31) || hart->isa.satp_max == 32;
    switch (satp >> 60) {
    case 0: return true;
    case 8: return hart->isa.satp_max >= 39;
    case 9: return hart->isa.satp_max >= 48;
    case 10: return hart->isa.satp_max >= 57;
    default: return false;
    }
}

uint64_t csr_read_satp(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->satp;
}
void csr_write_satp(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    if (!satp_mode_supported(hart, value))
        return;
    hart->satp = value;
    tlb_select(hart);
}

/* ---- Reset, and a loaded state ------------------------------------------------------------------------- */

/* Bits that nothing writes. */
static uint64_t mstatus_fixed(const struct hart *hart)
{
    return !csr_is_rv32(hart) && csr_has_s(hart) ? 2ull << 32 | 2ull << 34 : 0; /* UXL, SXL: 64 */
}

static uint64_t mstatus_initial(const struct hart *hart)
{
    return mstatus_fixed(hart) | (uint64_t)(csr_has_s(hart) ? PRIV_U : PRIV_M) << MSTATUS_MPP_SHIFT;
}

void csr_status_reset(struct hart *hart)
{
    hart->mstatus = mstatus_initial(hart);
    hart->satp = 0;
    hart->senvcfg = 0;
    /* Firmware that does not know Svade, Svadu or Svpbmt expects them to be there, as on QEMU. */
    uint64_t menvcfg = isa_has(&hart->isa, ISA_Svade) ? 0 : ENVCFG_ADUE & menvcfg_mask(hart);
    store_menvcfg(hart, menvcfg | (ENVCFG_PBMTE & menvcfg_mask(hart)));
    fp_rm_set(&hart->fp, 0);
    fp_flags_set(&hart->fp, 0);
}

void csr_status_legalize(struct hart *hart)
{
    uint64_t mstatus = hart->mstatus;
    hart->satp = csr_is_rv32(hart) ? (uint32_t)hart->satp : hart->satp;
    if (!csr_has_s(hart) || !satp_mode_supported(hart, hart->satp))
        hart->satp = 0;
    hart->mstatus = mstatus_initial(hart);
    set_mstatus(hart, mstatus, mstatus_writable(hart));
    hart->senvcfg = csr_has_s(hart) ? legal_envcfg(0, hart->senvcfg, senvcfg_mask(hart)) : 0;
    store_menvcfg(hart, csr_has_s(hart) ? legal_envcfg(0, hart->menvcfg, menvcfg_mask(hart)) : 0);
}
