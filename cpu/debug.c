/* SPDX-License-Identifier: MIT
 *
 * Stopping harts for a debugger; see debug.h.
 *
 * Breakpoints have virtual addresses, but decoded blocks and translated code are found by physical ones and
 * shared by all address spaces. So when a hart is about to execute from a virtual page that has breakpoints,
 * their physical addresses are marked. (This happens at a miss of its TLB for fetches: a change of the list
 * empties the TLBs.) A decoded block ends before a marked instruction; a block that begins with one starts
 * with a check of the virtual pc, and is never translated. Translated code of the page is dropped when a mark
 * is set. All other code runs as fast as before. If the fetch itself traps (no translation, no permission, a
 * device) nothing is decoded: then breakpoints are checked before that trap. Marks whose page is used for
 * something else later only cost a check; they go with the next change of the list.
 *
 * Watched pages are kept out of the TLB for loads and stores, so that each access takes the slow path. An
 * instruction that is about to access a watched byte, and may do so, is undone as for a trap, and the hart
 * stops before it: gdb expects this of RISC-V, steps over the instruction and shows the new bytes.
 *
 * hook_lock makes marking a page and dropping its translated code one step: a hart that finds a page marked
 * may rely on it. It is taken before the translator's lock; `lock`, which guards the marks, is taken after
 * it.
 */
#include "cpu/debug.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/accel.h"
#include "cpu/block.h"
#include "cpu/exec/exec.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"
#include "util/log.h"

struct debug {
    struct debug_config config;
    struct hart *harts; /* linked by debug.next */
    struct debug_break *breaks;
    size_t break_count, virtual_count; /* sorted: the virtual ones first, by address */
    struct debug_watch *watches;
    size_t watch_count;

    pthread_mutex_t hook_lock, lock;
    uint64_t *marks; /* sorted physical addresses */
    size_t mark_count, mark_room;
    uint64_t generation; /* raised with each mark */
};

#define NO_PC UINT64_MAX /* no instruction is at an odd address */

/* ---- Making -------------------------------------------------------------------------------------------- */

struct debug *debug_create(const struct debug_config *config, struct error *error)
{
    struct debug *debug = calloc(1, sizeof(*debug));
    if (!debug) {
        error_set(error, "out of memory for the debugger");
        return NULL;
    }
    debug->config = *config;
    pthread_mutex_init(&debug->hook_lock, NULL);
    pthread_mutex_init(&debug->lock, NULL);
    return debug;
}

void debug_destroy(struct debug *debug)
{
    if (!debug)
        return;
    pthread_mutex_destroy(&debug->hook_lock);
    pthread_mutex_destroy(&debug->lock);
    free(debug->breaks);
    free(debug->watches);
    free(debug->marks);
    free(debug);
}

void debug_attach(struct debug *debug, struct hart *hart)
{
    hart->debug.shared = debug;
    hart->debug.skip = hart->debug.pass = hart->debug.told_pc = NO_PC;
    hart->debug.next = debug->harts;
    debug->harts = hart;
}

/* ---- Marks --------------------------------------------------------------------------------------------- */

