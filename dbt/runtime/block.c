/* SPDX-License-Identifier: MIT
 *
 * The table of translated blocks; see block.h. It is also read without the lock (find.c): blocks are added
 * and removed by release stores, and their memory stays until their segment is evicted.
 */
#include "dbt/runtime/find.h"
#include "dbt/runtime/block.h"

#include <string.h>

#include "dbt/runtime/code_page.h"
#include "dbt/runtime/link.h"
#include "dbt/runtime/state.h"
#include "util/check.h"

struct t1_block *t1_block_at(struct dbt *dbt, uint64_t paddr, unsigned kind)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *block = code_at(&dbt->cache, dbt->blocks[dbt_hash(paddr, 1)]);
    while (block && (block->span.paddr != paddr || block->kind != kind))
        block = code_at(&dbt->cache, block->hash_next);
    return block;
}

/* Whether the translation is of the code that the interpreter has. Another hart may have translated code that
 * this hart no longer sees, or does not see yet. */
static bool is_of(const struct dbt *dbt, const struct t1_block *block, const struct block *source)
{
    const struct code_span *second = code_at(&dbt->cache, block->second);
    if ((second ? second->paddr : NO_PAGE) != source->paddr2 || block->span.bytes > source->bytes ||
        memcmp(code_at(&dbt->cache, block->span.copy), source->code, block->span.bytes) != 0)
        return false;
    return !second ||
           memcmp(code_at(&dbt->cache, second->copy), source->code + block->span.bytes, second->bytes) == 0;
}

struct t1_block *t1_block_of(struct dbt *dbt, const struct hart *hart, const struct block *source)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *block = t1_block_at(dbt, source->paddr, hart->tlb_fetch->kind);
    while (block &&
           !(block->span.paddr == source->paddr && t1_block_fits(block, hart) && is_of(dbt, block, source)))
        block = code_at(&dbt->cache, block->hash_next);
    return block;
}

void t1_block_insert(struct dbt *dbt, struct hart *hart, struct t1_block *block, const struct block *source)
{
    CHECK_HELD(&dbt->lock);
    struct code_span *second = code_at(&dbt->cache, block->second);
    if (!code_span_add(dbt, hart, &block->span, source->host) ||
        (second && !code_span_add(dbt, hart, second, source->host2))) {
        block->entry = NULL;
        return;
    }
    uint32_t *head = &dbt->blocks[dbt_hash(block->span.paddr, 1)];
    block->hash_next = *head;
    __atomic_store_n(head, code_ref(&dbt->cache, block),
                     __ATOMIC_RELEASE); /* dbt_find_block() takes no lock */
}

/* If other code stands for the block, its owner is notified that the block is gone. */
static void tell_region(struct dbt *dbt, struct t1_block *block)
{
    struct code_owner *region = code_at(&dbt->cache, block->region);
    if (region && dbt->owner_ops[region->kind]->gone)
        dbt->owner_ops[region->kind]->gone(dbt, region);
    block->region = 0;
}

static void t1_changed(struct dbt *dbt, struct code_owner *owner)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *block = (struct t1_block *)(void *)owner;
    if (!block->entry) /* the other of its two spans has changed before */
        return;
    tell_region(dbt, block);
    t1_links_undo(dbt, block);
    __atomic_store_n(&block->entry, NULL, __ATOMIC_RELEASE);
    uint32_t *link = &dbt->blocks[dbt_hash(block->span.paddr, 1)];
    while (*link && code_at(&dbt->cache, *link) != block)
        link = &((struct t1_block *)code_at(&dbt->cache, *link))->hash_next;
    __atomic_store_n(link, block->hash_next, __ATOMIC_RELEASE); /* dbt_find_block() takes no lock */
    dbt_entry_gone(dbt, block->span.paddr);
    struct t1_block *before = code_at(&dbt->cache, block->before);
    if (before)
        t1_changed(dbt, &before->owner);
}

void t1_block_detach(struct dbt *dbt, struct t1_block *block)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *before = code_at(&dbt->cache, block->before);
    if (!before || before->region)
        return;
    block->before = 0;
    t1_changed(dbt, &before->owner);
}

static void t1_evict(struct dbt *dbt, struct code_owner *owner)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *block = (struct t1_block *)(void *)owner;
    unsigned segment = code_segment_of(&dbt->cache, code_ref(&dbt->cache, block));
    tell_region(dbt, block);
    t1_links_undo(dbt, block);
    code_page_sweep(dbt, block->span.paddr, segment);
    if (block->second)
        code_page_sweep(dbt, ((struct code_span *)code_at(&dbt->cache, block->second))->paddr, segment);
    uint32_t *link = &dbt->blocks[dbt_hash(block->span.paddr, 1)];
    for (struct t1_block *other; (other = code_at(&dbt->cache, *link));) {
        if (code_in_segment(dbt, *link, segment))
            *link = other->hash_next;
        else
            link = &other->hash_next;
    }
}

const struct code_owner_ops t1_owner_ops = { .evict = t1_evict, .changed = t1_changed };
