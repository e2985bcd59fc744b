/* SPDX-License-Identifier: MIT
 *
 * The machine's clock; see clock.h. A sorted list of armed timers (a few per hart) and one thread that sleeps
 * until the first of them; with a source other than the host's clock, that thread has nothing to do. The lock
 * guards the list; callbacks run without it.
 */
#include "util/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/host_time.h"
#include "util/thread.h"

struct clock {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the first deadline moved, a callback ended, or `stop` */
    pthread_t thread;
    struct clock_timer *first;
    struct clock_timer *running; /* the timer whose callback runs now */
    struct clock_source source;  /* ns == NULL: the host's clock */
    _Atomic int64_t offset;      /* guest ns = CLOCK_MONOTONIC ns, or the source's, + offset */
    _Atomic uint64_t stopped_at; /* guest ns + 1 while time stands still; 0: time runs */
    _Atomic uint64_t wall_base;
    bool wall_stops;
    bool stop;
};

uint64_t clock_ns(struct clock *clock)
{
    uint64_t stopped = atomic_load_explicit(&clock->stopped_at, memory_order_relaxed);
    if (stopped)
        return stopped - 1;
    uint64_t ns = clock->source.ns ? clock->source.ns(clock->source.opaque) : host_now_ns();
    return ns + (uint64_t)atomic_load_explicit(&clock->offset, memory_order_relaxed);
}

/* The first deadline, or the time, is another one. [lock] */
static void tell_changed(struct clock *clock)
{
    if (clock->source.ns)
        clock->source.changed(clock->source.opaque);
    else
        pthread_cond_broadcast(&clock->changed);
}

void clock_use_source(struct clock *clock, const struct clock_source *source)
{
    pthread_mutex_lock(&clock->lock);
    uint64_t now = clock_ns(clock);
    clock->source = *source;
    atomic_store(&clock->offset, 0);
    if (atomic_load(&clock->stopped_at))
        atomic_store(&clock->stopped_at, 1);
    clock->wall_base += now;
    pthread_mutex_unlock(&clock->lock);
}

uint64_t clock_deadline(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    uint64_t deadline = clock->first ? clock->first->deadline : CLOCK_NEVER;
    pthread_mutex_unlock(&clock->lock);
    return deadline;
}

void clock_stop(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    if (!atomic_load(&clock->stopped_at))
        atomic_store(&clock->stopped_at, clock_ns(clock) + 1);
    while (clock->running)
        pthread_cond_wait(&clock->changed, &clock->lock);
    pthread_mutex_unlock(&clock->lock);
}

void clock_start(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    uint64_t stopped = atomic_exchange(&clock->stopped_at, 0);
    if (stopped) {
        uint64_t lost = clock_ns(clock) - (stopped - 1);
        atomic_fetch_sub(&clock->offset, (int64_t)lost);
        if (!clock->wall_stops && !clock->source.ns)
            atomic_fetch_add(&clock->wall_base, lost); /* the guest's calendar stays the host's */
        pthread_cond_broadcast(&clock->changed);
    }
    pthread_mutex_unlock(&clock->lock);
}

bool clock_is_stopped(struct clock *clock)
{
    return atomic_load(&clock->stopped_at) != 0;
}

void clock_shift(struct clock *clock, int64_t ns)
{
    pthread_mutex_lock(&clock->lock);
    atomic_fetch_add(&clock->offset, ns);
    if (atomic_load(&clock->stopped_at))
        atomic_fetch_add(&clock->stopped_at, (uint64_t)ns);
    tell_changed(clock);
    pthread_mutex_unlock(&clock->lock);
}

void clock_set(struct clock *clock, uint64_t ns, uint64_t wall_ns)
{
    pthread_mutex_lock(&clock->lock);
    uint64_t now = clock_ns(clock), wall = clock->wall_base + now;
    atomic_fetch_add(&clock->offset, (int64_t)(ns - now));
    if (atomic_load(&clock->stopped_at))
        atomic_store(&clock->stopped_at, ns + 1);
    atomic_store(&clock->wall_base, (clock->wall_stops ? wall_ns : wall) - ns);
    tell_changed(clock);
    pthread_mutex_unlock(&clock->lock);
}

uint64_t clock_wall_ns(struct clock *clock)
{
    return clock->wall_base + clock_ns(clock);
}

void clock_set_wall(struct clock *clock, int64_t seconds)
{
    clock->wall_base = (uint64_t)seconds * 1000000000u;
}

