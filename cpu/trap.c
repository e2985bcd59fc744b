/* SPDX-License-Identifier: MIT
 *
 * Taking traps and returning from them; see trap.h.
 */
#include "cpu/trap.h"

#include "cpu/cover.h"
#include "cpu/csr/csr.h"
#include "cpu/hart_view.h"
#include "cpu/hyper.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trace.h"
#include "util/check.h"

#define INTERRUPT_BIT(hart) (1ull << ((hart)->isa.xlen - 1))

static uint64_t register_value(const struct hart *hart, uint64_t value)
{
    return hart->isa.xlen == 32 ? (uint32_t)value : value;
}

/* mtvec, stvec: mode 1 sends interrupts to base + 4 * cause (Priv. 3.1.7). */
static uint64_t vector(const struct hart *hart, uint64_t tvec, bool interrupt, unsigned cause)
{
    return register_value(hart, (tvec & ~3ull) + (interrupt && tvec & 1 ? 4ull * cause : 0));
}

/* Saves in `previous` whether a landing pad is expected, so that it is expected again after the return
 * ("Preserving Expected Landing Pad State on Traps"). */
static uint64_t keep_pad(struct hart *hart, uint64_t status, uint64_t previous)
{
    status = hart->pad_expected ? status | previous : status & ~previous;
    hart->pad_expected = false;
    return status;
}

static void enter_s(struct hart *hart, bool interrupt, unsigned cause, uint64_t tval)
{
    hart->scause = cause | (interrupt ? INTERRUPT_BIT(hart) : 0);
    hart->sepc = register_value(hart, hart->pc);
    hart->stval = register_value(hart, tval);
    uint64_t status = hart->mstatus & ~(MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SIE);
    status |= hart->mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0;
    status |= hart->priv == PRIV_S ? MSTATUS_SPP : 0;
    status = keep_pad(hart, status, MSTATUS_SPELP);
    hart->mstatus = status;
    hart->priv = PRIV_S;
    hart->pc = vector(hart, hart->stvec, interrupt, cause);
}

static void enter_m(struct hart *hart, bool interrupt, unsigned cause, uint64_t tval)
{
    hart->mcause = cause | (interrupt ? INTERRUPT_BIT(hart) : 0);
    hart->mepc = register_value(hart, hart->pc);
    hart->mtval = register_value(hart, tval);
    uint64_t status = hart->mstatus & ~(MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MIE);
    status |= hart->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0;
    status |= (uint64_t)hart->priv << MSTATUS_MPP_SHIFT;
    status = keep_pad(hart, status, MSTATUS_MPELP);
    hart->mstatus = status;
    hart->priv = PRIV_M;
    if (UNLIKELY(csr_clic_used(hart)))
        hart->pc = csr_clic_enter(hart);
    else
        hart->pc = vector(hart, hart->mtvec, interrupt, cause);
}

/* Where a trap goes. Without H, S-mode is HS-mode. VS-mode knows its interrupts by the numbers of S-mode. */
enum level { LEVEL_M, LEVEL_HS, LEVEL_VS };

static void enter(struct hart *hart, enum level to, bool interrupt, unsigned cause, uint64_t tval)
{
    uint64_t from_pc = register_value(hart, hart->pc);
    char from = trace_mode(hart);
    if (UNLIKELY(hart->recorder) && hart->recorder->watches)
        hart->recorder->ops->trap(hart->recorder, interrupt, cause);
    if (to == LEVEL_M) {
        if (UNLIKELY(hyper_has(hart)))
            hyper_trap_to_m(hart, interrupt, cause);
        enter_m(hart, interrupt, cause, tval);
    } else if (UNLIKELY(to == LEVEL_VS)) {
        enter_s(hart, interrupt, cause, tval);
    } else {
        if (UNLIKELY(hyper_has(hart)))
            hyper_trap_to_hs(hart, interrupt, cause);
        enter_s(hart, interrupt, cause, tval);
    }
    hart->trapped = !interrupt;
    if (interrupt)
        hart->traps = 0;
    hart->exit_link = NULL;
    tlb_select(hart);
    /* A trap clears the enable bit, but another level may still be enabled. */
    hart_request_self(hart, HART_REQUEST_IRQ);
    if (UNLIKELY(log_enabled(LOG_CATEGORY_INT) || log_enabled(LOG_CATEGORY_COMMIT)))
        trace_trap(hart, interrupt, cause, tval, from_pc, from);
}

static void enter_exception(struct hart *hart, enum cause cause, uint64_t tval)
{
    enum level to = LEVEL_HS;
    if (hart->priv == PRIV_M || !(hart->medeleg >> cause & 1))
        to = LEVEL_M;
    else if (UNLIKELY(hart->hyper.virt) && hart->hyper.hedeleg >> cause & 1)
        to = LEVEL_VS;
    enter(hart, to, false, cause, tval);
}

