/* SPDX-License-Identifier: MIT
 *
 * Streams of the sound device and their I/O messages. A message is taken from its queue when it arrives, and
 * stays with its stream until the audiodev's thread has moved all of its frames. The frames are read and
 * written in the guest's memory at that moment. At most SND_QUEUE_SIZE messages of a queue are taken; a
 * driver that puts more into it has to wait.
 *
 * A message is forgotten if its queue was disabled or reset since: its buffers belong to the driver again.
 */
#include <stdio.h>
#include <string.h>

#include "devices/virtio/snd/internal.h"
#include "util/check.h"
#include "util/log.h"

/* ---- Messages ------------------------------------------------------------------------------------------ */

static void free_message(struct virtio_snd *snd, unsigned direction, struct snd_message *message)
{
    message->next = snd->free[direction];
    snd->free[direction] = message;
}

static void append_message(struct snd_stream *stream, struct snd_message *message)
{
    message->next = NULL;
    *stream->end = message;
    stream->end = &message->next;
}

static struct snd_message *remove_first(struct snd_stream *stream)
{
    struct snd_message *message = stream->first;
    stream->first = message->next;
    if (!stream->first)
        stream->end = &stream->first;
    return message;
}

/* Gives a message back to the driver. In an input message the status lies behind the frames. */
static void give_back(struct virtio_snd *snd, unsigned direction, struct snd_message *message,
                      uint32_t status, uint32_t latency_bytes)
{
    struct snd_status answer = { status, latency_bytes };
    uint32_t in_length = message->chain.in_length, written = 0;
    if (in_length >= SND_STATUS_BYTES) {
        virtq_chain_write(&message->chain, in_length - SND_STATUS_BYTES, &answer, sizeof(answer));
        written = SND_STATUS_BYTES + (direction == SND_D_INPUT ? message->done : 0);
    }
    virtqueue_push(snd_queue(snd, direction), &message->chain, written);
    free_message(snd, direction, message);
}

/* Drops messages whose epoch is over, so virtqueue_push() only notes what was written to the guest's
 * memory. */
static void drop_messages(struct virtio_snd *snd, unsigned direction)
{
    for (unsigned n = 0; n < snd->options.streams; n++) {
        struct snd_stream *stream = &snd->streams[n];
        while (snd_direction(stream) == direction && stream->first) {
            struct snd_message *message = remove_first(stream);
            virtqueue_push(snd_queue(snd, direction), &message->chain, 0);
            free_message(snd, direction, message);
        }
    }
    snd->epochs[direction] = snd_queue(snd, direction)->epoch;
}

/* To be called before messages are used. A reset of the device ends the queues' epochs, too. */
static void drop_stale(struct virtio_snd *snd, unsigned direction)
{
    if (snd->epochs[direction] != snd_queue(snd, direction)->epoch)
        drop_messages(snd, direction);
}

/* Returns the stream of a message; NULL and *fault if there is none. */
static struct snd_stream *find_stream(struct virtio_snd *snd, unsigned direction, struct snd_message *message,
                                      const char **fault)
{
    const struct virtq_chain *chain = &message->chain;
    uint32_t id, payload = direction == SND_D_OUTPUT ? chain->out_length - SND_XFER_BYTES
                                                     : chain->in_length - SND_STATUS_BYTES;
    *fault = "is too short for its header and status";
    if (virtq_chain_read(chain, 0, &id, SND_XFER_BYTES) < SND_XFER_BYTES ||
        chain->in_length < SND_STATUS_BYTES)
        return NULL;
    *fault = "names a stream that is not of its queue";
    if (id >= snd->options.streams || snd_direction(&snd->streams[id]) != direction)
        return NULL;
    struct snd_stream *stream = &snd->streams[id];
    *fault = "comes before its stream was prepared";
    if (stream->state < SND_PREPARED)
        return NULL;
    *fault = "has part of a frame";
    if (payload % audio_frame_bytes(&stream->format))
        return NULL;
    *fault = NULL;
    message->payload = payload;
    message->done = 0;
    return stream;
}

