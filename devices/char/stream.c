/* SPDX-License-Identifier: MIT
 *
 * Buffered byte streams between a front end and file descriptors; see stream.h.
 *
 * Output: write() appends to a buffer and, if it was empty, asks the I/O thread to flush it. So a guest that
 * prints a lot costs one system call for many bytes, and a single byte is still written within microseconds.
 * When the buffer is full, the writer itself waits for the descriptor, as long as the peer takes or until the
 * backend is in a hurry. It holds the output lock while it waits, so the I/O thread only tries that lock, and
 * tries again later. `flushing` says that a flush is queued or will be.
 *
 * Input: the I/O thread reads at most what the front end takes. If that is nothing, it sets `stalled`, asks
 * once more (room may have come between) and stops watching; stream_input_ready() starts it again. With
 * Ctrl-A keys it reads ahead into a buffer, so that Ctrl-A X works while the guest does not read.
 */
#include "devices/char/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/check.h"
#include "util/log.h"

#define HURRY_TRIES 10    /* of a tenth of a second each */
#define WRITE_CHUNK 4096u /* PIPE_BUF: after POLLOUT a pipe takes this much without blocking */

static uint8_t escape_code = 1; /* Ctrl-A */

void chardev_set_escape(uint8_t key)
{
    escape_code = key ? key : 1;
}

/* ---- output -------------------------------------------------------------------------------------------- */

static void output_gone(struct chardev_stream *stream)
{
    stream->out_fd = -1;
    stream->out_count = 0;
}

/* Waits up to `timeout` ms for the descriptor and writes one chunk. False: nothing was written. */
static bool output_chunk(struct chardev_stream *stream, int timeout)
{
    struct pollfd fd = { .fd = stream->out_fd, .events = POLLOUT };
    int ready = poll(&fd, 1, timeout);
    if (ready <= 0)
        return false;
    if (fd.revents & POLLHUP && stream->is_pty) {
        stream->out_count = 0; /* nobody has the terminal open */
        return false;
    }
    size_t length = stream->out_count < WRITE_CHUNK ? stream->out_count : WRITE_CHUNK;
    ssize_t n = write(stream->out_fd, stream->out_buffer, length);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n < 0 && stream->is_datagram)
        n = (ssize_t)length; /* it is lost: nobody listens, or the network is down */
    if (n < 0) {
        output_gone(stream);
        return false;
    }
    stream->out_count -= (size_t)n;
    memmove(stream->out_buffer, stream->out_buffer + n, stream->out_count);
    return true;
}

/* The peer is slow, or a writer holds the lock: flushes again in a millisecond. */
static void flush_later(struct chardev_stream *stream)
{
    if (atomic_load(&stream->closing))
        return;
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    io_loop_run(stream->loop, &stream->flush_job);
}

static void flush_job(void *opaque)
{
    struct chardev_stream *stream = opaque;
    if (pthread_mutex_trylock(&stream->out_lock)) {
        flush_later(stream);
        return;
    }
    while (stream->out_count && stream->out_fd >= 0 && output_chunk(stream, 0))
        ;
    bool more = stream->out_count && stream->out_fd >= 0;
    stream->flushing = more;
    pthread_mutex_unlock(&stream->out_lock);
    if (more)
        flush_later(stream);
}

/* Waits for room in the buffer. False: what does not fit is to be dropped. [locked] */
static bool output_room(struct chardev_stream *stream)
{
    CHECK_HELD(&stream->out_lock);
    while (stream->out_fd >= 0 && stream->out_count == STREAM_BUFFER) {
        if (atomic_load(&stream->closing) ||
            (stream->out_tries >= HURRY_TRIES && atomic_load(&stream->hurry)))
            return false;
        stream->out_tries = output_chunk(stream, 100) ? 0 : stream->out_tries + 1;
    }
    stream->out_tries = 0;
    return stream->out_fd >= 0;
}

/* Appends to the buffer and unlocks. */
static void output_append(struct chardev_stream *stream, const uint8_t *bytes, size_t length)
{
    while (length && output_room(stream)) {
        size_t n = STREAM_BUFFER - stream->out_count;
        n = n < length ? n : length;
        memcpy(stream->out_buffer + stream->out_count, bytes, n);
        stream->out_count += n;
        bytes += n;
        length -= n;
    }
    bool flush = stream->out_count > 0 && !stream->flushing;
    if (flush)
        stream->flushing = true;
    pthread_mutex_unlock(&stream->out_lock);
    if (flush)
        io_loop_run(stream->loop, &stream->flush_job);
}

