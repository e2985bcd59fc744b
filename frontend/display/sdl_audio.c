/* SPDX-License-Identifier: MIT
 *
 * Sound through the host's sound system (SDL2), in the module rvive-sdl; it needs no window. A voice is an
 * SDL device in the guest's own format, which SDL converts. SDL plays from a queue, at its own pace. The
 * audiodev's thread keeps enough in the queue for the time between two of its turns, and takes what was
 * recorded from another queue.
 *
 * main() makes and destroys it; all else belongs to the audiodev's thread.
 */
#include <SDL.h>
#include <stdlib.h>

#include "frontend/display/sound.h"

#define BUFFER_US   40000u /* how much SDL gets in advance: four periods of the audiodev */
#define DEVICE_HZ   100u   /* SDL moves about this many portions a second */
#define PORTION_MIN 64u    /* frames */

struct sound {
    struct audiodev audiodev; /* must be first */
    unsigned buffer_us;
};

struct audio_voice {
    SDL_AudioDeviceID device;
    enum audio_direction direction;
    struct audio_format format;
    unsigned frame;   /* bytes */
    unsigned portion; /* frames that SDL moves at a time */
    unsigned ahead;   /* output: frames that are kept in the queue */
};

static const SDL_AudioFormat samples[AUDIO_SAMPLE_COUNT] = {
    [AUDIO_SAMPLE_S8] = AUDIO_S8,      [AUDIO_SAMPLE_U8] = AUDIO_U8,      [AUDIO_SAMPLE_S16] = AUDIO_S16LSB,
    [AUDIO_SAMPLE_U16] = AUDIO_U16LSB, [AUDIO_SAMPLE_S32] = AUDIO_S32LSB, [AUDIO_SAMPLE_FLOAT] = AUDIO_F32LSB,
};

/* Returns a power of two. */
static unsigned portion_of(unsigned rate)
{
    unsigned frames = PORTION_MIN;
    while (frames * DEVICE_HZ < rate)
        frames *= 2;
    return frames;
}

static unsigned queued(const struct audio_voice *voice)
{
    return SDL_GetQueuedAudioSize(voice->device) / voice->frame;
}

static struct audio_voice *sdl_open(struct audiodev *audiodev, enum audio_direction direction,
                                    const struct audio_format *format, struct error *error)
{
    struct sound *sound = (struct sound *)audiodev;
    struct audio_voice *voice = calloc(1, sizeof(*voice));
    SDL_AudioSpec spec = { .freq = (int)format->rate,
                           .format = samples[format->sample],
                           .channels = (uint8_t)format->channels,
                           .samples = (uint16_t)portion_of(format->rate) };
    if (!voice) {
        error_set(error, "-audiodev sdl: out of memory");
        return NULL;
    }
    *voice = (struct audio_voice){ .direction = direction, .format = *format };
    voice->device = SDL_OpenAudioDevice(NULL, direction == AUDIO_INPUT, &spec, NULL, 0);
    if (!voice->device) {
        error_set(error, "-audiodev sdl: the host's sound cannot be opened to %s: %s",
                  direction == AUDIO_INPUT ? "record" : "play", SDL_GetError());
        free(voice);
        return NULL;
    }
    voice->frame = audio_frame_bytes(format);
    voice->portion = portion_of(format->rate);
    uint64_t least_us = 2 * audiodev->period_ns / 1000; /* for two turns of the thread */
    uint64_t us = sound->buffer_us > least_us ? sound->buffer_us : least_us;
    voice->ahead = (unsigned)(us * format->rate / 1000000u);
    if (voice->ahead < 2 * voice->portion)
        voice->ahead = 2 * voice->portion;
    return voice;
}

static void sdl_close(struct audio_voice *voice)
{
    SDL_CloseAudioDevice(voice->device);
    free(voice);
}

/* What SDL already has is played to its end; after that it plays silence. */
static void sdl_run(struct audio_voice *voice, bool on)
{
    if (voice->direction == AUDIO_INPUT) {
        SDL_PauseAudioDevice(voice->device, !on);
        SDL_ClearQueuedAudio(voice->device);
    } else if (on) {
        SDL_PauseAudioDevice(voice->device, 0);
    }
}

static unsigned sdl_ready(struct audio_voice *voice)
{
    unsigned have = queued(voice);
    if (voice->direction == AUDIO_INPUT)
        return have;
    return have < voice->ahead ? voice->ahead - have : 0;
}

static int sdl_latency(struct audio_voice *voice, unsigned frames)
{
    unsigned have = queued(voice);
    if (voice->direction == AUDIO_INPUT)
        have = have > frames ? have - frames : 0;
    return (int)(have + voice->portion);
}

static void sdl_write(struct audio_voice *voice, const void *bytes, unsigned frames)
{
    /* If memory is short it fails, and there is a gap. */
    SDL_QueueAudio(voice->device, bytes, frames * voice->frame);
}

static void sdl_read(struct audio_voice *voice, void *bytes, unsigned frames)
{
    unsigned got = SDL_DequeueAudio(voice->device, bytes, frames * voice->frame) / voice->frame;
    audio_silence(&voice->format, (uint8_t *)bytes + (size_t)got * voice->frame, frames - got);
}

/* For output, frames are lost only if SDL has nothing left to play. */
static bool sdl_starved(struct audio_voice *voice)
{
    if (voice->direction == AUDIO_OUTPUT)
        return !queued(voice);
    SDL_ClearQueuedAudio(voice->device);
    return true;
}

static void sdl_destroy(struct audiodev *audiodev)
{
    free(audiodev);
    SDL_QuitSubSystem(SDL_INIT_AUDIO);
}

static const struct audiodev_ops sdl_ops = {
    .name = "sdl",
    .open = sdl_open,
    .close = sdl_close,
    .run = sdl_run,
    .ready = sdl_ready,
    .latency = sdl_latency,
    .write = sdl_write,
    .read = sdl_read,
    .starved = sdl_starved,
    .destroy = sdl_destroy,
};

static struct audiodev *sdl_create(const struct audiodev_config *config, struct error *error)
{
    struct sound *sound = calloc(1, sizeof(*sound));
    if (!sound) {
        error_set(error, "-audiodev sdl: out of memory");
        return NULL;
    }
    sound->audiodev.ops = &sdl_ops;
    sound->buffer_us = config->buffer_us ? config->buffer_us : BUFFER_US;
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_AUDIO_DEVICE_APP_NAME, "Rvive");
    const char *why = SDL_InitSubSystem(SDL_INIT_AUDIO) == 0 ? NULL : SDL_GetError();
    /* A negative count means that SDL cannot tell. */
    if (!why && !SDL_GetNumAudioDevices(0) && !SDL_GetNumAudioDevices(1)) {
        SDL_QuitSubSystem(SDL_INIT_AUDIO);
        why = "it finds neither speakers nor a microphone";
    }
    if (!why)
        return &sound->audiodev;
    error_set(error, "-audiodev sdl: there is no sound on this computer: %s; use -audiodev none or wav", why);
    free(sound);
    return NULL;
}

const struct sound_ops rvive_sound_ops = { sdl_create };
