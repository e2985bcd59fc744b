/* SPDX-License-Identifier: MIT
 *
 * The VNC server (libvncserver): the screen for viewers on this host or another. It has a thread of its own,
 * which sleeps while nothing changes and no viewer says anything. A module: see view_module.h.
 */
#ifndef FRONTEND_DISPLAY_VNC_H
#define FRONTEND_DISPLAY_VNC_H

#include <time.h>

#include "devices/display/display.h"
#include "frontend/display/vnc_tls.h"

#define VNC_PASSWORD_MAX 8 /* bytes; the protocol knows no more of a longer one */

struct vnc;
struct vnc_config {
    struct display *display; /* borrowed */
    const char *address;     /* [HOST]:N: TCP port 5900 + N; without HOST on the loopback interface only */
    const char *title;       /* NULL: none */
    bool password;           /* viewers need one; nobody gets in before it is set */
    bool insecure;           /* other computers may reach it without one */
    uint16_t websocket;      /* a TCP port for browsers; 0: none */
    const char *origin;      /* whose pages may come (vnc_websocket.h); NULL */
    const struct vnc_tls_config *tls; /* NULL: no TLS */
};

/* What the module rvive-vnc exports. */
struct vnc_ops {
    /* NULL and *error where the address cannot be had, or is one that is not to be had without a password. */
    struct vnc *(*start)(const struct vnc_config *config, struct error *error);
    /* Disconnects all viewers. */
    void (*stop)(struct vnc *vnc);
    /* From now on, for new viewers. NULL or "": nobody gets in. Any thread. */
    void (*set_password)(struct vnc *vnc, const char *password);
    /* When (CLOCK_REALTIME; 0: never) it ends to be one. Any thread. */
    void (*expire_password)(struct vnc *vnc, time_t when);
};
#define VNC_MODULE "rvive-vnc"
#define VNC_SYMBOL "rvive_vnc_ops"
extern const struct vnc_ops rvive_vnc_ops;

#endif
