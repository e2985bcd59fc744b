/* SPDX-License-Identifier: MIT
 *
 * A network on a descriptor of which each read and each write is one frame: a datagram socket, or a tap
 * interface.
 */
#ifndef DEVICES_NET_PACKETS_H
#define DEVICES_NET_PACKETS_H

#include "devices/net/peers.h"
#include "devices/net/pump.h"

#define NET_PACKETS_HEADER_MAX 64u

struct net_packets_config {
    const char *type; /* for messages */
    int fd;           /* non-blocking; the network's from now on */
    bool is_socket;
    const struct net_address *to; /* of a socket that is not connected; copied */
    size_t header;                /* bytes before each frame, of a tap interface; sent as zeroes */
    const char *path;             /* removed at the end; NULL: none. Borrowed */
    const char *text;             /* what describe() says; copied */
};

/* NULL, with *error filled; the descriptor is closed then, too. */
struct netdev *net_packets_create(const struct net_packets_config *config, struct error *error);

#endif
