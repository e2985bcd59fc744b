/* SPDX-License-Identifier: MIT
 *
 * pmpcfg and pmpaddr (Priv. "Physical Memory Protection CSRs"). mmu/pmp.c does the protection.
 */
#include <string.h>

#include "cpu/csr/internal.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"

enum { PMPCFG_L = 0x80, PMPCFG_MASK = 0x9f, PMPCFG_TOR = 1 };

/* R = 0, W = 1 is reserved, unless Smepmp gives it a meaning. */
static uint8_t legal_pmpcfg(const struct hart *hart, uint8_t value)
{
    value &= PMPCFG_MASK;
    return (value & 3) == 2 && !(hart->mseccfg & MSECCFG_MML) ? value & (uint8_t)~2u : value;
}

/* Smepmp with MML and without RLB: no entry can be made that M-mode may execute. */
static bool executes_for_m(uint8_t value)
{
    unsigned rwx = value & 7;
    return value & PMPCFG_L && ((rwx & 4 && rwx != 7) || rwx == 2);
}

static bool is_locked(const struct hart *hart, unsigned i)
{
    return hart->pmpcfg[i] & PMPCFG_L && !(hart->mseccfg & MSECCFG_RLB);
}

bool csr_pmp_any_locked(const struct hart *hart)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < PMP_COUNT; i++)
        bits |= hart->pmpcfg[i];
    return bits & PMPCFG_L;
}

static void write_entry(struct hart *hart, unsigned i, uint8_t value)
{
    bool strict = (hart->mseccfg & (MSECCFG_MML | MSECCFG_RLB)) == MSECCFG_MML;
    if (!is_locked(hart, i) && !(strict && executes_for_m(value)))
        hart->pmpcfg[i] = legal_pmpcfg(hart, value);
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
    for (unsigned i = 0; i < hart->isa.xlen / 8; i++)
        write_entry(hart, first + i, (uint8_t)(value >> 8 * i));
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
        i + 1 < PMP_COUNT && is_locked(hart, i + 1) && (hart->pmpcfg[i + 1] >> 3 & 3) == PMPCFG_TOR;
    if (is_locked(hart, i) || next_locks)
        return;
    hart->pmpaddr[i] = value & pmpaddr_mask(hart);
    pmp_update(hart);
    tlb_flush_all(hart);
}

void csr_pmp_legalize(struct hart *hart)
{
    for (unsigned i = 0; i < PMP_COUNT; i++) {
        hart->pmpcfg[i] = legal_pmpcfg(hart, hart->pmpcfg[i]);
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
