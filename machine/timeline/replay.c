/* SPDX-License-Identifier: MIT
 *
 * The past runs again: see timeline.h. The harts run on a thread of their own, up to each event of the log,
 * which is then applied. An interrupt is taken where the log says so, and a wfi waits only there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/debug.h"
#include "machine/timeline/internal.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

/* ---- One event ----------------------------------------------------------------------------------------- */

static void write_memory(struct timeline *timeline, const struct event *event)
{
    struct dma *dma = bus_for_devices(timeline->machine->bus);
    uint8_t *host = dma->ops->map(dma, event->paddr, event->length, true);
    if (!host) {
        timeline->diverged = "a device writes where there is no memory";
        return;
    }
    sketch_dma(timeline, event->length);
    memcpy(host, event->bytes, event->length);
    dma->ops->written(dma, event->paddr, event->length);
}

static void apply(struct timeline *timeline, const struct event *event)
{
    struct hart *hart = timeline->machine->harts[event->hart];
    switch ((enum event_kind)event->kind) {
    case EVENT_TURN:
        sketch_turn(timeline, event->hart);
        timeline->hart = event->hart;
        break;
    case EVENT_WAIT:
        hart_wait(hart);
        timeline->waits |= UINT64_C(1) << event->hart;
        break;
    case EVENT_IRQ: hart_apply_irq(hart, event->bit, event->level); break;
    case EVENT_INTERRUPT:
        timeline->taking = true;
        if (!hart_take_interrupt(hart))
            timeline->diverged = "an interrupt that was taken before is not pending";
        timeline->taking = false;
        break;
    case EVENT_MEMORY: write_memory(timeline, event); break;
    }
}

/* Everything that is due. */
static void apply_due(struct timeline *timeline, uint64_t now)
{
    while (timeline->event_at < timeline->event_count && timeline->events[timeline->event_at].at <= now)
        apply(timeline, &timeline->events[timeline->event_at++]);
}

/* ---- Running ------------------------------------------------------------------------------------------- */

/* So often, in instructions, it is looked whether somebody has lost patience. */
#define LONGEST UINT64_C(5000000)

/* Near the target there are more checkpoints, since whoever steps back will step back again. */
static uint64_t next_checkpoint(const struct timeline *timeline, uint64_t now)
{
    if (!timeline->keeps)
        return UINT64_MAX;
    uint64_t next = timeline->checkpoints[timeline->checkpoint_count - 1].at + CHECKPOINT_EVERY;
    for (unsigned bits = 20; bits >= 10; bits -= 5) {
        uint64_t fine = timeline->target - (UINT64_C(1) << bits);
        if (timeline->target >> bits && fine > now && fine < next)
            next = fine;
    }
    return next;
}

static uint64_t next_stop(const struct timeline *timeline, uint64_t now)
{
    uint64_t stop = timeline->target, checkpoint = next_checkpoint(timeline, now);
    if (timeline->value_of)
        return now + 1;
    if (stop - now > LONGEST)
        stop = now + LONGEST;
    if (timeline->event_at < timeline->event_count && timeline->events[timeline->event_at].at < stop)
        stop = timeline->events[timeline->event_at].at;
    return checkpoint > now && checkpoint < stop ? checkpoint : stop;
}

/* Runs the hart whose turn it is; false: a debugger has stopped it, and may. */
static bool run_hart(struct timeline *timeline, uint64_t instructions)
{
    struct hart *hart = timeline->machine->harts[timeline->hart];
    timeline->waits &= ~(UINT64_C(1) << timeline->hart);
    enum hart_end end = hart_run_until(hart, hart_instructions(hart) + instructions);
    if (end == HART_WAITS)
        timeline->diverged = "a hart waits where it did not wait before";
    if (end == HART_TRAPS)
        timeline->diverged = "a hart only traps where it went on before";
    if (end != HART_STOPPED)
        return true;
    if (hart_must_stop(hart))
        return false;
    bool stopped = hart_debug_stop(hart).reason != DEBUG_NONE;
    uint64_t now = machine_instructions(timeline->machine);
    if (stopped && timeline->stops == TIMELINE_STOPS)
        return false;
    if (stopped && timeline->stops == TIMELINE_NOTES && now < timeline->target)
        timeline->noted = now;
    hart_debug_pass(hart);
    return true;
}

/* Has the last instruction changed the value, or an interrupt that came behind it? */
static void look_at_value(struct timeline *timeline, uint64_t now)
{
    uint64_t value = timeline->value_of(timeline->value_opaque);
    if (timeline->value_before != TIMELINE_NEVER && value != timeline->value_last)
        timeline->noted = timeline->value_before;
    timeline->value_last = value;
    timeline->value_before = now;
}

