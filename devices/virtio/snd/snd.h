/* SPDX-License-Identifier: MIT
 *
 * The virtio sound device (Virtio 1.2 section 5.14): streams to play and to record on an audiodev.
 */
#ifndef DEVICES_VIRTIO_SND_SND_H
#define DEVICES_VIRTIO_SND_SND_H

#include "devices/audio/audiodev.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_SND_STREAMS_DEFAULT 2u
#define VIRTIO_SND_STREAMS_MAX     10u
#define VIRTIO_SND_JACKS_MAX       8u
#define VIRTIO_SND_CHMAPS_MAX      4u

struct virtio_snd_options {
    unsigned streams; /* 1 to VIRTIO_SND_STREAMS_MAX; the first half (rounded up) plays, the others record */
    unsigned jacks;   /* up to VIRTIO_SND_JACKS_MAX: one to play, one to record, one to play, and so on */
    unsigned chmaps;  /* up to VIRTIO_SND_CHMAPS_MAX: stereo to play and to record, then mono */
};

struct virtio_snd_config {
    struct audiodev *audiodev; /* borrowed; outlives the device */
    struct virtio_snd_options options;
};

/* NULL and *error if the host has no memory, or the audiodev no room for the streams. */
struct virtio_device *virtio_snd_create(const struct virtio_snd_config *config, struct error *error);

extern const struct device_model virtio_snd_model;

#endif
