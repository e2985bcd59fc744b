/* SPDX-License-Identifier: MIT
 *
 * What the files of the timeline share; see timeline.h.
 */
#ifndef MACHINE_TIMELINE_INTERNAL_H
#define MACHINE_TIMELINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "machine/internal.h"
#include "machine/timeline/timeline.h"

/* What happens to harts and memory at an instant, in this order. */
enum event_kind {
    EVENT_TURN,      /* `hart` runs from now on, until now `bit` did */
    EVENT_WAIT,      /* `hart` waits in wfi */
    EVENT_IRQ,       /* input `bit` of `hart` has the level `level` */
    EVENT_INTERRUPT, /* `hart` takes an interrupt */
    EVENT_MEMORY,    /* a device has written `bytes` at `paddr` */
};
struct event {
    uint64_t at;
    uint8_t kind, hart, bit;
    bool level;
    uint64_t paddr, length;
    uint8_t *bytes; /* owned; NULL: none */
};

/* A copy of a page before it was first written after a checkpoint. */
struct old_page {
    uint64_t paddr;
    uint8_t *bytes; /* owned */
};

struct checkpoint {
    uint64_t at;
    size_t value, event; /* what comes next in the logs */
    unsigned hart;       /* whose turn it is */
    uint64_t waits;      /* bit n: hart n waits in wfi */
    uint8_t *harts;      /* their saved states, one after the other; owned */
    size_t length;
    struct old_page *pages;
    size_t page_count, page_room;
};

/* What a replay does where a debugger stops a hart: it ends there, goes on, or notes the instant and goes
 * on. */
enum timeline_stops { TIMELINE_STOPS, TIMELINE_PASSES, TIMELINE_NOTES };

/* An interrupt input that changed on a thread that does not know at which instant. */
struct late_irq {
    uint8_t hart, bit;
    bool level;
};
#define LATE_IRQS 256

struct timeline {
    struct hart_recorder recorder; /* first */
    struct machine *machine;
    pthread_mutex_t lock; /* the logs, the pages, and the late interrupts, while the machine runs */
    uint64_t *values;
    size_t value_count, value_room, value_at;
    struct event *events;
    size_t event_count, event_room, event_at;
    struct checkpoint *checkpoints;
    size_t checkpoint_count, checkpoint_room;
    uint32_t *page_epochs; /* of each page of RAM: the checkpoint after which it was copied */
    uint32_t epoch;
    uint64_t ram_base, ram_pages;
    uint64_t memory, memory_max; /* bytes */
    uint64_t memory_then;        /* at the last checkpoint */
    struct late_irq late[LATE_IRQS];
    unsigned late_count;
    unsigned hart;  /* whose turn was noted last; while replaying: who runs */
    uint64_t waits; /* bit n: hart n waits */
    bool taking;    /* replaying: an interrupt is to be taken */
    enum timeline_stops stops;
    uint64_t noted;       /* TIMELINE_NOTES: the last instant at which a debugger stopped a hart */
    bool forget;          /* the past does not explain the present any more */
    const char *diverged; /* why the replay is not what was recorded; NULL: it is */
    uint64_t present;     /* the instant, while the machine is in the past */
    uint64_t target;      /* of the replay */
    enum timeline_end end;
};

/* log.c */
extern const struct hart_recorder_ops timeline_recorder;
/* False: out of memory, and the past will be forgotten. [lock] */
bool timeline_add_event(struct timeline *timeline, const struct event *event);
/* Room for one more element in a list that `array` points to; false: out of memory. */
bool timeline_grow(void *array, size_t count, size_t *room, size_t size);
void timeline_clear(struct timeline *timeline);
/* Forgets the oldest part, and if need be all, if the past takes more memory than it may. [lock] */
void timeline_trim(struct timeline *timeline);

/* checkpoint.c */
/* Takes the lock. */
void timeline_checkpoint(struct timeline *timeline);
/* Puts the machine back to that checkpoint, and forgets the later ones. */
bool timeline_restore(struct timeline *timeline, size_t number, struct error *error);
/* Copies a page before it is written. [lock] */
void timeline_keep_page(struct timeline *timeline, uint64_t paddr);
void timeline_free_checkpoint(struct timeline *timeline, struct checkpoint *checkpoint);
/* Instructions from one checkpoint to the next. */
#define CHECKPOINT_EVERY UINT64_C(20000000)

#endif