void stream_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    struct chardev_stream *stream = (struct chardev_stream *)chardev;
    pthread_mutex_lock(&stream->out_lock);
    output_append(stream, bytes, length);
}

void stream_hurry(struct chardev *chardev, bool on)
{
    atomic_store(&((struct chardev_stream *)chardev)->hurry, on);
}

/* ---- input --------------------------------------------------------------------------------------------- */

/* The present reader. */
static const struct chardev_front *reader(struct chardev_stream *stream)
{
    return atomic_load(&stream->chardev.taken) ? &stream->chardev.taker : &stream->chardev.front;
}

/* What the reader takes now. [hold_lock] */
static size_t room_for_input(struct chardev_stream *stream)
{
    const struct chardev_front *front = reader(stream);
    return stream->chardev.held ? 0 : front->can_receive(front->opaque);
}

/* Gives the reader a part of the buffered input; false: it takes nothing now. */
static bool give_some(struct chardev_stream *stream)
{
    const struct chardev_front *front = reader(stream);
    pthread_mutex_lock(&stream->chardev.hold_lock);
    size_t room = room_for_input(stream);
    size_t n = room < stream->in_count ? room : stream->in_count;
    if (n)
        front->receive(front->opaque, stream->in_buffer + stream->in_head, n);
    pthread_mutex_unlock(&stream->chardev.hold_lock);
    stream->in_head += n;
    stream->in_count -= n;
    return n > 0;
}

static bool give_break(struct chardev_stream *stream)
{
    const struct chardev_front *front = reader(stream);
    pthread_mutex_lock(&stream->chardev.hold_lock);
    bool done = !stream->chardev.held;
    if (done && front->event)
        front->event(front->opaque, CHARDEV_EVENT_BREAK);
    pthread_mutex_unlock(&stream->chardev.hold_lock);
    return done;
}

static void front_event(struct chardev_stream *stream, enum chardev_event event)
{
    const struct chardev_front *front = reader(stream);
    if (front->event)
        front->event(front->opaque, event);
}

/* Tells that the last peer has gone, unless the front end knows. */
static void tell_end(struct chardev_stream *stream)
{
    if (!stream->end_waits)
        return;
    stream->end_waits = stream->opened = false;
    front_event(stream, CHARDEV_EVENT_CLOSED);
}

void stream_tell_opened(struct chardev_stream *share, bool opened)
{
    if (opened && !share->opened)
        front_event(share, CHARDEV_EVENT_OPENED);
    share->end_waits = !opened && share->opened;
    share->opened |= opened;
}

void stream_deliver(struct chardev_stream *stream)
{
    while (stream->break_waits || stream->in_count) {
        bool (*give)(struct chardev_stream *) = stream->break_waits ? give_break : give_some;
        if (!give(stream)) {
            atomic_store(&stream->stalled, true);
            if (!give(stream))
                return;
        }
        atomic_store(&stream->stalled, false);
        stream->break_waits = false;
    }
    stream->in_head = 0;
    tell_end(stream);
}

static void help(struct chardev_stream *stream)
{
    char key[24], text[256];
    bool control = escape_code < 32;
    snprintf(key, sizeof(key),
             control             ? "Ctrl-%c"
             : escape_code < 127 ? "%c"
                                 : "key %u",
             control ? escape_code + '@' : escape_code);
    snprintf(text, sizeof(text),
             "\r\n%s H  this list\r\n%s X  quit\r\n%s C  monitor\r\n%s B  send a break\r\n%s %s  send %s\r\n",
             key, key, key, key, key, key, key);
    /* The I/O thread must not wait, so a stopped terminal shows no help. */
    if (pthread_mutex_trylock(&stream->out_lock))
        return;
    size_t length = strlen(text);
    output_append(stream, (const uint8_t *)text, STREAM_BUFFER - stream->out_count < length ? 0 : length);
}

/* Ctrl-A C: the keys go from the monitor to the front end, to each share in turn, and to the monitor again.
 * If there is nobody but the front end, the owner of the backend is told. */
