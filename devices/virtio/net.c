/* SPDX-License-Identifier: MIT
 *
 * The virtio network device: queue 0 takes frames to the guest, queue 1 takes frames from it, queue 2 takes
 * commands (net_ctrl.c). Frames move in the netdev's thread, so a hart only wakes it.
 *
 * From the guest: a frame is copied out of the guest's memory at once, and its buffers are given back before
 * anything reads it. So the guest cannot change it any more, and a reset waits for nothing. Checksums that
 * the driver left out are completed; a large TCP segment stays whole if the netdev takes it like that.
 *
 * To the guest: TCP segments that follow each other are joined to one large frame, if the driver accepts
 * that; the guest then handles one frame instead of dozens. That frame is in `waiting` until a frame comes
 * that does not continue it, or until no more come. While the driver has no buffers, frames wait in the
 * netdev.
 */
#include "devices/virtio/net.h"

#include <stdlib.h>
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_NET    1
#define NET_QUEUE_SIZE   256
#define NET_BATCH        64     /* frames sent before the thread looks for other work */
#define NET_FRAME_MIN    14u    /* an Ethernet header */
#define NET_HEADER_SHORT 10u    /* bytes: without num_buffers */
#define NET_LARGE_MAX    65535u /* bytes of a frame that was joined from several */

static uint32_t header_length(const struct virtio_net *net)
{
    bool long_header = virtio_device_has(&net->device, VIRTIO_F_VERSION_1) ||
                       virtio_device_has(&net->device, NET_F_MRG_RXBUF);
    return long_header ? sizeof(struct net_header) : NET_HEADER_SHORT;
}

/* ---- To the guest -------------------------------------------------------------------------------------- */

/* Is this chain long enough for the next part of a frame? If not, the device is broken. */
static bool rx_usable(struct virtio_net *net, const struct virtq_chain *chain, uint32_t least)
{
    if (chain->in_length >= least)
        return true;
    LOG_GUEST("virtio-net: a receive buffer of %u bytes", chain->in_length);
    virtio_device_break(&net->device);
    return false;
}

/* Spreads header and frame over the driver's buffers: one buffer or, with MRG_RXBUF, as many as it takes.
 * Returns the number of chains that are filled but not yet given back; 0 if the driver has too few of
 * them. */
static unsigned rx_fill(struct virtio_net *net, struct net_header *header, const uint8_t *frame,
                        size_t length)
{
    struct virtqueue *queue = &net->device.queues[NET_QUEUE_RX];
    uint32_t header_bytes = header_length(net);
    bool merge = virtio_device_has(&net->device, NET_F_MRG_RXBUF);
    if (!virtqueue_pop(queue, &net->rx_first) || !rx_usable(net, &net->rx_first, header_bytes + 1))
        return 0;
    if (!merge && net->rx_first.in_length < header_bytes + length) {
        LOG_GUEST("virtio-net: a frame of %zu bytes is too long for a buffer of %u", length,
                  net->rx_first.in_length);
        virtqueue_fill(queue, &net->rx_first, 0, 0); /* section 5.1.6.4 forbids drivers to cause this */
        return 1;
    }
    size_t done = virtq_chain_write(&net->rx_first, header_bytes, frame, length);
    uint32_t first_bytes = header_bytes + (uint32_t)done;
    unsigned count = 1;
    for (; done < length; count++) {
        if (count == queue->size) { /* it would never fit */
            LOG_GUEST("virtio-net: a frame of %zu bytes is too long for all buffers together", length);
            virtqueue_unpop(queue, count - 1);
            virtqueue_fill(queue, &net->rx_first, 0, 0);
            return 1;
        }
        if (!virtqueue_pop(queue, &net->rx_next) || !rx_usable(net, &net->rx_next, 1)) {
            virtqueue_unpop(queue, count);
            return 0;
        }
        size_t part = virtq_chain_write(&net->rx_next, 0, frame + done, length - done);
        virtqueue_fill(queue, &net->rx_next, (uint32_t)part, count);
        done += part;
    }
    header->num_buffers = (uint16_t)count;
    virtq_chain_write(&net->rx_first, 0, header, header_bytes);
    virtqueue_fill(queue, &net->rx_first, first_bytes, 0);
    return count;
}

