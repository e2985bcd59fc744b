/* SPDX-License-Identifier: MIT
 *
 * The VNC server (libvncserver): the screen for viewers on this host or another. It has a thread of its own,
 * which sleeps while nothing changes and no viewer says anything. A module: see view_module.h.
 */
#ifndef FRONTEND_DISPLAY_VNC_H
#define FRONTEND_DISPLAY_VNC_H

#include "devices/display.h"

struct vnc;
struct vnc_config {
    struct display *display; /* borrowed */
    const char *address;     /* [HOST]:N: TCP port 5900 + N; without HOST on the loopback interface only */
    const char *title;       /* NULL: none */
};

/* What the module rvive-vnc exports. */
struct vnc_ops {
    /* NULL and *error where the address cannot be had. Viewers need no password. */
    struct vnc *(*start)(const struct vnc_config *config, struct error *error);
    /* Disconnects all viewers. */
    void (*stop)(struct vnc *vnc);
};
#define VNC_MODULE "rvive-vnc"
#define VNC_SYMBOL "rvive_vnc_ops"
extern const struct vnc_ops rvive_vnc_ops;

#endif
