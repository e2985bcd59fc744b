/* SPDX-License-Identifier: MIT
 *
 * menvcfg, senvcfg and mseccfg: what a mode permits to the modes below it, and how these behave; also ssp and
 * jvt.
 */
#include "cpu/csr/internal.h"

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

/* ---- What they hold ------------------------------------------------------------------------------------ */

static uint64_t cache_blocks_mask(const struct hart *hart)
{
    uint64_t mask = ENVCFG_FIOM;
    if (isa_has(&hart->isa, ISA_Zicbom))
        mask |= ENVCFG_CBIE | ENVCFG_CBCFE;
    if (isa_has(&hart->isa, ISA_Zicboz))
        mask |= ENVCFG_CBZE;
    return mask;
}

/* On RV32 pointers are not masked, and the fields are read-only zero. */
static uint64_t pmm_mask(const struct hart *hart, enum isa_extension extension)
{
    return !csr_is_rv32(hart) && isa_has(&hart->isa, extension) ? ENVCFG_PMM : 0;
}

static uint64_t control_flow_mask(const struct hart *hart)
{
    uint64_t mask = csr_has_zicfilp(hart) ? ENVCFG_LPE : 0;
    return mask | (csr_has_zicfiss(hart) && csr_has_s(hart) ? ENVCFG_SSE : 0);
}

/* SSE is read-only zero while menvcfg.SSE is zero. */
static uint64_t senvcfg_mask(const struct hart *hart)
{
    uint64_t above = hart->menvcfg & (hart->hyper.virt ? hart->hyper.henvcfg : UINT64_MAX);
    uint64_t hidden = above & ENVCFG_SSE ? 0 : ENVCFG_SSE;
    return cache_blocks_mask(hart) | (control_flow_mask(hart) & ~hidden) | pmm_mask(hart, ISA_Ssnpm);
}

/* What menvcfg and henvcfg have for S-mode. */
static uint64_t of_s_mode(const struct hart *hart)
{
    uint64_t mask = 0;
    if (isa_has(&hart->isa, ISA_Svadu))
        mask |= ENVCFG_ADUE;
    if (isa_has(&hart->isa, ISA_Svpbmt))
        mask |= ENVCFG_PBMTE;
    if (isa_has(&hart->isa, ISA_Sstc))
        mask |= ENVCFG_STCE;
    return mask;
}

static uint64_t menvcfg_mask(const struct hart *hart)
{
    uint64_t mask = cache_blocks_mask(hart) | control_flow_mask(hart) | pmm_mask(hart, ISA_Smnpm);
    return mask | (csr_has_s(hart) ? of_s_mode(hart) : 0);
}

/* Bits that are clear in menvcfg are read-only zero. */
static uint64_t henvcfg_mask(const struct hart *hart)
{
    const uint64_t hidden = ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_STCE | ENVCFG_SSE;
    uint64_t mask = cache_blocks_mask(hart) | control_flow_mask(hart) | pmm_mask(hart, ISA_Ssnpm);
    return (mask | of_s_mode(hart)) & (hart->menvcfg | ~hidden);
}

static bool has_smepmp(const struct hart *hart)
{
    return hart->isa.pmp && isa_has(&hart->isa, ISA_Smepmp);
}

static uint64_t mseccfg_mask(const struct hart *hart)
{
    uint64_t mask = pmm_mask(hart, ISA_Smmpm) | (csr_has_zicfilp(hart) ? MSECCFG_MLPE : 0);
    if (has_smepmp(hart))
        mask |= MSECCFG_MML | MSECCFG_MMWP | MSECCFG_RLB;
    if (csr_has_zkr(hart))
        mask |= (csr_has_s(hart) ? MSECCFG_SSEED : 0) | (csr_has_u(hart) ? MSECCFG_USEED : 0);
    return mask;
}

/* CBIE = 2 and PMM = 1 are reserved values. */
static uint64_t legal_envcfg(uint64_t old, uint64_t value, uint64_t mask)
{
    if ((value & ENVCFG_CBIE) == 2 << 4)
        value = (value & ~ENVCFG_CBIE) | (old & ENVCFG_CBIE);
    if ((value & ENVCFG_PMM) == 1ull << ENVCFG_PMM_SHIFT)
        value = (value & ~ENVCFG_PMM) | (old & ENVCFG_PMM);
    return value & mask;
}

/* ---- What follows from them ---------------------------------------------------------------------------- */

uint64_t csr_henvcfg_legal(const struct hart *hart, uint64_t value)
{
    return legal_envcfg(hart->hyper.henvcfg, value, henvcfg_mask(hart));
}

bool csr_shadow_stack(const struct hart *hart, enum privilege priv, bool virt)
{
    uint64_t enabled = hart->menvcfg & (priv == PRIV_U ? hart->senvcfg : UINT64_MAX);
    enabled &= virt ? hart->hyper.henvcfg : UINT64_MAX;
    return priv != PRIV_M && csr_has_s(hart) && enabled & ENVCFG_SSE;
}

/* Whether bits of the modes above allow U-mode something. */
static bool allowed_in_u(const struct hart *hart, uint64_t above, uint64_t bit)
{
    return above & bit && (!csr_has_s(hart) || hart->senvcfg & bit);
}

