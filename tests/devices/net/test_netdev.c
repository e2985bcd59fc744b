/* SPDX-License-Identifier: MIT
 *
 * The user network on its own: a front end, which is this test, gets an address by DHCP, reaches a server of
 * the host, is reached through a forwarded port, and finds its frames in the pcap file. Then the
 * configurations that libslirp refuses.
 */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "devices/net/offload.h"
#include "devices/net/slirp.h"
#include "tests/suite.h"

/* The card: one frame to send at a time, and the last frames that came. */
struct card {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct netdev *netdev;
    uint8_t out[2000];
    size_t out_length; /* 0: nothing to send */
    struct {
        uint8_t bytes[2000];
        size_t length;
    } in[64];
    unsigned in_count, in_seen;
    bool refuses;
};
static struct card card = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

static bool card_receive(void *opaque, const uint8_t *frame, size_t length)
{
    (void)opaque;
    pthread_mutex_lock(&card.lock);
    bool taken = !card.refuses && card.in_count < 64 && length <= sizeof(card.in[0].bytes);
    if (taken) {
        memcpy(card.in[card.in_count].bytes, frame, length);
        card.in[card.in_count++].length = length;
        pthread_cond_broadcast(&card.changed);
    }
    pthread_mutex_unlock(&card.lock);
    return taken;
}

static void card_receive_end(void *opaque)
{
    (void)opaque;
}

static bool card_transmit(void *opaque)
{
    uint8_t frame[2000];
    (void)opaque;
    pthread_mutex_lock(&card.lock);
    size_t length = card.out_length;
    memcpy(frame, card.out, length);
    card.out_length = 0;
    pthread_cond_broadcast(&card.changed);
    pthread_mutex_unlock(&card.lock);
    if (length)
        netdev_send(card.netdev, frame, length);
    return false;
}

static void card_send(const uint8_t *frame, size_t length)
{
    pthread_mutex_lock(&card.lock);
    while (card.out_length)
        pthread_cond_wait(&card.changed, &card.lock);
    memcpy(card.out, frame, length);
    card.out_length = length;
    pthread_mutex_unlock(&card.lock);
    netdev_wake(card.netdev);
}

/* Waits for the next frame of that kind (an EtherType; for IPv4 also the protocol), skipping others. */
static size_t card_wait(unsigned type, unsigned protocol, uint8_t *frame)
{
    struct timespec end;
    size_t length = 0;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 20;
    pthread_mutex_lock(&card.lock);
    while (!length) {
        for (; card.in_seen < card.in_count && !length; card.in_seen++) {
            const uint8_t *at = card.in[card.in_seen].bytes;
            if ((at[12] << 8 | at[13]) == (int)type && (type != 0x0800 || at[23] == protocol)) {
                length = card.in[card.in_seen].length;
                memcpy(frame, at, length);
            }
        }
        if (!length && pthread_cond_timedwait(&card.changed, &card.lock, &end))
            break;
    }
    pthread_mutex_unlock(&card.lock);
    ck_assert_msg(length, "no frame of type 0x%x, protocol %u came", type, protocol);
    return length;
}

static void card_plug(const struct netdev_slirp_config *config, const char *pcap)
{
    struct error error = { "" };
    struct netdev_front front = { .receive = card_receive,
                                  .receive_end = card_receive_end,
                                  .transmit = card_transmit };
    card.in_count = card.in_seen = 0;
    card.out_length = 0;
    card.netdev = netdev_slirp_create(config, &error);
    ck_assert_msg(card.netdev, "%s", error.text);
    if (pcap)
        ck_assert_msg(netdev_dump(card.netdev, pcap, 65549, &error), "%s", error.text);
    netdev_attach(card.netdev, &front);
}