/* The index of the first mark that is not below paddr. */
static size_t mark_index(const struct debug *debug, uint64_t paddr)
{
    size_t low = 0, high = debug->mark_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (debug->marks[middle] < paddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool debug_marked(const struct hart *hart, uint64_t paddr, uint64_t bytes)
{
    if (LIKELY(!atomic_load_explicit(&hart->debug.breaks, memory_order_relaxed)))
        return false;
    struct debug *debug = hart->debug.shared;
    pthread_mutex_lock(&debug->lock);
    size_t i = mark_index(debug, paddr);
    bool marked = i < debug->mark_count && debug->marks[i] - paddr < bytes;
    pthread_mutex_unlock(&debug->lock);
    return marked;
}

/* True if it is new. */
static bool mark_add(struct debug *debug, uint64_t paddr)
{
    bool added = false;
    pthread_mutex_lock(&debug->lock);
    size_t i = mark_index(debug, paddr);
    if (i == debug->mark_count || debug->marks[i] != paddr) {
        if (debug->mark_count == debug->mark_room) {
            size_t room = debug->mark_room ? 2 * debug->mark_room : 64;
            uint64_t *grown = realloc(debug->marks, room * sizeof(*grown));
            if (!grown) {
                log_warn("out of memory: the breakpoint at physical address 0x%" PRIx64 " does not work",
                         paddr);
                pthread_mutex_unlock(&debug->lock);
                return false;
            }
            debug->marks = grown;
            debug->mark_room = room;
        }
        memmove(debug->marks + i + 1, debug->marks + i, (debug->mark_count - i) * sizeof(*debug->marks));
        debug->marks[i] = paddr;
        debug->mark_count++;
        debug->generation++;
        added = true;
    }
    pthread_mutex_unlock(&debug->lock);
    return added;
}

static void drop_translations(struct hart *hart, uint64_t paddr)
{
    if (hart && hart->accel)
        hart->accel->ops->drop_page(hart, paddr & PAGE_MASK);
}

/* The index of the first virtual breakpoint that is not below vaddr. */
static size_t break_index(const struct debug *debug, uint64_t vaddr)
{
    size_t low = 0, high = debug->virtual_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (debug->breaks[middle].addr < vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void debug_fetch_page(struct hart *hart, uint64_t vaddr, uint64_t paddr)
{
    struct debug *debug = hart->debug.shared;
    uint64_t page = vaddr & PAGE_MASK;
    size_t i = break_index(debug, page);
    if (i == debug->virtual_count || debug->breaks[i].addr - page >= PAGE_SIZE)
        return;
    pthread_mutex_lock(&debug->hook_lock);
    bool added = false;
    for (; i < debug->virtual_count && debug->breaks[i].addr - page < PAGE_SIZE; i++)
        added |= mark_add(debug, (paddr & PAGE_MASK) | (debug->breaks[i].addr - page));
    if (added)
        drop_translations(hart, paddr);
    /* The hart's own decoded blocks are compared with the marks before they run again. */
    if (hart->debug.marks_seen != debug->generation) {
        hart->debug.marks_seen = debug->generation;
        hart->epoch++;
    }
    pthread_mutex_unlock(&debug->hook_lock);
}

bool debug_block_stale(const struct hart *hart, const struct block *block)
{
    if (!hart->debug.shared)
        return false;
    return debug_marked(hart, block->paddr, 1) != (block->guarded != NULL) ||
           debug_marked(hart, block->paddr + 1, block->bytes - 1);
}

/* ---- Breakpoints --------------------------------------------------------------------------------------- */

static void count(struct hart *hart, uint64_t instructions)
{
    atomic_store_explicit(&hart->instret,
                          atomic_load_explicit(&hart->instret, memory_order_relaxed) + instructions,
                          memory_order_relaxed);
}

/* Undoes an instruction of the running block, as a trap would, and asks for debug_serve(). */
static void undo(struct hart *hart, const struct insn *insn)
{
    trap_leave_before(hart, insn);
    hart_request_self(hart, HART_REQUEST_DEBUG);
}

static bool accepted(struct hart *hart, const struct debug_break *reached)
{
    const struct debug_config *config = &hart->debug.shared->config;
    if (config->accept && !config->accept(config->opaque, hart, reached))
        return false;
    hart->debug.stop = (struct debug_stop){ DEBUG_BREAK, reached->addr, 0, reached->physical };
    return true;
}

/* Whether the hart must stop before the instruction at its pc; paddr is NO_PAGE if it is not known. */
static __attribute__((noinline)) bool reached(struct hart *hart, uint64_t paddr)
{
    const struct debug *debug = hart->debug.shared;
    uint64_t pc = hart->pc, skip = hart->debug.skip, pass = hart->debug.pass;
    hart->debug.skip = hart->debug.pass = NO_PC;
    if (pass == pc)
        return false;
    for (size_t i = break_index(debug, pc); i < debug->virtual_count && debug->breaks[i].addr == pc; i++)
        if (accepted(hart, &debug->breaks[i]))
            return true;
    for (size_t i = debug->virtual_count; i < debug->break_count && skip != pc; i++)
        if (debug->breaks[i].addr == paddr && accepted(hart, &debug->breaks[i]))
            return true;
    return false;
}

/* Replaces the handler of a block's first instruction. */
static void check_break(struct hart *hart, const struct insn *insn)
{
    uint64_t instructions = hart->block->count;
    count(hart, -instructions); /* because conditions may read the counters */
    bool stops = reached(hart, hart->block->paddr);
    count(hart, instructions);
    if (UNLIKELY(stops)) {
        undo(hart, insn);
        return;
    }
    TAIL_CALL hart->block->guarded(hart, insn);
}

void debug_guard_block(struct hart *hart, struct block *block)
{
    if (LIKELY(!debug_marked(hart, block->paddr, 1)))
        return;
    block->guarded = block->insns[0].exec;
    block->insns[0].exec = check_break;
}

bool debug_stops_block(struct hart *hart, const struct block *block)
{
    if (LIKELY(!block->guarded) || !reached(hart, block->paddr))
        return false;
    hart->exit_link = NULL;
    hart_request_self(hart, HART_REQUEST_DEBUG);
    return true;
}

bool debug_stops_fetch(struct hart *hart, uint64_t paddr)
{
    const struct hart_debug *state = &hart->debug;
    /* The step goes into the trap. */
    bool steps = hart->stepping || state->passing || state->action != DEBUG_RUN;
    if (steps || !reached(hart, paddr))
        return false;
    hart->exit_link = NULL;
    hart_request_self(hart, HART_REQUEST_DEBUG);
    return true;
}

static int compare_breaks(const void *a, const void *b)
{
    const struct debug_break *left = a, *right = b;
    if (left->physical != right->physical)
        return left->physical ? 1 : -1;
    return left->addr < right->addr ? -1 : left->addr > right->addr;
}

static bool same_places(const struct debug *debug, const struct debug_break *breaks, size_t count)
{
    if (count != debug->break_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (compare_breaks(&breaks[i], &debug->breaks[i]) != 0)
            return false;
    return true;
}

/* All marks are set again when harts come to the pages; the code that they decoded is checked again. */
static void apply_breaks(struct debug *debug)
{
    for (size_t i = 0; i < debug->mark_count;
         i++) /* code that was left to the interpreter may be translated again */
        if (i == 0 || (debug->marks[i] ^ debug->marks[i - 1]) & PAGE_MASK)
            drop_translations(debug->harts, debug->marks[i]);
    pthread_mutex_lock(&debug->lock); /* a translator may be reading them */
    debug->mark_count = 0;
    debug->generation++;
    pthread_mutex_unlock(&debug->lock);
    for (size_t i = debug->virtual_count; i < debug->break_count; i++) {
        mark_add(debug, debug->breaks[i].addr);
        drop_translations(debug->harts, debug->breaks[i].addr);
    }
    for (struct hart *hart = debug->harts; hart; hart = hart->debug.next) {
        atomic_store(&hart->debug.breaks, debug->break_count > 0);
        hart->debug.marks_seen = debug->generation;
        hart->epoch++;
        tlb_flush_all(hart);
        if (!debug->break_count)
            block_cache_reset(hart); /* blocks that were split for breakpoints become whole again */
    }
}

bool debug_set_breaks(struct debug *debug, const struct debug_break *breaks, size_t count)
{
    struct debug_break *copy = malloc((count + 1) * sizeof(*copy));
    if (!copy)
        return false;
    for (size_t i = 0; i < count; i++)
        copy[i] = breaks[i];
    qsort(copy, count, sizeof(*copy), compare_breaks);
    bool same = same_places(debug, copy, count);
    free(debug->breaks);
    debug->breaks = copy;
    debug->break_count = count;
    for (debug->virtual_count = 0; debug->virtual_count < count; debug->virtual_count++)
        if (copy[debug->virtual_count].physical)
            break;
    if (!same)
        apply_breaks(debug);
    return true;
}

/* ---- Watchpoints --------------------------------------------------------------------------------------- */

static bool overlaps(const struct debug_watch *watch, uint64_t addr, uint64_t size)
{
    return addr - watch->addr < watch->length || watch->addr - addr < size;
}

static const struct debug_watch *find_watch(const struct hart *hart, uint64_t vaddr, uint64_t paddr,
                                            uint64_t size, unsigned kinds)
{
    const struct debug *debug = hart->debug.shared;
    for (size_t i = 0; i < debug->watch_count; i++) {
        const struct debug_watch *watch = &debug->watches[i];
        if (watch->kinds & kinds &&
            overlaps(watch, watch->kinds & DEBUG_WATCH_PHYSICAL ? paddr : vaddr, size))
            return watch;
    }
    return NULL;
}

/* Atomic instructions read through the table for stores, so a watchpoint for reads keeps pages out of both
 * tables. */
bool debug_page_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, unsigned access)
{
    unsigned kinds = access == MMU_READ ? DEBUG_WATCH_READ : DEBUG_WATCH_READ | DEBUG_WATCH_WRITE;
    return access != MMU_FETCH && find_watch(hart, vaddr & PAGE_MASK, paddr & PAGE_MASK, PAGE_SIZE, kinds);
}

static bool passes(const struct hart *hart)
{
    return hart->debug.passing || hart->stepping;
}

bool debug_watched(const struct hart *hart, uint64_t vaddr, uint64_t paddr, uint64_t size, unsigned kinds)
{
    return !passes(hart) && find_watch(hart, vaddr, paddr, size, kinds);
}

bool debug_may_watch(const struct hart *hart, uint64_t vaddr, uint64_t size, unsigned kinds)
{
    const struct debug *debug = hart->debug.shared;
    for (size_t i = 0; i < debug->watch_count && !passes(hart); i++) {
        const struct debug_watch *watch = &debug->watches[i];
        if (watch->kinds & kinds && (watch->kinds & DEBUG_WATCH_PHYSICAL || overlaps(watch, vaddr, size)))
            return true;
    }
    return false;
}

void debug_watch_stop(struct hart *hart, const struct insn *insn, uint64_t vaddr, uint64_t paddr,
                      uint64_t size, unsigned kinds)
{
    const struct debug_watch *watch = find_watch(hart, vaddr, paddr, size, kinds);
    bool physical = watch->kinds & DEBUG_WATCH_PHYSICAL;
    uint64_t behind = watch->addr - (physical ? paddr : vaddr);
    undo(hart, insn);
    hart->debug.stop = (struct debug_stop){ .reason = DEBUG_WATCH,
                                            .addr = vaddr + (behind < size ? behind : 0),
                                            .kinds = watch->kinds & ~(unsigned)DEBUG_WATCH_PHYSICAL,
                                            .physical = physical };
}

bool debug_set_watches(struct debug *debug, const struct debug_watch *watches, size_t count)
{
    if (count == debug->watch_count &&
        (!count || memcmp(watches, debug->watches, count * sizeof(*watches)) == 0))
        return true;
    struct debug_watch *copy = calloc(count + 1, sizeof(*copy));
    if (!copy)
        return false;
    for (size_t i = 0; i < count; i++)
        copy[i] = watches[i];
    free(debug->watches);
    debug->watches = copy;
    debug->watch_count = count;
    for (struct hart *hart = debug->harts; hart; hart = hart->debug.next) {
        hart->debug.watches = count > 0;
        tlb_flush_all(hart);
    }
    return true;
}

/* ---- Steps --------------------------------------------------------------------------------------------- */

/* Executes one instruction, or with `irq` enters an interrupt's handler. */
static void step_one(struct hart *hart, bool irq)
{
    struct block *block = irq && trap_take_interrupt(hart) ? NULL : block_find_single(hart);
    if (block) {
        hart->block = block;
        count(hart, block->count);
        block->insns[0].exec(hart, block->insns);
    }
    hart->debug.passing = false;
    hart->exit_link = NULL;
    hart_request_self(hart, HART_REQUEST_IRQ); /* interrupts that were not taken */
}

static void no_request(struct hart *hart)
{
    atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_DEBUG);
}

static bool stop(struct hart *hart)
{
    const struct debug_config *config = &hart->debug.shared->config;
    no_request(hart);
    if (config->stopped)
        config->stopped(config->opaque, hart);
    hart->debug.action = DEBUG_HOLD;
    hart_request_self(hart, HART_REQUEST_DEBUG); /* it stays at its place until it is resumed */
    return true;
}

/* Ends a step: the hart stops, unless it steps through a range and is still inside. */
static bool stepped(struct hart *hart)
{
    struct hart_debug *state = &hart->debug;
    if (state->stop.reason == DEBUG_NONE && state->action == DEBUG_RANGE &&
        hart->pc - state->first < state->end - state->first && !reached(hart, NO_PAGE))
        return false;
    if (state->stop.reason == DEBUG_NONE)
        state->stop.reason = DEBUG_STEPPED;
    return stop(hart);
}

bool debug_serve(struct hart *hart)
{
    struct hart_debug *state = &hart->debug;
    if (state->action == DEBUG_HOLD)
        return true;
    if (state->stop.reason != DEBUG_NONE)
        return stop(hart);
    if (state->passing || state->action != DEBUG_RUN) {
        step_one(hart, state->irq && !state->passing);
        if (state->action != DEBUG_RUN || state->stop.reason != DEBUG_NONE)
            return stepped(hart);
    }
    no_request(hart);
    return false;
}

void hart_debug_resume(struct hart *hart, enum debug_action action, uint64_t first, uint64_t end, bool irq)
{
    struct hart_debug *state = &hart->debug;
    bool told = action != DEBUG_HOLD && state->told_pc == hart->pc;
    state->skip = told && !state->told_watch ? hart->pc : NO_PC;
    state->pass = NO_PC;
    state->passing = told && state->told_watch;
    if (action != DEBUG_HOLD)
        state->told_pc = NO_PC;
    state->stop = (struct debug_stop){ .reason = DEBUG_NONE };
    state->action = action;
    state->first = first;
    state->end = end;
    state->irq = irq;
    if (action == DEBUG_RUN && !state->passing)
        no_request(hart);
    else
        hart_request_self(hart, HART_REQUEST_DEBUG);
}

void hart_debug_pass(struct hart *hart)
{
    if (!hart->debug.shared)
        return;
    bool watch = hart->debug.stop.reason == DEBUG_WATCH, broke = hart->debug.stop.reason == DEBUG_BREAK;
    hart_debug_resume(hart, DEBUG_RUN, 0, 0, false);
    hart->debug.pass = broke ? hart->pc : NO_PC;
    hart->debug.passing = watch;
    if (watch)
        hart_request_self(hart, HART_REQUEST_DEBUG);
}

/* A debugger that knows a breakpoint steps over it by itself; it does not do so for a physical one. */
void hart_debug_told(struct hart *hart)
{
    struct debug_stop stop = hart->debug.stop;
    hart_debug_resume(hart, DEBUG_HOLD, 0, 0, false);
    if (stop.reason == DEBUG_NONE)
        return;
    hart->debug.told_watch = stop.reason == DEBUG_WATCH;
    hart->debug.told_pc = stop.physical || hart->debug.told_watch ? hart->pc : NO_PC;
}

struct debug_stop hart_debug_stop(const struct hart *hart)
{
    return hart->debug.stop;
}
