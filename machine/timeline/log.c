/* SPDX-License-Identifier: MIT
 *
 * What comes into the harts from outside: noted while the machine runs, given again while it is replayed.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/worker.h"
#include "machine/timeline/internal.h"
#include "util/log.h"

#define DIVERGED "the harts did not do what they had done before"

static struct timeline *of(struct hart_recorder *recorder)
{
    return (struct timeline *)(void *)recorder;
}

bool timeline_grow(void *array, size_t count, size_t *room, size_t size)
{
    void **list = array;
    if (count < *room)
        return true;
    size_t wanted = *room ? 2 * *room : 64;
    void *grown = realloc(*list, wanted * size);
    if (!grown)
        return false;
    *list = grown;
    *room = wanted;
    return true;
}

/* ---- Values -------------------------------------------------------------------------------------------- */

bool timeline_add_value(struct timeline *timeline, uint64_t value)
{
    if (!timeline_grow(&timeline->values, timeline->value_count, &timeline->value_room, sizeof(value))) {
        timeline->forget = true;
        return false;
    }
    timeline->values[timeline->value_count++] = value;
    timeline->memory += sizeof(value);
    timeline_trim(timeline);
    return true;
}

static void add_value(struct timeline *timeline, uint64_t value)
{
    pthread_mutex_lock(&timeline->lock);
    if (recording_takes(timeline, 0))
        log_put_value(&timeline->recording->log, value);
    if (timeline->keeps)
        timeline_add_value(timeline, value);
    pthread_mutex_unlock(&timeline->lock);
}

/* The replay goes another way: the hart that runs returns soon. */
static void diverge(struct timeline *timeline)
{
    if (timeline->diverged)
        return;
    timeline->diverged = DIVERGED;
    hart_request(timeline->machine->harts[timeline->hart], HART_REQUEST_RETURN);
}

static uint64_t next_value(struct timeline *timeline)
{
    if (timeline->value_at < timeline->value_count)
        return timeline->values[timeline->value_at++];
    diverge(timeline);
    return 0;
}

static uint64_t take_value(struct hart_recorder *recorder, uint64_t value)
{
    struct timeline *timeline = of(recorder);
    if (recorder->replays)
        return next_value(timeline);
    add_value(timeline, value);
    return value;
}

static void expect_write(struct hart_recorder *recorder, uint64_t paddr, uint64_t value)
{
    struct timeline *timeline = of(recorder);
    uint64_t both = paddr ^ value << 8;
    if (!recorder->replays)
        add_value(timeline, both);
    else if (next_value(timeline) != both)
        diverge(timeline);
    else if (timeline->from_file)
        timeline_show_write(timeline, paddr, value);
}

/* ---- Events -------------------------------------------------------------------------------------------- */

bool timeline_add_event(struct timeline *timeline, const struct event *event)
{
    if (!timeline_grow(&timeline->events, timeline->event_count, &timeline->event_room, sizeof(*event))) {
        timeline->forget = true;
        return false;
    }
    timeline->events[timeline->event_count++] = *event;
    timeline->memory += sizeof(*event) + event->length;
    timeline_trim(timeline);
    return true;
}

/* Workers of devices work while the harts wait for them, so they are at the harts' instant. */
static _Thread_local bool is_harts_thread;

static bool knows_instant(void)
{
    return is_harts_thread || device_worker_is_one();
}

/* [lock] */
static void add_event(struct timeline *timeline, const struct event *event)
{
    if (recording_takes(timeline, 0))
        log_put_event(&timeline->recording->log, event);
    if (timeline->keeps)
        timeline_add_event(timeline, event);
}

/* What happened is not in the log: what came before explains the present no more. [lock] */
static void lose(struct timeline *timeline, enum log_end why)
{
    timeline->forget = true;
    if (timeline->recording && !timeline->recording->end)
        timeline->recording->end = why;
}

static void add_irq(struct timeline *timeline, unsigned hart, unsigned bit, bool level)
{
    add_event(timeline, &(struct event){ .at = machine_instructions(timeline->machine),
                                         .kind = EVENT_IRQ,
                                         .hart = (uint8_t)hart,
                                         .bit = (uint16_t)bit,
                                         .level = level });
}

/* If too many are late, the past ends here. */
static void add_late(struct timeline *timeline, unsigned hart, unsigned bit, bool level)
{
    if (timeline->late_count < LATE_IRQS)
        timeline->late[timeline->late_count++] = (struct late_irq){ (uint8_t)hart, (uint16_t)bit, level };
    hart_request(timeline->machine->harts[hart], HART_REQUEST_RETURN);
}

