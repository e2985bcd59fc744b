/* SPDX-License-Identifier: MIT
 *
 * Console backends: nothing is lost under load, the Ctrl-A keys, ends of input, peers that come and leave.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "devices/platform/uart16550.h"
#include "tests/devices/fake.h"

#define LOAD (1u << 20)

/* A front end with room for 16 bytes at a time, emptied by the test's thread. */
struct slow_front {
    pthread_mutex_t lock;
    uint8_t *bytes;
    size_t count, unread;
    size_t room; /* 0: takes nothing */
};

static size_t slow_can_receive(void *opaque)
{
    struct slow_front *front = opaque;
    pthread_mutex_lock(&front->lock);
    size_t n = front->unread < front->room ? front->room - front->unread : 0;
    pthread_mutex_unlock(&front->lock);
    return n;
}

static void slow_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct slow_front *front = opaque;
    pthread_mutex_lock(&front->lock);
    ck_assert_uint_le(front->unread + length, front->room);
    ck_assert_uint_le(front->count + length, LOAD);
    memcpy(front->bytes + front->count, bytes, length);
    front->count += length;
    front->unread += length;
    pthread_mutex_unlock(&front->lock);
}

static void slow_init(struct slow_front *front, struct chardev *chardev, size_t room)
{
    *front = (struct slow_front){ .bytes = calloc(1, LOAD), .room = room };
    pthread_mutex_init(&front->lock, NULL);
    chardev_attach(chardev, &(struct chardev_front){ slow_can_receive, slow_receive, front, NULL });
}

/* Takes what has arrived; returns how much has arrived in all. */
static size_t slow_drain(struct slow_front *front, struct chardev *chardev)
{
    pthread_mutex_lock(&front->lock);
    size_t count = front->count;
    bool had = front->unread != 0;
    front->unread = 0;
    pthread_mutex_unlock(&front->lock);
    if (had)
        chardev_input_ready(chardev);
    return count;
}

static void slow_destroy(struct slow_front *front)
{
    free(front->bytes);
    pthread_mutex_destroy(&front->lock);
}

struct sender {
    int fd;
    uint8_t *bytes;
};

static void *send_all(void *opaque)
{
    struct sender *sender = opaque;
    for (size_t sent = 0; sent < LOAD;) {
        ssize_t n = write(sender->fd, sender->bytes + sent, LOAD - sent);
        ck_assert_int_gt(n, 0);
        sent += (size_t)n;
    }
    return NULL;
}

static uint8_t *random_bytes(const char *test, unsigned lowest)
{
    unsigned seed = fake_seed(test);
    uint8_t *bytes = malloc(LOAD);
    for (size_t i = 0; i < LOAD; i++)
        bytes[i] = (uint8_t)(lowest + (unsigned)rand_r(&seed) % (256 - lowest));
    return bytes;
}

static struct chardev *open_ok(const char *what, chardev_escape_fn *escape, void *opaque)
{
    struct error error = { .text = "" };
    struct chardev *chardev = chardev_open(what, escape, opaque, &error);
    ck_assert_msg(chardev != NULL, "%s", error.text);
    return chardev;
}

/* Takes bytes until all have arrived. 65,536 transfers between threads may take half a minute if processors
 * are few and busy, so only a standstill of ten seconds is a fault. */
static void drain_all(struct slow_front *front, struct chardev *chardev)
{
    time_t moved = time(NULL);
    for (size_t last = 0, now; (now = slow_drain(front, chardev)) < LOAD; last = now) {
        if (now != last)
            moved = time(NULL);
        ck_assert_msg(time(NULL) <= moved + 10, "nothing came for ten seconds after %zu bytes", now);
        sched_yield();
    }
}

