/* SPDX-License-Identifier: MIT
 *
 * Finding translated code by the guest's pc, from within translated code.
 */
#ifndef DBT_RUNTIME_FIND_H
#define DBT_RUNTIME_FIND_H

#include "dbt/runtime/state.h"

/* Translated code for a guest pc that the hart's TLB for fetches knows; NULL: there is none, or the hart has
 * a request to serve. On the hart's thread, with `running` held. */
struct t1_block *dbt_find_block(struct hart *hart, uint64_t pc);
/* The same, but returns its entry, and adds it to the table of the address space. */
const uint8_t *dbt_find(struct hart *hart, uint64_t pc);
/* If the table knows code for the pc, its entry is `entry` from now on. On the hart's thread. */
void dbt_correct(struct hart *hart, uint64_t pc, const uint8_t *entry);
/* The block at physical address `paddr` has another entry now, or none, and jump tables may know the old one:
 * each hart removes that when it next enters translated code. With dbt->lock held. */
void dbt_entry_gone(struct dbt *dbt, uint64_t paddr);
/* The same for all blocks. */
void dbt_entries_gone(struct dbt *dbt);
/* Removes from the hart's jump tables what is gone since generation `since`. On the hart's thread, with
 * dbt->lock held. */
void dbt_forget_gone(struct dbt *dbt, struct hart *hart, uint64_t since);
/* Like dbt_find(), but for the target of a link in the present page; the link then leads to it. */
const uint8_t *dbt_find_linked(struct hart *hart, uint64_t number);

#endif
