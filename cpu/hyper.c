/* SPDX-License-Identifier: MIT
 *
 * Entering and leaving virtual machines; see hyper.h.
 */
#include "cpu/hyper.h"

#include "cpu/csr/csr.h"

/* FS and VS, each a field of two bits. */
static const uint64_t units[] = { MSTATUS_FS, MSTATUS_VS };

void hyper_show_units(struct hart *hart)
{
    hart->mstatus |= hart->hyper.off;
    hart->hyper.off = 0;
}

void hyper_hide_units(struct hart *hart)
{
    struct hart_hyper *hyper = &hart->hyper;
    for (unsigned i = 0; i < 2; i++)
        if (!(hyper->bank.status & units[i]))
            hyper->off |= hart->mstatus & units[i];
    hart->mstatus &= ~hyper->off;
}

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t value = *a;
    *a = *b;
    *b = value;
}

static void swap_status(struct hart *hart)
{
    uint64_t status = hart->mstatus & HYPER_STATUS;
    hart->mstatus = (hart->mstatus & ~HYPER_STATUS) | hart->hyper.bank.status;
    hart->hyper.bank.status = status;
}

static void leave_status(struct hart *hart)
{
    for (unsigned i = 0; i < 2; i++)
        if ((hart->mstatus & units[i]) == units[i] && hart->hyper.bank.status & units[i])
            hart->hyper.bank.status |= units[i];
    hyper_show_units(hart);
    swap_status(hart);
}

void hyper_set_virt(struct hart *hart, bool virt)
{
    struct hart_hyper *hyper = &hart->hyper;
    if (hyper->virt == virt)
        return;
    if (virt) {
        swap_status(hart);
        hyper_hide_units(hart);
    } else {
        leave_status(hart);
    }
    swap(&hart->stvec, &hyper->bank.tvec);
    swap(&hart->sscratch, &hyper->bank.scratch);
    swap(&hart->sepc, &hyper->bank.epc);
    swap(&hart->scause, &hyper->bank.cause);
    swap(&hart->stval, &hyper->bank.tval);
    swap(&hart->satp, &hyper->bank.satp);
    hyper->virt = virt;
    csr_modes_changed(hart);
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

/* Whether the trap writes an address of the virtual machine to tval: V is 1, or it is HLV's or HSV's. */
static bool tells_address(const struct hart *hart, bool interrupt, unsigned cause)
{
    const uint32_t addresses =
        1u << CAUSE_FETCH_MISALIGNED | 1u << CAUSE_FETCH_ACCESS | 1u << CAUSE_BREAKPOINT |
        1u << CAUSE_LOAD_MISALIGNED | 1u << CAUSE_LOAD_ACCESS | 1u << CAUSE_STORE_MISALIGNED |
        1u << CAUSE_STORE_ACCESS | 1u << CAUSE_FETCH_PAGE | 1u << CAUSE_LOAD_PAGE | 1u << CAUSE_STORE_PAGE |
        1u << CAUSE_FETCH_GUEST_PAGE | 1u << CAUSE_LOAD_GUEST_PAGE | 1u << CAUSE_STORE_GUEST_PAGE;
    return !interrupt && (hart->hyper.virt || hart->hyper.access) && addresses >> cause & 1;
}

static bool is_guest_page(bool interrupt, unsigned cause)
{
    return !interrupt && (cause == CAUSE_FETCH_GUEST_PAGE || cause == CAUSE_LOAD_GUEST_PAGE ||
                          cause == CAUSE_STORE_GUEST_PAGE);
}

void hyper_trap_to_m(struct hart *hart, bool interrupt, unsigned cause)
{
    struct hart_hyper *hyper = &hart->hyper;
    bool guest_page = is_guest_page(interrupt, cause);
    hyper->mtval2 = guest_page ? hyper->fault_gpa >> 2 : 0;
    hyper->mtinst = guest_page ? hyper->fault_insn : 0;
    hart->mstatus &= ~(MSTATUS_MPV | MSTATUS_GVA);
    hart->mstatus |=
        (hyper->virt ? MSTATUS_MPV : 0) | (tells_address(hart, interrupt, cause) ? MSTATUS_GVA : 0);
    hyper->access = HYPER_ACCESS_OWN;
    hyper_set_virt(hart, false);
}

void hyper_trap_to_hs(struct hart *hart, bool interrupt, unsigned cause)
{
    struct hart_hyper *hyper = &hart->hyper;
    bool guest_page = is_guest_page(interrupt, cause);
    hyper->htval = guest_page ? hyper->fault_gpa >> 2 : 0;
    hyper->htinst = guest_page ? hyper->fault_insn : 0;
    hyper->hstatus &= ~(HSTATUS_SPV | HSTATUS_GVA);
    hyper->hstatus |=
        (hyper->virt ? HSTATUS_SPV : 0) | (tells_address(hart, interrupt, cause) ? HSTATUS_GVA : 0);
    if (hyper->virt)
        hyper->hstatus = (hyper->hstatus & ~HSTATUS_SPVP) | (hart->priv == PRIV_S ? HSTATUS_SPVP : 0);
    hyper->access = HYPER_ACCESS_OWN;
    hyper_set_virt(hart, false);
}
