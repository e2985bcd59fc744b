/* SPDX-License-Identifier: MIT
 *
 * The addresses of a user network, from the texts of the command line. If the network is given and its
 * addresses are not, they lie at QEMU's places in it: the host at 2, the name server at 3, DHCP from 15 on.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/slirp_internal.h"

#define BOOTFILE_MAX 128u /* of BOOTP's field, with the final NUL */

/* Reads "10.0.2.0/24" or "10.0.2.0/255.255.255.0"; without a mask, that of the address's class. */
static bool parse_net(const char *text, struct in_addr *net, struct in_addr *mask)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (inet_pton(AF_INET, address, net) != 1)
        return false;
    if (!slash) {
        uint32_t first = ntohl(net->s_addr) >> 24;
        mask->s_addr = htonl(first < 128 ? 0xff000000 : first < 192 ? 0xffff0000 : 0xffffff00);
    } else if (inet_pton(AF_INET, slash + 1, mask) != 1) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end || bits < 4 || bits > 30)
            return false;
        mask->s_addr = htonl((uint32_t)(0xffffffffull << (32 - bits)));
    }
    net->s_addr &= mask->s_addr;
    return true;
}

/* Returns an address in the network: the given one, or number `place` in it. A name server may be anywhere:
 * then the guest asks that one, and nothing answers in its place. */
static bool place_in_net(const char *key, const char *text, uint32_t place, const SlirpConfig *config,
                         struct in_addr *address, struct error *error)
{
    address->s_addr = config->vnetwork.s_addr | (htonl(place) & ~config->vnetmask.s_addr);
    if (!text)
        return true;
    if (inet_pton(AF_INET, text, address) != 1)
        return error_set(error, "user network: %s=%s is no IPv4 address", key, text);
    return strcmp(key, "dns") == 0 ||
           (address->s_addr & config->vnetmask.s_addr) == config->vnetwork.s_addr ||
           error_set(error, "user network: %s=%s lies outside the guest's network (net=)", key, text);
}

static bool parse_ipv4(const struct netdev_slirp_config *config, SlirpConfig *out, struct error *error)
{
    const char *net = config->net ? config->net : "10.0.2.0/24";
    if (!parse_net(net, &out->vnetwork, &out->vnetmask))
        return error_set(error, "user network: net=%s is no network; write net=10.0.2.0/24", net);
    if (!place_in_net("host", config->host, 0x0202, out, &out->vhost, error) ||
        !place_in_net("dns", config->dns, 0x0203, out, &out->vnameserver, error) ||
        !place_in_net("dhcpstart", config->dhcp_start, 0x020f, out, &out->vdhcp_start, error))
        return false;
    if (out->vhost.s_addr == out->vnameserver.s_addr)
        return error_set(error, "user network: host= and dns= are the same address");
    if (out->vdhcp_start.s_addr == out->vhost.s_addr || out->vdhcp_start.s_addr == out->vnameserver.s_addr)
        return error_set(error, "user network: dhcpstart= is the address of the host or the name server");
    return true;
}

static bool parse_in_prefix(const char *key, const char *text, uint8_t place, const SlirpConfig *config,
                            struct in6_addr *address, struct error *error)
{
    *address = config->vprefix_addr6;
    address->s6_addr[15] |= place;
    if (!text)
        return true;
    if (inet_pton(AF_INET6, text, address) != 1)
        return error_set(error, "user network: %s=%s is no IPv6 address", key, text);
    unsigned bytes = config->vprefix_len / 8u, rest = config->vprefix_len % 8u;
    bool inside =
        memcmp(address, &config->vprefix_addr6, bytes) == 0 &&
        (!rest || (address->s6_addr[bytes] ^ config->vprefix_addr6.s6_addr[bytes]) >> (8 - rest) == 0);
    return inside ||
           error_set(error, "user network: %s=%s lies outside the guest's network (ipv6-net=)", key, text);
}

static bool parse_ipv6(const struct netdev_slirp_config *config, SlirpConfig *out, struct error *error)
{
    const char *net = config->net6 ? config->net6 : "fec0::/64";
    char address[64];
    char *end = NULL;
    const char *slash = strchr(net, '/');
    size_t length = slash ? (size_t)(slash - net) : strlen(net);
    unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : 64;
    if (length >= sizeof(address) || bits < 1 || bits > 126 || (slash && (end == slash + 1 || *end)))
        return error_set(error, "user network: ipv6-net=%s is no network; write ipv6-net=fec0::/64", net);
    memcpy(address, net, length);
    address[length] = '\0';
    if (inet_pton(AF_INET6, address, &out->vprefix_addr6) != 1)
        return error_set(error, "user network: ipv6-net=%s is no network; write ipv6-net=fec0::/64", net);
    out->vprefix_len = (uint8_t)bits;
    return parse_in_prefix("ipv6-host", config->host6, 2, out, &out->vhost6, error) &&
           parse_in_prefix("ipv6-dns", config->dns6, 3, out, &out->vnameserver6, error);
}

bool slirp_parse_config(const struct netdev_slirp_config *config, SlirpConfig *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    if (config->no_ipv4 && config->no_ipv6)
        return error_set(error, "user network: ipv4=off and ipv6=off leave nothing");
    if (config->no_ipv4 && (config->net || config->host || config->dns || config->dhcp_start))
        return error_set(error, "user network: ipv4=off does not go with net=, host=, dns= or dhcpstart=");
    if (config->no_ipv6 && (config->net6 || config->host6 || config->dns6))
        return error_set(error, "user network: ipv6=off does not go with ipv6-net=, ipv6-host= or ipv6-dns=");
    if (config->bootfile && strlen(config->bootfile) >= BOOTFILE_MAX)
        return error_set(error, "user network: bootfile=%s is longer than %u bytes", config->bootfile,
                         BOOTFILE_MAX - 1);
    out->restricted = config->restricted;
    out->in_enabled = !config->no_ipv4;
    out->in6_enabled = !config->no_ipv6;
    out->vhostname = config->hostname;
    out->vdomainname = config->domainname;
    out->tftp_path = config->tftp;
    out->tftp_server_name = config->tftp_server_name;
    out->bootfile = config->bootfile;
    out->vdnssearch = config->dnssearch[0] ? (const char **)(uintptr_t)config->dnssearch : NULL;
    return parse_ipv4(config, out, error) && parse_ipv6(config, out, error);
}
