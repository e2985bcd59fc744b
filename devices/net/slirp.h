/* SPDX-License-Identifier: MIT
 *
 * The user network: a network for the guest alone, made by libslirp within this process. The guest reaches
 * the host's network through sockets of this process (NAT); DHCP, DNS, TFTP and the host itself are addresses
 * in the guest's network. It needs no rights on the host.
 */
#ifndef DEVICES_NET_SLIRP_H
#define DEVICES_NET_SLIRP_H

#include "devices/net/netdev.h"

#define NETDEV_SLIRP_RULES_MAX 24

/* As QEMU's -netdev user: NULL members have QEMU's defaults. Strings are borrowed while the network is
 * made. */
struct netdev_slirp_config {
    bool restricted; /* the guest reaches only what is forwarded */
    bool no_ipv4, no_ipv6;
    const char *net;                 /* "10.0.2.0/24" */
    const char *host, *dhcp_start;   /* "10.0.2.2", "10.0.2.15" */
    const char *dns;                 /* "10.0.2.3": where the guest sees the host's name server */
    const char *net6, *host6, *dns6; /* "fec0::/64", "fec0::2", "fec0::3" */
    const char *hostname, *domainname;
    const char *tftp, *tftp_server_name, *bootfile;
    const char *dnssearch[NETDEV_SLIRP_RULES_MAX + 1]; /* up to the first NULL */
    /* "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT" */
    const char *hostfwd[NETDEV_SLIRP_RULES_MAX + 1];
    /* "[tcp]:SERVER:PORT-cmd:COMMAND" (run for each connection), "...-unix:PATH" (connected to for each
     * connection), "...-tcp:HOST:PORT" (connected to once, at the start) */
    const char *guestfwd[NETDEV_SLIRP_RULES_MAX + 1];
};

/* NULL, with *error filled, if a value is impossible or the host refuses (a port is in use). */
struct netdev *netdev_slirp_create(const struct netdev_slirp_config *config, struct error *error);

/* Adds or removes a forwarding rule (removing needs only "[tcp|udp]:[HOSTADDR]:HOSTPORT"). Any thread. */
bool netdev_slirp_add_hostfwd(struct netdev *netdev, const char *rule, struct error *error);
bool netdev_slirp_remove_hostfwd(struct netdev *netdev, const char *rule, struct error *error);

#endif
