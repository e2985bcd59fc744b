/* SPDX-License-Identifier: MIT
 *
 * Names of hosts; see resolve.h.
 */
#include "util/resolve.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/peer.h"

int resolve(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    int status = getaddrinfo(host, port, hints, found);
    if (!status || !host || strcasecmp(host, "localhost") != 0)
        return status;
    return getaddrinfo(hints->ai_family == AF_INET6 ? "::1" : "127.0.0.1", port, hints, found);
}

static bool take_port(const char *text, size_t length, struct resolve_place *place, struct error *error)
{
    char digits[8];
    if (!length)
        return error_set(error, "the port is missing");
    snprintf(digits, sizeof(digits), "%.*s", (int)length, text);
    place->has_port = length < sizeof(digits) && peer_parse_port(digits, &place->port);
    return place->has_port || error_set(error, "the port \"%.*s\" is no number from 0 to 65535",
                                        length < 64 ? (int)length : 64, text);
}

bool resolve_split(const char *text, size_t length, struct resolve_place *place, struct error *error)
{
    *place = (struct resolve_place){ .bracketed = length && *text == '[' };
    if (memchr(text, 0, length))
        return error_set(error, "there is a NUL in it");
    const char *end = text + length, *host = text + place->bracketed;
    const char *host_end = place->bracketed ? memchr(text, ']', length) : memrchr(text, ':', length);
    if (place->bracketed && !host_end)
        return error_set(error, "the bracket is not closed");
    if (!host_end)
        host_end = end;
    size_t host_length = (size_t)(host_end - host);
    if (place->bracketed && !host_length)
        return error_set(error, "there is no address in the brackets");
    if (host_length >= sizeof(place->host))
        return error_set(error, "the host's name is longer than %zu characters", sizeof(place->host) - 1);
    memcpy(place->host, host, host_length);
    const char *colon = host_end + place->bracketed;
    if (colon == end)
        return true;
    if (*colon != ':')
        return error_set(error, "only a port can follow the bracket");
    return take_port(colon + 1, (size_t)(end - colon - 1), place, error);
}
