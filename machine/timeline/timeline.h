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
struct timeline;

#define TIMELINE_NEVER UINT64_MAX

/* Begins to record; before the harts first run. `memory`: bytes that the past may take; the oldest is
 * forgotten first. False, with *error filled. */
bool timeline_create(struct machine *machine, uint64_t memory, struct error *error);
void timeline_destroy(struct timeline *timeline);
/* The machine was changed other than by running (a reset, a loaded state, a debugger): its past is forgotten,
 * and what it is now is the present. The timeline may be NULL. */
void timeline_forget(struct timeline *timeline);

/* Whether the machine is in the past: it must not run, and nothing of it may be changed. */
bool timeline_is_past(const struct timeline *timeline);
/* The oldest instant that can be reached, and the present. */
uint64_t timeline_first(const struct timeline *timeline);
uint64_t timeline_present(const struct timeline *timeline);
/* The instant before the hart's last instruction; TIMELINE_NEVER: it is forgotten, or there is none. */
uint64_t timeline_before(const struct timeline *timeline, unsigned hart);

/* Goes to an instant, back or forward. False, with *error filled, if it cannot be reached, or if the harts
 * did something else than before, which is a fault of ours; then the machine stays where it is. */
bool timeline_goto(struct timeline *timeline, uint64_t instant, struct error *error);

enum timeline_end {
    TIMELINE_STOPPED, /* a debugger has stopped a hart */
    TIMELINE_END,     /* there is no more: of the past, or until the present */
    TIMELINE_FAILED,  /* *error says why */
};
/* From the past forward, until a hart stops as a debugger has told it (cpu/debug.h), or the present is
 * reached. */
enum timeline_end timeline_forward(struct timeline *timeline, struct error *error);
/* Back to the last instant at which a debugger would have stopped a hart. */
enum timeline_end timeline_back(struct timeline *timeline, struct error *error);

/* For turns.c, on the harts' thread, between two stretches: the hart that runs next, and what is due there.
 */
void timeline_border(struct timeline *timeline, unsigned hart);
/* The hart waits in wfi. */
void timeline_waits(struct timeline *timeline, unsigned hart);

#endif
