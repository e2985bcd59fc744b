/* SPDX-License-Identifier: MIT
 *
 * Harts that run to an exact instruction, for virtual time (machine/turns.c): hart_run_until().
 *
 * Translated code may run some instructions further than its budget, so it is left early, and the
 * interpreter does the rest: whole blocks as long as they fit, then single instructions. A device must see
 * each access at its instant, in whatever block the access lies, and an interrupt that the access raises
 * must be taken behind this very instruction. So an instruction that turns out to access a device runs
 * again, alone (turn_alone()). Then everything that other threads do not ask for happens at an instant that
 * depends on the guest's instructions alone, and is the same in all tiers.
 */
#include "cpu/accel.h"
#include "cpu/hart.h"
#include "cpu/run.h"
#include "cpu/trace.h"
#include "cpu/trap.h"
#include "cpu/wait.h"
#include "util/check.h"
#include "util/host_time.h"
#include "util/log.h"

/* Requests that an idle hart need not serve. */
#define UNSERVED (HART_REQUEST_IRQ | HART_REQUEST_TRACE | HART_REQUEST_LIMIT)

/* An interrupt has come for a hart that waits: its wfi ends before the interrupt is taken, which will return
 * behind it. */
static void end_wait(struct hart *hart)
{
    hart->waits = false;
    if (!trap_wakes(hart))
        return; /* there is another request to serve; then it waits again */
    hart->pc = hart->isa.xlen == 32 ? (uint32_t)(hart->pc + 4) : hart->pc + 4;
    atomic_store_explicit(&hart->instret, hart_instructions(hart) + 1, memory_order_relaxed);
}

/* Requests with which a hart executes nothing at first. */
#define MUST_STOP (HART_REQUEST_STOP | HART_REQUEST_RETURN | HART_REQUEST_DEBUG)

enum hart_end hart_run_until(struct hart *hart, uint64_t limit)
{
    CHECK(hart->exact);
    uint64_t before = hart_instructions(hart), pc = hart->pc;
    bool waited = hart->waits;
    hart->limit = limit;
    hart->end = HART_STOPPED;
    hart->exit_link = NULL;
    if (waited && !(atomic_load(&hart->requests) & MUST_STOP))
        end_wait(hart);
    hart_request_self(hart, HART_REQUEST_LIMIT);
    hart_run(hart);
    atomic_fetch_and(&hart->requests, ~HART_REQUEST_LIMIT);
    /* A hart that waits, and has only served a request, waits on. */
    bool still = waited && hart_instructions(hart) == before && hart->pc == pc;
    hart->waits = hart->end == HART_WAITS || (still && hart->end != HART_AT_LIMIT);
    return hart->end;
}

/* Requests that stand for the whole run; the others are served before the hart goes on. */
#define STICKY (HART_REQUEST_LIMIT | HART_REQUEST_TRACE)

static bool has_request(const struct hart *hart)
{
    return atomic_load_explicit(&hart->requests, memory_order_acquire) & ~STICKY;
}

/* Runs the hot block or, if it is NULL, what is translated already. True: the hart is not what it was, and
 * whoever looked for a block before must look again. It need not have executed anything for this: the first
 * instruction may have trapped, which changes pc and privilege but counts nothing (every trap leaves a
 * request); a debugger may have stopped the hart, a device's access may have to be alone, or the hart waits.
 * False: the interpreter must run the block at pc, since it is not translated, or is a region whose loop does
 * not fit in what is left to the limit.
 *
 * The request is cleared while translated code runs, so that the end of a slice does not leave it. */
static bool run_translated(struct hart *hart, struct block *block)
{
    uint64_t before = hart_instructions(hart), pc = hart->pc;
    uint64_t epoch = hart->epoch;
    enum privilege priv = hart->priv;
    atomic_fetch_and(&hart->requests, ~HART_REQUEST_LIMIT);
    if (block)
        run_hot(hart, block);
    else
        hart->accel->ops->resume(hart);
    atomic_fetch_or(&hart->requests, HART_REQUEST_LIMIT);
    CHECK((int64_t)(hart->limit - hart_instructions(hart)) >= 0);
    return hart_instructions(hart) != before || hart->pc != pc || hart->priv != priv ||
           hart->epoch != epoch || hart->alone || hart->end != HART_STOPPED || has_request(hart);
}

static void run_block(struct hart *hart, uint64_t left, bool may_translate)
{
    struct block *block = run_next_block(hart);
    if (!block)
        return;
    if (block->count > left) {
        if (!debug_stops_block(hart, block))
            run_single(hart);
        return;
    }
    if (--block->heat <= 0) {
        if (may_translate && run_translated(hart, block))
            return;
        block->heat = hart->accel ? 1 : BLOCK_HEAT_NEVER;
    }
    hart->exit_link = NULL;
    hart_begin_block(hart, block);
    block->insns[0].exec(hart, block->insns);
}

