/* SPDX-License-Identifier: MIT
 *
 * Which pages of guest memory translated code comes from, and whether they may have changed; code_page.c
 * explains how. Call all functions except code_page_written() with dbt->lock held.
 */
#ifndef DBT_RUNTIME_CODE_PAGE_H
#define DBT_RUNTIME_CODE_PAGE_H

#include "dbt/runtime/state.h"

/* A page of guest memory that translated code comes from. */
struct code_page {
    uint64_t paddr;
    const uint8_t *host;
    uint32_t spans;   /* ref */
    uint64_t writers; /* harts that may store to it without notice */
    uint64_t swept;   /* by which eviction */
    bool dirty;       /* it is in the dirty list */
    struct code_page *hash_next, *dirty_next;
};

/* Watches a span, which was copied from `host`. Call it on the hart's thread, before the span's code is used.
 * False: out of memory, or the bytes have changed already. */
bool code_span_add(struct dbt *dbt, struct hart *hart, struct code_span *span, const uint8_t *host);
/* The hart may store to the page from now on without notice: if translated code comes from the page, it
 * becomes dirty, with the hart as a writer. On the hart's thread, without the lock. */
void code_page_written(struct dbt *dbt, const struct hart *hart, uint64_t paddr);
/* The hart's fence.i: drops the code of dirty pages that differs from memory. On the hart's thread. */
void code_pages_verify(struct dbt *dbt, struct hart *hart);
/* The hart drops its translations that allow stores to dirty pages. */
void code_pages_drop_writes(struct dbt *dbt, struct hart *hart);
/* Pages of [paddr, paddr + length) that translated code comes from become dirty: a device wrote there. */
void code_pages_mark(struct dbt *dbt, uint64_t paddr, uint64_t length);
/* Whether translated code may come from the page; without the lock. */
bool code_page_known(struct dbt *dbt, uint64_t paddr);
/* Drops the code that was made of the instruction at `paddr`, whether its memory changed or not. */
void code_page_drop_at(struct dbt *dbt, uint64_t paddr);
/* Drops all code of the page, whether its memory changed or not. */
void code_page_drop(struct dbt *dbt, uint64_t paddr);
/* A hart stored to code there: spans that differ from memory go, the watch is told of the others. */
void code_page_changed(struct dbt *dbt, uint64_t paddr);
/* Forgets the spans of a segment in the page; a page without spans is freed. */
void code_page_sweep(struct dbt *dbt, uint64_t paddr, unsigned segment);
/* The page if it has code, or NULL. */
const struct code_page *code_page_at(struct dbt *dbt, uint64_t paddr);
/* Frees all pages; their code is not notified, since the translator is being destroyed. */
void code_pages_destroy(struct dbt *dbt);

#endif