void clock_shift_wall(struct clock *clock, int64_t seconds)
{
    clock->wall_base += (uint64_t)seconds * 1000000000u;
}

void clock_stop_wall(struct clock *clock)
{
    clock->wall_stops = true;
}

static void list_remove(struct clock *clock, struct clock_timer *timer)
{
    for (struct clock_timer **link = &clock->first; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            return;
        }
    }
}

/* Calls the first timer. [lock], which is released meanwhile */
static void fire_first(struct clock *clock)
{
    struct clock_timer *timer = clock->first;
    clock->first = timer->next;
    timer->deadline = CLOCK_NEVER;
    clock->running = timer;
    pthread_mutex_unlock(&clock->lock);
    timer->fire(timer->opaque);
    pthread_mutex_lock(&clock->lock);
    clock->running = NULL;
    pthread_cond_broadcast(&clock->changed);
}

void clock_fire(struct clock *clock)
{
    pthread_mutex_lock(&clock->lock);
    while (clock->first && clock->first->deadline <= clock_ns(clock))
        fire_first(clock);
    pthread_mutex_unlock(&clock->lock);
}

static void *clock_thread(void *opaque)
{
    struct clock *clock = opaque;
    pthread_mutex_lock(&clock->lock);
    while (!clock->stop) {
        struct clock_timer *timer = clock->first;
        if (!timer || clock->source.ns || atomic_load(&clock->stopped_at)) {
            pthread_cond_wait(&clock->changed, &clock->lock);
            continue;
        }
        if (timer->deadline > clock_ns(clock)) {
            uint64_t host = timer->deadline - (uint64_t)atomic_load(&clock->offset);
            struct timespec until = host_timespec(host);
            pthread_cond_timedwait(&clock->changed, &clock->lock, &until);
            continue;
        }
        fire_first(clock);
    }
    pthread_mutex_unlock(&clock->lock);
    return NULL;
}

struct clock *clock_create(struct error *error)
{
    struct clock *clock = calloc(1, sizeof(*clock));
    if (!clock) {
        error_set(error, "out of memory for the clock");
        return NULL;
    }
    host_cond_init(&clock->changed);
    pthread_mutex_init(&clock->lock, NULL);
    atomic_store(&clock->offset, -(int64_t)host_now_ns());
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock->wall_base = (uint64_t)wall.tv_sec * 1000000000u + (uint64_t)wall.tv_nsec;
    int status = thread_create(&clock->thread, THREAD_TIMER, "clock", clock_thread, clock);
    if (status) {
        error_set(error, "cannot start the clock's thread: %s", strerror(status));
        free(clock);
        return NULL;
    }
    return clock;
}

void clock_destroy(struct clock *clock)
{
    if (!clock)
        return;
    pthread_mutex_lock(&clock->lock);
    clock->stop = true;
    pthread_cond_broadcast(&clock->changed);
    pthread_mutex_unlock(&clock->lock);
    thread_join(&clock->thread);
    pthread_cond_destroy(&clock->changed);
    pthread_mutex_destroy(&clock->lock);
    free(clock);
}

void clock_timer_init(struct clock_timer *timer, struct clock *clock, void (*fire)(void *), void *opaque)
{
    *timer = (struct clock_timer){ .fire = fire, .opaque = opaque, .clock = clock, .deadline = CLOCK_NEVER };
}

void clock_timer_arm(struct clock_timer *timer, uint64_t deadline)
{
    struct clock *clock = timer->clock;
    pthread_mutex_lock(&clock->lock);
    struct clock_timer *old_first = clock->first;
    if (timer->deadline != CLOCK_NEVER)
        list_remove(clock, timer);
    timer->deadline = deadline;
    if (deadline != CLOCK_NEVER) {
        struct clock_timer **link = &clock->first;
        while (*link && (*link)->deadline <= deadline)
            link = &(*link)->next;
        timer->next = *link;
        *link = timer;
    }
    /* A thread that wakes too early goes back to sleep; only an earlier first deadline needs it now. */
    if (clock->first == timer || old_first != clock->first)
        tell_changed(clock);
    pthread_mutex_unlock(&clock->lock);
}

void clock_timer_cancel(struct clock_timer *timer)
{
    clock_timer_arm(timer, CLOCK_NEVER);
    struct clock *clock = timer->clock;
    pthread_mutex_lock(&clock->lock);
    while (clock->running == timer)
        pthread_cond_wait(&clock->changed, &clock->lock);
    pthread_mutex_unlock(&clock->lock);
}
