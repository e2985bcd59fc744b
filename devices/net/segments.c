/* SPDX-License-Identifier: MIT
 *
 * See segments.h. For each connection a table remembers what libslirp acknowledged last, and what was sent
 * beyond that. A segment that begins at or before the acknowledged byte need not wait for others, so it
 * always passes, and a connection can always go on. The table has a few places for each value of a hash with
 * a random key. If connections that have sent ahead hold all of them, the one that has been silent longest
 * gives way.
 */
#include "devices/net/segments.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SETS      1024u
#define WAYS      4u
#define SILENT_MS 30000

enum { ETHERNET = 14, PROTOCOL_TCP = 6, FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };

struct connection {
    uint64_t key; /* 0: free */
    uint32_t acked, highest;
    bool knows_acked;
    size_t cost; /* of what was sent ahead, up to `highest`; 0: nothing was */
    int64_t since;
};

struct net_segments {
    uint64_t secret;
    struct connection table[SETS][WAYS];
};

/* A frame's TCP header. */
struct segment {
    uint64_t key;
    uint32_t sequence, acknowledged, size; /* bytes of data */
    unsigned flags;
};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        hash = (hash ^ bytes[n]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* False if the frame is no TCP that this file understands. */
static bool parse(const struct net_segments *segments, const uint8_t *frame, size_t length, bool of_guest,
                  struct segment *segment)
{
    bool ipv6 = length >= ETHERNET && frame[12] == 0x86 && frame[13] == 0xdd;
    bool ipv4 = length >= ETHERNET && frame[12] == 0x08 && frame[13] == 0x00;
    size_t header = ipv6 ? 40 : ipv4 && length > ETHERNET ? (frame[ETHERNET] & 15u) * 4u : 0;
    const uint8_t *ip = frame + ETHERNET, *tcp = ip + header;
    if (header < 20 || length < ETHERNET + header + 20 || ip[ipv6 ? 6 : 9] != PROTOCOL_TCP)
        return false;
    size_t total = ipv6 ? 40u + ((size_t)ip[4] << 8 | ip[5]) : (size_t)ip[2] << 8 | ip[3];
    size_t offset = header + (tcp[12] >> 4) * 4u, address = ipv6 ? 16 : 4;
    const uint8_t *from = ip + (ipv6 ? 8 : 12), *to = from + address;
    if (offset > total || total > length - ETHERNET)
        return false;
    segment->key = segments->secret;
    segment->key = mix(segment->key, of_guest ? from : to, address);
    segment->key = mix(segment->key, of_guest ? tcp : tcp + 2, 2);
    segment->key = mix(segment->key, of_guest ? to : from, address);
    segment->key = mix(segment->key, of_guest ? tcp + 2 : tcp, 2) | 1;
    segment->sequence = get32(tcp + 4);
    segment->acknowledged = get32(tcp + 8);
    segment->size = (uint32_t)(total - offset);
    segment->flags = tcp[13];
    return true;
}

/* Returns the connection's entry. A new connection may take the entry of one that has sent nothing ahead, or
 * has been silent. NULL: there is no entry for it. */
static struct connection *find(struct net_segments *segments, uint64_t key, int64_t now_ms)
{
    struct connection *set = segments->table[(key >> 32) % SETS], *best = NULL;
    for (unsigned n = 0; n < WAYS; n++) {
        if (set[n].key == key)
            return &set[n];
        bool gives_way = !set[n].cost || now_ms - set[n].since > SILENT_MS;
        if (gives_way && (!best || (best->cost && (!set[n].cost || set[n].since < best->since))))
            best = &set[n];
    }
    if (best)
        *best = (struct connection){ .key = key, .since = now_ms };
    return best;
}

struct net_segments *net_segments_create(void)
{
    struct net_segments *segments = calloc(1, sizeof(*segments));
    if (segments && getrandom(&segments->secret, sizeof(segments->secret), GRND_NONBLOCK) < 0)
        segments->secret = (uintptr_t)segments;
    return segments;
}

void net_segments_destroy(struct net_segments *segments)
{
    free(segments);
}

bool net_segments_allow(struct net_segments *segments, const uint8_t *frame, size_t length, int64_t now_ms)
{
    struct segment segment;
    if (!parse(segments, frame, length, true, &segment))
        return true;
    if (!segment.size && !(segment.flags & FLAG_FIN))
        return true;
    struct connection *connection = find(segments, segment.key, now_ms);
    if (!connection)
        return false;
    if (connection->knows_acked && (int32_t)(segment.sequence - connection->acked) <= 0)
        return true;
    size_t cost = length < NET_SEGMENTS_LEAST ? NET_SEGMENTS_LEAST : length;
    if (connection->cost + cost > NET_SEGMENTS_BYTES)
        return false;
    uint32_t end = segment.sequence + segment.size;
    if (!connection->cost || (int32_t)(end - connection->highest) > 0)
        connection->highest = end;
    connection->cost += cost;
    connection->since = now_ms;
    return true;
}

void net_segments_answer(struct net_segments *segments, const uint8_t *frame, size_t length)
{
    struct segment segment;
    if (!parse(segments, frame, length, false, &segment))
        return;
    struct connection *connection = find(segments, segment.key, 0);
    if (!connection)
        return;
    if (segment.flags & FLAG_RST) {
        *connection = (struct connection){ .key = 0 };
    } else if (segment.flags & FLAG_ACK) {
        connection->acked = segment.acknowledged;
        connection->knows_acked = true;
        if (segment.flags & FLAG_SYN || (int32_t)(segment.acknowledged - connection->highest) >= 0)
            connection->cost = 0;
    }
}