void snd_take_messages(struct virtio_snd *snd, unsigned direction)
{
    CHECK_HELD(&snd->device.lock);
    struct virtqueue *queue = snd_queue(snd, direction);
    drop_stale(snd, direction);
    while (snd->free[direction] && virtqueue_pop(queue, &snd->free[direction]->chain)) {
        struct snd_message *message = snd->free[direction];
        const char *fault;
        snd->free[direction] = message->next;
        struct snd_stream *stream = find_stream(snd, direction, message, &fault);
        if (stream && !stream->failed) {
            append_message(stream, message);
            continue;
        }
        if (fault)
            LOG_GUEST("virtio-snd: queue %u: a message %s", queue->index, fault);
        message->done = 0;
        give_back(snd, direction, message, SND_S_IO_ERR, 0);
    }
    virtqueue_signal(queue);
}

void snd_flush_stream(struct snd_stream *stream, uint32_t status)
{
    CHECK_HELD(&stream->snd->device.lock);
    struct virtio_snd *snd = stream->snd;
    unsigned direction = snd_direction(stream);
    drop_stale(snd, direction);
    while (stream->first)
        give_back(snd, direction, remove_first(stream), status, 0);
    virtqueue_signal(snd_queue(snd, direction));
}

/* ---- Frames: the audiodev's thread --------------------------------------------------------------------- */

/* Moves up to `bytes` bytes of the first message. */
static uint32_t move_part(struct snd_stream *stream, uint8_t *host, uint32_t bytes)
{
    struct snd_message *message = stream->first;
    uint32_t part = message->payload - message->done;
    if (part > bytes)
        part = bytes;
    if (snd_direction(stream) == SND_D_OUTPUT)
        virtq_chain_read(&message->chain, SND_XFER_BYTES + message->done, host, part);
    else
        virtq_chain_write(&message->chain, message->done, host, part);
    message->done += part;
    return part;
}

/* The distance between the end of a message and what is heard (or recorded) now. `moved` frames of this
 * transfer have already been moved. */
static uint32_t latency_bytes(const struct snd_stream *stream, unsigned frames, unsigned moved, int latency)
{
    int64_t distance = snd_direction(stream) == SND_D_OUTPUT ? (int64_t)latency + moved
                                                             : (int64_t)latency + (frames - moved);
    if (distance < 0)
        return 0;
    return (uint32_t)distance * audio_frame_bytes(&stream->format);
}

unsigned snd_transfer(void *opaque, void *bytes, unsigned frames, int latency)
{
    struct snd_stream *stream = opaque;
    struct virtio_snd *snd = stream->snd;
    unsigned direction = snd_direction(stream), frame;
    uint32_t done = 0, wanted;
    pthread_mutex_lock(&snd->device.lock);
    frame = audio_frame_bytes(&stream->format);
    wanted = frames * frame;
    drop_stale(snd, direction);
    /* If `answered` is false, the stream was loaded from a saved state, and the caller's frames may be of
     * another format. */
    if (stream->state != SND_RUNNING || !stream->answered || !virtio_device_may_run(&snd->device))
        wanted = 0;
    while (wanted && stream->first) {
        done += move_part(stream, (uint8_t *)bytes + done, wanted - done);
        if (stream->first->done < stream->first->payload)
            break;
        give_back(snd, direction, remove_first(stream), SND_S_OK,
                  latency_bytes(stream, frames, done / frame, latency));
    }
    if (done)
        stream->starving = false;
    pthread_mutex_unlock(&snd->device.lock);
    return done / frame;
}

void snd_transfer_end(void *opaque)
{
    struct snd_stream *stream = opaque;
    struct virtio_snd *snd = stream->snd;
    pthread_mutex_lock(&snd->device.lock);
    if (virtio_device_may_run(&snd->device))
        /* this takes new messages, for which there may be room now, and signals the driver */
        snd_take_messages(snd, snd_direction(stream));
    pthread_mutex_unlock(&snd->device.lock);
}

