/* SPDX-License-Identifier: MIT
 *
 * The VNC server (libvncserver): shows the screen to viewers on this host or another. It has a thread of its
 * own, which sleeps while nothing changes and no viewer sends anything. It is a module: see view_module.h.
 */
#ifndef FRONTEND_DISPLAY_VNC_H
#define FRONTEND_DISPLAY_VNC_H

#include <time.h>

#include "devices/display/display.h"
#include "frontend/display/vnc_tls.h"

#define VNC_PASSWORD_MAX 8 /* bytes; the protocol ignores what follows */

struct vnc;
struct vnc_config {
    struct display *display; /* borrowed */
    const char
        *address;   /* [HOST]:N: TCP port 5900 + N; without HOST only on the loopback interface; unix:PATH */
    unsigned last;  /* if that port is in use, the next ones up to that N are tried; 0: it alone */
    unsigned *port; /* becomes the TCP port */
    const char *title;                /* NULL: none */
    bool password;                    /* viewers need a password; nobody gets in before it is set */
    bool insecure;                    /* other computers may reach it without a password */
    uint16_t websocket;               /* a TCP port for browsers; 0: none */
    const char *origin;               /* the origin whose pages may connect (vnc_websocket.h); NULL: none */
    const struct vnc_tls_config *tls; /* NULL: no TLS */
};

/* What the module rvive-vnc exports. */
struct vnc_ops {
    /* NULL and *error if it cannot listen at the address, or the address needs a password. */
    struct vnc *(*start)(const struct vnc_config *config, struct error *error);
    /* Disconnects all viewers. */
    void (*stop)(struct vnc *vnc);
    /* Sets the password for new viewers. NULL or "": nobody gets in. Any thread. */
    void (*set_password)(struct vnc *vnc, const char *password);
    /* Sets when the password ends (CLOCK_REALTIME; 0: never). Any thread. */
    void (*expire_password)(struct vnc *vnc, time_t when);
};
#define VNC_MODULE "rvive-vnc"
#define VNC_SYMBOL "rvive_vnc_ops"
extern const struct vnc_ops rvive_vnc_ops;

#endif
