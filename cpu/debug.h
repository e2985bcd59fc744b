/* SPDX-License-Identifier: MIT
 *
 * Lets a debugger stop harts: breakpoints, watchpoints, single steps. The interpreter and the translator do
 * it without changing the guest's memory; the comment at the top of debug.c explains how.
 *
 * One struct debug serves all harts of a machine. Its lists change only while no hart is in hart_run(); harts
 * read them without a lock. A hart that stops leaves hart_run() by itself, with pc at the next instruction;
 * hart_debug_stop() gives the reason.
 */
#ifndef CPU_DEBUG_H
#define CPU_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/hart.h"
#include "util/error.h"

struct debug;

/* Stops a hart before the instruction at `addr`, which is virtual (in every address space) or physical. */
struct debug_break {
    uint64_t addr;
    bool physical;
    const void *condition; /* for config.accept; it belongs to the caller */
};

enum { DEBUG_WATCH_READ = 1, DEBUG_WATCH_WRITE = 2, DEBUG_WATCH_PHYSICAL = 4 };
/* Stops a hart before an instruction that will access [addr, addr + length), virtual or (PHYSICAL) physical;
 * an instruction that traps instead does not stop it. Reads for address translation and fetches do not count,
 * and neither do devices' transfers. */
struct debug_watch {
    uint64_t addr, length;
    unsigned kinds;
};

enum debug_reason { DEBUG_NONE, DEBUG_STEPPED, DEBUG_BREAK, DEBUG_WATCH };
struct debug_stop {
    enum debug_reason reason;
    /* BREAK: the breakpoint's address; WATCH: the first watched byte that will be accessed, virtual. */
    uint64_t addr;
    unsigned kinds; /* WATCH: those of the watchpoint, without PHYSICAL */
    bool physical;  /* whether its address is physical */
};

struct debug_config {
    /* Called on the hart's thread: whether a breakpoint that was reached stops it. NULL: all do. */
    bool (*accept)(void *opaque, struct hart *hart, const struct debug_break *reached);
    /* Called on the hart's thread: it has stopped, and is about to leave hart_run(). */
    void (*stopped)(void *opaque, struct hart *hart);
    void *opaque;
};

struct debug *debug_create(const struct debug_config *config, struct error *error);
/* After this no attached hart and no translator may run. */
void debug_destroy(struct debug *debug);
/* Call it once for each hart, before it first runs. */
void debug_attach(struct debug *debug, struct hart *hart);

/* Replace the lists (copied). False, with the old list in force, if the host is out of memory. A list with
 * the same addresses costs nothing; otherwise all harts forget their translations. Only while no hart
 * runs. */
bool debug_set_breaks(struct debug *debug, const struct debug_break *breaks, size_t count);
bool debug_set_watches(struct debug *debug, const struct debug_watch *watches, size_t count);

/* What a hart does when it runs next: run; execute one instruction; execute instructions while its pc stays
 * in [first, end); nothing at all. With `irq` it may take an interrupt instead of the first or next
 * instruction: then entering the handler is the step. Without it, interrupts stay pending until the hart runs
 * freely. Only while no hart runs. A stop that was not reported to the user is forgotten: if the hart is
 * still before the place that stopped it, it stops there again. */
enum debug_action { DEBUG_RUN, DEBUG_STEP, DEBUG_RANGE, DEBUG_HOLD };
void hart_debug_resume(struct hart *hart, enum debug_action action, uint64_t first, uint64_t end, bool irq);
/* Why the hart stopped; DEBUG_NONE: it did not. The answer stays until hart_debug_resume(). Only while the
 * hart does not run. */
struct debug_stop hart_debug_stop(const struct hart *hart);
/* The hart runs on from where it has stopped, past the breakpoint or the access there. */
void hart_debug_pass(struct hart *hart);
/* The stop was reported to the user and is over; the hart stands still. If it resumes from the same place, a
 * physical breakpoint there, or the watchpoint that its instruction is about to hit, does not stop it again.
 * Only while no hart runs. */
void hart_debug_told(struct hart *hart);

/* ---- For the rest of cpu/ and for the translators (any hart's thread) ---------------------------------- */

struct insn;
struct block;

/* Whether an instruction that starts in [paddr, paddr + bytes) may have a breakpoint. Translated code must
 * not contain such an instruction: the interpreter executes it. */
bool debug_marked(const struct hart *hart, uint64_t paddr, uint64_t bytes);
/* The hart is about to execute from the page of vaddr, which is at paddr: marks the physical addresses of its
 * breakpoints. */
void debug_fetch_page(struct hart *hart, uint64_t vaddr, uint64_t paddr);
/* Makes a decoded block stop before its first instruction if that is marked. */
void debug_guard_block(struct hart *hart, struct block *block);
/* The hart is about to execute the first instruction of a block by itself. True: it stops before it. */
bool debug_stops_block(struct hart *hart, const struct block *block);
/* The instruction at hart->pc, physically at paddr (UINT64_MAX: nowhere), cannot be fetched. True if the hart
 * stops before it instead of trapping: it has a breakpoint, for which no mark can be set. */
bool debug_stops_fetch(struct hart *hart, uint64_t paddr);
/* A decoded block does not agree with the marks any more. */
bool debug_block_stale(const struct hart *hart, const struct block *block);

/* Loads and stores to the page, which is at paddr, must all take the slow path. `access` is an enum
 * mmu_access. */
bool debug_page_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, unsigned access);
/* Whether a hart that may make this access, inside one page, stops before it. */
bool debug_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, uint64_t size, unsigned kinds);
/* Whether an access at vaddr, wherever it lies physically, may be watched at all: if not, it need not be
 * translated. */
bool debug_may_watch(const struct hart *hart, uint64_t vaddr, uint64_t size, unsigned kinds);
/* The access is watched: the instruction's handler must return as after a trap. */
void debug_watch_stop(struct hart *hart, const struct insn *insn, uint64_t vaddr, uint64_t paddr,
                      uint64_t size, unsigned kinds);

/* HART_REQUEST_DEBUG was seen. True: hart_run() returns. */
bool debug_serve(struct hart *hart);

#endif
