/* SPDX-License-Identifier: MIT
 *
 * Descriptions of character devices, and the kinds that are not consoles: telnet, datagrams, pipes, terminals
 * of the host, descriptors, ring buffers, and the copies of logfile=.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "devices/char/chardev.h"
#include "tests/suite.h"

static struct error error;
static char folder[] = "/tmp/rvive-char-XXXXXX";

/* A front end that accepts everything. */
struct front {
    pthread_mutex_t lock;
    uint8_t bytes[4096];
    size_t count;
};

static size_t can_receive(void *opaque)
{
    (void)opaque;
    return 64;
}

static void receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct front *front = opaque;
    pthread_mutex_lock(&front->lock);
    ck_assert_uint_le(front->count + length, sizeof(front->bytes));
    memcpy(front->bytes + front->count, bytes, length);
    front->count += length;
    pthread_mutex_unlock(&front->lock);
}

static struct chardev *open_front(const char *description, struct front *front)
{
    struct chardev *chardev = chardev_open(description, NULL, NULL, &error);
    ck_assert_msg(chardev != NULL, "%s: %s", description, error.text);
    *front = (struct front){ .count = 0 };
    pthread_mutex_init(&front->lock, NULL);
    chardev_attach(chardev, &(struct chardev_front){ can_receive, receive, front, NULL });
    return chardev;
}

/* Waits until exactly these bytes have come. */
static void expect(struct front *front, const char *bytes, size_t length)
{
    time_t end = time(NULL) + 10;
    size_t count = 0;
    while (count < length && time(NULL) < end) {
        pthread_mutex_lock(&front->lock);
        count = front->count;
        pthread_mutex_unlock(&front->lock);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    ck_assert_uint_eq(count, length);
    ck_assert_mem_eq(front->bytes, bytes, length);
}

/* Reads exactly these bytes from a descriptor, which may be slow. */
static void expect_fd(int fd, const char *bytes, size_t length)
{
    char got[256];
    size_t count = 0;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    while (count < length && poll(&wait, 1, 10000) > 0) {
        ssize_t n = read(fd, got + count, sizeof(got) - count);
        ck_assert_int_gt(n, 0);
        count += (size_t)n;
    }
    ck_assert_uint_eq(count, length);
    ck_assert_mem_eq(got, bytes, length);
}

static void put(struct chardev *chardev, const char *text)
{
    chardev_write(chardev, (const uint8_t *)text, strlen(text));
}

static void expect_file(const char *name, const char *text)
{
    char got[256] = "";
    FILE *file = fopen(name, "r");
    ck_assert_msg(file != NULL, "%s", name);
    size_t length = fread(got, 1, sizeof(got) - 1, file);
    fclose(file);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_str_eq(got, text);
}

static void setup(void)
{
    ck_assert(mkdtemp(folder) && chdir(folder) == 0);
}

static void teardown(void)
{
    static const char *const names[] = { "out", "log", "p.in", "p.out" };
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        unlink(names[n]);
    rmdir(folder);
}

START_TEST(descriptions)
{
    struct chardev_config config;
    ck_assert(chardev_describe("mon:tcp:host:1,server,nowait", &config, &error));
    ck_assert(config.kind == CHARDEV_TCP && config.escapes && config.server && !config.wait &&
              !config.signals);
    ck_assert_str_eq(config.address, "host:1");
    ck_assert(chardev_describe("file:a,,b,append=on,logfile=c,,d,logappend=on", &config, &error));
    ck_assert_str_eq(config.address, "a,b");
    ck_assert_str_eq(config.logfile, "c,d");
    ck_assert(config.append && config.log_append);
    ck_assert(chardev_describe("stdio", &config, &error) && config.signals);
    ck_assert(chardev_describe("mon:stdio,signal=on", &config, &error) && config.signals);
    ck_assert(chardev_describe("telnet:h:1", &config, &error) && config.telnet && config.wait);
    ck_assert(chardev_describe("ringbuf,size=2M", &config, &error) && config.size == 2u << 20);
    ck_assert(chardev_is_stdio("stdio,signal=off") && chardev_is_stdio("mon:stdio") &&
              !chardev_is_stdio("stdiox"));
    ck_assert(chardev_has_escapes("mon:pty") && !chardev_has_escapes("pty"));
    static const char *const bad[] = {
        "stdio:x",        "file",           "file:",           "tcp",  "null,server=x", "null,what=1",
        "ringbuf,size=3", "ringbuf,size=0", "ringbuf,size=2G", "mon:", "mon:mon:stdio", "udp",
        "null,logfile=",  "pipe:x,wait=x",  "ringbuf,size=1KB"
    };
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        error.text[0] = '\0';
        ck_assert_msg(!chardev_describe(bad[n], &config, &error) && strlen(error.text) > 10, "%s", bad[n]);
    }
}
END_TEST

