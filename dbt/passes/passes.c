/* SPDX-License-Identifier: MIT
 *
 * Runs the passes; see passes.h.
 */
#include "dbt/passes/passes.h"

#include <string.h>

#include "util/check.h"

enum { REQUIRED = 1 };

static const struct {
    const char *name;
    bool (*run)(struct ir *ir);
    unsigned flags;
} rows[PASS_COUNT] = {
#define PASS(name, flags, text) { #name, pass_##name, flags },
#include "dbt/passes/passes.def"
#undef PASS
};

const char *pass_name(enum pass pass)
{
    return rows[pass].name;
}

/* ---- Names --------------------------------------------------------------------------------------------- */

static bool error_unknown(struct error *error, const char *flag, const char *name, size_t length)
{
    char known[256] = "";
    for (unsigned i = 0; i < PASS_COUNT; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", rows[i].name);
    }
    return error_set(error, "%s: there is no pass \"%.*s\"; there are: %s", flag, (int)length, name, known);
}

static bool is_named(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && strncmp(known, name, length) == 0;
}

bool passes_leave_out(struct passes *passes, const char *names, struct error *error)
{
    for (const char *name = names; *name;) {
        size_t length = strcspn(name, ",");
        bool found = false;
        for (unsigned i = 0; i < PASS_COUNT; i++) {
            if (!is_named(rows[i].name, name, length))
                continue;
            if (rows[i].flags & REQUIRED)
                return error_set(error, "-dbt-without-pass: no code can be made without the pass %s",
                                 rows[i].name);
            found = passes->without[i] = true;
        }
        if (!found)
            return error_unknown(error, "-dbt-without-pass", name, length);
        name += length + (name[length] == ',');
    }
    return true;
}

bool passes_trace(struct passes *passes, const char *names, struct error *error)
{
    for (const char *name = names; *name;) {
        size_t length = strcspn(name, ",");
        bool found = false;
        for (unsigned i = 0; i < PASS_COUNT; i++)
            if (is_named(rows[i].name, name, length) || is_named("all", name, length))
                found = passes->traced[i] = true;
        if (!found)
            return error_unknown(error, "-d ir=", name, length);
        name += length + (name[length] == ',');
    }
    return true;
}

bool passes_any_traced(const struct passes *passes)
{
    bool any = false;
    for (unsigned i = 0; i < PASS_COUNT; i++)
        any |= passes->traced[i];
    return any;
}

/* ---- Running ------------------------------------------------------------------------------------------- */

static void show(const struct ir *ir, const char *when, enum pass pass, FILE *trace)
{
    fprintf(trace, "%s pass %s:\n", when, rows[pass].name);
    t2_print(ir, trace);
}

static void check_whole(const struct ir *ir)
{
    unsigned where;
    CHECK(ir->full || !t2_verify(ir, &where));
}

bool passes_run(struct passes *passes, struct ir *ir, FILE *trace)
{
    for (unsigned i = 0; i < PASS_COUNT && !ir->full; i++) {
        if (passes->without[i])
            continue;
        CHECK_INVARIANT(check_whole(ir));
        bool shown = trace && passes->traced[i];
        if (shown)
            show(ir, "before", i, trace);
        bool changed = rows[i].run(ir);
        atomic_fetch_add_explicit(&passes->runs[i], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&passes->changes[i], changed, memory_order_relaxed);
        if (shown)
            show(ir, changed ? "after" : "unchanged by", i, trace);
        CHECK_INVARIANT(check_whole(ir));
    }
    return !ir->full;
}