/* Puts Ethernet, IPv4 and UDP or TCP headers in front of a payload that is in place. Returns the length. */
static size_t wrap(uint8_t *frame, unsigned protocol, const char *from, const char *to, size_t transport)
{
    static const uint8_t gateway[6] = { 0x52, 0x55, 10, 0, 2, 2 };
    size_t length = 34 + transport;
    memcpy(frame, strcmp(to, "255.255.255.255") == 0 ? (const uint8_t *)"\xff\xff\xff\xff\xff\xff" : gateway,
           6);
    memcpy(frame + 6, mac, 6);
    frame[12] = 8, frame[13] = 0;
    memset(frame + 14, 0, 20);
    frame[14] = 0x45;
    frame[16] = (uint8_t)((length - 14) >> 8), frame[17] = (uint8_t)(length - 14);
    frame[22] = 64, frame[23] = (uint8_t)protocol;
    inet_pton(AF_INET, from, frame + 26);
    inet_pton(AF_INET, to, frame + 30);
    net_checksum_complete(frame, 34, 14, 10);
    uint16_t pseudo = net_sum_fold(net_sum(frame + 26, 8) + protocol + transport);
    size_t check = protocol == 6 ? 16 : 6;
    frame[34 + check] = (uint8_t)(pseudo >> 8), frame[35 + check] = (uint8_t)pseudo;
    net_checksum_complete(frame, length, 34, check);
    return length;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static size_t udp(uint8_t *frame, const char *from, unsigned from_port, const char *to, unsigned to_port,
                  size_t payload)
{
    put16(frame + 34, from_port), put16(frame + 36, to_port);
    put16(frame + 38, (unsigned)payload + 8), put16(frame + 40, 0);
    return wrap(frame, 17, from, to, 8 + payload);
}

/* Asks for an address; then the network knows this card's address. */
static void get_address(const char *expected)
{
    static uint8_t frame[2000];
    memset(frame, 0, sizeof(frame));
    uint8_t *bootp = frame + 42;
    static const uint8_t head[4] = { 1, 1, 6, 0 }, options[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
    memcpy(bootp, head, 4);
    memcpy(bootp + 28, mac, 6);
    memcpy(bootp + 236, options, sizeof(options));
    card_send(frame, udp(frame, "0.0.0.0", 68, "255.255.255.255", 67, 300));
    char got[INET_ADDRSTRLEN];
    ck_assert_uint_gt(card_wait(0x0800, 17, frame), 42 + 236);
    ck_assert_uint_eq((unsigned)frame[36] << 8 | frame[37], 68);
    inet_ntop(AF_INET, frame + 42 + 16, got, sizeof(got));
    ck_assert_str_eq(got, expected);
}

/* A UDP or TCP socket of the host on the loopback interface; its port goes to *port. */
static int host_socket(int type, unsigned *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void answer_arp(void)
{
    static uint8_t frame[2000];
    card_wait(0x0806, 0, frame);
    ck_assert_uint_eq(frame[21], 1); /* a request */
    uint8_t reply[64] = { 0 };
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, mac, 6);
    memcpy(reply + 12, frame + 12, 9);
    reply[21] = 2;
    memcpy(reply + 22, mac, 6);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, frame + 22, 10);
    card_send(reply, 60);
}

static uint32_t le32(const uint8_t *at)
{
    return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Walks over the whole file; returns the number of frames. */
static unsigned pcap_count(const char *path)
{
    static uint8_t file[200000];
    FILE *in = fopen(path, "rb");
    ck_assert_ptr_nonnull(in);
    size_t length = fread(file, 1, sizeof(file), in), at = 24;
    fclose(in);
    ck_assert_uint_ge(length, 24);
    ck_assert_uint_eq(le32(file), 0xa1b2c3d4);
    ck_assert_uint_eq(le32(file + 20), 1);
    unsigned count = 0;
    for (; at < length; count++) {
        ck_assert_uint_le(at + 16, length);
        ck_assert_uint_eq(le32(file + at + 8), le32(file + at + 12));
        ck_assert_uint_lt(le32(file + at) - (uint32_t)time(NULL) + 100, 200);
        at += 16 + le32(file + at + 8);
    }
    ck_assert_uint_eq(at, length);
    return count;
}

START_TEST(dhcp_and_udp)
{
    static uint8_t frame[2000];
    char path[] = "/tmp/rvive-pcap-XXXXXX", text[16];
    int file = mkstemp(path);
    close(file);
    struct netdev_slirp_config config = { .no_ipv6 = true };
    card_plug(&config, path);
    get_address("10.0.2.15");
    unsigned port;
    int fd = host_socket(SOCK_DGRAM, &port);
    memcpy(frame + 42, "to the host", 11);
    card_send(frame, udp(frame, "10.0.2.15", 4000, "10.0.2.2", port, 11));
    struct sockaddr_in peer;
    socklen_t peer_length = sizeof(peer);
    struct pollfd wait = { fd, POLLIN, 0 };
    ck_assert_int_eq(poll(&wait, 1, 20000), 1);
    ck_assert_int_eq(recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, &peer_length), 11);
    ck_assert_mem_eq(text, "to the host", 11);
    ck_assert_int_eq(sendto(fd, "to the guest", 12, 0, (struct sockaddr *)&peer, peer_length), 12);
    /* The shortest Ethernet frame has 60 bytes; not every libslirp pads frames to this length. */
    size_t length = card_wait(0x0800, 17, frame);
    ck_assert(length == 42 + 12 || length == 60);
    ck_assert_uint_eq((unsigned)frame[38] << 8 | frame[39], 8 + 12);
    ck_assert_mem_eq(frame + 42, "to the guest", 12);
    close(fd);
    unsigned sent = 2, received = card.in_count;
    netdev_destroy(card.netdev);
    ck_assert_uint_eq(pcap_count(path), sent + received);
    unlink(path);
}
END_TEST

START_TEST(forwarded_port)
{
    static uint8_t frame[2000];
    char rule[64];
    unsigned port;
    struct error error;
    close(host_socket(SOCK_STREAM, &port)); /* a port that is free now */
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%u-10.0.5.9:22", port);
    struct netdev_slirp_config config = { .net = "10.0.5.0/24", .hostfwd = { rule }, .no_ipv6 = true };
    card_plug(&config, NULL);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    answer_arp();
    ck_assert_uint_ge(card_wait(0x0800, 6, frame), 54);
    ck_assert_uint_eq(frame[47], 2); /* SYN */
    ck_assert_uint_eq((unsigned)frame[36] << 8 | frame[37], 22);
    static const uint8_t guest[4] = { 10, 0, 5, 9 };
    ck_assert_mem_eq(frame + 30, guest, 4);
    close(fd);
    /* Rules are added and removed while the network runs. */
    ck_assert(!netdev_slirp_add_hostfwd(card.netdev, rule, &error));
    ck_assert_msg(strstr(error.text, "cannot listen"), "%s", error.text);
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%u", port);
    ck_assert_msg(netdev_slirp_remove_hostfwd(card.netdev, rule, &error), "%s", error.text);
    ck_assert(!netdev_slirp_remove_hostfwd(card.netdev, rule, &error));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(fd);
    netdev_destroy(card.netdev);
}
END_TEST

/* A card that takes nothing: the host's datagrams stay with the host, and arrive when it takes frames
 * again. */
START_TEST(no_room)
{
    static uint8_t frame[2000];
    unsigned port;
    struct netdev_slirp_config config = { .no_ipv6 = true };
    card_plug(&config, NULL);
    get_address("10.0.2.15");
    int fd = host_socket(SOCK_DGRAM, &port);
    card_send(frame, udp(frame, "10.0.2.15", 4000, "10.0.2.2", port, 1));
    struct sockaddr_in peer;
    socklen_t peer_length = sizeof(peer);
    char text[1400] = "";
    struct pollfd wait = { fd, POLLIN, 0 };
    ck_assert_int_eq(poll(&wait, 1, 20000), 1);
    ck_assert_int_eq(recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, &peer_length), 1);
    pthread_mutex_lock(&card.lock);
    card.refuses = true;
    pthread_mutex_unlock(&card.lock);
    for (unsigned n = 0; n < 20; n++) {
        snprintf(text, sizeof(text), "datagram %u", n);
        ck_assert_int_eq(sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, peer_length),
                         (int)sizeof(text));
    }
    usleep(100000);
    pthread_mutex_lock(&card.lock);
    card.refuses = false;
    pthread_mutex_unlock(&card.lock);
    netdev_wake(card.netdev);
    for (unsigned n = 0; n < 20; n++) {
        snprintf(text, sizeof(text), "datagram %u", n);
        ck_assert_uint_eq(card_wait(0x0800, 17, frame), 42 + sizeof(text));
        ck_assert_str_eq((char *)frame + 42, text);
    }
    close(fd);
    netdev_destroy(card.netdev);
}
END_TEST

