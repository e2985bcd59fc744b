/* SPDX-License-Identifier: MIT
 *
 * Networks that lead to other programs, with this test as the card on one side and as the peer on the other:
 * the bytes on the wire, peers that send what they should not, send too much, take nothing, vanish and come
 * again, and descriptors that were handed over.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/net/peers.h"
#include "tests/suite.h"
#include "util/host_time.h"

#define WAIT_MS 20000
#define FRAME   1000u

/* The card: it sends `to_send` frames that are numbered, and notes what comes. */
static struct card {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct netdev *netdev;
    unsigned to_send, sent, came;
    size_t length; /* of the frames to send */
    bool refuses, link, in_order;
    uint8_t last[NETDEV_FRAME_MAX];
    size_t last_length;
} card = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
static char folder[64];

static void fill(uint8_t *frame, size_t length, unsigned number)
{
    memset(frame, 0x52, 12);
    frame[12] = 0x88, frame[13] = 0xb5; /* for experiments */
    for (size_t n = 14; n < length; n++)
        frame[n] = (uint8_t)(n * 3 + number);
    if (length >= 18)
        memcpy(frame + 14, &number, 4);
}

static bool card_receive(void *opaque, const uint8_t *frame, size_t length)
{
    unsigned number = 0;
    (void)opaque;
    pthread_mutex_lock(&card.lock);
    bool taken = !card.refuses;
    if (taken) {
        if (length >= 18)
            memcpy(&number, frame + 14, 4);
        card.in_order &= number == card.came;
        card.came++;
        memcpy(card.last, frame, length);
        card.last_length = length;
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
    static uint8_t frame[NETDEV_FRAME_MAX];
    bool more;
    (void)opaque;
    pthread_mutex_lock(&card.lock);
    for (unsigned n = 0; n < 16 && card.sent < card.to_send && netdev_can_send(card.netdev); n++) {
        fill(frame, card.length, card.sent++);
        netdev_send(card.netdev, frame, card.length);
    }
    more = card.sent < card.to_send && netdev_can_send(card.netdev);
    pthread_cond_broadcast(&card.changed);
    pthread_mutex_unlock(&card.lock);
    return more;
}

static void card_link(void *opaque, bool up)
{
    (void)opaque;
    card.link = up;
}

static void attach(void)
{
    struct netdev_front front = { card_receive, card_receive_end, card_transmit, NULL, card_link };
    card.to_send = card.sent = card.came = 0;
    card.length = FRAME;
    card.refuses = false;
    card.link = card.in_order = true;
    netdev_attach(card.netdev, &front);
}

static void plug(const struct netdev_peer_config *config)
{
    struct error error = { "" };
    card.netdev = netdev_peer_create(config, &error);
    ck_assert_msg(card.netdev, "%s", error.text);
    attach();
}

static void unplug(void)
{
    netdev_destroy(card.netdev);
    card.netdev = NULL;
}

static void card_sends(unsigned count)
{
    pthread_mutex_lock(&card.lock);
    card.to_send += count;
    pthread_mutex_unlock(&card.lock);
    netdev_wake(card.netdev);
}

static void card_takes(bool takes)
{
    pthread_mutex_lock(&card.lock);
    card.refuses = !takes;
    pthread_mutex_unlock(&card.lock);
    netdev_wake(card.netdev);
}

/* Waits until so many frames have come in all. */
static void card_has(unsigned count)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&card.lock);
    while (card.came < count && !pthread_cond_timedwait(&card.changed, &card.lock, &end))
        ;
    ck_assert_uint_eq(card.came, count);
    pthread_mutex_unlock(&card.lock);
}

/* ---- The peer ------------------------------------------------------------------------------------------ */

