/* SPDX-License-Identifier: MIT
 *
 * What all backends on file descriptors share: buffered output, input that waits for the front end, and the
 * keys after Ctrl-A. Internal to devices/char/. A backend embeds it first, so that it is the chardev.
 */
#ifndef DEVICES_CHAR_STREAM_H
#define DEVICES_CHAR_STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "devices/char/chardev.h"
#include "util/io_loop.h"
#include "util/peer.h"

#define STREAM_BUFFER 16384u

struct chardev_stream {
    struct chardev chardev; /* must be first */
    struct io_loop *loop;
    struct io_watch in;
    struct io_job flush_job, input_job;
    /* Called in the I/O thread when the peer is gone; NULL: only the input ends. */
    void (*closed)(struct chardev_stream *stream);
    bool is_pty;      /* a hang-up is temporary: closed() decides */
    bool passes_fds;  /* a socket that carries descriptors, if the front end takes them */
    bool is_datagram; /* what is read is whole, and nobody listening is no end */
    /* Takes what is not the front end's out of `length` bytes that came, in place; returns how many are left.
     * I/O thread. NULL: all of it is. */
    size_t (*filter)(struct chardev_stream *stream, uint8_t *bytes, size_t length);

    /* Input: only the I/O thread uses these. */
    uint8_t in_buffer[STREAM_BUFFER];
    size_t in_head, in_count;
    atomic_bool stalled; /* the front end had no room */
    atomic_bool attached;
    atomic_int in_fd; /* -1: no input */
    bool escapes, escaped;
    bool in_monitor; /* keys go to chardev.monitor */
    bool break_waits;
    bool opened;    /* the front end was told that there is a peer */
    bool end_waits; /* the peer has gone; the front end is told when it has taken what is buffered */
    struct peer_check peer;
    chardev_escape_fn *escape;
    void *escape_opaque;

    /* Ends for further users (share.c), which have no descriptors of their own. */
    struct chardev_stream *shares[CHARDEV_SHARES];
    atomic_uint share_count; /* set after `shares` */
    atomic_uint focus;       /* who gets the keys if the monitor does not: 0 the stream, n shares[n - 1] */
    bool base_gone;          /* of a share; [out_lock] */

    /* Output: protected by the lock. */
    pthread_mutex_t out_lock;
    int out_fd; /* -1: there is no peer, and bytes are dropped */
    uint8_t out_buffer[STREAM_BUFFER];
    size_t out_count;
    /* attempts to make room in the buffer that failed one after the other, of all writers together */
    unsigned out_tries;
    bool flushing;
    atomic_bool closing, hurry;
};

bool stream_init(struct chardev_stream *stream, const struct chardev_ops *ops, struct error *error);
/* Begins to use the descriptors (either may be -1); the caller keeps them. */
void stream_connect(struct chardev_stream *stream, int in_fd, int out_fd);
/* Stops using the descriptors. Buffered output that cannot be written at once is dropped. */
void stream_disconnect(struct chardev_stream *stream);
/* Writes what is buffered, and stops. The caller then closes its descriptors and frees the backend. */
void stream_destroy(struct chardev_stream *stream);

void stream_write(struct chardev *chardev, const uint8_t *bytes, size_t length);
void stream_input_ready(struct chardev *chardev);
void stream_hurry(struct chardev *chardev, bool on);

/* Gives the front end of a share what waits for it. I/O thread. */
void stream_deliver(struct chardev_stream *stream);
/* For the front end of a share: whether there is another end of the line. I/O thread. */
void stream_tell_opened(struct chardev_stream *share, bool opened);
/* share.c, for the stream that is shared; I/O thread. The one that gets the keys; how much the fullest of all
 * still takes; a byte for a share; whether there is a peer, and what waits for all of them. */
struct chardev_stream *stream_focus(struct chardev_stream *stream);
size_t stream_share_room(const struct chardev_stream *stream);
void stream_share_put(struct chardev_stream *share, uint8_t byte);
void stream_shares_deliver(struct chardev_stream *stream);
/* The stream is about to go. Any thread. */
void stream_shares_leave(struct chardev_stream *stream);
/* A share has room again: the stream may read on. */
void stream_share_ready(struct chardev_stream *share);

/* descriptors.c: as read(), but descriptors may come along with the bytes, and wait for chardev_take_fd(). */
ssize_t chardev_receive(struct chardev *chardev, int fd, uint8_t *to, size_t wanted);
/* The peer has gone: closes those that nobody took. */
void chardev_close_fds(struct chardev *chardev);

/* Whether keys after the escape key are commands, and who is told; backends that are no streams have none. */
void chardev_stream_escapes(struct chardev *chardev, bool on, chardev_escape_fn *escape, void *opaque);

/* The kinds of backend. */
struct chardev *chardev_stdio_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_file_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_pipe_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_device_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_pty_open(struct error *error);
struct chardev *chardev_tcp_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_unix_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_fd_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_udp_open(const struct chardev_config *config, struct error *error);
struct chardev *chardev_ringbuf_open(const struct chardev_config *config, struct error *error);

#endif
