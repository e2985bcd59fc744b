// SPDX-License-Identifier: MIT
// A VNC viewer that understands raw pixels and changes of size.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rfb.h"
#include "screen.h"

static struct picture screen;

void rfb_lost(const char *why)
{
    fail("%s", why);
}

static void set_size(uint32_t width, uint32_t height)
{
    screen.width = width;
    screen.height = height;
    free(screen.pixels);
    screen.pixels = calloc((size_t)width * height, 4);
}

static void get_rectangle(void)
{
    uint32_t x = rfb_get16(), y = rfb_get16(), width = rfb_get16(), height = rfb_get16();
    int32_t encoding = (int32_t)rfb_get32();
    if (encoding == RFB_EXTENDED_SIZE) {
        uint8_t screens;
        rfb_get(&screens, 1);
        rfb_skip(3 + 16u * screens);
    }
    if (encoding != RFB_RAW) { /* a change of size: no other encoding was asked for */
        if (width != screen.width || height != screen.height)
            set_size(width, height);
        return;
    }
    if (x + width > screen.width || y + height > screen.height)
        fail("a rectangle %u x %u at %u, %u of a screen of %u x %u", width, height, x, y, screen.width,
             screen.height);
    for (uint32_t row = 0; row < height; row++)
        rfb_get(screen.pixels + (size_t)(y + row) * screen.width + x, (size_t)width * 4);
}

static void get_message(void)
{
    uint8_t type;
    rfb_get(&type, 1);
    if (type == RFB_UPDATE) {
        rfb_skip(1);
        for (uint32_t count = rfb_get16(); count; count--)
            get_rectangle();
        rfb_request(true, screen.width, screen.height);
    } else if (type == RFB_CUT_TEXT) {
        rfb_skip(3);
        rfb_skip(rfb_get32());
    } else if (type != RFB_BELL) {
        fail("a message of type %u", type);
    }
}

/* Takes what the server sends, until it has been silent for a while. */
static void listen_to_server(void)
{
    struct pollfd wait = { .fd = rfb_server, .events = POLLIN };
    while (poll(&wait, 1, 200) > 0)
        get_message();
}

static void rfb_open(const char *where)
{
    static const int32_t encodings[] = { RFB_RAW, RFB_DESKTOP_SIZE, RFB_EXTENDED_SIZE };
    uint32_t width, height;
    if (!rfb_connect(where))
        fail("port %s: %s", where, strerror(errno));
    rfb_handshake(encodings, 3, &width, &height);
    set_size(width, height);
    rfb_request(false, width, height);
}

static void rfb_grab(struct picture *picture)
{
    listen_to_server();
    *picture = screen;
    size_t bytes = (size_t)screen.width * screen.height * 4;
    picture->pixels = malloc(bytes);
    memcpy(picture->pixels, screen.pixels, bytes);
}

static void rfb_key(uint32_t keysym)
{
    for (int down = 1; down >= 0; down--) {
        uint32_t message[2] = { htonl(4u << 24 | (uint32_t)down << 16), htonl(keysym) };
        rfb_put(message, sizeof(message));
    }
    listen_to_server();
}

static void rfb_pointer(int x, int y, int mask)
{
    uint8_t message[6] = { 5, (uint8_t)mask, (uint8_t)(x >> 8), (uint8_t)x, (uint8_t)(y >> 8), (uint8_t)y };
    rfb_put(message, sizeof(message));
    listen_to_server();
}

/* Sends SetDesktopSize with one screen. */
static void rfb_size(int width, int height)
{
    uint8_t message[24] = {
        251, 0, (uint8_t)(width >> 8), (uint8_t)width, (uint8_t)(height >> 8), (uint8_t)height, 1
    };
    listen_to_server();
    memcpy(message + 16, message + 2, 4);
    rfb_put(message, sizeof(message));
    listen_to_server();
}

static void rfb_close(void)
{
    close(rfb_server);
}

const struct viewer viewer_rfb = { rfb_open, rfb_grab, rfb_key, rfb_pointer, rfb_size, rfb_close };
