/* SPDX-License-Identifier: MIT
 *
 * The checks of a guest's frames; see guard.h. A frame is cut to what its IP header says (cards pad), and
 * then every header must fit into what is left: ARP (RFC 826), IPv4 (791), IPv6 (8200), TCP (9293), UDP
 * (768), ICMP (792, 4443). Fragments of IPv4 are put together first, and the packet is looked at as a whole.
 *
 * libslirp knows no extension header of IPv6, not even that of fragments. It would drop such packets, so they
 * are dropped here. It trusts TCP's urgent pointer, and forwards as many bytes as that says, even if they
 * have not come. So the pointer is removed, and urgent data arrives as normal data.
 */
#include "devices/net/guard.h"

#include <stdlib.h>
#include <string.h>

#include "devices/net/fragments.h"
#include "devices/net/offload.h"

enum { ETHERNET = 14, ARP = 28, IPV4 = 20, IPV6 = 40, TCP = 20, UDP = 8, ICMP = 8 };
enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IPV6 = 0x86dd };
enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ICMPV6 = 58 };
enum { FLAG_SYN = 0x02, FLAG_ACK = 0x10, FLAG_URG = 0x20 };
enum { ICMP_ECHO = 8, ICMPV6_ECHO = 128, ICMPV6_ROUTER_SOLICIT = 133, ICMPV6_NEIGHBOUR_SOLICIT = 135 };

struct net_guard {
    struct net_guard_config config;
    struct net_fragments *fragments;
    uint8_t changed[ETHERNET + 65535];
};