static struct sockaddr_un unix_address(const char *name, char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(path, sizeof(address.sun_path), "%s/%s", folder, name);
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static int unix_connect(const char *name)
{
    char path[108];
    struct sockaddr_un address = unix_address(name, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_frame(int fd, unsigned number, size_t length)
{
    static uint8_t bytes[4 + NETDEV_FRAME_MAX];
    uint32_t header = htonl((uint32_t)length);
    memcpy(bytes, &header, 4);
    fill(bytes + 4, length, number);
    ck_assert_int_eq(send(fd, bytes, 4 + length, MSG_NOSIGNAL), (ssize_t)(4 + length));
}

static void read_all(int fd, uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        ck_assert_int_eq(poll(&wait, 1, WAIT_MS), 1);
        ssize_t got = read(fd, bytes + done, length - done);
        ck_assert_int_gt(got, 0);
        done += (size_t)got;
    }
}

static void expect_frame(int fd, unsigned number, size_t length)
{
    static uint8_t got[NETDEV_FRAME_MAX], wanted[NETDEV_FRAME_MAX];
    uint32_t header;
    read_all(fd, (uint8_t *)&header, 4);
    ck_assert_uint_eq(ntohl(header), length);
    read_all(fd, got, length);
    fill(wanted, length, number);
    ck_assert_mem_eq(got, wanted, length);
}

/* The other end has closed the connection. */
static void expect_end(int fd)
{
    uint8_t byte;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    ck_assert_int_eq(poll(&wait, 1, WAIT_MS), 1);
    ck_assert_int_le(read(fd, &byte, 1), 0);
    close(fd);
}

static struct netdev_peer_config unix_server(char *path)
{
    unix_address("listen", path);
    return (struct netdev_peer_config){ .kind = NETDEV_PEER_STREAM,
                                        .type = "stream",
                                        .server = true,
                                        .local = { .kind = NET_PLACE_UNIX, .path = path } };
}

static void describes(const char *wanted)
{
    char text[256] = "";
    for (unsigned n = 0; n < WAIT_MS / 10; n++) {
        netdev_describe(card.netdev, text, sizeof(text));
        if (strncmp(text, wanted, strlen(wanted)) == 0)
            return;
        usleep(10000);
    }
    ck_abort_msg("it says \"%s\", not \"%s\"", text, wanted);
}

/* ---- Streams ------------------------------------------------------------------------------------------- */

START_TEST(test_wire)
{
    char path[108];
    struct netdev_peer_config config = unix_server(path);
    plug(&config);
    describes("listening");
    card_sends(3); /* to nobody */
    while (card.sent < 3)
        usleep(1000);
    usleep(20000);
    int fd = unix_connect("listen");
    describes("unix:");
    send_frame(fd, 0, 60);
    card_has(1);
    ck_assert_uint_eq(card.last_length, 60);
    /* The bytes come one by one. */
    uint8_t bytes[4 + 70] = { 0, 0, 0, 70 };
    fill(bytes + 4, 70, 1);
    for (size_t n = 0; n < sizeof(bytes); n++)
        ck_assert_int_eq(send(fd, bytes + n, 1, 0), 1);
    card_has(2);
    ck_assert_mem_eq(card.last, bytes + 4, 70);
    send_frame(fd, 2, NETDEV_FRAME_MAX);
    card_has(3);
    ck_assert_uint_eq(card.last_length, NETDEV_FRAME_MAX);
    unsigned first = card.sent;
    card_sends(2);
    expect_frame(fd, first, FRAME);
    expect_frame(fd, first + 1, FRAME);
    close(fd);
    unplug();
    ck_assert_int_ne(access(path, F_OK), 0); /* its file is removed */
}
END_TEST

START_TEST(test_hostile_stream)
{
    static const uint8_t huge[4] = { 0, 1, 0x10, 1 }; /* 69633 */
    static uint8_t zeroes[64 << 10];
    char path[108];
    struct netdev_peer_config config = unix_server(path);
    plug(&config);
    int fd = unix_connect("listen"), second = unix_connect("listen");
    for (size_t n = 0; n < 14; n++)
        send_frame(fd, 0, n); /* too short for a header: no frames */
    send_frame(fd, 0, 14);
    card_has(1);
    ck_assert_int_gt(send(fd, zeroes, sizeof(zeroes), 0), 0); /* a flood of frames of no bytes */
    close(fd);                                                /* in the middle of one, perhaps */
    send_frame(second, 1, 100);                               /* the next one has its turn */
    card_has(2);
    send(second, huge, sizeof(huge), 0);
    expect_end(second);
    /* Longer than any frame that there is, but no reason to end: it is dropped. */
    fd = unix_connect("listen");
    static uint8_t bytes[4 + NETDEV_WIRE_MAX] = { 0, 1, 0x10, 0 };
    for (size_t done = 0; done < sizeof(bytes);)
        done += (size_t)send(fd, bytes + done, sizeof(bytes) - done, 0);
    send_frame(fd, 2, 100);
    card_has(3);
    send(fd, huge, 3, 0); /* not even a length */
    close(fd);
    fd = unix_connect("listen");
    send_frame(fd, 3, 100);
    card_has(4);
    ck_assert(card.in_order);
    close(fd);
    unplug();
}
END_TEST

/* A peer that takes nothing stops the card; what waits is limited, and nothing is lost. */
START_TEST(test_slow_peer)
{
    char path[108];
    struct netdev_peer_config config = unix_server(path);
    plug(&config);
    int fd = unix_connect("listen");
    send_frame(fd, 0, 60);
    card_has(1); /* the connection is there */
    card_sends(5000);
    unsigned before = 0, now = 1;
    while (now != before) {
        before = now;
        usleep(200000);
        pthread_mutex_lock(&card.lock);
        now = card.sent;
        pthread_mutex_unlock(&card.lock);
    }
    ck_assert_uint_lt(now, 2500); /* the buffer, and that of the host */
    for (unsigned n = 0; n < 5000; n++)
        expect_frame(fd, n, FRAME);
    /* It vanishes while the card waits. */
    card_sends(5000);
    usleep(50000);
    close(fd);
    for (unsigned n = 0; card.sent < 10000 && n < WAIT_MS / 10; n++)
        usleep(10000);
    ck_assert_uint_eq(card.sent, 10000);
    unplug();
}
END_TEST

/* A card that takes nothing stops the peer. */
START_TEST(test_flood)
{
    char path[108];
    struct netdev_peer_config config = unix_server(path);
    static uint8_t bytes[4 + FRAME] = { 0, 0, FRAME >> 8, FRAME & 0xff };
    plug(&config);
    card_takes(false);
    int fd = unix_connect("listen");
    unsigned count = 0;
    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLOUT };
        if (poll(&wait, 1, 300) != 1)
            break;
        fill(bytes + 4, FRAME, count++);
        ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
        ck_assert_uint_lt(count, 4000);
    }
    card_takes(true);
    card_has(count);
    ck_assert(card.in_order);
    close(fd);
    unplug();
}
END_TEST

