/* SPDX-License-Identifier: MIT
 *
 * Checksums and putting TCP segments together: see offload.h.
 *
 * Two segments are joined if the second continues the first: the same addresses and ports, the next sequence
 * number, and no difference in any other header field that would be lost (acknowledgement, window, options,
 * TTL, traffic class). The first segment fixes the size; a shorter one, or one with PSH, is the last. The
 * frame that the guest sees could be cut into exactly the frames that came (Virtio 1.2 section 5.1.6.4 lets
 * the card do this).
 */
#include "devices/net/offload.h"

#include <string.h>

enum { ETHERNET = 14, IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20 };
enum { TCP_FLAG_PSH = 0x08, TCP_FLAG_ACK = 0x10 };
enum { PROTOCOL_TCP = 6 };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Sums host-order words: the byte order only swaps the bytes of the result. There is room for 2^32 words
 * before the sum overflows. */
uint64_t net_sum(const uint8_t *bytes, size_t length)
{
    uint64_t lanes[4] = { 0 }, sum = 0;
    for (; length >= 16; bytes += 16, length -= 16) {
        uint32_t words[4];
        memcpy(words, bytes, 16);
        for (unsigned n = 0; n < 4; n++)
            lanes[n] += words[n];
    }
    for (unsigned n = 0; n < 4; n++)
        sum += (lanes[n] & 0xffffffff) + (lanes[n] >> 32);
    for (; length >= 2; bytes += 2, length -= 2) {
        uint16_t word;
        memcpy(&word, bytes, 2);
        sum += word;
    }
    if (length)
        sum += *bytes; /* the low byte of a little-endian word */
    return __builtin_bswap16(net_sum_fold(sum));
}

uint16_t net_sum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

bool net_checksum_complete(uint8_t *frame, size_t length, size_t start, size_t offset)
{
    if (start >= length || length - start < 2 || offset > length - start - 2)
        return false;
    uint16_t check = (uint16_t)~net_sum_fold(net_sum(frame + start, length - start));
    /* In UDP, 0 means "no checksum", so 0xffff is sent: both are zero in ones' complement. */
    put16(frame + start + offset, check ? check : 0xffff);
    return true;
}

/* Where the parts of a TCP frame lie. */
struct tcp_frame {
    size_t tcp, payload, end;
    bool ipv6;
};

static bool parse_ip(const uint8_t *frame, size_t length, struct tcp_frame *found)
{
    const uint8_t *ip = frame + ETHERNET;
    if (length < ETHERNET + IPV4_HEADER + TCP_HEADER)
        return false;
    if (get16(frame + 12) == 0x0800) {
        if (ip[0] != 0x45 || ip[9] != PROTOCOL_TCP || get16(ip + 6) & 0xbfff)
            return false; /* options, or a fragment */
        found->tcp = ETHERNET + IPV4_HEADER;
        found->end = ETHERNET + get16(ip + 2);
        found->ipv6 = false;
        return true;
    }
    if (get16(frame + 12) != 0x86dd || ip[0] >> 4 != 6 || ip[6] != PROTOCOL_TCP)
        return false;
    found->tcp = ETHERNET + IPV6_HEADER;
    found->end = ETHERNET + IPV6_HEADER + get16(ip + 4);
    found->ipv6 = true;
    return true;
}

/* Is the frame TCP with data and flags ACK and perhaps PSH only? Ethernet's padding does not count as
 * data. */
static bool parse(const uint8_t *frame, size_t length, struct tcp_frame *found)
{
    if (!parse_ip(frame, length, found) || found->end > length || found->end < found->tcp + TCP_HEADER)
        return false;
    size_t header = (frame[found->tcp + 12] >> 4) * 4u;
    found->payload = found->tcp + header;
    if (header < TCP_HEADER || found->payload >= found->end || frame[found->tcp + 12] & 0x0f)
        return false;
    return (frame[found->tcp + 13] & ~TCP_FLAG_PSH) == TCP_FLAG_ACK;
}

