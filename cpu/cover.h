/* SPDX-License-Identifier: MIT
 *
 * Which guest instructions were executed, for -coverage. Every block passes the decoder before it first runs,
 * so the work is done only there; code that runs is not slowed down. One case remains: a block that was
 * decoded and did not run to its end; cover.c explains how that is noticed.
 *
 * It relies on two properties of a translator: it translates only instructions that are in the interpreter's
 * block, and not before that block's second run (hart_set_accel(), hot >= 2).
 */
#ifndef CPU_COVER_H
#define CPU_COVER_H

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct block;

/* Consecutive instructions that a hart executed. */
struct cover_run {
    uint64_t vaddr;         /* of the first */
    uint64_t paddr, paddr2; /* where the first is, and the page of the second half of one that straddles
                             * (UINT64_MAX: it does not) */
    bool user;              /* in U-mode */
    const uint8_t *code;    /* the bytes of all of them */
    const uint8_t *lengths; /* of each instruction: 2 or 4 */
    unsigned count;
};

/* Receives what was executed: on the hart's thread, or on that of the caller of hart_cover_finish(). The same
 * instructions may be reported many times. */
struct cover_sink {
    void (*ran)(struct cover_sink *sink, const struct cover_run *run);
};

/* Call it before the hart first runs. The sink must outlive the hart's last run. False: out of memory. */
bool hart_cover(struct hart *hart, struct cover_sink *sink);
/* Reports what has run until now. Only while no hart runs. */
void hart_cover_finish(struct hart *hart);
/* Has all code decoded again, so that it is reported again. Translations, which all harts share, are
 * forgotten page by page: for as long as `page` returns physical pages that code ran from (NULL: none). Only
 * while no hart runs. */
void hart_cover_again(struct hart *hart, bool (*page)(void *opaque, uint64_t *paddr), void *opaque);

/* ---- For the rest of cpu/; hart->cover is set ------------------------------------------------------ */

/* The block, found at vaddr, has just been decoded, and is about to run. */
void cover_block(struct hart *hart, const struct block *block, uint64_t vaddr);
/* The running block ends before its end, and instret is exact. `attempted`: the next instruction was begun,
 * but trapped. */
void cover_cut(struct hart *hart, bool attempted);
/* Frees it. */
void cover_destroy(struct hart *hart);

#endif
