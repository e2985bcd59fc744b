/* SPDX-License-Identifier: MIT
 *
 * Looks at the guest's screen: the parts of the program that the test calls.
 */
#ifndef TESTS_SCREEN_SCREEN_H
#define TESTS_SCREEN_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct picture {
    uint32_t width, height;
    uint32_t *pixels; /* xRGB8888; malloc()ed */
};

/* Prints and exits with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* False if the picture is not that of pattern.h; with `say` it prints the first pixel that differs. */
bool picture_is_pattern(const struct picture *picture, uint32_t width, uint32_t height, uint32_t squares,
                        bool say);
void picture_save(const struct picture *picture, const char *path);

/* A way to see the screen and to use it. grab() fills in the picture as it is now. */
struct viewer {
    void (*open)(const char *where);
    void (*grab)(struct picture *picture);
    void (*key)(uint32_t keysym);
    void (*pointer)(int x, int y, int mask);
    void (*size)(int width, int height);
    void (*close)(void);
};
extern const struct viewer viewer_x11, viewer_rfb;

#endif
