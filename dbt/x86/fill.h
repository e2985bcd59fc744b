/* SPDX-License-Identifier: MIT
 *
 * How a region looks a page up; see fill.c.
 */
#ifndef DBT_X86_FILL_H
#define DBT_X86_FILL_H

#include "dbt/runtime/state.h"
#include "dbt/x86/emit.h"

/* The word that describes an access to the look-up of its page (fill.c). */
enum {
    FILL_SPAN_BITS = 10, /* bytes that this check covers; then those of the slot's widest check */
    FILL_WRITE = 1 << 20,
    FILL_STORES = 1 << 21, /* the access itself stores: it may set D */
    FILL_PAGE = 1 << 22,   /* the slot remembers the page */
    FILL_SLOT_SHIFT = 24,  /* slot + 1 */
};

/* The same for an access to a window: its size, whether it stores, and the instruction's offset in its
 * page. */
enum { FILL_WINDOW_SIZE = 15, FILL_WINDOW_STORES = 16, FILL_WINDOW_OFFSET_SHIFT = 5 };

/* Writes its part of the thunks. dbt->fill (rdx: address, ecx: the word above) returns the addend in rdx, or
 * with the zero flag set. dbt->window_fill is called likewise, and returns with the zero flag set if the
 * window does not have the page. */
void fill_build(struct dbt *dbt, struct x86_emit *e);

#endif
