/* SPDX-License-Identifier: MIT
 *
 * The CSRs of H (Priv. "Hypervisor CSRs", "Virtual Supervisor CSRs"). Those of VS-mode are in one of two
 * places: hyper.h. hip, hvip and hie are parts of mip and mie; with AIA, hvip, vsip and vsie have more
 * (aia_guest.c).
 */
#include "cpu/csr/internal.h"

#include "cpu/hyper.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"

/* ---- Plain storage ------------------------------------------------------------------------------------- */

CSR_PLAIN(htval, hyper.htval, UINT64_MAX)
CSR_PLAIN(htinst, hyper.htinst, UINT64_MAX)
CSR_PLAIN(mtval2, hyper.mtval2, UINT64_MAX)
CSR_PLAIN(mtinst, hyper.mtinst, UINT64_MAX)
CSR_PLAIN(hcounteren, hyper.hcounteren, UINT32_MAX)

/* What HS-mode may hand on: no calls of S-mode, and nothing that only a hypervisor can handle. */
static uint64_t hedeleg_mask(const struct hart *hart)
{
    bool software_checks = csr_has_zicfilp(hart) || csr_has_zicfiss(hart);
    return 0xb1ff | (software_checks ? 1ull << CAUSE_SOFTWARE_CHECK : 0);
}

CSR_PLAIN(hedeleg, hyper.hedeleg, hedeleg_mask(hart))
CSR_PLAIN(hideleg, hyper.hideleg, IRQ_VS)

/* ---- hstatus ------------------------------------------------------------------------------------------- */

static uint64_t hstatus_mask(const struct hart *hart)
{
    uint64_t mask =
        HSTATUS_GVA | HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_HU | HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR;
    return mask | (!csr_is_rv32(hart) && isa_has(&hart->isa, ISA_Ssnpm) ? HSTATUS_HUPMM : 0);
}

/* HUPMM = 1 is reserved. VSXL is 64 bits on RV64. VGEIN stays where there is no such file. */
static uint64_t hstatus_legal(const struct hart *hart, uint64_t value)
{
    uint64_t vgein = value & HSTATUS_VGEIN;
    if (vgein >> HSTATUS_VGEIN_SHIFT > hart->aia.guest_files)
        vgein = hart->hyper.hstatus & HSTATUS_VGEIN;
    if ((value & HSTATUS_HUPMM) == 1ull << HSTATUS_PMM_SHIFT)
        value = (value & ~HSTATUS_HUPMM) | (hart->hyper.hstatus & HSTATUS_HUPMM);
    return (value & hstatus_mask(hart)) | vgein | (csr_is_rv32(hart) ? 0 : 2ull << 32);
}

uint64_t csr_read_hstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->hyper.hstatus;
}
void csr_write_hstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->hyper.hstatus = hstatus_legal(hart, value);
    unsigned vgein = (hart->hyper.hstatus & HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT;
    if (vgein != hart->aia.vgein)
        csr_imsic_set_guest(hart, vgein, hart->aia.hgeie);
    csr_modes_changed(hart);
    tlb_select(hart);
}

/* ---- henvcfg, htimedelta, vstimecmp -------------------------------------------------------------------- */

static void set_henvcfg(struct hart *hart, uint64_t value)
{
    uint64_t old = hart->hyper.henvcfg;
    csr_timer_store(hart, &hart->hyper.henvcfg, csr_henvcfg_legal(hart, value));
    csr_modes_changed(hart);
    if ((old ^ hart->hyper.henvcfg) & (ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_SSE))
        tlb_flush_all(hart);
    else
        tlb_select(hart);
    csr_timer_update(hart);
}
static void set_htimedelta(struct hart *hart, uint64_t value)
{
    csr_timer_store(hart, &hart->hyper.htimedelta, value);
    csr_timer_update(hart);
}
static void set_vstimecmp(struct hart *hart, uint64_t value)
{
    csr_timer_store(hart, &hart->hyper.vstimecmp, value);
    csr_timer_update(hart);
}