static void check_load(struct chardev *chardev, int fd, const char *test)
{
    struct slow_front front;
    struct sender sender = { fd, random_bytes(test, 0) };
    pthread_t thread;
    slow_init(&front, chardev, 16);
    pthread_create(&thread, NULL, send_all, &sender);
    drain_all(&front, chardev);
    pthread_join(thread, NULL);
    ck_assert_mem_eq(front.bytes, sender.bytes, LOAD);
    chardev_destroy(chardev);
    slow_destroy(&front);
    free(sender.bytes);
}

START_TEST(test_stdio_load)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[0], 0);
    check_load(open_ok("stdio", NULL, NULL), fds[1], "stdio load");
}
END_TEST

START_TEST(test_pty_load)
{
    int fds[2], saved = dup(2);
    char line[256] = "";
    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[1], 2);
    struct chardev *chardev = open_ok("pty", NULL, NULL);
    dup2(saved, 2);
    ck_assert_int_gt(read(fds[0], line, sizeof(line) - 1), 0);
    char *name = strstr(line, "/dev/pts/");
    ck_assert_ptr_nonnull(name);
    name[strcspn(name, "\n")] = 0;
    int slave = open(name, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    check_load(chardev, slave, "pty load");
}
END_TEST

START_TEST(test_file_output)
{
    char path[] = "/tmp/rvive-chardev-XXXXXX", description[64];
    close(mkstemp(path));
    snprintf(description, sizeof(description), "file:%s", path);
    struct chardev *chardev = open_ok(description, NULL, NULL);
    uint8_t *bytes = random_bytes("file", 0), *back = malloc(LOAD + 1);
    for (size_t i = 0; i < LOAD; i++)
        chardev_write(chardev, bytes + i, 1);
    chardev_destroy(chardev); /* flushes */
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(read(fd, back, LOAD + 1), LOAD);
    ck_assert_mem_eq(back, bytes, LOAD);
    unlink(path);
    free(bytes);
    free(back);
}
END_TEST

static atomic_int escapes[2];
static void note_escape(void *opaque, enum chardev_escape what)
{
    (void)opaque;
    atomic_fetch_add(&escapes[what], 1);
}

START_TEST(test_escapes)
{
    struct slow_front front;
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[0], 0);
    struct chardev *chardev = open_ok("mon:stdio", note_escape, NULL);
    slow_init(&front, chardev, 0); /* a guest that does not read */
    ck_assert_int_eq(write(fds[1], "a\1cb\1\1c\1", 8), 8);
    FAKE_WAIT(escapes[CHARDEV_ESCAPE_MONITOR] == 1);
    ck_assert_int_eq(write(fds[1], "xd\1?", 4), 4);
    FAKE_WAIT(escapes[CHARDEV_ESCAPE_QUIT] == 1);
    pthread_mutex_lock(&front.lock);
    ck_assert_uint_eq(front.count, 0);
    front.room = 2;
    pthread_mutex_unlock(&front.lock);
    chardev_input_ready(chardev);
    FAKE_WAIT(slow_drain(&front, chardev) == 5);
    ck_assert_mem_eq(front.bytes, "ab\1cd", 5);
    chardev_destroy(chardev);
    slow_destroy(&front);
}
END_TEST

/* Three users of one terminal: what is written goes out in order, and Ctrl-A C takes the keys round. A user
 * that takes nothing loses no key, and does not keep the others' from them. */