/* False if the frame has to wait. [locked] */
static bool rx_put(struct virtio_net *net, struct net_header *header, const uint8_t *frame, size_t length)
{
    CHECK_HELD(&net->device.lock);
    struct virtqueue *queue = &net->device.queues[NET_QUEUE_RX];
    unsigned count = rx_fill(net, header, frame, length);
    if (count) {
        virtqueue_publish(queue, count);
        return true;
    }
    if (!queue->enabled || !virtio_device_may_run(&net->device))
        return true; /* nobody listens any more */
    net->room_wanted = true;
    return false;
}

/* Passes on the frame in `waiting`; false if it has to wait. [locked] */
static bool rx_flush(struct virtio_net *net)
{
    CHECK_HELD(&net->device.lock);
    struct net_coalesce *waiting = &net->waiting;
    struct net_header header = { .flags = NET_HDR_DATA_VALID };
    if (!waiting->length)
        return true;
    if (waiting->count > 1) {
        net_coalesce_finish(waiting);
        header.flags = NET_HDR_NEEDS_CSUM;
        header.gso_type = waiting->ipv6 ? NET_HDR_GSO_TCPV6 : NET_HDR_GSO_TCPV4;
        header.hdr_len = (uint16_t)waiting->payload;
        header.gso_size = (uint16_t)waiting->segment;
        header.csum_start = (uint16_t)waiting->tcp;
        header.csum_offset = 16;
    }
    if (!rx_put(net, &header, waiting->frame, waiting->length))
        return false; /* it may still grow; its headers are then made anew */
    waiting->length = 0;
    return true;
}

static bool rx_frame(struct virtio_net *net, const uint8_t *frame, size_t length)
{
    bool trusted = net->netdev->checksums_right && net_guest_offload(net, NET_F_GUEST_CSUM);
    struct net_header header = { .flags = trusted ? NET_HDR_DATA_VALID : 0 };
    if (net_coalesce_append(&net->waiting, frame, length))
        return true;
    if (!rx_flush(net))
        return false;
    if (trusted && net_coalesce_start(&net->waiting, frame, length, net_guest_offload(net, NET_F_GUEST_TSO4),
                                      net_guest_offload(net, NET_F_GUEST_TSO6), NET_LARGE_MAX))
        return true;
    return rx_put(net, &header, frame, length);
}

static bool net_receive(void *opaque, const uint8_t *frame, size_t length)
{
    struct virtio_net *net = opaque;
    bool taken = true;
    pthread_mutex_lock(&net->device.lock);
    if (net->device.held) { /* it waits in the netdev until the machine goes on */
        net->room_wanted = net->device.missed = true;
        taken = false;
    }
    /* Without a driver it is as if the cable were not plugged in. */
    if (taken && net->device.queues[NET_QUEUE_RX].enabled && virtio_device_may_run(&net->device) &&
        length >= NET_FRAME_MIN && net_filter_wants(net, frame, length))
        taken = rx_frame(net, frame, length);
    pthread_mutex_unlock(&net->device.lock);
    return taken;
}

static void net_receive_end(void *opaque)
{
    struct virtio_net *net = opaque;
    pthread_mutex_lock(&net->device.lock);
    if (net->device.held && net->waiting.length) {
        net->room_wanted = net->device.missed = true;
    } else if (!net->device.held) {
        rx_flush(net);
        virtqueue_signal(&net->device.queues[NET_QUEUE_RX]);
    }
    pthread_mutex_unlock(&net->device.lock);
}

/* ---- From the guest ------------------------------------------------------------------------------------ */

/* Copies a frame out of its chain. Returns its length; 0: there is no frame to be sent. [locked] */
static size_t tx_copy(struct virtio_net *net, struct net_header *header)
{
    CHECK_HELD(&net->device.lock);
    const struct virtq_chain *chain = &net->tx_chain;
    uint32_t header_bytes = header_length(net);
    memset(header, 0, sizeof(*header));
    virtq_chain_read(chain, 0, header, header_bytes);
    if (chain->out_length < header_bytes + NET_FRAME_MIN ||
        chain->out_length - header_bytes > sizeof(net->tx_frame)) {
        LOG_GUEST("virtio-net: a frame of %u bytes with its header is not sent", chain->out_length);
        return 0;
    }
    return virtq_chain_read(chain, header_bytes, net->tx_frame, sizeof(net->tx_frame));
}

