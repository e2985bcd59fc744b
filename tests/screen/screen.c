// SPDX-License-Identifier: MIT
// Checks the guest's screen as a person would see it, by comparing it with the picture of pattern.h.
//
// Usage: screen x11 DISPLAY STEP...        the window whose title begins with "Rvive"
//        screen rfb PORT STEP...           a VNC viewer on the loopback interface
// Steps:
//   picture WIDTH HEIGHT SQUARES   wait, at most 20 s, until the screen shows exactly this picture
//   save FILE                      write what the screen shows now to a PNG file
//   key KEYSYM                     press and release (rfb; a number)
//   pointer X Y MASK               move the pointer there with these buttons pressed (rfb)
//   size WIDTH HEIGHT              ask for another size
//   close                          close the window as a person does (x11)
#include "screen.h"

#include <png.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pattern.h"

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "screen: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

bool picture_is_pattern(const struct picture *picture, uint32_t width, uint32_t height, uint32_t squares,
                        bool say)
{
    if (picture->width != width || picture->height != height) {
        if (say)
            fprintf(stderr, "screen: it is %u x %u, not %u x %u\n", picture->width, picture->height, width,
                    height);
        return false;
    }
    for (uint32_t n = 0; n < width * height; n++) {
        uint32_t expected = pattern_pixel(n % width, n / width, width, height, squares);
        uint32_t found = picture->pixels[n] & 0xffffff;
        if (found == expected)
            continue;
        if (say)
            fprintf(stderr, "screen: pixel %u, %u of %u x %u is %06x, not %06x\n", n % width, n / width,
                    width, height, found, expected);
        return false;
    }
    return true;
}

void picture_save(const struct picture *picture, const char *path)
{
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = picture->width,
                        .height = picture->height,
                        .format = PNG_FORMAT_BGRA };
    for (uint32_t n = 0; n < picture->width * picture->height; n++)
        picture->pixels[n] |= 0xff000000;
    if (!png_image_write_to_file(&image, path, 0, picture->pixels, 0, NULL))
        fail("%s: %s", path, image.message);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void wait_for_picture(const struct viewer *viewer, uint32_t width, uint32_t height, uint32_t squares)
{
    double deadline = now() + 20;
    struct picture picture = { 0 };
    for (;;) {
        bool last = now() > deadline;
        viewer->grab(&picture);
        bool same = picture_is_pattern(&picture, width, height, squares, last);
        if (last && !same)
            picture_save(&picture, getenv("SCREEN_FAILED") ? getenv("SCREEN_FAILED") : "screen-failed.png");
        free(picture.pixels);
        if (same)
            return;
        if (last)
            exit(1);
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
}

static int number(const char *text)
{
    char *end;
    long value = text ? strtol(text, &end, 0) : 0;
    if (!text || !*text || *end)
        fail("%s: not a number", text ? text : "(nothing)");
    return (int)value;
}

/* Runs one step; returns how many arguments it had. */
static int run_step(const struct viewer *viewer, char **step, int left)
{
    static const struct {
        const char *name;
        int arguments;
    } steps[] = { { "picture", 3 }, { "save", 1 }, { "key", 1 },
                  { "pointer", 3 }, { "size", 2 }, { "close", 0 } };
    unsigned which = 0;
    while (which < 6 && strcmp(steps[which].name, step[0]) != 0)
        which++;
    if (which == 6 || left <= steps[which].arguments)
        fail("%s: no such step, or arguments are missing", step[0]);
    int values[3] = { 0 };
    for (int n = 0; which != 1 && n < steps[which].arguments; n++)
        values[n] = number(step[1 + n]);
    struct picture picture = { 0 };
    switch (which) {
    case 0: wait_for_picture(viewer, (uint32_t)values[0], (uint32_t)values[1], (uint32_t)values[2]); break;
    case 1:
        viewer->grab(&picture);
        picture_save(&picture, step[1]);
        free(picture.pixels);
        break;
    case 2: viewer->key((uint32_t)values[0]); break;
    case 3: viewer->pointer(values[0], values[1], values[2]); break;
    case 4: viewer->size(values[0], values[1]); break;
    default: viewer->close(); break;
    }
    return steps[which].arguments;
}

int main(int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[1], "x11") != 0 && strcmp(argv[1], "rfb") != 0))
        fail("usage: screen x11 DISPLAY STEP... or screen rfb PORT STEP...");
    const struct viewer *viewer = strcmp(argv[1], "x11") == 0 ? &viewer_x11 : &viewer_rfb;
    viewer->open(argv[2]);
    for (int at = 3; at < argc; at++)
        at += run_step(viewer, argv + at, argc - at);
    return 0;
}
