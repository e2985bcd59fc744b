/* SPDX-License-Identifier: MIT
 *
 * Which pages of guest memory translated code comes from, and whether they may have changed.
 *
 * A RISC-V hart need not see stores to code before its fence.i. So a write to a page is only noted, and only
 * once: while a hart has a TLB entry that permits stores to the page, the page counts as dirty. fence.i
 * compares the spans of dirty pages with memory and drops the code of those that differ. A page is clean
 * again when no hart can store to it without coming here first: each hart drops its entries for writing to it
 * at its next safe point.
 *
 * Each miss of a TLB for writing asks whether the page is one of these, so a bit answers it without the lock.
 * A hart that reads 0 there and then makes its TLB entry is noted as a writer all the same: the thread that
 * sets the bit notes every other hart, and asks all of them to drop their entries, which they do after that.
 *
 * Call all functions except code_page_written() with dbt->lock held.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/code_watch.h"
#include "cpu/mmu/mem.h"
#include "dbt/runtime/code_page.h"
#include "util/check.h"

/* Pages with the same bit are in the same chain. */
static struct code_page **page_head(struct dbt *dbt, uint64_t paddr)
{
    return &dbt->pages[paddr >> PAGE_SHIFT & (DBT_HASH_SIZE - 1)];
}

static struct code_page *page_find(struct dbt *dbt, uint64_t paddr)
{
    struct code_page *page = *page_head(dbt, paddr);
    while (page && page->paddr != paddr)
        page = page->hash_next;
    return page;
}

const struct code_page *code_page_at(struct dbt *dbt, uint64_t paddr)
{
    CHECK_HELD(&dbt->lock);
    return page_find(dbt, paddr);
}

static _Atomic uint64_t *page_word(struct dbt *dbt, uint64_t paddr)
{
    return &dbt->page_bits[(paddr >> PAGE_SHIFT & (DBT_PAGE_BITS - 1)) / 64];
}

