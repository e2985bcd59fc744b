/* SPDX-License-Identifier: MIT
 *
 * What a guest sends is looked at here before libslirp sees it: a guest may send anything, and libslirp,
 * which runs in this process, takes much of it on trust. Whatever it knows how to answer passes; what is
 * malformed, and what it would only throw away, does not get as far. No locks: the network's thread.
 */
#ifndef DEVICES_NET_GUARD_H
#define DEVICES_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_guard_config {
    uint8_t host6[16], dns6[16]; /* the network's own addresses, which answer pings */
};

/* A frame that may pass: IPv4 packets are whole, and nothing stands behind a packet. */
struct net_packet {
    const uint8_t *frame; /* the one that came, or the guard's own, until the next call */
    size_t length;
    bool opens;   /* a socket may be opened for it: TCP that begins a connection, UDP, a ping */
    bool tcp_syn; /* it begins a TCP connection */
    /* Of IPv4 only, else 0: bytes in network order, a port. */
    uint8_t to[4];
    unsigned to_port;
};

struct net_guard;
struct net_guard *net_guard_create(const struct net_guard_config *config); /* NULL: out of memory */
void net_guard_destroy(struct net_guard *guard);

/* False: the frame ends here (or waits for the other fragments); *fault then says what is wrong with it,
 * NULL: nothing that is worth a word. */
bool net_guard_pass(struct net_guard *guard, const uint8_t *frame, size_t length, int64_t now_ms,
                    struct net_packet *packet, const char **fault);

#endif
