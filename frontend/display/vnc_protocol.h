/* SPDX-License-Identifier: MIT
 *
 * What a viewer sends, message by message (RFC 6143), before libvncserver sees any of it: only whole messages
 * that this server has a use for get there, so a viewer that stops in the middle of one keeps nobody waiting,
 * and nothing of libvncserver that is not needed (scaling, chat, files, websockets) can be reached.
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

/* Zeroed, but for `password` and `tls`. */
struct vnc_protocol {
    enum vnc_protocol_state state;
    bool password; /* viewers need one */
    bool tls;      /* they have to ask for TLS, by VeNCrypt 0.2, of which libvncserver hears nothing */
    uint64_t skip; /* bytes of a message that nobody reads */
    uint8_t reply[VNC_REPLY_MAX];
    unsigned reply_length; /* to be sent to the viewer, then set to 0 */
};

/* VNC_TLS: as VNC_SKIP, and after the reply TLS begins. */
enum vnc_verdict { VNC_MORE, VNC_PASS, VNC_SKIP, VNC_TLS, VNC_CLOSE };

/* Looks at the `count` bytes that came. VNC_PASS or VNC_SKIP: the first *length of them are to be passed on
 * or thrown away. VNC_MORE: they are not a whole message yet. VNC_CLOSE: the viewer is to go, and *fault says
 * why. The version is replaced by one that libvncserver knows. With `tls`, what libvncserver says of security
 * types is not for the viewer, and what it says after that has to wait for TLS. */
enum vnc_verdict vnc_protocol_next(struct vnc_protocol *protocol, uint8_t *bytes, size_t count,
                                   size_t *length, const char **fault);

#endif
