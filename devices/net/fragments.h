/* SPDX-License-Identifier: MIT
 *
 * Puts the fragments of IPv4 packets together (RFC 791 section 3.2), so that what comes after it sees only
 * whole packets. A guest may send any fragments in any order. Each one is checked against those that came
 * before, and a packet whose fragments contradict each other is given up. What is kept is limited in packets,
 * bytes and time. There are no locks: one thread uses this.
 */
#ifndef DEVICES_NET_FRAGMENTS_H
#define DEVICES_NET_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* put together at the same time; the oldest is dropped for a new one */
#define NET_FRAGMENTS_PACKETS    64u
#define NET_FRAGMENTS_BYTES      (4u << 20) /* of all of them */
#define NET_FRAGMENTS_TIMEOUT_MS 30000      /* after a packet's first fragment */

struct net_fragments;
struct net_fragments *net_fragments_create(void); /* NULL: out of memory */
void net_fragments_destroy(struct net_fragments *fragments);

/* Takes a fragment: an Ethernet frame whose IPv4 header the caller has checked (its length, and that the
 * total length is within the frame). Once nothing is missing, returns the whole packet as a frame, with its
 * length in *whole_length; it is valid until the next call. NULL: something is missing. *fault says what is
 * wrong with the fragment; NULL: nothing. */
const uint8_t *net_fragments_add(struct net_fragments *fragments, const uint8_t *frame, int64_t now_ms,
                                 size_t *whole_length, const char **fault);

#endif
