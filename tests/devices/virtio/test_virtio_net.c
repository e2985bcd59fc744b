/* SPDX-License-Identifier: MIT
 *
 * The network device through its registers, on a network that is this test: frames go both ways byte for
 * byte, none is lost while the driver has no buffers, checksums and large frames are as the driver asked for,
 * the control queue filters, and a driver that breaks the rules harms only itself. The test's own thread is
 * the netdev's thread.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/offload.h"
#include "devices/virtio/net.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define RING_AT   (GUEST_RAM_BASE + 0x10000)
#define DATA_AT   (GUEST_RAM_BASE + 0x40000)
#define SEND_AT   (GUEST_RAM_BASE + 0xc0000)
#define RING_SIZE 64u
#define BUFFER    2048u

enum { F_CSUM = 0, F_GUEST_CSUM = 1, F_MAC = 5, F_GUEST_TSO4 = 7, F_HOST_TSO4 = 11, F_MRG = 15 };
enum { F_STATUS = 16, F_CTRL = 17, F_CTRL_RX = 18, F_CTRL_VLAN = 19, F_ANNOUNCE = 21, F_CTRL_MAC = 23 };
#define BIT(n) (1ull << (n))

struct wire {
    struct netdev netdev;
    uint8_t sent[8][NETDEV_FRAME_MAX];
    size_t lengths[8];
    unsigned count;
    atomic_uint wakes;
};

static void wire_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct wire *to = (struct wire *)netdev;
    ck_assert_uint_lt(to->count, 8);
    memcpy(to->sent[to->count], frame, length);
    to->lengths[to->count++] = length;
}

static void wire_wake(struct netdev *netdev)
{
    atomic_fetch_add(&((struct wire *)netdev)->wakes, 1);
}

static const struct netdev_ops wire_ops = { .name = "wire", .send = wire_send, .wake = wire_wake };
static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct wire wire;
static struct guest guest;
static struct ring rx, tx, ctrl;
static unsigned header_bytes, rx_next;

static void plug(bool legacy)
{
    struct error error;
    struct virtio_net_config config = { .netdev = &wire.netdev };
    memcpy(config.mac, mac, 6);
    netdev_init(&wire.netdev, &wire_ops);
    wire.netdev.takes_large_tcp = wire.netdev.checksums_right = true;
    wire.count = 0;
    struct virtio_device *vdev = virtio_net_create(&config, &error);
    ck_assert_ptr_nonnull(vdev);
    guest_init(&guest, legacy);
    guest_plug(&guest, vdev);
}

static void start(uint64_t features)
{
    ck_assert(guest_negotiate(&guest, features) & (guest.legacy ? VIRTIO_DRIVER : VIRTIO_FEATURES_OK));
    guest_ring(&guest, &rx, 0, RING_SIZE, RING_AT);
    guest_ring(&guest, &tx, 1, RING_SIZE, RING_AT + 0x4000);
    guest_ring(&guest, &ctrl, 2, RING_SIZE, RING_AT + 0x8000);
    guest_driver_ok(&guest);
    header_bytes = guest.legacy && !(features & BIT(F_MRG)) ? 10 : 12;
    rx_next = 0;
}

static void finish(void)
{
    guest_destroy(&guest);
    netdev_fini(&wire.netdev);
}

static void fill_frame(uint8_t *frame, size_t length, unsigned seed)
{
    memcpy(frame, mac, 6);
    memset(frame + 6, 0x52, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5; /* for experiments */
    for (size_t n = 14; n < length; n++)
        frame[n] = (uint8_t)(n * 7 + seed);
}

static void offer_rx(unsigned count, uint32_t bytes)
{
    for (; count; count--, rx_next++) {
        unsigned n = rx_next % RING_SIZE;
        ring_desc(&rx, n, DATA_AT + n * BUFFER, bytes, DESC_WRITE, 0);
        ring_offer(&rx, n);
    }
    ring_kick(&rx);
}

