/* SPDX-License-Identifier: MIT
 *
 * The entropy source (Unpriv. "Entropy Source", Zkr): seed, and mseccfg, by which M-mode lets the modes below
 * read it. The host's kernel makes the random bits.
 */
#include "cpu/csr/internal.h"

#include <sys/random.h>

/* seed.OPST, the state of the source. There is no built-in self-test to be in. */
#define SEED_WAIT (1ull << 30) /* nothing yet: ask again */
#define SEED_ES16 (2ull << 30) /* bits 15 to 0 are random */

uint64_t csr_read_seed(struct hart *hart, unsigned number)
{
    uint16_t entropy;
    (void)hart, (void)number;
    if (getrandom(&entropy, sizeof(entropy), GRND_NONBLOCK) != (ssize_t)sizeof(entropy))
        return SEED_WAIT;
    return SEED_ES16 | entropy;
}

/* Any access must be one that writes, which the caller has seen to; what it writes does not count. */
bool csr_seed_allowed(const struct hart *hart)
{
    return hart->priv == PRIV_M || hart->mseccfg & (hart->priv == PRIV_S ? MSECCFG_SSEED : MSECCFG_USEED);
}

static uint64_t mseccfg_mask(const struct hart *hart)
{
    if (!csr_has_zkr(hart))
        return 0;
    return csr_has_s(hart) ? MSECCFG_SSEED | MSECCFG_USEED : 0;
}

uint64_t csr_read_mseccfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mseccfg;
}
void csr_write_mseccfg(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mseccfg = value & mseccfg_mask(hart);
}

void csr_seed_reset(struct hart *hart)
{
    hart->mseccfg = 0;
}

void csr_seed_legalize(struct hart *hart)
{
    hart->mseccfg &= mseccfg_mask(hart);
}
