/* SPDX-License-Identifier: MIT
 *
 * The viewers' connections. When libvncserver writes to a viewer or reads from it, it waits up to 20 s, and
 * with select(), which knows no descriptor beyond FD_SETSIZE. So it never gets a viewer's own socket. It gets
 * one end of a pair, with a low number that was reserved at the start, and a thread here moves the bytes
 * between the other end and the viewer. What libvncserver sends is taken at once and kept until the viewer
 * takes it; what a viewer sends is checked by vnc_protocol.h. Websockets and TLS end here, too
 * (vnc_stream.h), so no code of libvncserver handles the bytes of a browser or a stranger in them.
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
    const char *origin;        /* whose pages may also connect (vnc_websocket.h); NULL: none. Borrowed. */
    const struct vnc_tls *tls; /* NULL: none. Borrowed. */
    bool password;             /* viewers need one */
    /* There is a new viewer, or one that can take pictures again. Called in the relay's thread. */
    void (*wake)(void *opaque);
    void *opaque;
};

/* Listens, and starts the thread. NULL and *error if the host refuses. */
struct vnc_relay *vnc_relay_start(const struct vnc_relay_config *config, struct error *error);
/* To be called after the last vnc_viewer_gone(). Disconnects all viewers. */
void vnc_relay_stop(struct vnc_relay *relay);

/* For the thread that runs libvncserver. */
/* Returns the descriptor of a new viewer, which libvncserver then owns; -1: there is none. */
int vnc_relay_take(struct vnc_relay *relay, struct vnc_viewer **viewer);
/* Does so much wait for the viewer that no picture should be sent to it? */
bool vnc_viewer_is_slow(struct vnc_viewer *viewer);
/* To be called when libvncserver has closed its descriptor. */
void vnc_viewer_gone(struct vnc_viewer *viewer);

#endif
