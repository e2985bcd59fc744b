/* SPDX-License-Identifier: MIT
 *
 * The sound device against a backend whose time is set by the test: frames become due when the test says so.
 * The test checks what the device reports about itself; every request in every state; messages of a hostile
 * driver; which frames are played and recorded, and when their messages come back; underruns; saved state.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/virtio/snd/internal.h"
#include "devices/virtio/snd/snd.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define CTRL_AT    (GUEST_RAM_BASE + 0x10000)
#define EVENT_AT   (GUEST_RAM_BASE + 0x14000)
#define TX_AT      (GUEST_RAM_BASE + 0x18000)
#define RX_AT      (GUEST_RAM_BASE + 0x1c000)
#define REQUEST_AT (GUEST_RAM_BASE + 0x20000)
#define ANSWER_AT  (GUEST_RAM_BASE + 0x21000)
#define EVENTS_AT  (GUEST_RAM_BASE + 0x22000)
#define DATA_AT    (GUEST_RAM_BASE + 0x30000)
#define FRAME      4u   /* bytes: S16, stereo */
#define PERIOD     400u /* bytes: 100 frames */
#define STREAMS    4u   /* 0 and 1 play, 2 and 3 record */

/* ---- The backend --------------------------------------------------------------------------------------- */

struct fake {
    struct audiodev audiodev; /* must be first */
};
struct audio_voice {
    enum audio_direction direction;
    struct audio_format format;
};
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned granted, latency, open_voices, starvings;
static bool refuse_open, hold_open, dry_is_lost;
static uint8_t played[65536];
static size_t played_bytes;
static uint8_t next_recorded;

static struct audio_voice *fake_open(struct audiodev *audiodev, enum audio_direction direction,
                                     const struct audio_format *format, struct error *error)
{
    (void)audiodev;
    struct audio_voice *voice = NULL;
    pthread_mutex_lock(&fake_lock);
    while (hold_open) {
        pthread_mutex_unlock(&fake_lock);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        pthread_mutex_lock(&fake_lock);
    }
    if (refuse_open) {
        error_set(error, "fake: refused, as the test wants");
    } else {
        voice = calloc(1, sizeof(*voice));
        *voice = (struct audio_voice){ direction, *format };
        open_voices++;
    }
    pthread_mutex_unlock(&fake_lock);
    return voice;
}

static void fake_close(struct audio_voice *voice)
{
    open_voices--;
    free(voice);
}

static void fake_run(struct audio_voice *voice, bool on)
{
    (void)voice, (void)on;
}

static unsigned fake_ready(struct audio_voice *voice)
{
    (void)voice;
    pthread_mutex_lock(&fake_lock);
    unsigned frames = granted;
    pthread_mutex_unlock(&fake_lock);
    return frames;
}

static int fake_latency(struct audio_voice *voice, unsigned frames)
{
    (void)voice, (void)frames;
    return (int)latency;
}

static void use(unsigned frames)
{
    granted = granted > frames ? granted - frames : 0;
}

static void fake_write(struct audio_voice *voice, const void *bytes, unsigned frames)
{
    size_t length = (size_t)frames * audio_frame_bytes(&voice->format);
    pthread_mutex_lock(&fake_lock);
    ck_assert_uint_le(played_bytes + length, sizeof(played));
    memcpy(played + played_bytes, bytes, length);
    played_bytes += length;
    use(frames);
    pthread_mutex_unlock(&fake_lock);
}

static void fake_read(struct audio_voice *voice, void *bytes, unsigned frames)
{
    size_t length = (size_t)frames * audio_frame_bytes(&voice->format);
    pthread_mutex_lock(&fake_lock);
    for (size_t n = 0; n < length; n++)
        ((uint8_t *)bytes)[n] = next_recorded++;
    use(frames);
    pthread_mutex_unlock(&fake_lock);
}

static bool fake_starved(struct audio_voice *voice)
{
    (void)voice;
    pthread_mutex_lock(&fake_lock);
    granted = 0;
    starvings++;
    bool lost = dry_is_lost;
    pthread_mutex_unlock(&fake_lock);
    return lost;
}

static void fake_destroy(struct audiodev *audiodev)
{
    free(audiodev);
}

static const struct audiodev_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .run = fake_run,
    .ready = fake_ready,
    .latency = fake_latency,
    .write = fake_write,
    .read = fake_read,
    .starved = fake_starved,
    .destroy = fake_destroy,
};

static struct audiodev *fake_create(const struct audiodev_config *config, struct error *error)
{
    (void)config, (void)error;
    struct audiodev *audiodev = calloc(1, sizeof(*audiodev));
    audiodev->ops = &fake_ops;
    return audiodev;
}