/* Takes the next received frame; returns its length, its header in *header. */
static size_t take_rx(uint8_t *header, uint8_t *frame)
{
    size_t done = 0;
    unsigned buffers = 1;
    for (unsigned n = 0; n < buffers; n++) {
        uint32_t head, written;
        ck_assert_uint_gt(ring_returned(&rx), 0);
        ck_assert(ring_take(&rx, &head, &written));
        const uint8_t *bytes = guest_host(&guest, DATA_AT + head * BUFFER);
        if (n == 0) {
            ck_assert_uint_ge(written, header_bytes);
            memcpy(header, bytes, header_bytes);
            if (header_bytes == 12)
                buffers = bytes[10] | (unsigned)bytes[11] << 8;
            bytes += header_bytes;
            written -= header_bytes;
        }
        memcpy(frame + done, bytes, written);
        done += written;
    }
    return done;
}

static void send_chain(const uint8_t *header, const uint8_t *frame, size_t length)
{
    uint8_t *bytes = guest_host(&guest, SEND_AT);
    memcpy(bytes, header, header_bytes);
    memcpy(bytes + header_bytes, frame, length);
    ring_desc(&tx, 0, SEND_AT, 7, DESC_NEXT, 1); /* cut at an odd place */
    ring_desc(&tx, 1, SEND_AT + 7, (uint32_t)length + header_bytes - 7, 0, 0);
    ring_offer(&tx, 0);
    ring_kick(&tx);
}

START_TEST(both_ways)
{
    static uint8_t frame[2000], got[NETDEV_FRAME_MAX], header[12];
    plug(_i & 1);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 1);
    start(_i & 2 ? BIT(F_MRG) : 0);
    for (unsigned n = 0; n < 6; n++)
        ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + n, 1), mac[n]);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 6, 2), 1);
    for (unsigned n = 0; n < 100; n++) {
        size_t length = 14 + n * 15;
        fill_frame(frame, length, n);
        offer_rx(1, BUFFER);
        netdev_deliver(&wire.netdev, frame, length);
        netdev_deliver_end(&wire.netdev);
        ck_assert(atomic_load(&guest.irq));
        ck_assert_uint_eq(take_rx(header, got), length);
        ck_assert_mem_eq(got, frame, length);
        ck_assert_uint_eq(header[0], 0); /* the driver takes no offloads */
        memset(header, 0, sizeof(header));
        unsigned wakes = atomic_load(&wire.wakes);
        send_chain(header, frame, length);
        ck_assert_uint_gt(atomic_load(&wire.wakes), wakes);
        wire.count = 0;
        ck_assert(!netdev_run(&wire.netdev));
        ck_assert(ring_take(&tx, NULL, NULL));
        ck_assert_uint_eq(wire.count, 1);
        ck_assert_uint_eq(wire.lengths[0], length);
        ck_assert_mem_eq(wire.sent[0], frame, length);
    }
    finish();
}
END_TEST

/* There are more frames than buffers: the rest waits, and arrives in order when the driver has buffers
 * again. */
START_TEST(nothing_is_lost)
{
    static uint8_t frame[1514], got[NETDEV_FRAME_MAX], header[12];
    plug(_i & 1);
    start(_i & 2 ? BIT(F_MRG) | BIT(29) : BIT(29));
    offer_rx(3, BUFFER);
    for (unsigned n = 0; n < 100; n++) {
        fill_frame(frame, sizeof(frame), n);
        netdev_deliver(&wire.netdev, frame, sizeof(frame));
    }
    netdev_deliver_end(&wire.netdev);
    unsigned next = 0;
    while (next < 100) {
        unsigned here = ring_returned(&rx);
        ck_assert_uint_gt(here, 0);
        for (; here; here--, next++) {
            fill_frame(frame, sizeof(frame), next);
            ck_assert_uint_eq(take_rx(header, got), sizeof(frame));
            ck_assert_mem_eq(got, frame, sizeof(frame));
        }
        unsigned wakes = atomic_load(&wire.wakes);
        offer_rx(7, BUFFER);
        ck_assert_uint_eq(atomic_load(&wire.wakes), next < 100 ? wakes + 1 : wakes);
        netdev_run(&wire.netdev);
    }
    ck_assert_uint_eq(ring_returned(&rx), 0);
    /* Only a limited number of frames wait. */
    unsigned fit = 0;
    for (; !netdev_is_full(&wire.netdev); fit++) {
        ck_assert_uint_le(fit, 8 + NETDEV_QUEUE_ENOUGH / sizeof(frame));
        netdev_deliver(&wire.netdev, frame, sizeof(frame));
    }
    ck_assert_uint_ge(fit, NETDEV_QUEUE_ENOUGH / sizeof(frame));
    for (unsigned n = 0; n < NETDEV_QUEUE_LIMIT / sizeof(frame); n++)
        netdev_deliver(&wire.netdev, frame, sizeof(frame));
    ck_assert_uint_le(wire.netdev.queued, NETDEV_QUEUE_LIMIT);
    /* After a reset there is no driver, and the frames are dropped. */
    guest_write(&guest, REG_STATUS, 0);
    netdev_run(&wire.netdev);
    ck_assert_uint_eq(wire.netdev.queued, 0);
    finish();
}
END_TEST

