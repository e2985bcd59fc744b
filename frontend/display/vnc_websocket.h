/* SPDX-License-Identifier: MIT
 *
 * Websockets (RFC 6455), the server's side, for viewers that are pages in a browser: the request that opens
 * one, and frames in both directions. It takes and returns bytes, and knows no descriptor. A message of RFB
 * may be spread over any number of frames and fragments, so their contents are passed on as they come. Only
 * the request and control frames, which are short, are collected.
 *
 * Any page of any site may open a connection to an address of this computer, and only `Origin` in its request
 * says whose page it is. These may connect:
 *  - programs that are no browsers: they send none;
 *  - pages from this computer's loopback interface;
 * - pages that came from the host that they connect to, if they name it by an address, or if viewers need a
 * password. Names alone are not enough: the owner of a name may let it lead anywhere ("DNS rebinding");
 *  - the origin that the command line names.
 */
#ifndef FRONTEND_DISPLAY_VNC_WEBSOCKET_H
#define FRONTEND_DISPLAY_VNC_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNC_REQUEST_MAX   8192u /* bytes of an HTTP request */
#define VNC_RESPONSE_MAX  256u
#define VNC_FRAME_MAX     10u  /* bytes in front of a frame that is sent */
#define VNC_CONTROL_MAX   125u /* bytes of a control frame's payload */
#define VNC_FRAME_HEADERS 14u  /* the most bytes in front of a frame that comes */

struct vnc_origin_policy {
    const char *origin; /* "https://host:port" that may connect as well, "*": all; NULL: none. Borrowed. */
    bool password;      /* viewers need one */
};

enum vnc_request { VNC_REQUEST_MORE, VNC_REQUEST_OPEN, VNC_REQUEST_BAD };

/* Examines the `count` bytes of a request. They end with an empty line, or are not a whole request yet.
 * Except for VNC_REQUEST_MORE, `response` (a string) has to be sent. After VNC_REQUEST_BAD the connection has
 * to be closed, and *fault says why. */
enum vnc_request vnc_websocket_answer(const char *request, size_t count,
                                      const struct vnc_origin_policy *policy, char response[VNC_RESPONSE_MAX],
                                      const char **fault);

/* The state of an open connection. Zeroed at first. */
struct vnc_frames {
    uint8_t header[VNC_FRAME_HEADERS];
    unsigned header_count;
    bool in_payload, in_message; /* in_message: the next frame continues the message */
    uint64_t left;               /* bytes of this payload that have not come yet */
    unsigned at;                 /* index into the mask */
    uint8_t control[VNC_CONTROL_MAX];
    unsigned control_count;
};

enum vnc_frame_event { VNC_FRAME_NONE, VNC_FRAME_PING, VNC_FRAME_CLOSE, VNC_FRAME_BAD };

/* Removes the frames: reads from `bytes`, and writes what the viewer sent (payloads, unmasked) to the start
 * of `bytes`. Returns when all is read, or at an event. *used bytes have been read, *made were written.
 * VNC_FRAME_PING and _CLOSE: `control` has the payload to send back. VNC_FRAME_BAD: *fault says why. */
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

/* Writes the header of a frame for `length` bytes; returns the header's length. */
size_t vnc_frame_header(uint8_t header[VNC_FRAME_MAX], enum vnc_opcode opcode, size_t length);

#endif
