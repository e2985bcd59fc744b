/* SPDX-License-Identifier: MIT
 *
 * Where the guest's screen is seen: the window, the VNC server, the picture at the end. main() makes one of
 * these around the machine.
 */
#ifndef FRONTEND_DISPLAY_SCREEN_H
#define FRONTEND_DISPLAY_SCREEN_H

#include <time.h>

#include "frontend/options/options.h"

struct screen;

/* Makes the display that the machine is to be plugged into. NULL and *error where memory is short. */
struct screen *screen_create(const struct options *options, struct error *error);
/* Whether a window is going to be opened. */
bool screen_wants_window(const struct options *options);
struct display *screen_display(struct screen *screen);
/* The machine tells the screen from now on when it is paused, and its monitors take pictures of it. Before
 * their threads start. */
void screen_attach(struct screen *screen, struct machine *machine);
/* Opens the VNC server, and makes ready for a window, if the options ask for them. Main thread. */
bool screen_open(struct screen *screen, struct error *error);
/* Opens the window, where there is to be one and it is not open. After screen_open(). Main thread. */
bool screen_open_window(struct screen *screen, struct error *error);
/* Runs the machine to its end: in this thread, or, when there is a window, in another. As machine_run(). Main
 * thread. */
int screen_run(struct screen *screen, struct error *error);
/* Closes what screen_open() opened, where there was no run. Before the machine's end. */
void screen_close(struct screen *screen);
/* What viewers of VNC have to know, of which 8 bytes count (""; nobody gets in), and until when
 * (CLOCK_REALTIME; 0: for ever). False and *error where there is no server that asks. Any thread. */
bool screen_set_vnc_password(struct screen *screen, const char *password, struct error *error);
bool screen_expire_vnc_password(struct screen *screen, time_t when, struct error *error);
/* After the machine. */
void screen_destroy(struct screen *screen);

#endif
