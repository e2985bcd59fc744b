/* SPDX-License-Identifier: MIT
 *
 * The audiodev that writes what is played to a WAV file, at the pace of the guest's clock; what is recorded
 * is silence. While the guest plays nothing, nothing is written: the file contains what was played, without
 * the pauses.
 *
 * The file has the format of the first stream, or the one that was asked for. A stream of that format is
 * written as it is; others are converted. Streams that run at the same time are mixed: in each turn of the
 * audiodev's thread each of them adds its frames to `mix`, and flush() writes the sum. The lengths in the
 * header are updated after each turn, so the file is valid whenever the program is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/audio/audiodev.h"
#include "util/log.h"

#define HEADER_MAX 58u
#define DATA_MAX   (UINT32_MAX - HEADER_MAX - 1) /* bytes: lengths have 32 bits */
#define MIX_SLACK  1024u                         /* frames beyond what the pacer lets through */

struct wav {
    struct audiodev audiodev; /* must be first */
    int fd;
    const char *path; /* for messages */
    struct audio_format format;
    bool fixed;          /* the format must not change any more */
    bool dirty, failed;  /* dirty: the header is older than the data; failed: nothing more is written */
    uint32_t data_bytes; /* samples in the file */
    unsigned running;    /* number of output voices that run */
    float *mix;
    size_t mix_frames, mix_room;
};

struct audio_voice {
    struct wav *wav;
    struct audio_format format;
    bool output;
    struct audio_pacer pacer;
    struct audio_resampler resampler;
    size_t mixed; /* frames of `mix` that contain this voice */
};

/* ---- The file ------------------------------------------------------------------------------------------ */

static void put(uint8_t **at, uint32_t value, unsigned bytes)
{
    memcpy(*at, &value, bytes);
    *at += bytes;
}

static void put_tag(uint8_t **at, const char *tag)
{
    memcpy(*at, tag, 4);
    *at += 4;
}

/* Makes RIFF, "fmt ", "fact" (for floats only), and the beginning of "data"; returns their length. */
static size_t make_header(const struct wav *wav, uint8_t header[HEADER_MAX])
{
    const struct audio_format *format = &wav->format;
    bool is_float = format->sample == AUDIO_SAMPLE_FLOAT;
    uint32_t frame = audio_frame_bytes(format), length = is_float ? HEADER_MAX : 44;
    uint8_t *at = header;
    put_tag(&at, "RIFF");
    put(&at, length - 8 + wav->data_bytes + (wav->data_bytes & 1), 4);
    put_tag(&at, "WAVE");
    put_tag(&at, "fmt ");
    put(&at, is_float ? 18 : 16, 4);
    put(&at, is_float ? 3 : 1, 2);
    put(&at, format->channels, 2);
    put(&at, format->rate, 4);
    put(&at, format->rate * frame, 4);
    put(&at, frame, 2);
    put(&at, 8 * audio_sample_bytes(format->sample), 2);
    if (is_float) {
        put(&at, 0, 2);
        put_tag(&at, "fact");
        put(&at, 4, 4);
        put(&at, wav->data_bytes / frame, 4);
    }
    put_tag(&at, "data");
    put(&at, wav->data_bytes, 4);
    return length;
}

