/* SPDX-License-Identifier: MIT
 *
 * -netdev, -nic, -net and -object filter-dump: networks, and the cards that belong to them. There is no hub:
 * -net nic and -net user make one card on one network. net_peers.c has the networks other than the user
 * network.
 */
#include <string.h>

#include "devices/virtio/net.h"
#include "frontend/options/options.h"
#include "util/log.h"

#define NET_MODELS "virtio-net-device, virtio-net-pci, virtio, e1000, e1000e"

/* ---- The keys of a user network ------------------------------------------------------------------------ */

#define TAKE_USER_TEXT(name, member)                                                                         \
    static bool name(struct options *options, void *item, const char *value, struct error *error)            \
    {                                                                                                        \
        ((struct options_nic *)item)->user.member = value;                                                   \
        return value || error_set(error, "-netdev user: a key without its value");                           \
    }

TAKE_USER_TEXT(user_net, net)
TAKE_USER_TEXT(user_host, host)
TAKE_USER_TEXT(user_dhcp_start, dhcp_start)
TAKE_USER_TEXT(user_dns, dns)
TAKE_USER_TEXT(user_net6, net6)
TAKE_USER_TEXT(user_host6, host6)
TAKE_USER_TEXT(user_dns6, dns6)
TAKE_USER_TEXT(user_hostname, hostname)
TAKE_USER_TEXT(user_domainname, domainname)
TAKE_USER_TEXT(user_tftp, tftp)
TAKE_USER_TEXT(user_tftp_server_name, tftp_server_name)
TAKE_USER_TEXT(user_bootfile, bootfile)

static bool add_rule(const char **rules, const char *key, const char *value, struct error *error)
{
    unsigned count = 0;
    if (!value)
        return error_set(error, "-netdev user: %s without its value", key);
    while (rules[count])
        count++;
    if (count == NETDEV_SLIRP_RULES_MAX)
        return error_set(error, "-netdev user: more than %d times %s=", NETDEV_SLIRP_RULES_MAX, key);
    rules[count] = value;
    return true;
}

static bool user_dnssearch(struct options *options, void *item, const char *value, struct error *error)
{
    return add_rule(((struct options_nic *)item)->user.dnssearch, "dnssearch", value, error);
}

static bool user_hostfwd(struct options *options, void *item, const char *value, struct error *error)
{
    return add_rule(((struct options_nic *)item)->user.hostfwd, "hostfwd", value, error);
}

static bool user_guestfwd(struct options *options, void *item, const char *value, struct error *error)
{
    return add_rule(((struct options_nic *)item)->user.guestfwd, "guestfwd", value, error);
}

static bool take_switch(const char *key, const char *value, bool *on, struct error *error)
{
    char flag[64];
    snprintf(flag, sizeof(flag), "-netdev user,%s", key);
    return option_parse_switch(value, on) || options_bad_value(error, flag, value, "on, off");
}

static bool user_restrict(struct options *options, void *item, const char *value, struct error *error)
{
    return take_switch("restrict", value, &((struct options_nic *)item)->user.restricted, error);
}

static bool user_ipv4(struct options *options, void *item, const char *value, struct error *error)
{
    bool on, ok = take_switch("ipv4", value, &on, error);
    ((struct options_nic *)item)->user.no_ipv4 = ok && !on;
    return ok;
}

static bool user_ipv6(struct options *options, void *item, const char *value, struct error *error)
{
    bool on, ok = take_switch("ipv6", value, &on, error);
    ((struct options_nic *)item)->user.no_ipv6 = ok && !on;
    return ok;
}

static bool user_smb(struct options *options, void *item, const char *value, struct error *error)
{
    return error_set(error,
                     "-netdev user,smb=%s: this version has no SMB server; share a folder with -virtfs",
                     value ? value : "");
}

/* ---- The keys of a card -------------------------------------------------------------------------------- */

static bool nic_id(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_nic *)item)->id = value;
    return true;
}

void options_print_nics(FILE *out)
{
    fprintf(out, "Available NIC models for this configuration:\n");
    for (const char *name = NET_MODELS; *name; name += strspn(name, ", ")) {
        int length = (int)strcspn(name, ",");
        fprintf(out, "%.*s\n", length, name);
        name += length;
    }
}

