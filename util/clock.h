/* SPDX-License-Identifier: MIT
 *
 * The machine's clock: nanoseconds of guest time since the machine was made, and timers on it. All guest time
 * (mtime, the RTC, timer interrupts) comes from here. Its source is the host's monotonic clock, or something
 * else that counts (-icount: instructions).
 *
 * A timer's callback runs in the clock's own thread with no lock held; it must not block and may arm timers.
 * Arming and disarming are callable from any thread, also with a device lock held.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define CLOCK_NEVER UINT64_MAX

struct clock;

/* Starts the clock's thread. Returns NULL and fills *error if the host cannot make another thread. */
struct clock *clock_create(struct error *error);
/* Stops the thread; all timers must be disarmed or dead. */
void clock_destroy(struct clock *clock);

/* A source other than the host's clock. With it the clock has no thread of its own that fires timers: who
 * counts calls clock_fire() when clock_deadline() is reached. What the source does while the clock is stopped
 * does not count: a state may be loaded. */
struct clock_source {
    uint64_t (*ns)(void *opaque); /* never goes backwards; any thread */
    /* The first deadline is another one. Called on any thread, with the clock's lock held. */
    void (*changed)(void *opaque);
    void *opaque;
};
/* From now on the clock has that source, which is copied; before anything has read the clock. */
void clock_use_source(struct clock *clock, const struct clock_source *source);
/* When the first timer is due; CLOCK_NEVER: none is armed. Any thread. */
uint64_t clock_deadline(struct clock *clock);
/* Calls all timers that are due, on the calling thread. Only with a source. */
void clock_fire(struct clock *clock);

/* Guest nanoseconds; never goes backwards. */
uint64_t clock_ns(struct clock *clock);
/* While the clock is stopped, clock_ns() stands still and no timer fires: a callback that runs has ended when
 * this returns. When it starts again, the wall clock again shows the host's time. The caller must have
 * stopped the harts, and hold no lock that a callback takes. Idempotent. */
void clock_stop(struct clock *clock);
void clock_start(struct clock *clock);
bool clock_is_stopped(struct clock *clock);
/* Adds to all later readings. */
void clock_shift(struct clock *clock, int64_t ns);
/* Makes it `ns` now, as when a state was saved. The wall clock goes on showing the host's time or, where it
 * stands with the clock, shows what it showed then. */
void clock_set(struct clock *clock, uint64_t ns, uint64_t wall_ns);
/* Seconds since 1970 at guest time 0 (host wall clock, or -rtc base=...), in nanoseconds. */
uint64_t clock_wall_ns(struct clock *clock);
/* The wall clock shows that many seconds since 1970 at guest time 0 (-rtc base=DATE); before anything reads
 * it. */
void clock_set_wall(struct clock *clock, int64_t seconds);
/* Moves the wall clock by that many seconds (-rtc base=localtime); to be called before anything reads it. */
void clock_shift_wall(struct clock *clock, int64_t seconds);
/* From now on the wall clock stands while the clock is stopped, and falls behind the host's (-rtc clock=vm);
 * before the machine runs. */
void clock_stop_wall(struct clock *clock);

struct clock_timer {
    void (*fire)(void *opaque);
    void *opaque;
    struct clock *clock;
    uint64_t deadline; /* ns, CLOCK_NEVER: disarmed; protected by the clock's lock */
    struct clock_timer *next;
};

void clock_timer_init(struct clock_timer *timer, struct clock *clock, void (*fire)(void *), void *opaque);
/* Fires once, at or soon after `deadline`, which replaces an earlier deadline. A deadline in the past fires
 * at once (from the clock's thread). CLOCK_NEVER disarms the timer; its callback may still be running
 * then. */
void clock_timer_arm(struct clock_timer *timer, uint64_t deadline);
/* Disarms and waits for a running callback (not to be called from the callback itself). */
void clock_timer_cancel(struct clock_timer *timer);

#endif
