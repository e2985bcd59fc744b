/* SPDX-License-Identifier: MIT
 *
 * The connection to a viewer: RFB's bytes, plain or in websocket frames, with or without TLS. What is written
 * is kept until the viewer takes it. Nothing here waits. All of it belongs to the relay's thread.
 */
#ifndef FRONTEND_DISPLAY_VNC_STREAM_H
#define FRONTEND_DISPLAY_VNC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "frontend/display/vnc_tls.h"
#include "frontend/display/vnc_websocket.h"

struct vnc_stream {
    int fd; /* -1: closed */
    struct vnc_tls_session *tls;
    bool tls_begins;                 /* the handshake is not finished */
    struct vnc_websocket *websocket; /* NULL: RFB without frames */
    uint8_t *out;                    /* what waits to be sent */
    size_t out_head, out_count, out_room;
};

/* Takes over `fd`, which must not block. With `origins` (borrowed) it is for websockets; with `tls`
 * (borrowed) TLS begins at once. False if memory is short: the stream is then closed. */
bool vnc_stream_open(struct vnc_stream *stream, int fd, const struct vnc_origin_policy *origins,
                     const struct vnc_tls *tls);
/* From now on everything is under TLS. False if memory is short. */
bool vnc_stream_start_tls(struct vnc_stream *stream, const struct vnc_tls *tls);
/* Sends what is left, as far as that needs no waiting, and closes. May be called more than once. */
void vnc_stream_close(struct vnc_stream *stream);

/* Are RFB's bytes exchanged? This is so when the handshakes are finished. */
bool vnc_stream_is_ready(const struct vnc_stream *stream);
/* Returns the events that poll() has to wait for. */
short vnc_stream_events(const struct vnc_stream *stream, bool takes);
/* Is there something to read that poll() does not see? */
bool vnc_stream_is_pending(const struct vnc_stream *stream);

/* Reads up to `room` bytes; 0: there are none now. -1: the connection has ended; *fault says why, or is NULL
 * if the viewer just left. Also continues handshakes. */
ssize_t vnc_stream_read(struct vnc_stream *stream, uint8_t *bytes, size_t room, const char **fault);
/* Keeps bytes of RFB until vnc_stream_flush(). False if memory is short, or there are too many. */
bool vnc_stream_write(struct vnc_stream *stream, const uint8_t *bytes, size_t count);
/* Sends what the viewer takes now; false if the viewer is gone. */
bool vnc_stream_flush(struct vnc_stream *stream);

#endif
