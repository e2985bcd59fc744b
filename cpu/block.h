/* SPDX-License-Identifier: MIT
 *
 * Predecoded blocks: finding, building and checking them.
 */
#ifndef CPU_BLOCK_H
#define CPU_BLOCK_H

#include "cpu/hart_state.h"
#include "util/error.h"

bool block_cache_init(struct hart *hart, struct error *error);
void block_cache_destroy(struct hart *hart);
/* Forgets all blocks. */
void block_cache_reset(struct hart *hart);

/* The block at hart->pc, ready to run. NULL if the fetch trapped: pc is then the handler's. */
struct block *block_find(struct hart *hart);
/* A block of the one instruction at hart->pc, decoded again; valid until the next call. NULL: the fetch
 * trapped. */
struct block *block_find_single(struct hart *hart);

/* The block at `paddr` that the hart has decoded before and knows to be right; NULL: there is none, or its
 * code has to be compared with memory first. */
const struct block *block_known(const struct hart *hart, uint64_t paddr);

/* How many of its bytes are in its first page. */
static inline unsigned block_first_bytes(const struct block *block)
{
    return block->paddr2 == NO_PAGE ? block->bytes : PAGE_SIZE - (unsigned)(block->paddr & (PAGE_SIZE - 1));
}

#endif
