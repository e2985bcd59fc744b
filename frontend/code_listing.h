/* SPDX-License-Identifier: MIT
 *
 * The listings of translated code: -d out_asm (guest and host code side by side, in the log) and -perfmap
 * (names for Linux perf). The translator calls it for each piece of code, one call at a time. It is a module
 * (display/view_module.h), since the library capstone would cost every start 10 ms and 2 MB.
 */
#ifndef FRONTEND_CODE_LISTING_H
#define FRONTEND_CODE_LISTING_H

#include <stdbool.h>

#include "dbt/dbt.h"
#include "util/error.h"

struct code_listing;

/* What the module rvive-listing exports. */
struct code_listing_ops {
    /* perf_map: writes /tmp/perf-PID.map, where perf searches for it. NULL, with *error filled. */
    struct code_listing *(*create)(bool perf_map, struct error *error);
    /* Call it when the translator is gone. */
    void (*destroy)(struct code_listing *listing);
    /* A dbt_listen_fn. */
    void (*take)(void *listing, const struct dbt_code *code);
};
#define CODE_LISTING_MODULE "rvive-listing"
#define CODE_LISTING_SYMBOL "rvive_listing_ops"
extern const struct code_listing_ops rvive_listing_ops;

#endif
