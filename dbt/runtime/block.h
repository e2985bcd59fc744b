/* SPDX-License-Identifier: MIT
 *
 * Translated blocks: the data of each, and the table that finds them by physical address. They lie in the
 * code cache's arena and refer to each other by refs.
 */
#ifndef DBT_RUNTIME_BLOCK_H
#define DBT_RUNTIME_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart_state.h"
#include "cpu/vector_state.h"
#include "dbt/runtime/code_cache.h"

struct dbt;

/* A jump out of translated code to a block: it leads to `stub` until it is linked. Links lie in the code
 * cache's arena and refer to each other by refs; `site` (of the rel32) and `stub` are offsets in the code. */
struct t1_link {
    uint32_t site, stub;
    uint32_t to;         /* ref of the block it is linked to; 0: none */
    uint32_t next;       /* ref of the next link that leads to `to` */
    uint32_t owner_next; /* ref of the next link of the same code */
    uint16_t offset;     /* of the target in its page */
};

/* A run of guest bytes, inside one page, from which translated code was made: it is watched for changes. */
struct code_span {
    uint64_t paddr;
    uint32_t page_next; /* ref of the next span in the same page */
    uint32_t owner;     /* ref of the code's owner */
    uint32_t copy;      /* ref of a copy of the bytes as they were */
    uint16_t bytes;
};

/* A translated block. It lives until its segment is evicted; entry is NULL once its guest code has
 * changed. */
struct t1_block {
    struct code_owner owner;
    uint32_t hash_next; /* ref of the next block in the same place of the table */
    struct code_span span;
    const uint8_t *entry;     /* where it is entered */
    uint32_t incoming;        /* ref of the first link that leads here */
    uint16_t count;           /* guest instructions */
    uint8_t kind;             /* TLB_KIND_* of the harts that run it */
    uint16_t samples;         /* slices that ended here (optimiser.c) */
    const uint8_t *own_entry; /* the block's own code; `entry` may be that of a region whose header it is */
    uint32_t region;          /* ref of that region; 0: none */
    /* The ref of a struct code_span for the second half of an instruction that lies on two pages; 0: none.
     * The code first checks that the next page is still the one with that half. */
    uint32_t second;
    /* The vtype for which the code was made, as t1_vtype_of() returns it; the code checks it first.
     * T1_ANY_VTYPE_WORD: the code serves all. */
    uint32_t vtype;
    uint8_t vxrm;   /* the same for vxrm; T1_ANY_VXRM: the code serves all */
    uint8_t length; /* the same for vl: enum t1_length */
    /* The ref of the block whose code this one's follows: that runs on into this one without a jump, and is
     * gone with it. 0: none. */
    uint32_t before;
};

/* What vl is. Code for T1_PART serves any vl, but that for T1_WHOLE is faster if vl is VLMAX. */
enum t1_length { T1_ANY_LENGTH, T1_WHOLE, T1_PART };

/* t1_vtype_of() returns vtype, and what is derived from it, in one word. It may choose which code of a block
 * the hart runs. */
#define T1_ANY_VTYPE_WORD UINT32_MAX
#define T1_ANY_VXRM       UINT8_MAX
static inline uint32_t t1_vtype_of(const struct hart *hart)
{
    const struct hart_vector *v = &hart->vector;
    return v->vtype | (uint32_t)v->sew << 8 | (uint32_t)(uint8_t)v->lmul << 16 | (uint32_t)v->vill << 24;
}
/* vtype must be legal. */
static inline enum t1_length t1_length_of(const struct hart *hart)
{
    const struct hart_vector *v = &hart->vector;
    return v->vl == vector_elements(v->vlenb, v->sew, v->lmul) ? T1_WHOLE : T1_PART;
}
/* Whether the hart, in its present state, may run the block. */
static inline bool t1_block_fits(const struct t1_block *block, const struct hart *hart)
{
    return block->kind == hart->tlb_fetch->kind &&
           (block->vtype == T1_ANY_VTYPE_WORD || block->vtype == t1_vtype_of(hart)) &&
           (block->vxrm == T1_ANY_VXRM || block->vxrm == hart->vector.vxrm) &&
           (block->length == T1_ANY_LENGTH || block->length == (uint8_t)t1_length_of(hart));
}

/* Call all of these functions with dbt->lock held. t1_block_at() returns the block of that kind (TLB_KIND_*)
 * that begins there, or NULL. */
struct t1_block *t1_block_at(struct dbt *dbt, uint64_t paddr, unsigned kind);
/* Returns the translation, for the hart, of the interpreter's block; NULL: there is none. Another hart may
 * have translated code that this hart no longer sees, or does not see yet. */
struct t1_block *t1_block_of(struct dbt *dbt, const struct hart *hart, const struct block *source);
/* Puts a block that was made from `source` into the table and watches its bytes, on the hart's thread;
 * block->entry is NULL afterwards if they have changed already. The newest translation of an address is found
 * first. */
void t1_block_insert(struct dbt *dbt, struct hart *hart, struct t1_block *block, const struct block *source);
/* The block before this one must be translated again, with a jump at its end, unless a region runs in its
 * place: this one has got another entry. */
void t1_block_detach(struct dbt *dbt, struct t1_block *block);
extern const struct code_owner_ops t1_owner_ops;

#endif