/* A TCP segment of a connection, with right checksums. */
static size_t tcp_frame(uint8_t *frame, uint32_t seq, size_t payload, uint8_t flags)
{
    size_t length = 54 + payload;
    memset(frame, 0, 54);
    memcpy(frame, mac, 6);
    memset(frame + 6, 0x52, 6);
    frame[12] = 8;
    static const uint8_t ip[20] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 2, 2, 10, 0, 2, 15 };
    memcpy(frame + 14, ip, 20);
    frame[16] = (uint8_t)((length - 14) >> 8);
    frame[17] = (uint8_t)(length - 14);
    frame[18] = (uint8_t)(seq >> 8); /* identification: differs from frame to frame */
    frame[34] = 0x1f, frame[35] = 0x90, frame[36] = 0xc0;
    for (unsigned n = 0; n < 4; n++)
        frame[38 + n] = (uint8_t)(seq >> (24 - 8 * n));
    frame[45] = 9, frame[46] = 0x50, frame[47] = flags, frame[48] = 0xff;
    for (size_t n = 0; n < payload; n++)
        frame[54 + n] = (uint8_t)((seq + n) * 13 >> 3);
    net_checksum_complete(frame, 34, 14, 10);
    uint64_t pseudo = net_sum(frame + 26, 8) + 6 + (length - 34);
    uint16_t sum = net_sum_fold(pseudo);
    frame[50] = (uint8_t)(sum >> 8);
    frame[51] = (uint8_t)sum;
    net_checksum_complete(frame, length, 34, 16);
    return length;
}

static bool checksum_right(const uint8_t *frame, size_t length)
{
    return net_sum_fold(net_sum(frame + 26, 8) + 6 + (length - 34) + net_sum(frame + 34, length - 34)) ==
           0xffff;
}

START_TEST(checksum_and_large_frames_from_the_guest)
{
    static uint8_t frame[NETDEV_FRAME_MAX], header[12];
    static const size_t payloads[] = { 1, 2, 3, 15, 16, 17, 1459, 1460, 30001, 65481 };
    plug(_i);
    start(BIT(F_CSUM) | BIT(F_HOST_TSO4));
    for (unsigned n = 0; n < sizeof(payloads) / sizeof(payloads[0]); n++) {
        size_t length = tcp_frame(frame, 1000, payloads[n], 0x18);
        ck_assert(checksum_right(frame, length));
        uint16_t pseudo = net_sum_fold(net_sum(frame + 26, 8) + 6 + (length - 34));
        frame[50] = (uint8_t)(pseudo >> 8);
        frame[51] = (uint8_t)pseudo;
        memset(header, 0, sizeof(header));
        header[0] = 1; /* NEEDS_CSUM */
        header[1] = length > 1514;
        header[2] = 54;
        header[4] = 0xb4, header[5] = 5;
        header[6] = 34, header[8] = 16;
        send_chain(header, frame, length);
        wire.count = 0;
        netdev_run(&wire.netdev);
        ck_assert(ring_take(&tx, NULL, NULL));
        ck_assert_uint_eq(wire.count, 1);
        ck_assert_uint_eq(wire.lengths[0], length);
        ck_assert(checksum_right(wire.sent[0], length));
        ck_assert_mem_eq(wire.sent[0] + 54, frame + 54, length - 54);
    }
    /* A frame that cannot be processed is not sent, and its chain comes back. */
    static const uint8_t bad[][12] = {
        { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 16 },
        { 1, 0, 0, 0, 0, 0, 34, 0, 0xff, 0xff },
        { 1, 0, 0, 0, 0, 0, 99, 0, 0 },
        { 1, 0, 0, 0, 0, 0, 34, 0, 65, 0 },
        { 0, 3 },
        { 0, 4 },
        { 0, 5 },
    };
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        send_chain(bad[n], frame, 100);
        wire.count = 0;
        netdev_run(&wire.netdev);
        ck_assert(ring_take(&tx, NULL, NULL));
        ck_assert_uint_eq(wire.count, 0);
    }
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    finish();
}
END_TEST