START_TEST(test_reconnect)
{
    char path[108];
    struct error error = { "" };
    struct sockaddr_un address = unix_address("there", path);
    struct netdev_peer_config config = { .kind = NETDEV_PEER_STREAM,
                                         .type = "stream",
                                         .remote = { .kind = NET_PLACE_UNIX, .path = path } };
    ck_assert_ptr_null(netdev_peer_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "reconnect-ms"));
    config.reconnect_ms = 20;
    plug(&config);
    describes("connecting");
    usleep(100000);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    for (unsigned n = 0; n < 3; n++) {
        int fd = accept(listener, NULL, NULL);
        send_frame(fd, n, 60);
        card_has(n + 1);
        describes("unix:");
        card_sends(1);
        expect_frame(fd, n, FRAME);
        close(fd);
    }
    close(listener);
    unlink(path);
    unplug();
}
END_TEST

START_TEST(test_tcp)
{
    struct error error = { "" };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    struct netdev_peer_config config = {
        .kind = NETDEV_PEER_STREAM,
        .type = "socket",
        .remote = { .kind = NET_PLACE_INET, .host = "127.0.0.1", .port = ntohs(address.sin_port) }
    };
    ck_assert_ptr_null(netdev_peer_create(&config, &error)); /* nobody listens */
    ck_assert_int_eq(listen(listener, 1), 0);
    plug(&config);
    int fd = accept(listener, NULL, NULL);
    describes("socket: connect to 127.0.0.1:");
    send_frame(fd, 0, 1514);
    card_has(1);
    card_sends(1);
    expect_frame(fd, 0, FRAME);
    close(listener);
    close(fd);
    describes(""); /* it does not try again */
    card_sends(10);
    unplug();
}
END_TEST

