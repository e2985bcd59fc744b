/* SPDX-License-Identifier: MIT
 *
 * Sample formats and rates, and WAV files: what streams played is in the file, unchanged, converted or mixed,
 * and the header is right at any moment, also after a kill.
 */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices/audio/audiodev.h"
#include "tests/suite.h"

/* ---- Samples ------------------------------------------------------------------------------------------- */

START_TEST(samples_survive)
{
    uint8_t bytes[256 * 4], back[256 * 4];
    float floats[256];
    for (unsigned n = 0; n < sizeof(bytes); n++)
        bytes[n] = (uint8_t)(n * 37 + n / 256);
    for (enum audio_sample sample = AUDIO_SAMPLE_S8; sample <= AUDIO_SAMPLE_U16; sample++) {
        audio_to_float(sample, bytes, floats, 256);
        audio_from_float(sample, floats, back, 256);
        ck_assert_mem_eq(bytes, back, 256 * audio_sample_bytes(sample));
    }
    const int32_t wide[] = { 0, 1 << 8, -(1 << 8), INT32_MIN, 0x7fffff00, -0x40000000 };
    int32_t same[6];
    audio_to_float(AUDIO_SAMPLE_S32, wide, floats, 6);
    audio_from_float(AUDIO_SAMPLE_S32, floats, same, 6);
    ck_assert_mem_eq(wide, same, sizeof(wide));
}
END_TEST

START_TEST(samples_are_cut)
{
    const float wild[] = { 2, -2, 1, -1, NAN, INFINITY, -INFINITY, 0.5f };
    int8_t s8[8];
    int16_t s16[8];
    int32_t s32[8];
    float f32[8];
    audio_from_float(AUDIO_SAMPLE_S8, wild, s8, 8);
    audio_from_float(AUDIO_SAMPLE_S16, wild, s16, 8);
    audio_from_float(AUDIO_SAMPLE_S32, wild, s32, 8);
    audio_from_float(AUDIO_SAMPLE_FLOAT, wild, f32, 8);
    const int64_t wanted[] = { 1, -1, 1, -1, 0, 1, -1 };
    for (unsigned n = 0; n < 7; n++) {
        ck_assert_int_eq(s8[n], wanted[n] > 0 ? INT8_MAX : wanted[n] < 0 ? INT8_MIN : 0);
        ck_assert_int_eq(s16[n], wanted[n] > 0 ? INT16_MAX : wanted[n] < 0 ? INT16_MIN : 0);
        ck_assert_int_eq(s32[n], wanted[n] > 0 ? INT32_MAX : wanted[n] < 0 ? INT32_MIN : 0);
        ck_assert(f32[n] == (float)wanted[n]);
    }
    ck_assert_int_eq(s16[7], 0x4000);
}
END_TEST

START_TEST(silence_is_silent)
{
    uint8_t bytes[64];
    float floats[16];
    for (enum audio_sample sample = 0; sample < AUDIO_SAMPLE_COUNT; sample++) {
        struct audio_format format = { sample, 8000, 2 };
        memset(bytes, 0x5a, sizeof(bytes));
        audio_silence(&format, bytes, 8);
        audio_to_float(sample, bytes, floats, 16);
        for (unsigned n = 0; n < 16; n++)
            ck_assert(floats[n] == 0);
    }
}
END_TEST

/* A sine at one rate is the same sine at another, however it is cut into pieces. */
static void check_resampling(unsigned from_rate, unsigned to_rate, unsigned channels)
{
    struct audio_resampler resampler;
    struct audio_format from = { AUDIO_SAMPLE_FLOAT, from_rate, 1 };
    struct audio_format to = { AUDIO_SAMPLE_FLOAT, to_rate, channels };
    float in[1000], out[1000 * 24 + 8];
    size_t total = 0, fed = 0;
    audio_resampler_init(&resampler, &from, &to);
    for (unsigned piece = 1; fed + piece < from_rate; piece = piece * 7 % 997 + 1) {
        for (unsigned n = 0; n < piece; n++)
            in[n] = sinf((float)(2 * M_PI * 100 * (double)(fed + n) / from_rate));
        size_t count = audio_resample(&resampler, in, piece, out);
        ck_assert_uint_le(count, audio_resampler_room(&resampler, piece));
        for (size_t n = 0; n < count * channels; n++) {
            double wanted = sin(2 * M_PI * 100 * (double)(total + n / channels) / to_rate);
            ck_assert_float_eq_tol(out[n], (float)wanted, 0.005f);
        }
        total += count;
        fed += piece;
    }
    double expected = (double)fed * to_rate / from_rate;
    ck_assert_double_le(fabs((double)total - expected), (double)to_rate / from_rate + 2);
}