/* ---- A hostile guest, and hostile peers ---------------------------------------------------------------- */

/* Sends bytes [at, at + size) of the IPv4 packet in `whole` as a fragment. */
static void send_fragment(const uint8_t *whole, size_t at, size_t size, bool more)
{
    uint8_t frame[2000];
    memcpy(frame, whole, 34);
    memcpy(frame + 34, whole + 34 + at, size);
    put16(frame + 16, 20 + (unsigned)size);
    put16(frame + 20, (unsigned)at / 8 | (more ? 0x2000u : 0));
    put16(frame + 24, 0);
    net_checksum_complete(frame, 34, 14, 10);
    card_send(frame, 34 + size);
}

/* Some versions of libslirp free a wrong pointer if the last fragment of a packet comes first. */
START_TEST(lone_fragment)
{
    static uint8_t frame[2000];
    struct netdev_slirp_config config = { .no_ipv6 = true };
    card_plug(&config, NULL);
    get_address("10.0.2.15");
    memset(frame, 0x41, sizeof(frame));
    size_t length = udp(frame, "10.0.2.15", 4000, "10.0.2.2", 9, 200);
    for (unsigned n = 0; n < 20; n++) {
        put16(frame + 18, n);
        send_fragment(frame, 8, 26, false);
    }
    unsigned port;
    int fd = host_socket(SOCK_DGRAM, &port);
    memset(frame, 0, sizeof(frame));
    memcpy(frame + 42, "in pieces, backwards", 20);
    length = udp(frame, "10.0.2.15", 4000, "10.0.2.2", port, 20);
    put16(frame + 18, 999);
    send_fragment(frame, 16, length - 34 - 16, false);
    send_fragment(frame, 8, 8, true);
    send_fragment(frame, 0, 8, true);
    char text[32];
    struct pollfd wait = { fd, POLLIN, 0 };
    ck_assert_int_eq(poll(&wait, 1, 20000), 1);
    ck_assert_int_eq(recv(fd, text, sizeof(text), 0), 20);
    ck_assert_mem_eq(text, "in pieces, backwards", 20);
    close(fd);
    netdev_destroy(card.netdev);
}
END_TEST

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count - 3; /* without . and .. and the list's own descriptor */
}