static void switch_sides(struct chardev_stream *stream)
{
    const struct chardev_front *monitor = &stream->chardev.monitor;
    unsigned focus = atomic_load(&stream->focus), shares = atomic_load(&stream->share_count);
    bool has_monitor = atomic_load(&stream->chardev.has_monitor);
    if (!has_monitor && !shares && stream->escape)
        stream->escape(stream->escape_opaque, CHARDEV_ESCAPE_MONITOR);
    if (!stream->in_monitor && (focus < shares || !has_monitor)) {
        atomic_store(&stream->focus, focus < shares ? focus + 1 : 0);
        return;
    }
    stream->in_monitor = !stream->in_monitor;
    atomic_store(&stream->focus, 0);
    if (monitor->event)
        monitor->event(monitor->opaque, stream->in_monitor ? CHARDEV_EVENT_OPENED : CHARDEV_EVENT_CLOSED);
}

/* A key after Ctrl-A. */
static void escape_key(struct chardev_stream *stream, uint8_t key)
{
    switch (key) {
    case 'h':
    case 'H':
    case '?': help(stream); break;
    case 'b':
    case 'B': stream_focus(stream)->break_waits = true; break; /* stream_deliver() comes next */
    case 'c':
    case 'C': switch_sides(stream); break;
    case 'x':
    case 'X':
        if (stream->escape)
            stream->escape(stream->escape_opaque, CHARDEV_ESCAPE_QUIT);
        break;
    default: break;
    }
}

static void give_monitor(struct chardev_stream *stream, uint8_t byte)
{
    const struct chardev_front *monitor = &stream->chardev.monitor;
    if (monitor->can_receive(monitor->opaque))
        monitor->receive(monitor->opaque, &byte, 1);
}

/* Removes the escapes, and what goes to the monitor, from `length` bytes, in place; returns how many are
 * left. */
static size_t filter_escapes(struct chardev_stream *stream, uint8_t *bytes, size_t length)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        struct chardev_stream *focus = stream_focus(stream);
        if (!stream->escaped && bytes[i] == escape_code) {
            stream->escaped = true;
            continue;
        }
        if (stream->escaped && bytes[i] != escape_code)
            escape_key(stream, bytes[i]);
        else if (stream->in_monitor)
            give_monitor(stream, bytes[i]);
        else if (focus != stream)
            stream_share_put(focus, bytes[i]);
        else
            bytes[kept++] = bytes[i];
        stream->escaped = false;
    }
    return kept;
}

/* How much to read now; 0 if the front end (or, with escapes, the buffer) has no room. */
static size_t input_wanted(struct chardev_stream *stream)
{
    if (stream->escapes || stream->is_datagram) {
        size_t room = STREAM_BUFFER - stream->in_count, others = stream_share_room(stream);
        return room < others ? room : others;
    }
    if (stream->in_count)
        return 0;
    pthread_mutex_lock(&stream->chardev.hold_lock);
    size_t room = room_for_input(stream);
    if (!room) {
        atomic_store(&stream->stalled, true);
        room = room_for_input(stream);
    }
    pthread_mutex_unlock(&stream->chardev.hold_lock);
    if (room)
        atomic_store(&stream->stalled, false);
    return room < STREAM_BUFFER ? room : STREAM_BUFFER;
}

static void input_end(struct chardev_stream *stream)
{
    chardev_close_fds(&stream->chardev);
    stream->end_waits = !stream->is_pty && stream->opened;
    stream_shares_deliver(stream);
    stream_deliver(stream);
    if (stream->closed) {
        stream->closed(stream);
    } else {
        atomic_store(&stream->in_fd, -1);
        io_watch_set(stream->loop, &stream->in, -1, 0);
    }
}

static void input_event(void *opaque, short revents)
{
    struct chardev_stream *stream = opaque;
    (void)revents;
    size_t wanted = input_wanted(stream);
    if (!wanted) {
        io_watch_set(stream->loop, &stream->in, atomic_load(&stream->in_fd), 0);
        /* If the front end got room after it was asked, nobody was watching for that: ask again. A share
         * says so itself. */
        if (!atomic_load(&stream->stalled) && stream_share_room(stream))
            io_loop_run(stream->loop, &stream->input_job);
        return;
    }
    memmove(stream->in_buffer, stream->in_buffer + stream->in_head, stream->in_count);
    stream->in_head = 0;
    uint8_t *to = stream->in_buffer + stream->in_count;
    int fd = atomic_load(&stream->in_fd);
    ssize_t n = stream->chardev.takes_fds && stream->passes_fds
                    ? chardev_receive(&stream->chardev, fd, to, wanted)
                    : read(fd, to, wanted);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0 && stream->is_datagram)
        return; /* an empty datagram; or the kernel reports that one was sent and nobody listened */
    if (n <= 0) {
        input_end(stream);
        return;
    }
    if (stream->filter)
        n = (ssize_t)stream->filter(stream, to, (size_t)n);
    if (stream->chardev.refuses_browsers && peer_is_browser(&stream->peer, to, (size_t)n)) {
        static struct log_site site;
        if (log_site_allows(&site))
            log_warn("a web browser has connected to a port that takes commands; it is disconnected");
        stream->in_count = 0;
        input_end(stream);
        return;
    }
    stream->in_count += stream->escapes ? filter_escapes(stream, to, (size_t)n) : (size_t)n;
    stream_deliver(stream);
    stream_shares_deliver(stream);
}

