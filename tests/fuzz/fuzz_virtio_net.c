/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives a virtio network device with the fuzzer's bytes, on a network that is
 * this program. Rings, commands and frames are good at first; the input is combined with them by exclusive
 * or, so that each byte that is not zero breaks one thing. The rest of the input is a script of register
 * accesses, memory writes and frames that arrive. RAM lies between unmapped pages, and a frame that is longer
 * than any frame may be aborts.
 *
 *   byte 0      bit 0 legacy, bit 1 mergeable buffers, bit 2 event index, bit 3 guest's offloads,
 *               bit 4 filter
 *   byte 1      low four bits: receive buffers offered; high four: frames sent and commands given
 *   3 × 128     the descriptor tables of the three queues
 *   96 bytes    headers and data of the frames that are sent, and the commands
 *   rest        one operation in 6 bytes: kind, offset / 4, value
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "tests/devices/virtio/guest.h"

#define RING_AT    (GUEST_RAM_BASE + 0x10000)
#define RING_BYTES 0x4000u
#define SEND_AT    (GUEST_RAM_BASE + 0x30000)
#define COMMAND_AT (GUEST_RAM_BASE + 0x30040)
#define ANSWER_AT  (GUEST_RAM_BASE + 0x30800)
#define BUFFERS_AT (GUEST_RAM_BASE + 0x40000)
#define QUEUES     3u

static struct netdev wire[2];
static struct guest guests[2];
static struct ring rings[QUEUES];
static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static void wire_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    (void)netdev;
    volatile uint8_t last = frame[length - 1];
    (void)last;
    if (length < NETDEV_ETHERNET_HEADER || length > NETDEV_FRAME_MAX)
        abort();
}

static void wire_wake(struct netdev *netdev)
{
    (void)netdev;
}

static const struct netdev_ops wire_ops = { .name = "wire", .send = wire_send, .wake = wire_wake };

/* Both kinds of slot are made once; every input resets them. */
static void make_guests(void)
{
    for (unsigned n = 0; n < 2; n++) {
        struct error error;
        struct virtio_net_config config = { .netdev = &wire[n] };
        memcpy(config.mac, mac, 6);
        netdev_init(&wire[n], &wire_ops);
        wire[n].takes_large_tcp = wire[n].checksums_right = true;
        guest_init(&guests[n], n);
        struct virtio_device *vdev = virtio_net_create(&config, &error);
        if (!vdev) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        guest_plug(&guests[n], vdev);
    }
}

/* Combines the next bytes of the input with guest memory. */
static void disturb(struct guest *guest, uint64_t paddr, size_t length, const uint8_t **data, size_t *size)
{
    uint8_t *host = guest_host(guest, paddr);
    length = length < *size ? length : *size;
    for (size_t n = 0; n < length; n++)
        host[n] ^= (*data)[n];
    *data += length;
    *size -= length;
}

/* Delivers a TCP segment to the guest; its varying parts come from the input. */
static void deliver(struct netdev *netdev, unsigned number, const uint8_t *op)
{
    static const uint8_t head[54] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x55, 10,   0,    2,    2, 8,
                                      0,    0x45, 0, 0,    0,    0,    0,    0,    0,    64,   6,    0, 0,
                                      10,   0,    2, 2,    10,   0,    2,    15,   0x1f, 0x90, 0xc0, 0, 0,
                                      0,    0,    0, 0,    0,    0,    9,    0x50, 0x10, 0xff };
    uint8_t frame[1514] = { 0 };
    unsigned payload = op[1] & 1 ? 1000 : op[1] * 5u, sequence = number * 1000;
    memcpy(frame, head, sizeof(head));
    frame[16] = (uint8_t)((payload + 40) >> 8), frame[17] = (uint8_t)(payload + 40);
    frame[40] = (uint8_t)(sequence >> 8), frame[41] = (uint8_t)sequence;
    frame[op[2] % 64] ^= op[3];
    frame[op[4] % 64] ^= op[5];
    netdev_deliver(netdev, frame, 54 + payload);
}