/* Whether it is a question, which may be without the kind of network. */
static bool asks_models(struct options *options, const char *argument)
{
    const char *model = strstr(argument, "model=");
    if (!model || (model > argument && model[-1] != ',') || !options_is_help(model + strlen("model=")))
        return false;
    options->action = OPTIONS_LIST_NICS;
    return true;
}

static bool nic_model(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_device card;
    bool known = value && (strcmp(value, "virtio") == 0 || (options_name_device(value, &card) &&
                                                            card.model->backend == DEVICE_BACKEND_NETWORK));
    if (!known)
        return options_bad_value(error, "-nic model", value, NET_MODELS);
    ((struct options_nic *)item)->model = value;
    return true;
}

static bool nic_mac(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_nic *nic = item;
    nic->mac.given = value && netdev_parse_mac(value, nic->mac.bytes);
    return nic->mac.given ||
           error_set(error, "-nic mac=%s: not a card's address; write mac=52:54:00:12:34:56",
                     value ? value : "");
}

static bool nic_netdev(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_nic *)item)->netdev = value;
    return value || error_set(error, "-net nic,netdev: the network's id is missing");
}

#define NIC_KEYS                                                                                             \
    { "model", nic_model }, { "mac", nic_mac },                                                              \
    {                                                                                                        \
        "macaddr", nic_mac                                                                                   \
    }
#define USER_KEYS                                                                                            \
    { "hostfwd", user_hostfwd }, { "guestfwd", user_guestfwd }, { "net", user_net }, { "host", user_host },  \
        { "dhcpstart", user_dhcp_start }, { "dns", user_dns }, { "hostname", user_hostname },                \
        { "restrict", user_restrict }, { "ipv4", user_ipv4 }, { "ipv6", user_ipv6 },                         \
        { "ipv6-net", user_net6 }, { "ipv6-host", user_host6 }, { "ipv6-dns", user_dns6 },                   \
        { "dnssearch", user_dnssearch }, { "domainname", user_domainname }, { "tftp", user_tftp },           \
        { "tftp-server-name", user_tftp_server_name }, { "bootfile", user_bootfile },                        \
    {                                                                                                        \
        "smb", user_smb                                                                                      \
    }

static const struct options_key netdev_keys[] = { { "id", nic_id }, USER_KEYS, { NULL, NULL } };
static const struct options_key nic_keys[] = { { "id", nic_id }, NIC_KEYS, USER_KEYS, { NULL, NULL } };
static const struct options_key net_nic_keys[] = {
    NIC_KEYS, { "netdev", nic_netdev }, { "name", nic_id }, { "id", nic_id }, { NULL, NULL }
};

/* ---- Noting them --------------------------------------------------------------------------------------- */

/* Takes the kind of network off the pairs. */
static bool take_kind(struct options *options, const char *argument, const char *flag,
                      struct option_pairs *pairs, const char **kind, struct error *error)
{
    options->net_asked = true;
    if (!option_pairs_split(pairs, &options->strings, argument, "type", error))
        return false;
    *kind = option_pairs_take(pairs, "type");
    return (*kind && **kind) ||
           error_set(error, "%s %s: the kind of network is missing: %s user", flag, argument, flag);
}

/* Takes the keys of a card, and its name, out of the list. */
static bool take_card_keys(struct options *options, struct option_pairs *pairs, struct options_nic *nic,
                           struct error *error)
{
    static const struct options_key keys[] = { { "id", nic_id }, NIC_KEYS, { NULL, NULL } };
    for (const struct options_key *row = keys; row->key; row++) {
        const char *value = option_pairs_get(pairs, row->key);
        if (value && !row->take(options, nic, value, error))
            return false;
        if (value)
            option_pairs_take(pairs, row->key);
    }
    return true;
}