/* That many frames are due; returns when they were moved, or when the guest had no more. */
static void grant(unsigned frames)
{
    pthread_mutex_lock(&fake_lock);
    granted = frames;
    while (granted) {
        pthread_mutex_unlock(&fake_lock);
        nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
        pthread_mutex_lock(&fake_lock);
    }
    pthread_mutex_unlock(&fake_lock);
}

/* ---- The driver ---------------------------------------------------------------------------------------- */

static struct guest guest;
static struct ring ctrl, events, tx, rx;
static struct clock *timekeeper;
static struct audiodev *audiodev;

static void start(void)
{
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &ctrl, 0, 64, CTRL_AT);
    guest_ring(&guest, &events, 1, 64, EVENT_AT);
    guest_ring(&guest, &tx, 2, 64, TX_AT);
    guest_ring(&guest, &rx, 3, 64, RX_AT);
    guest_driver_ok(&guest);
}

static void plug(struct audiodev *(*create)(const struct audiodev_config *, struct error *))
{
    struct error error;
    timekeeper = clock_create(&error);
    struct audiodev_config config = { .create = create, .clock = timekeeper, .period_us = 1000 };
    audiodev = audiodev_create(&config, &error);
    ck_assert_ptr_nonnull(audiodev);
    struct virtio_snd_config card = { audiodev, { .streams = STREAMS, .jacks = 3, .chmaps = 4 } };
    struct virtio_device *device = virtio_snd_create(&card, &error);
    ck_assert_ptr_nonnull(device);
    guest_init(&guest, false);
    guest_plug(&guest, device);
}

static void setup(void)
{
    granted = latency = open_voices = starvings = 0;
    refuse_open = hold_open = false;
    dry_is_lost = true;
    played_bytes = next_recorded = 0;
    plug(fake_create);
    start();
}

static void teardown(void)
{
    guest_destroy(&guest);
    ck_assert_uint_eq(open_voices, 0);
    audiodev_destroy(audiodev);
    clock_destroy(timekeeper);
}

static void send_request(const void *request, uint32_t length, uint32_t room)
{
    memset(guest_host(&guest, ANSWER_AT), 0xee, 0x1000);
    memcpy(guest_host(&guest, REQUEST_AT), request, length);
    ring_desc(&ctrl, 0, REQUEST_AT, length, DESC_NEXT, 1);
    ring_desc(&ctrl, 1, ANSWER_AT, room, DESC_WRITE, 0);
    ring_offer(&ctrl, 0);
    ring_kick(&ctrl);
}

static uint32_t take_status(uint32_t bytes)
{
    uint32_t written, status;
    ck_assert(ring_take(&ctrl, NULL, &written));
    ck_assert_uint_eq(written, bytes);
    memcpy(&status, guest_host(&guest, ANSWER_AT), sizeof(status));
    return status;
}

static uint32_t ask(uint32_t code, uint32_t stream)
{
    struct snd_pcm_request request = { code, stream };
    send_request(&request, sizeof(request), 4);
    return take_status(4);
}

static struct snd_set_params params_of(uint32_t stream)
{
    return (struct snd_set_params){
        SND_R_PCM_SET_PARAMS, stream, 4 * PERIOD, PERIOD, 1 << SND_PCM_F_EVT_XRUNS, 2, 5, 7, 0
    };
}

static uint32_t set_params(uint32_t stream)
{
    struct snd_set_params params = params_of(stream);
    send_request(&params, sizeof(params), 4);
    return take_status(4);
}

static void bring_to(uint32_t stream, enum snd_state state)
{
    if (state >= SND_PARAMS)
        ck_assert_uint_eq(set_params(stream), SND_S_OK);
    if (state >= SND_PREPARED)
        ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, stream), SND_S_OK);
    if (state >= SND_RUNNING)
        ck_assert_uint_eq(ask(SND_R_PCM_START, stream), SND_S_OK);
    if (state == SND_STOPPED)
        ck_assert_uint_eq(ask(SND_R_PCM_STOP, stream), SND_S_OK);
}

static uint64_t data_at(unsigned n)
{
    return DATA_AT + 0x1000 * n;
}

