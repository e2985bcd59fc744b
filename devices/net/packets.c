/* SPDX-License-Identifier: MIT
 *
 * See packets.h. Everything belongs to the pump's thread. A frame that the host does not take at once waits
 * in `kept`, and the card hands over no other meanwhile: poll(2) does not tell when the queue of a Unix
 * socket's peer has room, so it is tried again every millisecond, and given up after a while.
 */
#include "devices/net/packets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PACKETS_TRIES 50u /* a peer that takes nothing for so many ms loses a frame */
#define PACKETS_PAUSE 100 /* ms, after a failure that poll() would report again and again */

struct net_packets {
    struct net_pump pump; /* must be first */
    int fd;
    bool is_socket, has_to, held;
    bool failed; /* an interface was removed, for example */
    struct net_address to;
    size_t header;
    const char *path;
    char text[256];
    size_t kept_length; /* 0: none */
    unsigned tries;
    uint8_t kept[NETDEV_FRAME_MAX];
    uint8_t in[NET_PACKETS_HEADER_MAX + NETDEV_FRAME_MAX];
};

static void describe(struct netdev *netdev, char *text, size_t size)
{
    snprintf(text, size, "%s", ((struct net_packets *)netdev)->text);
}

/* False: the host takes no frame now. A frame that it refuses is lost: an interface may be down, and nobody
 * may listen. */
static bool put(struct net_packets *packets, const uint8_t *frame, size_t length)
{
    uint8_t zeroes[NET_PACKETS_HEADER_MAX] = { 0 };
    struct iovec parts[2] = { { zeroes, packets->header }, { (void *)(uintptr_t)frame, length } };
    struct msghdr message = { .msg_iov = parts + 1, .msg_iovlen = 1 };
    if (packets->has_to) {
        message.msg_name = &packets->to.storage;
        message.msg_namelen = packets->to.length;
    }
    ssize_t done = packets->is_socket ? sendmsg(packets->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT)
                                      : writev(packets->fd, parts, 2);
    return done >= 0 || (errno != EAGAIN && errno != ENOBUFS && errno != EINTR);
}

static bool can_send(struct netdev *netdev)
{
    struct net_packets *packets = (struct net_packets *)netdev;
    packets->held = packets->kept_length != 0;
    return !packets->held;
}

static void packets_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct net_packets *packets = (struct net_packets *)netdev;
    if (length > NETDEV_FRAME_MAX || packets->kept_length || put(packets, frame, length))
        return;
    memcpy(packets->kept, frame, length);
    packets->kept_length = length;
    packets->tries = 0;
}

static void retry(struct net_packets *packets)
{
    if (!packets->kept_length)
        return;
    if (!put(packets, packets->kept, packets->kept_length) && ++packets->tries < PACKETS_TRIES)
        return;
    packets->kept_length = 0;
    if (packets->held)
        net_pump_resume(&packets->pump);
}

/* Reads one frame; false: there is none. */
static bool take(struct net_packets *packets)
{
    size_t room = packets->header + NETDEV_FRAME_MAX;
    ssize_t got = packets->is_socket ? recv(packets->fd, packets->in, room, MSG_DONTWAIT | MSG_TRUNC)
                                     : read(packets->fd, packets->in, room);
    if (got < 0 && packets->is_socket && errno == ECONNREFUSED)
        return true; /* the answer to one of our own frames: nobody listens */
    packets->failed = got < 0 && errno != EAGAIN && errno != EINTR;
    if (got < 0)
        return false;
    size_t length = (size_t)got;
    if (length <= room && length >= packets->header + NETDEV_ETHERNET_HEADER)
        netdev_deliver(&packets->pump.netdev, packets->in + packets->header, length - packets->header);
    return true;
}

static int packets_prepare(struct net_pump *pump, struct pollfd fds[NET_PUMP_FDS])
{
    struct net_packets *packets = (struct net_packets *)pump;
    if (!netdev_is_full(&pump->netdev) && !packets->failed) {
        fds[0].fd = packets->fd;
        fds[0].events = POLLIN;
    }
    int timeout = packets->kept_length ? 1 : packets->failed ? PACKETS_PAUSE : -1;
    packets->failed = false;
    return timeout;
}

static void packets_serve(struct net_pump *pump, const struct pollfd fds[NET_PUMP_FDS])
{
    struct net_packets *packets = (struct net_packets *)pump;
    retry(packets);
    for (unsigned n = 0; fds[0].revents && n < NET_PUMP_TURN && !netdev_is_full(&pump->netdev); n++)
        if (!take(packets))
            break;
}

static void packets_destroy(struct netdev *netdev)
{
    struct net_packets *packets = (struct net_packets *)netdev;
    net_pump_fini(&packets->pump);
    close(packets->fd);
    if (packets->path)
        unlink(packets->path);
    free(packets);
}

static const struct netdev_ops packets_ops = {
    .name = "network",
    .send = packets_send,
    .wake = net_pump_wake,
    .destroy = packets_destroy,
    .can_send = can_send,
    .describe = describe,
};

struct netdev *net_packets_create(const struct net_packets_config *config, struct error *error)
{
    struct net_packets *packets = calloc(1, sizeof(*packets));
    if (!packets) {
        error_set(error, "-netdev %s: out of memory", config->type);
        close(config->fd);
        return NULL;
    }
    packets->fd = config->fd;
    packets->is_socket = config->is_socket;
    packets->has_to = config->to != NULL;
    if (config->to)
        packets->to = *config->to;
    packets->header = config->header;
    packets->path = config->path;
    snprintf(packets->text, sizeof(packets->text), "%s", config->text);
    packets->pump.prepare = packets_prepare;
    packets->pump.serve = packets_serve;
    if (net_pump_init(&packets->pump, &packets_ops, error) && net_pump_start(&packets->pump, error))
        return &packets->pump.netdev;
    packets_destroy(&packets->pump.netdev);
    return NULL;
}
