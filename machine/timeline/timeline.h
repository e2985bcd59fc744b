/* SPDX-License-Identifier: MIT
 *
 * The past of a machine in virtual time (-icount): going back to any instruction that was executed, and
 * forward again to the present.
 *
 * What comes into the harts from the rest of the machine is noted (cpu/recorder.h): values of devices'
 * registers and of clocks, interrupts, bytes that devices write to memory, whose turn it is. From time to
 * time there is a checkpoint: the harts' registers, and from then on a copy of each page before it is first
 * written. To go back, the copies are put back up to a checkpoint, and the harts run again from there,
 * without any device: what they get from outside is what was noted. Devices stay in the present, where the
 * guest lives on.
 *
 * An instant is a number of instructions (machine_instructions()). All functions are for the thread that has
 * paused the machine and holds it (machine_hold()), so no hart runs and no device is at work, unless they say
 * something else.
 */
#ifndef MACHINE_TIMELINE_TIMELINE_H
#define MACHINE_TIMELINE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct machine;
struct machine_config;
struct timeline;

#define TIMELINE_NEVER UINT64_MAX

/* Begins to record, in memory or in a file, or prepares for a replay, as the machine's config says; before
 * the harts first run. What is kept in memory takes config.record_memory bytes: old checkpoints become fewer,
 * and then the oldest part is forgotten. False, with *error filled. */
bool timeline_create(struct machine *machine, struct error *error);
void timeline_destroy(struct timeline *timeline);
/* With config.replay_file: reads it, when memory is filled. */
bool timeline_begin_replay(struct machine *machine, struct error *error);
/* For turns.c, on the harts' thread: replays, until it is told to stop; at the end of the recording the
 * machine's run ends, or it is paused for a debugger. */
void timeline_play(struct timeline *timeline);
/* A run of the machine has ended, and no hart runs. */
void timeline_ended(struct timeline *timeline, bool reset, bool quit, unsigned status);
/* What is plugged into the machine, a line each, for the check that a replay's machine is the same. The
 * caller frees it; NULL: out of memory. */
char *timeline_describe_plugs(const struct machine_config *config);
/* The machine was changed other than by running (a reset, a loaded state, a debugger): its past is forgotten,
 * and what it is now is the present. The timeline may be NULL. */
void timeline_forget(struct timeline *timeline);

/* Whether the past is kept in memory, so that one can go back. The timeline may be NULL. */
bool timeline_keeps(const struct timeline *timeline);
/* Whether the machine is in the past: it must not run, and nothing of it may be changed. */
bool timeline_is_past(const struct timeline *timeline);
/* Why nothing may be changed then, for people. */
const char *timeline_past_text(const struct timeline *timeline);
/* Whether it replays a file: then all of it is past, but it may run. */
bool timeline_is_replay(const struct timeline *timeline);
/* The oldest instant that can be reached, and the present. */
uint64_t timeline_first(const struct timeline *timeline);
uint64_t timeline_present(const struct timeline *timeline);
/* The instant before the hart's last instruction; TIMELINE_NEVER: it is forgotten, or there is none. */
uint64_t timeline_before(const struct timeline *timeline, unsigned hart);

/* The hart that runs next, in the past. */
unsigned timeline_hart(const struct timeline *timeline);

/* Goes to an instant, back or forward. False, with *error filled, if it cannot be reached, or if the harts
 * did something else than before, which is a fault of ours; then the machine stays where it is. */
bool timeline_goto(struct timeline *timeline, uint64_t instant, struct error *error);

enum timeline_end {
    TIMELINE_STOPPED,     /* a debugger has stopped a hart */
    TIMELINE_END,         /* there is no more: of the past, or until the present */
    TIMELINE_INTERRUPTED, /* timeline_ask() */
    TIMELINE_FAILED,      /* *error says why */
};
/* From the past forward, until a hart stops as a debugger has told it (cpu/debug.h), or the present is
 * reached. */
enum timeline_end timeline_forward(struct timeline *timeline, struct error *error);
/* Back to the last instant at which a debugger would have stopped a hart. */
enum timeline_end timeline_back(struct timeline *timeline, struct error *error);

/* Back to the last instruction behind which `value` is another one than before it; it is asked behind each
 * instruction, on another thread, while no hart runs. TIMELINE_STOPPED: the harts stand before that
 * instruction; TIMELINE_END: there is none, and they stand where they stood. */
enum timeline_end timeline_back_change(struct timeline *timeline, uint64_t (*value)(void *opaque),
                                       void *opaque, struct error *error);

/* While this thread waits in a function above, `ask` is called some 50 times a second; if it says true, the
 * function ends early. NULL: no more. */
void timeline_ask(struct timeline *timeline, bool (*ask)(void *opaque), void *opaque);

/* Begins to keep the past in memory, from here on, or forgets it. False, with *error filled, if the machine
 * was not started with config.record_memory, or is in the past. The timeline may be NULL. */
bool timeline_set_keeps(struct timeline *timeline, bool keeps, struct error *error);

/* For people. While no hart runs; the strings live as long as the timeline. */
struct timeline_facts {
    uint64_t now, first, present;
    bool keeps, past;
    uint64_t checkpoints, memory, memory_max;
    const char *recorded, *replayed; /* files; NULL: none */
    bool recording_over;
    const char *recording_end; /* why, or of a replay's recording */
};
void timeline_facts(const struct timeline *timeline, struct timeline_facts *facts);

/* Writes the picture of the run so far (picture.c) to that file; NULL: to the one of config.timeline_file.
 * False, with *error filled, on failure. The timeline may be NULL. */
bool timeline_write_picture(struct timeline *timeline, const char *path, struct error *error);

/* For turns.c, on the harts' thread, between two stretches: the hart that runs next, and what is due there.
 */
void timeline_border(struct timeline *timeline, unsigned hart);
/* The hart waits in wfi. */
void timeline_waits(struct timeline *timeline, unsigned hart);

#endif