START_TEST(test_shares)
{
    struct slow_front fronts[3];
    struct chardev *ends[3];
    struct error error;
    int in[2];
    ck_assert_int_eq(pipe(in), 0);
    dup2(in[0], 0);
    ends[0] = open_ok("mon:stdio", note_escape, NULL);
    slow_init(&fronts[0], ends[0], 16);
    for (unsigned n = 1; n < 3; n++) {
        ends[n] = chardev_share(ends[0], &error);
        ck_assert_ptr_nonnull(ends[n]);
        slow_init(&fronts[n], ends[n], n == 2 ? 0 : 16);
    }
    atomic_store(&escapes[CHARDEV_ESCAPE_MONITOR], 0);
    static const char keys[] = "last\1cfirst\1cnext\1\1\1clast";
    ck_assert_int_eq(write(in[1], keys, strlen(keys)), strlen(keys));
    FAKE_WAIT(slow_drain(&fronts[0], ends[0]) == 5 && slow_drain(&fronts[1], ends[1]) == 5);
    ck_assert_mem_eq(fronts[0].bytes, "first", 5);
    ck_assert_mem_eq(fronts[1].bytes, "next\1", 5);
    ck_assert_uint_eq(slow_drain(&fronts[2], ends[2]), 0);
    pthread_mutex_lock(&fronts[2].lock);
    fronts[2].room = 3;
    pthread_mutex_unlock(&fronts[2].lock);
    chardev_input_ready(ends[2]);
    FAKE_WAIT(slow_drain(&fronts[2], ends[2]) == 8);
    ck_assert_mem_eq(fronts[2].bytes, "lastlast", 8);
    ck_assert_int_eq(escapes[CHARDEV_ESCAPE_MONITOR], 0);
    for (unsigned n = 0; n < 3; n++) { /* the backend goes first, as in a machine */
        chardev_destroy(ends[n]);
        slow_destroy(&fronts[n]);
    }
}
END_TEST

/* More than the buffers hold, for a share that is slow, until the input ends. */
START_TEST(test_share_load)
{
    struct slow_front front, share_front;
    struct chardev *more[CHARDEV_SHARES];
    struct error error;
    int in[2];
    ck_assert_int_eq(pipe(in), 0);
    dup2(in[0], 0);
    struct sender sender = { in[1], random_bytes("share", 2) };
    struct chardev *chardev = open_ok("mon:stdio", note_escape, NULL),
                   *share = chardev_share(chardev, &error);
    pthread_t thread;
    slow_init(&front, chardev, 16);
    slow_init(&share_front, share, 5000);
    pthread_create(&thread, NULL, send_all, &sender);
    drain_all(&share_front, share);
    pthread_join(thread, NULL);
    ck_assert_mem_eq(share_front.bytes, sender.bytes, LOAD);
    ck_assert_uint_eq(slow_drain(&front, chardev), 0);
    for (unsigned n = 1; n < CHARDEV_SHARES; n++)
        ck_assert_ptr_nonnull(more[n] = chardev_share(chardev, &error));
    ck_assert_ptr_null(chardev_share(chardev, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "at most 4"));
    chardev_destroy(chardev);
    chardev_destroy(share);
    for (unsigned n = 1; n < CHARDEV_SHARES; n++)
        chardev_destroy(more[n]);
    slow_destroy(&front);
    slow_destroy(&share_front);
    free(sender.bytes);
}
END_TEST

struct talker {
    struct device *uart;
    atomic_uint written;
    atomic_bool stop, stopped;
};

static void *talk(void *opaque)
{
    struct talker *talker = opaque;
    while (!atomic_load(&talker->stop)) {
        fake_write(talker->uart, 0, 1, '.');
        atomic_fetch_add(&talker->written, 1);
    }
    atomic_store(&talker->stopped, true);
    return NULL;
}

/* A terminal that takes no more output: the guest's writer waits, but the keys still work, and the writer can
 * be stopped. */
