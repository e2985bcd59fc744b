/* SPDX-License-Identifier: MIT
 *
 * The audiodev that uses nothing of the host: what is played is thrown away at the pace of the guest's clock,
 * and what is recorded is silence. It is for guests that want a sound card on a host that has none.
 */
#include <stdlib.h>

#include "devices/audio/audiodev.h"

struct audio_voice {
    struct audio_format format;
    struct audio_pacer pacer;
    struct clock *clock;
};

static struct audio_voice *none_open(struct audiodev *audiodev, enum audio_direction direction,
                                     const struct audio_format *format, struct error *error)
{
    (void)direction;
    struct audio_voice *voice = calloc(1, sizeof(*voice));
    if (!voice) {
        error_set(error, "-audiodev none: out of memory");
        return NULL;
    }
    voice->format = *format;
    voice->clock = audiodev->clock;
    return voice;
}

static void none_close(struct audio_voice *voice)
{
    free(voice);
}

static void none_run(struct audio_voice *voice, bool on)
{
    if (on)
        audio_pacer_start(&voice->pacer, voice->clock, voice->format.rate);
}

static unsigned none_ready(struct audio_voice *voice)
{
    return audio_pacer_due(&voice->pacer);
}

/* The frames belong to the period that has just passed, so the latency is negative. */
static int none_latency(struct audio_voice *voice, unsigned frames)
{
    (void)voice;
    return -(int)frames;
}

static void none_write(struct audio_voice *voice, const void *bytes, unsigned frames)
{
    (void)bytes;
    voice->pacer.frames += frames;
}

static void none_read(struct audio_voice *voice, void *bytes, unsigned frames)
{
    audio_silence(&voice->format, bytes, frames);
    voice->pacer.frames += frames;
}

static bool none_starved(struct audio_voice *voice)
{
    audio_pacer_start(&voice->pacer, voice->clock, voice->format.rate);
    return true;
}

static void none_destroy(struct audiodev *audiodev)
{
    free(audiodev);
}

static const struct audiodev_ops none_ops = {
    .name = "none",
    .open = none_open,
    .close = none_close,
    .run = none_run,
    .ready = none_ready,
    .latency = none_latency,
    .write = none_write,
    .read = none_read,
    .starved = none_starved,
    .destroy = none_destroy,
};

struct audiodev *audiodev_none_create(const struct audiodev_config *config, struct error *error)
{
    (void)config;
    struct audiodev *audiodev = calloc(1, sizeof(*audiodev));
    if (!audiodev)
        error_set(error, "-audiodev none: out of memory");
    else
        audiodev->ops = &none_ops;
    return audiodev;
}
