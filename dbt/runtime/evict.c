/* SPDX-License-Identifier: MIT
 *
 * Evicting a segment of the code cache.
 *
 * Meanwhile no hart is in translated code. So none runs the code that is evicted, and none has a return
 * address to it on its host stack: the return stack is forgotten with each exit. These may still lead there:
 * links from other segments (set back to their stubs), the lists of links and spans (swept), the table of
 * blocks (swept), the harts' jump tables (which forget all entries), and the interpreter's blocks, which name
 * the segment's generation.
 *
 * Lists are swept; members are not unlinked one by one: one pass over a list drops all its members of the
 * segment.
 */
#include "dbt/runtime/find.h"
#include "dbt/runtime/evict.h"
#include "util/check.h"
#include "util/host_time.h"

/* The blocks to which links of this code lead forget the links of this segment. */
static void forget_outgoing(struct dbt *dbt, const struct code_owner *owner, unsigned segment)
{
    for (const struct t1_link *out = code_at(&dbt->cache, owner->links); out;
         out = code_at(&dbt->cache, out->owner_next)) {
        struct t1_block *block = code_at(&dbt->cache, out->to);
        if (!block || code_in_segment(dbt, out->to, segment))
            continue;
        uint32_t *link = &block->incoming;
        for (struct t1_link *in; (in = code_at(&dbt->cache, *link));) {
            if (code_in_segment(dbt, *link, segment))
                *link = in->next;
            else
                link = &in->next;
        }
    }
}

static void evict_segment(struct dbt *dbt, unsigned segment)
{
    CHECK_HELD(&dbt->lock);
    struct code_owner *first = code_at(&dbt->cache, dbt->cache.segments[segment].owners);
    dbt->counters.evictions++;
    for (struct code_owner *owner = first; owner; owner = code_at(&dbt->cache, owner->segment_next))
        forget_outgoing(dbt, owner, segment);
    for (struct code_owner *owner = first; owner; owner = code_at(&dbt->cache, owner->segment_next)) {
        dbt->owner_ops[owner->kind]->evict(dbt, owner);
        dbt->counters.evicted++;
    }
    code_cache_empty(&dbt->cache, segment);
    dbt_entries_gone(dbt);
}

void dbt_evict_next(struct dbt *dbt)
{
    CHECK_HELD_ALONE(&dbt->running);
    evict_segment(dbt, code_cache_next(&dbt->cache));
    code_cache_advance(&dbt->cache);
}

void dbt_evict_all(struct dbt *dbt)
{
    for (unsigned i = 0; i < CODE_SEGMENTS; i++)
        evict_segment(dbt, i);
}

void dbt_ask_harts_out(struct dbt *dbt)
{
    atomic_fetch_add(&dbt->room_wanted, 1);
    pthread_mutex_lock(&dbt->room);
    for (unsigned i = 0; i < dbt->hart_count; i++)
        hart_request(dbt->harts[i], HART_REQUEST_ACCEL);
}

void dbt_wait_harts_out(struct dbt *dbt)
{
    CHECK_HELD(&dbt->room);
    pthread_rwlock_wrlock(&dbt->running);
}

void dbt_let_harts_in(struct dbt *dbt)
{
    CHECK_HELD(&dbt->room);
    CHECK_HELD_ALONE(&dbt->running);
    pthread_rwlock_unlock(&dbt->running);
    atomic_fetch_sub(&dbt->room_wanted, 1);
    pthread_mutex_unlock(&dbt->room);
}

void dbt_make_room(struct dbt *dbt, uint64_t seen)
{
    uint64_t start = host_now_ns();
    dbt_ask_harts_out(dbt);
    dbt_wait_harts_out(dbt);
    pthread_mutex_lock(&dbt->lock);
    uint64_t stopped = host_now_ns();
    if (dbt->counters.evictions == seen) /* otherwise another hart was faster */
        dbt_evict_next(dbt);
    dbt->counters.eviction_wait_ns += stopped - start;
    dbt->counters.eviction_ns += host_now_ns() - start;
    pthread_mutex_unlock(&dbt->lock);
    dbt_let_harts_in(dbt);
}
