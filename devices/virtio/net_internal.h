/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio network device share. All of it belongs to the device's lock, except what is
 * marked as the netdev's thread's.
 */
#ifndef DEVICES_VIRTIO_NET_INTERNAL_H
#define DEVICES_VIRTIO_NET_INTERNAL_H

#include "devices/net/netdev.h"
#include "devices/net/offload.h"
#include "devices/virtio/virtio.h"

enum { /* feature bits, section 5.1.3 */
       NET_F_CSUM = 0,
       NET_F_GUEST_CSUM = 1,
       NET_F_CTRL_GUEST_OFFLOADS = 2,
       NET_F_MAC = 5,
       NET_F_GUEST_TSO4 = 7,
       NET_F_GUEST_TSO6 = 8,
       NET_F_HOST_TSO4 = 11,
       NET_F_MRG_RXBUF = 15,
       NET_F_STATUS = 16,
       NET_F_CTRL_VQ = 17,
       NET_F_CTRL_RX = 18,
       NET_F_CTRL_VLAN = 19,
       NET_F_CTRL_RX_EXTRA = 20,
       NET_F_GUEST_ANNOUNCE = 21,
       NET_F_CTRL_MAC_ADDR = 23,
};
enum { NET_QUEUE_RX, NET_QUEUE_TX, NET_QUEUE_CTRL, NET_QUEUE_COUNT };
enum { NET_S_LINK_UP = 1, NET_S_ANNOUNCE = 2 };

struct net_config { /* section 5.1.4 */
    uint8_t mac[6];
    uint16_t status;
} __attribute__((packed));

struct net_header { /* section 5.1.6; without num_buffers if neither VERSION_1 nor MRG_RXBUF was negotiated */
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
enum { NET_HDR_NEEDS_CSUM = 1, NET_HDR_DATA_VALID = 2 };
enum { NET_HDR_GSO_NONE = 0, NET_HDR_GSO_TCPV4 = 1, NET_HDR_GSO_TCPV6 = 4, NET_HDR_GSO_ECN = 0x80 };

#define NET_MACS_MAX   64u   /* of the filter table */
#define NET_VLANS      4096u /* identifiers */
#define NET_VLAN_WORDS (NET_VLANS / 32)

/* Which frames the guest wants to see (section 5.1.6.5). */
struct net_filter {
    bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    bool too_many_unicast, too_many_multicast; /* the table was too long: all of that kind pass */
    unsigned mac_count;
    uint8_t macs[NET_MACS_MAX][6];
    uint32_t vlans[NET_VLAN_WORDS];
};

struct virtio_net {
    struct virtio_device device;
    struct netdev *netdev; /* NULL: none */
    uint8_t first_mac[6];  /* the address after a reset */
    struct net_filter filter;
    uint64_t guest_offloads; /* the guest's offload features that are on now */
    bool room_wanted;        /* a frame waits for the driver's buffers */

    struct virtq_chain rx_first, rx_next; /* used with the lock held only */
    struct net_coalesce waiting;          /* the frame to the guest that may still grow */
    struct virtq_chain tx_chain;          /* used with the lock held only */
    uint8_t tx_frame[NETDEV_FRAME_MAX];   /* belongs to the netdev's thread */
    struct virtq_chain ctrl_chain;
};

/* Is an offload for the guest's side negotiated and on? */
static inline bool net_guest_offload(const struct virtio_net *net, unsigned feature)
{
    return virtio_device_has(&net->device, feature) && net->guest_offloads >> feature & 1;
}

/* net_ctrl.c: the control queue and the filter. */
void net_ctrl_run(struct virtio_net *net);
void net_filter_reset(struct virtio_net *net);
bool net_filter_wants(const struct virtio_net *net, const uint8_t *frame, size_t length);
void net_filter_save(const struct virtio_net *net, struct state_writer *writer);
void net_filter_load(struct virtio_net *net, struct state_reader *reader);

#endif
