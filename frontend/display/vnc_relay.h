/* SPDX-License-Identifier: MIT
 *
 * The viewers' connections. libvncserver waits for whoever it writes to or reads from, up to 20 s, with
 * select(), which knows no descriptor beyond FD_SETSIZE. So it never gets a viewer's own socket: it gets one
 * end of a pair, with a low number that was set aside at the start, and a thread here moves the bytes between
 * the other end and the viewer. What libvncserver sends is taken at once and kept until the viewer takes it;
 * what a viewer sends passes vnc_protocol.h. Websockets and TLS end here (vnc_stream.h), too, so nothing of
 * libvncserver's own handles a browser's or a stranger's bytes in them.
 */
#ifndef FRONTEND_DISPLAY_VNC_RELAY_H
#define FRONTEND_DISPLAY_VNC_RELAY_H

#include <netinet/in.h>
#include <stdbool.h>

#include "frontend/display/vnc_tls.h"
#include "util/error.h"

#define VNC_VIEWERS_MAX 32u

struct vnc_relay;
struct vnc_viewer;

struct vnc_relay_config {
    const char *name; /* in messages: "-vnc :1" */
    const struct sockaddr *address;
    socklen_t address_length;
    uint16_t websocket;        /* the port for websockets, at the same address; 0: none */
    const char *origin;        /* whose pages may open one as well (vnc_websocket.h); NULL. Borrowed. */
    const struct vnc_tls *tls; /* NULL: none. Borrowed. */
    bool password;             /* viewers need one */
    /* A viewer has come, or takes pictures again. In the relay's thread. */
    void (*wake)(void *opaque);
    void *opaque;
};

/* Listens, and starts the thread. NULL and *error where the host refuses. */
struct vnc_relay *vnc_relay_start(const struct vnc_relay_config *config, struct error *error);
/* After the last vnc_viewer_gone(). Disconnects everybody. */
void vnc_relay_stop(struct vnc_relay *relay);

/* For the thread that runs libvncserver. */
/* The descriptor of a viewer that has come, which is libvncserver's then; -1: there is none. */
int vnc_relay_take(struct vnc_relay *relay, struct vnc_viewer **viewer);
/* Is so much waiting for it that no picture is to be sent? */
bool vnc_viewer_is_slow(struct vnc_viewer *viewer);
/* libvncserver has closed its descriptor. */
void vnc_viewer_gone(struct vnc_viewer *viewer);

#endif
