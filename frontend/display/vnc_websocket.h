/* SPDX-License-Identifier: MIT
 *
 * Websockets (RFC 6455), the server's side, for viewers that are pages in a browser: the request that opens
 * one, and frames both ways. Bytes in, bytes out: it knows no descriptor. A message of RFB may lie in any
 * number of frames and fragments, so what is in them is handed on as it comes, and nothing is collected but
 * the request and control frames, which are short.
 *
 * Any page of any site may open a connection to an address of this computer, and its browser says so in
 * `Origin` only. Who is let in:
 *  - programs that are no browsers: they send none;
 *  - pages from this computer's loopback interface;
 *  - pages that came from the host that they connect to, if it is named by an address, or if viewers need a
 *    password: the owner of a name may lead it anywhere ("DNS rebinding");
 *  - the origin that the command line names.
 */
#ifndef FRONTEND_DISPLAY_VNC_WEBSOCKET_H
#define FRONTEND_DISPLAY_VNC_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNC_REQUEST_MAX   8192u /* bytes of an HTTP request */
#define VNC_RESPONSE_MAX  256u
#define VNC_FRAME_MAX     10u  /* bytes in front of what is sent */
#define VNC_CONTROL_MAX   125u /* bytes of a control frame's payload */
#define VNC_FRAME_HEADERS 14u  /* in front of what comes, at most */

struct vnc_origin_policy {
    const char *origin; /* "https://host:port" that is let in as well, "*": all; NULL: none. Borrowed. */
    bool password;      /* viewers need one */
};

enum vnc_request { VNC_REQUEST_MORE, VNC_REQUEST_OPEN, VNC_REQUEST_BAD };

/* Looks at the `count` bytes of a request, which end with an empty line or are no whole request yet. Unless
 * there have to be more, `response` (a string) is to be sent. VNC_REQUEST_BAD: the connection is to be closed
 * then, and *fault says why. */
enum vnc_request vnc_websocket_answer(const char *request, size_t count,
                                      const struct vnc_origin_policy *policy, char response[VNC_RESPONSE_MAX],
                                      const char **fault);

/* Of a connection that is open. Zeroed at first. */
struct vnc_frames {
    uint8_t header[VNC_FRAME_HEADERS];
    unsigned header_count;
    bool in_payload, in_message; /* in_message: the next one goes on with it */
    uint64_t left;               /* bytes of this payload that have not come */
    unsigned at;                 /* of the mask */
    uint8_t control[VNC_CONTROL_MAX];
    unsigned control_count;
};

enum vnc_frame_event { VNC_FRAME_NONE, VNC_FRAME_PING, VNC_FRAME_CLOSE, VNC_FRAME_BAD };

/* Takes frames apart: reads from `bytes`, and writes what viewers sent (payloads, unmasked) to the start of
 * it. Returns after all of it or at an event; *used of them have been read, *made written. VNC_FRAME_PING and
 * _CLOSE: `control` has the payload to send back. VNC_FRAME_BAD: *fault says why. */
enum vnc_frame_event vnc_frames_read(struct vnc_frames *frames, uint8_t *bytes, size_t count, size_t *used,
                                     size_t *made, const char **fault);

enum vnc_opcode {
    VNC_CONTINUED = 0,
    VNC_TEXT = 1,
    VNC_BINARY = 2,
    VNC_CLOSING = 8,
    VNC_PING = 9,
    VNC_PONG = 10
};

/* Writes what stands in front of `length` bytes that are sent; returns its length. */
size_t vnc_frame_header(uint8_t header[VNC_FRAME_MAX], enum vnc_opcode opcode, size_t length);

#endif
