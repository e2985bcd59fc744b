/* SPDX-License-Identifier: MIT
 *
 * mstatus and sstatus, the floating-point CSRs, satp.
 */
#include "cpu/csr/internal.h"

#include "cpu/hyper.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

/* ---- Floating point ------------------------------------------------------------------------------------ */

/* With Zfinx, FS is read-only zero ("Zfinx", Priv. "Extension Context Status in mstatus Register"). */
static void make_dirty(struct hart *hart)
{
    if (csr_has_f(hart))
        hart->mstatus |= MSTATUS_FS;
}

uint64_t csr_read_fflags(struct hart *hart, unsigned number)
{
    (void)number;
    return fp_flags_get(&hart->fp);
}
void csr_write_fflags(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    fp_flags_set(&hart->fp, value & 31);
    make_dirty(hart);
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
    make_dirty(hart);
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

static uint64_t with_dirty(const struct hart *hart, uint64_t status)
{
    bool dirty = (status & MSTATUS_FS) == MSTATUS_FS || (status & MSTATUS_VS) == MSTATUS_VS;
    return status | (dirty ? MSTATUS_SD(hart) : 0);
}

/* In a virtual machine only a debugger reads it. */
static uint64_t mstatus_value(const struct hart *hart)
{
    if (UNLIKELY(hart->hyper.virt))
        return with_dirty(hart, (hart->mstatus & ~HYPER_STATUS) | hyper_hs_status(hart));
    return with_dirty(hart, hart->mstatus);
}

static uint64_t mstatus_writable(const struct hart *hart)
{
    uint64_t mask = MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP;
    if (csr_has_u(hart))
        mask |= MSTATUS_MPRV | MSTATUS_TW;
    if (csr_has_s(hart))
        mask |=
            MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TSR;
    if (csr_has_f(hart))
        mask |= MSTATUS_FS;
    if (csr_has_v(hart))
        mask |= MSTATUS_VS;
    if (csr_has_zicfilp(hart))
        mask |= MSTATUS_MPELP | (csr_has_s(hart) ? MSTATUS_SPELP : 0);
    if (hyper_has(hart))
        mask |= MSTATUS_MPV | MSTATUS_GVA;
    return mask;
}

#define SSTATUS_MASK                                                                                         \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_VS | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR |        \
     MSTATUS_SPELP | MSTATUS_UXL)

static void set_mstatus(struct hart *hart, uint64_t value, uint64_t mask)
{
    uint64_t old_mpp = hart->mstatus & MSTATUS_MPP;
    uint64_t new = (hart->mstatus & ~mask) | (value & mask);
    unsigned mpp = (unsigned)(new >> MSTATUS_MPP_SHIFT & 3);
    if (mpp == 2 || (mpp == PRIV_S && !csr_has_s(hart)) || (mpp == PRIV_U && !csr_has_u(hart)))
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
    bool virt = hart->hyper.virt;
    hyper_set_virt(hart, false);
    set_mstatus(hart, value, mstatus_writable(hart) & (csr_is_rv32(hart) ? UINT32_MAX : UINT64_MAX));
    hyper_set_virt(hart, virt);
    if (UNLIKELY(virt))
        tlb_select(hart);
}
uint64_t csr_read_mstatush(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mstatus >> 32;
}
void csr_write_mstatush(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_mstatus(hart, value << 32, mstatus_writable(hart) & (MSTATUS_MPELP | MSTATUS_MPV | MSTATUS_GVA));
}
uint64_t csr_read_sstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return with_dirty(hart, hart->mstatus | hart->hyper.off) & (SSTATUS_MASK | MSTATUS_SD(hart));
}
void csr_write_sstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    if (UNLIKELY(hart->hyper.virt))
        hyper_show_units(hart);
    set_mstatus(hart, value, mstatus_writable(hart) & SSTATUS_MASK);
    if (UNLIKELY(hart->hyper.virt))
        hyper_hide_units(hart);
}
uint64_t csr_read_vsstatus(struct hart *hart, unsigned number)
{
    (void)number;
    uint64_t fixed = hart->mstatus & MSTATUS_UXL & SSTATUS_MASK;
    return with_dirty(hart, (hyper_vs_status(hart) | fixed) & SSTATUS_MASK);
}
void csr_write_vsstatus(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t mask = mstatus_writable(hart) & HYPER_STATUS;
    if (hart->hyper.virt) {
        csr_write_sstatus(hart, number, value);
        return;
    }
    hart->hyper.bank.status = value & mask;
    tlb_select(hart);
}

/* ---- satp (Priv. "Supervisor Address Translation and Protection (satp) Register") ---------------------- */

bool csr_satp_mode_supported(const struct hart *hart, uint64_t satp)
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
    if (!csr_satp_mode_supported(hart, value))
        return;
    hart->satp = value;
    tlb_select(hart);
}

/* ---- Reset, and a loaded state ------------------------------------------------------------------------- */

/* Bits that cannot be written. */
static uint64_t mstatus_fixed(const struct hart *hart)
{
    if (csr_is_rv32(hart) || !csr_has_u(hart))
        return 0;
    return 2ull << 32 | (csr_has_s(hart) ? 2ull << 34 : 0); /* UXL, SXL: 64 */
}

static uint64_t mstatus_initial(const struct hart *hart)
{
    return mstatus_fixed(hart) | (uint64_t)(csr_has_u(hart) ? PRIV_U : PRIV_M) << MSTATUS_MPP_SHIFT;
}

void csr_status_reset(struct hart *hart)
{
    hart->mstatus = mstatus_initial(hart);
    hart->satp = 0;
    fp_rm_set(&hart->fp, 0);
    fp_flags_set(&hart->fp, 0);
}

void csr_status_legalize(struct hart *hart)
{
    uint64_t mstatus = hart->mstatus;
    hart->satp = csr_is_rv32(hart) ? (uint32_t)hart->satp : hart->satp;
    if (!csr_has_s(hart) || !csr_satp_mode_supported(hart, hart->satp))
        hart->satp = 0;
    hart->mstatus = mstatus_initial(hart);
    set_mstatus(hart, mstatus, mstatus_writable(hart));
    hart->hyper.bank.status &= mstatus_writable(hart) & HYPER_STATUS;
    hart->hyper.off &= hart->hyper.virt ? mstatus_writable(hart) & (MSTATUS_FS | MSTATUS_VS) : 0;
}
