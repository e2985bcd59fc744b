/* SPDX-License-Identifier: MIT
 *
 * Audio devices: the host side of a sound card. A backend (none, wav, and sdl in the front end) plays and
 * records; a front end (virtio-snd) has streams, each of which is a `struct audio_front` here.
 *
 * Each audiodev has one thread, and everything that may take time happens in it. It asks each front what its
 * stream wants, opens and closes the backend's voice for it, and moves frames when the backend is ready for
 * them. So the backend sets the pace, and any other thread only calls audiodev_wake().
 *
 * While the guest is paused (its clock stands still) no frame moves. A frame is one sample of each channel,
 * interleaved, little-endian.
 */
#ifndef DEVICES_AUDIO_AUDIODEV_H
#define DEVICES_AUDIO_AUDIODEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/clock.h"
#include "util/error.h"

#define AUDIO_RATE_MIN     5000u /* frames a second */
#define AUDIO_RATE_MAX     192000u
#define AUDIO_CHANNELS_MAX 2u

enum audio_sample {
    AUDIO_SAMPLE_S8,
    AUDIO_SAMPLE_U8,
    AUDIO_SAMPLE_S16,
    AUDIO_SAMPLE_U16,
    AUDIO_SAMPLE_S32,
    AUDIO_SAMPLE_FLOAT,
    AUDIO_SAMPLE_COUNT
};
enum audio_direction { AUDIO_OUTPUT, AUDIO_INPUT };

struct audio_format {
    enum audio_sample sample;
    unsigned rate, channels;
};

/* What a stream wants of its backend. */
struct audio_want {
    bool open; /* the stream needs a voice of this format */
    bool run;  /* frames shall move */
    struct audio_format format;
    uint32_t serial; /* a new number asks for another call of opened() */
};

/* A stream. All functions are called in the audiodev's thread. */
struct audio_front {
    enum audio_direction direction;
    void *opaque;
    struct audio_want (*wanted)(void *opaque);
    /* Tells whether a voice could be opened, once for each serial. */
    void (*opened)(void *opaque, uint32_t serial, bool ok);
    /* Moves up to `frames` frames: output fills `bytes`, input takes them. Returns how many were moved; they
     * are fewer if the guest has no more. `latency` for output: the number of frames that will be heard
     * before the first of these; it is negative if their time has already begun. `latency` for input: the
     * number of frames that were recorded after the last of these and come next. */
    unsigned (*transfer)(void *opaque, void *bytes, unsigned frames, int latency);
    /* The backend ran out of frames to play, or recorded frames were lost, because the guest was too late. */
    void (*xrun)(void *opaque);
    /* The transfers of this turn are over. */
    void (*transfer_end)(void *opaque);
};

struct audiodev;
struct audio_voice; /* the backend's, for one open stream */

/* A backend. All functions but destroy() are called in the audiodev's thread. */
struct audiodev_ops {
    const char *name;
    /* NULL and *error if the host cannot open a voice. No frame moves before run(). */
    struct audio_voice *(*open)(struct audiodev *audiodev, enum audio_direction direction,
                                const struct audio_format *format, struct error *error);
    void (*close)(struct audio_voice *voice);
    void (*run)(struct audio_voice *voice, bool on);
    /* How many frames the voice would take, or has, now. */
    unsigned (*ready)(struct audio_voice *voice);
    /* As `latency` of transfer(), for the next `frames` frames. */
    int (*latency)(struct audio_voice *voice, unsigned frames);
    void (*write)(struct audio_voice *voice, const void *bytes, unsigned frames);
    /* Reads exactly `frames` frames, at most as many as ready() returned. */
    void (*read)(struct audio_voice *voice, void *bytes, unsigned frames);
    /* The guest gave or took fewer frames than were ready. Returns true if frames were lost because of
     * that. */
    bool (*starved)(struct audio_voice *voice);
    /* All voices have had their turn. May be NULL. */
    void (*flush)(struct audiodev *audiodev);
    void (*destroy)(struct audiodev *audiodev);
};