START_TEST(test_stopped_terminal)
{
    struct fake_irq irq = { .level = false };
    int in[2], out[2];
    pthread_t thread;
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    fflush(stdout);
    int saved = dup(1);
    dup2(in[0], 0);
    dup2(out[1], 1);
    struct chardev *chardev = open_ok("mon:stdio", note_escape, NULL);
    struct talker talker = { .uart = uart16550_create(
                                 &(struct uart16550_config){ .irq = fake_irq_line(&irq), .chardev = chardev },
                                 NULL) };
    fake_write(talker.uart, 2, 1, 1); /* FIFO on */
    pthread_create(&thread, NULL, talk, &talker);
    /* The pipe and the buffer are full if nothing has moved for half a second. */
    unsigned now = 0;
    for (unsigned still = 0; still < 5; still++) {
        usleep(100000);
        if (now != atomic_load(&talker.written))
            still = 0;
        now = atomic_load(&talker.written);
    }
    /* Input still goes to the guest's side, the help cannot be printed, and quitting works. */
    ck_assert_int_eq(write(in[1], "ab\1h", 4), 4);
    FAKE_WAIT(fake_read(talker.uart, 5, 1) & 1);
    ck_assert_uint_eq(fake_read(talker.uart, 0, 1), 'a');
    ck_assert_uint_eq(fake_read(talker.uart, 0, 1), 'b');
    atomic_store(&escapes[CHARDEV_ESCAPE_QUIT], 0);
    ck_assert_int_eq(write(in[1], "\1x", 2), 2);
    FAKE_WAIT(escapes[CHARDEV_ESCAPE_QUIT] == 1);
    ck_assert_uint_eq(atomic_load(&talker.written), now); /* still waiting: nothing was dropped */
    atomic_store(&talker.stop, true);
    chardev_hurry(chardev, true);
    FAKE_WAIT(atomic_load(&talker.stopped));
    pthread_join(thread, NULL);
    chardev_destroy(chardev);
    talker.uart->ops->destroy(talker.uart);
    dup2(saved, 1);
}
END_TEST