/* Segments that follow each other arrive as one frame with the same bytes. */
START_TEST(segments_go_up_together)
{
    static uint8_t frame[1514], got[NETDEV_FRAME_MAX], header[12];
    static uint8_t stream[30 * 1460];
    plug(false);
    start(BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_MRG));
    offer_rx(60, BUFFER);
    for (unsigned n = 0; n < 30; n++) {
        size_t length = tcp_frame(frame, 5000 + n * 1460, n == 29 ? 700 : 1460, n == 29 ? 0x18 : 0x10);
        memcpy(stream + n * 1460, frame + 54, length - 54);
        netdev_deliver(&wire.netdev, frame, length);
        ck_assert_uint_eq(ring_returned(&rx), 0);
    }
    netdev_deliver_end(&wire.netdev);
    size_t length = take_rx(header, got);
    ck_assert_uint_eq(length, 54 + 29 * 1460 + 700);
    static const uint8_t expected[10] = { 1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0 };
    ck_assert_mem_eq(header, expected, 10);
    ck_assert_mem_eq(got + 54, stream, length - 54);
    ck_assert_uint_eq((unsigned)got[16] << 8 | got[17], length - 14);
    ck_assert_uint_eq(net_sum_fold(net_sum(got + 14, 20)), 0xffff);
    ck_assert(net_checksum_complete(got, length, 34, 16));
    ck_assert(checksum_right(got, length));
    ck_assert_uint_eq(got[47], 0x18);
    ck_assert_uint_eq(ring_returned(&rx), 0);
    /* Segments that do not continue each other stay apart: another port, a gap, another window, FIN, a longer
     * one. */
    static const struct {
        unsigned at;
        uint8_t value;
        uint32_t seq;
        size_t payload;
    } odd[] = { { 35, 0x91, 2000, 1000 }, { 38, 0, 2001, 1000 },    { 48, 0xfe, 2000, 1000 },
                { 47, 0x11, 2000, 1000 }, { 22, 63, 2000, 1000 },   { 38, 0, 2000, 1001 },
                { 46, 0x60, 2000, 1000 }, { 14, 0x46, 2000, 1000 }, { 20, 0x20, 2000, 1000 } };
    for (unsigned n = 0; n < sizeof(odd) / sizeof(odd[0]); n++) {
        offer_rx(4, BUFFER);
        netdev_deliver(&wire.netdev, frame, tcp_frame(frame, 1000, 1000, 0x10));
        length = tcp_frame(frame, odd[n].seq, odd[n].payload, 0x10);
        frame[odd[n].at] = odd[n].value;
        netdev_deliver(&wire.netdev, frame, length);
        netdev_deliver_end(&wire.netdev);
        ck_assert_uint_eq(take_rx(header, got), 1054);
        ck_assert_uint_eq(header[0], 2); /* DATA_VALID */
        ck_assert_uint_eq(header[1], 0);
        ck_assert_uint_eq(take_rx(header, got), length);
        ck_assert_mem_eq(got, frame, length);
        ck_assert_uint_eq(ring_returned(&rx), 0);
    }
    finish();
}
END_TEST

/* A large frame needs more buffers than there are: it waits, then arrives whole, in small buffers of the
 * driver. */
