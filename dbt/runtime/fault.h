/* SPDX-License-Identifier: MIT
 *
 * Faults of translated code. An access to a window (cpu/mmu/window.h) that lacks the page, or the right to
 * store to it, raises SIGSEGV, and the handler makes the thread continue at the access's cold code. The
 * handler does nothing else, and reads nothing but the table beside the code (code_cache.h), so it takes no
 * lock. A fault of any other instruction goes to the handler that was there before, as if this one did not
 * exist.
 */
#ifndef DBT_RUNTIME_FAULT_H
#define DBT_RUNTIME_FAULT_H

#include <stdbool.h>

#include "dbt/runtime/code_cache.h"

/* From now on the cache's faults are served. False: there are too many caches, or the handler cannot be
 * installed. The cache must not move until fault_forget(). Any thread. */
bool fault_serve(const struct code_cache *cache);
/* Ends that. No thread may run the cache's code any more. */
void fault_forget(const struct code_cache *cache);

#endif