uint64_t csr_read_henvcfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->hyper.henvcfg;
}
CSR_READ_HIGH(henvcfgh, henvcfg)
CSR_WRITE_HALVES(henvcfg, hart->hyper.henvcfg, set_henvcfg)
uint64_t csr_read_htimedelta(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->hyper.htimedelta;
}
CSR_READ_HIGH(htimedeltah, htimedelta)
CSR_WRITE_HALVES(htimedelta, hart->hyper.htimedelta, set_htimedelta)
uint64_t csr_read_vstimecmp(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->hyper.vstimecmp;
}
CSR_READ_HIGH(vstimecmph, vstimecmp)
CSR_WRITE_HALVES(vstimecmp, hart->hyper.vstimecmp, set_vstimecmp)

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

/* The bits of hip and hie. */
static uint64_t hypervisor_interrupts(const struct hart *hart)
{
    return IRQ_VS | (hart->aia.guest_files ? IRQ_SGEI : 0);
}

uint64_t csr_read_hie(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mie & hypervisor_interrupts(hart);
}
void csr_write_hie(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    uint64_t mask = hypervisor_interrupts(hart);
    hart->mie = (hart->mie & ~mask) | (value & mask);
}
uint64_t csr_read_hip(struct hart *hart, unsigned number)
{
    (void)number;
    return trap_pending(hart) & hypervisor_interrupts(hart);
}
void csr_write_hip(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    csr_soft_irq_write(hart, IRQ_VSSI, (unsigned)value);
}
static void set_hvip(struct hart *hart, uint64_t value)
{
    csr_soft_irq_write(hart, IRQ_VS, (unsigned)value);
    hart->aia.hvip = value & csr_guest_local(hart);
}
uint64_t csr_read_hvip(struct hart *hart, unsigned number)
{
    (void)number;
    return (atomic_load(&hart->irq_soft) & IRQ_VS) | hart->aia.hvip;
}
CSR_READ_HIGH(hviph, hvip)
CSR_WRITE_HALVES(hvip, csr_read_hvip(hart, number), set_hvip)

/* In VS-mode's registers the bits are where those of S-mode are in sie and sip. */
static void set_vsie(struct hart *hart, uint64_t value)
{
    uint64_t mask = hart->hyper.hideleg;
    hart->mie = (hart->mie & ~mask) | (value << 1 & mask);
    hart->aia.vsie = (hart->aia.vsie & ~hart->aia.hvien) | (value & hart->aia.hvien);
}
static void set_vsip(struct hart *hart, uint64_t value)
{
    csr_soft_irq_write(hart, IRQ_VSSI & (unsigned)hart->hyper.hideleg, (unsigned)(value << 1));
    hart->aia.hvip = (hart->aia.hvip & ~hart->aia.hvien) | (value & hart->aia.hvien);
}
uint64_t csr_read_vsie(struct hart *hart, unsigned number)
{
    (void)number;
    return (hart->mie & hart->hyper.hideleg) >> 1 | (hart->aia.vsie & hart->aia.hvien);
}
CSR_READ_HIGH(vsieh, vsie)
CSR_WRITE_HALVES(vsie, csr_read_vsie(hart, number), set_vsie)
uint64_t csr_read_vsip(struct hart *hart, unsigned number)
{
    (void)number;
    return (trap_pending(hart) & hart->hyper.hideleg) >> 1 | csr_guest_vsip(hart);
}
CSR_READ_HIGH(vsiph, vsip)
CSR_WRITE_HALVES(vsip, csr_read_vsip(hart, number), set_vsip)

/* ---- Address translation ------------------------------------------------------------------------------- */

/* hgatp and vsatp take a write whose MODE is not supported, except for its MODE. */
static uint64_t with_legal_mode(const struct hart *hart, uint64_t old, uint64_t value)
{
    uint64_t mode = csr_is_rv32(hart) ? 1ull << 31 : 15ull << 60;
    return csr_satp_mode_supported(hart, value) ? value : (value & ~mode) | (old & mode);
}

/* The root is a multiple of 16 KiB, and VMIDs have 14 bits (7 on RV32). */
static uint64_t hgatp_legal(const struct hart *hart, uint64_t old, uint64_t value)
{
    value = with_legal_mode(hart, old, value);
    return value & (csr_is_rv32(hart) ? 0x9ffffffcull : 0xf3fffffffffffffcull);
}

