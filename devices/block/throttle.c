/* SPDX-License-Identifier: MIT
 *
 * A bucket is kept as the time at which it will be empty. It is over its capacity as long as that time is
 * more than the capacity's worth of time away. So requests take places one after the other, and the lock is
 * held for some arithmetic only.
 */
#include "devices/block/throttle.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/worker.h"
#include "util/host_time.h"

#define SECOND 1000000000u
#define SLICE  10000000u           /* nanoseconds between two looks at whether somebody waits */
#define FAR    (UINT64_C(1) << 60) /* no request waits for longer than that, in nanoseconds */

/* The second of the two limits the rate of a burst that lasts for several seconds. */
enum { BUCKET_AVERAGE, BUCKET_BURST, BUCKETS };

struct block_throttle {
    pthread_mutex_t lock; /* protects what follows */
    struct block_throttle_limits limits;
    uint64_t empty[BLOCK_THROTTLE_UNITS][BLOCK_THROTTLE_KINDS][BUCKETS]; /* host_now_ns() when it is */
};

/* ---- Limits -------------------------------------------------------------------------------------------- */

bool block_throttle_is_given(const struct block_throttle_limits *limits)
{
    for (unsigned unit = 0; unit < BLOCK_THROTTLE_UNITS; unit++)
        for (unsigned kind = 0; kind < BLOCK_THROTTLE_KINDS; kind++)
            if (limits->rates[unit][kind].rate)
                return true;
    return false;
}

static bool check_rate(const struct block_throttle_rate *rate, struct error *error)
{
    if (rate->rate > BLOCK_THROTTLE_MAX || rate->burst > BLOCK_THROTTLE_MAX ||
        rate->seconds > BLOCK_THROTTLE_MAX)
        return error_set(error, "bps/iops/max values must be within [0, %llu]",
                         (unsigned long long)BLOCK_THROTTLE_MAX);
    if (rate->burst && !rate->rate)
        return error_set(error, "bps_max/iops_max require corresponding bps/iops values");
    if (rate->burst && rate->burst < rate->rate)
        return error_set(error, "bps_max/iops_max cannot be lower than bps/iops");
    if (rate->seconds > 1 && !rate->burst)
        return error_set(error, "burst length set without burst rate");
    if (rate->seconds && rate->burst > BLOCK_THROTTLE_MAX / rate->seconds)
        return error_set(error, "burst length too high for this burst rate");
    return true;
}

