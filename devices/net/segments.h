/* SPDX-License-Identifier: MIT
 *
 * Limits the TCP segments that libslirp keeps because something before them is missing. It keeps them in
 * buffers of its own, of at least 1.6 KiB even for one byte of data, in a list that it walks for each new
 * one. The segments that a connection of the guest has sent ahead, and libslirp has not acknowledged, may
 * cost NET_SEGMENTS_BYTES. More is dropped, as a network would drop it, and the guest sends it again. There
 * are no locks: the network's thread uses this.
 */
#ifndef DEVICES_NET_SEGMENTS_H
#define DEVICES_NET_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SEGMENTS_BYTES (256u << 10) /* for each connection; twice libslirp's window */
#define NET_SEGMENTS_LEAST 2048u        /* what a segment costs at least */

struct net_segments;
struct net_segments *net_segments_create(void); /* NULL: out of memory */
void net_segments_destroy(struct net_segments *segments);

/* May a frame from the guest, which net_guard_pass() has accepted, pass? */
bool net_segments_allow(struct net_segments *segments, const uint8_t *frame, size_t length, int64_t now_ms);
/* Reads what a frame acknowledges that libslirp sends to the guest. */
void net_segments_answer(struct net_segments *segments, const uint8_t *frame, size_t length);

#endif
