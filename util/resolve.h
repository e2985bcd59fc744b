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

/* getaddrinfo(3), but "localhost" is this computer also where no file and no server says so, as in a small
 * container (RFC 6761, 6.3: it always means the loopback). The caller frees *found with freeaddrinfo(); the
 * status is for gai_strerror(). May wait for a server of names. */
int resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);

struct resolve_place {
    char host[256]; /* "": none */
    bool bracketed;
    bool has_port;
    unsigned port; /* 0 to 65535 */
};

/* Takes HOST, HOST:PORT, :PORT, [ADDRESS] and [ADDRESS]:PORT apart (RFC 3986, 3.2.2 and 3.2.3); brackets keep
 * an IPv6 address's colons from the port's, and without them the last colon is the port's. The text need not
 * end with a NUL. False, and in *error what is wrong with it, without the text itself: brackets that are
 * empty, not closed or not at the end, a NUL, a host that is too long, a port that is no decimal number of
 * its range. */
bool resolve_split(const char *text, size_t length, struct resolve_place *place, struct error *error);

#endif
