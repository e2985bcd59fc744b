/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives a virtio sound device with the fuzzer's bytes. Each record is one
 * step: a request, an I/O message, an event buffer, frames that become due, a saved state that is loaded, a
 * reset. A record is combined by exclusive or with what a good driver would send, so that with zeros a stream
 * is set up and played.
 *
 *   byte 0   which step
 *   byte 1   bits 0-3: bytes by which the message is cut short, bits 4-6: which stream, bit 7: no kick yet
 *   byte 2   how many bytes of the record follow, up to 32
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/snd/internal.h"
#include "devices/virtio/snd/snd.h"
#include "tests/devices/virtio/guest.h"

#define RING_AT(n) (GUEST_RAM_BASE + 0x10000 + 0x4000 * (n))
#define REQUEST_AT (GUEST_RAM_BASE + 0x20000)
#define ANSWER_AT  (GUEST_RAM_BASE + 0x21000)
#define DATA_AT    (GUEST_RAM_BASE + 0x30000)
#define STREAMS    3u
#define RING_SIZE  16u

static struct guest guest;
static struct ring rings[SND_QUEUE_COUNT];
static struct virtio_snd *snd;

/* ---- The backend --------------------------------------------------------------------------------------- */

/* An audiodev without a thread: this file calls the fronts as the thread would. */
static void make_guest(void)
{
    struct error error = { "" };
    struct audiodev *audiodev = calloc(1, sizeof(*audiodev));
    pthread_mutex_init(&audiodev->lock, NULL);
    pthread_mutex_init(&audiodev->turn, NULL);
    pthread_cond_init(&audiodev->changed, NULL);
    struct virtio_snd_config card = { audiodev, { .streams = STREAMS, .jacks = 2, .chmaps = 4 } };
    struct virtio_device *device = virtio_snd_create(&card, &error);
    if (!device) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    snd = (struct virtio_snd *)device;
    guest_init(&guest, false);
    guest_plug(&guest, device);
}

static void answer_opens(bool ok)
{
    for (unsigned n = 0; n < STREAMS; n++) {
        const struct audio_front *front = &snd->audiodev->slots[n].front;
        struct audio_want want = front->wanted(front->opaque);
        if (want.open)
            front->opened(front->opaque, want.serial, ok);
    }
}

static void move(unsigned stream, unsigned frames, int latency)
{
    uint8_t bytes[AUDIODEV_CHUNK];
    const struct audio_front *front = &snd->audiodev->slots[stream].front;
    struct audio_want want = front->wanted(front->opaque);
    unsigned most = (unsigned)sizeof(bytes) / audio_frame_bytes(&want.format);
    if (frames > most)
        frames = most;
    memset(bytes, 0x55, sizeof(bytes));
    unsigned moved = front->transfer(front->opaque, bytes, frames, latency);
    if (moved > frames)
        abort();
    if (moved < frames)
        front->xrun(front->opaque);
    front->transfer_end(front->opaque);
}

/* ---- The driver ---------------------------------------------------------------------------------------- */

static void offer(unsigned queue, unsigned head, bool kick)
{
    ring_offer(&rings[queue], head);
    if (kick)
        ring_kick(&rings[queue]);
}

/* A request of the kind that `which` selects, for the stream. */
static void send_request(unsigned which, uint32_t stream, const uint8_t *more, size_t count, uint32_t cut,
                         bool kick)
{
    union {
        uint8_t bytes[32];
        struct snd_query_info query;
        struct snd_set_params params;
    } request = { .bytes = { 0 } };
    static const uint32_t codes[8] = { SND_R_PCM_SET_PARAMS, SND_R_PCM_PREPARE, SND_R_PCM_START,
                                       SND_R_PCM_STOP,       SND_R_PCM_RELEASE, SND_R_PCM_INFO,
                                       SND_R_JACK_INFO,      SND_R_CHMAP_INFO };
    if (which < 5)
        request.params = (struct snd_set_params){ codes[which], stream, 256, 64, 0, 2, 5, 7, 0 };
    else
        request.query = (struct snd_query_info){ codes[which], 0, 2, 32 };
    for (size_t n = 0; n < count; n++)
        request.bytes[n] ^= more[n];
    uint32_t length = which == 0 ? sizeof(request.params) : which < 5 ? 8 : sizeof(request.query);
    memcpy(guest_host(&guest, REQUEST_AT), request.bytes, sizeof(request.bytes));
    ring_desc(&rings[0], 0, REQUEST_AT, length > cut ? length - cut : 0, DESC_NEXT, 1);
    ring_desc(&rings[0], 1, ANSWER_AT, 4 + 64 - cut, DESC_WRITE, 0);
    offer(0, 0, kick);
}

