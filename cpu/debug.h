/* SPDX-License-Identifier: MIT
 *
 * What lets a debugger stop harts: breakpoints, watchpoints, single steps. The interpreter and the translator
 * do it without touching the guest's memory; debug.c opens with how.
 *
 * One struct debug serves all harts of a machine. Its lists change only while no hart is in hart_run(); harts
 * read them without a lock. A hart that stops leaves hart_run() by itself, with pc at the instruction that
 * comes next, and tells why in hart_debug_stop().
 */
#ifndef CPU_DEBUG_H
#define CPU_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/hart.h"
#include "util/error.h"

struct debug;

/* Stops before the instruction at `addr`, which is virtual (in every address space) or physical. */
struct debug_break {
    uint64_t addr;
    bool physical;
    const void *condition; /* for config.accept; the caller's */
};

enum { DEBUG_WATCH_READ = 1, DEBUG_WATCH_WRITE = 2, DEBUG_WATCH_PHYSICAL = 4 };
/* Stops before an instruction that will touch [addr, addr + length), virtual or (PHYSICAL) physical; one that
 * traps instead does not stop. Reads for translation and fetches do not count, nor do devices' transfers. */
struct debug_watch {
    uint64_t addr, length;
    unsigned kinds;
};

enum debug_reason { DEBUG_NONE, DEBUG_STEPPED, DEBUG_BREAK, DEBUG_WATCH };
struct debug_stop {
    enum debug_reason reason;
    uint64_t addr;  /* BREAK: the breakpoint's; WATCH: the first watched byte to be touched, virtual */
    unsigned kinds; /* WATCH: the watchpoint's, without PHYSICAL */
    bool physical;  /* whether its address is */
};

struct debug_config {
    /* On the hart's thread: whether a breakpoint that was reached shall stop it. NULL: all do. */
    bool (*accept)(void *opaque, struct hart *hart, const struct debug_break *reached);
    /* On the hart's thread: it has stopped, and is about to leave hart_run(). */
    void (*stopped)(void *opaque, struct hart *hart);
    void *opaque;
};

struct debug *debug_create(const struct debug_config *config, struct error *error);
/* No attached hart may run any more, nor a translator. */
void debug_destroy(struct debug *debug);
/* Once for each hart, before it first runs. */
void debug_attach(struct debug *debug, struct hart *hart);

/* Replace the lists (copied). False, with the old list in force, where the host is out of memory. A list of
 * the same addresses costs nothing; else all harts forget their translations. While no hart runs. */
bool debug_set_breaks(struct debug *debug, const struct debug_break *breaks, size_t count);
bool debug_set_watches(struct debug *debug, const struct debug_watch *watches, size_t count);

/* What a hart does when it runs next: run; execute one instruction; execute instructions while its pc stays
 * in [first, end); nothing at all. With `irq` an interrupt may be taken instead of the first or next
 * instruction: entering the handler then is the step. Without, interrupts stay pending until the hart runs.
 * While no hart runs. A stop that nobody was told of is forgotten: where the hart still stands in front of
 * what stopped it, it happens again. */
enum debug_action { DEBUG_RUN, DEBUG_STEP, DEBUG_RANGE, DEBUG_HOLD };
void hart_debug_resume(struct hart *hart, enum debug_action action, uint64_t first, uint64_t end, bool irq);
/* Why the hart stopped; DEBUG_NONE: it did not. Stays until hart_debug_resume(). While the hart does not
 * run. */
struct debug_stop hart_debug_stop(const struct hart *hart);
/* The user knows of the stop, which is over; the hart holds still. Where it resumes from the same place, a
 * physical breakpoint there, or the watchpoint that its instruction is about to touch, does not stop it
 * again. While no hart runs. */
void hart_debug_told(struct hart *hart);

/* ---- For the rest of cpu/ and for the translators (any hart's thread) ---------------------------------- */

struct insn;
struct block;

/* Whether an instruction that starts in [paddr, paddr + bytes) may have a breakpoint. Translated code must
 * not contain such an instruction: it is left to the interpreter. */
bool debug_marked(const struct hart *hart, uint64_t paddr, uint64_t bytes);
/* The hart is about to execute from the page of vaddr, found at paddr: notes where breakpoints lie
 * physically. */
void debug_fetch_page(struct hart *hart, uint64_t vaddr, uint64_t paddr);
/* Makes a decoded block stop in front of its first instruction if that is marked. */
void debug_guard_block(struct hart *hart, struct block *block);
/* The instruction at hart->pc, physically at paddr (UINT64_MAX: nowhere), cannot be fetched. True where the
 * hart stops in front of it instead of trapping: a breakpoint is there, which no mark can tell of. */
bool debug_stops_fetch(struct hart *hart, uint64_t paddr);
/* A decoded block does not agree with the marks any more. */
bool debug_block_stale(const struct hart *hart, const struct block *block);

/* Loads and stores to the page, found at paddr, must all come by the slow path. `access` is an enum
 * mmu_access. */
bool debug_page_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, unsigned access);
/* Whether a hart that may make this access, inside one page, stops in front of it. */
bool debug_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, uint64_t size, unsigned kinds);
/* Whether an access at vaddr, wherever it lies physically, may be watched at all: spares its translation. */
bool debug_may_watch(const struct hart *hart, uint64_t vaddr, uint64_t size, unsigned kinds);
/* It does: the instruction's handler returns as after a trap. */
void debug_watch_stop(struct hart *hart, const struct insn *insn, uint64_t vaddr, uint64_t paddr,
                      uint64_t size, unsigned kinds);

/* HART_REQUEST_DEBUG was seen. True: hart_run() returns. */
bool debug_serve(struct hart *hart);

#endif
