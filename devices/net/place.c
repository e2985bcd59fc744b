/* SPDX-License-Identifier: MIT
 *
 * See place.h.
 */
#include "devices/net/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/resolve.h"

void net_place_text(const struct net_place *place, char *text, size_t size)
{
    switch (place->kind) {
    case NET_PLACE_INET: {
        const char *host = place->host ? place->host : "";
        bool colons = strchr(host, ':') != NULL;
        snprintf(text, size, "%s%s%s:%u", colons ? "[" : "", host, colons ? "]" : "", place->port);
        break;
    }
    case NET_PLACE_UNIX: snprintf(text, size, "%s", place->path); break;
    case NET_PLACE_FD: snprintf(text, size, "fd=%d", place->fd); break;
    case NET_PLACE_NONE: snprintf(text, size, "nowhere"); break;
    }
}

void net_address_text(const struct net_address *address, char *text, size_t size)
{
    char host[64], port[8];
    int family = address->storage.ss_family;
    if (family == AF_UNIX)
        snprintf(text, size, "%.*s", (int)sizeof(((struct sockaddr_un *)0)->sun_path),
                 ((const struct sockaddr_un *)&address->storage)->sun_path);
    else if (getnameinfo((const struct sockaddr *)&address->storage, address->length, host, sizeof(host),
                         port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(text, size, family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    else
        snprintf(text, size, "?");
}

static unsigned find_unix(const struct net_place *place, struct net_address *address, struct error *error)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t length = strlen(place->path), most = sizeof(name.sun_path) - 1;
    if (length > most || !length) {
        error_set(error, "%s: the path is %s", place->path, length ? "longer than 107 bytes" : "empty");
        return 0;
    }
    memcpy(name.sun_path + place->abstract, place->path, length);
    *address = (struct net_address){ .length = sizeof(name) };
    if (place->abstract)
        address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    memcpy(&address->storage, &name, sizeof(name));
    return 1;
}

unsigned net_place_find(const struct net_place *place, int type, bool passive,
                        struct net_address addresses[NET_ADDRESSES_MAX], struct error *error)
{
    char port[8];
    unsigned count = 0;
    struct addrinfo *list = NULL;
    struct addrinfo hints = { .ai_socktype = type, .ai_flags = passive ? AI_PASSIVE : 0 };
    if (place->kind == NET_PLACE_UNIX)
        return find_unix(place, addresses, error);
    bool named = place->host && place->host[0];
    hints.ai_family = place->no_ipv6 || (passive && !named) ? AF_INET : place->no_ipv4 ? AF_INET6 : AF_UNSPEC;
    snprintf(port, sizeof(port), "%u", place->port);
    int status = resolve(named ? place->host : NULL, port, &hints, &list);
    if (status) {
        error_set(error, "%s: %s", named ? place->host : "", gai_strerror(status));
        return 0;
    }
    for (const struct addrinfo *at = list; at && count < NET_ADDRESSES_MAX; at = at->ai_next) {
        addresses[count].length = at->ai_addrlen;
        memcpy(&addresses[count++].storage, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(list);
    return count;
}

int net_address_connect(const struct net_address *address)
{
    int one = 1, family = address->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (const struct sockaddr *)&address->storage, address->length) && errno != EINPROGRESS) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int try_open(const struct net_address *address, int type)
{
    int one = 1, fd = socket(address->storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&address->storage, address->length) ||
        (type == SOCK_STREAM && listen(fd, 1))) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* Does a program have the Unix socket open? */
static bool is_alive(const struct net_address *address, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)&address->storage, address->length) &&
                errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return !dead;
}

static int copy_fd(int number, int type, struct error *error)
{
    int have = 0, fd = -1;
    socklen_t size = sizeof(have);
    if (number < 0 || getsockopt(number, SOL_SOCKET, SO_TYPE, &have, &size)) {
        error_set(error, "fd=%d: no open descriptor of a socket", number);
        return -1;
    }
    if (have != type)
        error_set(error, "fd=%d: a %s socket is needed", number, type == SOCK_STREAM ? "stream" : "datagram");
    else if ((fd = fcntl(number, F_DUPFD_CLOEXEC, 0)) < 0)
        error_set(error, "fd=%d: %s", number, strerror(errno));
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int net_place_open(const struct net_place *place, int type, struct error *error)
{
    struct net_address addresses[NET_ADDRESSES_MAX];
    char text[256];
    int fd = -1;
    if (place->kind == NET_PLACE_FD)
        return copy_fd(place->fd, type, error);
    unsigned count = net_place_find(place, type, true, addresses, error);
    if (!count)
        return -1;
    for (unsigned n = 0; n < count && fd < 0; n++)
        fd = try_open(&addresses[n], type);
    if (fd < 0 && errno == EADDRINUSE && place->kind == NET_PLACE_UNIX && !place->abstract) {
        if (!is_alive(&addresses[0], type) && unlink(place->path) == 0)
            fd = try_open(&addresses[0], type);
        else
            errno = EADDRINUSE;
    }
    net_place_text(place, text, sizeof(text));
    if (fd < 0)
        error_set(error, "%s: cannot %s: %s", text, type == SOCK_STREAM ? "listen" : "bind a socket",
                  strerror(errno));
    return fd;
}