/* Subtracts what the block counted when it started, except for its first `done` instructions. */
static void uncount(struct hart *hart, uint64_t done)
{
    CHECK(done <= hart->block->count);
    atomic_store_explicit(&hart->instret,
                          atomic_load_explicit(&hart->instret, memory_order_relaxed) -
                              (hart->block->count - done),
                          memory_order_relaxed);
}

void trap_insn(struct hart *hart, const struct insn *insn, enum cause cause, uint64_t tval)
{
    /* This instruction and the later ones did not retire. */
    uncount(hart, (uint64_t)(insn - hart->block->insns));
    if (UNLIKELY(hart->cover))
        cover_cut(hart, true);
    hart->pc = hart_insn_pc(hart, insn);
    enter_exception(hart, cause, tval);
}

/* Translated code does not know how long its instructions are. Memory does, unless loads are translated
 * differently from fetches. 0: not known. */
static unsigned insn_length(struct hart *hart, const struct insn *insn)
{
    uint16_t half;
    if (insn->length)
        return insn->length;
    if (hart->mstatus & MSTATUS_MPRV || hart_view_read(hart, hart_insn_pc(hart, insn), &half, 2) != 2)
        return 0;
    return (half & 3) == 3 ? 4 : 2;
}

bool trap_leave_behind(struct hart *hart, const struct insn *insn)
{
    unsigned length = insn_length(hart, insn);
    if (!length)
        return false;
    uncount(hart, (uint64_t)(insn - hart->block->insns) + 1);
    if (UNLIKELY(hart->cover))
        cover_cut(hart, false);
    hart->pc = register_value(hart, hart_insn_pc(hart, insn) + length);
    hart->exit_link = NULL;
    return true;
}

void trap_leave_before(struct hart *hart, const struct insn *insn)
{
    uncount(hart, (uint64_t)(insn - hart->block->insns));
    if (UNLIKELY(hart->cover))
        cover_cut(hart, false);
    hart->pc = hart_insn_pc(hart, insn);
    hart->exit_link = NULL;
}

void trap_illegal(struct hart *hart, const struct insn *insn)
{
    trap_insn(hart, insn, CAUSE_ILLEGAL, insn->length == 2 ? insn->aux & 0xffff : insn->aux);
}

void trap_virtual(struct hart *hart, const struct insn *insn)
{
    trap_insn(hart, insn, CAUSE_VIRTUAL, insn->length == 2 ? insn->aux & 0xffff : insn->aux);
}

void trap_fetch(struct hart *hart, enum cause cause, uint64_t tval)
{
    enter_exception(hart, cause, tval);
}

unsigned trap_pending(const struct hart *hart)
{
    /* Sequentially consistent with hart->sleeping: see wait_for_interrupt(). */
    return atomic_load(&hart->irq_lines) | atomic_load(&hart->irq_soft);
}

bool trap_wakes(const struct hart *hart)
{
    if (UNLIKELY(csr_clic_used(hart)))
        return atomic_load(&hart->clic.offer);
    return trap_pending(hart) & hart->mie || csr_virtual_sip(hart) & csr_virtual_sie(hart) ||
           csr_guest_vsip(hart) & hart->aia.vsie || (hart->hyper.virt && csr_guest_injected(hart));
}

/* With Smaia, the guest configures the order of interrupts, and S-mode and VS-mode have some of their own. */
static bool take_by_priority(struct hart *hart)
{
    bool virt = hart->hyper.virt;
    bool m_enabled = hart->priv != PRIV_M || hart->mstatus & MSTATUS_MIE;
    bool own_enabled = hart->priv == PRIV_U || (hart->priv == PRIV_S && hart->mstatus & MSTATUS_SIE);
    unsigned top = m_enabled ? csr_top_interrupt(hart, HART_FILE_M) : 0;
    enum level to = top ? LEVEL_M : LEVEL_HS;
    if (!top && (virt || own_enabled))
        top = csr_top_interrupt(hart, HART_FILE_S);
    if (!top && virt && own_enabled) {
        to = LEVEL_VS;
        top = csr_top_interrupt(hart, HART_FILE_VS);
    }
    if (!top || (hart->recorder && !hart->recorder->ops->interrupt(hart->recorder, hart->id)))
        return false;
    enter(hart, to, true, top >> 16, 0);
    return true;
}

