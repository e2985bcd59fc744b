/* SPDX-License-Identifier: MIT
 *
 * The fixed pieces of host code; see thunks.c.
 */
#ifndef DBT_X86_THUNKS_H
#define DBT_X86_THUNKS_H

#include "dbt/runtime/state.h"

/* Writes them at the cache's start, once, before anything is translated. False, with *error filled. */
bool thunks_build(struct dbt *dbt, struct error *error);
/* The constants that translated code wants in a hart. */
void thunks_init_hart(struct hart *hart);

#endif
