/* SPDX-License-Identifier: MIT
 *
 * The passes over a region: what they are, which are left out, which are shown, what they did. A region is
 * valid before and after each of them (ir/verify.c); builds with checks verify that.
 */
#ifndef DBT_PASSES_PASSES_H
#define DBT_PASSES_PASSES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dbt/ir/ir.h"
#include "util/error.h"

enum pass {
#define PASS(name, flags, text) PASS_##name,
#include "dbt/passes/passes.def"
#undef PASS
    PASS_COUNT
};

#define PASS(name, flags, text) bool pass_##name(struct ir *ir);
#include "dbt/passes/passes.def"
#undef PASS

struct passes {
    bool without[PASS_COUNT]; /* left out; set before the first region is made */
    bool traced[PASS_COUNT];  /* shown before and after */
    /* Counted by any thread that makes regions, read by any thread. */
    _Atomic uint64_t runs[PASS_COUNT], changes[PASS_COUNT];
};

const char *pass_name(enum pass pass);
/* Leaves out the named passes, which are separated by commas. False, with *error filled, if a name is unknown
 * or a pass is required. */
bool passes_leave_out(struct passes *passes, const char *names, struct error *error);
/* Shows the named passes, or "all". False, with *error filled, if a name is unknown. */
bool passes_trace(struct passes *passes, const char *names, struct error *error);
/* Whether any is shown. */
bool passes_any_traced(const struct passes *passes);
/* Runs them on a region that ir/lift.c has made. `trace`: where to show the passes that are to be shown;
 * NULL: nowhere. False: a limit was hit (ir->full). */
bool passes_run(struct passes *passes, struct ir *ir, FILE *trace);

#endif