START_TEST(rates_change)
{
    check_resampling(48000, 48000, 1);
    check_resampling(48000, 44100, 2);
    check_resampling(44100, 48000, 1);
    check_resampling(8000, 192000, 1);
    check_resampling(192000, 8000, 2);
}
END_TEST

/* ---- Streams whose owner is this test ------------------------------------------------------------------ */

struct source {
    struct audio_want want; /* the test's thread writes it, under `lock` */
    pthread_mutex_t lock;
    const uint8_t *bytes;
    size_t length, done, frame;
    atomic_uint opened; /* serial << 1 | ok */
};

static struct audio_want source_wanted(void *opaque)
{
    struct source *source = opaque;
    pthread_mutex_lock(&source->lock);
    struct audio_want want = source->want;
    pthread_mutex_unlock(&source->lock);
    return want;
}

static void source_opened(void *opaque, uint32_t serial, bool ok)
{
    atomic_store(&((struct source *)opaque)->opened, serial << 1 | ok);
}

static unsigned source_transfer(void *opaque, void *bytes, unsigned frames, int latency)
{
    struct source *source = opaque;
    (void)latency;
    pthread_mutex_lock(&source->lock);
    size_t length = frames * source->frame;
    if (length > source->length - source->done)
        length = source->length - source->done;
    memcpy(bytes, source->bytes + source->done, length);
    source->done += length;
    pthread_mutex_unlock(&source->lock);
    return (unsigned)(length / source->frame);
}

static void source_nothing(void *opaque)
{
    (void)opaque;
}

static char path[64];
static struct clock *timekeeper;
static struct audiodev *audiodev;

static void setup_path(void)
{
    snprintf(path, sizeof(path), "/tmp/rvive-audio-%d.wav", (int)getpid());
}

static void setup(void)
{
    struct error error;
    setup_path();
    timekeeper = clock_create(&error);
}

static void teardown(void)
{
    clock_destroy(timekeeper);
    unlink(path);
}

static void make_wav(struct audio_format format)
{
    struct error error = { "" };
    struct audiodev_config config = { audiodev_wav_create, timekeeper, path, format, 2000, 0 };
    audiodev = audiodev_create(&config, &error);
    ck_assert_msg(audiodev != NULL, "%s", error.text);
}

static void add_source(struct source *source, struct audio_format format, const void *bytes, size_t length)
{
    struct audio_front front = { AUDIO_OUTPUT,    source,         source_wanted, source_opened,
                                 source_transfer, source_nothing, source_nothing };
    *source = (struct source){ .want = { true, true, format, 1 },
                               .bytes = bytes,
                               .length = length,
                               .frame = audio_frame_bytes(&format) };
    pthread_mutex_init(&source->lock, NULL);
    ck_assert(audiodev_add(audiodev, &front));
}

static bool is_done(struct source *source)
{
    pthread_mutex_lock(&source->lock);
    bool done = source->done == source->length;
    pthread_mutex_unlock(&source->lock);
    return done;
}

/* Plays to the end, and takes the stream away. */
static void finish(struct source *source)
{
    audiodev_wake(audiodev);
    while (!is_done(source))
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    audiodev_remove(audiodev, source);
    ck_assert_uint_eq(source->opened, 1 << 1 | 1);
}

/* ---- WAV ----------------------------------------------------------------------------------------------- */

struct header { /* of integers */
    char riff[4];
    uint32_t length;
    char wave[4], fmt[4];
    uint32_t fmt_length;
    uint16_t tag, channels;
    uint32_t rate, bytes_a_second;
    uint16_t frame, bits;
    char data[4];
    uint32_t data_length;
};

static uint8_t file[1 << 20];

static size_t read_file(struct header *header)
{
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, file, sizeof(file));
    close(fd);
    ck_assert_int_ge(length, 44);
    memcpy(header, file, sizeof(*header));
    ck_assert_mem_eq(header->riff, "RIFF", 4);
    ck_assert_mem_eq(header->wave, "WAVE", 4);
    ck_assert_mem_eq(header->fmt, "fmt ", 4);
    return (size_t)length;
}

