/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest's frames go through devices/net/guard.h into the real libslirp. An input is a
 * list of frames of a few kinds (ARP, DHCP, TFTP, TCP, UDP, pings, neighbour discovery, DHCPv6). Each frame
 * has some bytes changed, is cut or made longer, has right or wrong checksums, and comes whole or in
 * fragments of any order, while time passes. TCP goes to a server that is this program; its sequence numbers
 * follow what libslirp has sent. Without the guard (FUZZ_UNGUARDED in the environment) libslirp's faults
 * appear.
 *
 * libslirp opens sockets to wherever frames say, so this runs in a network namespace of its own, without any
 * way out.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/guard.h"
#include "devices/net/offload.h"

#define ROOM  70000u
#define KINDS 12u

struct timer {
    SlirpTimerId id;
    void *opaque;
    int64_t expires;
};
static struct timer timers[8];
static int64_t now_ms = 1000;
static Slirp *slirp;
static struct net_guard *guard;
static uint32_t tcp_next, tcp_ack; /* of the connection: from what the guest was sent */

static ssize_t on_packet(const void *bytes, size_t length, void *opaque)
{
    (void)opaque;
    const uint8_t *at = bytes;
    volatile uint8_t last = at[length - 1];
    (void)last;
    if (length >= 54 && at[12] == 8 && at[23] == 6) {
        memcpy(&tcp_ack, at + 38, 4);
        memcpy(&tcp_next, at + 42, 4);
        if (at[47] & 2)
            tcp_ack = htonl(ntohl(tcp_ack) + 1);
    }
    return (ssize_t)length;
}

static void on_error(const char *text, void *opaque)
{
    (void)text, (void)opaque;
}

static int64_t on_clock(void *opaque)
{
    (void)opaque;
    return now_ms * 1000000;
}

static void *on_timer_new(SlirpTimerId id, void *timer_opaque, void *opaque)
{
    (void)opaque;
    for (unsigned n = 0; n < 8; n++) {
        if (!timers[n].expires) {
            timers[n] = (struct timer){ id, timer_opaque, INT64_MAX };
            return &timers[n];
        }
    }
    abort();
}

static void on_timer_free(void *timer, void *opaque)
{
    (void)opaque;
    ((struct timer *)timer)->expires = 0;
}

static void on_timer_mod(void *timer, int64_t expires, void *opaque)
{
    (void)opaque;
    ((struct timer *)timer)->expires = expires;
}

static void on_fd(int fd, void *opaque)
{
    (void)fd, (void)opaque;
}

static void on_notify(void *opaque)
{
    (void)opaque;
}

static ssize_t on_served(const void *bytes, size_t length, void *opaque)
{
    (void)bytes, (void)opaque;
    return (ssize_t)length;
}

static int on_add_poll(int fd, int events, void *opaque)
{
    (void)fd, (void)events, (void)opaque;
    return -1;
}

static int on_revents(int index, void *opaque)
{
    (void)index, (void)opaque;
    return 0;
}

static const SlirpCb callbacks = { on_packet, on_error, on_clock,  NULL, on_timer_free, on_timer_mod,
                                   on_fd,     on_fd,    on_notify, NULL, on_timer_new };

static void make_slirp(void)
{
    SlirpConfig config = { .version = 4, .in_enabled = true, .in6_enabled = true, .tftp_path = "/etc/dpkg" };
    struct net_guard_config own;
    struct in_addr server;
    inet_pton(AF_INET, "10.0.2.0", &config.vnetwork);
    inet_pton(AF_INET, "255.255.255.0", &config.vnetmask);
    inet_pton(AF_INET, "10.0.2.2", &config.vhost);
    inet_pton(AF_INET, "10.0.2.3", &config.vnameserver);
    inet_pton(AF_INET, "10.0.2.15", &config.vdhcp_start);
    inet_pton(AF_INET, "10.0.2.100", &server);
    inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &config.vhost6);
    inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
    config.vprefix_len = 64;
    memcpy(own.host6, &config.vhost6, 16);
    memcpy(own.dns6, &config.vnameserver6, 16);
    slirp = slirp_new(&config, &callbacks, NULL);
    guard = net_guard_create(&own);
    if (!slirp || !guard || slirp_add_guestfwd(slirp, on_served, NULL, &server, 80))
        abort();
}

