/* SPDX-License-Identifier: MIT
 *
 * The CSRs of traps: handlers, causes, delegation, pending and enabled interrupts; and those that describe
 * the hart.
 */
#include "cpu/csr/internal.h"

#include "cpu/hyper.h"
#include "cpu/trap.h"

/* xepc: bit 0 is zero, and bit 1 without C (Priv. 3.1.14). */
#define EPC_MASK (~(1ull | hart->ialign_mask))

CSR_PLAIN(mscratch, mscratch, UINT64_MAX)
CSR_PLAIN(mepc, mepc, EPC_MASK)
CSR_PLAIN(mtval, mtval, UINT64_MAX)
CSR_PLAIN(sscratch, sscratch, UINT64_MAX)
CSR_PLAIN(sepc, sepc, EPC_MASK)
CSR_PLAIN(scause, scause, UINT64_MAX)
CSR_PLAIN(stval, stval, UINT64_MAX)

/* A CLIC has fields of mstatus there, too, and the level of what was interrupted. */
#define CAUSE_CLIC_CODE     UINT64_C(0x80000fff)
#define CAUSE_CLIC_MINHV    (1u << 30)
#define CAUSE_CLIC_PP_SHIFT 28
#define CAUSE_CLIC_PIE      (1u << 27)

uint64_t csr_read_mcause(struct hart *hart, unsigned number)
{
    (void)number;
    if (LIKELY(!csr_clic_used(hart)))
        return hart->mcause;
    return (hart->mcause & CAUSE_CLIC_CODE) | (hart->clic.fetching ? CAUSE_CLIC_MINHV : 0) |
           (hart->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT << CAUSE_CLIC_PP_SHIFT |
           (hart->mstatus & MSTATUS_MPIE ? CAUSE_CLIC_PIE : 0) | hart->clic.previous << 16;
}
void csr_write_mcause(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mcause = value;
    if (LIKELY(!csr_clic_used(hart)))
        return;
    hart->mcause &= CAUSE_CLIC_CODE;
    hart->clic.fetching = value & CAUSE_CLIC_MINHV;
    hart->clic.previous = value >> 16 & 255;
    uint64_t status = csr_read_mstatus(hart, 0x300) & ~(MSTATUS_MPP | MSTATUS_MPIE);
    status |= (value >> CAUSE_CLIC_PP_SHIFT & 3) << MSTATUS_MPP_SHIFT;
    csr_write_mstatus(hart, 0x300, status | (value & CAUSE_CLIC_PIE ? MSTATUS_MPIE : 0));
}

/* xtvec: modes 0 and 1; a write of another mode does not change the register's mode. */
static uint64_t legal_tvec(uint64_t old, uint64_t value)
{
    return value & 2 ? (value & ~3ull) | (old & 1) : value;
}

/* With a CLIC, its mode is 3 in six bits; others are mode 0, in which it is not used. */
static uint64_t legal_clic_tvec(uint64_t value)
{
    return (value & 63) == 3 ? value : value & ~3ull;
}

uint64_t csr_read_mtvec(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mtvec;
}
void csr_write_mtvec(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mtvec = hart->clic.on ? legal_clic_tvec(value) : legal_tvec(hart->mtvec, value);
}
uint64_t csr_read_stvec(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->stvec;
}
void csr_write_stvec(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->stvec = legal_tvec(hart->stvec, value);
}

uint64_t csr_read_mvendorid(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->isa.mvendorid;
}
uint64_t csr_read_marchid(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->isa.marchid;
}
uint64_t csr_read_mimpid(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->isa.mimpid;
}
uint64_t csr_read_mhartid(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->id;
}
uint64_t csr_read_misa(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->misa;
}

/* ---- Interrupts and delegation ------------------------------------------------------------------------- */

#define M_INTERRUPTS (IRQ_MSI | IRQ_MTI | IRQ_MEI)

static unsigned s_interrupts(const struct hart *hart)
{
    return IRQ_SSI | IRQ_STI | IRQ_SEI | (csr_has_sscofpmf(hart) ? IRQ_LCOFI : 0);
}

/* All exceptions but ecall from M-mode, which is never taken below it. */
static uint64_t medeleg_mask(const struct hart *hart)
{
    bool software_checks = csr_has_zicfilp(hart) || csr_has_zicfiss(hart);
    uint64_t virtual = 1ull << CAUSE_ECALL_VS | 1ull << CAUSE_FETCH_GUEST_PAGE |
                       1ull << CAUSE_LOAD_GUEST_PAGE | 1ull << CAUSE_VIRTUAL | 1ull << CAUSE_STORE_GUEST_PAGE;
    return 0xb3ff | (software_checks ? 1ull << CAUSE_SOFTWARE_CHECK : 0) | (hyper_has(hart) ? virtual : 0);
}

/* Interrupts of VS-mode and its interrupt files never stay in M-mode ("Machine Interrupt (mideleg) Register"
 * of H). */
static unsigned vs_interrupts(const struct hart *hart)
{
    return hyper_has(hart) ? IRQ_VS | (hart->aia.guest_files ? IRQ_SGEI : 0) : 0;
}
static uint64_t legal_mideleg(const struct hart *hart, uint64_t value)
{
    return (csr_has_s(hart) ? value & s_interrupts(hart) : 0) | vs_interrupts(hart);
}

/* The bits of mie. */
static unsigned all_interrupts(const struct hart *hart)
{
    return M_INTERRUPTS | (csr_has_s(hart) ? s_interrupts(hart) : 0) | vs_interrupts(hart);
}

/* The bits of sie and sip. */
static uint64_t delegated(const struct hart *hart)
{
    return hart->mideleg & s_interrupts(hart);
}

CSR_PLAIN(medeleg, medeleg, medeleg_mask(hart))
uint64_t csr_read_mideleg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mideleg;
}
void csr_write_mideleg(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mideleg = legal_mideleg(hart, value);
}

