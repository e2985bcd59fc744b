// SPDX-License-Identifier: MIT
// The window on an X server, which is asked for its pixels. xdotool moves the pointer and presses the keys.
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

static Display *server;
static Window window;

static Window find(Window parent)
{
    Window root, up, *children = NULL, found = 0;
    unsigned count = 0;
    char *name = NULL;
    if (XFetchName(server, parent, &name) && name && strncmp(name, "Rvive", 5) == 0)
        found = parent;
    XFree(name);
    if (!found && XQueryTree(server, parent, &root, &up, &children, &count)) {
        for (unsigned n = 0; n < count && !found; n++)
            found = find(children[n]);
        XFree(children);
    }
    return found;
}

static void x11_open(const char *where)
{
    server = XOpenDisplay(where);
    if (!server)
        fail("no X server at %s", where);
    window = find(DefaultRootWindow(server));
    if (!window)
        fail("there is no window whose title begins with Rvive");
}

static void x11_grab(struct picture *picture)
{
    XWindowAttributes now;
    XGetWindowAttributes(server, window, &now);
    XImage *image =
        XGetImage(server, window, 0, 0, (unsigned)now.width, (unsigned)now.height, AllPlanes, ZPixmap);
    if (!image || image->bits_per_pixel != 32)
        fail("the window's pixels cannot be read");
    picture->width = (uint32_t)now.width;
    picture->height = (uint32_t)now.height;
    picture->pixels = malloc((size_t)picture->width * picture->height * 4);
    for (uint32_t y = 0; y < picture->height; y++)
        memcpy(picture->pixels + (size_t)y * picture->width,
               image->data + (size_t)y * (size_t)image->bytes_per_line, (size_t)picture->width * 4);
    XDestroyImage(image);
}

static void x11_size(int width, int height)
{
    XResizeWindow(server, window, (unsigned)width, (unsigned)height);
    XSync(server, False);
}

/* Sends what a window manager sends for the close button. */
static void x11_close(void)
{
    XEvent event = { .xclient = { .type = ClientMessage,
                                  .window = window,
                                  .message_type = XInternAtom(server, "WM_PROTOCOLS", False),
                                  .format = 32 } };
    event.xclient.data.l[0] = (long)XInternAtom(server, "WM_DELETE_WINDOW", False);
    XSendEvent(server, window, False, NoEventMask, &event);
    XSync(server, False);
}

static void x11_key(uint32_t keysym)
{
    fail("key %u: use xdotool", keysym);
}

static void x11_pointer(int x, int y, int mask)
{
    fail("pointer %d %d %d: use xdotool", x, y, mask);
}

const struct viewer viewer_x11 = { x11_open, x11_grab, x11_key, x11_pointer, x11_size, x11_close };