/* Does what the driver left to the card (section 5.1.6.2); false if it asked for something impossible. */
static bool tx_complete(struct virtio_net *net, const struct net_header *header, size_t length)
{
    uint8_t gso = header->gso_type & (uint8_t)~NET_HDR_GSO_ECN;
    if (gso != NET_HDR_GSO_NONE && (gso != NET_HDR_GSO_TCPV4 || !net->netdev->takes_large_tcp)) {
        LOG_GUEST("virtio-net: a frame to be segmented with gso_type %u, which was not negotiated", gso);
        return false;
    }
    if (header->flags & NET_HDR_NEEDS_CSUM &&
        !net_checksum_complete(net->tx_frame, length, header->csum_start, header->csum_offset)) {
        LOG_GUEST("virtio-net: a checksum from %u at %u of a frame of %zu bytes", header->csum_start,
                  header->csum_offset, length);
        return false;
    }
    return true;
}

static bool net_transmit(void *opaque)
{
    struct virtio_net *net = opaque;
    struct virtqueue *queue = &net->device.queues[NET_QUEUE_TX];
    unsigned count = 0;
    pthread_mutex_lock(&net->device.lock);
    while (count < NET_BATCH && netdev_can_send(net->netdev) && virtqueue_pop(queue, &net->tx_chain)) {
        struct net_header header;
        size_t length = tx_copy(net, &header);
        virtqueue_push(queue, &net->tx_chain, 0);
        pthread_mutex_unlock(&net->device.lock);
        if (length && tx_complete(net, &header, length))
            netdev_send(net->netdev, net->tx_frame, length);
        pthread_mutex_lock(&net->device.lock);
        count++;
    }
    virtqueue_signal(queue);
    pthread_mutex_unlock(&net->device.lock);
    return count == NET_BATCH;
}

/* ---- The device ---------------------------------------------------------------------------------------- */

static bool link_is_up(const struct virtio_net *net)
{
    return net->netdev && netdev_link_is_up(net->netdev);
}

/* The cable was plugged in or pulled out (section 5.1.4): the driver is told if it looks at the status. */
static void net_link(void *opaque, bool up)
{
    struct virtio_net *net = opaque;
    struct net_config *space = (struct net_config *)net->device.config;
    pthread_mutex_lock(&net->device.lock);
    space->status = (uint16_t)((space->status & ~NET_S_LINK_UP) | (up ? NET_S_LINK_UP : 0));
    if (virtio_device_has(&net->device, NET_F_STATUS))
        virtio_device_config_changed(&net->device);
    pthread_mutex_unlock(&net->device.lock);
}

/* Without a netdev, what the guest sends is thrown away. [locked] */
static void discard_sent(struct virtio_net *net)
{
    CHECK_HELD(&net->device.lock);
    struct virtqueue *queue = &net->device.queues[NET_QUEUE_TX];
    for (unsigned n = 0; n < queue->size && virtqueue_pop(queue, &net->tx_chain); n++)
        virtqueue_push(queue, &net->tx_chain, 0);
    virtqueue_signal(queue);
}

static void net_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_net *net = (struct virtio_net *)device;
    if (queue->index == NET_QUEUE_CTRL) {
        net_ctrl_run(net);
    } else if (!net->netdev) {
        if (queue->index == NET_QUEUE_TX)
            discard_sent(net);
    } else if (queue->index == NET_QUEUE_TX || net->room_wanted) {
        net->room_wanted = net->room_wanted && queue->index == NET_QUEUE_TX;
        netdev_wake(net->netdev);
    }
}

/* Only legacy drivers set their address in this way (section 5.1.4.1). */
static void net_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    if (!device->legacy || offset + size > sizeof(((struct net_config *)0)->mac)) {
        LOG_GUEST("virtio-net: the driver writes 0x%llx to offset %u of its configuration",
                  (unsigned long long)value, offset);
        return;
    }
    memcpy(device->config + offset, &value, size);
}

