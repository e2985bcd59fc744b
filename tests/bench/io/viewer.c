// SPDX-License-Identifier: MIT
// A VNC viewer (RFC 6143) that looks at a screen as fast as its server lets it, for tests/bench.
// Usage: viewer PORT SECONDS; tries to connect for a minute, then takes updates in raw pixels until the
// server hangs up, and prints "BENCH screen seen VALUE /s": the updates of (all but) the whole screen, a
// second, within those SECONDS that had most of them.
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ENCODING_RAW = 0, ENCODING_SIZE = -223 };

static int server;
static uint32_t screen_width, screen_height;
// When updates of the whole screen came, from the first of the last `seconds` on, and the most that ever were
// there.
static double seconds, times[1 << 16];
static size_t updates, most;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static _Noreturn void end(void)
{
    printf("BENCH screen seen %.1f /s\n", (double)most / seconds);
    exit(0);
}

static void get(void *bytes, size_t length)
{
    for (uint8_t *at = bytes; length;) {
        ssize_t got = read(server, at, length);
        if (got <= 0)
            end();
        at += got;
        length -= (size_t)got;
    }
}

static void put(const void *bytes, size_t length)
{
    if (write(server, bytes, length) != (ssize_t)length)
        end();
}

static uint32_t get16(void)
{
    uint16_t value;
    get(&value, 2);
    return ntohs(value);
}

static uint32_t get32(void)
{
    uint32_t value;
    get(&value, 4);
    return ntohl(value);
}

static void skip(size_t length)
{
    static uint8_t bytes[1 << 20];
    for (size_t part; length; length -= part) {
        part = length < sizeof(bytes) ? length : sizeof(bytes);
        get(bytes, part);
    }
}

static void request(bool incremental)
{
    uint8_t message[10] = { 3, incremental };
    message[6] = (uint8_t)(screen_width >> 8);
    message[7] = (uint8_t)screen_width;
    message[8] = (uint8_t)(screen_height >> 8);
    message[9] = (uint8_t)screen_height;
    put(message, sizeof(message));
}

static void get_update(void)
{
    uint64_t area = 0;
    skip(1);
    for (uint32_t count = get16(); count; count--) {
        skip(4);
        uint32_t width = get16(), height = get16();
        if ((int32_t)get32() == ENCODING_SIZE) {
            screen_width = width;
            screen_height = height;
        } else {
            area += (uint64_t)width * height;
            skip((size_t)width * height * 4);
        }
    }
    request(true);
    if (area * 10 < (uint64_t)screen_width * screen_height * 9)
        return;
    size_t old = 0;
    double time = now();
    while (old < updates &&
           (times[old] <= time - seconds || updates - old == sizeof(times) / sizeof(times[0])))
        old++;
    memmove(times, times + old, (updates -= old) * sizeof(times[0]));
    times[updates++] = time;
    most = updates > most ? updates : most;
}

static bool connect_to(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned tries = 0; tries < 600; tries++) {
        server = socket(AF_INET, SOCK_STREAM, 0);
        if (server >= 0 && !connect(server, (struct sockaddr *)&address, sizeof(address)))
            return true;
        close(server);
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    return false;
}

int main(int argc, char **argv)
{
    static const uint8_t format[20] = { 0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0 };
    static const uint8_t encodings[12] = { 2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21 };
    uint8_t version[12], count;
    seconds = argc == 3 ? atof(argv[2]) : 0;
    if (seconds <= 0 || !connect_to(argv[1])) {
        fprintf(stderr, "usage: viewer PORT SECONDS, where a VNC server answers\n");
        return 1;
    }
    get(version, sizeof(version));
    put("RFB 003.008\n", 12);
    get(&count, 1);
    skip(count);
    put("\1", 1); // no password
    if (get32() != 0)
        return 1;
    put("\1", 1);
    screen_width = get16();
    screen_height = get16();
    skip(16);
    skip(get32());
    put(format, sizeof(format));
    put(encodings, sizeof(encodings));
    request(false);
    for (uint8_t type;;) {
        get(&type, 1);
        if (type == 0)
            get_update();
        else if (type == 3) {
            skip(3);
            skip(get32());
        } else if (type != 2) {
            fprintf(stderr, "FAIL viewer: a message of type %u\n", type);
            return 1;
        }
    }
}
