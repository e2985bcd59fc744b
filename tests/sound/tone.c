/* SPDX-License-Identifier: MIT
 *
 * Runs in the guest: plays a sine or records, using only the ioctls of ALSA's PCM devices.
 *
 *   tone play DEVICE RATE CHANNELS FORMAT HZ FRAMES    prints "played FRAMES frames in MS ms, XRUNS xruns"
 *   tone record DEVICE RATE CHANNELS FORMAT FRAMES     ... and "recorded HZ Hz, peak PERCENT" of channel 0
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <sound/asound.h>

static unsigned rate, channels, sample_bytes, period;
static int format, fd;

static const struct {
    const char *name;
    int format;
    unsigned bytes;
} formats[] = { { "s8", 0, 1 },  { "u8", 1, 1 },   { "s16", 2, 2 },
                { "u16", 4, 2 }, { "s32", 10, 4 }, { "float", 14, 4 } };

static void die(const char *what)
{
    printf("tone: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct snd_interval *interval(struct snd_pcm_hw_params *params, int n)
{
    return &params->intervals[n - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];
}

static void choose(struct snd_pcm_hw_params *params, int n, unsigned value)
{
    *interval(params, n) = (struct snd_interval){ .min = value, .max = value, .integer = 1 };
}

static void mask(struct snd_pcm_hw_params *params, int n, unsigned bit)
{
    memset(&params->masks[n], 0, sizeof(params->masks[n]));
    params->masks[n].bits[bit / 32] = 1u << bit % 32;
}

/* Eight periods of 40 ms; playback starts when three of them are full. */
static void configure(bool recording)
{
    struct snd_pcm_hw_params params = { .rmask = ~0u };
    struct snd_pcm_sw_params sw = { .period_step = 1 };
    memset(params.masks, 0xff, sizeof(params.masks));
    for (unsigned n = 0; n < sizeof(params.intervals) / sizeof(params.intervals[0]); n++)
        params.intervals[n].max = ~0u;
    mask(&params, SNDRV_PCM_HW_PARAM_ACCESS, SNDRV_PCM_ACCESS_RW_INTERLEAVED);
    mask(&params, SNDRV_PCM_HW_PARAM_FORMAT, (unsigned)format);
    mask(&params, SNDRV_PCM_HW_PARAM_SUBFORMAT, 0);
    choose(&params, SNDRV_PCM_HW_PARAM_RATE, rate);
    choose(&params, SNDRV_PCM_HW_PARAM_CHANNELS, channels);
    choose(&params, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, period);
    choose(&params, SNDRV_PCM_HW_PARAM_PERIODS, 8);
    if (ioctl(fd, SNDRV_PCM_IOCTL_HW_PARAMS, &params))
        die("HW_PARAMS");
    sw.avail_min = period;
    sw.start_threshold = recording ? 1 : 3ul * period;
    sw.stop_threshold = sw.boundary = 8ul * period;
    if (ioctl(fd, SNDRV_PCM_IOCTL_SW_PARAMS, &sw))
        die("SW_PARAMS");
    if (ioctl(fd, SNDRV_PCM_IOCTL_PREPARE))
        die("PREPARE");
}

static void put_sample(uint8_t *at, double value)
{
    float real = (float)value;
    int32_t wide = (int32_t)lrint(value * 2147483647.0);
    uint32_t raw = (uint32_t)wide >> (32 - 8 * sample_bytes);
    if (format == 14)
        memcpy(&raw, &real, 4);
    if (format == 1)
        raw ^= 0x80;
    if (format == 4)
        raw ^= 0x8000;
    memcpy(at, &raw, sample_bytes);
}

