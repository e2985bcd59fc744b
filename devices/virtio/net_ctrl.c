/* SPDX-License-Identifier: MIT
 *
 * The control queue of the virtio network device (Virtio 1.2 section 5.1.6.5), which sets up which frames the
 * guest wants. A command is a class, a number and data in the out-buffers; the last in-byte is the answer.
 * Commands need not wait, so they run within the driver's notification, with the lock held.
 */
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "util/log.h"

enum { CTRL_RX = 0, CTRL_MAC = 1, CTRL_VLAN = 2, CTRL_ANNOUNCE = 3, CTRL_MQ = 4, CTRL_GUEST_OFFLOADS = 5 };
enum { CTRL_RX_PROMISC, CTRL_RX_ALLMULTI, CTRL_RX_ALLUNI, CTRL_RX_NOMULTI, CTRL_RX_NOUNI, CTRL_RX_NOBCAST };
enum { CTRL_MAC_TABLE_SET, CTRL_MAC_ADDR_SET };
enum { CTRL_VLAN_ADD, CTRL_VLAN_DEL };
enum { CTRL_OK, CTRL_ERR };
#define CTRL_HEADER 2u
#define GUEST_OFFLOAD_FEATURES                                                                               \
    (1ull << NET_F_GUEST_CSUM | 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_GUEST_TSO6)

/* Copies `length` bytes of the command's data; false if it is shorter. */
static bool data_read(const struct virtio_net *net, uint32_t offset, void *bytes, uint32_t length)
{
    return virtq_chain_read(&net->ctrl_chain, CTRL_HEADER + offset, bytes, length) == length;
}

static bool ctrl_rx(struct virtio_net *net, uint8_t command)
{
    struct net_filter *filter = &net->filter;
    bool *const modes[] = { &filter->promiscuous,  &filter->all_multicast, &filter->all_unicast,
                            &filter->no_multicast, &filter->no_unicast,    &filter->no_broadcast };
    unsigned feature = command <= CTRL_RX_ALLMULTI ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA;
    uint8_t on;
    if (command >= sizeof(modes) / sizeof(modes[0]) || !virtio_device_has(&net->device, feature) ||
        !data_read(net, 0, &on, 1) || on > 1)
        return false;
    *modes[command] = on;
    return true;
}

/* Reads one of the two lists from `offset`. If it does not fit into the table, all frames of that kind pass.
 * Returns the bytes that the list takes; 0 if the command ends within it. */
static uint64_t read_macs(struct virtio_net *net, uint64_t offset, struct net_filter *filter, bool *too_many)
{
    uint32_t count;
    uint32_t length = net->ctrl_chain.out_length - CTRL_HEADER;
    if (offset > length || !data_read(net, (uint32_t)offset, &count, sizeof(count)) ||
        6ull * count > length - offset - sizeof(count))
        return 0;
    *too_many = count > NET_MACS_MAX - filter->mac_count;
    if (!*too_many) {
        data_read(net, (uint32_t)offset + sizeof(count), filter->macs[filter->mac_count], 6 * count);
        filter->mac_count += count;
    }
    return sizeof(count) + 6ull * count;
}

static bool ctrl_mac(struct virtio_net *net, uint8_t command)
{
    uint8_t mac[6];
    if (command == CTRL_MAC_ADDR_SET && virtio_device_has(&net->device, NET_F_CTRL_MAC_ADDR)) {
        if (!data_read(net, 0, mac, sizeof(mac)))
            return false;
        memcpy(net->device.config, mac, sizeof(mac));
        return true;
    }
    if (command != CTRL_MAC_TABLE_SET || !virtio_device_has(&net->device, NET_F_CTRL_RX))
        return false;
    struct net_filter filter = net->filter;
    filter.mac_count = 0;
    uint64_t unicast = read_macs(net, 0, &filter, &filter.too_many_unicast);
    if (!unicast || !read_macs(net, unicast, &filter, &filter.too_many_multicast))
        return false;
    net->filter = filter;
    return true;
}

static bool ctrl_vlan(struct virtio_net *net, uint8_t command)
{
    uint16_t vlan;
    if (command > CTRL_VLAN_DEL || !virtio_device_has(&net->device, NET_F_CTRL_VLAN) ||
        !data_read(net, 0, &vlan, sizeof(vlan)) || vlan >= NET_VLANS)
        return false;
    if (command == CTRL_VLAN_ADD)
        net->filter.vlans[vlan / 32] |= 1u << vlan % 32;
    else
        net->filter.vlans[vlan / 32] &= ~(1u << vlan % 32);
    return true;
}

static bool ctrl_announce(struct virtio_net *net, uint8_t command)
{
    struct net_config *space = (struct net_config *)net->device.config;
    if (command != 0 || !virtio_device_has(&net->device, NET_F_GUEST_ANNOUNCE))
        return false;
    space->status &= (uint16_t)~NET_S_ANNOUNCE;
    return true;
}

static bool ctrl_guest_offloads(struct virtio_net *net, uint8_t command)
{
    uint64_t wanted;
    uint64_t possible = net->device.offered & net->device.driver_features & GUEST_OFFLOAD_FEATURES;
    if (command != 0 || !virtio_device_has(&net->device, NET_F_CTRL_GUEST_OFFLOADS) ||
        !data_read(net, 0, &wanted, sizeof(wanted)) || wanted & ~possible)
        return false;
    net->guest_offloads = wanted;
    return true;
}

