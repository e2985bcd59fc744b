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
    struct chardev chardev; /* first */
    struct io_loop *loop;
    struct io_watch in;
    struct io_job flush_job, input_job;
    /* Told in the I/O thread when the peer is gone; NULL: nothing happens but that input ends. */
    void (*closed)(struct chardev_stream *stream);
    bool is_pty; /* a hang-up is temporary: closed() decides */

    /* Input: the I/O thread's alone. */
    uint8_t in_buffer[STREAM_BUFFER];
    size_t in_head, in_count;
    atomic_bool stalled; /* the front end had no room */
    atomic_bool attached;
    atomic_int in_fd; /* -1: none */
    bool escapes, escaped;
    bool in_monitor; /* keys go to chardev.monitor */
    bool opened;     /* the front end was told so */
    struct peer_check peer;
    chardev_escape_fn *escape;
    void *escape_opaque;

    /* Output: under the lock. */
    pthread_mutex_t out_lock;
    int out_fd; /* -1: nobody there, bytes are dropped */
    uint8_t out_buffer[STREAM_BUFFER];
    size_t out_count;
    unsigned out_tries; /* to make room, in vain, one after the other, of all writers */
    bool flushing;
    atomic_bool closing, hurry;
};

bool stream_init(struct chardev_stream *stream, const struct chardev_ops *ops, struct error *error);
/* Starts to use descriptors (either may be -1), which stay the caller's. */
void stream_connect(struct chardev_stream *stream, int in_fd, int out_fd);
/* Stops using them; buffered output is dropped if it cannot be written at once. */
void stream_disconnect(struct chardev_stream *stream);
/* Writes what is buffered and stops. The caller closes its descriptors and frees. */
void stream_destroy(struct chardev_stream *stream);

void stream_write(struct chardev *chardev, const uint8_t *bytes, size_t length);
void stream_input_ready(struct chardev *chardev);
void stream_hurry(struct chardev *chardev, bool on);

/* The kinds of backend. `text` is the description behind the kind. */
struct chardev *chardev_stdio_open(bool escapes, chardev_escape_fn *escape, void *opaque,
                                   struct error *error);
struct chardev *chardev_file_open(const char *path, struct error *error);
struct chardev *chardev_pty_open(struct error *error);
struct chardev *chardev_tcp_open(const char *text, struct error *error);
struct chardev *chardev_unix_open(const char *text, struct error *error);

#endif