static void net_reset(struct virtio_device *device)
{
    struct virtio_net *net = (struct virtio_net *)device;
    struct net_config space = { .status = link_is_up(net) ? NET_S_LINK_UP : 0 };
    memcpy(space.mac, net->first_mac, sizeof(space.mac));
    memcpy(device->config, &space, sizeof(space));
    device->config_size = sizeof(space);
    net_filter_reset(net);
    net->guest_offloads = UINT64_MAX;
    net->room_wanted = false;
    net->waiting.length = 0;
}

/* The frame in `waiting` is not saved, since networks lose one now and then. */
static void net_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_net *net = (struct virtio_net *)device;
    state_put_bytes(writer, "mac", device->config, 6);
    state_put(writer, "guest_offloads", net->guest_offloads);
    net_filter_save(net, writer);
}

/* Asks the driver to announce itself, since the network around it may be another one. */
static void net_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_net *net = (struct virtio_net *)device;
    struct net_config *space = (struct net_config *)device->config;
    state_get_bytes(reader, "mac", space->mac, sizeof(space->mac));
    net->guest_offloads = state_get(reader, "guest_offloads", UINT64_MAX);
    net_filter_load(net, reader);
    if (!reader->failed && virtio_device_has(device, NET_F_GUEST_ANNOUNCE) && net->netdev) {
        space->status |= NET_S_ANNOUNCE;
        virtio_device_config_changed(device);
    }
}

static void net_destroy(struct virtio_device *device)
{
    struct virtio_net *net = (struct virtio_net *)device;
    if (net->netdev)
        netdev_detach(net->netdev);
    virtio_device_fini(device);
    free(device);
}

/* Section 5.1.3.1 */
static const struct virtio_need net_needs[] = {
    { NET_F_GUEST_TSO4, NET_F_GUEST_CSUM }, { NET_F_GUEST_TSO6, NET_F_GUEST_CSUM },
    { NET_F_HOST_TSO4, NET_F_CSUM },        { NET_F_CTRL_RX, NET_F_CTRL_VQ },
    { NET_F_CTRL_VLAN, NET_F_CTRL_VQ },     { NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ },
    { NET_F_CTRL_MAC_ADDR, NET_F_CTRL_VQ }, { NET_F_CTRL_GUEST_OFFLOADS, NET_F_CTRL_VQ },
    { NET_F_CTRL_RX_EXTRA, NET_F_CTRL_VQ }, { 0, 0 },
};

static const struct virtio_device_ops virtio_net_ops = {
    .name = "virtio-net",
    .id = VIRTIO_ID_NET,
    .pci_legacy = 0x1000,
    .pci_class = 0x020000, /* Ethernet controller */
    .notify = net_notify,
    .config_write = net_config_write,
    .reset = net_reset,
    .save = net_save,
    .load = net_load,
    .destroy = net_destroy,
    .needs = net_needs,
};

static uint64_t net_features(const struct netdev *netdev)
{
    uint64_t features = 1ull << NET_F_CSUM | 1ull << NET_F_MAC | 1ull << NET_F_MRG_RXBUF |
                        1ull << NET_F_STATUS | 1ull << NET_F_CTRL_VQ | 1ull << NET_F_CTRL_RX |
                        1ull << NET_F_CTRL_VLAN | 1ull << NET_F_CTRL_RX_EXTRA | 1ull << NET_F_GUEST_ANNOUNCE |
                        1ull << NET_F_CTRL_MAC_ADDR;
    if (netdev && netdev->takes_large_tcp)
        features |= 1ull << NET_F_HOST_TSO4;
    if (netdev && netdev->checksums_right)
        features |= 1ull << NET_F_GUEST_CSUM | 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_GUEST_TSO6 |
                    1ull << NET_F_CTRL_GUEST_OFFLOADS;
    return features;
}

struct virtio_device *virtio_net_create(const struct virtio_net_config *config, struct error *error)
{
    struct virtio_net *net = calloc(1, sizeof(*net));
    if (!net) {
        error_set(error, "virtio-net: out of memory");
        return NULL;
    }
    net->netdev = config->netdev;
    memcpy(net->first_mac, config->mac, sizeof(net->first_mac));
    if (!virtio_device_init(&net->device, &virtio_net_ops, net_features(config->netdev), NET_QUEUE_COUNT,
                            NET_QUEUE_SIZE, error)) {
        free(net);
        return NULL;
    }
    net_reset(&net->device);
    if (net->netdev) {
        struct netdev_front front = { net_receive, net_receive_end, net_transmit, net, net_link };
        netdev_attach(net->netdev, &front);
    }
    return &net->device;
}