static void limit_descriptors(unsigned count)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Half of the descriptors are for the guest's connections, however their first segments arrive. */
static void open_connections(bool fragments)
{
    static uint8_t frame[2000];
    unsigned port;
    int listener = host_socket(SOCK_STREAM, &port);
    ck_assert_int_eq(listen(listener, 200), 0);
    limit_descriptors(100);
    struct netdev_slirp_config config = { .no_ipv6 = true };
    card_plug(&config, NULL);
    get_address("10.0.2.15");
    unsigned before = open_descriptors();
    for (unsigned n = 0; n < 120; n++) {
        memset(frame, 0, sizeof(frame));
        put16(frame + 34, 1024 + n), put16(frame + 36, port);
        frame[46] = 0x50, frame[47] = 2, frame[48] = 0x20;
        size_t length = wrap(frame, 6, "10.0.2.15", "10.0.2.2", 20);
        put16(frame + 18, n);
        put16(frame + 24, 0);
        net_checksum_complete(frame, 34, 14, 10);
        if (fragments) {
            send_fragment(frame, 0, 8, true);
            send_fragment(frame, 8, 12, false);
        } else {
            card_send(frame, length);
        }
    }
    card_send(frame, 14); /* taken after all of these */
    pthread_mutex_lock(&card.lock);
    while (card.out_length)
        pthread_cond_wait(&card.changed, &card.lock);
    pthread_mutex_unlock(&card.lock);
    unsigned now = open_descriptors();
    ck_assert_uint_ge(now, before + 40);
    ck_assert_uint_le(now, before + 50);
    netdev_destroy(card.netdev);
    ck_assert_uint_le(open_descriptors(), before);
    close(listener);
}

