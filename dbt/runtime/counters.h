/* SPDX-License-Identifier: MIT
 *
 * What the translator has counted.
 */
#ifndef DBT_RUNTIME_COUNTERS_H
#define DBT_RUNTIME_COUNTERS_H

#include <stdio.h>

#include "dbt/runtime/state.h"

/* Prints one counter on each line. Call it with dbt->lock held; harts may count meanwhile. */
void counters_print(struct dbt *dbt, FILE *out);

#endif
