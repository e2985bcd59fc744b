/* SPDX-License-Identifier: MIT
 *
 * The baseline translator, as the rest of dbt/ sees it.
 */
#ifndef DBT_X86_T1_TRANSLATE_H
#define DBT_X86_T1_TRANSLATE_H

#include "dbt/runtime/state.h"

/* Translates a block; the lock is held. The result is committed, but in no table yet. NULL: the block cannot
 * be translated, for example since the interpreter must run its first instruction; or (*full) there is no
 * room. */
struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *block, bool *full);

#endif