bool block_throttle_check(const struct block_throttle_limits *limits, struct error *error)
{
    for (unsigned unit = 0; unit < BLOCK_THROTTLE_UNITS; unit++) {
        const struct block_throttle_rate *rates = limits->rates[unit];
        if ((rates[BLOCK_THROTTLE_TOTAL].rate &&
             (rates[BLOCK_THROTTLE_READ].rate || rates[BLOCK_THROTTLE_WRITE].rate)) ||
            (rates[BLOCK_THROTTLE_TOTAL].burst &&
             (rates[BLOCK_THROTTLE_READ].burst || rates[BLOCK_THROTTLE_WRITE].burst)))
            return error_set(
                error, "bps/iops/max total values and read/write values cannot be used at the same time");
        for (unsigned kind = 0; kind < BLOCK_THROTTLE_KINDS; kind++)
            if (!check_rate(&rates[kind], error))
                return false;
    }
    const struct block_throttle_rate *requests = limits->rates[BLOCK_THROTTLE_REQUESTS];
    if (limits->request_size && !requests[BLOCK_THROTTLE_TOTAL].rate && !requests[BLOCK_THROTTLE_READ].rate &&
        !requests[BLOCK_THROTTLE_WRITE].rate)
        return error_set(error, "iops size requires an iops value to be set");
    return true;
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

struct block_throttle *block_throttle_create(const struct block_throttle_limits *limits)
{
    struct block_throttle *throttle = calloc(1, sizeof(*throttle));
    if (throttle) {
        throttle->limits = *limits;
        pthread_mutex_init(&throttle->lock, NULL);
    }
    return throttle;
}

void block_throttle_change(struct block_throttle *throttle, const struct block_throttle_limits *limits)
{
    pthread_mutex_lock(&throttle->lock);
    throttle->limits = *limits;
    memset(throttle->empty, 0, sizeof(throttle->empty));
    pthread_mutex_unlock(&throttle->lock);
}

struct block_throttle_limits block_throttle_get(struct block_throttle *throttle)
{
    pthread_mutex_lock(&throttle->lock);
    struct block_throttle_limits limits = throttle->limits;
    pthread_mutex_unlock(&throttle->lock);
    return limits;
}

void block_throttle_destroy(struct block_throttle *throttle)
{
    if (throttle)
        pthread_mutex_destroy(&throttle->lock);
    free(throttle);
}

/* The time that a bucket takes to lose `units`. */
static uint64_t time_of(uint64_t units, uint64_t rate)
{
    unsigned __int128 time = (unsigned __int128)units * SECOND / rate;
    return time > FAR ? FAR : (uint64_t)time;
}

static uint64_t units_of(const struct block_throttle *throttle, unsigned unit, uint64_t bytes)
{
    uint64_t size = throttle->limits.request_size;
    if (unit == BLOCK_THROTTLE_BYTES)
        return bytes;
    return size && bytes > size ? bytes / size + (bytes % size != 0) : 1;
}

/* The rate of a bucket, and what it holds beyond, in nanoseconds; 0: there is no such limit. */
static uint64_t bucket_rate(const struct block_throttle_rate *rate, unsigned bucket, uint64_t *capacity)
{
    uint64_t seconds = rate->seconds ? rate->seconds : 1;
    if (bucket == BUCKET_BURST) {
        *capacity = SECOND / 10;
        return seconds > 1 ? rate->burst : 0;
    }
    *capacity = !rate->rate ? 0 : rate->burst ? time_of(rate->burst * seconds, rate->rate) : SECOND / 10;
    return rate->rate;
}

/* Returns when a request may begin that wants to at `begin`: when no bucket of its kind is over its capacity.
 */
static uint64_t find_place(const struct block_throttle *throttle, unsigned kind, uint64_t begin)
{
    for (unsigned n = 0; n < BLOCK_THROTTLE_UNITS * BUCKETS; n++) {
        unsigned unit = n / BUCKETS, bucket = n % BUCKETS;
        uint64_t capacity, empty = throttle->empty[unit][kind][bucket];
        if (bucket_rate(&throttle->limits.rates[unit][kind], bucket, &capacity) && empty > begin &&
            empty - begin > capacity)
            begin = empty - capacity;
    }
    return begin;
}

/* A request of so many bytes begins at `begin`. */
static void pour(struct block_throttle *throttle, unsigned kind, uint64_t bytes, uint64_t begin)
{
    for (unsigned n = 0; n < BLOCK_THROTTLE_UNITS * BUCKETS; n++) {
        unsigned unit = n / BUCKETS, bucket = n % BUCKETS;
        uint64_t capacity, *empty = &throttle->empty[unit][kind][bucket];
        uint64_t rate = bucket_rate(&throttle->limits.rates[unit][kind], bucket, &capacity);
        if (!rate)
            continue;
        uint64_t from = *empty > begin ? *empty : begin,
                 more = time_of(units_of(throttle, unit, bytes), rate);
        *empty = from - begin > FAR ? from : from + more;
    }
}

uint64_t block_throttle_take(struct block_throttle *throttle, bool write, uint64_t bytes, uint64_t now)
{
    pthread_mutex_lock(&throttle->lock);
    unsigned kind = write ? BLOCK_THROTTLE_WRITE : BLOCK_THROTTLE_READ;
    uint64_t begin = find_place(throttle, kind, find_place(throttle, BLOCK_THROTTLE_TOTAL, now));
    if (begin > now + FAR)
        begin = now + FAR;
    pour(throttle, kind, bytes, begin);
    pour(throttle, BLOCK_THROTTLE_TOTAL, bytes, begin);
    pthread_mutex_unlock(&throttle->lock);
    return begin - now;
}

bool block_throttle_wait(struct block_throttle *throttle, bool write, uint64_t bytes)
{
    uint64_t now = host_now_ns(), begin = now + block_throttle_take(throttle, write, bytes, now);
    while (now < begin && !device_worker_is_awaited()) {
        if (device_worker_is_dropped())
            return false;
        uint64_t left = begin - now < SLICE ? begin - now : SLICE;
        nanosleep(&(struct timespec){ .tv_nsec = (long)left }, NULL);
        now = host_now_ns();
    }
    return true;
}