/* Takes the keys of a network of that kind; `rows` are those of a user network. */
static bool take_network(struct options *options, const char *kind, struct option_pairs *pairs,
                         const char *flag, const struct options_key *rows, struct options_nic *nic,
                         struct error *error)
{
    char name[32];
    snprintf(name, sizeof(name), "%s user", flag);
    if (strcmp(kind, "user") == 0)
        return options_take_pairs(options, pairs, rows, nic, name, error);
    return options_knows_peer(kind, flag, error) &&
           (rows == nic_keys ? take_card_keys(options, pairs, nic, error)
                             : (nic->id = option_pairs_get(pairs, "id")) || true) &&
           options_take_peer(options, kind, pairs, flag, &nic->peer, error);
}

/* Adds the network; returns its number from 1, or 0 and *error. */
static unsigned add_netdev(struct options *options, const struct options_nic *nic, const char *argument,
                           struct error *error)
{
    struct machine_config *machine = &options->machine;
    unsigned place = 0;
    while (place < machine->netdev_count && !machine->netdevs[place].gone)
        place++;
    if (place == MACHINE_NETDEVS_MAX) {
        error_set(error, "-netdev %s: more than %d networks", argument, MACHINE_NETDEVS_MAX);
        return 0;
    }
    for (unsigned i = 0; nic->id && i < machine->netdev_count; i++) {
        if (machine->netdevs[i].id && strcmp(machine->netdevs[i].id, nic->id) == 0) {
            error_set(error, "-netdev %s: the id %s is taken by another network", argument, nic->id);
            return 0;
        }
    }
    machine->netdevs[place] = (struct machine_netdev){ .id = nic->id, .user = nic->user, .peer = nic->peer };
    machine->netdev_count += place == machine->netdev_count;
    return place + 1;
}