/* Sends message n: its header, its frames in two pieces, its status. */
static void send_message(struct ring *ring, unsigned n, uint32_t stream, uint32_t bytes)
{
    bool output = ring == &tx;
    uint32_t half = bytes / 2;
    uint64_t at = data_at(n), status = at + 0xff0;
    memcpy(guest_host(&guest, at), &stream, 4);
    memset(guest_host(&guest, status), 0xee, 8);
    ring_desc(ring, 4 * n, at, 4, DESC_NEXT, 4 * n + 1);
    ring_desc(ring, 4 * n + 1, at + 16, half, DESC_NEXT | (output ? 0 : DESC_WRITE), 4 * n + 2);
    ring_desc(ring, 4 * n + 2, at + 0x800, bytes - half, DESC_NEXT | (output ? 0 : DESC_WRITE), 4 * n + 3);
    ring_desc(ring, 4 * n + 3, status, 8, DESC_WRITE, 0);
    for (uint32_t b = 0; output && b < bytes; b++)
        *(uint8_t *)guest_host(&guest, b < half ? at + 16 + b : at + 0x800 + b - half) = (uint8_t)(7 * n + b);
    ring_offer(ring, 4 * n);
    ring_kick(ring);
}

/* Expects that message n is the next one to come back. */
static struct snd_status expect_message(struct ring *ring, unsigned n, uint32_t bytes)
{
    struct snd_status status;
    uint32_t head, written;
    ck_assert(ring_take(ring, &head, &written));
    ck_assert_uint_eq(head, 4 * n);
    ck_assert_uint_eq(written, 8 + bytes);
    memcpy(&status, guest_host(&guest, data_at(n) + 0xff0), sizeof(status));
    return status;
}

static void expect_ok(struct ring *ring, unsigned n, uint32_t bytes, uint32_t latency_bytes)
{
    struct snd_status status = expect_message(ring, n, bytes);
    ck_assert_uint_eq(status.status, SND_S_OK);
    ck_assert_uint_eq(status.latency_bytes, latency_bytes);
}

/* ---- What the device has ------------------------------------------------------------------------------- */

static uint32_t query(uint32_t code, uint32_t first, uint32_t count, uint32_t size, uint32_t room)
{
    struct snd_query_info request = { code, first, count, size };
    send_request(&request, sizeof(request), room);
    uint32_t head, written, status;
    ck_assert(ring_take(&ctrl, &head, &written));
    memcpy(&status, guest_host(&guest, ANSWER_AT), sizeof(status));
    ck_assert_uint_eq(written, 4 + (status == SND_S_OK ? count * size : 0));
    return status;
}

START_TEST(says_what_it_has)
{
    struct snd_pcm_info pcm[STREAMS];
    struct snd_jack_info jacks[3];
    struct snd_chmap_info maps[4];
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 25);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG), 3);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 4), STREAMS);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 8), 4);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 12), 0xffffffff);

    ck_assert_uint_eq(sizeof(pcm[0]), 32);
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 0, STREAMS, 32, 4 + sizeof(pcm)), SND_S_OK);
    memcpy(pcm, guest_host(&guest, ANSWER_AT + 4), sizeof(pcm));
    for (unsigned n = 0; n < STREAMS; n++) {
        ck_assert_uint_eq(pcm[n].direction, n >= 2);
        ck_assert_uint_eq(pcm[n].formats, 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 17 | 1 << 19);
        ck_assert_uint_eq(pcm[n].rates, 0x1ffe); /* 8000 to 192000 */
        ck_assert_uint_eq(pcm[n].channels_min, 1);
        ck_assert_uint_eq(pcm[n].channels_max, 2);
    }
    ck_assert_uint_eq(sizeof(jacks[0]), 24);
    ck_assert_uint_eq(query(SND_R_JACK_INFO, 1, 2, 24, 4 + 48), SND_S_OK);
    memcpy(jacks, guest_host(&guest, ANSWER_AT + 4), 48);
    ck_assert_uint_eq(jacks[0].hda_reg_defconf >> 20 & 15, 0xa); /* a microphone */
    ck_assert_uint_eq(jacks[1].hda_reg_defconf >> 20 & 15, 0);   /* a line out */
    ck_assert_uint_eq(jacks[1].connected, 1);
    ck_assert_uint_eq(sizeof(maps[0]), 24);
    ck_assert_uint_eq(query(SND_R_CHMAP_INFO, 0, 4, 24, 4 + 96), SND_S_OK);
    memcpy(maps, guest_host(&guest, ANSWER_AT + 4), 96);
    ck_assert_uint_eq(maps[1].direction, 1);
    ck_assert_uint_eq(maps[1].channels, 2);
    ck_assert_uint_eq(maps[1].positions[1], 4);
    ck_assert_uint_eq(maps[2].channels, 1);
    /* An older driver's items are cut short. */
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 3, 1, 25, 4 + 25), SND_S_OK);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, ANSWER_AT + 4 + 24), 1);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, ANSWER_AT + 4 + 25), 0xee);
}
END_TEST

