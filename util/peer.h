/* SPDX-License-Identifier: MIT
 *
 * The other end of a TCP connection: the text of a port, and whether it is a web browser. A page that a user
 * looks at can make the browser send what it likes to any port of the user's computer, within an HTTP
 * request. A server that takes commands, and passes over what it does not understand, would obey the
 * request's body.
 */
#ifndef UTIL_PEER_H
#define UTIL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "0" to "65535": the whole text, decimal. */
bool peer_parse_port(const char *text, unsigned *port);

/* Looks at the first bytes of a connection, as they come. Zeroed at its beginning. */
struct peer_check {
    uint8_t bytes[12];
    unsigned count;
    bool decided;
};
/* True: it is a browser (HTTP, or the TLS of https), or another machine that speaks no text. The bytes before
 * that was known hold no end of a line and no gdb packet. */
bool peer_is_browser(struct peer_check *check, const uint8_t *bytes, size_t length);

#endif
