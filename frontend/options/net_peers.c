/* SPDX-License-Identifier: MIT
 *
 * -netdev and -nic socket, stream, dgram and tap: networks that lead to other programs or to the host, in
 * QEMU's words. The kinds of QEMU that do not exist here are named, with what to use in their place.
 */
#include <limits.h>
#include <string.h>

#include "frontend/options/fixed.h"
#include "frontend/options/options.h"
#include "util/resolve.h"

#define NAME(name)                                                                                           \
    {                                                                                                        \
        .key = name                                                                                          \
    }
#define PLACE(at)                                                                                            \
    NAME(at ".type"), NAME(at ".host"), NAME(at ".port"), NAME(at ".path"), NAME(at ".str"),                 \
        NAME(at ".abstract"), NAME(at ".tight"), NAME(at ".ipv4"), NAME(at ".ipv6")

/* These are only names: the values are looked up. */
static const struct options_key socket_keys[] = { NAME("id"),        NAME("fd"),    NAME("listen"),
                                                  NAME("connect"),   NAME("mcast"), NAME("udp"),
                                                  NAME("localaddr"), NAME(NULL) };
static const struct options_key stream_keys[] = { NAME("id"),           NAME("server"),    PLACE("addr"),
                                                  NAME("reconnect-ms"), NAME("reconnect"), NAME(NULL) };
static const struct options_key dgram_keys[] = { NAME("id"), PLACE("local"), PLACE("remote"), NAME(NULL) };
static const struct options_key tap_keys[] = { NAME("id"),       NAME("ifname"),     NAME("fd"),
                                               NAME("script"),   NAME("downscript"), NAME("vhost"),
                                               NAME("vnet_hdr"), NAME("queues"),     NAME(NULL) };

/* What is being taken. */
struct taking {
    struct options *options;
    const struct option_pairs *pairs;
    struct netdev_peer_config *peer;
    const char *flag; /* "-netdev stream" */
    struct error *error;
};

static const char *value_of(const struct taking *taking, const char *at, const char *key)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%s%s", at, *at ? "." : "", key);
    return option_pairs_get(taking->pairs, name);
}

static bool take_bool(const struct taking *taking, const char *at, const char *key, bool *on)
{
    char flag[80];
    const char *value = value_of(taking, at, key);
    if (!value)
        return true;
    snprintf(flag, sizeof(flag), "%s,%s%s%s", taking->flag, at, *at ? "." : "", key);
    return options_take_switch(flag, value, on, taking->error);
}

static bool take_number(const struct taking *taking, const char *key, const char *value, uint64_t most,
                        uint64_t *number)
{
    return (option_parse_number(value, number) && *number <= most) ||
           error_set(taking->error, "%s,%s=%s: not a number up to %llu", taking->flag, key, value,
                     (unsigned long long)most);
}

static bool take_fd(const struct taking *taking, const char *key, const char *value, int *fd)
{
    uint64_t number;
    if (!value || !take_number(taking, key, value, INT_MAX, &number))
        return value ? false : error_set(taking->error, "%s: %s=N is missing", taking->flag, key);
    *fd = (int)number;
    return true;
}

/* ---- Places: QEMU's SocketAddress ---------------------------------------------------------------------- */

static bool take_inet(const struct taking *taking, const char *at, struct net_place *place)
{
    uint64_t port;
    char key[32];
    bool ipv4 = true, ipv6 = true;
    const char *text = value_of(taking, at, "port");
    snprintf(key, sizeof(key), "%s.port", at);
    place->kind = NET_PLACE_INET;
    place->host = value_of(taking, at, "host");
    if (!text)
        return error_set(taking->error, "%s: %s=PORT is missing", taking->flag, key);
    if (!take_number(taking, key, text, UINT16_MAX, &port) || !take_bool(taking, at, "ipv4", &ipv4) ||
        !take_bool(taking, at, "ipv6", &ipv6))
        return false;
    place->port = (unsigned)port;
    place->no_ipv4 = !ipv4;
    place->no_ipv6 = !ipv6;
    return ipv4 || ipv6 ||
           error_set(taking->error, "%s: %s.ipv4=off,%s.ipv6=off leaves nothing", taking->flag, at, at);
}

