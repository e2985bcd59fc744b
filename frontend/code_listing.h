/* SPDX-License-Identifier: MIT
 *
 * What is shown of translated code: -d out_asm (guest and host code side by side, in the log) and -perfmap
 * (names for Linux perf). The translator calls it for each piece of code, one call at a time.
 */
#ifndef FRONTEND_CODE_LISTING_H
#define FRONTEND_CODE_LISTING_H

#include <stdbool.h>

#include "dbt/dbt.h"
#include "util/error.h"

struct code_listing;

/* perf_map: writes /tmp/perf-PID.map, where perf looks for it. NULL, with *error filled. */
struct code_listing *code_listing_create(bool perf_map, struct error *error);
/* After the translator is gone. NULL does nothing. */
void code_listing_destroy(struct code_listing *listing);
/* A dbt_listen_fn. */
void code_listing_take(void *listing, const struct dbt_code *code);

#endif
