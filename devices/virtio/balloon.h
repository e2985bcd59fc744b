/* SPDX-License-Identifier: MIT
 *
 * The virtio memory balloon (Virtio 1.2 section 5.5): the guest gives pages of its RAM back to the host, as
 * many as the host asks for (the balloon) and those that happen to be free (free page reporting), and tells
 * how it uses its memory. Pages are of 4 KiB.
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

enum { VIRTIO_BALLOON_STATS = 16 }; /* tags of statistics that are known; section 5.5.6.4 and Linux's */

struct virtio_balloon_config {
    bool deflate_on_oom; /* a guest that is short of memory may take pages back by itself */
    bool reports_free;   /* the guest reports free pages */
    /* Called when the size of the balloon has changed, with the device's lock held, on any thread. May be
     * NULL. */
    void (*changed)(void *opaque, uint32_t pages);
    void *opaque;
};

struct virtio_balloon_view {
    uint32_t target, actual; /* pages in the balloon: as the host wants, as the guest says */
    unsigned updates;        /* how often the guest has sent statistics */
    int64_t updated_s;       /* when it last did, in seconds since 1970; 0: never */
    uint32_t known;          /* bit n: the guest has sent statistic n */
    uint64_t stats[VIRTIO_BALLOON_STATS];
};

struct virtio_device *virtio_balloon_create(const struct virtio_balloon_config *config, struct error *error);
/* Asks the guest to make the balloon that large. Any thread that holds no device's lock, like all that
 * follow. */
void virtio_balloon_set_target(struct virtio_device *device, uint32_t pages);
struct virtio_balloon_view virtio_balloon_look(struct virtio_device *device);
/* Asks for new statistics. False: the guest has no driver that sends them, or is about to send them. */
bool virtio_balloon_ask(struct virtio_device *device);
/* The name that QEMU gives a statistic. */
const char *virtio_balloon_stat_name(unsigned tag);

extern const struct device_model virtio_balloon_model;

#endif
