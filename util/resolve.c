/* SPDX-License-Identifier: MIT
 *
 * Names of hosts; see resolve.h.
 */
#include "util/resolve.h"

#include <strings.h>

int resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    int status = getaddrinfo(host, port, hints, found);
    if (!status || !host || strcasecmp(host, "localhost") != 0)
        return status;
    return getaddrinfo(hints->ai_family == AF_INET6 ? "::1" : "127.0.0.1", port, hints, found);
}
