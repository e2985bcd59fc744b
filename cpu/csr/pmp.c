/* SPDX-License-Identifier: MIT
 *
 * pmpcfg and pmpaddr (Priv. "Physical Memory Protection CSRs"). mmu/pmp.c does the protection.
 */
#include <string.h>

#include "cpu/csr/internal.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

enum { PMPCFG_L = 0x80, PMPCFG_MASK = 0x9f, PMPCFG_TOR = 1 };

static uint8_t legal_pmpcfg(uint8_t value)
{
    value &= PMPCFG_MASK;
    return (value & 3) == 2 ? value & (uint8_t)~2u : value; /* R = 0, W = 1 is reserved */
}

static uint64_t pmpaddr_mask(const struct hart *hart)
{
    return csr_is_rv32(hart) ? UINT32_MAX : (1ull << 54) - 1;
}

uint64_t csr_read_pmpcfg(struct hart *hart, unsigned number)
{
    unsigned first = (number - 0x3a0) * 4;
    uint64_t value = 0;
    for (unsigned i = 0; i < hart->isa.xlen / 8; i++)
        value |= (uint64_t)hart->pmpcfg[first + i] << 8 * i;
    return value;
}

void csr_write_pmpcfg(struct hart *hart, unsigned number, uint64_t value)
{
    unsigned first = (number - 0x3a0) * 4;
    for (unsigned i = 0; i < hart->isa.xlen / 8; i++) {
        if (!(hart->pmpcfg[first + i] & PMPCFG_L))
            hart->pmpcfg[first + i] = legal_pmpcfg((uint8_t)(value >> 8 * i));
    }
    pmp_update(hart);
    tlb_flush_all(hart);
}

uint64_t csr_read_pmpaddr(struct hart *hart, unsigned number)
{
    return hart->pmpaddr[number - 0x3b0];
}

void csr_write_pmpaddr(struct hart *hart, unsigned number, uint64_t value)
{
    unsigned i = number - 0x3b0;
    bool next_locks =
        i + 1 < PMP_COUNT && hart->pmpcfg[i + 1] & PMPCFG_L && (hart->pmpcfg[i + 1] >> 3 & 3) == PMPCFG_TOR;
    if (hart->pmpcfg[i] & PMPCFG_L || next_locks)
        return;
    hart->pmpaddr[i] = value & pmpaddr_mask(hart);
    pmp_update(hart);
    tlb_flush_all(hart);
}

void csr_pmp_legalize(struct hart *hart)
{
    for (unsigned i = 0; i < PMP_COUNT; i++) {
        hart->pmpcfg[i] = legal_pmpcfg(hart->pmpcfg[i]);
        hart->pmpaddr[i] &= pmpaddr_mask(hart);
    }
    pmp_update(hart);
}

void csr_pmp_reset(struct hart *hart)
{
    memset(hart->pmpcfg, 0, sizeof(hart->pmpcfg));
    memset(hart->pmpaddr, 0, sizeof(hart->pmpaddr));
    pmp_update(hart);
}