START_TEST(test_handed_over)
{
    struct error error = { "" };
    int pair[2];
    struct netdev_peer_config config = { .kind = NETDEV_PEER_STREAM,
                                         .type = "stream",
                                         .remote = { .kind = NET_PLACE_FD, .fd = 987 } };
    ck_assert_ptr_null(netdev_peer_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "fd=987"));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    config.remote.fd = pair[0];
    config.kind = NETDEV_PEER_DGRAM;
    config.local = config.remote;
    ck_assert_ptr_null(netdev_peer_create(&config, &error)); /* of the other kind */
    config.kind = NETDEV_PEER_STREAM;
    config.server = true;
    ck_assert_ptr_null(netdev_peer_create(&config, &error)); /* it does not listen */
    config.server = false;
    plug(&config);
    send_frame(pair[1], 0, 100);
    card_has(1);
    card_sends(1);
    expect_frame(pair[1], 0, FRAME);
    unplug();
    close(pair[0]);
    close(pair[1]);
}
END_TEST

/* ---- Datagrams ----------------------------------------------------------------------------------------- */

static void exchange(int fd)
{
    static uint8_t bytes[NETDEV_FRAME_MAX], wanted[NETDEV_FRAME_MAX];
    static const size_t lengths[] = { 60, 1514, 14, 9000 };
    for (unsigned n = 0; n < 4; n++) {
        fill(bytes, lengths[n], n);
        ck_assert_int_eq(send(fd, bytes, lengths[n], 0), (ssize_t)lengths[n]);
        send(fd, bytes, 13, 0); /* too short */
        send(fd, bytes, 0, 0);
        card_has(n + 1);
        ck_assert_uint_eq(card.last_length, lengths[n]);
        ck_assert_mem_eq(card.last, bytes, lengths[n]);
    }
    unsigned first = card.sent;
    card_sends(40); /* more than a Unix socket's queue has room for */
    for (unsigned n = 0; n < 40; n++) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        ck_assert_int_eq(poll(&wait, 1, WAIT_MS), 1);
        fill(wanted, FRAME, first + n);
        ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), 0), FRAME);
        ck_assert_mem_eq(bytes, wanted, FRAME);
    }
}

START_TEST(test_datagrams)
{
    char here[108], there[108];
    int pair[2];
    struct sockaddr_un local = unix_address("here", here), remote = unix_address("there", there);
    struct netdev_peer_config config = { .kind = NETDEV_PEER_DGRAM,
                                         .type = "dgram",
                                         .local = { .kind = NET_PLACE_UNIX, .path = here },
                                         .remote = { .kind = NET_PLACE_UNIX, .path = there } };
    int left = socket(AF_UNIX, SOCK_DGRAM, 0); /* as a program leaves it that is killed */
    ck_assert_int_eq(bind(left, (struct sockaddr *)&local, sizeof(local)), 0);
    close(left);
    plug(&config);
    card_sends(1); /* nobody is there */
    while (card.sent < 1)
        usleep(1000);
    usleep(20000);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&remote, sizeof(remote)), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&local, sizeof(local)), 0);
    exchange(fd);
    close(fd);
    unlink(there);
    unplug();
    ck_assert_int_ne(access(here, F_OK), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    config.local = (struct net_place){ .kind = NET_PLACE_FD, .fd = pair[0] };
    plug(&config);
    exchange(pair[1]);
    unplug();
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(test_udp)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(bind(other, (struct sockaddr *)&address, size), 0); /* finds a free port */
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    struct netdev_peer_config config = {
        .kind = NETDEV_PEER_DGRAM,
        .type = "dgram",
        .remote = { .kind = NET_PLACE_INET, .host = "localhost", .port = ntohs(address.sin_port) },
    };
    ck_assert_int_eq(getsockname(other, (struct sockaddr *)&address, &size), 0);
    close(other);
    config.local =
        (struct net_place){ .kind = NET_PLACE_INET, .host = "127.0.0.1", .port = ntohs(address.sin_port) };
    plug(&config);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    exchange(fd);
    close(fd);
    card_sends(3); /* the answers say that nobody listens */
    usleep(50000);
    describes("udp=127.0.0.1:");
    unplug();
}
END_TEST