static bool ctrl_command(struct virtio_net *net)
{
    uint8_t header[CTRL_HEADER];
    if (virtq_chain_read(&net->ctrl_chain, 0, header, sizeof(header)) != sizeof(header))
        return false;
    switch (header[0]) {
    case CTRL_RX: return ctrl_rx(net, header[1]);
    case CTRL_MAC: return ctrl_mac(net, header[1]);
    case CTRL_VLAN: return ctrl_vlan(net, header[1]);
    case CTRL_ANNOUNCE: return ctrl_announce(net, header[1]);
    case CTRL_GUEST_OFFLOADS: return ctrl_guest_offloads(net, header[1]);
    case CTRL_MQ: return false; /* VIRTIO_NET_F_MQ is not offered: there is one pair of queues */
    default: return false;
    }
}

void net_ctrl_run(struct virtio_net *net)
{
    struct virtqueue *queue = &net->device.queues[NET_QUEUE_CTRL];
    struct virtq_chain *chain = &net->ctrl_chain;
    /* At most as many commands as the ring holds are run at once. Otherwise two harts could keep each other
     * busy here for ever. */
    for (unsigned n = 0; n < queue->size && virtqueue_pop(queue, chain); n++) {
        if (chain->out_length < CTRL_HEADER || !chain->in_length) {
            LOG_GUEST("virtio-net: a command of %u bytes, with %u for the answer", chain->out_length,
                      chain->in_length);
            virtio_device_break(&net->device);
            return;
        }
        uint8_t answer = ctrl_command(net) ? CTRL_OK : CTRL_ERR;
        if (answer != CTRL_OK) {
            uint8_t header[CTRL_HEADER] = { 0 };
            virtq_chain_read(chain, 0, header, sizeof(header));
            LOG_GUEST("virtio-net: command %u of class %u is refused", header[1], header[0]);
        }
        virtq_chain_write(chain, 0, &answer, 1);
        virtqueue_push(queue, chain, 1);
    }
    virtqueue_signal(queue);
}

/* ---- The filter ---------------------------------------------------------------------------------------- */

/* Until the driver says otherwise, everything passes: not all drivers have a control queue. */
void net_filter_reset(struct virtio_net *net)
{
    net->filter = (struct net_filter){ .promiscuous = true };
}

static bool vlan_wanted(const struct virtio_net *net, const uint8_t *frame, size_t length)
{
    if (!virtio_device_has(&net->device, NET_F_CTRL_VLAN) || length < 16 || frame[12] != 0x81 || frame[13])
        return true; /* it has no tag */
    unsigned vlan = (frame[14] & 0x0fu) << 8 | frame[15];
    return net->filter.vlans[vlan / 32] >> vlan % 32 & 1;
}

bool net_filter_wants(const struct virtio_net *net, const uint8_t *frame, size_t length)
{
    static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    const struct net_filter *filter = &net->filter;
    bool multicast = frame[0] & 1;
    if (!vlan_wanted(net, frame, length))
        return false;
    if (filter->promiscuous)
        return true;
    if (memcmp(frame, broadcast, 6) == 0)
        return !filter->no_broadcast;
    if (multicast ? filter->no_multicast : filter->no_unicast)
        return false;
    if (multicast ? filter->all_multicast || filter->too_many_multicast
                  : filter->all_unicast || filter->too_many_unicast)
        return true;
    if (memcmp(frame, net->device.config, 6) == 0)
        return true;
    for (unsigned n = 0; n < filter->mac_count; n++) {
        if (memcmp(frame, filter->macs[n], 6) == 0)
            return true;
    }
    return false;
}

/* The modes, in the order of the numbers of the commands that set them. */
static bool *const *filter_modes(struct net_filter *filter, bool *modes[8])
{
    bool *const all[8] = { &filter->promiscuous,      &filter->all_multicast,     &filter->all_unicast,
                           &filter->no_multicast,     &filter->no_unicast,        &filter->no_broadcast,
                           &filter->too_many_unicast, &filter->too_many_multicast };
    memcpy(modes, all, sizeof(all));
    return modes;
}

void net_filter_save(const struct virtio_net *net, struct state_writer *writer)
{
    struct net_filter filter = net->filter;
    bool *modes[8];
    uint64_t bits = 0;
    filter_modes(&filter, modes);
    for (unsigned n = 0; n < 8; n++)
        bits |= (uint64_t)*modes[n] << n;
    state_put(writer, "modes", bits);
    state_put(writer, "mac_count", filter.mac_count);
    state_put_bytes(writer, "macs", filter.macs, sizeof(filter.macs));
    state_put_bytes(writer, "vlans", filter.vlans, sizeof(filter.vlans));
}

void net_filter_load(struct virtio_net *net, struct state_reader *reader)
{
    struct net_filter *filter = &net->filter;
    bool *modes[8];
    uint64_t bits = state_get(reader, "modes", 0xff);
    filter_modes(filter, modes);
    for (unsigned n = 0; n < 8; n++)
        *modes[n] = bits >> n & 1;
    filter->mac_count = (unsigned)state_get(reader, "mac_count", NET_MACS_MAX);
    state_get_bytes(reader, "macs", filter->macs, sizeof(filter->macs));
    state_get_bytes(reader, "vlans", filter->vlans, sizeof(filter->vlans));
}
