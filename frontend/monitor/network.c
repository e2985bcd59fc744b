/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor about networks and their cards: what there is, in QEMU's words, cables that are
 * pulled out, networks that come and go, and ports that are forwarded. A network or card without an id has a
 * name that QEMU would give it, such as "#net0" or "virtio-net-pci.0".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "frontend/monitor/internal.h"
#include "frontend/sandbox.h"
#include "machine/inspect.h"

#define NAME_MAX_ 96

/* ---- What there is ------------------------------------------------------------------------------------- */

static void add_strings(struct json_object *row, const char *name, const char *const *list)
{
    struct json_object *strings = json_object_new_array();
    for (unsigned i = 0; list[i]; i++)
        json_object_array_add(strings, json_object_new_string(list[i]));
    json_object_object_add(row, name, strings);
}

static void name_network(const struct machine_netdev *netdev, unsigned number, char name[NAME_MAX_])
{
    if (netdev->id)
        snprintf(name, NAME_MAX_, "%s", netdev->id);
    else
        snprintf(name, NAME_MAX_, "#net%u", number - 1);
}

/* Writes what follows "type=..," in QEMU's line: the address of a user network without its mask. */
static void describe(struct monitor_call *call, const struct machine_netdev *netdev, unsigned number,
                     char *text, size_t size)
{
    struct netdev *made = machine_network(call->machine, number - 1);
    const char *net = netdev->user.net ? netdev->user.net : "10.0.2.0/24";
    text[0] = '\0';
    if (netdev->peer.kind == NETDEV_PEER_NONE)
        snprintf(text, size, "net=%.*s,restrict=%s", (int)strcspn(net, "/"), net,
                 netdev->user.restricted ? "on" : "off");
    else if (made)
        netdev_describe(made, text, size);
}

static void add_network(struct monitor_call *call, struct json_object *rows,
                        const struct machine_netdev *netdev, unsigned number)
{
    struct json_object *row = json_object_new_object(), *dumps = json_object_new_array();
    struct netdev *made = machine_network(call->machine, number - 1);
    char text[256], name[NAME_MAX_];
    json_object_array_add(rows, row);
    describe(call, netdev, number, text, sizeof(text));
    name_network(netdev, number, name);
    monitor_put_number(row, "number", number);
    if (netdev->id)
        monitor_put_text(row, "id", netdev->id);
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "type", netdev->peer.type ? netdev->peer.type : "user");
    monitor_put_text(row, "info", text);
    if (netdev->peer.kind == NETDEV_PEER_NONE) {
        monitor_put_text(row, "net", netdev->user.net ? netdev->user.net : "10.0.2.0/24");
        monitor_put_bool(row, "restrict", netdev->user.restricted);
        add_strings(row, "hostfwd", netdev->user.hostfwd);
        add_strings(row, "guestfwd", netdev->user.guestfwd);
    }
    monitor_put_bool(row, "used", netdev->used);
    monitor_put_bool(row, "link", !made || netdev_link_is_up(made));
    for (unsigned i = 0; i < netdev->dump_count; i++)
        json_object_array_add(dumps, json_object_new_string(netdev->dumps[i].file));
    json_object_object_add(row, "dumps", dumps);
}

/* A card in its place; `count` numbers those without an id. */
struct card {
    const struct machine_plug *plug;
    char place[48], model[32], name[NAME_MAX_];
};

static bool is_card(const struct machine_plug *plug)
{
    return plug->model && plug->model->backend == DEVICE_BACKEND_NETWORK;
}

static void name_card(struct card *card, bool on_pci, unsigned *count)
{
    const struct device_model *model = card->plug->model;
    const char *id = card->plug->settings.id;
    const char *bus = !(model->buses & DEVICE_BUS_MMIO) ? "" : on_pci ? "-pci" : "-device";
    snprintf(card->model, sizeof(card->model), "%s%s", model->name, bus);
    if (id)
        snprintf(card->name, sizeof(card->name), "%s", id);
    else
        snprintf(card->name, sizeof(card->name), "%s.%u", card->model, (*count)++);
}

