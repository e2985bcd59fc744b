/* SPDX-License-Identifier: MIT
 *
 * The interface between a hart and a translator. The interpreter counts how often a block runs; from a
 * threshold on it offers the block to the translator before it runs it. The hart knows nothing else about
 * translated code.
 *
 * All functions are called on the hart's own thread, between blocks.
 */
#ifndef CPU_ACCEL_H
#define CPU_ACCEL_H

#include "cpu/code_watch.h"
#include "cpu/hart_state.h"

/* Translated code ends less than this many instructions after its budget: it looks at the budget at each
 * jump backward or to another page, and a page has 2,048 instructions at most. */
#define ACCEL_OVERRUN 2112

struct hart_accel {
    const struct hart_accel_ops *ops;
};

struct hart_accel_ops {
    /* Runs the hot block at hart->pc, and the code that follows it, in translated code. Returns with exact pc
     * and instret, which is not more than hart->limit; this one is more than ACCEL_OVERRUN away at first.
     * False: nothing was run; the interpreter must run the block. */
    bool (*run)(struct hart *hart, struct block *block);
    /* Runs the code at hart->pc that is translated already, and the code that follows it. False: nothing was
     * run. */
    bool (*resume)(struct hart *hart);
    /* The hart is about to store to the page, or to cache a translation that permits stores to it. */
    void (*page_written)(struct hart *hart, uint64_t paddr);
    /* fence.i, or a device wrote to decoded code: from now on the hart must see the present contents of
     * memory. */
    void (*fence_i)(struct hart *hart);
    /* The hart has stored to code of the page at `paddr`: translations that no longer match memory are
     * dropped, and code_watch_keep() is called for the rest. */
    void (*page_changed)(struct hart *hart, uint64_t paddr);
    /* Forgets all code translated from the page at `paddr`, for all harts, because debug_marked() has another
     * answer now. May also be called while no hart runs. */
    void (*drop_page)(struct hart *hart, uint64_t paddr);
    /* HART_REQUEST_ACCEL was seen. */
    void (*safe_point)(struct hart *hart);
};

/* From now on the hart fetches the present contents of memory: for fence.i, and for what has the same effect.
 * Between blocks. */
static inline void hart_fence_i(struct hart *hart)
{
    code_watch_fenced(hart);
    hart->epoch++;
    if (hart->accel)
        hart->accel->ops->fence_i(hart);
}

/* Connects a translator; call it before the hart first runs. The caller keeps ownership. A block is offered
 * to it when the block is about to run for the hot-th time (1: at once). */
void hart_set_accel(struct hart *hart, struct hart_accel *accel, unsigned hot);
/* Forgets where translated code for guest addresses is: all address spaces of the hart. */
void tlb_forget_native(struct hart *hart);
/* The same for code at that offset of any page. */
void tlb_forget_native_at(struct hart *hart, unsigned offset);
/* Drops every translation that allows stores, so that the next one calls page_written(); of windows, those
 * to pages that are watched now. */
void tlb_forget_writes(struct hart *hart);
/* Only those to the page at `host`. */
void tlb_forget_writes_to(struct hart *hart, const uint8_t *host);
/* Only those of windows. */
void tlb_forget_window_writes_to(struct hart *hart, const uint8_t *host);

#endif