START_TEST(test_group)
{
    struct error error = { "" };
    struct netdev_peer_config config = {
        .kind = NETDEV_PEER_DGRAM,
        .type = "socket",
        .remote = { .kind = NET_PLACE_INET, .host = "230.0.0.1", .port = 41234 },
        .local = { .kind = NET_PLACE_INET, .host = "127.0.0.1" },
    };
    ck_assert(netdev_is_group(&config.remote));
    ck_assert(!netdev_is_group(&config.local));
    card.netdev = netdev_peer_create(&config, &error);
    if (!card.netdev)
        return; /* a host without multicast */
    attach();
    describes("socket: mcast=230.0.0.1:41234");
    card_sends(1);
    card_has(1); /* everybody in the group gets it, as with QEMU the sender does */
    ck_assert_uint_eq(card.last_length, FRAME);
    unplug();
}
END_TEST

/* ---- Cables, cards, interfaces ------------------------------------------------------------------------- */

START_TEST(test_link_and_cards)
{
    char path[108];
    struct netdev_peer_config config = unix_server(path);
    plug(&config);
    int fd = unix_connect("listen");
    send_frame(fd, 0, 60);
    card_has(1);
    netdev_set_link(card.netdev, false);
    ck_assert(!card.link && !netdev_link_is_up(card.netdev));
    send_frame(fd, 9, 60);
    card_sends(1);
    usleep(100000);
    ck_assert_uint_eq(card.came, 1);
    netdev_set_link(card.netdev, true);
    ck_assert(card.link);
    card_sends(1);
    expect_frame(fd, 1, FRAME); /* the first one is lost */
    /* The card goes while frames wait for it; another one comes. */
    card_takes(false);
    send_frame(fd, 1, 60);
    usleep(50000);
    netdev_detach(card.netdev);
    send_frame(fd, 1, 60);
    usleep(50000);
    attach();
    send_frame(fd, 0, 61);
    card_has(1);
    ck_assert_uint_eq(card.last_length, 61);
    close(fd);
    unplug();
}
END_TEST

START_TEST(test_tap)
{
    struct error error = { "" };
    struct netdev_peer_config config = { .kind = NETDEV_PEER_TAP, .type = "tap", .has_fd = true, .fd = 987 };
    ck_assert_ptr_null(netdev_peer_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "fd=987"));
    config.has_fd = false;
    config.ifname = "a-name-that-is-too-long";
    ck_assert_ptr_null(netdev_peer_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "longer than 15"));
    config.ifname = "rvivetest%d";
    card.netdev = netdev_peer_create(&config, &error);
    if (!card.netdev) { /* without rights, or without the device */
        ck_assert_ptr_nonnull(strstr(error.text, "-netdev tap,ifname="));
        return;
    }
    attach();
    char text[256];
    struct ifreq request = { .ifr_flags = IFF_UP };
    netdev_describe(card.netdev, text, sizeof(text));
    ck_assert_int_eq(sscanf(text, "ifname=%15[^,],", request.ifr_name), 1);
    card_sends(1); /* while it is down: lost */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    card_sends(1);
    for (unsigned n = 0; card.sent < 2 && n < WAIT_MS / 10; n++)
        usleep(10000);
    ck_assert_uint_eq(card.sent, 2);
    close(fd);
    unplug();
}
END_TEST

static void make_folder(void)
{
    strcpy(folder, "/tmp/rvive-net-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    rmdir(folder);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("net_peers");
    TCase *tests = tcase_create("net_peers");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, test_wire);
    tcase_add_test(tests, test_hostile_stream);
    tcase_add_test(tests, test_slow_peer);
    tcase_add_test(tests, test_flood);
    tcase_add_test(tests, test_reconnect);
    tcase_add_test(tests, test_tcp);
    tcase_add_test(tests, test_handed_over);
    tcase_add_test(tests, test_datagrams);
    tcase_add_test(tests, test_udp);
    tcase_add_test(tests, test_group);
    tcase_add_test(tests, test_link_and_cards);
    tcase_add_test(tests, test_tap);
    suite_add_tcase(suite, tests);
    return suite;
}
