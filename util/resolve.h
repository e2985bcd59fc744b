/* SPDX-License-Identifier: MIT
 *
 * Names of hosts.
 */
#ifndef UTIL_RESOLVE_H
#define UTIL_RESOLVE_H

#include <netdb.h>

/* getaddrinfo(3), but "localhost" is this computer also where no file and no server says so, as in a small
 * container (RFC 6761, 6.3: it always means the loopback). The caller frees *found with freeaddrinfo(); the
 * status is for gai_strerror(). May wait for a server of names. */
int resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);

#endif
