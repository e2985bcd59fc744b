/* SPDX-License-Identifier: MIT
 *
 * ivshmem-doorbell with a server of the test's own: the id and the memory, peers that come, ring and go, a
 * doorbell in either direction, hold, and what a hostile server says: before the device is made, and after.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/pci/ivshmem.h"
#include "devices/pci/ivshmem_peers.h"
#include "tests/devices/pci/function.h"
#include "tests/suite.h"
#include "util/io_loop.h"

#define SIZE    0x10000u
#define OWN_ID  5
#define WAIT_MS 10000u

static char path[64];
static int listener, client = -1, memory;
static struct function_bus board;

static int memory_of(off_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    return fd;
}

/* The server's side. The connection need not have been accepted, but must have been made. */
static void say_part(const void *bytes, size_t length, const int *fds, unsigned count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec iov = { (void *)(uintptr_t)bytes, length };
    struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (count) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        *part = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS,
                                  .cmsg_len = CMSG_LEN(count * sizeof(int)) };
        memcpy(CMSG_DATA(part), fds, count * sizeof(int));
    }
    ck_assert_int_eq(sendmsg(client, &header, MSG_NOSIGNAL), (ssize_t)length);
}

static void say(int64_t value, int fd)
{
    say_part(&value, sizeof(value), &fd, fd >= 0);
}

/* The server speaks on a thread of its own while the device connects. */
struct greeting {
    int64_t values[3];
    int fds[3];
    unsigned count;
};

static void *serve(void *opaque)
{
    const struct greeting *greeting = opaque;
    client = accept(listener, NULL, NULL);
    ck_assert_int_ge(client, 0);
    for (unsigned n = 0; n < greeting->count; n++)
        say(greeting->values[n], greeting->fds[n]);
    if (greeting->count < 3)
        shutdown(client, SHUT_WR);
    return NULL;
}

static struct pci_function *connect_with(const struct greeting *greeting, unsigned vectors)
{
    struct error error = { "" };
    pthread_t thread;
    const struct ivshmem_config config = { .server = path, .vectors = vectors, .wait_ms = WAIT_MS };
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, (void *)(uintptr_t)greeting), 0);
    struct pci_function *function = ivshmem_create(&config, &error);
    pthread_join(thread, NULL);
    if (!function)
        ck_assert_msg(strstr(error.text, "ivshmem-doorbell"), "%s", error.text);
    return function;
}

static void setup(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(path, sizeof(path), "/tmp/ivshmem-test-%d", (int)getpid());
    strcpy(address.sun_path, path);
    unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    memory = memory_of(SIZE);
}

static void teardown(void)
{
    unlink(path);
    close(listener);
    close(memory);
    close(client);
}

/* Makes the device with two vectors, switched on in MSI-X. */
static void make(void)
{
    const struct greeting greeting = { { 0, OWN_ID, -1 }, { -1, -1, memory }, 3 };
    function_plug(&board, connect_with(&greeting, 2));
    function_master(&board, true);
    for (unsigned n = 0; n < 2; n++) {
        pci_bar_write(&board.function->bars[1], 16 * n, 4, 0x1000);
        pci_bar_write(&board.function->bars[1], 16 * n + 8, 4, 100 + n);
        pci_bar_write(&board.function->bars[1], 16 * n + 12, 4, 0);
    }
    pci_config_write(board.function, 0x42, 2, 0x8000);
}

static bool readable(int fd, int wait_ms)
{
    return poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, wait_ms) == 1;
}

static void ring(unsigned id, unsigned vector)
{
    pci_bar_write(&board.function->bars[0], 0x0c, 4, id << 16 | vector);
}

/* Rings until the device knows the peer: what the server says comes in its own time. */
static bool rings(unsigned id, unsigned vector, int fd)
{
    uint64_t count;
    for (unsigned n = 0; n < WAIT_MS / 10; n++) {
        ring(id, vector);
        if (readable(fd, 10))
            return read(fd, &count, sizeof(count)) == sizeof(count);
    }
    return false;
}