/* Sends one event each time that the guest falls behind, if it wants such events and has a buffer. */
void snd_xrun(void *opaque)
{
    struct snd_stream *stream = opaque;
    struct virtio_snd *snd = stream->snd;
    struct virtqueue *queue = &snd->device.queues[SND_QUEUE_EVENT];
    struct snd_event event = { SND_EVT_PCM_XRUN, stream->id };
    pthread_mutex_lock(&snd->device.lock);
    bool tell =
        stream->state == SND_RUNNING && !stream->starving && stream->features >> SND_PCM_F_EVT_XRUNS & 1;
    stream->starving |= stream->state == SND_RUNNING;
    if (tell && virtqueue_pop(queue, &snd->event_chain)) {
        size_t written = virtq_chain_write(&snd->event_chain, 0, &event, sizeof(event));
        if (written < sizeof(event))
            LOG_GUEST("virtio-snd: an event buffer of %u bytes", snd->event_chain.in_length);
        virtqueue_push(queue, &snd->event_chain, (uint32_t)written);
        virtqueue_signal(queue);
    }
    pthread_mutex_unlock(&snd->device.lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

void snd_streams_reset(struct virtio_snd *snd)
{
    CHECK_HELD(&snd->device.lock);
    for (unsigned n = 0; n < snd->options.streams; n++) {
        struct snd_stream *stream = &snd->streams[n];
        stream->state = SND_NEW;
        stream->failed = stream->starving = stream->answered = false;
        stream->features = 0;
    }
    drop_stale(snd, SND_D_OUTPUT);
    drop_stale(snd, SND_D_INPUT);
}

void snd_streams_init(struct virtio_snd *snd)
{
    for (unsigned n = 0; n < snd->options.streams; n++) {
        struct snd_stream *stream = &snd->streams[n];
        stream->snd = snd;
        stream->id = n;
        stream->format = (struct audio_format){ AUDIO_SAMPLE_S16, 48000, 2 };
        stream->end = &stream->first;
    }
    for (unsigned n = 0; n < SND_QUEUE_SIZE; n++) {
        free_message(snd, SND_D_OUTPUT, &snd->messages[SND_D_OUTPUT][n]);
        free_message(snd, SND_D_INPUT, &snd->messages[SND_D_INPUT][n]);
    }
}

/* Saves the head and the progress of each message; the descriptors are in the guest's memory. */
void snd_save_messages(struct virtio_snd *snd, struct state_writer *writer)
{
    CHECK_HELD(&snd->device.lock);
    char name[32];
    drop_stale(snd, SND_D_OUTPUT);
    drop_stale(snd, SND_D_INPUT);
    for (unsigned n = 0; n < snd->options.streams; n++) {
        uint32_t saved[SND_QUEUE_SIZE][2] = { { 0 } };
        unsigned count = 0;
        for (struct snd_message *message = snd->streams[n].first; message; message = message->next) {
            saved[count][0] = message->chain.head;
            saved[count++][1] = message->done;
        }
        snprintf(name, sizeof(name), "stream%u.count", n);
        state_put(writer, name, count);
        snprintf(name, sizeof(name), "stream%u.messages", n);
        state_put_bytes(writer, name, saved, sizeof(saved));
    }
}

/* Takes a message again. False if it is not in the guest's memory. */
static bool load_message(struct snd_stream *stream, const uint32_t saved[2])
{
    struct virtio_snd *snd = stream->snd;
    unsigned direction = snd_direction(stream);
    struct snd_message *message = snd->free[direction];
    const char *fault = NULL;
    if (!message || !virtqueue_retake(snd_queue(snd, direction), &message->chain, saved[0]))
        return false;
    snd->free[direction] = message->next;
    bool good = find_stream(snd, direction, message, &fault) == stream && saved[1] <= message->payload &&
                saved[1] % audio_frame_bytes(&stream->format) == 0;
    if (!good) {
        free_message(snd, direction, message);
        return false;
    }
    message->done = saved[1];
    append_message(stream, message);
    return true;
}

void snd_load_messages(struct virtio_snd *snd, struct state_reader *reader)
{
    CHECK_HELD(&snd->device.lock);
    char name[32];
    bool good = true;
    drop_stale(snd, SND_D_OUTPUT);
    drop_stale(snd, SND_D_INPUT);
    for (unsigned n = 0; n < snd->options.streams && !reader->failed; n++) {
        uint32_t saved[SND_QUEUE_SIZE][2];
        snprintf(name, sizeof(name), "stream%u.count", n);
        unsigned count = (unsigned)state_get(reader, name, SND_QUEUE_SIZE);
        snprintf(name, sizeof(name), "stream%u.messages", n);
        state_get_bytes(reader, name, saved, sizeof(saved));
        for (unsigned m = 0; m < count && !reader->failed && good; m++)
            good = load_message(&snd->streams[n], saved[m]);
    }
    if (!good) {
        LOG_GUEST("virtio-snd: the messages of the saved state are not in the guest's memory");
        virtio_device_break(&snd->device);
    }
}
