/* SPDX-License-Identifier: MIT
 *
 * The baseline translator, as the rest of dbt/ sees it.
 */
#ifndef DBT_X86_T1_TRANSLATE_H
#define DBT_X86_T1_TRANSLATE_H

#include "dbt/runtime/state.h"

/* Translates a block, and those into which it runs on, and puts them into the table (t1_block_insert()), on
 * the hart's thread; the lock is held. block->entry is NULL if the guest's code has changed already. NULL:
 * the block cannot be translated, for example since the interpreter must run its first instruction; or
 * (*full) there is no room. */
struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *block, bool *full);

#endif
