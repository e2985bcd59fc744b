/* SPDX-License-Identifier: MIT
 *
 * Checks what a viewer sends, message by message (RFC 6143), before libvncserver sees any of it. Only whole
 * messages that this server can use get there. So a viewer that stops in the middle of a message keeps nobody
 * waiting, and parts of libvncserver that are not needed (scaling, chat, files, websockets) cannot be
 * reached.
 */
#ifndef FRONTEND_DISPLAY_VNC_PROTOCOL_H
#define FRONTEND_DISPLAY_VNC_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNC_BANNER       "RFB 003.008\n"
#define VNC_BANNER_BYTES 12u
#define VNC_MESSAGE_MAX  8192u /* bytes of the longest message that is passed on */

enum vnc_protocol_state {
    VNC_VERSION,
    VNC_SECURITY,
    VNC_TLS_VERSION,
    VNC_TLS_TYPE,
    VNC_RESPONSE,
    VNC_INIT,
    VNC_NORMAL
};

#define VNC_REPLY_MAX 8u

/* Zeroed, except `password` and `tls`. */
struct vnc_protocol {
    enum vnc_protocol_state state;
    bool password; /* viewers need one */
    bool tls;      /* viewers have to ask for TLS, by VeNCrypt 0.2; libvncserver does not know of it */
    uint64_t skip; /* bytes of a message that are to be ignored */
    uint8_t reply[VNC_REPLY_MAX];
    unsigned reply_length; /* to be sent to the viewer, then set to 0 */
};

/* VNC_TLS: as VNC_SKIP, and TLS begins after the reply. */
enum vnc_verdict { VNC_MORE, VNC_PASS, VNC_SKIP, VNC_TLS, VNC_CLOSE };

/* Examines the `count` bytes that have come. VNC_PASS, VNC_SKIP: the first *length of them are to be passed
 * on, or thrown away. VNC_MORE: they are not a whole message yet. VNC_CLOSE: the viewer is to be
 * disconnected, and *fault says why. The version is replaced by one that libvncserver knows. With `tls`, the
 * viewer must not get what libvncserver says about security types, and what libvncserver says after that has
 * to wait for TLS. */
enum vnc_verdict vnc_protocol_next(struct vnc_protocol *protocol, uint8_t *bytes, size_t count,
                                   size_t *length, const char **fault);

#endif