static uint64_t page_bit(uint64_t paddr)
{
    return 1ull << (paddr >> PAGE_SHIFT & 63);
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

static void ask_writers(struct dbt *dbt, uint64_t writers)
{
    for (unsigned i = 0; i < dbt->hart_count; i++)
        if (writers & hart_bit(dbt->harts[i]))
            hart_request(dbt->harts[i], HART_REQUEST_ACCEL);
}

static struct code_page *page_make(struct dbt *dbt, struct hart *hart, uint64_t paddr, const uint8_t *host)
{
    struct code_page *page = calloc(1, sizeof(*page));
    if (!page)
        return NULL;
    struct code_page **head = page_head(dbt, paddr);
    *page = (struct code_page){ .paddr = paddr, .host = host, .hash_next = *head };
    *head = page;
    atomic_fetch_or(page_word(dbt, paddr), page_bit(paddr));
    tlb_forget_writes_to(hart, host);
    /* Any other hart may have made an entry for writing before. */
    for (unsigned i = 0; i < dbt->hart_count; i++)
        if (dbt->harts[i] != hart)
            page->writers |= hart_bit(dbt->harts[i]);
    if (page->writers) {
        make_dirty(dbt, page);
        ask_writers(dbt, page->writers);
    }
    return page;
}

static void page_free(struct dbt *dbt, struct code_page *page)
{
    struct code_page **link = page_head(dbt, page->paddr);
    bool shared = false; /* another page has the same bit */
    while (*link != page)
        link = &(*link)->hash_next;
    *link = page->hash_next;
    for (struct code_page *other = *page_head(dbt, page->paddr); other; other = other->hash_next)
        shared |= page_word(dbt, other->paddr) == page_word(dbt, page->paddr) &&
                  page_bit(other->paddr) == page_bit(page->paddr);
    if (!shared)
        atomic_fetch_and(page_word(dbt, page->paddr), ~page_bit(page->paddr));
    for (link = &dbt->dirty; page->dirty; link = &(*link)->dirty_next) {
        if (*link == page) {
            *link = page->dirty_next;
            break;
        }
    }
    free(page);
}

bool code_span_add(struct dbt *dbt, struct hart *hart, struct code_span *span, const uint8_t *host)
{
    CHECK_HELD(&dbt->lock);
    uint64_t paddr = span->paddr & PAGE_MASK;
    struct code_page *page = page_find(dbt, paddr);
    if (!page)
        page = page_make(dbt, hart, paddr, host - (span->paddr & (PAGE_SIZE - 1)));
    if (!page)
        return false;
    code_watch_keep(dbt->harts[0]->watch, hart, span->paddr, span->bytes, host);
    /* A page that nobody can store to unnoticed is not checked again: the span must be right now. */
    if (!mem_host_equal(code_at(&dbt->cache, span->copy), host, span->bytes)) {
        if (!page->spans)
            page_free(dbt, page);
        return false;
    }
    span->page_next = page->spans;
    page->spans = code_ref(&dbt->cache, span);
    return true;
}

bool code_page_known(struct dbt *dbt, uint64_t paddr)
{
    return atomic_load_explicit(page_word(dbt, paddr), memory_order_acquire) & page_bit(paddr);
}

void code_page_written(struct dbt *dbt, const struct hart *hart, uint64_t paddr)
{
    if (!code_page_known(dbt, paddr))
        return;
    pthread_mutex_lock(&dbt->lock);
    struct code_page *page = page_find(dbt, paddr);
    if (page) {
        page->writers |= hart_bit(hart);
        make_dirty(dbt, page);
    }
    pthread_mutex_unlock(&dbt->lock);
}

void code_pages_mark(struct dbt *dbt, uint64_t paddr, uint64_t length)
{
    CHECK_HELD(&dbt->lock);
    for (uint64_t at = paddr & PAGE_MASK; at < paddr + length; at += PAGE_SIZE) {
        struct code_page *page = page_find(dbt, at);
        if (page)
            make_dirty(dbt, page);
    }
}

/* ---- fence.i ------------------------------------------------------------------------------------------- */

static void page_verify(struct dbt *dbt, struct code_page *page)
{
    uint32_t *link = &page->spans;
    for (struct code_span *span; (span = code_at(&dbt->cache, *link));) {
        dbt->counters.verified++;
        const uint8_t *host = page->host + (span->paddr & (PAGE_SIZE - 1));
        if (mem_host_equal(code_at(&dbt->cache, span->copy), host, span->bytes)) {
            link = &span->page_next;
            continue;
        }
        *link = span->page_next;
        struct code_owner *owner = code_at(&dbt->cache, span->owner);
        dbt->owner_ops[owner->kind]->changed(dbt, owner);
        dbt->counters.invalidated++;
        code_watch_changed(dbt->harts[0]->watch, page->paddr);
    }
}

void code_page_changed(struct dbt *dbt, uint64_t paddr)
{
    struct code_page *page = page_find(dbt, paddr);
    if (!page)
        return;
    page_verify(dbt, page);
    if (!page->spans) {
        page_free(dbt, page);
        return;
    }
    struct code_span *span = code_at(&dbt->cache, page->spans);
    for (; span; span = code_at(&dbt->cache, span->page_next))
        code_watch_keep(dbt->harts[0]->watch, NULL, span->paddr, span->bytes,
                        page->host + (span->paddr & (PAGE_SIZE - 1)));
}

void code_page_drop(struct dbt *dbt, uint64_t paddr)
{
    CHECK_HELD(&dbt->lock);
    struct code_page *page = page_find(dbt, paddr);
    if (!page)
        return;
    for (struct code_span *span; (span = code_at(&dbt->cache, page->spans));) {
        page->spans = span->page_next;
        struct code_owner *owner = code_at(&dbt->cache, span->owner);
        dbt->owner_ops[owner->kind]->changed(dbt, owner);
        dbt->counters.invalidated++;
    }
    page_free(dbt, page);
}

void code_page_drop_at(struct dbt *dbt, uint64_t paddr)
{
    CHECK_HELD(&dbt->lock);
    struct code_page *page = page_find(dbt, paddr & PAGE_MASK);
    uint32_t *link = page ? &page->spans : NULL;
    for (struct code_span *span; page && (span = code_at(&dbt->cache, *link));) {
        if (paddr < span->paddr || paddr - span->paddr >= span->bytes) {
            link = &span->page_next;
            continue;
        }
        *link = span->page_next;
        struct code_owner *owner = code_at(&dbt->cache, span->owner);
        dbt->owner_ops[owner->kind]->changed(dbt, owner);
    }
    if (page && !page->spans)
        page_free(dbt, page);
}

/* Beyond so many pages, it is cheaper to drop all entries for writing. */
#define DROP_ONE_BY_ONE 8

void code_pages_drop_writes(struct dbt *dbt, struct hart *hart)
{
    CHECK_HELD(&dbt->lock);
    unsigned count = 0;
    for (struct code_page *page = dbt->dirty; page; page = page->dirty_next)
        count += (page->writers & hart_bit(hart)) != 0;
    if (count > DROP_ONE_BY_ONE)
        tlb_forget_writes(hart);
    for (struct code_page *page = dbt->dirty; page && count; page = page->dirty_next) {
        if (!(page->writers & hart_bit(hart)))
            continue;
        page->writers &= ~hart_bit(hart);
        if (count <= DROP_ONE_BY_ONE)
            tlb_forget_writes_to(hart, page->host);
        else
            tlb_forget_window_writes_to(hart, page->host);
    }
}

void code_pages_verify(struct dbt *dbt, struct hart *hart)
{
    CHECK_HELD(&dbt->lock);
    if (!dbt->dirty)
        return;
    /* First this hart drops its entries for writing, so that it makes no unnoticed store after the
     * comparison. */
    code_pages_drop_writes(dbt, hart);
    uint64_t others = 0;
    struct code_page **link = &dbt->dirty;
    for (struct code_page *page; (page = *link);) {
        page_verify(dbt, page);
        if (!page->spans) {
            page_free(dbt, page); /* removes it from this list */
        } else if (page->writers) {
            others |= page->writers;
            link = &page->dirty_next;
        } else {
            page->dirty = false;
            *link = page->dirty_next;
        }
    }
    ask_writers(dbt, others);
}

/* ---- Leaving ------------------------------------------------------------------------------------------- */

void code_page_sweep(struct dbt *dbt, uint64_t paddr, unsigned segment)
{
    CHECK_HELD(&dbt->lock);
    struct code_page *page = page_find(dbt, paddr & PAGE_MASK);
    if (!page || page->swept == dbt->counters.evictions)
        return;
    page->swept = dbt->counters.evictions;
    uint32_t *link = &page->spans;
    for (struct code_span *span; (span = code_at(&dbt->cache, *link));) {
        if (code_in_segment(dbt, *link, segment))
            *link = span->page_next;
        else
            link = &span->page_next;
    }
    if (!page->spans)
        page_free(dbt, page);
}

void code_pages_destroy(struct dbt *dbt)
{
    for (unsigned bit = 0; bit < DBT_PAGE_BITS; bit++) { /* most are 0, and their chains are not searched */
        if (bit % 64 == 0 && !dbt->page_bits[bit / 64]) {
            bit += 63;
            continue;
        }
        while (dbt->page_bits[bit / 64] >> bit % 64 & 1 && dbt->pages[bit & (DBT_HASH_SIZE - 1)]) {
            struct code_page *page = dbt->pages[bit & (DBT_HASH_SIZE - 1)];
            dbt->pages[bit & (DBT_HASH_SIZE - 1)] = page->hash_next;
            free(page);
        }
    }
}
