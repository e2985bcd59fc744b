/* SPDX-License-Identifier: MIT
 *
 * Networks that lead to other programs of the host, or to the host itself, as QEMU's -netdev stream, dgram,
 * socket and tap. On the wire they are QEMU's:
 *
 * - STREAM: each frame comes after its length, as four bytes in network order. A server has one peer at a
 * time; the next one waits until it has gone. A client may connect again when the connection ends.
 * - DGRAM: each datagram is a frame. The peer is one place, or a group of hosts (IP multicast).
 * - TAP: an interface of the host.
 *
 * What comes from a peer is hostile: a stream with an impossible length ends, frames that are too short or
 * too long are dropped, and nobody is read while much is waiting for the guest. While a peer takes nothing,
 * the guest's card stands still; without a peer its frames are lost.
 */
#ifndef DEVICES_NET_PEERS_H
#define DEVICES_NET_PEERS_H

#include "devices/net/netdev.h"
#include "devices/net/place.h"

#define NETDEV_WIRE_MAX 69632u /* bytes: the longest frame that QEMU sends or takes */

enum netdev_peer_kind { NETDEV_PEER_NONE, NETDEV_PEER_STREAM, NETDEV_PEER_DGRAM, NETDEV_PEER_TAP };

/* Strings are borrowed for as long as the network is there. */
struct netdev_peer_config {
    enum netdev_peer_kind kind;
    const char *type;        /* QEMU's name: "socket", "stream", "dgram", "tap" */
    struct net_place local;  /* STREAM: where a server listens; DGRAM: where the socket is bound, or NONE. For
                              * a  group its host is the interface's address, and the port is the group's */
    struct net_place remote; /* STREAM: where a client connects; DGRAM: where frames go */
    bool server;             /* STREAM */
    uint32_t reconnect_ms;   /* STREAM, a client: between two attempts; 0: it does not try again */
    const char *ifname;      /* TAP; NULL: the host chooses a name */
    bool has_fd;             /* TAP: the interface is open already */
    int fd;
};

/* Opens the network. NULL, with *error filled, if the host refuses. A client without reconnect_ms must reach
 * its peer at once. */
struct netdev *netdev_peer_create(const struct netdev_peer_config *config, struct error *error);

/* Is it the IPv4 address of a group, whose members all get a frame? */
bool netdev_is_group(const struct net_place *place);

/* ---- Between the files --------------------------------------------------------------------------------- */

struct netdev *netdev_stream_create(const struct netdev_peer_config *config, struct error *error);
struct netdev *netdev_dgram_create(const struct netdev_peer_config *config, struct error *error);
struct netdev *netdev_tap_create(const struct netdev_peer_config *config, struct error *error);

#endif
