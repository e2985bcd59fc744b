/* SPDX-License-Identifier: MIT
 *
 * The screen, keyboard and pointer of the guest, between devices and windows. A device that shows a picture
 * is a `display_source`, one that takes keys or the pointer a `display_input`; a window or a VNC server is a
 * `display_view`. None of them knows the others.
 *
 * The display owns the picture, 32 bits a pixel. A source copies what changed into it; a view is woken, takes
 * the rectangle that changed since its last look, and copies that part out. So nobody reads pixels that
 * another thread is writing, and nothing runs while nothing changes. If several sources show something, the
 * one that began last is seen; when it ends, the one that began before it is seen again.
 *
 * Locks, in the order in which they may be taken: the display's input lock, a device's lock, the display's
 * own lock. So sources and inputs may call everything here with their device's lock held, except what is
 * marked [view], which calls into devices; views call those with no lock held.
 */
#ifndef DEVICES_DISPLAY_DISPLAY_H
#define DEVICES_DISPLAY_DISPLAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define DISPLAY_SIDE_MAX   8192u /* pixels, of a picture */
#define DISPLAY_CURSOR_MAX 256u  /* pixels, of a cursor */
/* absolute positions of the pointer are 0 to this, whatever the picture's size */
#define DISPLAY_ABS_MAX 32767

struct display;

struct display_rect {
    uint32_t x, y, width, height; /* pixels; empty if width or height is 0 */
};
struct display_rect display_rect_intersect(struct display_rect a, struct display_rect b);

/* The picture is black, of that size, until a source shows something. NULL and *error if memory is short. */
struct display *display_create(uint32_t width, uint32_t height, struct error *error);
/* After all sources, inputs and views were removed. */
void display_destroy(struct display *display);

/* ---- Sources: devices that show a picture -------------------------------------------------------------- */

struct display_source {
    const char *name;
    /* Tells what size of picture would suit the window. May be NULL. [view] */
    void (*resize)(struct display_source *source, uint32_t width, uint32_t height);
    /* For a source whose guest changes the picture without saying so: compares the picture with what was
     * drawn, and draws what is new. Returns whether anything was. NULL: the source draws by itself. [view] */
    bool (*refresh)(struct display_source *source);
    /* These belong to the display. */
    bool showing;
    uint32_t width, height;
    struct display_source *next;
};

/* The caller owns the source. It stays until it is removed, which must be after all views are gone. */
void display_source_add(struct display *display, struct display_source *source);
void display_source_remove(struct display *display, struct display_source *source);
/* From now on the source shows a picture of that size (1 to DISPLAY_SIDE_MAX each). The picture is black at
 * first, unless the source is already seen at that size. False if memory is short; the picture is then as
 * before. */
bool display_show(struct display *display, struct display_source *source, uint32_t width, uint32_t height);
void display_hide(struct display *display, struct display_source *source);
/* Copies pixels (xRGB8888 as little-endian words, x ignored) to `rect` of the source's picture. `pixels` is
 * the first pixel of the rectangle, `stride` the bytes from row to row. What lies outside the picture is left
 * out. Does nothing while the source is not seen. */
void display_draw(struct display *display, struct display_source *source, const void *pixels, size_t stride,
                  struct display_rect rect);

/* The pointer's shape, which the views draw on top of the picture. `pixels`: ARGB8888, alpha not multiplied
 * in, copied; NULL hides the cursor. Sizes above DISPLAY_CURSOR_MAX are ignored. */
void display_cursor_set(struct display *display, const uint32_t *pixels, uint32_t width, uint32_t height,
                        uint32_t hot_x, uint32_t hot_y);
/* Forgets the cursor (after a reset of the guest): views show the host's pointer until a cursor is set
 * again. */
void display_cursor_forget(struct display *display);
void display_cursor_move(struct display *display, int32_t x, int32_t y);

/* ---- Views: windows and servers that show it ----------------------------------------------------------- */

struct display_changes {
    struct display_rect damage; /* of the picture; all of it after `resized` */
    bool resized, cursor_image, cursor_moved;
    bool state; /* whether the guest is paused, or what kind of pointer it has */
};

struct display_view {
    /* There is something to take, and the view has not been woken since it last took. Called by any thread,
     * with locks held; it may only wake the view's own thread. */
    void (*wake)(void *opaque);
    void *opaque;
    /* These belong to the display. */
    struct display_changes changes;
    bool woken;
    struct display_view *next;
};
/* The first display_view_take() returns that everything has changed. */
void display_view_add(struct display *display, struct display_view *view);
/* wake() is not called any more afterwards. */
void display_view_remove(struct display *display, struct display_view *view);
/* What has changed since the last call. */
struct display_changes display_view_take(struct display *display, struct display_view *view);

