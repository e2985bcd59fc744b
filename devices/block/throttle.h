/* SPDX-License-Identifier: MIT
 *
 * Limits of a disk's speed (throttling.bps-total= and the like of -drive): a request waits on its own thread
 * until it may begin. Each limit is a bucket that loses `rate` units a second. A request begins when the
 * bucket is not over its capacity, and then pours in what it has, so a single request may be larger than the
 * bucket.
 */
#ifndef DEVICES_BLOCK_THROTTLE_H
#define DEVICES_BLOCK_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

enum block_throttle_unit { BLOCK_THROTTLE_BYTES, BLOCK_THROTTLE_REQUESTS, BLOCK_THROTTLE_UNITS };
enum block_throttle_kind {
    BLOCK_THROTTLE_TOTAL,
    BLOCK_THROTTLE_READ,
    BLOCK_THROTTLE_WRITE,
    BLOCK_THROTTLE_KINDS
};
#define BLOCK_THROTTLE_MAX 1000000000000000u

struct block_throttle_rate {
    uint64_t rate;    /* units a second, up to BLOCK_THROTTLE_MAX; 0: no limit */
    uint64_t burst;   /* the same, for a while; 0: a tenth of a second's units may come at once */
    uint64_t seconds; /* how long the burst may last; 0: 1 */
};
struct block_throttle_limits {
    struct block_throttle_rate rates[BLOCK_THROTTLE_UNITS][BLOCK_THROTTLE_KINDS];
    uint64_t request_size; /* a request of more bytes counts as several; 0: as one */
};

/* Returns whether there is any limit. */
bool block_throttle_is_given(const struct block_throttle_limits *limits);
/* False and *error if the limits contradict each other, in QEMU's words. */
bool block_throttle_check(const struct block_throttle_limits *limits, struct error *error);

struct block_throttle;
/* NULL: out of memory. */
struct block_throttle *block_throttle_create(const struct block_throttle_limits *limits);
/* From now on these limits hold, as if nothing had been done before; requests that wait already keep their
 * places. Any thread. */
void block_throttle_change(struct block_throttle *throttle, const struct block_throttle_limits *limits);
struct block_throttle_limits block_throttle_get(struct block_throttle *throttle);
void block_throttle_destroy(struct block_throttle *throttle);
/* Takes a place for a request, and returns how many nanoseconds after `now` (of host_now_ns()) it begins. Any
 * thread. */
uint64_t block_throttle_take(struct block_throttle *throttle, bool write, uint64_t bytes, uint64_t now);
/* The same, and waits until then; or not, while the host waits for any device's threads
 * (device_worker_is_awaited()). False: the guest has taken the device away from the request meanwhile
 * (device_worker_is_dropped()), which must not be done: otherwise a guest that resets the device again and
 * again would have no limits. */
bool block_throttle_wait(struct block_throttle *throttle, bool write, uint64_t bytes);

#endif