static bool take_irq(struct hart_recorder *recorder, unsigned hart, unsigned bit, bool level)
{
    struct timeline *timeline = of(recorder);
    if (timeline->from_file)
        return false; /* what its devices do has no effect */
    pthread_mutex_lock(&timeline->lock);
    bool knows = knows_instant() && !recorder->replays; /* devices are still while harts replay */
    bool now = knows || timeline->late_count == LATE_IRQS;
    if (now && !knows)
        lose(timeline, LOG_END_DEVICE);
    if (now)
        add_irq(timeline, hart, bit, level);
    else
        add_late(timeline, hart, bit, level);
    pthread_mutex_unlock(&timeline->lock);
    return now;
}

static bool take_interrupt(struct hart_recorder *recorder, unsigned hart)
{
    struct timeline *timeline = of(recorder);
    if (recorder->replays)
        return timeline->taking;
    pthread_mutex_lock(&timeline->lock);
    add_event(timeline, &(struct event){ .at = machine_instructions(timeline->machine),
                                         .kind = EVENT_INTERRUPT,
                                         .hart = (uint8_t)hart });
    pthread_mutex_unlock(&timeline->lock);
    return true;
}

static void take_page(struct hart_recorder *recorder, uint64_t paddr)
{
    struct timeline *timeline = of(recorder);
    if (!timeline->keeps)
        return;
    pthread_mutex_lock(&timeline->lock);
    timeline_keep_page(timeline, paddr);
    pthread_mutex_unlock(&timeline->lock);
}

/* Keeps a copy of what was written. [lock] */
static void add_memory(struct timeline *timeline, struct event event)
{
    if (recording_takes(timeline, event.length))
        log_put_event(&timeline->recording->log, &event);
    if (!timeline->keeps)
        return;
    uint8_t *bytes = event.length <= timeline->memory_max ? malloc(event.length) : NULL;
    if (!bytes) {
        timeline->forget = true;
        return;
    }
    memcpy(bytes, event.bytes, event.length);
    event.bytes = bytes;
    if (!timeline_add_event(timeline, &event))
        free(bytes);
}

/* A thread that does not know the instant (a network's) makes what was before unreachable. */
static void take_written(struct hart_recorder *recorder, uint64_t paddr, uint64_t length)
{
    struct timeline *timeline = of(recorder);
    struct machine *machine = timeline->machine;
    if (recorder->replays || !length)
        return;
    pthread_mutex_lock(&timeline->lock);
    uint8_t *host = bus_host(machine->bus, paddr, length);
    if (host && knows_instant())
        sketch_dma(timeline, length);
    if (host && knows_instant())
        add_memory(timeline, (struct event){ .at = machine_instructions(machine),
                                             .kind = EVENT_MEMORY,
                                             .paddr = paddr,
                                             .length = length,
                                             .bytes = host });
    else
        lose(timeline, LOG_END_DEVICE);
    pthread_mutex_unlock(&timeline->lock);
}

const struct hart_recorder_ops timeline_recorder = {
    .value = take_value,
    .expect = expect_write,
    .irq = take_irq,
    .interrupt = take_interrupt,
    .page = take_page,
    .written = take_written,
    .mode = timeline_take_mode,
    .trap = timeline_take_trap,
    .reach = timeline_take_reach,
};

/* ---- At a border --------------------------------------------------------------------------------------- */

/* Gives the harts the interrupts that came from threads which did not know the instant. [lock] */
static void take_late(struct timeline *timeline)
{
    for (unsigned i = 0; i < timeline->late_count; i++) {
        const struct late_irq *late = &timeline->late[i];
        add_irq(timeline, late->hart, late->bit, late->level);
        hart_apply_irq(timeline->machine->harts[late->hart], late->bit, late->level);
    }
    timeline->late_count = 0;
}

/* Only what is before the last checkpoint can be forgotten without all the rest, so one is due, too, when
 * much has come since. [lock] */
static bool checkpoint_is_due(struct timeline *timeline, uint64_t now)
{
    size_t count = timeline->checkpoint_count;
    if (timeline->memory_then > timeline->memory) /* something was forgotten */
        timeline->memory_then = timeline->memory;
    return !count || now - timeline->checkpoints[count - 1].at >= CHECKPOINT_EVERY ||
           timeline->memory - timeline->memory_then > timeline->memory_max / 4;
}

