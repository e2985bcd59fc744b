/* SPDX-License-Identifier: MIT
 *
 * Evicting segments of the code cache, and stopping the harts for it.
 */
#ifndef DBT_RUNTIME_EVICT_H
#define DBT_RUNTIME_EVICT_H

#include "dbt/runtime/state.h"

/* Frees the oldest segment, which is filled next. Call it with the lock held and `running` held for
 * writing. */
void dbt_evict_next(struct dbt *dbt);
/* Frees all segments. Call it with the lock held and all harts stopped. */
void dbt_evict_all(struct dbt *dbt);
/* Stop the harts in three steps, with no lock held: the first asks those that are in translated code to leave
 * and lets none enter; the second waits until none is in it; the third lets them continue. */
void dbt_ask_harts_out(struct dbt *dbt);
void dbt_wait_harts_out(struct dbt *dbt);
void dbt_let_harts_in(struct dbt *dbt);
/* Stops the harts to evict a segment. Call it with no lock held; `seen`: counters.evictions when there was no
 * room. */
void dbt_make_room(struct dbt *dbt, uint64_t seen);

#endif