uint64_t csr_read_hgatp(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->hyper.hgatp;
}
void csr_write_hgatp(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->hyper.hgatp = hgatp_legal(hart, hart->hyper.hgatp, value);
    tlb_select(hart);
}

/* ---- Registers of VS-mode ------------------------------------------------------------------------------ */

#define VS_REGISTER(name, field, bank_field, legal)                                                          \
    uint64_t csr_read_##name(struct hart *hart, unsigned number)                                             \
    {                                                                                                        \
        (void)number;                                                                                        \
        return hart->hyper.virt ? hart->field : hart->hyper.bank.bank_field;                                 \
    }                                                                                                        \
    void csr_write_##name(struct hart *hart, unsigned number, uint64_t value)                                \
    {                                                                                                        \
        (void)number;                                                                                        \
        uint64_t *place = hart->hyper.virt ? &hart->field : &hart->hyper.bank.bank_field;                    \
        *place = legal;                                                                                      \
        tlb_select(hart);                                                                                    \
    }

#define EPC_MASK (~(1ull | hart->ialign_mask))

VS_REGISTER(vstvec, stvec, tvec, value & 2 ? (value & ~3ull) | (*place & 1) : value)
VS_REGISTER(vsscratch, sscratch, scratch, value)
VS_REGISTER(vsepc, sepc, epc, value &EPC_MASK)
VS_REGISTER(vscause, scause, cause, value)
VS_REGISTER(vstval, stval, tval, value)
VS_REGISTER(vsatp, satp, satp, with_legal_mode(hart, *place, value))

/* ---- Reset, and a loaded state ------------------------------------------------------------------------- */

void csr_hyper_reset(struct hart *hart)
{
    struct hart_hyper *hyper = &hart->hyper;
    pthread_mutex_lock(&hart->timer_lock);
    *hyper = (struct hart_hyper){ 0 };
    pthread_mutex_unlock(&hart->timer_lock);
    if (hyper_has(hart))
        hyper->hstatus = hstatus_legal(hart, 0);
    csr_modes_changed(hart);
}

static uint64_t legal_satp(const struct hart *hart, uint64_t satp)
{
    return csr_satp_mode_supported(hart, satp) ? satp : 0;
}

/* The other files' registers are legal already. */
void csr_hyper_legalize(struct hart *hart)
{
    struct hart_hyper *hyper = &hart->hyper;
    if (!hyper_has(hart)) {
        csr_hyper_reset(hart);
        return;
    }
    uint64_t xlen_mask = csr_is_rv32(hart) ? UINT32_MAX : UINT64_MAX;
    uint64_t *const registers[] = { &hyper->bank.tvec,  &hyper->bank.scratch, &hyper->bank.epc,
                                    &hyper->bank.cause, &hyper->bank.tval,    &hyper->bank.satp,
                                    &hyper->hgatp,      &hyper->htval,        &hyper->htinst,
                                    &hyper->mtval2,     &hyper->mtinst };
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        *registers[i] &= xlen_mask;
    hyper->access = HYPER_ACCESS_OWN;
    hyper->virt = hyper->virt && hart->priv != PRIV_M;
    hyper->bank.tvec &= ~2ull;
    hyper->bank.epc &= EPC_MASK;
    hyper->bank.satp = legal_satp(hart, hyper->bank.satp);
    hyper->hgatp = hgatp_legal(hart, 0, hyper->hgatp);
    uint64_t hstatus = hyper->hstatus;
    hyper->hstatus = 0;
    hyper->hstatus = hstatus_legal(hart, hstatus);
    hyper->hedeleg &= hedeleg_mask(hart);
    hyper->hideleg &= IRQ_VS;
    uint64_t henvcfg = hyper->henvcfg;
    csr_timer_store(hart, &hyper->henvcfg, 0);
    csr_timer_store(hart, &hyper->henvcfg, csr_henvcfg_legal(hart, henvcfg));
    csr_modes_changed(hart);
}