static bool messages_are(unsigned count)
{
    for (unsigned n = 0; n < WAIT_MS && board.messages != count; n++)
        poll(NULL, 0, 1);
    return board.messages == count;
}

/* The server has been heard when a peer that it names last can be rung. */
static void heard(void)
{
    int fd = eventfd(0, 0);
    say(0xffff, fd);
    ck_assert(rings(0xffff, 0, fd));
    say(0xffff, -1);
    close(fd);
}

START_TEST(both_directions)
{
    int own[2] = { eventfd(0, 0), eventfd(0, 0) }, other[2] = { eventfd(0, 0), eventfd(0, 0) };
    const uint64_t one = 1;
    make();
    ck_assert_uint_eq(pci_bar_read(&board.function->bars[0], 8, 4), OWN_ID);
    pci_bar_write(&board.function->bars[2], SIZE - 4, 4, 0x12345678);
    uint32_t value;
    ck_assert_int_eq(pread(memory, &value, 4, SIZE - 4), 4);
    ck_assert_uint_eq(value, 0x12345678);
    say(7, other[0]);
    say(7, other[1]);
    say(OWN_ID, own[0]);
    say(OWN_ID, own[1]);
    ck_assert(rings(7, 1, other[1]));
    ck_assert(!readable(other[0], 0));
    heard();
    ck_assert_int_eq(write(own[1], &one, 8), 8);
    ck_assert(messages_are(1));
    ck_assert_uint_eq(board.message_data, 101);
    ring(OWN_ID, 0); /* it may ring its own */
    ck_assert(messages_are(2));
    ck_assert_uint_eq(board.message_data, 100);
    board.function->ops->hold(board.function, true);
    ck_assert_int_eq(write(own[0], &one, 8), 8);
    while (readable(own[0], 0)) /* until the I/O thread has taken it */
        poll(NULL, 0, 1);
    ck_assert_uint_eq(board.messages, 2);
    board.function->ops->hold(board.function, false);
    ck_assert(messages_are(3));
    say(7, -1); /* the peer goes */
    heard();
    ring(7, 0);
    ck_assert(!readable(other[0], 0));
    function_mutate(board.function, fake_seed("both_directions"), 100);
    function_unplug(&board);
    for (unsigned n = 0; n < 2; n++)
        close(own[n]), close(other[n]);
}
END_TEST

/* What cannot be a server: the device is not made. */
START_TEST(bad_greetings)
{
    int small = memory_of(100), odd = memory_of(0x3000), event = eventfd(0, 0);
    const struct greeting rows[] = {
        { { 1, OWN_ID, -1 }, { -1, -1, memory }, 3 },
        { { 0, -1, -1 }, { -1, -1, memory }, 3 },
        { { 0, 0x10000, -1 }, { -1, -1, memory }, 3 },
        { { 0, OWN_ID, 3 }, { -1, -1, memory }, 3 },
        { { 0, OWN_ID, -1 }, { -1, -1, -1 }, 3 },
        { { 0, OWN_ID, -1 }, { memory, -1, memory }, 3 },
        { { 0, OWN_ID, -1 }, { -1, memory, memory }, 3 },
        { { 0, OWN_ID, -1 }, { -1, -1, small }, 3 },
        { { 0, OWN_ID, -1 }, { -1, -1, odd }, 3 },
        { { 0, OWN_ID, -1 }, { -1, -1, event }, 3 },
        { { 0, OWN_ID }, { -1, -1 }, 2 },
        { { 0 }, { -1 }, 0 },
    };
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        ck_assert_msg(!connect_with(&rows[n], 2), "greeting %u", n);
        close(client);
    }
    client = -1;
    struct error error = { "" };
    struct ivshmem_config config = { .server = "/tmp/there/is/none", .vectors = 1, .wait_ms = 10 };
    ck_assert_ptr_null(ivshmem_create(&config, &error));
    config.server = path; /* nobody accepts, and nothing is said */
    ck_assert_ptr_null(ivshmem_create(&config, &error));
    ck_assert_msg(strstr(error.text, "says nothing"), "%s", error.text);
    close(small), close(odd), close(event);
}
END_TEST

