/* SPDX-License-Identifier: MIT
 *
 * Translated blocks: what is kept of each, and the table of them by physical address. They lie in the code
 * cache's arena and refer to each other by refs.
 */
#ifndef DBT_RUNTIME_BLOCK_H
#define DBT_RUNTIME_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart_state.h"
#include "dbt/runtime/code_cache.h"

struct dbt;

/* A jump out of translated code to a block: it leads to `stub` until it is linked. Links lie in the code
 * cache's arena and are linked by refs; `site` (of the rel32) and `stub` are offsets in the code. */
struct t1_link {
    uint32_t site, stub;
    uint32_t to;         /* ref of the block it is linked to; 0: none */
    uint32_t next;       /* ref: of those that lead to `to` */
    uint32_t owner_next; /* ref: of those that leave the same code */
    uint16_t offset;     /* of the target in its page */
};

/* A run of guest bytes, inside one page, that translated code was made from: watched for changes. */
struct code_span {
    uint64_t paddr;
    uint32_t page_next; /* ref: of those in the same page */
    uint32_t owner;     /* ref */
    uint32_t copy;      /* ref: what the bytes were */
    uint16_t bytes;
};

/* A translated block. Lives until its segment is evicted; entry is NULL once its guest code has changed. */
struct t1_block {
    struct code_owner owner;
    uint32_t hash_next; /* ref */
    struct code_span span;
    const uint8_t *entry;     /* where it is entered */
    uint32_t incoming;        /* ref of the first link that leads here */
    uint16_t count;           /* guest instructions */
    uint16_t samples;         /* slices that ended here (optimiser.c) */
    const uint8_t *own_entry; /* its own code; `entry` may be that of a region that it heads */
    uint32_t region;          /* ref of that; 0: none */
    uint32_t second; /* ref of a struct code_span: the half, on the page behind, of an instruction that lies
                      * on two; 0: none. The code asks first whether that is the page still. */
};

/* All with dbt->lock held. The block that begins there, or NULL. */
struct t1_block *t1_block_at(struct dbt *dbt, uint64_t paddr);
/* The translation of what the interpreter has; NULL: there is none. Another hart may have translated what
 * this one no longer, or not yet, sees. */
struct t1_block *t1_block_of(struct dbt *dbt, const struct block *source);
/* Puts a block that was made from `source` into the table and watches its bytes, on the hart's thread;
 * block->entry is NULL afterwards where they have changed already. The newest translation of an address is
 * found first. */
void t1_block_insert(struct dbt *dbt, struct hart *hart, struct t1_block *block, const struct block *source);
extern const struct code_owner_ops t1_owner_ops;

#endif
