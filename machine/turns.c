/* SPDX-License-Identifier: MIT
 *
 * Virtual time (-icount): the guest's clock is the number of instructions that all harts have retired. One
 * thread runs the harts in turn, and calls the timers between two instructions, exactly when they are due. So
 * two runs of a machine are the same, as long as nothing from outside comes in.
 *
 * A turn ends after TURN instructions, or when its hart waits. It survives a pause of the machine, so a user
 * who looks at the guest does not change what it does. While all harts wait, time passes as it does for the
 * user, or is skipped up to the next timer (sleep=off).
 */
#include <time.h>

#include "cpu/debug.h"
#include "machine/internal.h"
#include "machine/timeline/timeline.h"
#include "util/host_time.h"
#include "util/log.h"

/* Instructions in a hart's turn. A shorter one costs more (its end is interpreted), a longer one makes a hart
 * wait longer that spins for a lock without a `pause`. */
#define TURN 100000
/* A call of hart_run_until() takes no longer than this many instructions, so that shift=auto and align=on see
 * how time passes. */
#define STRETCH 1000000
/* Each so many nanoseconds of the host the speed is looked at. */
#define LOOK_NS UINT64_C(50000000)
/* A guest that is later than this is told so once (align=on). */
#define LATE_NS UINT64_C(3000000000)

uint64_t machine_instructions(const struct machine *machine)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < machine->hart_count; i++)
        sum += hart_instructions(machine->harts[i]);
    return sum;
}

static uint64_t virtual_ns(void *opaque)
{
    const struct machine *machine = opaque;
    const struct turns *turns = &machine->turns;
    return atomic_load_explicit(&turns->base_ns, memory_order_relaxed) +
           ((machine_instructions(machine) - turns->executed) << turns->shift);
}

/* A timer was armed: the limit of the hart that runs may be too late now. */
static void deadline_changed(void *opaque)
{
    struct machine *machine = opaque;
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_RETURN);
}

void turns_init(struct machine *machine)
{
    struct clock_source source = { virtual_ns, deadline_changed, machine };
    machine->turns.shift = machine->config.icount.shift;
    clock_use_source(machine->clock, &source);
}

void turns_reset(struct machine *machine)
{
    machine->turns.hart = 0;
    machine->turns.end = 0;
}

/* ---- Time ---------------------------------------------------------------------------------------------- */

static void skip_ns(struct turns *turns, uint64_t ns)
{
    atomic_fetch_add(&turns->base_ns, ns);
}

/* Instructions until that time, rounded up. */
static uint64_t instructions_until(const struct machine *machine, uint64_t ns)
{
    uint64_t now = clock_ns(machine->clock);
    return ns <= now ? 0 : ((ns - now - 1) >> machine->turns.shift) + 1;
}

/* All harts in `idle` wait. */
static void wait_for_timer(struct machine *machine, struct hart *const *idle, unsigned count)
{
    struct turns *turns = &machine->turns;
    uint64_t deadline = clock_deadline(machine->clock), now = clock_ns(machine->clock);
    uint64_t start = host_now_ns();
    if (deadline == CLOCK_NEVER) {
        hart_sleep_until(idle, count, UINT64_MAX);
        if (!machine->config.icount.skip)
            skip_ns(turns, host_now_ns() - start);
        return;
    }
    uint64_t left = deadline > now ? deadline - now : 0;
    if (machine->config.icount.skip || hart_sleep_until(idle, count, start + left)) {
        skip_ns(turns, left);
        return;
    }
    uint64_t slept = host_now_ns() - start;
    skip_ns(turns, slept < left ? slept : left);
}

/* shift=auto: an instruction takes more or less time from now on. */
static void set_shift(struct machine *machine, unsigned shift)
{
    struct turns *turns = &machine->turns;
    uint64_t executed = machine_instructions(machine);
    skip_ns(turns, (executed - turns->executed) << turns->shift);
    turns->executed = executed;
    turns->shift = shift;
}

/* Compares the speed of the guest's time with that of the host's since the last look. */
static void adapt(struct machine *machine, uint64_t guest_ns, uint64_t host_ns)
{
    unsigned shift = machine->turns.shift;
    if (guest_ns > host_ns + host_ns / 4 && shift > 0)
        set_shift(machine, shift - 1);
    else if (guest_ns < host_ns - host_ns / 3 && shift < MACHINE_ICOUNT_SHIFT_MAX)
        set_shift(machine, shift + 1);
}

/* The guest's time has gone on by guest_ns while the host's went on by host_ns. */
static void align(struct machine *machine, uint64_t guest_ns, uint64_t host_ns)
{
    if (guest_ns > host_ns) {
        uint64_t ahead = guest_ns - host_ns;
        struct timespec pause = { .tv_nsec = (long)(ahead < LOOK_NS ? ahead : LOOK_NS) };
        nanosleep(&pause, NULL);
    } else if (host_ns - guest_ns > LATE_NS && !machine->turns.warned) {
        machine->turns.warned = true;
        log_warn(
            "-icount align=on: the guest is %.1f s behind the host's time; a smaller shift= would make it "
            "later still, a larger one less",
            (double)(host_ns - guest_ns) / 1e9);
    }
}