/* An I/O message in the stream's own queue, or in the other one. */
static void send_message(bool input, uint32_t stream, unsigned slot, const uint8_t *more, size_t count,
                         uint32_t cut, bool kick)
{
    struct ring *ring = &rings[input ? SND_QUEUE_RX : SND_QUEUE_TX];
    uint64_t at = DATA_AT + 0x1000 * slot;
    uint32_t header[2] = { stream, 0 };
    uint8_t *bytes = (uint8_t *)header;
    for (size_t n = 0; n < count && n < sizeof(header); n++)
        bytes[n] ^= more[n];
    uint32_t payload = 64 + (header[1] & 0xfff);
    memcpy(guest_host(&guest, at), header, 4);
    unsigned first = 3 * (slot % 5);
    ring_desc(ring, first, at, 4, DESC_NEXT, first + 1);
    ring_desc(ring, first + 1, at + 64, payload, DESC_NEXT | (input ? DESC_WRITE : 0), first + 2);
    ring_desc(ring, first + 2, at + 16, 8 - cut % 9, DESC_WRITE, 0);
    offer(ring->queue, first, kick);
}

/* Does one record; returns how many bytes of input it used. */
static size_t step(const uint8_t *data, size_t size)
{
    uint32_t stream = data[1] >> 4 & 7, cut = data[1] & 15;
    bool kick = !(data[1] & 128);
    size_t count = data[2] % 33;
    const uint8_t *more = data + 3;
    if (count > size - 3)
        count = size - 3;
    unsigned what = data[0] % 24;
    if (what < 8) {
        send_request(what, stream, more, count, cut, kick);
    } else if (what < 14) {
        send_message((stream == 2) ^ (what == 13), stream, what % 4, more, count, cut, kick);
    } else if (what < 17) {
        move(stream % STREAMS, count ? more[0] * 4u : 16, count > 1 ? (int)more[1] - 64 : 0);
    } else if (what < 20) {
        answer_opens(what != 19);
    } else if (what == 20) {
        ring_desc(&rings[1], stream, ANSWER_AT + 0x100, 8 - cut % 9, DESC_WRITE, 0);
        offer(1, stream, kick);
    } else if (what == 21) {
        guest_reload(&guest);
    } else if (what == 22) {
        guest_write(&guest, REG_QUEUE_SEL, 2 + stream % 2);
        guest_write(&guest, REG_QUEUE_READY, 0);
        guest_ring(&guest, &rings[2 + stream % 2], 2 + stream % 2, RING_SIZE, RING_AT(2 + stream % 2));
    } else {
        for (unsigned n = 0; n < SND_QUEUE_COUNT; n++)
            ring_kick(&rings[n]);
    }
    return 3 + count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest.slot)
        make_guest();
    guest_negotiate(&guest, 0);
    for (unsigned n = 0; n < SND_QUEUE_COUNT; n++)
        guest_ring(&guest, &rings[n], n, RING_SIZE, RING_AT(n));
    guest_driver_ok(&guest);
    for (unsigned n = 0; n < 128 && size >= 3; n++) {
        size_t taken = step(data, size);
        data += taken;
        size -= taken;
    }
    guest_write(&guest, REG_STATUS, 0);
    return 0;
}