/* Must be called after one of the registers, or their meaning, has changed. */
static void apply(struct hart *hart)
{
    bool virt = hart->hyper.virt;
    uint64_t above = hart->menvcfg & (virt ? hart->hyper.henvcfg : UINT64_MAX);
    uint64_t pmm = hart->menvcfg | hart->senvcfg | hart->mseccfg | hart->hyper.henvcfg;
    hart->pads_of[PRIV_M] = hart->mseccfg & MSECCFG_MLPE;
    hart->pads_of[PRIV_S] = (virt ? hart->hyper.henvcfg : hart->menvcfg) & ENVCFG_LPE;
    hart->pads_of[PRIV_U] = (csr_has_s(hart) ? hart->senvcfg : hart->menvcfg) & ENVCFG_LPE;
    hart->shadow_of[PRIV_S] = csr_shadow_stack(hart, PRIV_S, virt);
    hart->shadow_of[PRIV_U] = csr_shadow_stack(hart, PRIV_U, virt);
    hart->zeroes_of[PRIV_M] = true;
    hart->zeroes_of[PRIV_S] = above & ENVCFG_CBZE;
    hart->zeroes_of[PRIV_U] = allowed_in_u(hart, above, ENVCFG_CBZE);
    hart->masks_pointers = pmm & ENVCFG_PMM || hart->hyper.hstatus & HSTATUS_HUPMM;
}

void csr_modes_changed(struct hart *hart)
{
    apply(hart);
}

/* ---- Reading and writing ------------------------------------------------------------------------------- */

/* The clock's thread reads STCE when the timer fires, so the write needs the lock. */
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
    hart->senvcfg &= senvcfg_mask(hart);
    csr_timer_store(hart, &hart->hyper.henvcfg, hart->hyper.henvcfg & henvcfg_mask(hart));
    apply(hart);
    /* These change the meaning of page-table entries. */
    if (changed & (ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_SSE))
        tlb_flush_all(hart);
    else
        tlb_select(hart);
    if (changed & ENVCFG_STCE) {
        /* STIP belongs to the timer or to software; what software has written into it is not visible while it
         * belongs to the timer. */
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
    apply(hart);
    tlb_select(hart);
}

bool csr_has_mseccfg(const struct hart *hart)
{
    return has_smepmp(hart) || csr_has_zkr(hart) || csr_has_zicfilp(hart) || pmm_mask(hart, ISA_Smmpm);
}
bool csr_has_mseccfg_rv32(const struct hart *hart)
{
    return csr_has_mseccfg(hart) && csr_is_rv32(hart);
}
uint64_t csr_read_mseccfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mseccfg;
}
/* Smepmp: MML and MMWP stay set until the hart is reset. RLB cannot be set any more once it is clear and an
 * entry is locked. */
void csr_write_mseccfg(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t old = hart->mseccfg;
    (void)number;
    value |= old & (MSECCFG_MML | MSECCFG_MMWP);
    if (!(old & MSECCFG_RLB) && csr_pmp_any_locked(hart))
        value &= ~MSECCFG_RLB;
    hart->mseccfg = legal_envcfg(old, value, mseccfg_mask(hart));
    apply(hart);
    if ((old ^ hart->mseccfg) & (MSECCFG_MML | MSECCFG_MMWP))
        tlb_flush_all(hart);
    else
        tlb_select(hart);
}

/* ---- ssp ----------------------------------------------------------------------------------------------- */

/* The low bits of a pointer to a word of XLEN bits are zero. */
CSR_PLAIN(ssp, ssp, csr_is_rv32(hart) ? ~3ull : ~7ull)

/* ---- jvt: the base of a table, a multiple of 64, and a mode that is 0 ---------------------------------- */

CSR_PLAIN(jvt, jvt, ~63ull)

/* ---- Reset, and a loaded state ------------------------------------------------------------------------- */

void csr_envcfg_reset(struct hart *hart)
{
    hart->senvcfg = hart->mseccfg = hart->ssp = hart->jvt = 0;
    hart->pad_expected = false;
    /* Firmware that does not know Svade, Svadu or Svpbmt expects Svadu and Svpbmt to be enabled, as on
     * QEMU. */
    uint64_t menvcfg = isa_has(&hart->isa, ISA_Svade) ? 0 : ENVCFG_ADUE & menvcfg_mask(hart);
    store_menvcfg(hart, menvcfg | (ENVCFG_PBMTE & menvcfg_mask(hart)));
    apply(hart);
}

void csr_envcfg_legalize(struct hart *hart)
{
    store_menvcfg(hart, csr_has_u(hart) ? legal_envcfg(0, hart->menvcfg, menvcfg_mask(hart)) : 0);
    hart->senvcfg = csr_has_s(hart) ? legal_envcfg(0, hart->senvcfg, senvcfg_mask(hart)) : 0;
    hart->ssp &= csr_is_rv32(hart) ? UINT32_MAX & ~3ull : ~7ull;
    hart->pad_expected &= csr_has_zicfilp(hart);
    hart->jvt &= csr_is_rv32(hart) ? UINT32_MAX & ~63ull : ~63ull;
    hart->mseccfg = legal_envcfg(0, hart->mseccfg, mseccfg_mask(hart));
    apply(hart);
}