START_TEST(connections_are_bounded)
{
    open_connections(_i);
}
END_TEST

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A peer that connects to a forwarded port while no descriptor is free waits; no thread spins meanwhile. */
START_TEST(accept_without_descriptors)
{
    static uint8_t frame[2000];
    char rule[64];
    unsigned port, count = 0;
    int held[100];
    close(host_socket(SOCK_STREAM, &port));
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%u-10.0.2.15:22", port);
    limit_descriptors(60);
    struct netdev_slirp_config config = { .hostfwd = { rule }, .no_ipv6 = true };
    card_plug(&config, NULL);
    get_address("10.0.2.15");
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (count < 100 && (held[count] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        count++;
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    double start = cpu_seconds();
    usleep(1000000);
    ck_assert_double_lt(cpu_seconds() - start, 0.1);
    while (count)
        close(held[--count]);
    ck_assert_uint_ge(card_wait(0x0800, 6, frame), 54);
    ck_assert_uint_eq(frame[47], 2); /* SYN */
    close(fd);
    netdev_destroy(card.netdev);
}
END_TEST

static const struct {
    struct netdev_slirp_config config;
    const char *names;
} refused[] = {
    { { .net = "10.0.2.0/40" }, "net=10.0.2.0/40" },
    { { .net = "x" }, "net=x" },
    { { .host = "192.168.1.1" }, "outside the guest's network" },
    { { .host = "1.2.3" }, "host=1.2.3 is no IPv4 address" },
    { { .host = "10.0.2.3" }, "the same address" },
    { { .dhcp_start = "10.0.2.2" }, "dhcpstart" },
    { { .no_ipv4 = true, .no_ipv6 = true }, "leave nothing" },
    { { .no_ipv4 = true, .net = "10.0.2.0/24" }, "ipv4=off" },
    { { .net6 = "fec0::/200" }, "ipv6-net" },
    { { .host6 = "fe80::1" }, "ipv6-host" },
    { { .hostfwd = { "2222-22" } }, "hostfwd=2222-22" },
    { { .hostfwd = { "sctp::1-:2" } }, "hostfwd=sctp" },
    { { .hostfwd = { "tcp::99999-:22" } }, "hostfwd=tcp::99999" },
    { { .hostfwd = { "tcp::1000-:" } }, "hostfwd" },
    { { .hostfwd = { "tcp:192.0.2.77:1000-:22" } }, "cannot listen on port 1000" },
    { { .guestfwd = { "tcp:10.0.2.100:80" } }, "guestfwd=tcp:10.0.2.100:80" },
    { { .guestfwd = { "udp:10.0.2.100:80-cmd:cat" } }, "guestfwd=udp" },
    { { .guestfwd = { "tcp:192.168.1.1:80-cmd:cat" } }, "not in the guest's network" },
    { { .guestfwd = { "tcp:10.0.2.100:80-tcp:127.0.0.1:1" } }, "cannot connect to 127.0.0.1:1" },
};

START_TEST(refuses)
{
    struct error error = { "" };
    struct netdev *netdev = netdev_slirp_create(&refused[_i].config, &error);
    ck_assert_msg(!netdev, "accepted: %s", refused[_i].names);
    ck_assert_msg(strstr(error.text, refused[_i].names), "%s\n does not name %s", error.text,
                  refused[_i].names);
}
END_TEST

/* Against a simple implementation, at all lengths and alignments. */
START_TEST(checksums)
{
    static uint8_t bytes[300];
    unsigned seed = 5;
    for (unsigned n = 0; n < sizeof(bytes); n++)
        bytes[n] = (uint8_t)rand_r(&seed);
    for (size_t start = 0; start < 5; start++) {
        for (size_t length = 0; length < 290; length++) {
            uint64_t sum = 0;
            for (size_t n = 0; n < length; n++)
                sum += (uint64_t)bytes[start + n] << (n % 2 ? 0 : 8);
            ck_assert_uint_eq(net_sum_fold(net_sum(bytes + start, length)) % 0xffff,
                              net_sum_fold(sum) % 0xffff);
        }
    }
}
END_TEST

START_TEST(pcap_refuses)
{
    struct error error;
    struct netdev netdev;
    netdev_init(&netdev, NULL);
    ck_assert(!netdev_dump(&netdev, "/nonexistent/x.pcap", 100, &error));
    ck_assert_msg(strstr(error.text, "/nonexistent/x.pcap"), "%s", error.text);
    ck_assert(!netdev_dump(&netdev, "/tmp/x.pcap", 3, &error));
    netdev_fini(&netdev);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("netdev");
    TCase *tcase = tcase_create("netdev");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, dhcp_and_udp);
    tcase_add_test(tcase, forwarded_port);
    tcase_add_test(tcase, no_room);
    tcase_add_test(tcase, lone_fragment);
    tcase_add_loop_test(tcase, connections_are_bounded, 0, 2);
    tcase_add_test(tcase, accept_without_descriptors);
    tcase_add_loop_test(tcase, refuses, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tcase, checksums);
    tcase_add_test(tcase, pcap_refuses);
    suite_add_tcase(suite, tcase);
    return suite;
}