START_TEST(large_frames_wait)
{
    static uint8_t frame[1514], got[NETDEV_FRAME_MAX], header[12];
    plug(false);
    start(BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_MRG));
    offer_rx(5, 300);
    for (unsigned n = 0; n < 8; n++)
        netdev_deliver(&wire.netdev, frame, tcp_frame(frame, 5000 + n * 1000, 1000, 0x10));
    netdev_deliver_end(&wire.netdev);
    ck_assert_uint_eq(ring_returned(&rx), 0);
    offer_rx(10, 300);
    netdev_run(&wire.netdev);
    ck_assert_uint_eq(ring_returned(&rx), 0);
    offer_rx(20, 300);
    netdev_run(&wire.netdev);
    ck_assert_uint_eq(take_rx(header, got), 54 + 8000);
    for (unsigned n = 0; n < 8; n++) {
        tcp_frame(frame, 5000 + n * 1000, 1000, 0x10);
        ck_assert_mem_eq(got + 54 + n * 1000, frame + 54, 1000);
    }
    /* A frame that the whole ring could not hold is dropped, and the queue continues. */
    while (ring_returned(&rx))
        ring_take(&rx, NULL, NULL);
    start(BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_MRG));
    offer_rx(RING_SIZE, 100);
    for (unsigned n = 0; n < 8; n++)
        netdev_deliver(&wire.netdev, frame, tcp_frame(frame, 5000 + n * 1000, 1000, 0x10));
    netdev_deliver_end(&wire.netdev);
    uint32_t written;
    ck_assert(ring_take(&rx, NULL, &written));
    ck_assert_uint_eq(written, 0);
    ck_assert_uint_eq(ring_returned(&rx), 0);
    netdev_deliver(&wire.netdev, frame, tcp_frame(frame, 5000, 20, 0x10));
    netdev_deliver_end(&wire.netdev);
    ck_assert_uint_eq(take_rx(header, got), 74);
    finish();
}
END_TEST

/* Sends one command; returns the answer. */
static uint8_t command(uint8_t class, uint8_t number, const void *data, uint32_t length)
{
    uint8_t *bytes = guest_host(&guest, SEND_AT);
    bytes[0] = class;
    bytes[1] = number;
    memcpy(bytes + 2, data, length);
    bytes[0x1000] = 0xee;
    ring_desc(&ctrl, 0, SEND_AT, 2, DESC_NEXT, 1);
    ring_desc(&ctrl, 1, SEND_AT + 2, length, DESC_NEXT, 2);
    ring_desc(&ctrl, 2, SEND_AT + 0x1000, 1, DESC_WRITE, 0);
    ring_offer(&ctrl, 0);
    ring_kick(&ctrl);
    uint32_t written;
    ck_assert(ring_take(&ctrl, NULL, &written));
    ck_assert_uint_eq(written, 1);
    return bytes[0x1000];
}

static bool arrives(const uint8_t *to, unsigned vlan)
{
    static uint8_t frame[64], got[NETDEV_FRAME_MAX], header[12];
    fill_frame(frame, sizeof(frame), 0);
    memcpy(frame, to, 6);
    if (vlan) {
        frame[12] = 0x81, frame[13] = 0;
        frame[14] = (uint8_t)(vlan >> 8), frame[15] = (uint8_t)vlan;
    }
    offer_rx(1, BUFFER);
    netdev_deliver(&wire.netdev, frame, sizeof(frame));
    netdev_deliver_end(&wire.netdev);
    if (!ring_returned(&rx))
        return false;
    take_rx(header, got);
    return true;
}