/* An absent place has no type. */
static bool take_place(const struct taking *taking, const char *at, struct net_place *place)
{
    char flag[80];
    const char *type = value_of(taking, at, "type");
    if (!type)
        return true;
    if (strcmp(type, "inet") == 0)
        return take_inet(taking, at, place);
    snprintf(flag, sizeof(flag), "%s.str", at);
    if (strcmp(type, "fd") == 0) {
        place->kind = NET_PLACE_FD;
        return take_fd(taking, flag, value_of(taking, at, "str"), &place->fd);
    }
    snprintf(flag, sizeof(flag), "%s,%s.type", taking->flag, at);
    if (strcmp(type, "unix") != 0)
        return options_bad_value(taking->error, flag, type, "inet, unix, fd");
    place->kind = NET_PLACE_UNIX;
    place->path = value_of(taking, at, "path");
    if (!place->path)
        return error_set(taking->error, "%s: %s.path=PATH is missing", taking->flag, at);
    return take_bool(taking, at, "abstract", &place->abstract);
}

/* HOST:PORT of -netdev socket. */
static bool take_pair(const struct taking *taking, const char *key, const char *text, struct net_place *place)
{
    struct resolve_place parts;
    struct error why = { "not HOST:PORT" };
    if (!resolve_split(text, strlen(text), &parts, &why) || !parts.has_port)
        return error_set(taking->error, "%s,%s=%s: %s", taking->flag, key, text, why.text);
    place->kind = NET_PLACE_INET;
    place->port = parts.port;
    place->host = option_strings_add(&taking->options->strings, parts.host, strlen(parts.host));
    return place->host || error_set(taking->error, "out of memory for the options");
}

/* ---- Kinds --------------------------------------------------------------------------------------------- */

static bool take_socket_fd(const struct taking *taking, const char *value)
{
    int type = 0;
    socklen_t size = sizeof(type);
    struct netdev_peer_config *peer = taking->peer;
    peer->local.kind = NET_PLACE_FD;
    if (!take_fd(taking, "fd", value, &peer->local.fd))
        return false;
    if (getsockopt(peer->local.fd, SOL_SOCKET, SO_TYPE, &type, &size))
        return error_set(taking->error, "%s,fd=%s: no open descriptor of a socket", taking->flag, value);
    peer->remote = peer->local;
    peer->kind = type == SOCK_DGRAM ? NETDEV_PEER_DGRAM : NETDEV_PEER_STREAM;
    return true;
}

static bool take_group(const struct taking *taking, const char *value, const char *local)
{
    struct netdev_peer_config *peer = taking->peer;
    peer->kind = NETDEV_PEER_DGRAM;
    if (!take_pair(taking, "mcast", value, &peer->remote))
        return false;
    peer->local.kind = local ? NET_PLACE_INET : NET_PLACE_NONE;
    peer->local.host = local;
    return netdev_is_group(&peer->remote) ||
           error_set(taking->error, "%s,mcast=%s: not the address of a group, 224.0.0.0 to 239.255.255.255",
                     taking->flag, value);
}

