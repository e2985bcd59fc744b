/* SPDX-License-Identifier: MIT
 *
 * The connection to a viewer; see vnc_stream.h. Bytes for the viewer are kept in the form in which they go
 * into TLS or, without TLS, to the socket: frames already have their headers.
 */
#include "frontend/display/vnc_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX  (512u << 20) /* a picture of 16384 × 8192 */
#define OUT_KEPT (256u << 10) /* if the buffer is larger, it is freed once it is sent */

struct vnc_websocket {
    const struct vnc_origin_policy *origins;
    bool open; /* the request has been answered */
    char request[VNC_REQUEST_MAX];
    size_t request_count;
    struct vnc_frames frames;
};

/* ---- Opening and closing ------------------------------------------------------------------------------- */

bool vnc_stream_open(struct vnc_stream *stream, int fd, const struct vnc_origin_policy *origins,
                     const struct vnc_tls *tls)
{
    *stream = (struct vnc_stream){ .fd = fd };
    stream->websocket = origins ? calloc(1, sizeof(*stream->websocket)) : NULL;
    if ((origins && !stream->websocket) || (tls && !vnc_stream_start_tls(stream, tls))) {
        vnc_stream_close(stream);
        return false;
    }
    if (origins)
        stream->websocket->origins = origins;
    return true;
}

/* What was kept before would be sent without TLS, so the viewer must have taken all of it. */
bool vnc_stream_start_tls(struct vnc_stream *stream, const struct vnc_tls *tls)
{
    stream->tls = stream->out_count ? NULL : vnc_tls_start(tls, stream->fd);
    stream->tls_begins = stream->tls != NULL;
    return stream->tls != NULL;
}

void vnc_stream_close(struct vnc_stream *stream)
{
    if (stream->fd < 0)
        return;
    vnc_stream_flush(stream);
    if (stream->tls)
        vnc_tls_end(stream->tls);
    close(stream->fd);
    free(stream->websocket);
    free(stream->out);
    *stream = (struct vnc_stream){ .fd = -1 };
}

bool vnc_stream_is_ready(const struct vnc_stream *stream)
{
    return stream->fd >= 0 && !stream->tls_begins && (!stream->websocket || stream->websocket->open);
}

short vnc_stream_events(const struct vnc_stream *stream, bool takes)
{
    if (stream->tls_begins)
        return vnc_tls_wants_write(stream->tls) ? POLLOUT : POLLIN;
    return (short)((takes ? POLLIN : 0) | (stream->out_count ? POLLOUT : 0));
}

bool vnc_stream_is_pending(const struct vnc_stream *stream)
{
    return stream->tls && !stream->tls_begins && vnc_tls_is_pending(stream->tls);
}

/* ---- To the viewer ------------------------------------------------------------------------------------- */

/* Makes room for `more` bytes. */
static bool reserve(struct vnc_stream *stream, size_t more)
{
    if (stream->out_head + stream->out_count + more <= stream->out_room)
        return true;
    size_t room = (stream->out_count + more) * 2;
    uint8_t *grown = stream->out_count + more <= OUT_MAX ? malloc(room) : NULL;
    if (!grown)
        return false;
    if (stream->out_count)
        memcpy(grown, stream->out + stream->out_head, stream->out_count);
    free(stream->out);
    stream->out = grown;
    stream->out_head = 0;
    stream->out_room = room;
    return true;
}

static void append(struct vnc_stream *stream, const void *bytes, size_t count)
{
    if (count)
        memcpy(stream->out + stream->out_head + stream->out_count, bytes, count);
    stream->out_count += count;
}

static bool write_frame(struct vnc_stream *stream, enum vnc_opcode opcode, const uint8_t *bytes, size_t count)
{
    uint8_t header[VNC_FRAME_MAX];
    size_t length = vnc_frame_header(header, opcode, count);
    if (!reserve(stream, length + count))
        return false;
    append(stream, header, length);
    append(stream, bytes, count);
    return true;
}