/* The n-th card; false after the last one. */
static bool find_card(const struct machine_config *config, unsigned number, struct card *card)
{
    unsigned count = 0;
    for (unsigned i = 0; i < config->board->virtio_slots; i++) {
        card->plug = &config->virtio[i];
        if (!is_card(card->plug))
            continue;
        snprintf(card->place, sizeof(card->place), "virtio-mmio-bus.%u", i);
        name_card(card, false, &count);
        if (!number--)
            return true;
    }
    for (unsigned i = 0; i < config->pci_count; i++) {
        const struct machine_pci *pci = &config->pci[i];
        card->plug = &pci->plug;
        if (pci->left || !is_card(card->plug))
            continue;
        snprintf(card->place, sizeof(card->place), "PCI %.24s%s%02x.%x", pci->bus ? pci->bus : "00",
                 pci->bus ? "/" : ":", pci->slot, pci->function);
        name_card(card, true, &count);
        if (!number--)
            return true;
    }
    return false;
}

static void add_card(struct json_object *rows, const struct card *card)
{
    char mac[18];
    const uint8_t *bytes = card->plug->settings.mac.bytes;
    struct json_object *row = json_object_new_object();
    json_object_array_add(rows, row);
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
             bytes[4], bytes[5]);
    if (card->plug->settings.id)
        monitor_put_text(row, "id", card->plug->settings.id);
    monitor_put_text(row, "name", card->name);
    monitor_put_text(row, "place", card->place);
    monitor_put_text(row, "model", card->model);
    monitor_put_text(row, "mac", mac);
    if (card->plug->netdev)
        monitor_put_number(row, "network", card->plug->netdev);
}

bool monitor_network(struct monitor_call *call)
{
    const struct machine_config *config = &call->options->machine;
    struct json_object *networks = json_object_new_array(), *cards = json_object_new_array();
    struct card card;
    for (unsigned i = 0; i < config->netdev_count; i++)
        if (!config->netdevs[i].gone)
            add_network(call, networks, &config->netdevs[i], i + 1);
    for (unsigned i = 0; find_card(config, i, &card); i++)
        add_card(cards, &card);
    call->result = json_object_new_object();
    json_object_object_add(call->result, "networks", networks);
    json_object_object_add(call->result, "cards", cards);
    return true;
}

static void print_list(FILE *out, const char *what, struct json_object *strings)
{
    for (size_t i = 0; strings && i < json_object_array_length(strings); i++)
        fprintf(out, "    %s %s\n", what, json_object_get_string(json_object_array_get_idx(strings, i)));
}

static void print_network(FILE *out, struct json_object *row)
{
    fprintf(out, "%s: index=0,type=%s,%s%s\n", monitor_get_text(row, "name"), monitor_get_text(row, "type"),
            monitor_get_text(row, "info"),
            json_object_get_boolean(monitor_get(row, "link")) ? "" : ",link=down");
    print_list(out, "forwards", monitor_get(row, "hostfwd"));
    print_list(out, "forwards from the guest", monitor_get(row, "guestfwd"));
    print_list(out, "copied to", monitor_get(row, "dumps"));
}

/* As QEMU: first the networks without a card, then the cards, each followed by its network. */
void monitor_print_network(FILE *out, struct json_object *result)
{
    struct json_object *networks = monitor_get(result, "networks"), *cards = monitor_get(result, "cards");
    size_t network_count = json_object_array_length(networks), card_count = json_object_array_length(cards);
    for (size_t i = 0; i < network_count; i++) {
        struct json_object *row = json_object_array_get_idx(networks, i);
        if (!json_object_get_boolean(monitor_get(row, "used")))
            print_network(out, row);
    }
    for (size_t i = 0; i < card_count; i++) {
        struct json_object *card = json_object_array_get_idx(cards, i);
        fprintf(out, "%s: index=0,type=nic,model=%s,macaddr=%s\n", monitor_get_text(card, "name"),
                monitor_get_text(card, "model"), monitor_get_text(card, "mac"));
        for (size_t n = 0; n < network_count; n++) {
            struct json_object *row = json_object_array_get_idx(networks, n);
            if (monitor_get_number(card, "network") != monitor_get_number(row, "number"))
                continue;
            fprintf(out, " \\ ");
            print_network(out, row);
        }
    }
    if (!network_count && !card_count)
        fprintf(out, "there is no network interface\n");
}