/* The front end has room, or there are new descriptors. */
static void input_job(void *opaque)
{
    struct chardev_stream *stream = opaque;
    int fd = atomic_load(&stream->in_fd);
    if (!atomic_load(&stream->attached))
        return;
    stream_deliver(stream);
    if (fd >= 0)
        tell_end(stream); /* the next one is there already */
    if (fd >= 0 && !stream->opened) {
        stream->opened = true;
        stream->peer = (struct peer_check){ 0 };
        front_event(stream, CHARDEV_EVENT_OPENED);
    }
    if (stream->chardev.share_of)
        stream_share_ready(stream);
    stream_shares_deliver(stream);
    if (fd >= 0)
        io_watch_set(stream->loop, &stream->in, fd, POLLIN);
}

void stream_input_ready(struct chardev *chardev)
{
    struct chardev_stream *stream = (struct chardev_stream *)chardev;
    bool first = !atomic_load(&stream->attached) && !atomic_exchange(&stream->attached, true);
    if (first || atomic_exchange(&stream->stalled, false))
        io_loop_run(stream->loop, &stream->input_job);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

bool stream_init(struct chardev_stream *stream, const struct chardev_ops *ops, struct error *error)
{
    stream->chardev.ops = ops;
    stream->loop = io_loop_acquire(error);
    if (!stream->loop)
        return false;
    pthread_mutex_init(&stream->out_lock, NULL);
    atomic_store(&stream->in_fd, -1);
    stream->out_fd = -1;
    stream->in = (struct io_watch){ .fd = -1, .ready = input_event, .opaque = stream };
    stream->flush_job = (struct io_job){ .run = flush_job, .opaque = stream };
    stream->input_job = (struct io_job){ .run = input_job, .opaque = stream };
    io_watch_add(stream->loop, &stream->in);
    return true;
}

void chardev_stream_escapes(struct chardev *chardev, bool on, chardev_escape_fn *escape, void *opaque)
{
    struct chardev_stream *stream = (struct chardev_stream *)chardev;
    if (chardev->ops->input_ready != stream_input_ready)
        return; /* it is none */
    stream->escapes = on;
    stream->escape = escape;
    stream->escape_opaque = opaque;
}

void stream_connect(struct chardev_stream *stream, int in_fd, int out_fd)
{
    pthread_mutex_lock(&stream->out_lock);
    stream->out_fd = out_fd;
    stream->out_count = 0;
    pthread_mutex_unlock(&stream->out_lock);
    atomic_store(&stream->in_fd, in_fd);
    io_loop_run(stream->loop, &stream->input_job);
}

void stream_disconnect(struct chardev_stream *stream)
{
    atomic_store(&stream->in_fd, -1);
    io_watch_set(stream->loop, &stream->in, -1, 0);
    pthread_mutex_lock(&stream->out_lock);
    output_gone(stream);
    pthread_mutex_unlock(&stream->out_lock);
}

void stream_destroy(struct chardev_stream *stream)
{
    atomic_store(&stream->closing, true);
    stream_shares_leave(stream);
    io_watch_remove(stream->loop, &stream->in);
    io_job_cancel(stream->loop, &stream->input_job);
    pthread_mutex_lock(&stream->out_lock);
    /* A peer that takes nothing for a second loses the rest of the output. */
    for (int tries = 0; stream->out_count && stream->out_fd >= 0 && tries < HURRY_TRIES;)
        tries = output_chunk(stream, 100) ? 0 : tries + 1;
    output_gone(stream);
    pthread_mutex_unlock(&stream->out_lock);
    /* Nothing is left to flush, so a flush that runs now does not queue another. */
    io_job_cancel(stream->loop, &stream->flush_job);
    io_job_cancel(stream->loop, &stream->flush_job);
    io_loop_release(stream->loop);
    pthread_mutex_destroy(&stream->out_lock);
}
