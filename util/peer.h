/* SPDX-License-Identifier: MIT
 *
 * The other end of a TCP connection: the text of a port, and whether the other end is a web browser. A web
 * page can make the user's browser send almost any bytes to any port of the user's computer, within an HTTP
 * request. A server that takes commands and skips what it does not understand would obey the request's body.
 */
#ifndef UTIL_PEER_H
#define UTIL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a decimal number from "0" to "65535"; the whole text must be the number. */
bool peer_parse_port(const char *text, unsigned *port);

/* State of the check of a connection's first bytes as they arrive. Zeroed at the beginning of the
 * connection. */
struct peer_check {
    uint8_t bytes[12];
    unsigned count;
    bool decided;
};
/* True: the other end is a browser (HTTP, or the TLS of https) or another program that does not speak text.
 * The bytes before that was known contain no end of a line and no gdb packet. */
bool peer_is_browser(struct peer_check *check, const uint8_t *bytes, size_t length);

#endif
