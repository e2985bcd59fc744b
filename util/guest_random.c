/* SPDX-License-Identifier: MIT
 *
 * See guest_random.h. With a seed the bytes are the outputs of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
 * Each output is computed from a counter, so threads that ask at the same time get different bytes without a
 * lock.
 */
#include "util/guest_random.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#define STEP 0x9e3779b97f4a7c15u

static bool seeded;
static _Atomic uint64_t state;

void guest_random_seed(uint64_t seed)
{
    seeded = true;
    atomic_store(&state, seed);
}

static uint64_t next(void)
{
    uint64_t z = atomic_fetch_add(&state, STEP) + STEP;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

long guest_random(void *bytes, size_t length, bool may_wait)
{
    if (!seeded)
        return getrandom(bytes, length, may_wait ? 0 : GRND_NONBLOCK);
    for (size_t done = 0; done < length; done += 8) {
        uint64_t word = next();
        memcpy((uint8_t *)bytes + done, &word, length - done < 8 ? length - done : 8);
    }
    return (long)length;
}
