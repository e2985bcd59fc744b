/* SPDX-License-Identifier: MIT
 *
 * The connection to a viewer: RFB's bytes, plain or in websocket frames, either under TLS or not. What is
 * written is kept until the viewer takes it. Nothing here waits. The relay's thread owns all of it.
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
    bool tls_begins;                 /* its handshake is not through */
    struct vnc_websocket *websocket; /* NULL: RFB as it is */
    uint8_t *out;                    /* what waits to be sent */
    size_t out_head, out_count, out_room;
};

/* Takes `fd` over, which does not block. With `origins` (borrowed) it is for websockets; with `tls`
 * (borrowed) TLS begins at once. False where memory is short: the stream is closed then. */
bool vnc_stream_open(struct vnc_stream *stream, int fd, const struct vnc_origin_policy *origins,
                     const struct vnc_tls *tls);
/* From now on all is under TLS. False where memory is short. */
bool vnc_stream_start_tls(struct vnc_stream *stream, const struct vnc_tls *tls);
/* Sends what is left, as far as that does not take time. Once or more often. */
void vnc_stream_close(struct vnc_stream *stream);

/* Do RFB's bytes pass? Not before the handshakes are through. */
bool vnc_stream_is_ready(const struct vnc_stream *stream);
/* What poll() is to wait for. */
short vnc_stream_events(const struct vnc_stream *stream, bool takes);
/* Is there something to read that poll() does not see? */
bool vnc_stream_is_pending(const struct vnc_stream *stream);

/* Up to `room` bytes; 0: there are none now. -1: it is over; *fault says why, or is NULL where the viewer
 * just went. Goes on with handshakes. */
ssize_t vnc_stream_read(struct vnc_stream *stream, uint8_t *bytes, size_t room, const char **fault);
/* Keeps bytes of RFB until vnc_stream_flush(). False where memory is short, or they are too many. */
bool vnc_stream_write(struct vnc_stream *stream, const uint8_t *bytes, size_t count);
/* Sends what the viewer takes now; false where it is gone. */
bool vnc_stream_flush(struct vnc_stream *stream);

#endif
