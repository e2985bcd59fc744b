/* SPDX-License-Identifier: MIT
 *
 * The optimiser, T2, as the rest of dbt/ sees it: a thread that makes regions (dbt_optimise() starts it).
 */
#ifndef DBT_OPTIMISER_H
#define DBT_OPTIMISER_H

#include <stdio.h>

#include "dbt/runtime/state.h"

/* Called by translated code when a slice has ended at a block; a sample of where time goes. */
void t2_slice_ended(struct hart *hart, uint64_t pc);
/* Makes the region at a block that T1 has just translated, loop or not, where the optimiser is eager (tests).
 * With the lock held, on the hart's thread. */
void t2_translate_now(struct hart *hart, uint64_t pc);
void t2_destroy(struct t2 *t2); /* NULL: nothing */
/* What its passes did, one a line; nothing where there is none. */
void t2_print_counters(struct dbt *dbt, FILE *out);

#endif
