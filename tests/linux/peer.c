/* SPDX-License-Identifier: MIT
 *
 * The peer of a guest in a network test, on the host's loopback interface:
 *
 *   peer serve FILE PORTFILE
 *     an HTTP server that answers every request with FILE; it writes the port that it listens on to
 *     PORTFILE, and serves until it is killed
 *   peer fetch PORT OUTPUT
 *     an HTTP client: what the server at PORT answers to "GET /" goes to OUTPUT. It tries again for 90 s
 *     while nobody answers.
 *   peer port
 *     prints a port that is free now
 *   peer dns NAME ADDRESS
 *     a name server on port 53 that knows one name and serves until it is killed
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
    perror(what);
    return 1;
}

/* A socket on the loopback interface; port 0: any port. The port goes to *bound. */
static int bound_socket(int type, unsigned port, unsigned *bound)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) ||
        getsockname(fd, (struct sockaddr *)&address, &length))
        return -1;
    *bound = ntohs(address.sin_port);
    return fd;
}

static void answer(int fd, const char *path)
{
    char buffer[65536];
    size_t count;
    FILE *file = fopen(path, "rb");
    if (read(fd, buffer, sizeof(buffer)) <= 0 || !file)
        return;
    fseek(file, 0, SEEK_END);
    int length =
        snprintf(buffer, sizeof(buffer), "HTTP/1.0 200 OK\r\nContent-Length: %ld\r\n\r\n", ftell(file));
    rewind(file);
    for (count = (size_t)length; count && write(fd, buffer, count) == (ssize_t)count;)
        count = fread(buffer, 1, sizeof(buffer), file);
    fclose(file);
}

static int serve(const char *path, const char *port_file)
{
    unsigned port;
    int listener = bound_socket(SOCK_STREAM, 0, &port);
    FILE *file = fopen(port_file, "w");
    signal(SIGCHLD, SIG_IGN);
    if (listener < 0 || listen(listener, 16) || !file)
        return fail("peer serve");
    fprintf(file, "%u\n", port);
    fclose(file);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return fail("peer serve");
        if (fork() == 0) { /* because another client may connect and send nothing */
            answer(fd, path);
            _exit(0);
        }
        close(fd);
    }
}

/* The answer without its header; false if there is none. */
static int fetch_once(unsigned port, const char *path)
{
    static char buffer[1 << 20];
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    FILE *file = NULL;
    size_t held = 0;
    ssize_t count;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
        write(fd, request, strlen(request)) < 0) {
        close(fd);
        return 0;
    }
    while ((count = read(fd, buffer + held, sizeof(buffer) - 1 - held)) > 0) {
        char *body = buffer;
        held += (size_t)count;
        buffer[held] = '\0';
        if (!file) {
            body = strstr(buffer, "\r\n\r\n");
            if (!body)
                continue;
            body += 4;
            file = fopen(path, "wb");
        }
        if (!file || fwrite(body, 1, held - (size_t)(body - buffer), file) != held - (size_t)(body - buffer))
            return 0;
        held = 0;
    }
    close(fd);
    return file && fclose(file) == 0;
}

static int fetch(unsigned port, const char *path)
{
    for (unsigned tries = 0; tries < 180; tries++) {
        if (fetch_once(port, path))
            return 0;
        nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
    }
    fprintf(stderr, "peer fetch: nobody answers at port %u\n", port);
    return 1;
}

/* Writes the question's name, with dots, into `name`; returns how many bytes it takes, 0 if there is no
 * name. */
static size_t question_name(const unsigned char *at, size_t length, char *name, size_t size)
{
    size_t used = 0, written = 0;
    while (used < length && at[used]) {
        size_t label = at[used++];
        if (label > 63 || label > length - used || written + label + 2 > size)
            return 0;
        if (written)
            name[written++] = '.';
        memcpy(name + written, at + used, label);
        written += label;
        used += label;
    }
    name[written] = '\0';
    return used < length ? used + 1 : 0;
}

static int dns(const char *name, const char *address)
{
    unsigned char packet[600];
    char asked[300];
    unsigned port;
    int fd = bound_socket(SOCK_DGRAM, 53, &port);
    if (fd < 0)
        return fail("peer dns");
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_length = sizeof(from);
        ssize_t got = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &from_length);
        if (got < 17)
            continue;
        size_t used = question_name(packet + 12, (size_t)got - 12, asked, sizeof(asked));
        size_t end = 12 + used + 4;
        if (!used || end > (size_t)got)
            continue;
        int known = strcmp(asked, name) == 0, is_a = packet[end - 3] == 1;
        /* An authoritative answer; or: there is no such name. */
        packet[2] = 0x85, packet[3] = known ? 0x80 : 0x83;
        memset(packet + 6, 0, 6);
        if (known && is_a) {
            static const unsigned char record[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
            packet[7] = 1;
            memcpy(packet + end, record, 12);
            inet_pton(AF_INET, address, packet + end + 12);
            end += 16;
        }
        if (sendto(fd, packet, end, 0, (struct sockaddr *)&from, from_length) < 0)
            return fail("peer dns");
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    unsigned port;
    if (strcmp(what, "serve") == 0 && argc == 4)
        return serve(argv[2], argv[3]);
    if (strcmp(what, "fetch") == 0 && argc == 4)
        return fetch((unsigned)atoi(argv[2]), argv[3]);
    if (strcmp(what, "dns") == 0 && argc == 4)
        return dns(argv[2], argv[3]);
    if (strcmp(what, "port") == 0 && bound_socket(SOCK_STREAM, 0, &port) >= 0)
        return printf("%u\n", port) < 0;
    fprintf(stderr, "usage: peer serve FILE PORTFILE | fetch PORT OUTPUT | port | dns NAME ADDRESS\n");
    return 2;
}