static bool write_all(struct wav *wav, const void *bytes, size_t length, off_t offset)
{
    const uint8_t *at = bytes;
    while (length) {
        ssize_t done = pwrite(wav->fd, at, length, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        offset += done;
        length -= (size_t)done;
    }
    return true;
}

static void fail(struct wav *wav, const char *why)
{
    if (!wav->failed)
        log_warn("-audiodev wav,path=%s: %s; nothing more is written", wav->path, why);
    wav->failed = true;
}

static void append(struct wav *wav, const void *bytes, size_t length)
{
    uint8_t header[HEADER_MAX];
    if (wav->failed)
        return;
    if (length > DATA_MAX - wav->data_bytes) {
        fail(wav, "the file is full (4 GiB)");
    } else if (!write_all(wav, bytes, length, (off_t)(make_header(wav, header) + wav->data_bytes))) {
        fail(wav, strerror(errno));
    } else {
        wav->data_bytes += (uint32_t)length;
        wav->dirty = true;
    }
}

/* Also writes the padding byte that follows a chunk of odd length. */
static bool write_header(struct wav *wav)
{
    uint8_t header[HEADER_MAX], pad = 0;
    size_t length = make_header(wav, header);
    wav->dirty = false;
    return (!(wav->data_bytes & 1) || write_all(wav, &pad, 1, (off_t)(length + wav->data_bytes))) &&
           write_all(wav, header, length, 0);
}

/* ---- Voices -------------------------------------------------------------------------------------------- */

/* In WAV files, samples of one byte are unsigned and wider ones are signed. */
static enum audio_sample file_sample(enum audio_sample sample)
{
    return sample == AUDIO_SAMPLE_S8    ? AUDIO_SAMPLE_U8
           : sample == AUDIO_SAMPLE_U16 ? AUDIO_SAMPLE_S16
                                        : sample;
}

static bool fix_format(struct wav *wav, const struct audio_format *format)
{
    if (!wav->fixed) {
        wav->format = *format;
        wav->format.sample = file_sample(format->sample);
        wav->fixed = write_header(wav);
    }
    if (!wav->mix) {
        wav->mix_room = wav->format.rate / 1000 * AUDIO_PACER_LATE_MS + MIX_SLACK;
        wav->mix = calloc(wav->mix_room * wav->format.channels, sizeof(*wav->mix));
    }
    return wav->fixed && wav->mix;
}

static struct audio_voice *wav_open(struct audiodev *audiodev, enum audio_direction direction,
                                    const struct audio_format *format, struct error *error)
{
    struct wav *wav = (struct wav *)audiodev;
    struct audio_voice *voice = calloc(1, sizeof(*voice));
    if (!voice || (direction == AUDIO_OUTPUT && !fix_format(wav, format))) {
        error_set(error, "-audiodev wav,path=%s: %s", wav->path, strerror(errno));
        free(voice);
        return NULL;
    }
    voice->wav = wav;
    voice->format = *format;
    voice->output = direction == AUDIO_OUTPUT;
    if (voice->output)
        audio_resampler_init(&voice->resampler, format, &wav->format);
    return voice;
}

static void wav_run(struct audio_voice *voice, bool on)
{
    if (voice->output)
        voice->wav->running += on ? 1 : -1u;
    if (on)
        audio_pacer_start(&voice->pacer, voice->wav->audiodev.clock, voice->format.rate);
}

static unsigned wav_ready(struct audio_voice *voice)
{
    return audio_pacer_due(&voice->pacer);
}

/* The frames belong to the period that has just passed, so the latency is negative. */
static int wav_latency(struct audio_voice *voice, unsigned frames)
{
    (void)voice;
    return -(int)frames;
}

/* Adds one chunk to the mix. */
static void mix(struct audio_voice *voice, const void *bytes, unsigned frames)
{
    struct wav *wav = voice->wav;
    unsigned channels = wav->format.channels;
    float floats[AUDIODEV_CHUNK], *made;
    size_t count, room = audio_resampler_room(&voice->resampler, frames);
    audio_to_float(voice->format.sample, bytes, floats, (size_t)frames * voice->format.channels);
    made = malloc(room * channels * sizeof(*made));
    if (!made) {
        fail(wav, "out of memory");
        return;
    }
    count = audio_resample(&voice->resampler, floats, frames, made);
    if (count > wav->mix_room - voice->mixed)
        count = wav->mix_room - voice->mixed;
    float *to = wav->mix + voice->mixed * channels;
    for (size_t n = 0; n < count * channels; n++)
        to[n] += made[n];
    voice->mixed += count;
    if (wav->mix_frames < voice->mixed)
        wav->mix_frames = voice->mixed;
    free(made);
}

static void wav_write(struct audio_voice *voice, const void *bytes, unsigned frames)
{
    struct wav *wav = voice->wav;
    voice->pacer.frames += frames;
    if (wav->running == 1 && !wav->mix_frames && audio_format_equal(&voice->format, &wav->format))
        append(wav, bytes, (size_t)frames * audio_frame_bytes(&wav->format));
    else
        mix(voice, bytes, frames);
}

static void wav_read(struct audio_voice *voice, void *bytes, unsigned frames)
{
    audio_silence(&voice->format, bytes, frames);
    voice->pacer.frames += frames;
}

static bool wav_starved(struct audio_voice *voice)
{
    audio_pacer_start(&voice->pacer, voice->wav->audiodev.clock, voice->format.rate);
    return true;
}

/* Writes what was mixed. */
static void flush_mix(struct wav *wav)
{
    uint8_t bytes[AUDIODEV_CHUNK];
    unsigned frame = audio_frame_bytes(&wav->format), channels = wav->format.channels;
    for (size_t at = 0; at < wav->mix_frames;) {
        size_t part = sizeof(bytes) / frame;
        if (part > wav->mix_frames - at)
            part = wav->mix_frames - at;
        audio_from_float(wav->format.sample, wav->mix + at * channels, bytes, part * channels);
        append(wav, bytes, part * frame);
        at += part;
    }
    memset(wav->mix, 0, wav->mix_frames * channels * sizeof(*wav->mix));
    wav->mix_frames = 0;
}

static void wav_flush(struct audiodev *audiodev)
{
    struct wav *wav = (struct wav *)audiodev;
    if (wav->mix_frames) {
        flush_mix(wav);
        for (unsigned n = 0; n < audiodev->slot_count; n++) {
            if (audiodev->slots[n].voice)
                audiodev->slots[n].voice->mixed = 0;
        }
    }
    if (wav->dirty && !write_header(wav))
        fail(wav, strerror(errno));
}

static void wav_close(struct audio_voice *voice)
{
    free(voice);
}

/* ---- The audiodev -------------------------------------------------------------------------------------- */

static void wav_destroy(struct audiodev *audiodev)
{
    struct wav *wav = (struct wav *)audiodev;
    if (wav->dirty)
        write_header(wav);
    close(wav->fd);
    free(wav->mix);
    free(wav);
}

static const struct audiodev_ops wav_ops = {
    .name = "wav",
    .open = wav_open,
    .close = wav_close,
    .run = wav_run,
    .ready = wav_ready,
    .latency = wav_latency,
    .write = wav_write,
    .read = wav_read,
    .starved = wav_starved,
    .flush = wav_flush,
    .destroy = wav_destroy,
};

struct audiodev *audiodev_wav_create(const struct audiodev_config *config, struct error *error)
{
    static const struct audio_format unknown = { AUDIO_SAMPLE_S16, 44100, 2 };
    struct wav *wav = calloc(1, sizeof(*wav));
    if (!wav) {
        error_set(error, "-audiodev wav: out of memory");
        return NULL;
    }
    wav->audiodev.ops = &wav_ops;
    wav->path = config->path ? config->path : AUDIODEV_WAV_PATH;
    wav->fixed = config->format.rate != 0;
    wav->format = wav->fixed ? config->format : unknown;
    wav->format.sample = file_sample(wav->format.sample);
    wav->fd = open(wav->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (wav->fd >= 0 && write_header(wav))
        return &wav->audiodev;
    error_set(error, "-audiodev wav,path=%s: cannot be written: %s", wav->path, strerror(errno));
    if (wav->fd >= 0)
        close(wav->fd);
    free(wav);
    return NULL;
}
