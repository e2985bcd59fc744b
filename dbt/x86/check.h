/* SPDX-License-Identifier: MIT
 *
 * Comparing each access of translated code with the MMU, where the user asked for it; see check.c.
 */
#ifndef DBT_X86_CHECK_H
#define DBT_X86_CHECK_H

#include "dbt/x86/regmap.h"

/* For accesses without a look-up of their own as for those with one: where the user asked for it, code that
 * compares `host`, where `size` bytes at the guest's address `vaddr` are accessed, with what the MMU says,
 * and ends the program where they differ. Both are operands that lea takes; rcx is lost. `offset`: of the
 * guest's instruction in its page. */
void check_emit(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                unsigned size, bool write, unsigned offset);
/* Its part of the thunks. */
void check_build(struct dbt *dbt, struct x86_emit *e);

#endif
