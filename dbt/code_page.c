/* SPDX-License-Identifier: MIT
 *
 * Which pages of guest memory translated code comes from, and whether they may have changed.
 *
 * A RISC-V hart need not see stores to code before its fence.i. So nothing is done when a page is written but
 * to note it, and that once: while a hart has a TLB entry that lets it store to the page, the page counts as
 * dirty. fence.i compares the blocks of dirty pages with memory and drops those that differ. A page is clean
 * again when no hart can store to it without coming here first: each one drops its entries for writing at its
 * next safe point.
 *
 * All functions are called with dbt->lock held.
 */
#include <string.h>

#include "dbt/dbt_state.h"

static struct code_page *page_find(struct dbt *dbt, uint64_t paddr)
{
    struct code_page *page = dbt->pages[dbt_hash(paddr, PAGE_SHIFT)];
    while (page && page->paddr != paddr)
        page = page->hash_next;
    return page;
}

static void make_dirty(struct dbt *dbt, struct code_page *page)
{
    if (page->dirty)
        return;
    page->dirty = true;
    page->dirty_next = dbt->dirty;
    dbt->dirty = page;
}

static uint64_t hart_bit(const struct hart *hart)
{
    return 1ull << (hart->id % DBT_HARTS_MAX);
}

static void ask_harts(struct dbt *dbt)
{
    for (unsigned i = 0; i < dbt->hart_count; i++)
        hart_request(dbt->harts[i], HART_REQUEST_ACCEL);
}

static struct code_page *page_make(struct dbt *dbt, uint64_t paddr)
{
    struct code_page *page = code_cache_data(&dbt->cache, sizeof(*page));
    if (!page)
        return NULL;
    struct code_page **head = &dbt->pages[dbt_hash(paddr, PAGE_SHIFT)];
    *page = (struct code_page){ .paddr = paddr, .hash_next = *head };
    *head = page;
    /* Any hart may have an entry for writing that was made before. */
    for (unsigned i = 0; i < dbt->hart_count; i++)
        page->writers |= hart_bit(dbt->harts[i]);
    make_dirty(dbt, page);
    ask_harts(dbt);
    return page;
}

void code_page_add(struct dbt *dbt, struct t1_block *block)
{
    uint64_t paddr = block->paddr & PAGE_MASK;
    struct code_page *page = page_find(dbt, paddr);
    if (!page)
        page = page_make(dbt, paddr);
    if (!page) {
        block->entry = NULL; /* no room to watch its page: it is not used */
        return;
    }
    /* A page that nobody can store to unseen is not looked at again: the block must be right now. */
    if (memcmp(block->copy, block->guest, block->bytes) != 0) {
        block->entry = NULL;
        return;
    }
    block->page_next = page->blocks;
    page->blocks = block;
}

void code_page_written(struct dbt *dbt, const struct hart *hart, uint64_t paddr)
{
    struct code_page *page = page_find(dbt, paddr);
    if (!page)
        return;
    page->writers |= hart_bit(hart);
    make_dirty(dbt, page);
}

void code_pages_mark(struct dbt *dbt, uint64_t paddr, uint64_t length)
{
    for (uint64_t at = paddr & PAGE_MASK; at < paddr + length; at += PAGE_SIZE) {
        struct code_page *page = page_find(dbt, at);
        if (page)
            make_dirty(dbt, page);
    }
}

static void page_verify(struct dbt *dbt, struct code_page *page)
{
    struct t1_block **link = &page->blocks;
    for (struct t1_block *block; (block = *link);) {
        dbt->counters.verified++;
        if (memcmp(block->copy, block->guest, block->bytes) == 0) {
            link = &block->page_next;
            continue;
        }
        *link = block->page_next;
        t1_block_invalidate(dbt, block);
    }
}

/* All blocks of the page go, whether its memory changed or not. */
void code_page_drop(struct dbt *dbt, uint64_t paddr)
{
    struct code_page *page = page_find(dbt, paddr);
    while (page && page->blocks) {
        struct t1_block *block = page->blocks;
        page->blocks = block->page_next;
        t1_block_invalidate(dbt, block);
    }
}

void code_pages_forget_writer(struct dbt *dbt, const struct hart *hart)
{
    for (struct code_page *page = dbt->dirty; page; page = page->dirty_next)
        page->writers &= ~hart_bit(hart);
}

void code_pages_verify(struct dbt *dbt, struct hart *hart)
{
    if (!dbt->dirty)
        return;
    /* First this hart's entries for writing, so that no store of it comes after the comparison unseen. */
    tlb_forget_writes(hart);
    code_pages_forget_writer(dbt, hart);
    bool others = false;
    struct code_page **link = &dbt->dirty;
    for (struct code_page *page; (page = *link);) {
        page_verify(dbt, page);
        if (page->writers) {
            others = true;
            link = &page->dirty_next;
        } else {
            page->dirty = false;
            *link = page->dirty_next;
        }
    }
    if (others)
        ask_harts(dbt);
}
