// SPDX-License-Identifier: MIT
// A VNC viewer (RFC 6143) that knows raw pixels and changes of size, written from the RFC so that it shares
// nothing with the server's library.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "screen.h"

enum { ENCODING_RAW = 0, ENCODING_SIZE = -223, ENCODING_EXTENDED_SIZE = -308 };

static int server;
static struct picture screen;

static void get(void *bytes, size_t length)
{
    for (uint8_t *at = bytes; length;) {
        ssize_t got = read(server, at, length);
        if (got <= 0)
            fail("the VNC server has hung up");
        at += got;
        length -= (size_t)got;
    }
}

static void put(const void *bytes, size_t length)
{
    if (write(server, bytes, length) != (ssize_t)length)
        fail("the VNC server takes no more");
}

static uint32_t get16(void)
{
    uint16_t value;
    get(&value, 2);
    return ntohs(value);
}

static uint32_t get32(void)
{
    uint32_t value;
    get(&value, 4);
    return ntohl(value);
}

static void skip(size_t length)
{
    uint8_t byte;
    while (length--)
        get(&byte, 1);
}

static void set_size(uint32_t width, uint32_t height)
{
    screen.width = width;
    screen.height = height;
    free(screen.pixels);
    screen.pixels = calloc((size_t)width * height, 4);
}

static void request(bool incremental)
{
    uint8_t message[10] = { 3, incremental };
    message[6] = (uint8_t)(screen.width >> 8);
    message[7] = (uint8_t)screen.width;
    message[8] = (uint8_t)(screen.height >> 8);
    message[9] = (uint8_t)screen.height;
    put(message, sizeof(message));
}

static void get_rectangle(void)
{
    uint32_t x = get16(), y = get16(), width = get16(), height = get16();
    int32_t encoding = (int32_t)get32();
    if (encoding == ENCODING_EXTENDED_SIZE) {
        uint8_t screens;
        get(&screens, 1);
        skip(3 + 16u * screens);
    }
    if (encoding != ENCODING_RAW) { /* a size: the others were not asked for */
        if (width != screen.width || height != screen.height)
            set_size(width, height);
        return;
    }
    if (x + width > screen.width || y + height > screen.height)
        fail("a rectangle %u x %u at %u, %u of a screen of %u x %u", width, height, x, y, screen.width,
             screen.height);
    for (uint32_t row = 0; row < height; row++)
        get(screen.pixels + (size_t)(y + row) * screen.width + x, (size_t)width * 4);
}

static void get_message(void)
{
    uint8_t type;
    get(&type, 1);
    if (type == 0) {
        skip(1);
        for (uint32_t count = get16(); count; count--)
            get_rectangle();
        request(true);
    } else if (type == 3) {
        skip(3);
        skip(get32());
    } else if (type != 2) {
        fail("a message of type %u", type);
    }
}

/* Takes what the server sends until it is silent for a while. */
static void listen_to_server(void)
{
    struct pollfd wait = { .fd = server, .events = POLLIN };
    while (poll(&wait, 1, 200) > 0)
        get_message();
}

static void handshake(void)
{
    uint8_t version[12], count, types[255];
    get(version, sizeof(version));
    put("RFB 003.008\n", 12);
    get(&count, 1);
    get(types, count);
    if (!count || !memchr(types, 1, count))
        fail("the server wants a password");
    put("\1", 1);
    if (get32() != 0)
        fail("the server refuses");
    put("\1", 1);
    uint32_t width = get16(), height = get16();
    skip(16);
    skip(get32());
    set_size(width, height);
}

static void rfb_open(const char *where)
{
    static const uint8_t format[20] = { 0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0 };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(where)) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof(address)))
        fail("port %s: %s", where, strerror(errno));
    handshake();
    put(format, sizeof(format));
    uint32_t encodings[4] = { htonl(2u << 24 | 3), htonl(ENCODING_RAW), htonl((uint32_t)ENCODING_SIZE),
                              htonl((uint32_t)ENCODING_EXTENDED_SIZE) };
    put(encodings, sizeof(encodings));
    request(false);
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
        put(message, sizeof(message));
    }
    listen_to_server();
}

static void rfb_pointer(int x, int y, int mask)
{
    uint8_t message[6] = { 5, (uint8_t)mask, (uint8_t)(x >> 8), (uint8_t)x, (uint8_t)(y >> 8), (uint8_t)y };
    put(message, sizeof(message));
    listen_to_server();
}

/* SetDesktopSize with one screen. */
static void rfb_size(int width, int height)
{
    uint8_t message[24] = {
        251, 0, (uint8_t)(width >> 8), (uint8_t)width, (uint8_t)(height >> 8), (uint8_t)height, 1
    };
    listen_to_server();
    memcpy(message + 16, message + 2, 4);
    put(message, sizeof(message));
    listen_to_server();
}

static void rfb_close(void)
{
    close(server);
}

const struct viewer viewer_rfb = { rfb_open, rfb_grab, rfb_key, rfb_pointer, rfb_size, rfb_close };
