/* SPDX-License-Identifier: MIT
 *
 * Bounds the TCP segments that libslirp keeps because something before them is missing. It keeps them in
 * buffers of its own, of at least 1.6 KiB for a byte of data, in a list that it walks for each new one. What
 * a connection of the guest's has sent ahead, and libslirp has not acknowledged, may cost NET_SEGMENTS_BYTES;
 * more is dropped, as a network would, and the guest sends it again. No locks: the network's thread.
 */
#ifndef DEVICES_NET_SEGMENTS_H
#define DEVICES_NET_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SEGMENTS_BYTES (256u << 10) /* a connection; twice libslirp's window */
#define NET_SEGMENTS_LEAST 2048u        /* what a segment costs at least */

struct net_segments;
struct net_segments *net_segments_create(void); /* NULL: out of memory */
void net_segments_destroy(struct net_segments *segments);

/* Whether a frame of the guest's may pass, of which net_guard_pass() thinks well. */
bool net_segments_allow(struct net_segments *segments, const uint8_t *frame, size_t length, int64_t now_ms);
/* Looks at a frame that libslirp sends to the guest, for what it acknowledges. */
void net_segments_answer(struct net_segments *segments, const uint8_t *frame, size_t length);

#endif