static void time_passes(unsigned ms)
{
    uint32_t timeout = 1000;
    now_ms += ms;
    for (unsigned n = 0; n < 8; n++) {
        if (timers[n].expires && timers[n].expires <= now_ms) {
            timers[n].expires = INT64_MAX;
            slirp_handle_timer(slirp, timers[n].id, timers[n].opaque);
        }
    }
    slirp_pollfds_fill(slirp, &timeout, on_add_poll, NULL);
    slirp_pollfds_poll(slirp, 0, on_revents, NULL);
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static void sum16(uint8_t *at, const uint8_t *bytes, size_t length, uint64_t more)
{
    at[0] = at[1] = 0;
    put16(at, (uint16_t)~net_sum_fold(net_sum(bytes, length) + more));
}

/* Sets the checksums that the headers ask for, as far as they lie in the frame. */
static void put_sums(uint8_t *frame, size_t length)
{
    static const uint8_t places[256] = { [1] = 2 + 1, [6] = 16 + 1, [17] = 6 + 1, [58] = 2 + 1 };
    bool ipv6 = frame[12] == 0x86;
    size_t header = ipv6 ? 40 : (frame[14] & 15u) * 4u, above = 14 + header;
    unsigned protocol = ipv6 ? frame[20] : frame[23];
    if (frame[12] == 8 && frame[13] == 6)
        return;
    if (places[protocol] && length >= above + 20) {
        uint8_t *at = frame + above + places[protocol] - 1;
        size_t said =
            ipv6 ? (size_t)frame[18] << 8 | frame[19] : ((size_t)frame[16] << 8 | frame[17]) - header;
        size_t size = said < length - above ? said : length - above;
        uint64_t pseudo = net_sum(frame + (ipv6 ? 22 : 26), ipv6 ? 32 : 8) + protocol + size;
        sum16(at, frame + above, size, protocol == 1 ? 0 : pseudo);
    }
    if (!ipv6 && length >= 14 + header)
        sum16(frame + 24, frame + 14, header, 0);
}

static size_t ipv4(uint8_t *frame, unsigned protocol, unsigned last, size_t above)
{
    static const uint8_t head[20] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2 };
    put16(frame + 12, 0x0800);
    memcpy(frame + 14, head, 20);
    put16(frame + 16, 20 + above);
    frame[23] = (uint8_t)protocol;
    frame[33] = (uint8_t)last;
    return 34 + above;
}

static size_t ipv6(uint8_t *frame, unsigned next, unsigned last, size_t above)
{
    put16(frame + 12, 0x86dd);
    frame[14] = 0x60;
    put16(frame + 18, above);
    frame[20] = (uint8_t)next, frame[21] = 255;
    frame[22] = frame[38] = 0xfe, frame[23] = frame[39] = 0xc0;
    frame[37] = 15, frame[53] = (uint8_t)last;
    return 54 + above;
}

static size_t udp(uint8_t *at, unsigned port, size_t payload)
{
    put16(at, 68), put16(at + 2, port), put16(at + 4, 8 + payload);
    return 8 + payload;
}

static size_t tcp(uint8_t *frame, uint8_t flags, size_t payload)
{
    uint8_t *at = frame + 34;
    put16(at, 2000), put16(at + 2, 80);
    memcpy(at + 4, &tcp_next, 4);
    memcpy(at + 8, &tcp_ack, 4);
    at[12] = 0x50, at[13] = flags, at[14] = 0x20;
    return ipv4(frame, 6, 100, 20 + payload);
}