/* A handler that cannot be found is an exception ("minhv" in Nuclei's documents). */
static bool take_from_clic(struct hart *hart)
{
    uint64_t handler;
    unsigned offer = csr_clic_ready(hart);
    if (!offer || (hart->recorder && !hart->recorder->ops->interrupt(hart->recorder, hart->id)))
        return false;
    if (!csr_clic_take(hart, offer, &handler)) {
        enter_exception(hart, CAUSE_FETCH_ACCESS, handler);
        hart->clic.fetching = true;
        return true;
    }
    hart->clic.taking = offer;
    hart->clic.handler = handler;
    enter(hart, LEVEL_M, true, csr_clic_id(offer), 0);
    hart->clic.taking = 0;
    return true;
}

bool trap_take_interrupt(struct hart *hart)
{
    if (UNLIKELY(csr_clic_used(hart)))
        return take_from_clic(hart);
    if (UNLIKELY(hart->aia.on))
        return take_by_priority(hart);
    unsigned pending = trap_pending(hart) & (unsigned)hart->mie;
    if (!pending)
        return false;
    unsigned for_m = pending & ~(unsigned)hart->mideleg;
    unsigned for_vs = pending & (unsigned)hart->hyper.hideleg;
    unsigned for_s = pending & (unsigned)hart->mideleg & ~for_vs;
    bool virt = hart->hyper.virt;
    bool m_enabled = hart->priv != PRIV_M || hart->mstatus & MSTATUS_MIE;
    /* Of VS-mode, if V is 1. Then those of HS-mode are enabled. */
    bool own_enabled = hart->priv == PRIV_U || (hart->priv == PRIV_S && hart->mstatus & MSTATUS_SIE);
    enum level to = LEVEL_M;
    unsigned ready = m_enabled ? for_m : 0;
    if (!ready && (virt || own_enabled)) {
        to = LEVEL_HS;
        ready = for_s;
    }
    if (!ready && virt && own_enabled) {
        to = LEVEL_VS;
        ready = for_vs;
    }
    /* Priv. 3.1.9 and "Hypervisor Interrupt Registers": MEI, MSI, MTI, SEI, SSI, STI, VSEI, VSSI, VSTI,
     * LCOFI. SGEI needs AIA. */
    static const uint8_t order[] = { 11, 3, 7, 9, 1, 5, 10, 2, 6, 13 };
    if (UNLIKELY(hart->recorder) && ready && !hart->recorder->ops->interrupt(hart->recorder, hart->id))
        return false;
    for (unsigned i = 0; i < sizeof(order); i++) {
        if (ready >> order[i] & 1) {
            enter(hart, to, true, to == LEVEL_VS ? order[i] - 1u : order[i], 0);
            return true;
        }
    }
    return false;
}

static void return_to(struct hart *hart, enum privilege priv, bool virt, uint64_t pc, uint64_t previous_pad)
{
    if (priv != PRIV_M && isa_since(&hart->isa, 12)) /* before, MPRV stayed */
        hart->mstatus &= ~MSTATUS_MPRV;
    bool pad = hart->mstatus & previous_pad;
    hart->mstatus &= ~previous_pad;
    if (UNLIKELY(virt != hart->hyper.virt))
        hyper_set_virt(hart, virt);
    hart->pad_expected = pad && hart->pads_of[priv];
    hart->priv = priv;
    hart->pc = register_value(hart, pc);
    hart->exit_link = NULL;
    tlb_select(hart);
    hart_request_self(hart, HART_REQUEST_IRQ);
}

void trap_return_m(struct hart *hart)
{
    enum privilege priv = (enum privilege)(hart->mstatus >> MSTATUS_MPP_SHIFT & 3);
    bool virt = hart->mstatus & MSTATUS_MPV && priv != PRIV_M;
    uint64_t status = hart->mstatus & ~(MSTATUS_MIE | MSTATUS_MPP | MSTATUS_MPV);
    status |= hart->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0;
    status |= MSTATUS_MPIE;
    if (!hart->isa.user)
        status |= MSTATUS_MPP;
    hart->mstatus = status;
    if (UNLIKELY(hart->clic.on))
        csr_clic_return(hart);
    return_to(hart, priv, virt, hart->mepc, MSTATUS_MPELP);
}

void trap_return_s(struct hart *hart)
{
    enum privilege priv = hart->mstatus & MSTATUS_SPP ? PRIV_S : PRIV_U;
    uint64_t status = hart->mstatus & ~(MSTATUS_SIE | MSTATUS_SPP);
    status |= hart->mstatus & MSTATUS_SPIE ? MSTATUS_SIE : 0;
    status |= MSTATUS_SPIE;
    hart->mstatus = status;
    bool virt = hart->hyper.virt;
    if (!virt) { /* HS-mode's, or M-mode's */
        virt = hart->hyper.hstatus & HSTATUS_SPV;
        hart->hyper.hstatus &= ~HSTATUS_SPV;
    }
    return_to(hart, priv, virt, hart->sepc, MSTATUS_SPELP);
}
