/* SPDX-License-Identifier: MIT
 *
 * -audiodev, -audio, and the sound cards on them. A card without audiodev= uses the audiodev of -audio. If
 * there is no -audio, it uses this computer's speakers, if it has any.
 */
#include <string.h>

#include "frontend/options/options.h"

#define PERIOD_MIN_US 1000u
#define PERIOD_MAX_US 50000u /* half of the time that a pacer can make up for */
#define BUFFER_MAX_US 1000000u

/* ---- The keys of an audiodev --------------------------------------------------------------------------- */

static bool audio_id(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct machine_audiodev *)item)->id = value;
    return true;
}

static bool take_us(const char *key, const char *value, unsigned most, unsigned *us, struct error *error)
{
    uint64_t number;
    if (!value || !option_parse_number(value, &number) || number < PERIOD_MIN_US || number > most)
        return error_set(error, "-audiodev %s=%s: not a number of microseconds from %u to %u", key,
                         value ? value : "", PERIOD_MIN_US, most);
    *us = (unsigned)number;
    return true;
}

static bool audio_period(struct options *options, void *item, const char *value, struct error *error)
{
    return take_us("timer-period", value, PERIOD_MAX_US, &((struct machine_audiodev *)item)->config.period_us,
                   error);
}

static bool audio_buffer(struct options *options, void *item, const char *value, struct error *error)
{
    return take_us("out.buffer-length", value, BUFFER_MAX_US,
                   &((struct machine_audiodev *)item)->config.buffer_us, error);
}

static bool audio_path(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct machine_audiodev *)item)->config.path = value;
    return (value && *value) || error_set(error, "-audiodev wav,path: the name of the file is missing");
}

/* The format of a file; what is not given is as in QEMU. */
static struct audio_format *file_format(struct machine_audiodev *audiodev)
{
    if (!audiodev->config.format.rate)
        audiodev->config.format = (struct audio_format){ AUDIO_SAMPLE_S16, 44100, 2 };
    return &audiodev->config.format;
}

static bool audio_frequency(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number;
    if (!value || !option_parse_number(value, &number) || number < AUDIO_RATE_MIN || number > AUDIO_RATE_MAX)
        return error_set(error, "-audiodev out.frequency=%s: not a rate from %u to %u", value ? value : "",
                         AUDIO_RATE_MIN, AUDIO_RATE_MAX);
    file_format(item)->rate = (unsigned)number;
    return true;
}

static bool audio_channels(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number;
    if (!value || !option_parse_number(value, &number) || number < 1 || number > AUDIO_CHANNELS_MAX)
        return error_set(error, "-audiodev out.channels=%s: not a number from 1 to %u", value ? value : "",
                         AUDIO_CHANNELS_MAX);
    file_format(item)->channels = (unsigned)number;
    return true;
}

static bool audio_sample(struct options *options, void *item, const char *value, struct error *error)
{
    static const struct {
        const char *name;
        enum audio_sample sample;
    } names[] = { { "u8", AUDIO_SAMPLE_U8 },
                  { "s16", AUDIO_SAMPLE_S16 },
                  { "s32", AUDIO_SAMPLE_S32 },
                  { "f32", AUDIO_SAMPLE_FLOAT } };
    for (size_t n = 0; value && n < sizeof(names) / sizeof(names[0]); n++) {
        if (strcmp(value, names[n].name) == 0) {
            file_format(item)->sample = names[n].sample;
            return true;
        }
    }
    return options_bad_value(error, "-audiodev wav,out.format", value, "u8, s16, s32, f32");
}

static const struct options_key none_keys[] = {
    { "id", audio_id },
    { "timer-period", audio_period },
    { NULL, NULL },
};
static const struct options_key wav_keys[] = {
    { "id", audio_id },
    { "timer-period", audio_period },
    { "path", audio_path },
    { "out.frequency", audio_frequency },
    { "out.channels", audio_channels },
    { "out.format", audio_sample },
    { NULL, NULL },
};
static const struct options_key sdl_keys[] = {
    { "id", audio_id },
    { "timer-period", audio_period },
    { "out.buffer-length", audio_buffer },
    { NULL, NULL },
};

/* ---- -audiodev, -audio --------------------------------------------------------------------------------- */

