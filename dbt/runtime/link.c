/* SPDX-License-Identifier: MIT
 *
 * Jumps from translated code to translated code. Each has a stub, which finds the target by the number of the
 * link (find.c) and continues there; the hart leaves translated code only if there is no target. Once it is
 * found, the jump is patched to lead there (one aligned 32-bit store). A link is in two lists: of those that
 * leave the same code, and, while it is linked, of those that lead to the same block.
 *
 * All functions are called with dbt->lock held.
 */
#include "dbt/runtime/link.h"
#include "dbt/x86/patch.h"
#include "util/check.h"

static void patch(struct dbt *dbt, const struct t1_link *link, const uint8_t *target)
{
    code_cache_open(&dbt->cache);
    x86_patch(dbt->cache.write + link->site, dbt->cache.run, target);
}

static const uint8_t *stub_of(const struct dbt *dbt, const struct t1_link *link)
{
    return dbt->cache.write + dbt->cache.run + link->stub;
}

struct t1_link *t1_link_make(struct dbt *dbt, struct code_owner *owner, uint8_t *site, unsigned offset)
{
    CHECK_HELD(&dbt->lock);
    struct t1_link *link = code_cache_data(&dbt->cache, sizeof(*link));
    if (!link)
        return NULL;
    *link = (struct t1_link){ .site = code_offset(&dbt->cache, site),
                              .offset = (uint16_t)offset,
                              .owner_next = owner->links };
    owner->links = code_ref(&dbt->cache, link);
    return link;
}

void t1_link_set_stub(struct dbt *dbt, struct t1_link *link, const uint8_t *stub)
{
    link->stub = code_offset(&dbt->cache, stub - dbt->cache.run);
}

void t1_link_to(struct dbt *dbt, uint32_t number, struct t1_block *block)
{
    CHECK_HELD(&dbt->lock);
    struct t1_link *link = code_at(&dbt->cache, number);
    if (link->to || !block->entry)
        return;
    link->to = code_ref(&dbt->cache, block);
    link->next = block->incoming;
    block->incoming = number;
    patch(dbt, link, block->entry);
    dbt->counters.links++;
}

void t1_links_undo(struct dbt *dbt, struct t1_block *block)
{
    CHECK_HELD(&dbt->lock);
    for (struct t1_link *link = code_at(&dbt->cache, block->incoming); link;
         link = code_at(&dbt->cache, link->next)) {
        patch(dbt, link, stub_of(dbt, link));
        link->to = 0;
    }
    block->incoming = 0;
}

void t1_block_set_entry(struct dbt *dbt, struct t1_block *block, const uint8_t *entry)
{
    CHECK_HELD(&dbt->lock);
    for (struct t1_link *link = code_at(&dbt->cache, block->incoming); link;
         link = code_at(&dbt->cache, link->next))
        patch(dbt, link, entry);
    __atomic_store_n(&block->entry, entry, __ATOMIC_RELEASE);
}
