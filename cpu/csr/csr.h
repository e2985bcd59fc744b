/* SPDX-License-Identifier: MIT
 *
 * Control and status registers.
 */
#ifndef CPU_CSR_CSR_H
#define CPU_CSR_CSR_H

#include "cpu/hart_state.h"

/* Builds the look-up table; idempotent, not thread-safe. */
void csr_init(void);
/* Values at reset that depend on the hart's configuration. */
void csr_reset(struct hart *hart);
/* The vector registers and CSRs as at reset. */
void csr_vector_reset(struct hart *hart);
/* After the registers were filled from a saved state: keeps of each what a write would have kept. */
void csr_legalize(struct hart *hart);
/* The same for those of V; vtype as it was saved. */
void csr_vector_legalize(struct hart *hart, uint64_t vtype);

/* Whether the hart has a CSR at all. */
bool csr_exists(const struct hart *hart, unsigned number);
/* Whether the hart may access a CSR now: it exists, its privilege and the enable bits of the modes above
 * allow it, and it is writable if `write` (Priv. "CSR Listing", "CSR Field Specifications"). */
bool csr_access_allowed(const struct hart *hart, unsigned number, bool write);

/* Value as an instruction reads it; what the modify instructions change may differ (mip). RV32: the low 32
 * bits count. To be called only where the access is allowed. */
uint64_t csr_read(struct hart *hart, unsigned number);
uint64_t csr_read_for_modify(struct hart *hart, unsigned number);
void csr_write(struct hart *hart, unsigned number, uint64_t value);

/* NULL where there is no such register in any configuration. */
const char *csr_name(unsigned number);

/* Guest time in ticks of the timebase: what the time CSR shows. */
uint64_t csr_time(const struct hart *hart);
/* Called by the clock when stimecmp may have been reached. */
void csr_timer_fired(void *hart);

#endif