/* An IP packet that is being checked. */
struct ip {
    const uint8_t *bytes; /* the bytes behind the header */
    size_t length;
    const uint8_t *from, *to;
    unsigned protocol;
    bool ipv6;
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

struct net_guard *net_guard_create(const struct net_guard_config *config)
{
    struct net_guard *guard = calloc(1, sizeof(*guard));
    if (!guard)
        return NULL;
    guard->config = *config;
    guard->fragments = net_fragments_create();
    if (guard->fragments)
        return guard;
    free(guard);
    return NULL;
}

void net_guard_destroy(struct net_guard *guard)
{
    if (guard)
        net_fragments_destroy(guard->fragments);
    free(guard);
}

/* ---- What is above IP ---------------------------------------------------------------------------------- */

/* Copies the frame and removes the urgent pointer. The checksum is adjusted by the difference of the words
 * (RFC 1624, equation 3). */
static void remove_urgent(struct net_guard *guard, struct net_packet *packet, size_t tcp)
{
    uint8_t *at = guard->changed + tcp;
    if (packet->frame != guard->changed)
        memcpy(guard->changed, packet->frame, packet->length);
    packet->frame = guard->changed;
    uint64_t sum = (uint16_t)~get16(at + 16);
    sum += (uint16_t)~get16(at + 12) + (uint16_t)~get16(at + 18);
    at[13] &= (uint8_t)~FLAG_URG;
    at[18] = at[19] = 0;
    sum += get16(at + 12);
    uint16_t check = (uint16_t)~net_sum_fold(sum);
    at[16] = (uint8_t)(check >> 8), at[17] = (uint8_t)check;
}

static const char *check_tcp(struct net_guard *guard, struct net_packet *packet, const struct ip *ip)
{
    if (ip->length < TCP)
        return "TCP without a header";
    size_t header = (size_t)(ip->bytes[12] >> 4) * 4;
    if (header < TCP || header > ip->length)
        return "TCP with an impossible header";
    unsigned flags = ip->bytes[13];
    packet->tcp_syn = packet->opens = (flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN;
    if (!ip->ipv6)
        packet->to_port = get16(ip->bytes + 2);
    if (flags & FLAG_URG || get16(ip->bytes + 18))
        remove_urgent(guard, packet, (size_t)(ip->bytes - packet->frame));
    return NULL;
}

static const char *check_udp(struct net_packet *packet, const struct ip *ip)
{
    if (ip->length < UDP)
        return "UDP without a header";
    size_t length = get16(ip->bytes + 4);
    if (length < UDP || length > ip->length)
        return "UDP with an impossible length";
    packet->opens = true;
    return NULL;
}

/* Is it one of the network's own addresses, or one of them with the link-local prefix? */
static bool is_own(const struct net_guard *guard, const uint8_t *address)
{
    static const uint8_t link_local[8] = { 0xfe, 0x80 };
    const uint8_t *const own[2] = { guard->config.host6, guard->config.dns6 };
    for (unsigned n = 0; n < 2; n++) {
        if (memcmp(address + 8, own[n] + 8, 8) == 0 &&
            (memcmp(address, own[n], 8) == 0 || memcmp(address, link_local, 8) == 0))
            return true;
    }
    return false;
}

static const char *check_icmp(const struct net_guard *guard, struct net_packet *packet, const struct ip *ip)
{
    if (ip->length < ICMP)
        return "ICMP without a header";
    if (!ip->ipv6)
        packet->opens = ip->bytes[0] == ICMP_ECHO;
    else if (ip->bytes[0] == ICMPV6_ECHO && !is_own(guard, ip->to))
        return "a ping of another IPv6 host, which a user network cannot send";
    return NULL;
}

static bool check_above(struct net_guard *guard, struct net_packet *packet, const struct ip *ip,
                        const char **fault)
{
    if (ip->protocol == PROTOCOL_TCP)
        *fault = check_tcp(guard, packet, ip);
    else if (ip->protocol == PROTOCOL_UDP)
        *fault = check_udp(packet, ip);
    else if (ip->protocol == (ip->ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
        *fault = check_icmp(guard, packet, ip);
    else
        return false;
    return !*fault;
}

/* ---- IP and ARP ---------------------------------------------------------------------------------------- */

/* Only ARP for Ethernet and Internet addresses passes: libslirp does not read the fields that name these. */
static const char *check_arp(struct net_packet *packet)
{
    static const uint8_t kinds[6] = { 0, 1, TYPE_IPV4 >> 8, TYPE_IPV4 & 0xff, 6, 4 };
    if (packet->length < ETHERNET + ARP)
        return "ARP that is cut off";
    if (memcmp(packet->frame + ETHERNET, kinds, sizeof(kinds)) != 0)
        return "ARP of something else than Ethernet and IPv4";
    packet->length = ETHERNET + ARP;
    return NULL;
}

static const char *check_ipv4_header(const uint8_t *frame, size_t length, size_t *header)
{
    const uint8_t *at = frame + ETHERNET;
    if (length < ETHERNET + IPV4 || at[0] >> 4 != 4)
        return "IPv4 without a header";
    *header = (at[0] & 0x0fu) * 4u;
    size_t total = get16(at + 2);
    if (*header < IPV4 || total < *header || total > length - ETHERNET)
        return "IPv4 with impossible lengths";
    if (net_sum_fold(net_sum(at, *header)) != 0xffff)
        return "IPv4 with a wrong checksum of the header";
    if (at[12] >= 224) /* an address of a group, or none: answers would go there */
        return "IPv4 from an address that is no host's";
    return NULL;
}

static bool check_ipv4(struct net_guard *guard, struct net_packet *packet, int64_t now_ms, const char **fault)
{
    size_t header;
    *fault = check_ipv4_header(packet->frame, packet->length, &header);
    if (*fault)
        return false;
    if (get16(packet->frame + ETHERNET + 6) & 0x3fff) {
        packet->frame = net_fragments_add(guard->fragments, packet->frame, now_ms, &packet->length, fault);
        if (!packet->frame)
            return false;
    }
    const uint8_t *at = packet->frame + ETHERNET;
    header = (at[0] & 0x0fu) * 4u;
    struct ip ip = { .bytes = at + header, .from = at + 12, .to = at + 16, .protocol = at[9] };
    ip.length = get16(at + 2) - header;
    packet->length = ETHERNET + header + ip.length;
    memcpy(packet->to, ip.to, 4);
    return check_above(guard, packet, &ip, fault);
}

/* The packet must come from a host, so that an answer can go somewhere. Only solicitations have no source
 * address (RFC 4861, 4862). */
static bool from_a_host(const struct ip *ip)
{
    static const uint8_t nowhere[16] = { 0 };
    if (ip->from[0] == 0xff)
        return false;
    return memcmp(ip->from, nowhere, 16) != 0 ||
           (ip->protocol == PROTOCOL_ICMPV6 && ip->length >= ICMP &&
            (ip->bytes[0] == ICMPV6_ROUTER_SOLICIT || ip->bytes[0] == ICMPV6_NEIGHBOUR_SOLICIT));
}

static bool check_ipv6(struct net_guard *guard, struct net_packet *packet, const char **fault)
{
    const uint8_t *at = packet->frame + ETHERNET;
    *fault = NULL;
    if (packet->length < ETHERNET + IPV6 || at[0] >> 4 != 6) {
        *fault = "IPv6 without a header";
        return false;
    }
    struct ip ip = { .bytes = at + IPV6, .from = at + 8, .to = at + 24, .protocol = at[6], .ipv6 = true };
    ip.length = get16(at + 4);
    if (ip.length > packet->length - ETHERNET - IPV6)
        *fault = "IPv6 with an impossible length";
    if (*fault)
        return false;
    packet->length = ETHERNET + IPV6 + ip.length;
    return from_a_host(&ip) && check_above(guard, packet, &ip, fault);
}

bool net_guard_pass(struct net_guard *guard, const uint8_t *frame, size_t length, int64_t now_ms,
                    struct net_packet *packet, const char **fault)
{
    *packet = (struct net_packet){ .frame = frame, .length = length };
    *fault = NULL;
    if (length < ETHERNET) {
        *fault = "a frame without a header";
        return false;
    }
    switch (get16(frame + 12)) {
    case TYPE_ARP: *fault = check_arp(packet); return !*fault;
    case TYPE_IPV4: return check_ipv4(guard, packet, now_ms, fault);
    case TYPE_IPV6: return check_ipv6(guard, packet, fault);
    default: return false; /* libslirp has no use for others */
    }
}