START_TEST(bad_queries_are_refused)
{
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 0, STREAMS + 1, 32, 2048), SND_S_BAD_MSG);
    ck_assert_uint_eq(query(SND_R_PCM_INFO, STREAMS, 0, 32, 2048), SND_S_OK);
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 0xffffffff, 2, 32, 2048), SND_S_BAD_MSG);
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 0, STREAMS, 32, 4 + STREAMS * 32 - 1), SND_S_BAD_MSG);
    ck_assert_uint_eq(query(SND_R_PCM_INFO, 0, 2, 0x80000002, 2048), SND_S_BAD_MSG);
    ck_assert_uint_eq(query(SND_R_JACK_INFO, 3, 1, 24, 2048), SND_S_BAD_MSG);
    ck_assert_uint_eq(query(SND_R_CHMAP_INFO, 4, 1, 24, 2048), SND_S_BAD_MSG);
    struct snd_query_info request = { SND_R_PCM_INFO, 0, 1, 32 };
    send_request(&request, 15, 100);
    ck_assert_uint_eq(take_status(4), SND_S_BAD_MSG);
    send_request(&request, 3, 100);
    ck_assert_uint_eq(take_status(4), SND_S_BAD_MSG);
    send_request(&request, 16, 3);
    take_status(0);
    ck_assert_uint_eq(ask(SND_R_JACK_REMAP, 0), SND_S_NOT_SUPP);
    ck_assert_uint_eq(ask(0x300, 0), SND_S_NOT_SUPP);
    ck_assert_uint_eq(ask(0, 0), SND_S_NOT_SUPP);
    ck_assert(!(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET));
}
END_TEST

/* ---- Streams ------------------------------------------------------------------------------------------- */

START_TEST(each_request_in_each_state)
{
    static const uint32_t requests[] = { SND_R_PCM_SET_PARAMS, SND_R_PCM_PREPARE, SND_R_PCM_RELEASE,
                                         SND_R_PCM_START, SND_R_PCM_STOP };
    static const bool allowed[SND_STATE_COUNT][5] = {
        [SND_NEW] = { true, false, false, false, false },
        [SND_PARAMS] = { true, true, false, false, false },
        [SND_PREPARED] = { true, true, true, true, false },
        [SND_RUNNING] = { false, false, false, false, true },
        [SND_STOPPED] = { false, false, true, true, false },
    };
    for (unsigned state = 0; state < SND_STATE_COUNT; state++) {
        for (unsigned n = 0; n < 5; n++) {
            start();
            bring_to(n % STREAMS, (enum snd_state)state);
            uint32_t status =
                requests[n] == SND_R_PCM_SET_PARAMS ? set_params(n % STREAMS) : ask(requests[n], n % STREAMS);
            ck_assert_msg(status == (allowed[state][n] ? SND_S_OK : SND_S_BAD_MSG),
                          "request 0x%x in state %u: 0x%x", requests[n], state, status);
        }
    }
    ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, STREAMS), SND_S_BAD_MSG);
    ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, 0xffffffff), SND_S_BAD_MSG);
}
END_TEST

static uint32_t try_params(struct snd_set_params params)
{
    send_request(&params, sizeof(params), 4);
    return take_status(4);
}

START_TEST(parameters_are_checked)
{
#define TRY(field, value, status)                                                                            \
    do {                                                                                                     \
        struct snd_set_params params = params_of(1);                                                         \
        params.field = value;                                                                                \
        ck_assert_uint_eq(try_params(params), status);                                                       \
    } while (0)
    TRY(channels, 1, SND_S_OK);
    TRY(channels, 0, SND_S_NOT_SUPP);
    TRY(channels, 3, SND_S_NOT_SUPP);
    TRY(format, 19, SND_S_OK);
    TRY(format, 7, SND_S_NOT_SUPP);
    TRY(format, 255, SND_S_NOT_SUPP);
    TRY(rate, 1, SND_S_OK);
    TRY(rate, 12, SND_S_OK);
    TRY(rate, 0, SND_S_NOT_SUPP);
    TRY(rate, 13, SND_S_NOT_SUPP);
    TRY(features, 1, SND_S_NOT_SUPP);
    TRY(period_bytes, 0, SND_S_BAD_MSG);
    TRY(period_bytes, PERIOD - 1, SND_S_BAD_MSG);
    TRY(period_bytes, 8 * PERIOD, SND_S_BAD_MSG);
    TRY(buffer_bytes, 0, SND_S_BAD_MSG);
    TRY(buffer_bytes, 5 * PERIOD / 2, SND_S_BAD_MSG);
    struct snd_set_params params = params_of(1);
    params.period_bytes = params.buffer_bytes = 2; /* half a frame */
    ck_assert_uint_eq(try_params(params), SND_S_BAD_MSG);
    params = params_of(1);
    send_request(&params, sizeof(params) - 1, 4);
    ck_assert_uint_eq(take_status(4), SND_S_BAD_MSG);
}
END_TEST

