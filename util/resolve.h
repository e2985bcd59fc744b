/* SPDX-License-Identifier: MIT
 *
 * Names of hosts, and where they stand in texts of users and of browsers.
 */
#ifndef UTIL_RESOLVE_H
#define UTIL_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* As getaddrinfo(3), but "localhost" always means this computer (RFC 6761, 6.3), even if no file and no
 * server says so, as in a small container. The caller frees *found with freeaddrinfo(); the status is for
 * gai_strerror(). It may wait for a name server. */
int resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);

struct resolve_place {
    char host[256]; /* "": none */
    bool bracketed;
    bool has_port;
    unsigned port; /* 0 to 65535 */
};

/* Splits HOST, HOST:PORT, :PORT, [ADDRESS] and [ADDRESS]:PORT into parts (RFC 3986, 3.2.2 and 3.2.3).
 * Brackets separate the colons of an IPv6 address from the port's colon; without brackets the last colon is
 * the port's. The text need not end with a NUL. Returns false at brackets that are empty, not closed or not
 * at the end, at a NUL, at a host that is too long, and at a port that is no decimal number in its range;
 * *error then says what is wrong, without the text itself. */
bool resolve_split(const char *text, size_t length, struct resolve_place *place, struct error *error);

#endif