static bool take_socket(const struct taking *taking)
{
    static const char *const ways[] = { "fd", "listen", "connect", "mcast", "udp" };
    struct netdev_peer_config *peer = taking->peer;
    const char *local = value_of(taking, "", "localaddr"), *way = NULL;
    unsigned count = 0;
    for (unsigned n = 0; n < sizeof(ways) / sizeof(ways[0]); n++)
        if (value_of(taking, "", ways[n])) {
            way = ways[n];
            count++;
        }
    if (count != 1)
        return error_set(taking->error,
                         "%s: exactly one of listen=, connect=, mcast=, udp= and fd= is needed",
                         taking->flag);
    const char *value = value_of(taking, "", way);
    if (local && strcmp(way, "mcast") != 0 && strcmp(way, "udp") != 0)
        return error_set(taking->error, "%s: localaddr= goes with mcast= or udp=", taking->flag);
    peer->kind = NETDEV_PEER_STREAM;
    if (strcmp(way, "fd") == 0)
        return take_socket_fd(taking, value);
    if (strcmp(way, "mcast") == 0)
        return take_group(taking, value, local);
    if (strcmp(way, "listen") == 0) {
        peer->server = true;
        return take_pair(taking, way, value, &peer->local);
    }
    if (!take_pair(taking, way, value, &peer->remote) || strcmp(way, "connect") == 0)
        return way && peer->remote.kind == NET_PLACE_INET;
    peer->kind = NETDEV_PEER_DGRAM;
    return local ? take_pair(taking, "localaddr", local, &peer->local)
                 : error_set(taking->error, "%s,udp=: localaddr=HOST:PORT is missing", taking->flag);
}

static bool take_stream(const struct taking *taking)
{
    struct netdev_peer_config *peer = taking->peer;
    const char *seconds = value_of(taking, "", "reconnect"), *ms = value_of(taking, "", "reconnect-ms");
    struct net_place place = { .kind = NET_PLACE_NONE };
    uint64_t number = 0;
    peer->kind = NETDEV_PEER_STREAM;
    if (!take_bool(taking, "", "server", &peer->server) || !take_place(taking, "addr", &place) ||
        (seconds && !take_number(taking, "reconnect", seconds, UINT32_MAX / 1000, &number)) ||
        (ms && !take_number(taking, "reconnect-ms", ms, UINT32_MAX, &number)))
        return false;
    peer->reconnect_ms = (uint32_t)(ms ? number : number * 1000);
    *(peer->server ? &peer->local : &peer->remote) = place;
    if (place.kind == NET_PLACE_NONE)
        return error_set(taking->error, "%s: addr.type=inet, unix or fd is missing", taking->flag);
    return !peer->reconnect_ms || !peer->server ||
           error_set(taking->error, "%s: reconnect-ms= is for clients, not with server=on", taking->flag);
}

static bool take_dgram(const struct taking *taking)
{
    struct netdev_peer_config *peer = taking->peer;
    peer->kind = NETDEV_PEER_DGRAM;
    if (!take_place(taking, "local", &peer->local) || !take_place(taking, "remote", &peer->remote))
        return false;
    enum net_place_kind local = peer->local.kind, remote = peer->remote.kind;
    if (local == NET_PLACE_FD && remote == NET_PLACE_NONE)
        return true;
    if (netdev_is_group(&peer->remote))
        return local == NET_PLACE_NONE || local == NET_PLACE_INET ||
               error_set(taking->error, "%s: with a group, local is the address of an interface",
                         taking->flag);
    return (local == remote && (local == NET_PLACE_INET || local == NET_PLACE_UNIX)) ||
           error_set(
               taking->error,
               "%s: local and remote, both inet or both unix, are needed; or only local.type=fd, or only "
               "a group as remote",
               taking->flag);
}

static bool is_off(const char *value)
{
    bool on = true;
    return !value || strcmp(value, "no") == 0 || (option_parse_switch(value, &on) && !on);
}

