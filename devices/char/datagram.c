/* SPDX-License-Identifier: MIT
 *
 * udp:HOST:PORT[,local=HOST:PORT]: what is written is sent to HOST:PORT in datagrams, and datagrams from
 * there are read. Datagrams are lost if nobody listens, or if they come faster than the front end takes them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/char/stream.h"
#include "util/resolve.h"

struct datagram_chardev {
    struct chardev_stream stream; /* must be first */
    int fd;
};

static void datagram_destroy(struct chardev *chardev)
{
    struct datagram_chardev *self = (struct datagram_chardev *)chardev;
    stream_destroy(&self->stream);
    close(self->fd);
    free(self);
}

static struct addrinfo *look_up(const char *text, int family, bool local, struct error *error)
{
    char port[8];
    struct resolve_place place;
    struct error why = { "not HOST:PORT" };
    struct addrinfo *list = NULL;
    struct addrinfo hints = { .ai_family = family,
                              .ai_socktype = SOCK_DGRAM,
                              .ai_flags = local ? AI_PASSIVE : 0 };
    if (!resolve_split(text, strlen(text), &place, &why) || !place.has_port) {
        error_set(error, "udp:%s: %s", text, why.text);
        return NULL;
    }
    snprintf(port, sizeof(port), "%u", place.port);
    const char *host = place.host[0] ? place.host : local ? NULL : "localhost";
    int status = resolve(host, port, &hints, &list);
    if (status)
        error_set(error, "udp:%s: %s", text, gai_strerror(status));
    return status ? NULL : list;
}

/* The socket is bound and connected: the kernel drops datagrams from other peers. */
static int make(const struct chardev_config *config, struct error *error)
{
    struct addrinfo *peer = look_up(config->address, AF_UNSPEC, false, error);
    struct addrinfo *local =
        peer && config->local[0] ? look_up(config->local, peer->ai_family, true, error) : NULL;
    bool ok = peer && (local || !config->local[0]);
    int fd = ok ? socket(peer->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (ok && (fd < 0 || (local && bind(fd, local->ai_addr, local->ai_addrlen)) ||
               connect(fd, peer->ai_addr, peer->ai_addrlen))) {
        error_set(error, "udp:%s: %s", config->address, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (peer)
        freeaddrinfo(peer);
    if (local)
        freeaddrinfo(local);
    return fd;
}

struct chardev *chardev_udp_open(const struct chardev_config *config, struct error *error)
{
    static const struct chardev_ops ops = { "udp",        stream_write, stream_input_ready, datagram_destroy,
                                            stream_hurry, true };
    int fd = make(config, error);
    if (fd < 0)
        return NULL;
    struct datagram_chardev *self = calloc(1, sizeof(*self));
    if (!self || !stream_init(&self->stream, &ops, error)) {
        if (!self)
            error_set(error, "out of memory for a character device");
        free(self);
        close(fd);
        return NULL;
    }
    self->fd = fd;
    self->stream.is_datagram = true;
    stream_connect(&self->stream, fd, fd);
    return &self->stream.chardev;
}