START_TEST(plays_what_was_sent)
{
    bring_to(0, SND_PREPARED);
    for (unsigned n = 0; n < 3; n++)
        send_message(&tx, n, 0, PERIOD);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_OK);
    ck_assert_uint_eq(ring_returned(&tx), 0);
    grant(99);
    ck_assert_uint_eq(ring_returned(&tx), 0); /* not before all of it is played */
    latency = 10;
    grant(51);
    expect_ok(&tx, 0, 0, (10 + 1) * FRAME); /* one of those 51 frames was the last one of this message */
    ck_assert_uint_eq(ring_returned(&tx), 0);
    grant(150);
    expect_ok(&tx, 1, 0, (10 + 50) * FRAME);
    expect_ok(&tx, 2, 0, (10 + 150) * FRAME);
    ck_assert_uint_eq(played_bytes, 3 * PERIOD);
    for (unsigned n = 0; n < 3 * PERIOD; n++)
        ck_assert_uint_eq(played[n], (uint8_t)(7 * (n / PERIOD) + n % PERIOD));
    ck_assert(atomic_load(&guest.irq));
}
END_TEST

START_TEST(nothing_moves_unless_it_runs)
{
    bring_to(0, SND_PREPARED);
    send_message(&tx, 0, 0, PERIOD);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    pthread_mutex_lock(&fake_lock);
    granted = 1000;
    pthread_mutex_unlock(&fake_lock);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(played_bytes, 0);
    granted = 0;
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_OK);
    grant(50);
    ck_assert_uint_eq(ask(SND_R_PCM_STOP, 0), SND_S_OK); /* a pause */
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_OK);
    clock_stop(timekeeper);
    granted = 50;
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(played_bytes, PERIOD / 2);
    clock_start(timekeeper);
    expect_ok(&tx, 0, 0, 50 * FRAME);
}
END_TEST

START_TEST(release_gives_all_back_first)
{
    bring_to(0, SND_PREPARED);
    bring_to(1, SND_PREPARED);
    send_message(&tx, 0, 0, PERIOD);
    send_message(&tx, 1, 1, PERIOD);
    send_message(&tx, 2, 0, PERIOD);
    ck_assert_uint_eq(ask(SND_R_PCM_RELEASE, 0), SND_S_OK);
    ck_assert_uint_eq(ring_returned(&tx), 2);
    expect_ok(&tx, 0, 0, 0);
    expect_ok(&tx, 2, 0, 0);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 1), SND_S_OK);
    grant(100);
    expect_ok(&tx, 1, 0, PERIOD);
    ck_assert_uint_eq(played[5], 7 + 5);
    ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, 0), SND_S_OK); /* again, with the same parameters */
}
END_TEST

START_TEST(bad_messages_come_back)
{
    send_message(&tx, 0, 0, PERIOD); /* the stream is not prepared */
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    bring_to(0, SND_RUNNING);
    bring_to(2, SND_RUNNING);
    send_message(&tx, 0, STREAMS, PERIOD);
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    send_message(&tx, 0, 0xffffffff, PERIOD);
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    send_message(&tx, 0, 2, PERIOD); /* a message of the other queue */
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    send_message(&rx, 0, 0, PERIOD);
    ck_assert_uint_eq(expect_message(&rx, 0, 0).status, SND_S_IO_ERR);
    send_message(&tx, 0, 0, PERIOD + 2); /* half a frame too long */
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    uint32_t head, written;
    ring_desc(&tx, 0, DATA_AT, 3, DESC_NEXT, 1); /* no header */
    ring_desc(&tx, 1, DATA_AT + 64, 8, DESC_WRITE, 0);
    ring_offer(&tx, 0);
    ring_kick(&tx);
    ck_assert(ring_take(&tx, &head, &written));
    ck_assert_uint_eq(written, 8);
    ring_desc(&tx, 0, DATA_AT, 4 + PERIOD, DESC_NEXT, 1); /* no room for the status */
    ring_desc(&tx, 1, DATA_AT + 0x900, 7, DESC_WRITE, 0);
    ring_offer(&tx, 0);
    ring_kick(&tx);
    ck_assert(ring_take(&tx, &head, &written));
    ck_assert_uint_eq(written, 0);
    send_message(&tx, 0, 0, 0); /* no frames: it comes back when its turn comes */
    send_message(&tx, 1, 0, PERIOD);
    grant(100);
    expect_ok(&tx, 0, 0, 0);
    expect_ok(&tx, 1, 0, PERIOD);
    ck_assert(!(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET));
}
END_TEST