/* What a server should not say: none of it does harm, and a good peer can still be rung. */
START_TEST(bad_messages)
{
    int pipes[2], event = eventfd(0, 0), many[8];
    ck_assert_int_eq(pipe(pipes), 0);
    for (unsigned n = 0; n < 8; n++)
        many[n] = event;
    make();
    say(INT64_MIN, -1);
    say(-1, memory);
    say(0x10000, event);
    say(9, pipes[1]); /* no eventfd: could make the hart wait */
    say(9, memory);
    say(OWN_ID, -1);
    say(1234, -1);
    for (unsigned n = 0; n < 5; n++) /* more than there are vectors */
        say(OWN_ID, event);
    const int64_t id = 10;
    say_part(&id, 3, many, 8); /* in pieces, with more descriptors than one */
    say_part((const char *)&id + 3, 5, many, 8);
    ck_assert(rings(10, 0, event));
    for (unsigned n = 0; n < 300; n++) /* more peers than there is room for */
        say(20 + n, event);
    for (unsigned n = 0; n < 300; n++)
        say(20 + n, -1);
    heard();
    ring(9, 0);
    ring(10, 1);
    ring(0xffff, 0xffff);
    ck_assert(!readable(pipes[0], 0));
    shutdown(client, SHUT_WR); /* the server goes; its peers stay */
    poll(NULL, 0, 20);
    ck_assert(rings(10, 0, event));
    function_unplug(&board);
    close(event), close(pipes[0]), close(pipes[1]);
}
END_TEST

/* Runs in the I/O thread between its poll() and the device's read(). */
static void empty(void *opaque, short revents)
{
    uint64_t count;
    struct iovec iov = { &count, sizeof(count) };
    (void)revents;
    ssize_t taken = preadv2(*(int *)opaque, &iov, 1, -1, RWF_NOWAIT);
    ck_assert(taken == sizeof(count) || taken < 0);
}

/* A peer makes the device's own descriptor blocking and empties it at the worst moment: the I/O thread, which
 * hears the server, too, is not held up. */
START_TEST(blocking_eventfd)
{
    int own = eventfd(0, EFD_NONBLOCK);
    const uint64_t one = 1;
    struct error error = { "" };
    struct io_loop *loop = io_loop_acquire(&error);
    struct io_watch watches[2]; /* one of them comes before the device's */
    for (unsigned n = 0; n < 2; n++)
        watches[n] = (struct io_watch){ .fd = own, .events = POLLIN, .ready = empty, .opaque = &own };
    io_watch_add(loop, &watches[0]);
    make();
    say(OWN_ID, own);
    heard();
    io_watch_add(loop, &watches[1]);
    ck_assert_int_eq(fcntl(own, F_SETFL, 0), 0);
    for (unsigned n = 0; n < 10; n++) {
        ck_assert_int_eq(write(own, &one, sizeof(one)), 8);
        heard();
    }
    for (unsigned n = 0; n < 2; n++)
        io_watch_remove(loop, &watches[n]);
    io_loop_release(loop);
    function_unplug(&board);
    close(own);
}
END_TEST

/* It would ring four thousand million times, one after the other. */
START_TEST(semaphore)
{
    int own = eventfd(UINT32_MAX, EFD_SEMAPHORE);
    make();
    say(OWN_ID, own);
    heard();
    poll(NULL, 0, 100);
    unsigned before = board.messages;
    poll(NULL, 0, 200);
    unsigned count = board.messages - before;
    ck_assert_uint_gt(board.messages, 0);
    ck_assert_msg(count < 1000, "%u messages in a fifth of a second", count);
    function_unplug(&board);
    close(own);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ivshmem_doorbell");
    TCase *tests = tcase_create("ivshmem_doorbell");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, both_directions);
    tcase_add_test(tests, bad_greetings);
    tcase_add_test(tests, bad_messages);
    tcase_add_test(tests, blocking_eventfd);
    tcase_add_test(tests, semaphore);
    suite_add_tcase(suite, tests);
    return suite;
}