START_TEST(files)
{
    struct front front;
    struct chardev *chardev = open_front("file:out", &front);
    put(chardev, "one");
    chardev_destroy(chardev);
    chardev = open_front("file:out,append=on,logfile=log", &front);
    put(chardev, "two");
    chardev_destroy(chardev);
    expect_file("out", "onetwo");
    expect_file("log", "two");
    chardev = open_front("null,logfile=log,logappend=on", &front);
    put(chardev, "three");
    chardev_destroy(chardev);
    expect_file("log", "twothree");
    chardev = open_front("file:out,logfile=log", &front);
    chardev_destroy(chardev);
    expect_file("out", "");
    expect_file("log", "");
    ck_assert_ptr_null(chardev_open("null,logfile=/nonexistent/x", NULL, NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/x"));
}
END_TEST

START_TEST(pipes)
{
    struct front front;
    ck_assert(mkfifo("p.in", 0600) == 0 && mkfifo("p.out", 0600) == 0);
    struct chardev *chardev = open_front("pipe:p", &front);
    int in = open("p.in", O_WRONLY), out = open("p.out", O_RDONLY);
    ck_assert(in >= 0 && out >= 0);
    ck_assert_int_eq(write(in, "to", 2), 2);
    expect(&front, "to", 2);
    put(chardev, "from");
    expect_fd(out, "from", 4);
    close(in); /* another process may come later */
    in = open("p.in", O_WRONLY);
    ck_assert_int_eq(write(in, "more", 4), 4);
    expect(&front, "tomore", 6);
    chardev_destroy(chardev);
    close(in);
    close(out);
    ck_assert_ptr_null(chardev_open("pipe:nosuch", NULL, NULL, &error));
}
END_TEST

START_TEST(terminals)
{
    struct front front;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    char description[128];
    ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    snprintf(description, sizeof(description), "serial:%s", ptsname(master));
    struct chardev *chardev = open_front(description, &front);
    ck_assert_int_eq(write(master, "a\rb", 3), 3);
    expect(&front, "a\rb", 3); /* raw */
    put(chardev, "c\n");
    expect_fd(master, "c\n", 2);
    chardev_destroy(chardev);
    close(master);
    chardev = open_front("serial:/dev/null", &front);
    put(chardev, "nowhere");
    chardev_destroy(chardev);
}
END_TEST

static int local_socket(int type, struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)address, size) == 0 &&
              getsockname(fd, (struct sockaddr *)address, &size) == 0);
    return fd;
}

/* Nobody listens at first: datagrams are lost, and the line continues to work. */
START_TEST(datagrams)
{
    struct front front;
    struct sockaddr_in peer, own;
    char description[128];
    int fd = local_socket(SOCK_DGRAM, &peer), placeholder = local_socket(SOCK_DGRAM, &own);
    close(fd);
    close(placeholder);
    snprintf(description, sizeof(description), "udp:127.0.0.1:%u,local=127.0.0.1:%u", ntohs(peer.sin_port),
             ntohs(own.sin_port));
    struct chardev *chardev = open_front(description, &front);
    for (unsigned n = 0; n < 3; n++) {
        put(chardev, "lost");
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0);
    put(chardev, "there");
    expect_fd(fd, "there", 5);
    ck_assert_int_eq(sendto(fd, "back", 4, 0, (struct sockaddr *)&own, sizeof(own)), 4);
    ck_assert_int_eq(sendto(fd, "", 0, 0, (struct sockaddr *)&own, sizeof(own)), 0);
    ck_assert_int_eq(sendto(fd, "again", 5, 0, (struct sockaddr *)&own, sizeof(own)), 5);
    expect(&front, "backagain", 9);
    chardev_destroy(chardev);
    close(fd);
}
END_TEST