static void lay_out(struct guest *guest, unsigned buffers, unsigned others)
{
    static const uint8_t command[26] = { 1, 0,    2, 0, 0, 0, 0x52, 1, 2, 3, 4,
                                         5, 0x52, 1, 2, 3, 4, 6,    1, 0, 0, 0 };
    for (unsigned n = 0; n < 8; n++)
        ring_desc(&rings[0], n, BUFFERS_AT + 0x1000 * n, n % 4 == 3 ? 200 : 1600, DESC_WRITE, 0);
    for (unsigned n = 0; n < buffers; n++)
        ring_offer(&rings[0], n % 8);
    memset(guest_host(guest, SEND_AT), 0, 0x1000);
    memcpy(guest_host(guest, COMMAND_AT), command, sizeof(command));
    uint8_t *header = guest_host(guest, SEND_AT);
    header[0] = 1, header[6] = 34, header[8] = 16;
    ring_desc(&rings[1], 0, SEND_AT, 8, DESC_NEXT, 1);
    ring_desc(&rings[1], 1, SEND_AT + 8, 100, 0, 0);
    ring_desc(&rings[1], 2, SEND_AT, 12, DESC_NEXT, 3);
    ring_desc(&rings[1], 3, BUFFERS_AT, 60000, 0, 0);
    ring_desc(&rings[2], 0, COMMAND_AT, 2, DESC_NEXT, 1);
    ring_desc(&rings[2], 1, COMMAND_AT + 2, 26, DESC_NEXT, 2);
    ring_desc(&rings[2], 2, ANSWER_AT, 1, DESC_WRITE, 0);
    for (unsigned n = 0; n < others; n++) {
        ring_offer(&rings[1], n % 2 ? 2 : 0);
        ring_offer(&rings[2], 0);
    }
}

static void operation(struct guest *guest, struct netdev *netdev, unsigned number, const uint8_t *op)
{
    uint32_t value = op[2] | op[3] << 8 | op[4] << 16 | (uint32_t)op[5] << 24;
    unsigned offset = op[1] * 4u;
    switch (op[0] % 9) {
    case 0: guest_write(guest, offset, value); break;
    case 1: guest_read(guest, offset); break;
    case 2: memcpy(guest_host(guest, rings[op[0] >> 6 & 1].desc + offset), &value, 4); break;
    case 3: memcpy(guest_host(guest, SEND_AT + offset), &value, 4); break;
    case 4: guest->slot->ops->write(guest->slot, REG_CONFIG + op[1], 1u << (op[0] >> 6), value); break;
    case 5: guest_write(guest, REG_NOTIFY, op[1] % 4); break;
    case 6: netdev_run(netdev); break;
    case 7: netdev_deliver_end(netdev); break;
    default: deliver(netdev, number, op); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guests[0].slot)
        make_guests();
    if (size < 2)
        return 0;
    struct guest *guest = &guests[data[0] & 1];
    struct netdev *netdev = &wire[data[0] & 1];
    uint64_t features = 1u << 28 | 1u << 0 | 1u << 11 | 1u << 17 | 1u << 18;
    features |= (data[0] & 2 ? 1u << 15 : 0) | (data[0] & 4 ? 1u << 29 : 0);
    features |= (data[0] & 8 ? 1u << 1 | 1u << 7 | 1u << 8 | 1u << 2 : 0);
    features |= (data[0] & 16 ? 1u << 19 | 1u << 20 | 1u << 23 : 0);
    guest_negotiate(guest, features);
    netdev_run(netdev); /* frames that still waited from the input before are dropped */
    for (unsigned n = 0; n < QUEUES; n++)
        guest_ring(guest, &rings[n], n, 8, RING_AT + n * RING_BYTES);
    guest_driver_ok(guest);
    lay_out(guest, data[1] & 15, data[1] >> 4);
    data += 2;
    size -= 2;
    for (unsigned n = 0; n < QUEUES; n++)
        disturb(guest, rings[n].desc, 128, &data, &size);
    disturb(guest, SEND_AT, 96, &data, &size);
    for (unsigned n = 0; n < QUEUES; n++)
        ring_kick(&rings[n]);
    netdev_run(netdev);
    for (unsigned number = 0; size >= 6; data += 6, size -= 6)
        operation(guest, netdev, number++, data);
    netdev_deliver_end(netdev);
    netdev_run(netdev);
    guest_write(guest, REG_STATUS, 0);
    return 0;
}