static size_t make(uint8_t *frame, unsigned kind)
{
    static const uint8_t arp[28] = { 0,  1, 8, 0,  6, 4, 0, 1, 0x52, 0x54, 0,  1, 2, 3,
                                     10, 0, 2, 15, 0, 0, 0, 0, 0,    0,    10, 0, 2, 2 };
    static const uint8_t dhcp[8] = { 99, 130, 83, 99, 53, 1, 1, 255 };
    static const char tftp[] = "\0\1arch\0octet\0blksize\0001400\0tsize\0000";
    memset(frame, 0, ROOM);
    memcpy(frame + 6, arp + 8, 6);
    switch (kind) {
    case 0: put16(frame + 12, 0x0806), memcpy(frame + 14, arp, sizeof(arp)); return 42;
    case 1:
        frame[42] = frame[43] = 1, frame[44] = 6;
        memcpy(frame + 70, arp + 8, 6);
        memcpy(frame + 278, dhcp, sizeof(dhcp));
        return ipv4(frame, 17, 2, udp(frame + 34, 67, 300));
    case 2:
        memcpy(frame + 42, tftp, sizeof(tftp));
        return ipv4(frame, 17, 2, udp(frame + 34, 69, sizeof(tftp)));
    case 3: frame[43] = 4; return ipv4(frame, 17, 2, udp(frame + 34, 69, 4)); /* TFTP's ACK */
    case 4: return tcp(frame, 0x02, 0);
    case 5: return tcp(frame, 0x18, 100);
    case 6: return tcp(frame, 0x11, 0);
    case 7: return ipv4(frame, 17, 3, udp(frame + 34, 53, 40));
    case 8: frame[34] = 8; return ipv4(frame, 1, 2, 64);
    case 9: frame[54] = 135, frame[62] = 0xfe, frame[63] = 0xc0, frame[77] = 2; return ipv6(frame, 58, 2, 32);
    case 10: frame[54] = 128; return ipv6(frame, 58, 2, 64);
    default:
        frame[62] = 11, frame[67] = 6, frame[69] = 4, frame[71] = 23;
        return ipv6(frame, 17, 2, udp(frame + 54, 547, 40));
    }
}

static void send_frame(const uint8_t *frame, size_t length)
{
    static int unguarded = -1;
    struct net_packet packet = { .length = length };
    const char *fault;
    if (unguarded < 0)
        unguarded = getenv("FUZZ_UNGUARDED") != NULL;
    uint8_t *exact = malloc(length); /* nothing beyond its end may be read */
    memcpy(exact, frame, length);
    packet.frame = exact;
    if (unguarded || net_guard_pass(guard, exact, length, now_ms, &packet, &fault))
        slirp_input(slirp, packet.frame, (int)packet.length);
    free(exact);
}

/* Sends the packet in fragments: `cut` says where it is cut, bits of `how` which fragments are sent, in which
 * order, with which flag. */
static void send_fragments(const uint8_t *frame, size_t length, unsigned cut, unsigned how)
{
    static uint8_t part[ROOM];
    size_t header = (frame[14] & 15u) * 4u;
    if (frame[12] != 8 || frame[13] != 0 || header < 20 || length <= 14 + header)
        return;
    size_t data = length - 14 - header, step = (cut % 40 + 1) * 8;
    unsigned count = (unsigned)((data + step - 1) / step);
    for (unsigned n = 0; n < count && n < 16; n++) {
        size_t which = how & 1 ? count - 1 - n : n, at = which * step;
        size_t size = data - at < step ? data - at : step;
        if (how & 2 && n == 1)
            at += 8;
        if ((how & 4 && n == 2) || (how & 0x40 && which + 1 < count))
            continue;
        memcpy(part, frame, 14 + header);
        memcpy(part + 14 + header, frame + 14 + header + which * step, size);
        put16(part + 16, header + size);
        put16(part + 20, at / 8 | ((which + 1 < count) != ((how & 8) && n == 0) ? 0x2000u : 0));
        sum16(part + 24, part + 14, header, 0);
        send_frame(part, 14 + header + size);
        if (how & 16)
            send_frame(part, 14 + header + size);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
        perror("fuzz_slirp: no network namespace, and frames are not to get out");
        exit(1);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[ROOM];
    if (!slirp)
        make_slirp();
    while (size >= 4) {
        size_t length = make(frame, data[0] % KINDS);
        unsigned changes = data[1] & 7, how = data[2], order = data[3];
        for (data += 4, size -= 4; changes && size >= 4; changes--, data += 4, size -= 4)
            frame[((size_t)data[0] << 8 | data[1]) % (length + 32)] = data[2] & 1 ? data[3] : data[3] ^ 0xff;
        if (order & 0x20 && how & 0x80)
            length += how;
        if (how & 1)
            put_sums(frame, length);
        if (how & 2)
            length -= how >> 3 < length - 14 ? how >> 3 : 0;
        if (how & 4)
            send_fragments(frame, length, how >> 3, order);
        else
            send_frame(frame, length);
        time_passes(how & 0x40 ? how * 4u : 1);
    }
    return 0;
}