/* A driver that makes descriptors available again while the device still has them. */
START_TEST(too_many_messages_wait)
{
    bring_to(0, SND_PREPARED);
    send_message(&tx, 0, 0, FRAME);
    for (unsigned n = 1; n < 200; n++) {
        ring_offer(&tx, 0);
        ring_kick(&tx);
    }
    /* At most one ring of messages waits beyond those that the device has taken; otherwise the driver breaks
     * the rules. */
    ck_assert(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET || ring_returned(&tx) == 0);
    start();
    bring_to(0, SND_RUNNING);
    send_message(&tx, 0, 0, FRAME);
    for (unsigned n = 1; n < 100; n++) {
        ring_offer(&tx, 0);
        ring_kick(&tx);
    }
    for (unsigned n = 0; n < 100; n += 20) {
        grant(20);
        for (unsigned m = 0; m < 20; m++)
            ck_assert(ring_take(&tx, NULL, NULL));
    }
}
END_TEST

START_TEST(records_into_buffers)
{
    bring_to(2, SND_PREPARED);
    for (unsigned n = 0; n < 3; n++)
        send_message(&rx, n, 2, PERIOD);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 2), SND_S_OK);
    latency = 5;
    grant(150);
    expect_ok(&rx, 0, PERIOD, (5 + 50) * FRAME);
    for (unsigned n = 0; n < PERIOD; n++) {
        uint64_t at = n < PERIOD / 2 ? data_at(0) + 16 + n : data_at(0) + 0x800 + n - PERIOD / 2;
        ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, at), (uint8_t)n);
    }
    ck_assert_uint_eq(ring_returned(&rx), 0);
    ck_assert_uint_eq(ask(SND_R_PCM_STOP, 2), SND_S_OK);
    ck_assert_uint_eq(ring_returned(&rx), 0);
    ck_assert_uint_eq(ask(SND_R_PCM_RELEASE, 2), SND_S_OK);
    expect_ok(&rx, 1, PERIOD / 2, 0); /* as many frames as were recorded */
    expect_ok(&rx, 2, 0, 0);
}
END_TEST

static void offer_event(unsigned n, uint32_t bytes)
{
    ring_desc(&events, n, EVENTS_AT + 16 * n, bytes, DESC_WRITE, 0);
    ring_offer(&events, n);
    ring_kick(&events);
}

START_TEST(an_underrun_is_told_once)
{
    struct snd_event event;
    uint32_t head, written;
    offer_event(0, 8);
    offer_event(1, 8);
    bring_to(1, SND_PREPARED);
    send_message(&tx, 0, 1, PERIOD);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 1), SND_S_OK);
    dry_is_lost = false;
    grant(200); /* the backend still has some frames of its own */
    expect_ok(&tx, 0, 0, PERIOD);
    ck_assert_uint_eq(ring_returned(&events), 0);
    dry_is_lost = true;
    grant(10);
    ck_assert(ring_take(&events, &head, &written));
    ck_assert_uint_eq(written, 8);
    memcpy(&event, guest_host(&guest, EVENTS_AT), sizeof(event));
    ck_assert_uint_eq(event.code, 0x1101);
    ck_assert_uint_eq(event.data, 1);
    unsigned before = starvings;
    grant(10);
    grant(10);
    ck_assert_uint_ge(starvings, before + 2);
    ck_assert_uint_eq(ring_returned(&events), 0);
    send_message(&tx, 1, 1, PERIOD);
    grant(300);
    ck_assert(ring_take(&events, &head, &written));
    ck_assert_uint_eq(head, 1);
    send_message(&tx, 2, 1, PERIOD); /* and there is no buffer for the event */
    grant(300);
    grant(10);
    ck_assert(!(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET));
}
END_TEST

START_TEST(a_host_that_refuses)
{
    refuse_open = true;
    bring_to(0, SND_PARAMS);
    ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, 0), SND_S_IO_ERR);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_BAD_MSG);
    refuse_open = false;
    ck_assert_uint_eq(ask(SND_R_PCM_PREPARE, 0), SND_S_OK);
}
END_TEST