uint64_t csr_read_mie(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mie;
}
void csr_write_mie(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mie = value & all_interrupts(hart);
}
uint64_t csr_read_sie(struct hart *hart, unsigned number)
{
    if (UNLIKELY(hart->hyper.virt))
        return csr_read_vsie(hart, number);
    return (hart->mie & delegated(hart)) | csr_virtual_sie(hart);
}
void csr_write_sie(struct hart *hart, unsigned number, uint64_t value)
{
    if (UNLIKELY(hart->hyper.virt)) {
        csr_write_vsie(hart, number, value);
        return;
    }
    hart->mie = (hart->mie & ~delegated(hart)) | (value & delegated(hart));
    csr_virtual_sie_write(hart, value);
}

uint64_t csr_read_mip(struct hart *hart, unsigned number)
{
    (void)number;
    return trap_pending(hart);
}

/* Bits that software owns (Priv. 3.1.9): with Sstc, STIP belongs to the timer; with bit 9 of mvien, SEIP to
 * the interrupt controller. */
void csr_soft_irq_write(struct hart *hart, unsigned mask, unsigned value)
{
    unsigned old = atomic_load(&hart->irq_soft);
    while (!atomic_compare_exchange_weak(&hart->irq_soft, &old, (old & ~mask) | (value & mask))) {
    }
}

void csr_write_mip(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    unsigned others = (csr_sstc_on(hart) ? IRQ_STI : 0) | ((unsigned)hart->aia.mvien & IRQ_SEI);
    unsigned mask = (s_interrupts(hart) & ~others) | (vs_interrupts(hart) & IRQ_VSSI);
    if (csr_has_s(hart))
        csr_soft_irq_write(hart, mask, (unsigned)value);
}
uint64_t csr_read_sip(struct hart *hart, unsigned number)
{
    if (UNLIKELY(hart->hyper.virt))
        return csr_read_vsip(hart, number);
    return (csr_read_mip(hart, number) & delegated(hart)) | csr_virtual_sip(hart);
}
void csr_write_sip(struct hart *hart, unsigned number, uint64_t value)
{
    if (UNLIKELY(hart->hyper.virt)) {
        csr_write_vsip(hart, number, value);
        return;
    }
    csr_soft_irq_write(hart, (IRQ_SSI | IRQ_LCOFI) & (unsigned)delegated(hart), (unsigned)value);
    csr_virtual_sip_write(hart, value);
}

/* ---- Reset, and a loaded state ------------------------------------------------------------------------- */

void csr_trap_reset(struct hart *hart)
{
    hart->medeleg = hart->mie = 0;
    hart->mideleg = legal_mideleg(hart, 0);
    hart->mtvec = hart->mscratch = hart->mepc = hart->mcause = hart->mtval = 0;
    hart->stvec = hart->sscratch = hart->sepc = hart->scause = hart->stval = 0;
    atomic_store(&hart->irq_soft, 0);
}

void csr_trap_legalize(struct hart *hart)
{
    uint64_t xlen_mask = csr_is_rv32(hart) ? UINT32_MAX : UINT64_MAX;
    uint64_t *const registers[] = { &hart->mtvec, &hart->mscratch, &hart->mepc, &hart->mcause, &hart->mtval,
                                    &hart->stvec, &hart->sscratch, &hart->sepc, &hart->scause, &hart->stval };
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        *registers[i] &= xlen_mask;
    hart->mtvec = hart->clic.on ? legal_clic_tvec(hart->mtvec) : hart->mtvec & ~2ull;
    hart->stvec &= ~2ull;
    hart->mepc &= EPC_MASK;
    hart->sepc &= EPC_MASK;
    hart->medeleg &= csr_has_s(hart) ? medeleg_mask(hart) : 0;
    hart->mideleg = legal_mideleg(hart, hart->mideleg);
    hart->mie &= all_interrupts(hart);
    atomic_fetch_and(&hart->irq_lines, M_INTERRUPTS | s_interrupts(hart) | (vs_interrupts(hart) & ~IRQ_VSSI));
    atomic_fetch_and(&hart->irq_soft, s_interrupts(hart) | (vs_interrupts(hart) & IRQ_VS));
}