static void expect_header(struct audio_format format, size_t data)
{
    struct header header;
    size_t length = read_file(&header);
    unsigned frame = audio_frame_bytes(&format);
    ck_assert_uint_eq(length, 44 + data + data % 2);
    ck_assert_uint_eq(header.length, length - 8);
    ck_assert_uint_eq(header.fmt_length, 16);
    ck_assert_uint_eq(header.tag, 1);
    ck_assert_uint_eq(header.channels, format.channels);
    ck_assert_uint_eq(header.rate, format.rate);
    ck_assert_uint_eq(header.bytes_a_second, format.rate * frame);
    ck_assert_uint_eq(header.frame, frame);
    ck_assert_uint_eq(header.bits, 8 * audio_sample_bytes(format.sample));
    ck_assert_mem_eq(header.data, "data", 4);
    ck_assert_uint_eq(header.data_length, data);
}

static uint8_t noise[40000];

static void make_noise(void)
{
    for (unsigned n = 0; n < sizeof(noise); n++)
        noise[n] = (uint8_t)((n * 2654435761u) >> 24);
}

START_TEST(a_stream_is_in_the_file_as_it_was)
{
    static const struct audio_format formats[] = { { AUDIO_SAMPLE_S16, 48000, 2 },
                                                   { AUDIO_SAMPLE_U8, 192000, 1 },
                                                   { AUDIO_SAMPLE_S32, 96000, 2 } };
    make_noise();
    for (unsigned n = 0; n < 3; n++) {
        struct source source;
        size_t length = n == 1 ? 20001 : 20000; /* this file has an odd length */
        make_wav((struct audio_format){ 0 });
        expect_header((struct audio_format){ AUDIO_SAMPLE_S16, 44100, 2 }, 0);
        add_source(&source, formats[n], noise, length);
        finish(&source);
        expect_header(formats[n], length);
        ck_assert_mem_eq(file + 44, noise, length);
        audiodev_destroy(audiodev);
        expect_header(formats[n], length);
    }
}
END_TEST

START_TEST(floats_have_their_own_header)
{
    struct source source;
    struct header header;
    struct audio_format format = { AUDIO_SAMPLE_FLOAT, 48000, 2 };
    float floats[4000];
    for (unsigned n = 0; n < 4000; n++)
        floats[n] = (float)n / 4000;
    make_wav((struct audio_format){ 0 });
    add_source(&source, format, floats, sizeof(floats));
    finish(&source);
    audiodev_destroy(audiodev);
    size_t length = read_file(&header);
    uint32_t frames, bytes;
    ck_assert_uint_eq(length, 58 + sizeof(floats));
    ck_assert_uint_eq(header.length, length - 8);
    ck_assert_uint_eq(header.fmt_length, 18);
    ck_assert_uint_eq(header.tag, 3);
    ck_assert_mem_eq(file + 38, "fact", 4);
    memcpy(&frames, file + 46, 4);
    ck_assert_uint_eq(frames, 2000);
    ck_assert_mem_eq(file + 50, "data", 4);
    memcpy(&bytes, file + 54, 4);
    ck_assert_uint_eq(bytes, sizeof(floats));
    ck_assert_mem_eq(file + 58, floats, sizeof(floats));
}
END_TEST

START_TEST(other_formats_are_converted)
{
    static int16_t stereo[9600];
    static int8_t mono[4800];
    struct source source;
    struct audio_format format = { AUDIO_SAMPLE_S16, 24000, 2 };
    for (unsigned n = 0; n < 4800; n++) {
        mono[n] = (int8_t)(n / 40);
        stereo[2 * n] = 1000;
        stereo[2 * n + 1] = -3000;
    }
    make_wav(format);
    expect_header(format, 0);
    add_source(&source, (struct audio_format){ AUDIO_SAMPLE_S8, 48000, 1 }, mono, sizeof(mono));
    finish(&source);
    expect_header(format, 2400 * 4);
    for (unsigned n = 0; n < 2400; n++) {
        int16_t frame[2];
        memcpy(frame, file + 44 + 4 * n, 4);
        ck_assert_int_le(abs(frame[0] - mono[2 * n] * 256), 256);
        ck_assert_int_eq(frame[0], frame[1]);
    }
    add_source(&source, format, stereo, sizeof(stereo)); /* and after it a stream in the file's own format */
    finish(&source);
    expect_header(format, 2400 * 4 + sizeof(stereo));
    ck_assert_mem_eq(file + 44 + 2400 * 4, stereo, sizeof(stereo));
    audiodev_destroy(audiodev);
}
END_TEST

