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
#include "machine/state/container.h"
#include "machine/timeline/format.h"
#include "machine/timeline/timeline.h"

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
    uint8_t hart;
    uint16_t bit;
    bool level;
};
#define LATE_IRQS 256

/* A recording that is being written to a file. It is complete up to a border between two stretches, `safe`:
 * what a thread does that does not know the instant makes only what came after that border useless. */
struct recording {
    const char *path;
    int fd;
    bool began, over;
    struct container_writer writer;
    struct log_writer log;      /* the piece that is not written yet */
    size_t safe;                /* bytes of it */
    uint64_t safe_at, piece_at; /* the instant of the last border, and at which the piece begins */
    uint64_t written_ms;        /* host's time when the last piece was written */
    enum log_end end;           /* why it ends; LOG_END_NONE: it does not yet */
    unsigned status;            /* of the guest, for LOG_END_OFF */
    struct error error;
};

struct sketch;

struct timeline {
    struct hart_recorder recorder; /* first */
    struct sketch *sketch;         /* what -timeline draws; NULL: nothing is drawn */
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
    uint64_t noted; /* TIMELINE_NOTES: the last instant at which a debugger stopped a hart */
    uint64_t (*value_of)(void *opaque); /* asked behind each instruction of a replay; NULL: not */
    void *value_opaque;
    uint64_t value_last, value_before; /* what it was there, and at which instant */
    bool forget;                       /* the past does not explain the present any more */
    const char *diverged;              /* why the replay is not what was recorded; NULL: it is */
    uint64_t present;                  /* the instant, while the machine is in the past */
    bool keeps;                        /* the past is kept in memory, so that it can be entered */
    struct recording *recording;       /* NULL: nothing is written to a file */
    bool from_file;                    /* there is no present: all of it is a recording from a file, `path` */
    const char *path;
    struct log_ending ending; /* of that */
    uint64_t log_max;         /* bytes that its log may take */
    bool told;                /* its end was reached once, or it failed, without a debugger */
    uint64_t shown;           /* up to this instant its console's output was shown */
    bool shows_divisor;       /* its UART's registers 0 and 1 are the divisor now */
    /* A replay runs on a thread of its own, while another waits for it and asks whether it should end early.
     */
    bool ran; /* [lock] */
    pthread_cond_t ran_changed;
    atomic_bool interrupted;
    bool (*ask)(void *opaque); /* NULL: nobody */
    void *ask_opaque;
    uint64_t target; /* of the replay */
    enum timeline_end end;
};

/* log.c */
extern const struct hart_recorder_ops timeline_recorder;
/* Keeps it in memory; false: out of memory, and the past will be forgotten. The event's bytes then belong to
 * the timeline. [lock] */
bool timeline_add_event(struct timeline *timeline, const struct event *event);
bool timeline_add_value(struct timeline *timeline, uint64_t value);
/* Room for one more element in a list that `array` points to; false: out of memory. */
bool timeline_grow(void *array, size_t count, size_t *room, size_t size);
void timeline_clear(struct timeline *timeline);
/* Forgets the oldest part, and if need be all, if the past takes more memory than it may. [lock] */
void timeline_trim(struct timeline *timeline);

/* record.c: the file that is written. */
bool recording_create(struct timeline *timeline, const char *path, struct error *error);
/* Whether a record is to be put into the log that has so many bytes besides its numbers. False: there is no
 * recording, it is over, or it ends now, since a piece would be larger than a reader takes. A piece that is
 * long enough to be written makes a border come soon. [lock] */
bool recording_takes(struct timeline *timeline, uint64_t bytes);
/* On the harts' thread between two stretches, with all that came before in the log. `idle`: the hart waits.
 * [lock] */
void recording_border(struct timeline *timeline, bool idle);
/* The harts have stopped for good. */
void recording_destroy(struct timeline *timeline);

/* load.c: reads the file, and makes of the machine what it was at the beginning. */
bool timeline_load(struct timeline *timeline, int fd, const char *plugs, struct error *error);
/* Takes a piece of a log, which ends at that instant. False, with *error filled, if it is damaged. */
bool timeline_load_log(struct timeline *timeline, const uint8_t *bytes, size_t length, uint64_t end,
                       struct error *error);

/* play.c: the guest has written to a device. */
void timeline_show_write(struct timeline *timeline, uint64_t paddr, uint64_t value);

/* replay.c: replays until something ends it, on the thread that calls. */
void timeline_run(struct timeline *timeline);
/* Says where and why a replay failed. */
void timeline_tell_failure(const struct timeline *timeline, struct error *error);

/* sketch.c: notes what -timeline draws, on the harts' thread. None of them does anything without a sketch. */
bool sketch_create(struct timeline *timeline, const char *path, struct error *error);
void sketch_destroy(struct timeline *timeline);
/* Another hart runs from now on. */
void sketch_turn(struct timeline *timeline, unsigned hart);
/* A device has written so many bytes to memory. */
void sketch_dma(struct timeline *timeline, uint64_t length);
/* The harts are elsewhere, without having run: what follows is drawn where it belongs. */
void sketch_moved(struct timeline *timeline);
void timeline_take_mode(struct hart_recorder *recorder, unsigned hart, unsigned priv, uint64_t satp);
void timeline_take_trap(struct hart_recorder *recorder, bool interrupt, unsigned cause);
void timeline_take_reach(struct hart_recorder *recorder, uint64_t paddr);

/* checkpoint.c */
/* Two checkpoints become one, where they are closest for their age. False: there are too few. [lock] */
bool timeline_thin(struct timeline *timeline);
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
