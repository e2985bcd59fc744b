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

/* Makes a translator with an empty code cache of CODE_CACHE_DEFAULT bytes. NULL, with *error filled, on
 * failure. */
struct dbt *dbt_create(struct error *error);
/* The same, with room for `size` bytes of code and its data: CODE_CACHE_MIN to CODE_CACHE_MAX. */
struct dbt *dbt_create_sized(size_t size, struct error *error);
/* Adds the optimiser (T2), which makes regions of code that runs often, on a thread of its own. `eager` (for
 * tests): it makes a region of every block, at once, on the hart's thread. Call it before the harts run.
 * False, with *error filled: the host lacks x86-64-v3, or memory or a thread could not be had. */
bool dbt_optimise(struct dbt *dbt, bool eager, struct error *error);
/* Ends the optimiser's thread. Call it before the harts are destroyed. */
void dbt_stop(struct dbt *dbt);
/* The harts must have been destroyed before. */
void dbt_destroy(struct dbt *dbt);
/* Whether this translator can serve such harts: it serves harts with C. */
bool dbt_supports(const struct isa_config *isa);
/* Lets the hart use translated code. `hot`: a block is translated when it is about to run for the hot-th
 * time. Call it before the hart first runs. False, with *error filled, if this translator cannot serve the
 * hart: it serves harts with C, all of one width, at most DBT_HARTS_MAX of them. */
bool dbt_attach(struct dbt *dbt, struct hart *hart, unsigned hot, struct error *error);
/* The value of `hot` for dbt_attach(), unless the user chooses another. */
#define DBT_HOT_DEFAULT 4
/* Leaves the named instructions (of isa.def, separated by commas; or "all") to their interpreter handlers, so
 * that a fault can be found by bisection. Call it before the harts run. False, with *error filled, if a name
 * is unknown. */
bool dbt_without(struct dbt *dbt, const char *names, struct error *error);
/* The same for the optimiser's passes (dbt/passes/passes.def): leaves them out. Call it after dbt_optimise()
 * and before the harts run. False, with *error filled, if a name is unknown, a pass is required, or there is
 * no optimiser. */
bool dbt_without_passes(struct dbt *dbt, const char *names, struct error *error);
/* Shows the listener regions before and after these passes ("all": each pass), as pieces of the kind "passes"
 * without host code. Call it as dbt_without_passes(). False, with *error filled, if a name is unknown or
 * there is no optimiser. */
bool dbt_trace_passes(struct dbt *dbt, const char *names, struct error *error);
/* Makes translated code compare each access to guest memory with what the MMU says, and end the program if
 * they differ (dbt/x86/check.c). For tests: it is several times slower. Call it before the harts run. */
void dbt_check_accesses(struct dbt *dbt);
/* Gives address spaces windows (cpu/mmu/window.h): each when it has earned one, or at once if `eager`
 * (tests). The harts must have been created for windows (hart_config.windows). If the host refuses,
 * dbt_print_counters() prints why. Call it before the harts run. */
void dbt_use_windows(struct dbt *dbt, bool eager);
/* A piece of translated code, as the listener is told of it. */
struct dbt_code {
    const char *kind; /* "t1", "t2", "passes" (dbt_trace_passes()) */
    const char *ir;   /* T2: the region's operations as lines of text; NULL: none */
    uint64_t vaddr;   /* of its first guest instruction, as the hart that translated it sees it */
    uint64_t paddr;
    const uint8_t *guest; /* the guest code it was made from */
    size_t guest_size;
    const uint8_t *host; /* the host code, at the address where it runs, which is readable */
    size_t host_size;
    const uint8_t *cold; /* host code that rarely runs, if it lies apart; NULL: it does not */
    size_t cold_size;
    /* For each guest instruction, the offset in `host` where its code begins, and then the offset of the end;
     * NULL: the code of the instructions is mixed. */
    const uint32_t *starts;
    unsigned count; /* guest instructions */
    const struct isa_config *isa;
};
/* Calls `listen` after each piece of code has been translated, on any hart's thread or the optimiser's, one
 * call at a time. It must not call the translator. Call dbt_listen() before the harts run. */
typedef void dbt_listen_fn(void *opaque, const struct dbt_code *code);
void dbt_listen(struct dbt *dbt, dbt_listen_fn *listen, void *opaque);
/* Forgets all translated code. Call it with all harts stopped (system reset, snapshot). */
void dbt_reset(struct dbt *dbt);
/* A device wrote to [paddr, paddr + length), which may hold code. Any thread. Afterwards the caller must send
 * HART_REQUEST_FENCE_I to the harts. */
void dbt_memory_written(struct dbt *dbt, uint64_t paddr, uint64_t length);
/* How many blocks were translated since the translator was made. */
uint64_t dbt_translated(struct dbt *dbt);
/* The same for regions. */
uint64_t dbt_regions(struct dbt *dbt);
/* Prints one counter on each line. */
void dbt_print_counters(struct dbt *dbt, FILE *out);

#endif
