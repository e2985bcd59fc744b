/* SPDX-License-Identifier: MIT
 *
 * The entropy source (Unpriv. "Entropy Source", Zkr): seed. mseccfg says which modes below M may read it. The
 * random bits come from util/guest_random.h.
 */
#include "cpu/csr/internal.h"

#include "util/guest_random.h"

/* seed.OPST, the state of the source. There is no built-in self-test to be in. */
#define SEED_WAIT (1ull << 30) /* nothing yet: ask again */
#define SEED_ES16 (2ull << 30) /* bits 15 to 0 are random */

uint64_t csr_read_seed(struct hart *hart, unsigned number)
{
    uint16_t entropy;
    (void)number;
    bool ready = guest_random(&entropy, sizeof(entropy), false) == (long)sizeof(entropy);
    return hart_outside(hart, ready ? SEED_ES16 | entropy : SEED_WAIT);
}

/* Any access must be one that writes, which the caller has checked; the written value does not matter. */
bool csr_seed_allowed(const struct hart *hart, enum privilege priv)
{
    return priv == PRIV_M || hart->mseccfg & (priv == PRIV_S ? MSECCFG_SSEED : MSECCFG_USEED);
}