static void look_at_speed(struct machine *machine)
{
    const struct machine_icount *config = &machine->config.icount;
    struct turns *turns = &machine->turns;
    if (!config->automatic && !config->align)
        return;
    uint64_t host = host_now_ns(), guest = clock_ns(machine->clock);
    if (!turns->host_ns) {
        turns->host_ns = host;
        turns->virtual_ns = guest;
    }
    if (config->align)
        align(machine, guest - turns->virtual_ns, host - turns->host_ns);
    if (config->automatic && host - turns->host_ns >= LOOK_NS) {
        adapt(machine, guest - turns->virtual_ns, host - turns->host_ns);
        turns->host_ns = host;
        turns->virtual_ns = guest;
    }
}

/* ---- Turns --------------------------------------------------------------------------------------------- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The hart goes on with its turn, or begins one. If it executes nothing, since it has to stop, the turn is
 * whose it was: a pause of the machine changes nothing. If it can only trap, time passes as if it executed
 * something else: a timer may help it, or another hart. */
static enum hart_end go_on(struct machine *machine, unsigned number)
{
    struct turns *turns = &machine->turns;
    struct hart *hart = machine->harts[number];
    uint64_t at = hart_instructions(hart), deadline = clock_deadline(machine->clock), left = STRETCH;
    uint64_t old_end = turns->end;
    unsigned old_hart = turns->hart;
    if (turns->hart != number || turns->end <= at) {
        turns->hart = number;
        turns->end = at + TURN;
    }
    if (machine->hart_count > 1)
        left = smaller(left, turns->end - at);
    if (deadline != CLOCK_NEVER)
        left = smaller(left, instructions_until(machine, deadline));
    if (machine->timeline)
        timeline_border(machine->timeline, number);
    enum hart_end end = hart_run_until(hart, at + left);
    if (end == HART_TRAPS)
        skip_ns(turns, (at + left - hart_instructions(hart)) << turns->shift);
    if (end == HART_WAITS && machine->timeline)
        timeline_waits(machine->timeline, number);
    if ((end == HART_STOPPED || end == HART_ASKED) && hart_instructions(hart) == at) {
        turns->hart = old_hart;
        turns->end = old_end;
    }
    return end;
}

/* The turn is over; the next hart that is ready begins one. */
static void end_turn(struct machine *machine, unsigned number)
{
    machine->turns.hart = (number + 1) % machine->hart_count;
    machine->turns.end = 0;
}

/* The first hart, from the one whose turn it is on, that is neither idle nor in `held`. Fills `idle` with
 * those that are idle. hart_count: there is none. */
static unsigned next_hart(const struct machine *machine, uint64_t held, struct hart **idle, unsigned *idles)
{
    unsigned count = machine->hart_count;
    *idles = 0;
    for (unsigned n = 0; n < count; n++) {
        unsigned i = (machine->turns.hart + n) % count;
        if (held >> i & 1)
            continue;
        if (!hart_is_idle(machine->harts[i]))
            return i;
        idle[(*idles)++] = machine->harts[i];
    }
    return count;
}

/* Harts that wait serve their requests, which is no turn of theirs. Returns those that have to stop. */
static uint64_t serve_waiting(const struct machine *machine, uint64_t held)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < machine->hart_count; i++) {
        struct hart *hart = machine->harts[i];
        if (!(held >> i & 1) && hart_only_serves(hart) &&
            hart_run_until(hart, hart_instructions(hart) + 1) == HART_STOPPED)
            found |= UINT64_C(1) << i;
    }
    return found;
}

_Static_assert(MACHINE_HARTS_MAX <= 64, "`held` has a bit for each hart");

/* One hart has stopped. Must all stop? When a debugger has stopped it, the others do not get ahead of it.
 * When it is to stop for the user, all are, and those that have not been told yet must not begin a turn. */
static bool ends_all(const struct hart *hart)
{
    return hart_must_stop(hart) || hart_debug_stop(hart).reason != DEBUG_NONE;
}

static bool one_must_stop(const struct machine *machine)
{
    for (unsigned i = 0; i < machine->hart_count; i++)
        if (hart_must_stop(machine->harts[i]))
            return true;
    return false;
}

void turns_run(struct machine *machine)
{
    struct turns *turns = &machine->turns;
    unsigned count = machine->hart_count;
    uint64_t held = 0; /* a bit for each hart that a debugger has told to stand still */
    turns->host_ns = 0;
    if (timeline_is_replay(machine->timeline)) {
        timeline_play(machine->timeline);
        return;
    }
    while (held != UINT64_MAX >> (64 - count) && !one_must_stop(machine)) {
        struct hart *idle[MACHINE_HARTS_MAX];
        unsigned idles;
        clock_fire(machine->clock);
        held |= serve_waiting(machine, held);
        unsigned number = next_hart(machine, held, idle, &idles);
        if (number == count) {
            if (idles)
                wait_for_timer(machine, idle, idles);
            continue;
        }
        enum hart_end end = go_on(machine, number);
        uint64_t now = hart_instructions(machine->harts[number]);
        if (end == HART_STOPPED && ends_all(machine->harts[number]))
            return;
        if (end == HART_STOPPED)
            held |= UINT64_C(1) << number;
        else if (end != HART_ASKED && (end != HART_AT_LIMIT || turns->end <= now))
            end_turn(machine, number);
        look_at_speed(machine);
    }
}