static bool take_tap(const struct taking *taking)
{
    struct netdev_peer_config *peer = taking->peer;
    const char *fd = value_of(taking, "", "fd"), *queues = value_of(taking, "", "queues");
    peer->kind = NETDEV_PEER_TAP;
    peer->ifname = value_of(taking, "", "ifname");
    peer->has_fd = fd != NULL;
    if (!is_off(value_of(taking, "", "script")) || !is_off(value_of(taking, "", "downscript")))
        return error_set(taking->error,
                         "%s: this version runs no scripts: set up the interface before, and give "
                         "script=no,downscript=no",
                         taking->flag);
    if (!is_off(value_of(taking, "", "vhost")))
        return error_set(taking->error, "%s,vhost=on: there is no vhost for an emulated guest; leave it out",
                         taking->flag);
    if (queues && strcmp(queues, "1") != 0)
        return error_set(taking->error, "%s,queues=%s: a card has one pair of queues", taking->flag, queues);
    if (fd && peer->ifname)
        return error_set(taking->error, "%s: ifname= and fd= exclude each other", taking->flag);
    return !fd || take_fd(taking, "fd", fd, &peer->fd);
}

/* ---- Choosing ------------------------------------------------------------------------------------------ */

static const struct kind {
    const char *type;
    const struct options_key *keys;
    bool (*take)(const struct taking *taking);
} kinds[] = { { "socket", socket_keys, take_socket },
              { "stream", stream_keys, take_stream },
              { "dgram", dgram_keys, take_dgram },
              { "tap", tap_keys, take_tap } };

/* Kinds of QEMU that do not exist here. */
static const struct {
    const char *type, *instead;
} absent[] = {
    { "bridge", "put a tap interface into the bridge, and use tap,ifname=NAME" },
    { "vde", "socket,mcast=230.0.0.1:1234 connects several machines" },
    { "l2tpv3", "dgram connects two places by UDP" },
    { "netmap", "tap,ifname=NAME leads to the host" },
    { "af-xdp", "tap,ifname=NAME leads to the host" },
    { "vhost-user", "stream,addr.type=unix,addr.path=SOCKET leads to a program such as passt" },
    { "vhost-vdpa", "tap,ifname=NAME leads to the host" },
    { "passt", "start passt, and use stream,addr.type=unix,addr.path=SOCKET" },
    { "hubport", "socket,mcast=230.0.0.1:1234 connects several cards" },
};

static const struct kind *find_kind(const char *type)
{
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++)
        if (strcmp(kinds[n].type, type) == 0)
            return &kinds[n];
    return NULL;
}

bool options_knows_peer(const char *type, const char *flag, struct error *error)
{
    if (find_kind(type))
        return true;
    for (size_t n = 0; n < sizeof(absent) / sizeof(absent[0]); n++)
        if (strcmp(absent[n].type, type) == 0)
            return error_set(error, "%s %s: this version does not have it: %s", flag, type,
                             absent[n].instead);
    return options_bad_value(error, flag, type, "user, socket, stream, dgram, tap");
}

bool options_take_peer(struct options *options, const char *type, const struct option_pairs *pairs,
                       const char *flag, struct netdev_peer_config *peer, struct error *error)
{
    char name[48], known[256] = "";
    const struct kind *kind = find_kind(type);
    snprintf(name, sizeof(name), "%s %s", flag, type);
    for (unsigned n = 0; n < pairs->count; n++) {
        const struct option_pair *pair = &pairs->pairs[n];
        const struct options_key *row = kind->keys;
        while (row->key && strcmp(row->key, pair->key) != 0)
            row++;
        if (row->key && pair->value)
            continue;
        if (!row->key && options_is_help(pair->key)) /* the names of the rows are printed */
            return options_take_pairs(options, pairs, kind->keys, NULL, name, error);
        enum options_fixed found = options_take_fixed(name, name, pair, error);
        if (found == OPTIONS_FIXED_TAKEN)
            continue;
        if (found == OPTIONS_FIXED_REFUSED)
            return false;
        for (row = kind->keys; row->key; row++)
            if (strlen(known) + strlen(row->key) + 3 < sizeof(known))
                strcat(strcat(known, *known ? ", " : ""), row->key);
        return error_set(error, "%s: %s %s; there are: %s", name,
                         pair->value ? "unknown option" : "no value, or unknown option:", pair->key, known);
    }
    struct taking taking = { options, pairs, peer, name, error };
    peer->type = kind->type;
    return kind->take(&taking);
}