struct audiodev_config {
    /* Makes the backend; NULL and *error if the host cannot. */
    struct audiodev *(*create)(const struct audiodev_config *config, struct error *error);
    struct clock *clock;        /* the guest's clock; outlives the audiodev */
    const char *path;           /* wav: the file; NULL: AUDIODEV_WAV_PATH */
    struct audio_format format; /* wav: the file's format; rate 0: the format of the first stream */
    unsigned period_us;         /* between two turns of the thread; 0: AUDIODEV_PERIOD_US */
    unsigned buffer_us;         /* sdl: how much is given to the host in advance; 0: its default */
};
#define AUDIODEV_PERIOD_US 10000u
#define AUDIODEV_WAV_PATH  "qemu.wav" /* scripts that name no path expect this one */
#define AUDIODEV_FRONTS    32u
#define AUDIODEV_CHUNK     4096u /* bytes that move at a time */

struct audio_slot {
    struct audio_front front;
    struct audio_voice *voice; /* NULL: none is open */
    struct audio_format format;
    uint32_t serial;
    bool answered, running;
    bool refused;      /* the host could not open a voice, and the user was told so */
    uint64_t close_at; /* when a voice that nobody wants any more is closed, in ns of the host's clock */
};

struct audiodev {
    const struct audiodev_ops *ops;
    struct clock *clock;
    /* The rest belongs to audiodev.c. */
    uint64_t period_ns;
    struct audio_slot slots[AUDIODEV_FRONTS];
    unsigned slot_count;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* for the two below; taken after all other locks */
    pthread_cond_t changed;
    bool woken, stop;
    pthread_mutex_t turn; /* held by the thread while it works; taken before a front's own locks */
};

/* The backends of this folder. */
struct audiodev *audiodev_none_create(const struct audiodev_config *config, struct error *error);
struct audiodev *audiodev_wav_create(const struct audiodev_config *config, struct error *error);

/* Makes the backend and its thread, which sleeps as long as no stream is open. */
struct audiodev *audiodev_create(const struct audiodev_config *config, struct error *error);
/* To be called after its fronts were removed. */
void audiodev_destroy(struct audiodev *audiodev);
/* Adds a stream, before the machine runs. Returns false if there are already AUDIODEV_FRONTS. */
bool audiodev_add(struct audiodev *audiodev, const struct audio_front *front);
/* Removes all streams with that `opaque`; afterwards they are not called any more. Waits for the audiodev's
 * thread, so the caller must not hold a lock that a front takes. */
void audiodev_remove(struct audiodev *audiodev, const void *opaque);
/* What a stream wants has changed. Any thread, with locks held; never waits. */
void audiodev_wake(struct audiodev *audiodev);

/* For backends without a clock of their own: the guest's clock says when frames are due. If the guest gives
 * frames too late, the lost time is not made up for. If the thread comes too late, at most
 * AUDIO_PACER_LATE_MS are made up for. */
#define AUDIO_PACER_LATE_MS 100u
struct audio_pacer {
    struct clock *clock;
    unsigned rate;
    uint64_t start_ns, frames; /* frames moved since then */
};
void audio_pacer_start(struct audio_pacer *pacer, struct clock *clock, unsigned rate);
unsigned audio_pacer_due(struct audio_pacer *pacer);

/* convert.c */
unsigned audio_sample_bytes(enum audio_sample sample);
static inline unsigned audio_frame_bytes(const struct audio_format *format)
{
    return audio_sample_bytes(format->sample) * format->channels;
}
static inline bool audio_format_equal(const struct audio_format *a, const struct audio_format *b)
{
    return a->sample == b->sample && a->rate == b->rate && a->channels == b->channels;
}
void audio_silence(const struct audio_format *format, void *bytes, unsigned frames);
/* Converts samples to and from floats between -1 and 1; values beyond are cut. Not on a hart's thread. */
void audio_to_float(enum audio_sample sample, const void *bytes, float *floats, size_t count);
void audio_from_float(enum audio_sample sample, const float *floats, void *bytes, size_t count);

/* Converts frames to another rate and number of channels, by linear interpolation. */
struct audio_resampler {
    struct audio_format from, to; /* their sample types do not matter here */
    /* of the next frame of `to`: how far it lies after `last`, in frames of `from` (32.32 bits) */
    uint64_t phase;
    float last[AUDIO_CHANNELS_MAX];
    bool primed;
};
void audio_resampler_init(struct audio_resampler *resampler, const struct audio_format *from,
                          const struct audio_format *to);
/* The most frames that can come of `frames` frames. */
size_t audio_resampler_room(const struct audio_resampler *resampler, size_t frames);
/* Returns how many frames it wrote. */
size_t audio_resample(struct audio_resampler *resampler, const float *from, size_t frames, float *to);

#endif