bool vnc_stream_write(struct vnc_stream *stream, const uint8_t *bytes, size_t count)
{
    if (!count)
        return true;
    if (stream->websocket)
        return write_frame(stream, VNC_BINARY, bytes, count);
    if (!reserve(stream, count))
        return false;
    append(stream, bytes, count);
    return true;
}

bool vnc_stream_flush(struct vnc_stream *stream)
{
    while (stream->out_count && !stream->tls_begins) {
        const uint8_t *at = stream->out + stream->out_head;
        ssize_t sent = stream->tls ? vnc_tls_write(stream->tls, at, stream->out_count)
                                   : send(stream->fd, at, stream->out_count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        stream->out_head += (size_t)sent;
        stream->out_count -= (size_t)sent;
    }
    if (stream->out_count)
        return true;
    if (stream->out_room > OUT_KEPT) { /* it was needed for a large picture */
        free(stream->out);
        stream->out = NULL;
        stream->out_room = 0;
    }
    stream->out_head = 0;
    return true;
}

/* ---- From the viewer ----------------------------------------------------------------------------------- */

/* As vnc_stream_read(), but without looking into frames. */
static ssize_t read_bytes(struct vnc_stream *stream, void *bytes, size_t room)
{
    ssize_t got =
        stream->tls ? vnc_tls_read(stream->tls, bytes, room) : recv(stream->fd, bytes, room, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return got ? got : -1;
}

/* Reads a part of the request, and answers it when it is whole. */
static ssize_t read_request(struct vnc_stream *stream, const char **fault)
{
    struct vnc_websocket *websocket = stream->websocket;
    char response[VNC_RESPONSE_MAX];
    ssize_t got = read_bytes(stream, websocket->request + websocket->request_count,
                             sizeof(websocket->request) - websocket->request_count);
    if (got <= 0)
        return got;
    websocket->request_count += (size_t)got;
    enum vnc_request answer = vnc_websocket_answer(websocket->request, websocket->request_count,
                                                   websocket->origins, response, fault);
    if (answer == VNC_REQUEST_MORE)
        return 0;
    if (!reserve(stream, strlen(response)))
        return -1;
    append(stream, response, strlen(response));
    websocket->open = answer == VNC_REQUEST_OPEN;
    return websocket->open && vnc_stream_flush(stream) ? 0 : -1;
}

/* Replaces the frames in `bytes` by their contents, and answers control frames. */
static ssize_t unwrap(struct vnc_stream *stream, uint8_t *bytes, size_t count, const char **fault)
{
    struct vnc_frames *frames = &stream->websocket->frames;
    size_t total = 0;
    for (size_t at = 0; at < count;) {
        size_t used, made;
        enum vnc_frame_event event = vnc_frames_read(frames, bytes + at, count - at, &used, &made, fault);
        memmove(bytes + total, bytes + at, made);
        total += made;
        at += used;
        if (event == VNC_FRAME_BAD)
            return -1;
        if (event != VNC_FRAME_NONE && !write_frame(stream, event == VNC_FRAME_PING ? VNC_PONG : VNC_CLOSING,
                                                    frames->control, frames->control_count))
            return -1;
        if (event == VNC_FRAME_CLOSE)
            return -1;
    }
    return vnc_stream_flush(stream) ? (ssize_t)total : -1;
}

ssize_t vnc_stream_read(struct vnc_stream *stream, uint8_t *bytes, size_t room, const char **fault)
{
    *fault = NULL;
    if (stream->tls_begins) {
        enum vnc_tls_state state = vnc_tls_handshake(stream->tls, fault);
        stream->tls_begins = state == VNC_TLS_MORE;
        return state == VNC_TLS_FAILED ? -1 : 0;
    }
    if (stream->websocket && !stream->websocket->open)
        return read_request(stream, fault);
    ssize_t got = read_bytes(stream, bytes, room);
    return got > 0 && stream->websocket ? unwrap(stream, bytes, (size_t)got, fault) : got;
}