struct display_frame {
    uint32_t width, height;
    const uint32_t *pixels; /* xRGB8888, row after row */
};
struct display_cursor {
    bool known; /* the guest has set one; false: there is only the host's pointer */
    bool visible;
    int32_t x, y; /* of its top left corner in the picture */
    uint32_t width, height, hot_x, hot_y;
    uint32_t pixels[DISPLAY_CURSOR_MAX * DISPLAY_CURSOR_MAX]; /* width * height of ARGB8888 */
};
/* The picture and the cursor (may be NULL) do not change until display_unlock(). Hold this no longer than a
 * copy takes, since the device waits. */
struct display_frame display_lock(struct display *display, const struct display_cursor **cursor);
void display_unlock(struct display *display);

/* Tells the sources what size would suit the window. [view] */
void display_request_size(struct display *display, uint32_t width, uint32_t height);
/* Brings the picture up to date. CALM: the source reports changes by itself. UNCHANGED, CHANGED: it has to be
 * asked again soon. [view] */
enum display_refreshed { DISPLAY_CALM, DISPLAY_UNCHANGED, DISPLAY_CHANGED };
enum display_refreshed display_refresh(struct display *display);

/* For window titles. */
void display_set_paused(struct display *display, bool paused);
bool display_is_paused(struct display *display);

/* Writes the picture, without the cursor, to a file. format: "png", "ppm"; NULL: PNG if the name ends in
 * .png, else PPM. [view] */
bool display_screendump(struct display *display, const char *path, const char *format, struct error *error);

/* ---- Keys and the pointer (input.c) -------------------------------------------------------------------- */

enum display_input_kind { DISPLAY_KEYBOARD, DISPLAY_TABLET, DISPLAY_MOUSE };

/* As struct input_event of Linux, without the time: EV_KEY, EV_REL, EV_ABS; packets end with SYN_REPORT. */
struct display_event {
    uint16_t type, code;
    int32_t value;
};

/* A device that takes events. */
struct display_input {
    enum display_input_kind kind;
    /* Takes one packet. Called with the input lock held; must not wait. */
    void (*events)(struct display_input *input, const struct display_event *events, unsigned count);
    atomic_bool active; /* see display_input_set_active() */
    /* These belong to the display. */
    struct display_input *next;
};
void display_input_add(struct display *display, struct display_input *input);
void display_input_remove(struct display *display, struct display_input *input);
/* The guest's driver has begun to listen, or has stopped. Only a device with a listening driver gets
 * events. */
void display_input_set_active(struct display *display, struct display_input *input, bool active);

/* Presses or releases a key, by its code in linux/input-event-codes.h. Repeats are left out, since the guest
 * repeats by itself. [view] */
void display_key(struct display *display, unsigned code, bool down);
/* Presses the power key of the guest's keyboard and releases it. False if no driver listens to a keyboard.
 * Any thread. */
bool display_press_power(struct display *display);
/* Releases all keys and buttons, when a window loses the keyboard. [view] */
void display_release_all(struct display *display);

enum display_button { /* bits */
                      DISPLAY_LEFT = 1,
                      DISPLAY_RIGHT = 2,
                      DISPLAY_MIDDLE = 4,
                      DISPLAY_SIDE = 8,
                      DISPLAY_EXTRA = 16
};
struct display_pointer {
    bool absolute;       /* x, y are 0 to DISPLAY_ABS_MAX; else counts of movement */
    int32_t x, y;        /* to the right and down */
    unsigned buttons;    /* that are down now */
    int32_t wheel, tilt; /* notches, up and to the right */
};
/* Sends the pointer to a tablet if `absolute`, else to a mouse. [view] */
void display_pointer(struct display *display, const struct display_pointer *pointer);
/* What is held down, and where the tablet's pointer is; it has not moved. `absolute` tells whether the guest
 * listens to a tablet. */
struct display_pointer display_pointer_now(struct display *display);
/* Is there a device of that kind, whether the guest listens to it or not? */
bool display_has_input(struct display *display, enum display_input_kind kind);
/* Does the guest listen to a tablet? If so, a window need not grab the pointer. */
bool display_is_absolute(struct display *display);

/* The keys of models of screens: their size at first. */
#define DISPLAY_SIZE_KEYS                                                                                    \
    { "xres",     DEVICE_KEY_NUMBER,       "width at first, in pixels", DEVICE_SETTING(width),               \
      .least = 1, .most = DISPLAY_SIDE_MAX },                                                                \
    {                                                                                                        \
        "yres", DEVICE_KEY_NUMBER, "height at first, in pixels", DEVICE_SETTING(height),                     \
            .least = 1, .most = DISPLAY_SIDE_MAX                                                             \
    }

#endif
