/* SPDX-License-Identifier: MIT
 *
 * The machine's balloon (devices/virtio/balloon.h), in bytes of RAM. Any thread but a hart's.
 */
#ifndef MACHINE_BALLOON_H
#define MACHINE_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/balloon.h"

struct machine;

struct machine_balloon {
    uint64_t actual;   /* bytes of RAM that the guest has */
    int64_t updated_s; /* when the guest last sent statistics, in seconds since 1970; 0: never */
    uint32_t known;    /* bit n: statistic n is known */
    uint64_t stats[VIRTIO_BALLOON_STATS];
};
/* Looks at the balloon. With `fresh`, waits a moment for the guest's new statistics. False: there is none. */
bool machine_balloon(struct machine *machine, bool fresh, struct machine_balloon *balloon);
/* Asks the guest to have that many bytes of RAM; more than there are means all. False: there is no balloon.
 */
bool machine_set_balloon(struct machine *machine, uint64_t bytes);

#endif
