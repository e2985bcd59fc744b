/* SPDX-License-Identifier: MIT
 *
 * Jumps from translated code to translated code; link.c explains how. Call all of them with dbt->lock held.
 */
#ifndef DBT_RUNTIME_LINK_H
#define DBT_RUNTIME_LINK_H

#include "dbt/runtime/state.h"

/* A new link out of the owner's code; NULL: no room. */
struct t1_link *t1_link_make(struct dbt *dbt, struct code_owner *owner, uint8_t *site, unsigned offset);
/* Sets where the jump leads until it is linked: an address where code runs. */
void t1_link_set_stub(struct dbt *dbt, struct t1_link *link, const uint8_t *stub);
/* Links the jump `number` (the ref of its struct t1_link) to the block, unless the block has no entry. */
void t1_link_to(struct dbt *dbt, uint32_t number, struct t1_block *block);
/* All jumps to the block lead to their stubs again. */
void t1_links_undo(struct dbt *dbt, struct t1_block *block);
/* All jumps to the block, now and later, lead to `entry`. The harts' jump tables keep the old one until
 * dbt->generation is raised. */
void t1_block_set_entry(struct dbt *dbt, struct t1_block *block, const uint8_t *entry);

#endif