START_TEST(a_slow_host_keeps_no_hart_waiting)
{
    struct snd_pcm_request request = { SND_R_PCM_PREPARE, 0 };
    bring_to(0, SND_PARAMS);
    bring_to(1, SND_NEW);
    pthread_mutex_lock(&fake_lock);
    hold_open = true;
    pthread_mutex_unlock(&fake_lock);
    send_request(&request, sizeof(request), 4); /* the register access returns, though the host does not */
    /* A second request waits behind it. */
    struct snd_set_params params = params_of(1);
    memcpy(guest_host(&guest, REQUEST_AT + 64), &params, sizeof(params));
    ring_desc(&ctrl, 2, REQUEST_AT + 64, sizeof(params), DESC_NEXT, 3);
    ring_desc(&ctrl, 3, ANSWER_AT + 64, 4, DESC_WRITE, 0);
    ring_offer(&ctrl, 2);
    ring_kick(&ctrl);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(ring_returned(&ctrl), 0);
    pthread_mutex_lock(&fake_lock);
    hold_open = false;
    pthread_mutex_unlock(&fake_lock);
    uint32_t head;
    ck_assert(ring_take(&ctrl, &head, NULL));
    ck_assert_uint_eq(head, 0);
    ck_assert(ring_take(&ctrl, &head, NULL));
    ck_assert_uint_eq(head, 2);
    ck_assert_uint_eq(*(uint32_t *)guest_host(&guest, ANSWER_AT + 64), SND_S_OK);
    /* A reset does not wait either, and no result of the requests arrives later. */
    ck_assert_uint_eq(ask(SND_R_PCM_RELEASE, 0), SND_S_OK);
    params = params_of(0);
    params.rate = 1; /* so that another voice must be opened */
    ck_assert_uint_eq(try_params(params), SND_S_OK);
    pthread_mutex_lock(&fake_lock);
    hold_open = true;
    pthread_mutex_unlock(&fake_lock);
    send_request(&request, sizeof(request), 4);
    nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    start();
    pthread_mutex_lock(&fake_lock);
    hold_open = false;
    pthread_mutex_unlock(&fake_lock);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(ring_returned(&ctrl), 0);
    bring_to(0, SND_RUNNING);
}
END_TEST

START_TEST(a_disabled_queue_keeps_its_memory)
{
    bring_to(2, SND_RUNNING);
    send_message(&rx, 0, 2, PERIOD);
    grant(10);
    guest_write(&guest, REG_QUEUE_SEL, 3);
    guest_write(&guest, REG_QUEUE_READY, 0);
    memset(guest_host(&guest, data_at(0)), 0xcc, 0x1000);
    grant(200);
    for (unsigned n = 0; n < 0x1000; n++)
        ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, data_at(0) + n), 0xcc);
    guest_ring(&guest, &rx, 3, 64, RX_AT);
    send_message(&rx, 1, 2, PERIOD);
    grant(100);
    expect_ok(&rx, 1, PERIOD, 0);
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

static void save_and_load(bool forget)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    if (forget)
        guest_write(&guest, REG_STATUS, 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    state_writer_destroy(&writer);
}

START_TEST(goes_on_where_it_was_saved)
{
    bring_to(0, SND_PREPARED);
    bring_to(2, SND_RUNNING);
    for (unsigned n = 0; n < 2; n++)
        send_message(&tx, n, 0, PERIOD);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_OK);
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    ck_assert_uint_eq(ask(SND_R_PCM_STOP, 2), SND_S_OK);
    grant(150);
    save_and_load(true);
    expect_ok(&tx, 0, 0, PERIOD);
    grant(50);
    expect_ok(&tx, 1, 0, PERIOD / 2);
    for (unsigned n = 0; n < 2 * PERIOD; n++)
        ck_assert_uint_eq(played[n], (uint8_t)(7 * (n / PERIOD) + n % PERIOD));
    ck_assert_uint_eq(ask(SND_R_PCM_STOP, 0), SND_S_OK);
    ck_assert_uint_eq(ask(SND_R_PCM_RELEASE, 2), SND_S_OK);
}
END_TEST

START_TEST(a_waiting_prepare_is_saved)
{
    struct snd_pcm_request request = { SND_R_PCM_PREPARE, 1 };
    bring_to(1, SND_PARAMS);
    pthread_mutex_lock(&fake_lock);
    hold_open = true;
    pthread_mutex_unlock(&fake_lock);
    send_request(&request, sizeof(request), 4);
    save_and_load(true);
    pthread_mutex_lock(&fake_lock);
    hold_open = false;
    pthread_mutex_unlock(&fake_lock);
    ck_assert_uint_eq(take_status(4), SND_S_OK);
    ck_assert_uint_eq(ring_returned(&ctrl), 0);
    ck_assert_uint_eq(ask(SND_R_PCM_START, 1), SND_S_OK);
}
END_TEST

/* The driver has changed the descriptors since the device took the request: there is no room for an answer.
 */