void timeline_border(struct timeline *timeline, unsigned hart)
{
    uint64_t now = machine_instructions(timeline->machine);
    is_harts_thread = true;
    sketch_turn(timeline, hart);
    pthread_mutex_lock(&timeline->lock);
    take_late(timeline);
    if (timeline->hart != hart)
        add_event(timeline, &(struct event){ .at = now,
                                             .kind = EVENT_TURN,
                                             .hart = (uint8_t)hart,
                                             .bit = (uint16_t)timeline->hart });
    timeline->hart = hart;
    if (timeline->recording)
        recording_border(timeline, false);
    if (timeline->forget)
        timeline_clear(timeline);
    bool due = timeline->keeps && checkpoint_is_due(timeline, now);
    pthread_mutex_unlock(&timeline->lock);
    if (due)
        timeline_checkpoint(timeline);
    timeline->waits &= ~(UINT64_C(1) << hart);
}

void timeline_waits(struct timeline *timeline, unsigned hart)
{
    pthread_mutex_lock(&timeline->lock);
    add_event(timeline, &(struct event){ .at = machine_instructions(timeline->machine),
                                         .kind = EVENT_WAIT,
                                         .hart = (uint8_t)hart });
    timeline->waits |= UINT64_C(1) << hart;
    if (timeline->recording)
        recording_border(timeline, true);
    pthread_mutex_unlock(&timeline->lock);
}

/* ---- Forgetting ---------------------------------------------------------------------------------------- */

void timeline_clear(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->event_count; i++)
        free(timeline->events[i].bytes);
    for (size_t i = 0; i < timeline->checkpoint_count; i++)
        timeline_free_checkpoint(timeline, &timeline->checkpoints[i]);
    timeline->value_count = timeline->event_count = timeline->checkpoint_count = 0;
    timeline->value_at = timeline->event_at = 0;
    timeline->memory = 0;
    timeline->forget = false;
}

void timeline_forget(struct timeline *timeline)
{
    if (!timeline)
        return;
    if (timeline->from_file)
        return; /* nothing may change it */
    sketch_moved(timeline);
    pthread_mutex_lock(&timeline->lock);
    lose(timeline, LOG_END_CHANGED);
    timeline->recorder.replays = false;
    timeline->diverged = NULL;
    pthread_mutex_unlock(&timeline->lock);
}

static void drop_events(struct timeline *timeline, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        timeline->memory -= sizeof(struct event) + timeline->events[i].length;
        free(timeline->events[i].bytes);
    }
    timeline->event_count -= count;
    memmove(timeline->events, timeline->events + count, timeline->event_count * sizeof(struct event));
}

/* Drops the oldest quarter of several checkpoints, with what came before the next one. */
static void drop_oldest(struct timeline *timeline)
{
    size_t drop = (timeline->checkpoint_count + 3) / 4;
    size_t values = timeline->checkpoints[drop].value, events = timeline->checkpoints[drop].event;
    for (size_t i = 0; i < drop; i++)
        timeline_free_checkpoint(timeline, &timeline->checkpoints[i]);
    timeline->checkpoint_count -= drop;
    memmove(timeline->checkpoints, timeline->checkpoints + drop,
            timeline->checkpoint_count * sizeof(struct checkpoint));
    drop_events(timeline, events);
    timeline->value_count -= values;
    memmove(timeline->values, timeline->values + values, timeline->value_count * sizeof(uint64_t));
    timeline->memory -= values * sizeof(uint64_t);
    for (size_t i = 0; i < timeline->checkpoint_count; i++) {
        timeline->checkpoints[i].value -= values;
        timeline->checkpoints[i].event -= events;
    }
}

/* Is it the checkpoints that take the memory? Then fewer of them help. [lock] */
static bool pages_are_most(const struct timeline *timeline)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < timeline->checkpoint_count; i++)
        bytes += timeline->checkpoints[i].length + timeline->checkpoints[i].page_count * UINT64_C(4096);
    return timeline->recorder.replays || bytes > timeline->memory / 2;
}

/* A guest can have a device write the whole memory with a few instructions, again and again, so this is not
 * only a matter of checkpoints. First the old checkpoints become fewer; then the oldest part goes, but not
 * while the harts replay. */
void timeline_trim(struct timeline *timeline)
{
    if (timeline->memory <= timeline->memory_max)
        return;
    while (timeline->memory > timeline->memory_max && pages_are_most(timeline) && timeline_thin(timeline))
        ;
    if (timeline->recorder.replays)
        return;
    while (timeline->memory > timeline->memory_max && timeline->checkpoint_count > 1)
        drop_oldest(timeline);
    if (timeline->memory > timeline->memory_max)
        timeline_clear(timeline);
}