#define NOT_OFFERED "this version does not offer it; only off is accepted"

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_net_config config = { .netdev = plug->network };
    memcpy(config.mac, plug->settings->mac.bytes, sizeof(config.mac));
    return virtio_net_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "netdev", DEVICE_KEY_BACKEND, "id of a -netdev", DEVICE_SETTING(backend) },
    { "mac", DEVICE_KEY_MAC, "the card's address", DEVICE_SETTING(mac) },
    { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index) },
    { "csum", DEVICE_KEY_FEATURE, "frames of the guest without checksums", DEVICE_FEATURE(NET_F_CSUM) },
    { "guest_csum", DEVICE_KEY_FEATURE, "frames to the guest without checksums",
      DEVICE_FEATURE(NET_F_GUEST_CSUM) },
    { "guest_tso4", DEVICE_KEY_FEATURE, "large TCP frames to the guest", DEVICE_FEATURE(NET_F_GUEST_TSO4) },
    { "guest_tso6", DEVICE_KEY_FEATURE, "the same by IPv6", DEVICE_FEATURE(NET_F_GUEST_TSO6) },
    { "host_tso4", DEVICE_KEY_FEATURE, "large TCP frames of the guest", DEVICE_FEATURE(NET_F_HOST_TSO4) },
    { "mrg_rxbuf", DEVICE_KEY_FEATURE, "frames in several buffers", DEVICE_FEATURE(NET_F_MRG_RXBUF) },
    { "status", DEVICE_KEY_FEATURE, "whether the link is up", DEVICE_FEATURE(NET_F_STATUS) },
    { "ctrl_vq", DEVICE_KEY_FEATURE, "the queue of commands", DEVICE_FEATURE(NET_F_CTRL_VQ) },
    { "ctrl_rx", DEVICE_KEY_FEATURE, "filters", DEVICE_FEATURE(NET_F_CTRL_RX) },
    { "ctrl_vlan", DEVICE_KEY_FEATURE, "filters of VLANs", DEVICE_FEATURE(NET_F_CTRL_VLAN) },
    { "ctrl_rx_extra", DEVICE_KEY_FEATURE, "more filters", DEVICE_FEATURE(NET_F_CTRL_RX_EXTRA) },
    { "guest_announce", DEVICE_KEY_FEATURE, "the guest is told to announce itself",
      DEVICE_FEATURE(NET_F_GUEST_ANNOUNCE) },
    { "ctrl_mac_addr", DEVICE_KEY_FEATURE, "the guest may change its address",
      DEVICE_FEATURE(NET_F_CTRL_MAC_ADDR) },
    { "ctrl_guest_offloads", DEVICE_KEY_FEATURE, "the guest may change what is done for it",
      DEVICE_FEATURE(NET_F_CTRL_GUEST_OFFLOADS) },
    { "host_tso6", DEVICE_KEY_OFF, "large TCP frames of the guest by IPv6", .limit = NOT_OFFERED },
    { "guest_ecn", DEVICE_KEY_OFF, "ECN in large frames to the guest", .limit = NOT_OFFERED },
    { "host_ecn", DEVICE_KEY_OFF, "ECN in large frames of the guest", .limit = NOT_OFFERED },
    { "guest_ufo", DEVICE_KEY_OFF, "large UDP frames to the guest", .limit = NOT_OFFERED },
    { "host_ufo", DEVICE_KEY_OFF, "large UDP frames of the guest", .limit = NOT_OFFERED },
    { "failover", DEVICE_KEY_OFF, "a card that stands in for it", .limit = NOT_OFFERED },
    { "mq", DEVICE_KEY_IGNORED, "as many pairs of queues as the network has, which is one", .least = 0 },
    { .name = NULL },
};

const struct device_model virtio_net_model = {
    .name = "virtio-net",
    .text = "a network card",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_NETWORK,
    .hot_plug = true,
    .keys = model_keys,
    .ops = &virtio_net_ops,
    .create = model_create,
};