START_TEST(filter)
{
    static const uint8_t other[6] = { 0x52, 1, 2, 3, 4, 5 }, group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t on = 1, off = 0, two = 2;
    plug(_i);
    start(BIT(F_CTRL) | BIT(F_CTRL_RX) | BIT(20) | BIT(F_CTRL_VLAN) | BIT(F_CTRL_MAC));
    ck_assert(arrives(other, 0) && arrives(mac, 0) && arrives(group, 0) && arrives(all, 0));
    ck_assert_uint_eq(command(0, 0, &off, 1), 0);
    ck_assert(!arrives(other, 0) && arrives(mac, 0) && !arrives(group, 0) && arrives(all, 0));
    ck_assert_uint_eq(command(0, 1, &on, 1), 0); /* all multicast */
    ck_assert(!arrives(other, 0) && arrives(group, 0));
    ck_assert_uint_eq(command(0, 1, &off, 1), 0);
    ck_assert_uint_eq(command(0, 5, &on, 1), 0); /* no broadcast */
    ck_assert(!arrives(all, 0));
    ck_assert_uint_eq(command(0, 4, &on, 1), 0); /* no unicast */
    ck_assert(!arrives(mac, 0));
    ck_assert_uint_eq(command(0, 4, &off, 1), 0);
    uint8_t table[20] = { 1 };
    memcpy(table + 4, other, 6);
    table[10] = 1;
    memcpy(table + 14, group, 6);
    ck_assert_uint_eq(command(1, 0, table, 20), 0);
    ck_assert(arrives(other, 0) && arrives(group, 0) && arrives(mac, 0));
    table[10] = 2; /* more entries than the data has: refused, nothing changed */
    ck_assert_uint_eq(command(1, 0, table, 20), 1);
    table[0] = table[1] = table[2] = table[3] = 0xff;
    ck_assert_uint_eq(command(1, 0, table, 20), 1);
    ck_assert(arrives(other, 0) && arrives(group, 0));
    static const uint8_t empty[8] = { 0 };
    ck_assert_uint_eq(command(1, 0, empty, 8), 0);
    ck_assert(!arrives(other, 0) && !arrives(group, 0));
    ck_assert_uint_eq(command(1, 1, other, 6), 0); /* the driver sets another address as its own */
    ck_assert(arrives(other, 0) && !arrives(mac, 0));
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 5, 1), 5);
    static const uint8_t vlan[2] = { 0x23, 0x01 };
    ck_assert(!arrives(other, 0x123));
    ck_assert_uint_eq(command(2, 0, vlan, 2), 0);
    ck_assert(arrives(other, 0x123) && !arrives(other, 0x124));
    ck_assert_uint_eq(command(2, 1, vlan, 2), 0);
    ck_assert(!arrives(other, 0x123));
    /* Refused: unknown, too short, impossible, not negotiated. */
    static const uint8_t big[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    ck_assert_uint_eq(command(0, 0, &two, 1), 1);
    ck_assert_uint_eq(command(0, 6, &on, 1), 1);
    ck_assert_uint_eq(command(1, 1, other, 5), 1);
    ck_assert_uint_eq(command(2, 0, big, 2), 1);
    ck_assert_uint_eq(command(2, 2, vlan, 2), 1);
    ck_assert_uint_eq(command(3, 0, &on, 0), 1);
    ck_assert_uint_eq(command(4, 0, vlan, 2), 1);
    ck_assert_uint_eq(command(5, 0, big, 8), 1);
    ck_assert_uint_eq(command(9, 9, big, 8), 1);
    /* More unicast addresses than the table holds: all addresses pass. */
    static uint8_t many[4 + 65 * 6 + 4] = { 65 };
    ck_assert_uint_eq(command(1, 0, many, sizeof(many)), 0);
    ck_assert(arrives(mac, 0) && !arrives(group, 0));
    finish();
}
END_TEST

START_TEST(state)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    static const uint8_t off = 0, other[6] = { 0x52, 1, 2, 3, 4, 5 };
    uint64_t features = BIT(F_CTRL) | BIT(F_CTRL_RX) | BIT(F_CTRL_MAC) | BIT(F_ANNOUNCE) | BIT(F_STATUS);
    plug(false);
    start(features);
    ck_assert_uint_eq(command(0, 0, &off, 1), 0);
    ck_assert_uint_eq(command(1, 1, other, 6), 0);
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    static uint8_t ram[GUEST_RAM_SIZE];
    memcpy(ram, guest.ram, sizeof(ram));
    finish();
    plug(false);
    memcpy(guest.ram, ram, sizeof(ram));
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    rx.guest = ctrl.guest = &guest;
    ck_assert(arrives(other, 0) && !arrives(mac, 0));
    /* The driver is asked to announce itself, and confirms that it did. */
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 6, 2), 3);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT) & 2, 2);
    ck_assert_uint_eq(command(3, 0, &off, 0), 0);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 6, 2), 1);
    state_writer_destroy(&writer);
    finish();
}
END_TEST