/* ---- Finding ------------------------------------------------------------------------------------------- */

/* The number of the network with that name, from 1; 0: there is none. */
static unsigned find_network(const struct machine_config *config, const char *name)
{
    char own[NAME_MAX_];
    for (unsigned n = 0; n < config->netdev_count; n++) {
        name_network(&config->netdevs[n], n + 1, own);
        if (!config->netdevs[n].gone && strcmp(own, name) == 0)
            return n + 1;
    }
    return 0;
}

static bool not_found(struct monitor_call *call, const char *name)
{
    call->error_class = "DeviceNotFound";
    return error_set(&call->error, "Device '%.60s' not found", name);
}

/* ---- Cables -------------------------------------------------------------------------------------------- */

static bool set_link(struct monitor_call *call, const char *name, bool up)
{
    const struct machine_config *config = &call->options->machine;
    unsigned number = find_network(config, name);
    struct card card;
    bool found = number != 0;
    for (unsigned n = 0; !found && find_card(config, n, &card); n++) {
        found = strcmp(card.name, name) == 0;
        number = found ? card.plug->netdev : 0;
    }
    if (!found)
        return not_found(call, name);
    struct netdev *netdev = number ? machine_network(call->machine, number - 1) : NULL;
    if (netdev)
        netdev_set_link(netdev, up);
    return netdev || !up ||
           error_set(&call->error, "%.60s has no network whose cable could be plugged in", name);
}

bool monitor_set_link(struct monitor_call *call)
{
    struct json_object *up = monitor_get(call->arguments, "up");
    return set_link(call, monitor_text(call, "name", ""), json_object_get_boolean(up));
}

bool monitor_set_link_line(struct monitor_call *call)
{
    const char *up = monitor_text(call, "up", "");
    bool on = strcmp(up, "on") == 0;
    if (!on && strcmp(up, "off") != 0)
        return error_set(&call->error, "Expected 'on' or 'off'");
    return set_link(call, monitor_text(call, "name", ""), on);
}

/* ---- Networks that come and go ------------------------------------------------------------------------- */

