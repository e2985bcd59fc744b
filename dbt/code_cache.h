/* SPDX-License-Identifier: MIT
 *
 * Memory for translated code: mapped twice, once to write and once to run (never both in one mapping), and an
 * arena for the data that belongs to it. Both are filled in order and emptied as a whole.
 */
#ifndef DBT_CODE_CACHE_H
#define DBT_CODE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CODE_CACHE_SIZE (32u << 20)
#define CODE_DATA_SIZE  (48u << 20)

struct code_cache {
    uint8_t *write; /* the code, writable */
    ptrdiff_t run;  /* executable address - writable address */
    size_t used, kept;
    uint8_t *data;
    size_t data_used;
};

bool code_cache_init(struct code_cache *cache, struct error *error);
void code_cache_destroy(struct code_cache *cache);
/* What is in the cache now stays when it is emptied. */
void code_cache_keep(struct code_cache *cache);
void code_cache_empty(struct code_cache *cache);
/* Zeroed memory that lives until the cache is emptied, aligned to 8; NULL: full. */
void *code_cache_data(struct code_cache *cache, size_t size);

#endif