START_TEST(test_end_of_input)
{
    struct slow_front front;
    struct rusage before, after;
    int fd = open("/dev/null", O_RDONLY);
    dup2(fd, 0);
    struct chardev *chardev = open_ok("stdio", NULL, NULL);
    ck_assert_ptr_null(chardev_open("mon:stdio", NULL, NULL, NULL)); /* stdio is in use */
    slow_init(&front, chardev, 16);
    getrusage(RUSAGE_SELF, &before);
    usleep(300000);
    getrusage(RUSAGE_SELF, &after);
    long us =
        (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
            1000000 +
        after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    ck_assert_int_lt(us, 100000); /* it does not spin */
    ck_assert_uint_eq(front.count, 0);
    chardev_destroy(chardev);
    slow_destroy(&front);
}
END_TEST

static atomic_uint ends;

static void note_end(void *opaque, enum chardev_event event)
{
    struct slow_front *front = opaque;
    if (event != CHARDEV_EVENT_CLOSED)
        return;
    pthread_mutex_lock(&front->lock);
    ck_assert_uint_eq(front->count, 3);
    pthread_mutex_unlock(&front->lock);
    atomic_fetch_add(&ends, 1);
}

/* With Ctrl-A keys, input is read ahead; its end is not told before the front end has all of it. */
START_TEST(test_end_comes_last)
{
    struct slow_front front = { .bytes = calloc(1, LOAD) };
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    dup2(fds[0], 0);
    ck_assert_int_eq(write(fds[1], "abc", 3), 3);
    close(fds[1]);
    struct chardev *chardev = open_ok("mon:stdio", note_escape, NULL);
    chardev_hold(chardev, true); /* the guest does not run yet */
    pthread_mutex_init(&front.lock, NULL);
    front.room = 2;
    chardev_attach(chardev, &(struct chardev_front){ slow_can_receive, slow_receive, &front, note_end });
    usleep(200000);
    ck_assert_uint_eq(atomic_load(&ends), 0);
    chardev_hold(chardev, false);
    FAKE_WAIT(slow_drain(&front, chardev) == 3);
    FAKE_WAIT(atomic_load(&ends) == 1);
    chardev_destroy(chardev);
    slow_destroy(&front);
}
END_TEST

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

START_TEST(test_socket)
{
    struct slow_front front;
    char path[] = "/tmp/rvive-socket-XXXXXX", description[64], got[8];
    close(mkstemp(path));
    unlink(path);
    snprintf(description, sizeof(description), "unix:%s,server,nowait", path);
    struct chardev *chardev = open_ok(description, NULL, NULL);
    slow_init(&front, chardev, 16);
    chardev_write(chardev, (const uint8_t *)"lost", 4);
    for (unsigned i = 1; i <= 3; i++) {
        int fd = connect_to(path);
        ck_assert_int_eq(write(fd, "in", 2), 2);
        FAKE_WAIT(slow_drain(&front, chardev) == i * 2);
        chardev_write(chardev, (const uint8_t *)"out", 3);
        ck_assert_int_eq(recv(fd, got, 3, MSG_WAITALL), 3);
        ck_assert_mem_eq(got, "out", 3);
        close(fd);
        /* The peer has gone: the writes neither wait nor kill the process. */
        for (unsigned n = 0; n < 100; n++)
            chardev_write(chardev, (const uint8_t *)got, 3);
    }
    chardev_destroy(chardev);
    ck_assert_int_ne(access(path, F_OK), 0);
    slow_destroy(&front);
}
END_TEST

/* A client that comes while no descriptor is free waits for one, and no thread spins meanwhile. */
START_TEST(test_socket_without_descriptors)
{
    struct slow_front front;
    struct rusage before, after;
    char path[] = "/tmp/rvive-socket-XXXXXX", description[64];
    int held[200];
    unsigned count = 0;
    close(mkstemp(path));
    unlink(path);
    snprintf(description, sizeof(description), "unix:%s,server,nowait", path);
    struct chardev *chardev = open_ok(description, NULL, NULL);
    slow_init(&front, chardev, 16);
    struct rlimit limit = { 100, 100 };
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    while (count < 200 && (held[count] = dup(fd)) >= 0)
        count++;
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(write(fd, "in", 2), 2);
    getrusage(RUSAGE_SELF, &before);
    usleep(1000000);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
                         before.ru_utime.tv_usec +
                         (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 + after.ru_stime.tv_usec -
                         before.ru_stime.tv_usec,
                     100000);
    ck_assert_uint_eq(slow_drain(&front, chardev), 0);
    while (count)
        close(held[--count]);
    FAKE_WAIT(slow_drain(&front, chardev) == 2);
    close(fd);
    chardev_destroy(chardev);
    slow_destroy(&front);
}
END_TEST

START_TEST(test_bad_descriptions)
{
    static const char *const bad[] = { "",
                                       "nonsense",
                                       "file:/nonexistent/x",
                                       "tcp:nocolon",
                                       "tcp:127.0.0.1:1",
                                       "tcp:127.0.0.1:65536,server,nowait",
                                       "tcp::99999,server,nowait",
                                       "tcp::4294967297,server,nowait",
                                       "tcp::-1,server,nowait",
                                       "tcp::12x,server,nowait",
                                       "tcp::,server,nowait",
                                       "unix:/nonexistent/x,server",
                                       "unix:x,serve",
                                       "tcp:" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = { .text = "" };
        ck_assert_ptr_null(chardev_open(bad[i], NULL, NULL, &error));
        ck_assert_uint_gt(strlen(error.text), 10);
    }
    chardev_destroy(open_ok("null", NULL, NULL));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("chardev");
    TCase *c = tcase_create("chardev");
    tcase_set_timeout(c, 300); /* each switch of threads may last a time slice on a busy host */
    tcase_add_test(c, test_stdio_load);
    tcase_add_test(c, test_pty_load);
    tcase_add_test(c, test_file_output);
    tcase_add_test(c, test_escapes);
    tcase_add_test(c, test_end_comes_last);
    tcase_add_test(c, test_stopped_terminal);
    tcase_add_test(c, test_end_of_input);
    tcase_add_test(c, test_socket);
    tcase_add_test(c, test_socket_without_descriptors);
    tcase_add_test(c, test_bad_descriptions);
    suite_add_tcase(s, c);
    c = tcase_create("shares");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, test_shares);
    tcase_add_test(c, test_share_load);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