void timeline_run(struct timeline *timeline)
{
    struct machine *machine = timeline->machine;
    sketch_turn(timeline, timeline->hart);
    for (;;) {
        uint64_t now = machine_instructions(machine);
        apply_due(timeline, now);
        if (timeline->value_of)
            look_at_value(timeline, now);
        if (atomic_load(&machine->event) >> 16 == MACHINE_EVENT_QUIT && !timeline->diverged)
            timeline->diverged = "the program ends";
        timeline->end = timeline->diverged || timeline->forget ? TIMELINE_FAILED
                        : now < timeline->target               ? TIMELINE_INTERRUPTED
                                                               : TIMELINE_END;
        if (timeline->end != TIMELINE_INTERRUPTED || atomic_load(&timeline->interrupted))
            return;
        if (next_checkpoint(timeline, now - 1) == now)
            timeline_checkpoint(timeline);
        timeline->end = TIMELINE_STOPPED;
        if (!run_hart(timeline, next_stop(timeline, now) - now))
            return;
    }
}

static void *run_thread(void *opaque)
{
    struct timeline *timeline = opaque;
    timeline_run(timeline);
    pthread_mutex_lock(&timeline->lock);
    timeline->ran = true;
    pthread_cond_signal(&timeline->ran_changed);
    pthread_mutex_unlock(&timeline->lock);
    return NULL;
}

/* Waits for the end, and asks meanwhile whether it should come early. */
#define ASK_NS 20000000
static void wait_for_run(struct timeline *timeline)
{
    pthread_mutex_lock(&timeline->lock);
    while (!timeline->ran) {
        struct timespec until = host_timespec(host_now_ns() + ASK_NS);
        bool late = pthread_cond_timedwait(&timeline->ran_changed, &timeline->lock, &until) == ETIMEDOUT;
        if (!late || !timeline->ask || !timeline->ask(timeline->ask_opaque))
            continue;
        atomic_store(&timeline->interrupted, true);
        for (unsigned i = 0; i < timeline->machine->hart_count;
             i++) /* one that only traps reaches no limit */
            hart_request(timeline->machine->harts[i], HART_REQUEST_RETURN);
    }
    pthread_mutex_unlock(&timeline->lock);
}

void timeline_tell_failure(const struct timeline *timeline, struct error *error)
{
    const struct machine *machine = timeline->machine;
    error_set(error,
              "the replay at instruction %" PRIu64 " (hart %u, pc 0x%" PRIx64
              ") is not what was recorded: %s",
              machine_instructions(machine), timeline->hart, hart_pc(machine->harts[timeline->hart]),
              timeline->diverged ? timeline->diverged : "out of memory");
}

/* Replays up to the target, or until a debugger stops a hart. */
static enum timeline_end run(struct timeline *timeline, uint64_t target, enum timeline_stops stops,
                             struct error *error)
{
    sigset_t old;
    pthread_t thread;
    timeline->target = target;
    timeline->stops = stops;
    timeline->ran = false;
    atomic_store(&timeline->interrupted, false);
    thread_signals_block(&old);
    int status = thread_create(&thread, THREAD_HART, "harts", run_thread, timeline);
    thread_signals_restore(&old);
    if (status) {
        error_set(error, "cannot start a thread to replay the harts: %s", strerror(status));
        return TIMELINE_FAILED;
    }
    wait_for_run(timeline);
    thread_join(&thread);
    if (timeline->end == TIMELINE_FAILED)
        timeline_tell_failure(timeline, error);
    else if (timeline->end == TIMELINE_INTERRUPTED)
        error_set(error, "interrupted at instruction %" PRIu64, machine_instructions(timeline->machine));
    return timeline->end;
}

/* ---- Past and present ---------------------------------------------------------------------------------- */

/* Harts that a debugger has told to stand still must run, too, since they ran. */
static void let_all_run(struct timeline *timeline)
{
    for (unsigned i = 0; i < timeline->machine->hart_count; i++)
        hart_debug_resume(timeline->machine->harts[i], DEBUG_RUN, 0, 0, false);
}

static void leave_present(struct timeline *timeline)
{
    if (timeline->recorder.replays)
        return;
    timeline->present = machine_instructions(timeline->machine);
    timeline->value_at = timeline->value_count;
    timeline->event_at = timeline->event_count;
    timeline->recorder.replays = true;
}

/* The present is reached. */
static void arrive(struct timeline *timeline)
{
    struct machine *machine = timeline->machine;
    if (!timeline->recorder.replays || timeline->from_file || timeline->event_at < timeline->event_count ||
        machine_instructions(machine) != timeline->present)
        return;
    if (timeline->value_at != timeline->value_count)
        timeline->forget = true;
    timeline->recorder.replays = false;
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_IRQ);
}

/* The last checkpoint that is not after the instant. */
static size_t checkpoint_before(const struct timeline *timeline, uint64_t instant)
{
    size_t number = timeline->checkpoint_count - 1;
    while (number && timeline->checkpoints[number].at > instant)
        number--;
    return number;
}

