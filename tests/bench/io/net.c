// SPDX-License-Identifier: MIT
// TCP between the guest and the host, for tests/bench.
//   net peer PORTFILE                on the host: answers at a port of the loopback, which it writes to
//                                    PORTFILE, until it is killed
//   net guest ADDRESS PORT SECONDS   in the guest: talks to the peer; prints "BENCH net TEST VALUE UNIT"
//                                    for each test
// A connection begins with a letter and eight bytes with a number of nanoseconds. 'D': the peer sends for
// that long, then closes. 'U': the guest sends for that long and shuts down; the peer answers with the number
// of bytes that it received, and this answer ends the measured time. 'P': a byte goes there and back, again
// and again. The data sent are a counter in 64-bit words, which the receiver checks.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64u * 1024)

struct order {
    char what;
    char nanoseconds[8]; // the host and the guest have the same byte order
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "FAIL net: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void get(int fd, void *bytes, size_t length)
{
    for (char *at = bytes; length;) {
        ssize_t got = read(fd, at, length);
        if (got <= 0)
            die("the other side has hung up");
        at += got;
        length -= (size_t)got;
    }
}

static void put(int fd, const void *bytes, size_t length)
{
    for (const char *at = bytes; length;) {
        ssize_t done = write(fd, at, length);
        if (done <= 0)
            die("write");
        at += done;
        length -= (size_t)done;
    }
}

// Sends the counter for that long; returns the number of bytes.
static uint64_t send_for(int fd, int64_t nanoseconds)
{
    static uint64_t words[CHUNK / 8];
    uint64_t sent = 0;
    for (int64_t end = now() + nanoseconds; now() < end; sent += CHUNK) {
        for (size_t n = 0; n < CHUNK / 8; n += 512) // one word a page is enough to notice a lost part
            words[n] = sent / 8 + n;
        put(fd, words, CHUNK);
    }
    return sent;
}

// Receives until the end; returns the number of bytes, or 0 if they are not those that were sent.
static uint64_t receive_all(int fd)
{
    static uint8_t bytes[4 * CHUNK];
    uint64_t received = 0, held = 0, word;
    ssize_t got;
    while ((got = read(fd, bytes + held, sizeof(bytes) - held)) > 0) {
        uint64_t start = received - held, end = received + (uint64_t)got, at = (start + 4095) / 4096 * 4096;
        for (; at + 8 <= end; at += 4096) {
            memcpy(&word, bytes + (at - start), 8);
            if (word != at / 8)
                return 0;
        }
        // A word of which only a part has come stays until the rest comes.
        received = end;
        held = at < end ? end - at : 0;
        memmove(bytes, bytes + (end - held - start), held);
    }
    return received;
}

static void answer(int fd)
{
    struct order order;
    int64_t nanoseconds;
    uint64_t bytes;
    char byte;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    get(fd, &order, sizeof(order));
    memcpy(&nanoseconds, order.nanoseconds, 8);
    switch (order.what) {
    case 'D': send_for(fd, nanoseconds); break;
    case 'U':
        bytes = receive_all(fd);
        put(fd, &bytes, 8);
        break;
    default:
        while (read(fd, &byte, 1) == 1)
            put(fd, &byte, 1);
    }
}

static int peer(const char *port_file)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        die("peer");
    FILE *file = fopen(port_file, "w");
    if (!file || fprintf(file, "%u\n", ntohs(address.sin_port)) < 0 || fclose(file))
        die(port_file);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            die("accept");
        if (fork() == 0) {
            answer(fd);
            _exit(0);
        }
        close(fd);
    }
}

static int order_at(const char *where, unsigned port, char what, int64_t nanoseconds)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct order order = { .what = what };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || inet_pton(AF_INET, where, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    memcpy(order.nanoseconds, &nanoseconds, 8);
    put(fd, &order, sizeof(order));
    return fd;
}

static void report(const char *test, uint64_t count, double unit, const char *name, int64_t start)
{
    printf("BENCH net %s %.1f %s\n", test, (double)count / unit / ((double)(now() - start) * 1e-9), name);
    fflush(stdout);
}

static void to_guest(const char *test, const char *where, unsigned port, int64_t nanoseconds)
{
    int64_t start = now();
    int fd = order_at(where, port, 'D', nanoseconds);
    uint64_t bytes = receive_all(fd);
    if (!bytes)
        die("what came is not what was sent");
    report(test, bytes, 1e6, "MB/s", start);
    close(fd);
}

static void to_host(const char *where, unsigned port, int64_t nanoseconds)
{
    int64_t start = now();
    int fd = order_at(where, port, 'U', nanoseconds);
    uint64_t sent = send_for(fd, nanoseconds), received;
    shutdown(fd, SHUT_WR);
    get(fd, &received, 8);
    if (received != sent)
        die("what arrived is not what was sent");
    report("tcp-to-host", sent, 1e6, "MB/s", start);
    close(fd);
}

static void there_and_back(const char *where, unsigned port, int64_t nanoseconds)
{
    int fd = order_at(where, port, 'P', 0);
    int64_t start = now();
    uint64_t count = 0;
    for (char byte = 0; now() < start + nanoseconds; count++) {
        put(fd, &byte, 1);
        get(fd, &byte, 1);
    }
    report("tcp-there-and-back", count, 1, "/s", start);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "peer") == 0)
        return peer(argv[2]);
    if (argc != 5 || strcmp(argv[1], "guest") != 0) {
        fprintf(stderr, "usage: net peer PORTFILE | net guest ADDRESS PORT SECONDS\n");
        return 2;
    }
    unsigned port = (unsigned)atoi(argv[3]);
    int64_t nanoseconds = (int64_t)(atof(argv[4]) * 1e9);
    to_guest("tcp-to-guest-first", argv[2], port, nanoseconds);
    to_guest("tcp-to-guest", argv[2], port, nanoseconds);
    to_host(argv[2], port, nanoseconds);
    there_and_back(argv[2], port, nanoseconds);
    return 0;
}