bool net_coalesce_start(struct net_coalesce *to, const uint8_t *frame, size_t length, bool ipv4, bool ipv6,
                        size_t limit)
{
    struct tcp_frame found;
    if (!parse(frame, length, &found) || (found.ipv6 ? !ipv6 : !ipv4))
        return false;
    if (found.end > limit || found.end > sizeof(to->frame))
        return false;
    memcpy(to->frame, frame, found.end);
    to->limit = limit < sizeof(to->frame) ? limit : sizeof(to->frame);
    to->length = found.end;
    to->ip = ETHERNET;
    to->tcp = found.tcp;
    to->payload = found.payload;
    to->segment = found.end - found.payload;
    to->next = get32(frame + found.tcp + 4) + (uint32_t)to->segment;
    to->count = 1;
    to->ipv6 = found.ipv6;
    to->closed = frame[found.tcp + 13] & TCP_FLAG_PSH;
    return true;
}

/* Are all header fields equal that must be? These may differ from segment to segment: length, identification
 * and checksum of IPv4, length of IPv6, sequence number, PSH and checksum of TCP. */
static bool same_flow(const struct net_coalesce *to, const uint8_t *frame)
{
    const uint8_t *one = to->frame, *ip = one + to->ip, *tcp = one + to->tcp;
    const uint8_t *other_ip = frame + to->ip, *other_tcp = frame + to->tcp;
    if (memcmp(one, frame, ETHERNET) != 0)
        return false;
    if (to->ipv6 ? memcmp(ip, other_ip, 4) != 0 || memcmp(ip + 6, other_ip + 6, IPV6_HEADER - 6) != 0
                 : memcmp(ip, other_ip, 2) != 0 || memcmp(ip + 6, other_ip + 6, 4) != 0 ||
                       memcmp(ip + 12, other_ip + 12, 8) != 0)
        return false;
    return memcmp(tcp, other_tcp, 4) == 0 && memcmp(tcp + 8, other_tcp + 8, 5) == 0 &&
           memcmp(tcp + 14, other_tcp + 14, 2) == 0 &&
           memcmp(tcp + 18, other_tcp + 18, to->payload - to->tcp - 18) == 0;
}

bool net_coalesce_append(struct net_coalesce *to, const uint8_t *frame, size_t length)
{
    struct tcp_frame found;
    if (!to->length || to->closed || !parse(frame, length, &found))
        return false;
    size_t bytes = found.end - found.payload;
    if (found.ipv6 != to->ipv6 || found.payload != to->payload || bytes > to->segment ||
        bytes > to->limit - to->length || get32(frame + to->tcp + 4) != to->next || !same_flow(to, frame))
        return false;
    memcpy(to->frame + to->length, frame + found.payload, bytes);
    to->length += bytes;
    to->next += (uint32_t)bytes;
    to->count++;
    to->frame[to->tcp + 13] |= frame[to->tcp + 13] & TCP_FLAG_PSH;
    to->closed = bytes < to->segment || frame[to->tcp + 13] & TCP_FLAG_PSH;
    return true;
}

void net_coalesce_finish(struct net_coalesce *to)
{
    uint8_t *ip = to->frame + to->ip;
    size_t tcp_length = to->length - to->tcp;
    uint64_t pseudo = PROTOCOL_TCP + tcp_length;
    if (to->count < 2)
        return;
    if (to->ipv6) {
        put16(ip + 4, (uint16_t)tcp_length);
        pseudo += net_sum(ip + 8, 32);
    } else {
        put16(ip + 2, (uint16_t)(to->length - to->ip));
        put16(ip + 10, 0);
        put16(ip + 10, (uint16_t)~net_sum_fold(net_sum(ip, IPV4_HEADER)));
        pseudo += net_sum(ip + 12, 8);
    }
    put16(to->frame + to->tcp + 16, net_sum_fold(pseudo));
}