static bool bad_driver(const char *flag, const char *name, struct error *error)
{
    static const char *const through_sdl[] = { "alsa", "pa", "pipewire", "jack", "oss", "sndio", NULL };
    for (const char *const *driver = through_sdl; *driver; driver++) {
        if (strcmp(name, *driver) == 0)
            return error_set(error, "%s %s: this version does not have it; sdl plays on what the host has",
                             flag, name);
    }
    return options_bad_value(error, flag, name, "none, wav, sdl");
}

/* Takes the driver and its keys, and appends the audiodev. */
static bool add_audiodev(struct options *options, const char *driver, const struct option_pairs *pairs,
                         const char *flag, struct error *error)
{
    struct machine_config *machine = &options->machine;
    struct machine_audiodev audiodev = { .id = NULL };
    const struct options_key *keys = sdl_keys; /* its `create` is in a module: see frontend/display/sound.h */
    char text[64];
    if (strcmp(driver, "none") == 0) {
        audiodev.config.create = audiodev_none_create;
        keys = none_keys;
    } else if (strcmp(driver, "wav") == 0) {
        audiodev.config.create = audiodev_wav_create;
        keys = wav_keys;
    } else if (strcmp(driver, "sdl") != 0) {
        return bad_driver(flag, driver, error);
    }
    snprintf(text, sizeof(text), "%s %s", flag, driver);
    if (!options_take_pairs(options, pairs, keys, &audiodev, text, error))
        return false;
    for (unsigned n = 0; audiodev.id && n < machine->audiodev_count; n++) {
        if (machine->audiodevs[n].id && strcmp(machine->audiodevs[n].id, audiodev.id) == 0)
            return error_set(error, "%s: the id %s is taken by another one", text, audiodev.id);
    }
    if (machine->audiodev_count == MACHINE_AUDIO_MAX)
        return error_set(error, "%s: more than %d of them", text, MACHINE_AUDIO_MAX);
    machine->audiodevs[machine->audiodev_count++] = audiodev;
    return true;
}

bool options_take_audiodev(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "driver", error))
        return false;
    const char *driver = option_pairs_take(&pairs, "driver");
    if (!driver || !add_audiodev(options, driver, &pairs, "-audiodev", error))
        return driver ? false : bad_driver("-audiodev", "", error);
    const char *id = options->machine.audiodevs[options->machine.audiodev_count - 1].id;
    return (id && *id) || error_set(error, "-audiodev %s: id=ID is missing", argument);
}

bool options_take_audio(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "driver", error))
        return false;
    const char *model = option_pairs_take(&pairs, "model");
    const char *driver = option_pairs_take(&pairs, "driver");
    if (model && strcmp(model, "virtio") != 0)
        return options_bad_value(error, "-audio model", model, "virtio");
    if (options->audio_default)
        return error_set(error, "-audio %s: there is one default, and -audio was given twice", argument);
    if (!driver || !add_audiodev(options, driver, &pairs, "-audio", error))
        return driver ? false : bad_driver("-audio", "", error);
    options->audio_default = options->machine.audiodev_count;
    return !model || options_take_device(options, "virtio-sound-pci", error);
}

/* ---- Sound cards --------------------------------------------------------------------------------------- */

static unsigned find_audiodev(const struct options *options, const char *id)
{
    for (unsigned n = 0; n < options->machine.audiodev_count; n++) {
        const char *have = options->machine.audiodevs[n].id;
        if (have && strcmp(have, id) == 0)
            return n + 1;
    }
    return 0;
}

bool options_join_audiodev(struct options *options, const struct options_device *device,
                           struct machine_plug *slot, struct error *error)
{
    static const struct option_pairs nothing = { .count = 0 };
    slot->audiodev =
        device->settings.backend ? find_audiodev(options, device->settings.backend) : options->audio_default;
    if (slot->audiodev)
        return true;
    if (device->settings.backend)
        return error_set(error, "-device %s: there is no -audiodev with id=%s", device->text,
                         device->settings.backend);
    if (options->machine.audiodev_count)
        return error_set(error, "-device %s: audiodev=ID is missing: there is an -audiodev, with id=%s",
                         device->text, options->machine.audiodevs[0].id);
    if (!add_audiodev(options, "sdl", &nothing, "-audio", error))
        return false;
    slot->audiodev = options->audio_default = options->machine.audiodev_count;
    options->machine.audiodevs[slot->audiodev - 1].may_fail = true;
    return true;
}
