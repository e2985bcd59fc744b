/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rfb.h"

int rfb_server;

void rfb_get(void *bytes, size_t length)
{
    for (uint8_t *at = bytes; length;) {
        ssize_t got = read(rfb_server, at, length);
        if (got <= 0)
            rfb_lost("the VNC server has hung up");
        at += got;
        length -= (size_t)got;
    }
}

void rfb_put(const void *bytes, size_t length)
{
    if (write(rfb_server, bytes, length) != (ssize_t)length)
        rfb_lost("the VNC server takes no more");
}

uint32_t rfb_get16(void)
{
    uint16_t value;
    rfb_get(&value, 2);
    return ntohs(value);
}

uint32_t rfb_get32(void)
{
    uint32_t value;
    rfb_get(&value, 4);
    return ntohl(value);
}

void rfb_skip(size_t length)
{
    static uint8_t bytes[1 << 20];
    for (size_t part; length; length -= part) {
        part = length < sizeof(bytes) ? length : sizeof(bytes);
        rfb_get(bytes, part);
    }
}

bool rfb_connect(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rfb_server = socket(AF_INET, SOCK_STREAM, 0);
    if (rfb_server >= 0 && !connect(rfb_server, (struct sockaddr *)&address, sizeof(address)))
        return true;
    close(rfb_server);
    return false;
}

void rfb_handshake(const int32_t *encodings, unsigned count, uint32_t *width, uint32_t *height)
{
    static const uint8_t format[20] = { 0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0 };
    uint8_t version[12], security_count, securities[255];
    rfb_get(version, sizeof(version));
    rfb_put("RFB 003.008\n", 12);
    rfb_get(&security_count, 1);
    rfb_get(securities, security_count);
    if (!memchr(securities, 1, security_count))
        rfb_lost("the VNC server wants a password");
    rfb_put("\1", 1);
    if (rfb_get32() != 0)
        rfb_lost("the VNC server refuses");
    rfb_put("\1", 1); /* a shared session: others may connect, too */
    *width = rfb_get16();
    *height = rfb_get16();
    rfb_skip(16);
    rfb_skip(rfb_get32());
    rfb_put(format, sizeof(format));
    uint32_t head = htonl(2u << 24 | count);
    rfb_put(&head, sizeof(head));
    for (unsigned n = 0; n < count; n++) {
        uint32_t encoding = htonl((uint32_t)encodings[n]);
        rfb_put(&encoding, sizeof(encoding));
    }
}

void rfb_request(bool incremental, uint32_t width, uint32_t height)
{
    uint8_t message[10] = { 3, incremental };
    message[6] = (uint8_t)(width >> 8);
    message[7] = (uint8_t)width;
    message[8] = (uint8_t)(height >> 8);
    message[9] = (uint8_t)height;
    rfb_put(message, sizeof(message));
}
