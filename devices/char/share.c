/* SPDX-License-Identifier: MIT
 *
 * Further users of a backend with Ctrl-A keys (a chardev with mux=on); see chardev_share(). A share is a
 * stream without descriptors: the backend's stream puts its keys into the share's buffer, in the I/O thread,
 * and reads nothing more while any of these buffers is full. So no key is lost.
 *
 * The backend is destroyed before its shares, and leaves them first: `base_gone` is protected by the share's
 * out_lock, which nothing else uses. Writers have stopped by then.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/char/stream.h"

struct chardev_stream *stream_focus(struct chardev_stream *stream)
{
    unsigned focus = atomic_load(&stream->focus);
    return focus ? stream->shares[focus - 1] : stream;
}

size_t stream_share_room(const struct chardev_stream *stream)
{
    size_t most = 0;
    for (unsigned n = 0; n < atomic_load(&stream->share_count); n++)
        if (stream->shares[n]->in_count > most)
            most = stream->shares[n]->in_count;
    return STREAM_BUFFER - most;
}

void stream_share_put(struct chardev_stream *share, uint8_t byte)
{
    if (share->in_head + share->in_count == STREAM_BUFFER) {
        memmove(share->in_buffer, share->in_buffer + share->in_head, share->in_count);
        share->in_head = 0;
    }
    if (share->in_count < STREAM_BUFFER) /* see stream_share_room() */
        share->in_buffer[share->in_head + share->in_count++] = byte;
}

void stream_shares_deliver(struct chardev_stream *stream)
{
    bool opened = stream->opened && !stream->end_waits;
    for (unsigned n = 0; n < atomic_load(&stream->share_count); n++) {
        if (!atomic_load(&stream->shares[n]->attached))
            continue;
        stream_tell_opened(stream->shares[n], opened);
        stream_deliver(stream->shares[n]);
    }
}

void stream_shares_leave(struct chardev_stream *stream)
{
    for (unsigned n = 0; n < atomic_load(&stream->share_count); n++) {
        pthread_mutex_lock(&stream->shares[n]->out_lock);
        stream->shares[n]->base_gone = true;
        pthread_mutex_unlock(&stream->shares[n]->out_lock);
    }
}

void stream_share_ready(struct chardev_stream *share)
{
    struct chardev_stream *base = (struct chardev_stream *)share->chardev.share_of;
    pthread_mutex_lock(&share->out_lock);
    if (!share->base_gone)
        io_loop_run(base->loop, &base->input_job);
    pthread_mutex_unlock(&share->out_lock);
}

/* ---- The share as a character device ------------------------------------------------------------------- */

static bool is_stream(const struct chardev *chardev)
{
    return chardev->ops->input_ready == stream_input_ready;
}

static void share_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    chardev_write(chardev->share_of, bytes, length);
}

/* The first call is that of chardev_attach(), after which the share has the keys. */
static void share_input_ready(struct chardev *chardev)
{
    struct chardev_stream *share = (struct chardev_stream *)chardev;
    struct chardev_stream *base = (struct chardev_stream *)chardev->share_of;
    if (is_stream(&base->chardev) && !atomic_load(&share->attached))
        for (unsigned n = 0; n < atomic_load(&base->share_count); n++)
            if (base->shares[n] == share)
                atomic_store(&base->focus, n + 1);
    stream_input_ready(chardev);
}

static void share_hurry(struct chardev *chardev, bool on)
{
    chardev_hurry(chardev->share_of, on);
}

static void share_destroy(struct chardev *chardev)
{
    stream_destroy((struct chardev_stream *)chardev);
    free(chardev);
}

struct chardev *chardev_share(struct chardev *base, struct error *error)
{
    static const struct chardev_ops ops = { "share",       share_write, share_input_ready,
                                            share_destroy, share_hurry, false };
    struct chardev_stream *stream = is_stream(base) ? (struct chardev_stream *)base : NULL;
    unsigned count = stream ? atomic_load(&stream->share_count) : 0;
    if (count == CHARDEV_SHARES) {
        error_set(error, "a chardev with mux=on serves at most %u devices", CHARDEV_SHARES + 1);
        return NULL;
    }
    struct chardev_stream *share = calloc(1, sizeof(*share));
    if (!share || !stream_init(share, &ops, error)) {
        if (!share)
            error_set(error, "out of memory for a character device");
        free(share);
        return NULL;
    }
    pthread_mutex_init(&share->chardev.hold_lock, NULL);
    share->chardev.description = base->description;
    share->chardev.share_of = base;
    share->base_gone = !stream;
    if (stream) {
        stream->shares[count] = share;
        atomic_store(&stream->share_count, count + 1);
    }
    return &share->chardev;
}
