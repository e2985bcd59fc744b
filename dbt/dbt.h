/* SPDX-License-Identifier: MIT
 *
 * The translator as the board sees it: one for all harts of a machine.
 */
#ifndef DBT_DBT_H
#define DBT_DBT_H

#include <stdint.h>
#include <stdio.h>

#include "cpu/hart.h"
#include "util/error.h"

struct dbt;

/* Makes an empty code cache. NULL, with *error filled. */
struct dbt *dbt_create(struct error *error);
/* The same, with a cache of `size` bytes for code and what belongs to it: CODE_CACHE_MIN to
 * CODE_CACHE_MAX. */
struct dbt *dbt_create_sized(size_t size, struct error *error);
/* Adds the optimiser (T2), which makes regions of what runs long, on a thread of its own; `eager`: of every
 * block, at once, on the hart's thread (for tests). Before the harts run. False, with *error filled, on hosts
 * without x86-64-v3. */
bool dbt_optimise(struct dbt *dbt, bool eager, struct error *error);
/* Ends the optimiser's thread; before the harts are destroyed. */
void dbt_stop(struct dbt *dbt);
/* The harts must have been destroyed. */
void dbt_destroy(struct dbt *dbt);
/* Whether this translator can serve such harts: those with C. */
bool dbt_supports(const struct isa_config *isa);
/* Lets the hart use translated code; before it first runs. False, with *error filled, where this translator
 * cannot serve it (it is for harts with C, all of one width). */
bool dbt_attach(struct dbt *dbt, struct hart *hart, unsigned hot, struct error *error);
/* How often a block runs in the interpreter before it is translated (`hot`), unless the user says else. */
#define DBT_HOT_DEFAULT 4
/* Leaves the named instructions (of isa.def, with commas between; "all") to their interpreter handlers, to
 * find a fault by halving. False, with *error filled, at a name that is none. Before the harts run. */
bool dbt_without(struct dbt *dbt, const char *names, struct error *error);
/* The same of the optimiser's passes (dbt/passes/passes.def): leaves them out. Behind dbt_optimise(), before
 * the harts run. False, with *error filled, at a name that is none, a pass that is required, and where there
 * is no optimiser. */
bool dbt_without_passes(struct dbt *dbt, const char *names, struct error *error);
/* Has the listener be shown regions before and after these passes ("all": each), in pieces of the kind
 * "passes" without host code. As above. */
bool dbt_trace_passes(struct dbt *dbt, const char *names, struct error *error);
/* Has translated code compare each access to guest memory with what the MMU says, and end the program where
 * they differ (check.c); for tests, several times slower. Before the harts run. */
void dbt_check_accesses(struct dbt *dbt);
/* A piece of translated code, for who lists it or names it. */
struct dbt_code {
    const char *kind; /* "t1", "t2", "passes" (dbt_trace_passes()) */
    const char *ir;   /* of T2: the region's operations, in lines; NULL: none */
    uint64_t vaddr;   /* of its first guest instruction, as the hart that translated it sees it */
    uint64_t paddr;
    const uint8_t *guest; /* the guest's code */
    size_t guest_size;
    const uint8_t *host; /* readable, and where it runs */
    size_t host_size;
    const uint8_t *cold; /* what is rarely run, elsewhere; NULL: it stands with the other */
    size_t cold_size;
    const uint32_t *starts; /* for each guest instruction, where its code begins in the host's, and the end;
                             * NULL: they are mixed */
    unsigned count;
    const struct isa_config *isa;
};
/* Has `listen` told of each piece of code when it has been translated, on any hart's thread, one call at a
 * time. Before the harts run. It must not call the translator. */
typedef void dbt_listen_fn(void *opaque, const struct dbt_code *code);
void dbt_listen(struct dbt *dbt, dbt_listen_fn *listen, void *opaque);
/* Forgets everything; with all harts stopped (system reset, snapshot). */
void dbt_reset(struct dbt *dbt);
/* A device wrote to [paddr, paddr + length), where decoded code may be. Any thread; the harts are to be asked
 * for a HART_REQUEST_FENCE_I afterwards. */
void dbt_memory_written(struct dbt *dbt, uint64_t paddr, uint64_t length);
/* Blocks translated since it was made. */
uint64_t dbt_translated(struct dbt *dbt);
/* The same of regions. */
uint64_t dbt_regions(struct dbt *dbt);
/* Counters, one a line. */
void dbt_print_counters(struct dbt *dbt, FILE *out);

#endif
