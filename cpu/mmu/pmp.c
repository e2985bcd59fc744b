/* SPDX-License-Identifier: MIT
 *
 * Physical memory protection (Priv. "Physical Memory Protection"): 16 entries, granularity 4 bytes.
 */
#include "cpu/mmu/mmu.h"
#include "util/log.h"

enum {
    PMP_R = 1,
    PMP_W = 2,
    PMP_X = 4,
    PMP_A = 3 << 3,
    PMP_TOR = 1 << 3,
    PMP_NA4 = 2 << 3,
    PMP_NAPOT = 3 << 3,
    PMP_L = 1 << 7
};

static void decode_entry(struct hart *hart, unsigned i)
{
    uint64_t address = hart->pmpaddr[i];
    uint64_t first = UINT64_MAX, last = 0; /* matches nothing */
    switch (hart->pmpcfg[i] & PMP_A) {
    case PMP_TOR:
        if (address > (i ? hart->pmpaddr[i - 1] : 0)) {
            first = i ? hart->pmpaddr[i - 1] << 2 : 0;
            last = (address << 2) - 1;
        }
        break;
    case PMP_NA4:
        first = address << 2;
        last = first + 3;
        break;
    case PMP_NAPOT: {
        uint64_t ones = address ^ (address + 1); /* the trailing ones and the zero above */
        first = (address & ~ones) << 2;
        last = first + ((ones << 2) | 3);
        break;
    }
    }
    hart->pmp_first[i] = first;
    hart->pmp_last[i] = last;
}

void pmp_update(struct hart *hart)
{
    hart->pmp_any = false;
    for (unsigned i = 0; i < PMP_COUNT; i++) {
        decode_entry(hart, i);
        hart->pmp_any |= (hart->pmpcfg[i] & PMP_A) != 0;
    }
}

/* "If at least one PMP entry is implemented, but all PMP entries' A fields are set to OFF, then all S-mode
 * and U-mode memory accesses will fail": bare-metal programs for S-mode often fail first for this reason. */
static void hint_at_no_entry(const struct hart *hart, uint64_t paddr, enum privilege priv)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&told))
        log_warn("hart %u accesses 0x%llx in %c-mode, and no PMP entry permits anything yet: it traps. "
                 "M-mode has to open memory first (pmpaddr0 = -1, pmpcfg0 = 0x1f), or give -cpu "
                 "rv%u,pmp=off; see docs/compatibility.md, \"S-mode without a PMP entry\"",
                 hart->id, (unsigned long long)paddr, priv == PRIV_S ? 'S' : 'U', hart->isa.xlen);
}

/* What an entry permits with MML, by L, X, W and R ("Smepmp", the truth table). W without R, or all of L, R,
 * W and X, is memory that M-mode shares with others; all else belongs to M-mode (L) or to the others alone.
 */
static unsigned shared_or_private(unsigned config, bool machine)
{
    switch (config & (PMP_L | PMP_R | PMP_W | PMP_X)) {
    case PMP_W: return machine ? PMP_R | PMP_W : PMP_R;
    case PMP_W | PMP_X: return PMP_R | PMP_W;
    case PMP_L | PMP_W: return PMP_X;
    case PMP_L | PMP_W | PMP_X: return machine ? PMP_R | PMP_X : PMP_X;
    case PMP_L | PMP_R | PMP_W | PMP_X: return PMP_R;
    default: return machine == !!(config & PMP_L) ? config : 0;
    }
}

bool pmp_allows(const struct hart *hart, uint64_t paddr, unsigned size, enum privilege priv,
                enum mmu_access access)
{
    static const uint8_t needed[] = { [MMU_READ] = PMP_R, [MMU_WRITE] = PMP_W, [MMU_FETCH] = PMP_X };
    if (!hart->isa.pmp)
        return true;
    uint64_t last = paddr + size - 1;
    for (unsigned i = 0; hart->pmp_any && i < PMP_COUNT; i++) {
        if (last < hart->pmp_first[i] || paddr > hart->pmp_last[i])
            continue;
        /* The first entry that matches any byte decides, and it must match all of them. */
        if (paddr < hart->pmp_first[i] || last > hart->pmp_last[i])
            return false;
        if (UNLIKELY(hart->mseccfg & MSECCFG_MML))
            return shared_or_private(hart->pmpcfg[i], priv == PRIV_M) & needed[access];
        if (priv == PRIV_M && !(hart->pmpcfg[i] & PMP_L))
            return true;
        return hart->pmpcfg[i] & needed[access];
    }
    if (!hart->pmp_any && priv != PRIV_M)
        hint_at_no_entry(hart, paddr, priv);
    return priv == PRIV_M && !(hart->mseccfg & MSECCFG_MMWP) &&
           !(hart->mseccfg & MSECCFG_MML && access == MMU_FETCH);
}

bool pmp_page_uniform(const struct hart *hart, uint64_t paddr)
{
    uint64_t page = paddr & PAGE_MASK, last = page | (PAGE_SIZE - 1);
    for (unsigned i = 0; hart->pmp_any && i < PMP_COUNT; i++) {
        if (last < hart->pmp_first[i] || page > hart->pmp_last[i])
            continue;
        return page >= hart->pmp_first[i] && last <= hart->pmp_last[i];
    }
    return true;
}
