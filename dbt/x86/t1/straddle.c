/* SPDX-License-Identifier: MIT
 *
 * Instructions of four bytes whose last two bytes lie on the next page: each is a block of its own, found by
 * the physical address of its first half. Its second half depends on where the address space maps the next
 * page. So its code asks the TLB for fetches first, and a second span watches the second half for changes.
 */
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/vex.h"

#include <string.h>

#define HALF 2 /* bytes */

bool t1_straddle_make(struct t1 *t)
{
    struct code_cache *cache = &t->dbt->cache;
    struct code_span *second = code_cache_data(cache, sizeof(*second));
    uint8_t *copy = code_cache_data(cache, HALF);
    if (!second || !copy)
        return false;
    memcpy(copy, t->source->code + HALF, HALF);
    *second = (struct code_span){ .paddr = t->source->paddr2,
                                  .owner = code_ref(cache, t->block),
                                  .copy = code_ref(cache, copy),
                                  .bytes = HALF };
    t->block->span.bytes = HALF;
    t->block->second = code_ref(cache, second);
    return true;
}

void t1_straddle_check(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_load(e, 64, X86_RAX, DBT_MEM(page));
    x86_op_imm(e, X86_ADD, XLEN, X86_RAX, PAGE_SIZE);
    uint8_t *other[2];
    t1_check_page(t, X86_RAX, t->source->paddr2, other);
    struct t1_cold *cold = t1_cold(t, T1_COLD_LEAVE, other[0]);
    cold->where = PAGE_SIZE - HALF;
    t1_cold_also(t, cold, other[1]);
}
