/* SPDX-License-Identifier: MIT
 *
 * Random bytes for the guest: from the host's kernel, or, with -seed, the same bytes in each run.
 */
#ifndef UTIL_GUEST_RANDOM_H
#define UTIL_GUEST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on the bytes are computed from the seed. Call it before other threads run. */
void guest_random_seed(uint64_t seed);
/* Fills `bytes`; returns the number of bytes, as getrandom(2) does: it may be fewer than `length`, or -1 with
 * errno if the host has none now. Does not wait if `may_wait` is false. Any thread. */
long guest_random(void *bytes, size_t length, bool may_wait);

#endif
