/* SPDX-License-Identifier: MIT
 *
 * Sample formats and rates: see audiodev.h. Everything goes through floats, which hold 24 bits; a backend
 * that keeps a stream's own format does not come here at all.
 */
#include <string.h>

#include "devices/audio/audiodev.h"

unsigned audio_sample_bytes(enum audio_sample sample)
{
    static const unsigned bytes[AUDIO_SAMPLE_COUNT] = {
        [AUDIO_SAMPLE_S8] = 1,  [AUDIO_SAMPLE_U8] = 1,  [AUDIO_SAMPLE_S16] = 2,
        [AUDIO_SAMPLE_U16] = 2, [AUDIO_SAMPLE_S32] = 4, [AUDIO_SAMPLE_FLOAT] = 4,
    };
    return bytes[sample];
}

void audio_silence(const struct audio_format *format, void *bytes, unsigned frames)
{
    size_t samples = (size_t)frames * format->channels;
    if (format->sample == AUDIO_SAMPLE_U16) {
        for (size_t n = 0; n < samples; n++)
            ((uint16_t *)bytes)[n] = 0x8000;
        return;
    }
    memset(bytes, format->sample == AUDIO_SAMPLE_U8 ? 0x80 : 0, samples * audio_sample_bytes(format->sample));
}

void audio_to_float(enum audio_sample sample, const void *bytes, float *floats, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t n = 0; n < count; n++) {
        int32_t wide;
        uint16_t half;
        switch (sample) {
        case AUDIO_SAMPLE_S8: floats[n] = (float)(int8_t)at[n] / 0x1p7f; break;
        case AUDIO_SAMPLE_U8: floats[n] = (float)((int)at[n] - 0x80) / 0x1p7f; break;
        case AUDIO_SAMPLE_S16:
            memcpy(&half, at + 2 * n, 2);
            floats[n] = (float)(int16_t)half / 0x1p15f;
            break;
        case AUDIO_SAMPLE_U16:
            memcpy(&half, at + 2 * n, 2);
            floats[n] = (float)((int)half - 0x8000) / 0x1p15f;
            break;
        case AUDIO_SAMPLE_S32:
            memcpy(&wide, at + 4 * n, 4);
            floats[n] = (float)wide / 0x1p31f;
            break;
        default: memcpy(&floats[n], at + 4 * n, 4); break;
        }
    }
}

/* Rounds, and cuts to the range; a NaN becomes silence. */
static int32_t scaled(float value, float scale)
{
    float wide = value * scale;
    if (!(wide == wide))
        return 0;
    if (wide >= scale)
        return (int32_t)((int64_t)scale - 1);
    if (wide <= -scale)
        return (int32_t) - (int64_t)scale;
    int64_t rounded = (int64_t)(wide + (wide < 0 ? -0.5f : 0.5f));
    return (int32_t)(rounded < (int64_t)scale ? rounded : (int64_t)scale - 1);
}

void audio_from_float(enum audio_sample sample, const float *floats, void *bytes, size_t count)
{
    uint8_t *at = bytes;
    for (size_t n = 0; n < count; n++) {
        int32_t wide;
        uint16_t half;
        float cut;
        switch (sample) {
        case AUDIO_SAMPLE_S8: at[n] = (uint8_t)scaled(floats[n], 0x1p7f); break;
        case AUDIO_SAMPLE_U8: at[n] = (uint8_t)(scaled(floats[n], 0x1p7f) + 0x80); break;
        case AUDIO_SAMPLE_S16:
            half = (uint16_t)scaled(floats[n], 0x1p15f);
            memcpy(at + 2 * n, &half, 2);
            break;
        case AUDIO_SAMPLE_U16:
            half = (uint16_t)(scaled(floats[n], 0x1p15f) + 0x8000);
            memcpy(at + 2 * n, &half, 2);
            break;
        case AUDIO_SAMPLE_S32:
            wide = scaled(floats[n], 0x1p31f);
            memcpy(at + 4 * n, &wide, 4);
            break;
        default:
            cut = floats[n] > 1 ? 1 : floats[n] < -1 ? -1 : floats[n] == floats[n] ? floats[n] : 0;
            memcpy(at + 4 * n, &cut, 4);
            break;
        }
    }
}

/* ---- Rates --------------------------------------------------------------------------------------------- */

void audio_resampler_init(struct audio_resampler *resampler, const struct audio_format *from,
                          const struct audio_format *to)
{
    *resampler = (struct audio_resampler){ .from = *from, .to = *to };
}

size_t audio_resampler_room(const struct audio_resampler *resampler, size_t frames)
{
    return frames * resampler->to.rate / resampler->from.rate + 2;
}

/* Converts one frame of `from` to the channels of `to`. */
static void spread(const struct audio_resampler *resampler, const float *from, float *to)
{
    unsigned in = resampler->from.channels, out = resampler->to.channels;
    if (in == out) {
        memcpy(to, from, out * sizeof(*to));
    } else if (out == 1) {
        *to = 0;
        for (unsigned n = 0; n < in; n++)
            *to += from[n] / (float)in;
    } else {
        for (unsigned n = 0; n < out; n++)
            to[n] = from[n < in ? n : in - 1];
    }
}

size_t audio_resample(struct audio_resampler *resampler, const float *from, size_t frames, float *to)
{
    const uint64_t one = UINT64_C(1) << 32;
    const uint64_t step = ((uint64_t)resampler->from.rate << 32) / resampler->to.rate;
    unsigned channels = resampler->to.channels;
    size_t written = 0;
    for (size_t n = 0; n < frames; n++) {
        float frame[AUDIO_CHANNELS_MAX];
        spread(resampler, from + n * resampler->from.channels, frame);
        if (!resampler->primed) {
            memcpy(resampler->last, frame, sizeof(frame));
            resampler->primed = true;
            resampler->phase = one; /* the first frame is not interpolated */
        }
        /* Interpolates between `last` and this frame. */
        for (; resampler->phase <= one; resampler->phase += step) {
            float weight = (float)resampler->phase / 0x1p32f;
            for (unsigned c = 0; c < channels; c++)
                to[written * channels + c] = resampler->last[c] + (frame[c] - resampler->last[c]) * weight;
            written++;
        }
        resampler->phase -= one;
        memcpy(resampler->last, frame, sizeof(frame));
    }
    return written;
}
