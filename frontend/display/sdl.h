/* SPDX-License-Identifier: MIT
 *
 * The window (SDL2). It runs in the main thread, as SDL requires, while the machine runs in another. It is a
 * module: see view_module.h.
 */
#ifndef FRONTEND_DISPLAY_SDL_H
#define FRONTEND_DISPLAY_SDL_H

#include "devices/display/display.h"

struct window;
struct window_config {
    struct display *display; /* borrowed */
    const char *title;       /* the guest's name; NULL: none */
    bool full_screen;
    bool software; /* draw without OpenGL */
    bool no_close; /* the window's close button does nothing */
    /* The user has closed the window: asks the guest to turn itself off. False if the guest cannot be asked.
     * Main thread. */
    bool (*shut_down)(void *opaque);
    /* Ends the machine now. Main thread. */
    void (*end)(void *opaque);
    void *opaque;
};

/* What the module rvive-sdl exports. */
struct window_ops {
    /* NULL and *error if there is no desktop, or SDL opens no window on it. Main thread, like all but
     * quit(). */
    struct window *(*open)(const struct window_config *config, struct error *error);
    /* Shows the guest and takes its input until quit(). */
    void (*run)(struct window *window);
    /* Ends run(), or makes the next call of it return at once. Any thread. */
    void (*quit)(struct window *window);
    void (*destroy)(struct window *window);
};
#define WINDOW_MODULE "rvive-sdl"
#define WINDOW_SYMBOL "rvive_window_ops"
extern const struct window_ops rvive_window_ops;

#endif
