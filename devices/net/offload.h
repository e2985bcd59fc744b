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

/* Returns the ones' complement sum of 16-bit words in network order, neither folded nor inverted. */
uint64_t net_sum(const uint8_t *bytes, size_t length);
/* Folds a sum to 16 bits. Inverted, and stored with the most significant byte first, they are a checksum. */
uint16_t net_sum_fold(uint64_t sum);

/* Fills in the checksum that a driver left to its card: the sum from `start` to the frame's end is stored at
 * start + offset (Virtio 1.2 section 5.1.6.2). False, with nothing done, if these lie outside the frame. */
bool net_checksum_complete(uint8_t *frame, size_t length, size_t start, size_t offset);

#define NET_COALESCE_MAX (14u + 65535u) /* bytes of a frame that was put together from others */

/* A frame that may still grow. Zeroed by its owner; length 0: there is none. */
struct net_coalesce {
    uint8_t frame[NET_COALESCE_MAX];
    size_t length;
    size_t ip, tcp, payload; /* offsets in the frame */
    size_t segment;          /* bytes of payload of each segment but perhaps the last */
    size_t limit;            /* the frame does not grow beyond this */
    uint32_t next;           /* the TCP sequence number of the byte that follows */
    unsigned count;          /* segments */
    bool ipv6, closed;
};

/* Copies a frame that others can be appended to: TCP over IPv4 (if `ipv4`) or IPv6 (if `ipv6`), with data and
 * nothing unusual, whose checksums are known to be right. False if the frame is not like that. */
bool net_coalesce_start(struct net_coalesce *to, const uint8_t *frame, size_t length, bool ipv4, bool ipv6,
                        size_t limit);
/* Appends the frame if it continues the last one in every field. */
bool net_coalesce_append(struct net_coalesce *to, const uint8_t *frame, size_t length);
/* If there is more than one segment, corrects the headers: the lengths, and the checksums. TCP's checksum
 * becomes the sum of its pseudo header, as a driver leaves it if the card does the rest. */
void net_coalesce_finish(struct net_coalesce *to);

#endif
