/* SPDX-License-Identifier: MIT
 *
 * Networks of datagrams: UDP between two places, a group of hosts (IP multicast), a pair of Unix sockets, or
 * a socket that was handed over. Anybody who can reach the socket can send frames to the guest, as on QEMU.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/net/packets.h"

bool netdev_is_group(const struct net_place *place)
{
    struct in_addr address;
    return place->kind == NET_PLACE_INET && place->host && inet_pton(AF_INET, place->host, &address) == 1 &&
           IN_MULTICAST(ntohl(address.s_addr));
}

/* Puts the socket into the group; several programs of this host may be in it. */
static bool enter_group(int fd, const struct sockaddr_in *group, const struct sockaddr_in *interface)
{
    int one = 1;
    struct ip_mreq member = { .imr_multiaddr = group->sin_addr, .imr_interface.s_addr = htonl(INADDR_ANY) };
    if (interface)
        member.imr_interface = interface->sin_addr;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
           bind(fd, (const struct sockaddr *)group, sizeof(*group)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)) == 0 &&
           (!interface || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &member.imr_interface,
                                     sizeof(member.imr_interface)) == 0);
}

static struct netdev *open_group(const struct netdev_peer_config *config, const struct net_address *to,
                                 struct error *error)
{
    struct net_address from[NET_ADDRESSES_MAX];
    struct error why;
    char where[128], text[160];
    net_place_text(&config->remote, where, sizeof(where));
    if (config->local.kind == NET_PLACE_INET &&
        !net_place_find(&config->local, SOCK_DGRAM, true, from, &why)) {
        error_set(error, "-netdev %s: %s", config->type, why.text);
        return NULL;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        !enter_group(fd, (const struct sockaddr_in *)&to->storage,
                     config->local.kind == NET_PLACE_INET ? (const struct sockaddr_in *)&from[0].storage
                                                          : NULL)) {
        error_set(error, "-netdev %s: cannot enter the group %s: %s", config->type, where, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    snprintf(text, sizeof(text), "%smcast=%s", strcmp(config->type, "socket") == 0 ? "socket: " : "", where);
    struct net_packets_config packets = {
        .type = config->type, .fd = fd, .is_socket = true, .to = to, .text = text
    };
    return net_packets_create(&packets, error);
}

/* A socket that was handed over leads somewhere already. */
static struct netdev *adopt(const struct netdev_peer_config *config, struct error *error)
{
    struct error why;
    char text[64];
    struct net_address peer = { .length = sizeof(peer.storage) };
    int fd = net_place_open(&config->local, SOCK_DGRAM, &why);
    if (fd >= 0 && getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length)) {
        snprintf(why.text, sizeof(why.text), "fd=%d: the socket is not connected", config->local.fd);
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        error_set(error, "-netdev %s: %s", config->type, why.text);
        return NULL;
    }
    snprintf(text, sizeof(text), "%sfd=%d", strcmp(config->type, "socket") == 0 ? "socket: " : "",
             config->local.fd);
    struct net_packets_config packets = { .type = config->type, .fd = fd, .is_socket = true, .text = text };
    return net_packets_create(&packets, error);
}

/* Both ends are of one kind: a name may stand for addresses of IPv6 and of IPv4, of which the other end has
 * only one. Opens the local end for the first address that it can send to. -1, with *why filled. */
static int open_between(const struct net_place *here, const struct net_address *to, unsigned count,
                        unsigned *chosen, struct error *why)
{
    int fd = -1;
    for (*chosen = 0; *chosen < count; ++*chosen) {
        struct net_place local = *here;
        local.no_ipv6 |= to[*chosen].storage.ss_family == AF_INET;
        local.no_ipv4 |= to[*chosen].storage.ss_family == AF_INET6;
        fd = net_place_open(&local, SOCK_DGRAM, why);
        if (fd >= 0)
            return fd;
    }
    return fd;
}

struct netdev *netdev_dgram_create(const struct netdev_peer_config *config, struct error *error)
{
    struct net_address to[NET_ADDRESSES_MAX];
    struct error why;
    char here[112], there[112], text[256];
    if (config->local.kind == NET_PLACE_FD)
        return adopt(config, error);
    unsigned count = net_place_find(&config->remote, SOCK_DGRAM, false, to, &why);
    if (!count) {
        error_set(error, "-netdev %s: %s", config->type, why.text);
        return NULL;
    }
    if (netdev_is_group(&config->remote))
        return open_group(config, &to[0], error);
    unsigned chosen;
    int fd = open_between(&config->local, to, count, &chosen, &why);
    if (fd < 0) {
        error_set(error, "-netdev %s: %s", config->type, why.text);
        return NULL;
    }
    const struct net_place *local = &config->local;
    bool named = local->kind == NET_PLACE_UNIX;
    net_place_text(&config->local, here, sizeof(here));
    net_place_text(&config->remote, there, sizeof(there));
    if (strcmp(config->type, "socket") == 0)
        snprintf(text, sizeof(text), "socket: udp=%s", there);
    else
        snprintf(text, sizeof(text), "udp=%s%s%s", here, named ? ":" : "/", there);
    struct net_packets_config packets = { .type = config->type,
                                          .fd = fd,
                                          .is_socket = true,
                                          .to = &to[chosen],
                                          .path = named && !local->abstract ? local->path : NULL,
                                          .text = text };
    return net_packets_create(&packets, error);
}

struct netdev *netdev_peer_create(const struct netdev_peer_config *config, struct error *error)
{
    switch (config->kind) {
    case NETDEV_PEER_STREAM: return netdev_stream_create(config, error);
    case NETDEV_PEER_DGRAM: return netdev_dgram_create(config, error);
    case NETDEV_PEER_TAP: return netdev_tap_create(config, error);
    case NETDEV_PEER_NONE: break;
    }
    error_set(error, "-netdev %s: no such network", config->type);
    return NULL;
}
