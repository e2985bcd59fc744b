/* SPDX-License-Identifier: MIT
 *
 * What a network card does for its driver: Internet checksums (RFC 1071), and putting TCP segments that
 * follow each other together into one large frame, so that a guest handles one instead of many.
 *
 * Nothing here is trusted: every length of a frame is checked before it is used. No locks, no threads.
 */
#ifndef DEVICES_NET_OFFLOAD_H
#define DEVICES_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ones' complement sum of 16-bit words in network order, not folded, not inverted. */
uint64_t net_sum(const uint8_t *bytes, size_t length);
/* Folds a sum to 16 bits, which are stored (most significant byte first) inverted as a checksum. */
uint16_t net_sum_fold(uint64_t sum);

/* Fills in the checksum that a driver left to its card: the sum from `start` to the frame's end, stored
 * at start + offset (Virtio 1.2 section 5.1.6.2). False, with nothing done, where these lie outside the
 * frame. */
bool net_checksum_complete(uint8_t *frame, size_t length, size_t start, size_t offset);

#define NET_COALESCE_MAX (14u + 65535u) /* bytes of a frame that was put together */

/* A frame that may still grow. Zeroed by its owner; length 0: there is none. */
struct net_coalesce {
    uint8_t frame[NET_COALESCE_MAX];
    size_t length;
    size_t ip, tcp, payload; /* offsets in the frame */
    size_t segment;          /* bytes of payload of each segment but perhaps the last */
    size_t limit;            /* the frame does not grow beyond this */
    uint32_t next;           /* TCP sequence number that follows */
    unsigned count;          /* segments */
    bool ipv6, closed;
};

/* Copies a frame that others can be appended to: TCP with data and nothing unusual about it, its checksums
 * known to be right, over IPv4 or (if ipv6) IPv6. False where it is not one. */
bool net_coalesce_start(struct net_coalesce *to, const uint8_t *frame, size_t length, bool ipv4, bool ipv6,
                        size_t limit);
/* Appends the frame where it continues the last one in everything. */
bool net_coalesce_append(struct net_coalesce *to, const uint8_t *frame, size_t length);
/* Puts the headers right, if there is more than one segment: the lengths, and the checksums but for TCP's,
 * which holds the sum of its pseudo header as for a driver that leaves the rest to its card. */
void net_coalesce_finish(struct net_coalesce *to);

#endif