static bool go_to(struct timeline *timeline, uint64_t instant, struct error *error)
{
    leave_present(timeline);
    let_all_run(timeline);
    if ((instant < machine_instructions(timeline->machine) || timeline->diverged) &&
        !timeline_restore(timeline, checkpoint_before(timeline, instant), error))
        return false;
    bool ok = run(timeline, instant, TIMELINE_PASSES, error) == TIMELINE_END;
    arrive(timeline);
    return ok;
}

bool timeline_is_past(const struct timeline *timeline)
{
    return timeline && timeline->recorder.replays;
}

bool timeline_keeps(const struct timeline *timeline)
{
    return timeline && timeline->keeps;
}

bool timeline_is_replay(const struct timeline *timeline)
{
    return timeline && timeline->from_file;
}

const char *timeline_past_text(const struct timeline *timeline)
{
    return timeline_is_replay(timeline)
               ? "this is a replay: it can be looked at, but nothing of it can be changed"
               : "gdb is in the past of the guest: its `monitor goto end` leads to the present";
}

void timeline_facts(const struct timeline *timeline, struct timeline_facts *facts)
{
    const struct recording *recording = timeline->recording;
    enum log_end end = recording ? recording->end : timeline->ending.end;
    *facts = (struct timeline_facts){ .now = machine_instructions(timeline->machine),
                                      .first = timeline_first(timeline),
                                      .present = timeline_present(timeline),
                                      .keeps = timeline->keeps,
                                      .past = timeline_is_past(timeline),
                                      .checkpoints = timeline->checkpoint_count,
                                      .memory = timeline->memory,
                                      .memory_max = timeline->memory_max,
                                      .recorded = recording ? recording->path : NULL,
                                      .replayed = timeline->path,
                                      .recording_over = recording && recording->over,
                                      .recording_end = log_end_text(end) };
}

uint64_t timeline_first(const struct timeline *timeline)
{
    return timeline->keeps && timeline->checkpoint_count && !timeline->forget
               ? timeline->checkpoints[0].at
               : machine_instructions(timeline->machine);
}

uint64_t timeline_present(const struct timeline *timeline)
{
    return timeline->recorder.replays ? timeline->present : machine_instructions(timeline->machine);
}

unsigned timeline_hart(const struct timeline *timeline)
{
    return timeline->hart;
}

bool timeline_goto(struct timeline *timeline, uint64_t instant, struct error *error)
{
    if (instant < timeline_first(timeline) || instant > timeline_present(timeline))
        return error_set(error,
                         "instruction %" PRIu64 " is not in what was recorded: %" PRIu64 " to %" PRIu64,
                         instant, timeline_first(timeline), timeline_present(timeline));
    if (instant == machine_instructions(timeline->machine))
        return true;
    return go_to(timeline, instant, error);
}

uint64_t timeline_before(const struct timeline *timeline, unsigned hart)
{
    uint64_t end = machine_instructions(timeline->machine), first = timeline_first(timeline);
    unsigned runs = timeline->hart;
    for (size_t i = timeline->recorder.replays ? timeline->event_at : timeline->event_count; i-- > 0;) {
        const struct event *event = &timeline->events[i];
        if (event->kind != EVENT_TURN)
            continue;
        if (runs == hart && event->at < end)
            return end > first ? end - 1 : TIMELINE_NEVER;
        end = event->at;
        runs = event->bit; /* who ran before */
    }
    return runs == hart && end > first ? end - 1 : TIMELINE_NEVER;
}

enum timeline_end timeline_forward(struct timeline *timeline, struct error *error)
{
    enum timeline_end end = run(timeline, timeline->present, TIMELINE_STOPS, error);
    if (end == TIMELINE_END)
        arrive(timeline);
    return end;
}

/* The last stop of a debugger in [the present place, end); TIMELINE_NEVER: there is none. */
static uint64_t last_stop(struct timeline *timeline, uint64_t end, struct error *error)
{
    timeline->noted = TIMELINE_NEVER;
    run(timeline, end, TIMELINE_NOTES, error);
    return timeline->noted;
}

enum timeline_end timeline_back(struct timeline *timeline, struct error *error)
{
    uint64_t end = machine_instructions(timeline->machine), found = TIMELINE_NEVER;
    uint64_t first = timeline_first(timeline);
    if (end <= first) /* there is no past, or it was forgotten */
        return TIMELINE_END;
    leave_present(timeline);
    while (found == TIMELINE_NEVER && end > first) {
        size_t number = checkpoint_before(timeline, end - 1);
        uint64_t begin = timeline->checkpoints[number].at;
        let_all_run(timeline);
        if (!timeline_restore(timeline, number, error))
            return TIMELINE_FAILED;
        found = last_stop(timeline, end, error);
        if (timeline->end != TIMELINE_END)
            return timeline->end;
        end = begin;
    }
    if (!go_to(timeline, found == TIMELINE_NEVER ? first : found, error))
        return timeline->end;
    if (found == TIMELINE_NEVER)
        return TIMELINE_END;
    /* The harts stand before what stops them: once more, so that the debugger knows what it is. */
    enum timeline_end last = run(timeline, found + 1, TIMELINE_STOPS, error);
    return last == TIMELINE_END ? TIMELINE_STOPPED : last;
}