static bool add_card(struct options *options, const struct options_nic *nic, unsigned netdev,
                     const char *argument, struct error *error)
{
    if (options->device_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-nic %s: too many devices", argument);
    struct options_device *device = &options->devices[options->device_count++];
    if (!nic->model || !options_name_device(nic->model, device))
        *device = (struct options_device){ .model = &virtio_net_model, .slot = -1 };
    device->text = argument;
    device->settings.backend = nic->netdev;
    device->settings.mac = nic->mac;
    device->netdev = netdev;
    return true;
}

bool options_take_netdev(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    struct options_nic nic = { 0 };
    const char *kind;
    if (!take_kind(options, argument, "-netdev", &pairs, &kind, error) ||
        !take_network(options, kind, &pairs, "-netdev", netdev_keys, &nic, error))
        return false;
    if (options->action == OPTIONS_LIST_KEYS)
        return true;
    if (!nic.id || !*nic.id)
        return error_set(error, "-netdev %s: id=ID is missing", argument);
    return add_netdev(options, &nic, argument, error) != 0;
}

bool options_take_nic(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    struct options_nic nic = { 0 };
    const char *kind;
    if (asks_models(options, argument))
        return true;
    if (!take_kind(options, argument, "-nic", &pairs, &kind, error))
        return false;
    if (strcmp(kind, "none") == 0)
        return true;
    if (!take_network(options, kind, &pairs, "-nic", nic_keys, &nic, error))
        return false;
    unsigned netdev = add_netdev(options, &nic, argument, error);
    return netdev && add_card(options, &nic, netdev, argument, error);
}

/* options_join_net() connects -net user and -net nic. */
bool options_take_net(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    struct options_nic nic = { 0 };
    const char *kind;
    if (asks_models(options, argument))
        return true;
    if (!take_kind(options, argument, "-net", &pairs, &kind, error))
        return false;
    if (strcmp(kind, "none") == 0)
        return true;
    if (strcmp(kind, "nic") == 0) {
        if (!options_take_pairs(options, &pairs, net_nic_keys, &nic, "-net nic", error))
            return false;
        if (!nic.netdev && options->net_card)
            return error_set(error, "-net nic: this version has no hub for two cards; use -nic user twice");
        if (!add_card(options, &nic, 0, argument, error))
            return false;
        if (!nic.netdev)
            options->net_card = options->device_count;
        return true;
    }
    if (!take_network(options, kind, &pairs, "-net", netdev_keys, &nic, error))
        return false;
    if (options->net_user)
        return error_set(error, "-net %s: this version has no hub for two networks; use -nic twice", kind);
    options->net_user = add_netdev(options, &nic, argument, error);
    return options->net_user != 0;
}

/* ---- -object filter-dump ------------------------------------------------------------------------------- */

bool options_take_filter_dump(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const known[] = { "qom-type", "id", "netdev", "file", "maxlen", NULL };
    const char *maxlen = option_pairs_get(pairs, "maxlen");
    uint64_t bytes = NETDEV_FRAME_MAX;
    for (unsigned i = 0; i < pairs->count; i++) {
        const char *const *key = known;
        while (*key && strcmp(*key, pairs->pairs[i].key) != 0)
            key++;
        if (!*key)
            return error_set(error,
                             "-object filter-dump: unknown option %s; there are: id, netdev, file, maxlen",
                             pairs->pairs[i].key);
    }
    struct options_dump dump = { .netdev = option_pairs_get(pairs, "netdev"),
                                 .file = option_pairs_get(pairs, "file") };
    if (!option_pairs_get(pairs, "id") || !dump.netdev || !dump.file || !*dump.file)
        return error_set(error, "-object filter-dump: id=ID, netdev=ID and file=FILE are all needed");
    if (maxlen && (!option_parse_size(maxlen, 1, &bytes) || bytes < 14 || bytes > UINT32_MAX))
        return error_set(error, "-object filter-dump,maxlen=%s: not a number of bytes from 14", maxlen);
    if (options->dump_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-object filter-dump: too many of them");
    dump.snap = (uint32_t)bytes;
    options->dumps[options->dump_count++] = dump;
    return true;
}

/* ---- Joining ------------------------------------------------------------------------------------------- */

static unsigned find_netdev(const struct options *options, const char *id)
{
    for (unsigned i = 0; i < options->machine.netdev_count; i++) {
        const char *have = options->machine.netdevs[i].id;
        if (have && strcmp(have, id) == 0)
            return i + 1;
    }
    return 0;
}

bool options_join_netdev(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error)
{
    static const uint8_t first_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    slot->netdev = device->netdev;
    if (device->settings.backend && !(slot->netdev = find_netdev(options, device->settings.backend)))
        return error_set(error, "-device %s: there is no -netdev with id=%s", device->text,
                         device->settings.backend);
    if (slot->netdev && options->machine.netdevs[slot->netdev - 1].used)
        return error_set(error, "-device %s: the network is in use by another card", device->text);
    if (slot->netdev)
        options->machine.netdevs[slot->netdev - 1].used = true;
    else
        log_warn("-device %s: no network is connected to this card", device->text);
    struct device_mac *mac = &slot->settings.mac;
    if (!mac->given) {
        memcpy(mac->bytes, first_mac, sizeof(mac->bytes));
        mac->bytes[5] = (uint8_t)(first_mac[5] + options->default_macs++);
    }
    return true;
}

bool options_join_net(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (options->net_card)
        options->devices[options->net_card - 1].netdev = options->net_user;
    for (unsigned i = 0; i < options->dump_count; i++) {
        const struct options_dump *dump = &options->dumps[i];
        unsigned netdev = find_netdev(options, dump->netdev);
        if (!netdev)
            return error_set(error, "-object filter-dump,netdev=%s: there is no such network", dump->netdev);
        struct machine_netdev *to = &machine->netdevs[netdev - 1];
        if (to->dump_count == MACHINE_DUMPS_MAX)
            return error_set(error, "-object filter-dump,netdev=%s: more than %d of one network",
                             dump->netdev, MACHINE_DUMPS_MAX);
        to->dumps[to->dump_count++] = (struct machine_dump){ dump->file, dump->snap };
    }
    return true;
}

bool options_add_default_card(struct options *options, struct error *error)
{
    struct options_nic nic = { .id = NULL };
    unsigned netdev = add_netdev(options, &nic, "user", error);
    return netdev && add_card(options, &nic, netdev, "virtio-net-device (the default card)", error);
}

void options_warn_netdevs(const struct options *options)
{
    for (unsigned i = 0; i < options->machine.netdev_count; i++) {
        const struct machine_netdev *netdev = &options->machine.netdevs[i];
        if (!netdev->used)
            log_warn("-netdev %s,id=%s: no -device uses it", netdev->peer.type ? netdev->peer.type : "user",
                     netdev->id ? netdev->id : "");
    }
}
