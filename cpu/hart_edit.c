/* SPDX-License-Identifier: MIT
 *
 * Changing a hart's state from outside; see hart_edit.h.
 */
#include "cpu/hart_edit.h"

#include <string.h>

#include "cpu/csr/csr.h"
#include "cpu/hart_state.h"
#include "cpu/hyper.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

void hart_edit_x(struct hart *hart, unsigned number, uint64_t value)
{
    if (number % 32 != 0)
        hart->x[number % 32] = hart->isa.xlen == 32 ? (uint32_t)value : value;
}

void hart_edit_f(struct hart *hart, unsigned number, uint64_t value)
{
    hart->f[number % 32] = value;
}

void hart_edit_v(struct hart *hart, unsigned number, const uint8_t *bytes)
{
    memcpy(hart->v + number % 32 * (size_t)hart->vector.vlenb, bytes, hart->vector.vlenb);
}

void hart_edit_pc(struct hart *hart, uint64_t value)
{
    hart->pc = (hart->isa.xlen == 32 ? (uint32_t)value : value) & ~(1ull | hart->ialign_mask);
    hart->exit_link = NULL;
}

bool hart_edit_privilege(struct hart *hart, unsigned privilege)
{
    bool there = privilege == PRIV_M || (privilege == PRIV_S && hart->isa.supervisor) ||
                 (privilege == PRIV_U && hart->isa.user);
    if (!there)
        return false;
    if (privilege == PRIV_M)
        hyper_set_virt(hart, false);
    hart->priv = (enum privilege)privilege;
    tlb_select(hart);
    hart_request_self(hart, HART_REQUEST_IRQ);
    return true;
}

bool hart_edit_csr(struct hart *hart, unsigned number, uint64_t value)
{
    if (number > 0xfff || !csr_exists(hart, number) || number >> 10 == 3)
        return false;
    hart->outside = true;
    csr_write(hart, number, value);
    hart->outside = false;
    return true;
}