START_TEST(a_prepare_without_room_is_not_served_again)
{
    struct snd_pcm_request request = { SND_R_PCM_PREPARE, 1 };
    bring_to(1, SND_PARAMS);
    pthread_mutex_lock(&fake_lock);
    hold_open = true;
    pthread_mutex_unlock(&fake_lock);
    send_request(&request, sizeof(request), 4);
    ((struct guest_desc *)guest_host(&guest, ctrl.desc))[1].length = 0;
    save_and_load(false);
    pthread_mutex_lock(&fake_lock);
    hold_open = false;
    pthread_mutex_unlock(&fake_lock);
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    ck_assert_uint_eq(ring_returned(&ctrl), 0);
}
END_TEST

/* The audiodev's thread may be about to move frames of the previous format. */
START_TEST(a_loaded_stream_waits_for_its_voice)
{
    struct virtio_snd *snd = (struct virtio_snd *)guest.vdev;
    uint8_t bytes[16];
    bring_to(0, SND_RUNNING);
    send_message(&tx, 0, 0, PERIOD);
    pthread_mutex_lock(&guest.vdev->lock);
    snd->streams[0].format.rate = 8000;
    pthread_mutex_unlock(&guest.vdev->lock);
    pthread_mutex_lock(&fake_lock);
    hold_open = true;
    pthread_mutex_unlock(&fake_lock);
    save_and_load(true);
    ck_assert_uint_eq(snd_transfer(&snd->streams[0], bytes, 4, 0), 0);
    pthread_mutex_lock(&fake_lock);
    hold_open = false;
    pthread_mutex_unlock(&fake_lock);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    grant(100);
    expect_ok(&tx, 0, 0, PERIOD);
    ck_assert_uint_eq(played_bytes, PERIOD);
}
END_TEST

START_TEST(a_state_that_the_host_cannot_open)
{
    bring_to(0, SND_PREPARED);
    send_message(&tx, 0, 0, PERIOD);
    refuse_open = true;
    struct virtio_snd *snd = (struct virtio_snd *)guest.vdev;
    pthread_mutex_lock(&guest.vdev->lock);
    snd->streams[0].format.rate = 8000; /* as saved on another host */
    pthread_mutex_unlock(&guest.vdev->lock);
    save_and_load(false);
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    send_message(&tx, 0, 0, PERIOD);
    ck_assert_uint_eq(expect_message(&tx, 0, 0).status, SND_S_IO_ERR);
    ck_assert_uint_eq(ask(SND_R_PCM_RELEASE, 0), SND_S_OK);
}
END_TEST

/* ---- Real time ----------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void setup_none(void)
{
    open_voices = 0;
    plug(audiodev_none_create);
    start();
}

START_TEST(the_none_backend_keeps_time)
{
    uint32_t head;
    bring_to(0, SND_PREPARED);
    for (unsigned n = 0; n < 4; n++)
        send_message(&tx, n, 0, 1920); /* 10 ms each */
    double begin = now();
    ck_assert_uint_eq(ask(SND_R_PCM_START, 0), SND_S_OK);
    for (unsigned n = 0; n < 20; n++) {
        ck_assert(ring_take(&tx, &head, NULL));
        ck_assert_uint_eq(head, 4 * (n % 4));
        ck_assert_double_ge(now() - begin, 0.01 * (n + 1) - 0.001);
        send_message(&tx, n % 4, 0, 1920);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio_snd");
    TCase *tests = tcase_create("virtio_snd"), *real = tcase_create("real time");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, says_what_it_has);
    tcase_add_test(tests, bad_queries_are_refused);
    tcase_add_test(tests, each_request_in_each_state);
    tcase_add_test(tests, parameters_are_checked);
    tcase_add_test(tests, plays_what_was_sent);
    tcase_add_test(tests, nothing_moves_unless_it_runs);
    tcase_add_test(tests, release_gives_all_back_first);
    tcase_add_test(tests, bad_messages_come_back);
    tcase_add_test(tests, too_many_messages_wait);
    tcase_add_test(tests, records_into_buffers);
    tcase_add_test(tests, an_underrun_is_told_once);
    tcase_add_test(tests, a_host_that_refuses);
    tcase_add_test(tests, a_slow_host_keeps_no_hart_waiting);
    tcase_add_test(tests, a_disabled_queue_keeps_its_memory);
    tcase_add_test(tests, goes_on_where_it_was_saved);
    tcase_add_test(tests, a_waiting_prepare_is_saved);
    tcase_add_test(tests, a_prepare_without_room_is_not_served_again);
    tcase_add_test(tests, a_loaded_stream_waits_for_its_voice);
    tcase_add_test(tests, a_state_that_the_host_cannot_open);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(real, 60);
    tcase_add_checked_fixture(real, setup_none, teardown);
    tcase_add_test(real, the_none_backend_keeps_time);
    suite_add_tcase(suite, real);
    return suite;
}
