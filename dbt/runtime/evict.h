/* SPDX-License-Identifier: MIT
 *
 * Evicting segments of the code cache, and stopping the harts for it.
 */
#ifndef DBT_RUNTIME_EVICT_H
#define DBT_RUNTIME_EVICT_H

#include "dbt/runtime/state.h"

/* Frees the oldest segment and makes it the one that is filled. With the lock held and `running`
 * held for writing. */
void dbt_evict_next(struct dbt *dbt);
void dbt_evict_all(struct dbt *dbt);
/* Stopping the harts in three steps, with no lock held: asks those that are in translated code to leave and
 * keeps all from going in; waits until none is in; lets them go on. */
void dbt_ask_harts_out(struct dbt *dbt);
void dbt_wait_harts_out(struct dbt *dbt);
void dbt_let_harts_in(struct dbt *dbt);
/* Stops the harts for it. With no lock held; `seen`: counters.evictions when there was no room. */
void dbt_make_room(struct dbt *dbt, uint64_t seen);

#endif
