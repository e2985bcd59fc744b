/* SPDX-License-Identifier: MIT
 *
 * Fragments of IPv4 packets; see fragments.h. A packet that is not yet whole is kept as a frame with the
 * header of its fragment at offset 0 (as soon as that has come), the data of all fragments at their places
 * behind the header, and one bit for every 8 bytes that are there. A fragment lies either wholly on places
 * that are free, or wholly on places that are taken; then it came twice, and the first one is kept. Anything
 * else is a contradiction (RFC 5722 says so for IPv6, for good reasons), and so is a packet with two ends.
 */
#include "devices/net/fragments.h"

#include <stdlib.h>
#include <string.h>

#include "devices/net/offload.h"

#define ETHERNET     14u
#define HEADER_MAX   60u
#define PACKET_MAX   65535u
#define UNITS        8192u /* of 8 bytes */
#define KEY_BYTES    11u   /* source, destination, identification, protocol */
#define START        (ETHERNET + HEADER_MAX)
#define MORE         0x2000u
#define OFFSET_UNITS 0x1fffu

struct packet {
    struct packet *next; /* towards older ones */
    uint8_t key[KEY_BYTES];
    int64_t since; /* when its first fragment came, in ms */
    size_t header; /* bytes of the IPv4 header at offset 0; 0: that fragment is missing */
    size_t end;    /* bytes of data, 0: the last fragment is missing */
    size_t reach;  /* where the data that has come ends */
    unsigned units;
    uint8_t there[UNITS / 8];
    uint8_t head[ETHERNET + HEADER_MAX];
    size_t room; /* bytes of `data` */
    uint8_t *data;
};

struct net_fragments {
    struct packet *newest;
    unsigned count;
    size_t bytes;
    uint8_t whole[START + PACKET_MAX];
};

struct net_fragments *net_fragments_create(void)
{
    return calloc(1, sizeof(struct net_fragments));
}

static void drop(struct net_fragments *fragments, struct packet **link)
{
    struct packet *packet = *link;
    *link = packet->next;
    fragments->count--;
    fragments->bytes -= sizeof(*packet) + packet->room;
    free(packet->data);
    free(packet);
}

static struct packet **oldest(struct net_fragments *fragments)
{
    struct packet **link = &fragments->newest;
    while ((*link)->next)
        link = &(*link)->next;
    return link;
}

void net_fragments_destroy(struct net_fragments *fragments)
{
    while (fragments && fragments->newest)
        drop(fragments, &fragments->newest);
    free(fragments);
}

static void drop_old(struct net_fragments *fragments, int64_t now_ms)
{
    while (fragments->newest) {
        struct packet **link = oldest(fragments);
        if (now_ms - (*link)->since <= NET_FRAGMENTS_TIMEOUT_MS)
            return;
        drop(fragments, link);
    }
}

/* Returns the link to the packet with that key or, if there is none, to a new packet. NULL: out of memory. */
static struct packet **find(struct net_fragments *fragments, const uint8_t key[KEY_BYTES], int64_t now_ms)
{
    for (struct packet **link = &fragments->newest; *link; link = &(*link)->next) {
        if (memcmp((*link)->key, key, KEY_BYTES) == 0)
            return link;
    }
    if (fragments->count == NET_FRAGMENTS_PACKETS)
        drop(fragments, oldest(fragments));
    struct packet *packet = calloc(1, sizeof(*packet));
    if (!packet)
        return NULL;
    memcpy(packet->key, key, KEY_BYTES);
    packet->since = now_ms;
    packet->next = fragments->newest;
    fragments->newest = packet;
    fragments->count++;
    fragments->bytes += sizeof(*packet);
    return &fragments->newest;
}

/* Makes room for `size` bytes of data. Other packets are dropped for it, the oldest first. */
static bool grow(struct net_fragments *fragments, struct packet *packet, size_t size)
{
    if (size <= packet->room)
        return true;
    size_t room = size < PACKET_MAX / 2 ? size * 2 : PACKET_MAX;
    uint8_t *data = realloc(packet->data, room);
    if (!data)
        return false;
    packet->data = data;
    fragments->bytes += room - packet->room;
    packet->room = room;
    while (fragments->bytes > NET_FRAGMENTS_BYTES && *oldest(fragments) != packet)
        drop(fragments, oldest(fragments));
    return true;
}