/* Looks at the instructions of [begin, end), one by one. */
static enum timeline_end look_through(struct timeline *timeline, uint64_t begin, uint64_t end,
                                      uint64_t (*value)(void *opaque), void *opaque, struct error *error)
{
    if (!go_to(timeline, begin, error))
        return timeline->end;
    let_all_run(timeline);
    timeline->noted = timeline->value_before = TIMELINE_NEVER;
    timeline->value_of = value;
    timeline->value_opaque = opaque;
    enum timeline_end how = run(timeline, end, TIMELINE_PASSES, error);
    timeline->value_of = NULL;
    return how;
}

/* What changes often has changed a short while ago, so the stretches that are looked through get longer. */
#define CHANGE_FIRST  64
#define CHANGE_FACTOR 16
enum timeline_end timeline_back_change(struct timeline *timeline, uint64_t (*value)(void *opaque),
                                       void *opaque, struct error *error)
{
    uint64_t here = machine_instructions(timeline->machine), first = timeline_first(timeline), end = here;
    for (uint64_t size = CHANGE_FIRST; end > first; size *= CHANGE_FACTOR) {
        uint64_t begin = end - first > size ? end - size : first;
        enum timeline_end how = look_through(timeline, begin, end, value, opaque, error);
        if (how != TIMELINE_END)
            return how;
        if (timeline->noted != TIMELINE_NEVER)
            return go_to(timeline, timeline->noted, error) ? TIMELINE_STOPPED : timeline->end;
        end = begin;
    }
    return end == here || go_to(timeline, here, error) ? TIMELINE_END : timeline->end;
}

void timeline_ask(struct timeline *timeline, bool (*ask)(void *opaque), void *opaque)
{
    timeline->ask = ask;
    timeline->ask_opaque = opaque;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static struct timeline *make(struct machine *machine)
{
    struct timeline *timeline = calloc(1, sizeof(*timeline));
    if (timeline)
        timeline->page_epochs = calloc(machine->config.ram_size / 4096 + 1, sizeof(uint32_t));
    if (!timeline || !timeline->page_epochs) {
        free(timeline);
        return NULL;
    }
    timeline->recorder.ops = &timeline_recorder;
    timeline->machine = machine;
    timeline->keeps = machine->config.record_memory;
    timeline->memory_max = machine->config.record_memory;
    timeline->ram_base = machine->config.board->ram_base;
    timeline->ram_pages = machine->config.ram_size / 4096;
    pthread_mutex_init(&timeline->lock, NULL);
    host_cond_init(&timeline->ran_changed);
    return timeline;
}

bool timeline_set_keeps(struct timeline *timeline, bool keeps, struct error *error)
{
    if (timeline_is_past(timeline))
        return error_set(error, "%s", timeline_past_text(timeline));
    if (!timeline || !timeline->machine->config.record_memory)
        return error_set(error,
                         "the past of this machine cannot be kept: start with -icount and -record on, or -s");
    pthread_mutex_lock(&timeline->lock);
    if (!keeps)
        timeline_clear(timeline);
    timeline->keeps = keeps;
    pthread_mutex_unlock(&timeline->lock);
    return true;
}

bool timeline_create(struct machine *machine, struct error *error)
{
    struct timeline *timeline = make(machine);
    if (!timeline)
        return error_set(error, "out of memory for the past of the machine");
    machine->timeline = timeline;
    bus_set_recorder(machine->bus, &timeline->recorder);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_set_recorder(machine->harts[i], &timeline->recorder);
    timeline->recorder.replays = timeline->from_file = machine->config.replay_file != NULL;
    if (machine->config.timeline_file && !sketch_create(timeline, machine->config.timeline_file, error))
        return false;
    return !machine->config.record_file || recording_create(timeline, machine->config.record_file, error);
}

void timeline_destroy(struct timeline *timeline)
{
    if (!timeline)
        return;
    recording_destroy(timeline);
    sketch_destroy(timeline);
    timeline_clear(timeline);
    pthread_cond_destroy(&timeline->ran_changed);
    pthread_mutex_destroy(&timeline->lock);
    free(timeline->values);
    free(timeline->events);
    free(timeline->checkpoints);
    free(timeline->page_epochs);
    free(timeline);
}
