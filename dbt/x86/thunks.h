/* SPDX-License-Identifier: MIT
 *
 * The fixed pieces of host code; see thunks.c.
 */
#ifndef DBT_X86_THUNKS_H
#define DBT_X86_THUNKS_H

#include "dbt/runtime/state.h"

/* Writes them at the start of the cache, once, before anything is translated. False, with *error filled, if
 * they do not fit. */
bool thunks_build(struct dbt *dbt, struct error *error);
/* Sets the constants that translated code uses in a hart. */
void thunks_init_hart(struct hart *hart);

#endif