START_TEST(streams_at_once_are_mixed)
{
    static int16_t one[9600], two[9600];
    struct source first, second;
    struct audio_format format = { AUDIO_SAMPLE_S16, 48000, 2 };
    for (unsigned n = 0; n < 9600; n++) {
        one[n] = 1000;
        two[n] = 200;
    }
    make_wav((struct audio_format){ 0 });
    add_source(&first, format, one, sizeof(one));
    add_source(&second, format, two, sizeof(two));
    audiodev_wake(audiodev);
    finish(&first);
    finish(&second);
    audiodev_destroy(audiodev);
    struct header header;
    unsigned both = 0, alone = 0;
    int64_t sum = 0;
    size_t length = read_file(&header);
    for (size_t at = 44; at < length; at += 2) {
        int16_t sample;
        memcpy(&sample, file + at, 2);
        both += sample == 1200;
        alone += sample == 1000 || sample == 200;
        sum += sample;
    }
    ck_assert_int_eq(sum, 9600 * 1200); /* nothing is lost */
    ck_assert_uint_eq(both + alone, (length - 44) / 2);
    ck_assert_uint_ge(both, 9600 * 3 / 4);
}
END_TEST

/* A process of its own, which plays until it is killed. */
static void play_for_ever(struct audio_format format)
{
    static struct source source;
    struct error error;
    timekeeper = clock_create(&error);
    make_wav((struct audio_format){ 0 });
    add_source(&source, format, noise, sizeof(noise));
    audiodev_wake(audiodev);
    for (;;) {
        if (is_done(&source)) {
            pthread_mutex_lock(&source.lock);
            source.done = 0;
            pthread_mutex_unlock(&source.lock);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
}

START_TEST(a_killed_program_leaves_a_right_header)
{
    struct audio_format format = { AUDIO_SAMPLE_S16, 192000, 2 };
    make_noise();
    for (unsigned n = 0; n < 10; n++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (!child)
            play_for_ever(format);
        struct header header = { .data_length = 0 };
        for (unsigned tries = 0; !header.data_length && tries < 10000; tries++) {
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
            int fd = open(path, O_RDONLY);
            if (fd >= 0 && read(fd, &header, sizeof(header)) < (ssize_t)sizeof(header))
                header.data_length = 0;
            close(fd);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 + 3700000 * n }, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        size_t length = read_file(&header);
        unlink(path);
        /* The data may be ahead of the header by one turn, and never behind it. */
        ck_assert_uint_gt(header.data_length, 0);
        ck_assert_uint_eq(header.length, 36 + header.data_length);
        ck_assert_uint_le(44 + header.data_length, length);
        ck_assert_uint_eq(header.data_length % 4, 0);
        for (size_t at = 0; at < header.data_length; at++)
            ck_assert_uint_eq(file[44 + at], noise[at % sizeof(noise)]);
    }
}
END_TEST

START_TEST(a_paused_guest_plays_nothing)
{
    struct source source;
    struct audio_format format = { AUDIO_SAMPLE_S16, 48000, 2 };
    make_noise();
    make_wav((struct audio_format){ 0 });
    clock_stop(timekeeper);
    add_source(&source, format, noise, sizeof(noise));
    audiodev_wake(audiodev);
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    expect_header(format, 0);
    clock_start(timekeeper);
    finish(&source);
    expect_header(format, sizeof(noise));
    audiodev_destroy(audiodev);
}
END_TEST

START_TEST(files_that_cannot_be)
{
    struct error error = { "" };
    struct audiodev_config config = { .create = audiodev_wav_create, .clock = timekeeper };
    config.path = "/nonexistent/folder/a.wav";
    ck_assert_ptr_null(audiodev_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "path=/nonexistent/folder/a.wav"));
    config.path = "/dev/full"; /* it does not seek, or has no room: in either case no header can be written */
    ck_assert_ptr_null(audiodev_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "cannot be written"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("audiodev");
    TCase *tests = tcase_create("audiodev"), *killed = tcase_create("killed");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, samples_survive);
    tcase_add_test(tests, samples_are_cut);
    tcase_add_test(tests, silence_is_silent);
    tcase_add_test(tests, rates_change);
    tcase_add_test(tests, a_stream_is_in_the_file_as_it_was);
    tcase_add_test(tests, floats_have_their_own_header);
    tcase_add_test(tests, other_formats_are_converted);
    tcase_add_test(tests, streams_at_once_are_mixed);
    tcase_add_test(tests, a_paused_guest_plays_nothing);
    tcase_add_test(tests, files_that_cannot_be);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(killed, 60);
    tcase_add_checked_fixture(killed, setup_path, teardown); /* this one has no threads, because it forks */
    tcase_add_test(killed, a_killed_program_leaves_a_right_header);
    suite_add_tcase(suite, killed);
    return suite;
}
