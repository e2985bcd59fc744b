/* SPDX-License-Identifier: MIT
 *
 * The optimiser, T2, as the rest of dbt/ sees it: a thread that makes regions (dbt_optimise() starts it).
 */
#ifndef DBT_OPTIMISER_H
#define DBT_OPTIMISER_H

#include <stdio.h>

#include "dbt/runtime/state.h"

/* Translated code calls this when a slice has ended at a block: a sample that shows where time goes. */
void t2_slice_ended(struct hart *hart, uint64_t pc);
/* If the optimiser is eager (tests), makes the region at a block that T1 has just translated, whether it is a
 * loop or not. Call it with the lock held, on the hart's thread. */
void t2_translate_now(struct hart *hart, uint64_t pc);
void t2_destroy(struct t2 *t2); /* NULL is allowed */
/* Prints what its passes did, one on each line; nothing if there is no optimiser. */
void t2_print_counters(struct dbt *dbt, FILE *out);

#endif
