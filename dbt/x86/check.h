/* SPDX-License-Identifier: MIT
 *
 * Compares each access of translated code with the MMU, if the user asked for it; see check.c.
 */
#ifndef DBT_X86_CHECK_H
#define DBT_X86_CHECK_H

#include "dbt/x86/regmap.h"

/* If the user asked for it, writes code that compares `host`, where `size` bytes at the guest's address
 * `vaddr` are about to be accessed, with what the MMU says, and ends the program if they differ. It is called
 * for accesses with a look-up of their own and for those without. Both addresses are operands that lea takes;
 * rcx is lost. `offset`: of the guest's instruction in its page. */
void check_emit(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                unsigned size, bool write, unsigned offset);
/* The same for vl elements of `bytes` bytes, one behind the other; vl is at least one. */
void check_emit_elements(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                         unsigned bytes, bool write, unsigned offset);
/* The same for an access to a window: it compares the page that the window has there; if there is none, the
 * access is going to fault. */
void check_emit_window(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                       unsigned size, bool write, unsigned offset);
/* Writes its part of the thunks. */
void check_build(struct dbt *dbt, struct x86_emit *e);

#endif
