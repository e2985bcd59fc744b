/* SPDX-License-Identifier: MIT
 *
 * What the files of the display core share: see display.h.
 */
#ifndef DEVICES_DISPLAY_INTERNAL_H
#define DEVICES_DISPLAY_INTERNAL_H

#include <pthread.h>

#include "devices/display/display.h"

#define DISPLAY_KEY_COUNT 0x300u

struct display {
    pthread_mutex_t lock; /* protects all up to the next lock */
    uint32_t *pixels;
    uint32_t width, height;
    uint32_t blank_width, blank_height;
    struct display_source *sources; /* the first one that shows something is seen */
    struct display_view *views;
    struct display_cursor cursor;
    bool paused;

    pthread_mutex_t input_lock; /* protects all that follows */
    struct display_input *inputs;
    uint8_t keys[DISPLAY_KEY_COUNT / 8]; /* keys that are down */
    unsigned buttons;                    /* enum display_button */
    int32_t x, y;                        /* last absolute position; -1: there was none */
};

/* Something of `state` has changed: wakes the views. */
void display_state_changed(struct display *display);

#endif