START_TEST(descriptors)
{
    struct front front;
    int ends[2];
    char description[64];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(description, sizeof(description), "fd:%d", ends[0]);
    struct chardev *chardev = open_front(description, &front);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    expect(&front, "x", 1);
    put(chardev, "y");
    expect_fd(ends[1], "y", 1);
    chardev_destroy(chardev);
    ck_assert_int_ge(fcntl(ends[0], F_GETFD), 0); /* the starter still has it */
    strcat(description, ",server=on");
    ck_assert_ptr_null(chardev_open(description, NULL, NULL, &error));
    ck_assert_ptr_null(chardev_open("fd:999", NULL, NULL, &error));
    ck_assert_ptr_null(chardev_open("fd:x", NULL, NULL, &error));
    struct sockaddr_in address;
    int listening = local_socket(SOCK_STREAM, &address), client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    snprintf(description, sizeof(description), "fd:%d,server=on,wait=off", listening);
    chardev = open_front(description, &front);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(write(client, "z", 1), 1);
    expect(&front, "z", 1);
    chardev_destroy(chardev);
    close(client);
    close(listening);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* What a telnet client says about options is not input. A byte 255 is doubled in both directions. CR NUL and
 * CR LF mean CR. */
START_TEST(telnet)
{
    static const char wishes[] = "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00";
    static const char said[] = "a\xff\xfd\x01"
                               "b\xff\xfa\x18\x00vt\xff\xff\xff\xf0"
                               "c\xff\xff"
                               "d\xff\xf1\r\0e\r\nf";
    struct front front;
    struct sockaddr_in address;
    char description[64];
    int listening = local_socket(SOCK_STREAM, &address), client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    snprintf(description, sizeof(description), "fd:%d,server=on,wait=off,telnet=on", listening);
    struct chardev *chardev = open_front(description, &front);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    expect_fd(client, wishes, 12);
    for (size_t n = 0; n < sizeof(said) - 1; n++) /* in pieces that end at any place */
        ck_assert_int_eq(write(client, said + n, 1), 1);
    expect(&front,
           "abc\xff"
           "d\re\rf",
           9);
    chardev_write(chardev, (const uint8_t *)"x\xffy", 3);
    expect_fd(client, "x\xff\xffy", 4);
    chardev_destroy(chardev);
    close(client);
    close(listening);
}
END_TEST

START_TEST(ring_buffers)
{
    struct front front;
    uint8_t bytes[64];
    size_t length;
    struct chardev *chardev = open_front("ringbuf,size=8", &front);
    ck_assert(chardev_is_ringbuf(chardev));
    put(chardev, "abc");
    ck_assert(chardev_ringbuf_read(chardev, bytes, 2, &length) && length == 2 && memcmp(bytes, "ab", 2) == 0);
    put(chardev, "0123456789");
    ck_assert(chardev_ringbuf_read(chardev, bytes, sizeof(bytes), &length) && length == 8);
    ck_assert_mem_eq(bytes, "23456789", 8);
    ck_assert(chardev_ringbuf_read(chardev, bytes, sizeof(bytes), &length) && length == 0);
    chardev_destroy(chardev);
    chardev = open_front("null", &front);
    ck_assert(!chardev_ringbuf_read(chardev, bytes, 1, &length));
    chardev_destroy(chardev);
}
END_TEST

static atomic_int escapes;

static void on_escape(void *opaque, enum chardev_escape what)
{
    (void)opaque, (void)what;
    escapes++;
}

/* The key of -echr, on a backend that is not a terminal. */
START_TEST(escape_keys)
{
    int ends[2];
    char description[64];
    struct front front = { .count = 0 };
    pthread_mutex_init(&front.lock, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(description, sizeof(description), "mon:fd:%d", ends[0]);
    chardev_set_escape(0x14);
    struct chardev *chardev = chardev_open(description, on_escape, NULL, &error);
    ck_assert_msg(chardev != NULL, "%s", error.text);
    chardev_attach(chardev, &(struct chardev_front){ can_receive, receive, &front, NULL });
    ck_assert_int_eq(write(ends[1], "\x01x\x14\x14y\x14xz", 8), 8);
    expect(&front, "\x01x\x14yz", 5);
    ck_assert_int_eq(escapes, 1);
    ck_assert_int_eq(write(ends[1], "\x14h", 2), 2);
    char text[256];
    struct pollfd wait = { .fd = ends[1], .events = POLLIN };
    ck_assert_int_gt(poll(&wait, 1, 10000), 0);
    ssize_t length = read(ends[1], text, sizeof(text) - 1);
    ck_assert_int_gt(length, 0);
    text[length] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "Ctrl-T"));
    chardev_destroy(chardev);
    chardev_set_escape(0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("kinds of character devices");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, descriptions);
    tcase_add_test(tests, files);
    tcase_add_test(tests, pipes);
    tcase_add_test(tests, terminals);
    tcase_add_test(tests, datagrams);
    tcase_add_test(tests, descriptors);
    tcase_add_test(tests, telnet);
    tcase_add_test(tests, ring_buffers);
    tcase_add_test(tests, escape_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
