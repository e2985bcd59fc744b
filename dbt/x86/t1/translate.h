/* SPDX-License-Identifier: MIT
 *
 * The baseline translator, as the rest of dbt/ sees it.
 */
#ifndef DBT_X86_T1_TRANSLATE_H
#define DBT_X86_T1_TRANSLATE_H

#include "dbt/runtime/state.h"

/* Translates; the lock is held. The block is committed, but in no table yet. NULL: the block begins with an
 * instruction that the interpreter must do, or (*full) there is no room. */
struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *block, bool *full);

#endif