static unsigned taken(const struct packet *packet, size_t first, size_t end)
{
    unsigned count = 0;
    for (size_t unit = first; unit < end; unit++)
        count += packet->there[unit / 8] >> unit % 8 & 1;
    return count;
}

/* What makes the fragment impossible together with those that came before; NULL: nothing. */
static const char *contradiction(const struct packet *packet, size_t at, size_t size, bool more)
{
    size_t first = at / 8, end = (at + size + 7) / 8;
    unsigned count = taken(packet, first, end);
    if (count && count < end - first)
        return "fragments that overlap";
    if (packet->end && (at + size > packet->end || (!more && at + size != packet->end)))
        return "fragments beyond the last one";
    if (!more && at + size < packet->reach)
        return "fragments beyond the last one";
    return NULL;
}

static void put(struct packet *packet, const uint8_t *frame, size_t header, size_t at, size_t size, bool more)
{
    if (at == 0) {
        packet->header = header;
        memcpy(packet->head, frame, ETHERNET + header);
    }
    if (!more)
        packet->end = at + size;
    packet->reach = at + size > packet->reach ? at + size : packet->reach;
    memcpy(packet->data + at, frame + ETHERNET + header, size);
    for (size_t unit = at / 8; unit < (at + size + 7) / 8; unit++) {
        packet->there[unit / 8] |= (uint8_t)(1u << unit % 8);
        packet->units++;
    }
}

/* Makes the packet's frame: the header of its first fragment, with the length and the checksum of the whole
 * packet. */
static size_t join(struct net_fragments *fragments, const struct packet *packet)
{
    uint8_t *whole = fragments->whole, *ip = whole + ETHERNET;
    size_t total = packet->header + packet->end;
    memcpy(whole, packet->head, ETHERNET + packet->header);
    memcpy(ip + packet->header, packet->data, packet->end);
    ip[2] = (uint8_t)(total >> 8), ip[3] = (uint8_t)total;
    ip[6] = ip[7] = 0;
    ip[10] = ip[11] = 0;
    uint16_t sum = net_sum_fold(net_sum(ip, packet->header));
    sum = (uint16_t)~sum;
    ip[10] = (uint8_t)(sum >> 8), ip[11] = (uint8_t)sum;
    return ETHERNET + total;
}

const uint8_t *net_fragments_add(struct net_fragments *fragments, const uint8_t *frame, int64_t now_ms,
                                 size_t *whole_length, const char **fault)
{
    const uint8_t *ip = frame + ETHERNET;
    size_t header = (ip[0] & 0x0fu) * 4u, total = (size_t)ip[2] << 8 | ip[3], size = total - header;
    unsigned field = (unsigned)ip[6] << 8 | ip[7];
    size_t at = (size_t)(field & OFFSET_UNITS) * 8;
    bool more = field & MORE;
    uint8_t key[KEY_BYTES];
    *fault = NULL;
    drop_old(fragments, now_ms);
    if (!size || (more && size % 8))
        *fault = "a fragment of an impossible length";
    else if (at + size > PACKET_MAX - header)
        *fault = "a fragment beyond 64 KiB";
    if (*fault)
        return NULL;
    memcpy(key, ip + 12, 8);
    memcpy(key + 8, ip + 4, 2);
    key[10] = ip[9];
    struct packet **link = find(fragments, key, now_ms), *packet = link ? *link : NULL;
    if (packet)
        *fault = contradiction(packet, at, size, more);
    if (!packet || *fault || !grow(fragments, packet, at + size)) {
        *fault = *fault ? *fault : "fragments, and there is no memory";
        if (packet)
            drop(fragments, link);
        return NULL;
    }
    if (!taken(packet, at / 8, (at + size + 7) / 8))
        put(packet, frame, header, at, size, more);
    if (!packet->header || !packet->end || packet->units != (packet->end + 7) / 8 ||
        packet->header + packet->end > PACKET_MAX)
        return NULL;
    *whole_length = join(fragments, packet);
    drop(fragments, link);
    return fragments->whole;
}
