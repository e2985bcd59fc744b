/* SPDX-License-Identifier: MIT
 *
 * Checks what a guest sends before libslirp sees it: a guest may send anything, and libslirp, which runs in
 * this process, trusts much of it. Whatever libslirp knows how to answer passes. What is malformed, and what
 * it would only throw away, is stopped here. There are no locks: the network's thread uses this.
 */
#ifndef DEVICES_NET_GUARD_H
#define DEVICES_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_guard_config {
    uint8_t host6[16], dns6[16]; /* the network's own addresses, which answer pings */
};

/* A frame that may pass: an IPv4 packet is whole, and nothing follows the packet. */
struct net_packet {
    const uint8_t *frame; /* the frame that came, or the guard's own copy; valid until the next call */
    size_t length;
    bool opens;   /* a socket may be opened for it: TCP that begins a connection, UDP, a ping */
    bool tcp_syn; /* it begins a TCP connection */
    /* These are set for IPv4 only, else 0: an address in network order, a port. */
    uint8_t to[4];
    unsigned to_port;
};

struct net_guard;
struct net_guard *net_guard_create(const struct net_guard_config *config); /* NULL: out of memory */
void net_guard_destroy(struct net_guard *guard);

/* False: the frame stops here, or waits for the other fragments. *fault then says what is wrong with it;
 * NULL: nothing worth a message. */
bool net_guard_pass(struct net_guard *guard, const uint8_t *frame, size_t length, int64_t now_ms,
                    struct net_packet *packet, const char **fault);

#endif