static void run_some(struct hart *hart, uint64_t left)
{
    bool may_translate = hart->accel && left > ACCEL_OVERRUN;
    bool traced = atomic_load_explicit(&hart->requests, memory_order_relaxed) & HART_REQUEST_TRACE;
    bool by_insn = log_enabled(LOG_CATEGORY_INSN) || log_enabled(LOG_CATEGORY_COMMIT);
    bool alone = hart->alone;
    hart->alone = false;
    if (traced && (by_insn || (!alone && left >= BLOCK_INSNS_MAX))) {
        trace_run(hart);
    } else if (alone || traced) {
        run_single(hart);
    } else if (hart->exit_link || hart->pad_expected || !may_translate || !run_translated(hart, NULL)) {
        run_block(hart, left, may_translate);
    }
}

/* Exceptions in a row, without an instruction that retires. No program has so many, except one whose
 * handler's first instruction traps: this hart is in a loop then, since the later ones find the state as the
 * earlier ones left it, and it would never come to its limit. */
#define TRAPS_MAX 16

/* Counts the exception that was taken; each leaves a request, so turn_run() sees them one by one. */
static void count_trap(struct hart *hart)
{
    uint64_t now = hart_instructions(hart);
    hart->trapped = false;
    hart->traps = hart->traps_at == now ? hart->traps + 1 : 1;
    hart->traps_at = now;
    if (hart->traps < TRAPS_MAX)
        return;
    hart->traps = TRAPS_MAX;
    hart->end = HART_TRAPS;
}

bool turn_run(struct hart *hart)
{
    if (UNLIKELY(hart->trapped))
        count_trap(hart);
    do {
        if (hart->end != HART_STOPPED)
            return false;
        int64_t left = (int64_t)(hart->limit - hart_instructions(hart));
        if (left <= 0) { /* a debugger that steps through a range may have gone further */
            hart->end = HART_AT_LIMIT;
            return false;
        }
        run_some(hart, (uint64_t)left);
    } while (!has_request(hart));
    return true;
}

/* ---- Waiting ------------------------------------------------------------------------------------------- */

bool turn_wait(struct hart *hart)
{
    hart->end = trap_wakes(hart) ? HART_PAUSES : HART_WAITS;
    bool ends_at_once = atomic_load(&hart->requests) & HART_REQUEST_DEBUG; /* a step */
    if (hart->recorder && hart->recorder->replays)
        ends_at_once = true; /* the recorder knows where it waits */
    if (hart->end == HART_PAUSES || ends_at_once) {
        hart->end = HART_PAUSES;
        return true;
    }
    log_flush(); /* so that the log shows what led here */
    return false;
}

/* A hart that spins waits for another one, which gets its turn at once. While all others wait for interrupts
 * it only lets time pass, as drivers do, and goes on. */
void turn_pause(struct hart *hart)
{
    for (const struct hart *other = hart->partner; other != hart; other = other->partner)
        if (!hart_is_idle(other)) {
            hart->end = HART_PAUSES;
            hart_request_self(hart, HART_REQUEST_LIMIT); /* so that translated code is left */
            return;
        }
}

bool hart_take_interrupt(struct hart *hart)
{
    hart->waits = hart->alone = false;
    return trap_take_interrupt(hart);
}

void hart_wait(struct hart *hart)
{
    hart->waits = true;
}

static bool is_awake(const struct hart *hart)
{
    return trap_wakes(hart) || atomic_load(&hart->requests) & ~UNSERVED;
}

bool hart_is_idle(const struct hart *hart)
{
    return hart->waits && !trap_wakes(hart);
}

bool hart_must_stop(const struct hart *hart)
{
    return atomic_load(&hart->requests) & HART_REQUEST_STOP;
}

bool hart_only_serves(const struct hart *hart)
{
    return hart_is_idle(hart) && is_awake(hart);
}

void hart_share_sleep(struct hart *hart, struct hart *first)
{
    hart->sleeper = first;
    if (hart == first)
        return;
    hart->partner = first->partner;
    first->partner = hart;
}

static bool one_is_awake(struct hart *const *harts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (is_awake(harts[i]))
            return true;
    return false;
}

/* Like wait_for_interrupt(), for several harts. */
bool hart_sleep_until(struct hart *const *harts, unsigned count, uint64_t host_ns)
{
    struct hart *sleeper = harts[0]->sleeper;
    struct timespec until = host_timespec(host_ns);
    bool over = false, awake;
    pthread_mutex_lock(&sleeper->sleep_lock);
    atomic_store(&sleeper->sleeping, true);
    while (!(awake = one_is_awake(harts, count)) && !over) {
        if (host_ns == UINT64_MAX)
            pthread_cond_wait(&sleeper->wake, &sleeper->sleep_lock);
        else
            over = pthread_cond_timedwait(&sleeper->wake, &sleeper->sleep_lock, &until);
    }
    atomic_store(&sleeper->sleeping, false);
    pthread_mutex_unlock(&sleeper->sleep_lock);
    return !awake;
}

/* ---- Devices ------------------------------------------------------------------------------------------- */

bool turn_alone(struct hart *hart, const struct insn *insn)
{
    if (LIKELY(!hart->exact) || hart->block->count == 1)
        return false;
    trap_leave_before(hart, insn);
    hart->alone = true;
    hart_request_self(hart, HART_REQUEST_LIMIT); /* so that translated code is left */
    return true;
}
