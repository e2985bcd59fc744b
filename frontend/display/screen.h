/* SPDX-License-Identifier: MIT
 *
 * Where the guest's screen can be seen: the window, the VNC server, and the picture at the end. main() makes
 * one of these around the machine.
 */
#ifndef FRONTEND_DISPLAY_SCREEN_H
#define FRONTEND_DISPLAY_SCREEN_H

#include <time.h>

#include "frontend/options/options.h"

struct screen;

/* Makes the display that the machine is to be plugged into. NULL and *error if memory is short. */
struct screen *screen_create(const struct options *options, struct error *error);
/* Whether a window is going to be opened. */
bool screen_wants_window(const struct options *options);
struct display *screen_display(struct screen *screen);
/* From now on the machine tells the screen when it is paused, and its monitors can take pictures of the
 * screen. To be called before their threads start. */
void screen_attach(struct screen *screen, struct machine *machine);
/* Opens the VNC server, and prepares a window, if the options ask for them. Main thread. */
bool screen_open(struct screen *screen, struct error *error);
/* Opens the window if there is to be one and it is not open. To be called after screen_open(). Main
 * thread. */
bool screen_open_window(struct screen *screen, struct error *error);
/* Runs the machine to its end: in this thread or, if there is a window, in another one. Returns as
 * machine_run(). Main thread. */
int screen_run(struct screen *screen, struct error *error);
/* Closes what screen_open() opened, if the machine was not run. To be called before the machine is
 * destroyed. */
void screen_close(struct screen *screen);
/* The TCP port of the VNC server; 0: it has none, or not yet. */
unsigned screen_vnc_port(const struct screen *screen);
/* Set the password of VNC viewers, of which 8 bytes count ("": nobody gets in), and the time when it ends
 * (CLOCK_REALTIME; 0: never). False and *error if there is no server that asks for a password. Any thread. */
bool screen_set_vnc_password(struct screen *screen, const char *password, struct error *error);
bool screen_expire_vnc_password(struct screen *screen, time_t when, struct error *error);
/* To be called after the machine was destroyed. */
void screen_destroy(struct screen *screen);

#endif
