/* SPDX-License-Identifier: MIT
 *
 * What the sound device reports to have: jacks, streams and channel maps, all of one function group (node 0).
 */
#include <string.h>

#include "devices/virtio/snd/internal.h"

/* VIRTIO_SND_PCM_FMT_* and _RATE_* (5.14.6.6.2), by number. */
static const struct {
    unsigned number;
    enum audio_sample sample;
} formats[] = { { 3, AUDIO_SAMPLE_S8 },  { 4, AUDIO_SAMPLE_U8 },   { 5, AUDIO_SAMPLE_S16 },
                { 6, AUDIO_SAMPLE_U16 }, { 17, AUDIO_SAMPLE_S32 }, { 19, AUDIO_SAMPLE_FLOAT } };
static const struct {
    unsigned number, rate;
} rates[] = {
    { 1, 8000 },  { 2, 11025 }, { 3, 16000 }, { 4, 22050 },  { 5, 32000 },   { 6, 44100 },
    { 7, 48000 }, { 8, 64000 }, { 9, 88200 }, { 10, 96000 }, { 11, 176400 }, { 12, 192000 },
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void snd_pcm_info(struct snd_pcm_info *info, const struct snd_stream *stream)
{
    *info = (struct snd_pcm_info){
        .features = 1u << SND_PCM_F_EVT_XRUNS,
        .direction = (uint8_t)snd_direction(stream),
        .channels_min = 1,
        .channels_max = AUDIO_CHANNELS_MAX,
    };
    for (size_t n = 0; n < COUNT(formats); n++)
        info->formats |= UINT64_C(1) << formats[n].number;
    for (size_t n = 0; n < COUNT(rates); n++)
        info->rates |= UINT64_C(1) << rates[n].number;
}

bool snd_format(const struct snd_set_params *params, struct audio_format *format)
{
    bool has_sample = false;
    *format = (struct audio_format){ .channels = params->channels };
    for (size_t n = 0; n < COUNT(formats); n++) {
        if (formats[n].number == params->format) {
            format->sample = formats[n].sample;
            has_sample = true;
        }
    }
    for (size_t n = 0; n < COUNT(rates); n++)
        format->rate = rates[n].number == params->rate ? rates[n].rate : format->rate;
    return has_sample && format->rate && format->channels >= 1 && format->channels <= AUDIO_CHANNELS_MAX;
}

/* HDA sections 7.3.3.31 (default configuration) and 7.3.4.9 (pin capabilities). */
void snd_jack_info(struct snd_jack_info *info, unsigned id)
{
    enum { LINE_OUT = 0x0, MICROPHONE = 0xa, MINI_JACK = 0x1, GREEN = 0x4, PINK = 0x9, REAR = 0x1 };
    enum { CAP_PRESENCE = 1 << 2, CAP_OUT = 1 << 4, CAP_IN = 1 << 5 };
    bool input = id & 1;
    uint32_t device = input ? MICROPHONE : LINE_OUT, colour = input ? PINK : GREEN;
    *info = (struct snd_jack_info){
        .hda_reg_defconf =
            (uint32_t)REAR << 24 | device << 20 | MINI_JACK << 16 | colour << 12 | (id + 1) << 4,
        .hda_reg_caps = CAP_PRESENCE | (input ? CAP_IN : CAP_OUT),
        .connected = 1,
    };
}

void snd_chmap_info(struct snd_chmap_info *info, unsigned id)
{
    enum { MONO = 2, FRONT_LEFT = 3, FRONT_RIGHT = 4 };
    bool stereo = id < 2;
    *info = (struct snd_chmap_info){ .direction = id & 1, .channels = stereo ? 2 : 1 };
    info->positions[0] = stereo ? FRONT_LEFT : MONO;
    info->positions[1] = stereo ? FRONT_RIGHT : 0;
}
