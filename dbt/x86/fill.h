/* SPDX-License-Identifier: MIT
 *
 * Looking a page up for a region; see fill.c.
 */
#ifndef DBT_X86_FILL_H
#define DBT_X86_FILL_H

#include "dbt/runtime/state.h"
#include "dbt/x86/emit.h"

/* What the look-up of a page is told: see fill.c. */
enum {
    FILL_SPAN_BITS = 10, /* bytes of this check; then of the slot's widest */
    FILL_WRITE = 1 << 20,
    FILL_STORES = 1 << 21, /* the access itself stores: it may set D */
    FILL_PAGE = 1 << 22,   /* the slot learns the page */
    FILL_SLOT_SHIFT = 24,  /* slot + 1 */
};

/* Its part of the thunks: dbt->fill (rdx: address, ecx: the above). The addend in rdx, or the zero flag. */
void fill_build(struct dbt *dbt, struct x86_emit *e);

#endif
