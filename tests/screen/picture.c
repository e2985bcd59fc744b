// SPDX-License-Identifier: MIT
// Runs in the guest: shows the picture of pattern.h through DRM (a dumb buffer in the mode that the screen
// prefers, a new one when the mode changes), and prints the events of the input devices. The space key adds a
// square, and only its part of the picture is reported as changed; Escape ends the program. With an argument:
// reports for that many seconds that the whole picture has changed, and prints how often per second it could.
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

static int card;
static uint32_t connector, crtc, framebuffer, squares;
static struct drm_mode_modeinfo mode;
static struct drm_mode_create_dumb buffer;
static uint32_t *pixels;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void check(int status, const char *what)
{
    if (status < 0)
        die(what);
}

// The preferred mode of the connector; asks the driver to detect it again.
static struct drm_mode_modeinfo preferred(void)
{
    static struct drm_mode_modeinfo modes[64];
    struct drm_mode_get_connector get = { .connector_id = connector };
    check(ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get), "GETCONNECTOR");
    get.count_props = get.count_encoders = 0;
    get.modes_ptr = (uintptr_t)modes;
    get.count_modes = 64;
    check(ioctl(card, DRM_IOCTL_MODE_GETCONNECTOR, &get), "GETCONNECTOR");
    for (unsigned n = 0; n < get.count_modes && n < 64; n++) {
        if (modes[n].type & DRM_MODE_TYPE_PREFERRED)
            return modes[n];
    }
    return modes[0];
}

static void draw(uint32_t from_x, uint32_t from_y, uint32_t to_x, uint32_t to_y)
{
    for (uint32_t y = from_y; y < to_y; y++)
        for (uint32_t x = from_x; x < to_x; x++)
            pixels[y * (buffer.pitch / 4) + x] = pattern_pixel(x, y, buffer.width, buffer.height, squares);
}

// Makes a picture in the mode and shows it.
static void show(void)
{
    uint32_t old = framebuffer, old_handle = buffer.handle;
    buffer = (struct drm_mode_create_dumb){ .width = mode.hdisplay, .height = mode.vdisplay, .bpp = 32 };
    check(ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &buffer), "CREATE_DUMB");
    struct drm_mode_fb_cmd add = { .width = buffer.width,
                                   .height = buffer.height,
                                   .pitch = buffer.pitch,
                                   .bpp = 32,
                                   .depth = 24,
                                   .handle = buffer.handle };
    check(ioctl(card, DRM_IOCTL_MODE_ADDFB, &add), "ADDFB");
    framebuffer = add.fb_id;
    struct drm_mode_map_dumb map = { .handle = buffer.handle };
    check(ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map), "MAP_DUMB");
    pixels = mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
    if (pixels == MAP_FAILED)
        die("mmap");
    draw(0, 0, buffer.width, buffer.height);
    struct drm_mode_crtc set = { .crtc_id = crtc,
                                 .fb_id = framebuffer,
                                 .set_connectors_ptr = (uintptr_t)&connector,
                                 .count_connectors = 1,
                                 .mode = mode,
                                 .mode_valid = 1 };
    check(ioctl(card, DRM_IOCTL_MODE_SETCRTC, &set), "SETCRTC");
    if (old) {
        struct drm_mode_destroy_dumb destroy = { .handle = old_handle };
        ioctl(card, DRM_IOCTL_MODE_RMFB, &old);
        ioctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
    }
    printf("picture %ux%u\n", buffer.width, buffer.height);
}

static void add_square(void)
{
    uint32_t left = squares++ * PATTERN_SQUARE;
    draw(left, 0, left + PATTERN_SQUARE, PATTERN_SQUARE);
    struct drm_clip_rect clip = { (uint16_t)left, 0, (uint16_t)(left + PATTERN_SQUARE), PATTERN_SQUARE };
    struct drm_mode_fb_dirty_cmd dirty = { .fb_id = framebuffer,
                                           .clips_ptr = (uintptr_t)&clip,
                                           .num_clips = 1 };
    check(ioctl(card, DRM_IOCTL_MODE_DIRTYFB, &dirty), "DIRTYFB");
    printf("square %u\n", squares);
}

// The driver has at most as many pictures under way as the queue holds commands (128); then it waits for the
// device.
static void repaint(double seconds)
{
    struct timespec start, now;
    struct drm_clip_rect clip = { 0, 0, (uint16_t)buffer.width, (uint16_t)buffer.height };
    struct drm_mode_fb_dirty_cmd dirty = { .fb_id = framebuffer,
                                           .clips_ptr = (uintptr_t)&clip,
                                           .num_clips = 1 };
    unsigned count = 0;
    double passed = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (; passed < seconds; count++) {
        memset(pixels, (int)count, buffer.size);
        check(ioctl(card, DRM_IOCTL_MODE_DIRTYFB, &dirty), "DIRTYFB");
        clock_gettime(CLOCK_MONOTONIC, &now);
        passed = (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9;
    }
    printf("repaints %.1f a second of %ux%u\n", count / passed, buffer.width, buffer.height);
}

static void open_card(void)
{
    uint32_t crtcs[8], connectors[8];
    card = open("/dev/dri/card0", O_RDWR);
    check(card, "/dev/dri/card0");
    struct drm_mode_card_res res = { .crtc_id_ptr = (uintptr_t)crtcs,
                                     .connector_id_ptr = (uintptr_t)connectors,
                                     .count_crtcs = 8,
                                     .count_connectors = 8 };
    check(ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &res), "GETRESOURCES");
    crtc = crtcs[0];
    connector = connectors[0];
}

static void handle(const struct input_event *event)
{
    static const char *const types[] = { [EV_KEY] = "key", [EV_REL] = "rel", [EV_ABS] = "abs" };
    if (event->type < EV_KEY || event->type > EV_ABS)
        return;
    if (event->value != 2) // the kernel's own repeats
        printf("%s %u %d\n", types[event->type], event->code, event->value);
    if (event->type == EV_KEY && event->code == KEY_SPACE && event->value == 1)
        add_square();
    if (event->type == EV_KEY && event->code == KEY_ESC && event->value == 1)
        exit(0);
}

int main(int argc, char **argv)
{
    struct pollfd inputs[8];
    unsigned count = 0;
    char path[32];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned n = 0; n < 8; n++) {
        snprintf(path, sizeof(path), "/dev/input/event%u", n);
        inputs[count] = (struct pollfd){ .fd = open(path, O_RDONLY), .events = POLLIN };
        count += inputs[count].fd >= 0;
    }
    printf("inputs %u\n", count);
    open_card();
    mode = preferred();
    show();
    if (argc > 1) {
        repaint(atof(argv[1]));
        return 0;
    }
    for (;;) {
        poll(inputs, count, 500);
        for (unsigned n = 0; n < count; n++) {
            struct input_event event;
            if (inputs[n].revents & POLLIN && read(inputs[n].fd, &event, sizeof(event)) == sizeof(event))
                handle(&event);
        }
        struct drm_mode_modeinfo now = preferred();
        if (now.hdisplay != mode.hdisplay || now.vdisplay != mode.vdisplay) {
            mode = now;
            show();
        }
    }
}