/* What a network that was not on the command line needs of the sandbox; fills call->error. */
static bool sandbox_lets(struct monitor_call *call, const struct machine_netdev *what)
{
    const struct netdev_peer_config *peer = &what->peer;
    const struct net_place *place = peer->server ? &peer->local : &peer->remote;
    bool stream = peer->kind == NETDEV_PEER_STREAM;
    bool user = peer->kind == NETDEV_PEER_NONE,
         ready = place->kind == NET_PLACE_FD || peer->local.kind == NET_PLACE_FD;
    if (peer->kind == NETDEV_PEER_TAP && sandbox_is_on())
        return error_set(&call->error,
                         "netdev_add tap: the sandbox lets no interface be opened once the guest "
                         "runs; name it on the command line, or use -sandbox off");
    for (const char *const *rule = what->user.guestfwd; *rule; rule++)
        if (strstr(*rule, "-cmd:") && !sandbox_may_spawn())
            return error_set(&call->error,
                             "netdev_add user,guestfwd=%.60s: the sandbox lets no program be "
                             "started; -sandbox on,spawn=allow does",
                             *rule);
    int folder = what->user.tftp ? open(what->user.tftp, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (what->user.tftp && folder < 0)
        return error_set(&call->error, "netdev_add user,tftp=%.100s: %s%s", what->user.tftp, strerror(errno),
                         sandbox_hint(errno));
    if (folder >= 0)
        close(folder);
    return ready || peer->kind == NETDEV_PEER_TAP ||
           sandbox_may_listen(user || (stream && place->kind == NET_PLACE_INET)) ||
           error_set(&call->error,
                     "netdev_add: without a user network on the command line, the sandbox lets no "
                     "socket be made for another network; -sandbox off does");
}

bool monitor_netdev_add(struct monitor_call *call)
{
    struct options *options = call->changeable;
    const char *text = monitor_text_of_arguments(call, "netdev", "type");
    unsigned number = text ? options_add_netdev(options, text, &call->error) : 0;
    if (!number)
        return false;
    const struct machine_netdev *what = &options->machine.netdevs[number - 1];
    bool let = sandbox_lets(call, what);
    errno = 0;
    if (let && machine_add_netdev(call->machine, number - 1, what, &call->error))
        return true;
    int saved = let ? errno : 0;
    options_remove_netdev(options, number);
    errno = saved;
    return monitor_add_hint(call);
}

bool monitor_netdev_del(struct monitor_call *call)
{
    const char *id = monitor_text(call, "id", "");
    struct options *options = call->changeable;
    unsigned number = find_network(&options->machine, id);
    if (!number)
        return not_found(call, id);
    if (options->machine.netdevs[number - 1].used)
        return error_set(&call->error, "netdev_del %.60s: a card uses the network; device_del it first", id);
    machine_remove_netdev(call->machine, number - 1);
    options_remove_netdev(options, number);
    return true;
}

/* ---- Ports --------------------------------------------------------------------------------------------- */

/* Finds the user network: the one that is named, or else the first. `rule` is the other argument. Between
 * machine_hold() and machine_release(). */
static unsigned network_of_rule(struct monitor_call *call, const char **rule)
{
    const struct machine_config *config = &call->options->machine;
    const char *name = monitor_given(call, "rule") ? monitor_text(call, "netdev_id", "") : NULL;
    unsigned number = name ? find_network(config, name) : 0;
    *rule = name ? monitor_text(call, "rule", "") : monitor_text(call, "netdev_id", "");
    for (unsigned n = 0; !name && !number && n < config->netdev_count; n++)
        if (!config->netdevs[n].gone && config->netdevs[n].peer.kind == NETDEV_PEER_NONE)
            number = n + 1;
    if (!number)
        error_set(&call->error, name ? "unrecognized netdev id '%.60s'" : "there is no user network%.0s",
                  name ? name : "");
    else if (config->netdevs[number - 1].peer.kind != NETDEV_PEER_NONE)
        error_set(&call->error, "'%.60s' is no user network, which alone forwards ports", name);
    else if (!machine_network(call->machine, number - 1))
        error_set(&call->error, "no card uses the network, so it forwards nothing");
    else
        return number;
    return 0;
}

bool monitor_hostfwd_add(struct monitor_call *call)
{
    const char *rule;
    if (!sandbox_may_listen(true)) /* there is no network, then */
        return error_set(&call->error, "there is no user network");
    machine_hold(call->machine);
    unsigned number = network_of_rule(call, &rule);
    bool ok =
        number && netdev_slirp_add_hostfwd(machine_network(call->machine, number - 1), rule, &call->error);
    if (ok)
        options_note_hostfwd(call->changeable, number, rule);
    machine_release(call->machine);
    return ok;
}

bool monitor_hostfwd_remove(struct monitor_call *call)
{
    const char *rule;
    char text[256];
    machine_hold(call->machine);
    unsigned number = network_of_rule(call, &rule);
    bool ok =
        number && netdev_slirp_remove_hostfwd(machine_network(call->machine, number - 1), rule, &call->error);
    if (ok)
        options_forget_hostfwd(call->changeable, number, rule);
    machine_release(call->machine);
    if (ok) {
        snprintf(text, sizeof(text), "host forwarding rule for %.200s removed", rule);
        call->result = json_object_new_string(text);
    }
    return ok;
}
