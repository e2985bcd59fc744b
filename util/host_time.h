/* SPDX-License-Identifier: MIT
 *
 * The host's monotonic time, for waits and deadlines. Guest time is clock.h's. From any thread.
 */
#ifndef UTIL_HOST_TIME_H
#define UTIL_HOST_TIME_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds and milliseconds since a moment in the past that does not change; they never go backwards. */
static inline uint64_t host_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t host_now_ms(void)
{
    return host_now_ns() / 1000000;
}

/* Makes a condition whose timed waits use this time: they end at host_timespec(). */
static inline void host_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline struct timespec host_timespec(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
}

#endif