static double get_sample(const uint8_t *at)
{
    uint32_t raw = 0;
    float real;
    memcpy(&raw, at, sample_bytes);
    memcpy(&real, &raw, 4);
    if (format == 14)
        return real;
    raw <<= 32 - 8 * sample_bytes;
    if (format == 1 || format == 4)
        raw ^= 0x80000000u;
    return (int32_t)raw / 2147483648.0;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Transfers one period; returns 1 after an underrun or overrun. */
static int transfer(unsigned long request, void *bytes, unsigned frames)
{
    int xruns = 0;
    while (frames) {
        struct snd_xferi xfer = { .buf = bytes, .frames = frames };
        if (ioctl(fd, request, &xfer) == 0) {
            frames -= (unsigned)xfer.result;
            bytes = (uint8_t *)bytes + (size_t)xfer.result * channels * sample_bytes;
            continue;
        }
        if (errno != EPIPE || ioctl(fd, SNDRV_PCM_IOCTL_PREPARE))
            die("the transfer");
        xruns = 1;
    }
    return xruns;
}

static void play(double hz, unsigned total)
{
    uint8_t *bytes = calloc(period, channels * sample_bytes);
    long delay, delay_max = 0;
    int xruns = 0;
    double start = now_ms();
    for (unsigned at = 0; at < total; at += period) {
        unsigned frames = total - at < period ? total - at : period;
        for (unsigned n = 0; n < frames * channels; n++)
            put_sample(bytes + (size_t)n * sample_bytes,
                       0.5 * sin(2 * M_PI * hz * (at + n / channels) / rate) / (n % channels + 1));
        xruns += transfer(SNDRV_PCM_IOCTL_WRITEI_FRAMES, bytes, frames);
        if (ioctl(fd, SNDRV_PCM_IOCTL_DELAY, &delay) == 0 && delay > delay_max)
            delay_max = delay;
    }
    /* The kernel waits for a full buffer only a tenth longer than its nominal time. */
    while (ioctl(fd, SNDRV_PCM_IOCTL_DELAY, &delay) == 0 && delay > 2 * (long)period)
        usleep(10000);
    if (ioctl(fd, SNDRV_PCM_IOCTL_DRAIN))
        die("DRAIN");
    printf("played %u frames in %.0f ms, %d xruns, delay up to %.0f ms\n", total, now_ms() - start, xruns,
           1e3 * (double)delay_max / rate);
}

/* The frequency comes from the changes of sign; the first 100 ms are ignored. */
static void record(unsigned total)
{
    uint8_t *bytes = calloc(period, channels * sample_bytes);
    unsigned changes = 0, first = 0, last = 0;
    double peak = 0, before = 0, start = now_ms();
    int xruns = 0;
    for (unsigned at = 0; at < total; at += period) {
        xruns += transfer(SNDRV_PCM_IOCTL_READI_FRAMES, bytes, period);
        for (unsigned n = 0; n < period && at >= rate / 10; n++) {
            double value = get_sample(bytes + (size_t)n * channels * sample_bytes);
            peak = fabs(value) > peak ? fabs(value) : peak;
            if (before < 0 && value >= 0) {
                last = at + n;
                first = changes++ ? first : last;
            }
            before = value;
        }
    }
    printf("recorded %u frames in %.0f ms, %d xruns\n", total, now_ms() - start, xruns);
    printf("recorded %.1f Hz, peak %.0f\n", changes > 1 ? (changes - 1.0) * rate / (last - first) : 0.0,
           100 * peak);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    rate = (unsigned)atoi(argv[3]);
    channels = (unsigned)atoi(argv[4]);
    period = rate / 25;
    for (unsigned n = 0; n < sizeof(formats) / sizeof(formats[0]); n++) {
        if (strcmp(argv[5], formats[n].name) == 0) {
            format = formats[n].format;
            sample_bytes = formats[n].bytes;
        }
    }
    fd = open(argv[2], O_RDWR);
    if (fd < 0)
        die(argv[2]);
    configure(strcmp(argv[1], "record") == 0);
    if (strcmp(argv[1], "play") == 0 && argc == 8)
        play(atof(argv[6]), (unsigned)atoi(argv[7]));
    else if (strcmp(argv[1], "record") == 0 && argc == 7)
        record((unsigned)atoi(argv[6]));
    else
        return 2;
    return 0;
}