/* Chains that break the rules: the device stops, the program does not, and a reset brings the device back. */
START_TEST(hostile_chains)
{
    static uint8_t frame[200], got[NETDEV_FRAME_MAX], header[12];
    plug(false);
    fill_frame(frame, sizeof(frame), 1);
    for (unsigned n = 0; n < 5; n++) {
        start(_i ? BIT(F_MRG) : 0);
        switch (n) {
        case 0: /* no room for the header */ offer_rx(1, 11); break;
        case 1: /* a readable buffer */
            ring_desc(&rx, 0, DATA_AT, 2048, 0, 0);
            ring_offer(&rx, 0);
            break;
        case 2: /* a command without an answer */
            ring_desc(&ctrl, 0, SEND_AT, 2, 0, 0);
            ring_offer(&ctrl, 0);
            ring_kick(&ctrl);
            break;
        case 3: /* not RAM */
            ring_desc(&tx, 0, 0x1000, 100, 0, 0);
            ring_offer(&tx, 0);
            ring_kick(&tx);
            break;
        default: /* a loop */
            ring_desc(&tx, 0, SEND_AT, 100, DESC_NEXT, 0);
            ring_offer(&tx, 0);
            ring_kick(&tx);
            break;
        }
        netdev_deliver(&wire.netdev, frame, sizeof(frame));
        netdev_deliver_end(&wire.netdev);
        netdev_run(&wire.netdev);
        ck_assert_msg(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, "case %u", n);
    }
    guest_write(&guest, REG_STATUS, 0);
    netdev_run(&wire.netdev); /* frames that still waited are dropped */
    start(0);
    offer_rx(1, BUFFER);
    netdev_deliver(&wire.netdev, frame, sizeof(frame));
    netdev_deliver_end(&wire.netdev);
    ck_assert_uint_eq(take_rx(header, got), sizeof(frame));
    /* A frame that is too long for the buffer, or too short to be a frame, is dropped alone. */
    offer_rx(1, 100);
    netdev_deliver(&wire.netdev, frame, sizeof(frame));
    netdev_deliver(&wire.netdev, frame, 13);
    netdev_deliver_end(&wire.netdev);
    uint32_t written;
    ck_assert(ring_take(&rx, NULL, &written));
    ck_assert_uint_eq(written, 0);
    memset(header, 0, sizeof(header));
    send_chain(header, frame, 13);
    netdev_run(&wire.netdev);
    ck_assert(ring_take(&tx, NULL, NULL));
    ck_assert_uint_eq(wire.count, 0);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    finish();
}
END_TEST

START_TEST(legacy_driver_sets_its_address)
{
    plug(true);
    start(0);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 5, 1, 0x99);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 5, 1), 0x99);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 6, 2, 0);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 4, 4, 0);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 6, 2), 1);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 5, 1), 0x99);
    guest_write(&guest, REG_STATUS, 0);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 5, 1), 0x56);
    finish();
}
END_TEST

/* A feature that is withheld takes along those that need it (section 5.1.3.1). */
START_TEST(withheld_features)
{
    static const struct {
        uint64_t withheld, gone;
    } rows[] = {
        { BIT(F_CSUM), BIT(F_CSUM) | BIT(F_HOST_TSO4) },
        { BIT(F_GUEST_CSUM), BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(8) },
        { BIT(F_CTRL),
          BIT(2) | BIT(F_CTRL) | BIT(F_CTRL_RX) | BIT(F_CTRL_VLAN) | BIT(F_ANNOUNCE) | BIT(F_CTRL_MAC) },
        { BIT(F_MRG), BIT(F_MRG) },
        { BIT(28) | BIT(29), BIT(28) | BIT(29) },
        { 0, 0 },
    };
    struct error error;
    struct virtio_net_config config = { .netdev = &wire.netdev };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        netdev_init(&wire.netdev, &wire_ops);
        wire.netdev.takes_large_tcp = wire.netdev.checksums_right = true;
        struct virtio_device *vdev = virtio_net_create(&config, &error);
        uint64_t before = vdev->offered;
        virtio_device_withhold(vdev, rows[n].withheld);
        ck_assert_msg((before & ~vdev->offered & (BIT(20) - 1)) == (rows[n].gone & (BIT(20) - 1)) &&
                          !(vdev->offered & rows[n].gone),
                      "row %zu: 0x%llx", n, (unsigned long long)vdev->offered);
        virtio_device_destroy(vdev);
        netdev_fini(&wire.netdev);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio-net");
    TCase *tcase = tcase_create("net");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, both_ways, 0, 4);
    tcase_add_loop_test(tcase, nothing_is_lost, 0, 4);
    tcase_add_loop_test(tcase, checksum_and_large_frames_from_the_guest, 0, 2);
    tcase_add_test(tcase, withheld_features);
    tcase_add_test(tcase, segments_go_up_together);
    tcase_add_test(tcase, large_frames_wait);
    tcase_add_loop_test(tcase, filter, 0, 2);
    tcase_add_test(tcase, state);
    tcase_add_loop_test(tcase, hostile_chains, 0, 2);
    tcase_add_test(tcase, legacy_driver_sets_its_address);
    suite_add_tcase(suite, tcase);
    return suite;
}
