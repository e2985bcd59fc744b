/* SPDX-License-Identifier: MIT
 *
 * Limits of a disk's speed (devices/block/throttle.h): how long requests wait, bursts, limits that contradict
 * each other, hostile numbers; a disk with limits, and that nobody waits for a device's threads for longer
 * than a moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/block/blockdev.h"
#include "devices/worker.h"
#include "tests/suite.h"
#include "util/host_time.h"

#define SECOND UINT64_C(1000000000)
#define START  (100 * SECOND)
#define TOTAL  BLOCK_THROTTLE_TOTAL

static struct block_throttle_limits limits;
static struct error error;

static struct block_throttle_rate *rate(enum block_throttle_unit unit, enum block_throttle_kind kind)
{
    return &limits.rates[unit][kind];
}

/* How long the last of `count` requests that come at once waits. */
static uint64_t last_of(unsigned count, bool write, uint64_t bytes)
{
    uint64_t wait = 0;
    ck_assert_msg(block_throttle_check(&limits, &error), "%s", error.text);
    struct block_throttle *throttle = block_throttle_create(&limits);
    ck_assert_ptr_nonnull(throttle);
    while (count--)
        wait = block_throttle_take(throttle, write, bytes, START);
    block_throttle_destroy(throttle);
    return wait;
}

/* New limits begin without what was done under the old ones. */
START_TEST(limits_change)
{
    memset(&limits, 0, sizeof(limits));
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 1000;
    struct block_throttle *throttle = block_throttle_create(&limits);
    block_throttle_take(throttle, true, 100000, START);
    ck_assert_uint_gt(block_throttle_take(throttle, true, 1, START), SECOND);
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 2000;
    block_throttle_change(throttle, &limits);
    ck_assert_uint_eq(block_throttle_get(throttle).rates[BLOCK_THROTTLE_BYTES][TOTAL].rate, 2000);
    ck_assert_uint_eq(block_throttle_take(throttle, true, 100000, START), 0);
    ck_assert_uint_gt(block_throttle_take(throttle, true, 1, START), SECOND);
    memset(&limits, 0, sizeof(limits));
    block_throttle_change(throttle, &limits);
    for (unsigned n = 0; n < 10; n++)
        ck_assert_uint_eq(block_throttle_take(throttle, false, UINT64_MAX, START), 0);
    block_throttle_destroy(throttle);
}
END_TEST

START_TEST(rates)
{
    limits = (struct block_throttle_limits){ 0 };
    ck_assert(!block_throttle_is_given(&limits));
    ck_assert_uint_eq(last_of(1000, true, 1 << 20), 0);
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->rate = 100;
    ck_assert(block_throttle_is_given(&limits));
    ck_assert_uint_eq(last_of(11, false, 512),
                      0); /* a tenth of a second's, and the one that fills the bucket */
    ck_assert_uint_eq(last_of(12, false, 512), SECOND / 100);
    ck_assert_uint_eq(last_of(111, true, 1 << 20), SECOND);
    limits.request_size = 65536; /* a MiB is 16 requests, a byte more is one more */
    ck_assert_uint_eq(last_of(2, true, (1 << 20) + 1), 70 * SECOND / 1000);
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 1000000;
    ck_assert_uint_eq(last_of(1, true, 5000000), 0); /* larger than the bucket */
    ck_assert_uint_eq(last_of(2, true, 5000000), 49 * SECOND / 10);
}
END_TEST

START_TEST(directions)
{
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_REQUESTS, BLOCK_THROTTLE_READ)->rate = 10;
    rate(BLOCK_THROTTLE_BYTES, BLOCK_THROTTLE_WRITE)->rate = 1000;
    ck_assert_uint_eq(last_of(3, false, 1 << 20), SECOND / 10);
    ck_assert_uint_eq(last_of(50, true, 2), 0);
    ck_assert_uint_eq(last_of(2, true, 1100), SECOND);
}
END_TEST

START_TEST(bursts)
{
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->rate = 10;
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->burst = 100;
    ck_assert_uint_eq(last_of(101, true, 512), 0);
    ck_assert_uint_eq(last_of(102, true, 512), SECOND / 10);
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->seconds = 3; /* 300 requests, 100 a second */
    ck_assert_uint_eq(last_of(11, true, 512), 0);
    ck_assert_uint_eq(last_of(12, true, 512), SECOND / 100);
    ck_assert_uint_gt(last_of(320, true, 512), 3 * SECOND - SECOND / 10);
}
END_TEST

/* A bucket that was idle is not emptier than empty. */
START_TEST(idle)
{
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->rate = 10;
    struct block_throttle *throttle = block_throttle_create(&limits);
    ck_assert_uint_eq(block_throttle_take(throttle, true, 1, START), 0);
    ck_assert_uint_eq(block_throttle_take(throttle, true, 1, START + 100 * SECOND), 0);
    ck_assert_uint_eq(block_throttle_take(throttle, true, 1, START + 100 * SECOND), 0);
    ck_assert_uint_eq(block_throttle_take(throttle, true, 1, START + 100 * SECOND), SECOND / 10);
    block_throttle_destroy(throttle);
}
END_TEST

START_TEST(hostile)
{
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 1;
    struct block_throttle *throttle = block_throttle_create(&limits);
    for (unsigned n = 0; n < 1000; n++) /* the sum of what they wait for does not overflow */
        ck_assert_uint_lt(block_throttle_take(throttle, n % 2, UINT64_MAX, START), UINT64_C(1) << 62);
    block_throttle_destroy(throttle);
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = BLOCK_THROTTLE_MAX;
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->burst = BLOCK_THROTTLE_MAX;
    ck_assert_uint_eq(last_of(10, true, 1 << 30), 0);
}
END_TEST

static void refuse(struct block_throttle_limits wrong, const char *message)
{
    ck_assert(!block_throttle_check(&wrong, &error));
    ck_assert_msg(strstr(error.text, message), "%s", error.text);
}

START_TEST(contradictions)
{
    const struct block_throttle_rate ten = { 10, 0, 0 };
    refuse((struct block_throttle_limits){ .rates = { { ten, ten } } }, "total values and read/write values");
    refuse((struct block_throttle_limits){ .rates = { { { 0 }, { 0, 5, 0 } } } }, "require corresponding");
    refuse((struct block_throttle_limits){ .rates = { { { 10, 5, 0 } } } }, "cannot be lower");
    refuse((struct block_throttle_limits){ .rates = { { { 10, 0, 5 } } } }, "without burst rate");
    refuse((struct block_throttle_limits){ .rates = { { { 10, BLOCK_THROTTLE_MAX, 2 } } } }, "too high");
    refuse((struct block_throttle_limits){ .rates = { { { BLOCK_THROTTLE_MAX + 1, 0, 0 } } } }, "within");
    refuse((struct block_throttle_limits){ .rates = { { ten } }, .request_size = 1 }, "iops size");
}
END_TEST

static struct blockdev *open_disk(void)
{
    char name[] = "/tmp/throttle-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
    close(fd);
    struct blockdev_config config = { .path = name, .format = "raw", .throttle = limits };
    struct blockdev *disk = blockdev_open(&config, &error);
    ck_assert_msg(disk, "%s", error.text);
    unlink(name);
    return disk;
}

START_TEST(slow_disk)
{
    char bytes[4096] = "x";
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_REQUESTS, TOTAL)->rate = 100;
    struct blockdev *disk = open_disk();
    uint64_t began = host_now_ns();
    for (unsigned n = 0; n < 10; n++) {
        ck_assert_int_eq(blockdev_pwrite(disk, bytes, sizeof(bytes), n * sizeof(bytes)), 0);
        ck_assert_int_eq(blockdev_pread(disk, bytes, sizeof(bytes), n * sizeof(bytes)), 0);
        ck_assert_int_eq(blockdev_flush(disk), 0); /* has no place in it */
        ck_assert_int_eq(blockdev_discard(disk, n * sizeof(bytes), sizeof(bytes)), 0);
    }
    ck_assert_uint_gt(host_now_ns() - began, 15 * SECOND / 100); /* the flushes are free */
    blockdev_destroy(disk);
}
END_TEST

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct blockdev *slow;
static atomic_uint done;

static void run(void *opaque, unsigned queue)
{
    char bytes[512] = "x";
    (void)opaque;
    (void)queue;
    pthread_mutex_unlock(&lock);
    blockdev_pwrite(slow, bytes, sizeof(bytes), 0);
    blockdev_pwrite(slow, bytes, sizeof(bytes), 0);
    blockdev_pwrite(slow, bytes, sizeof(bytes), 0);
    atomic_store(&done, 1);
    pthread_mutex_lock(&lock);
}

/* A reset, a save and the end do not wait for a disk that may do one request in a day. */
START_TEST(awaited)
{
    struct device_worker worker = { 0 };
    struct device_worker_config config = { &lock, "disk", "disk", THREAD_WORKER, 1, run, NULL };
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 1;
    slow = open_disk();
    ck_assert_msg(device_worker_start(&worker, &config, &error), "%s", error.text);
    pthread_mutex_lock(&lock);
    device_worker_kick(&worker, 0);
    pthread_mutex_unlock(&lock);
    usleep(50000);
    ck_assert_uint_eq(atomic_load(&done), 0);
    uint64_t began = host_now_ns();
    pthread_mutex_lock(&lock);
    device_worker_wait_idle(&worker);
    pthread_mutex_unlock(&lock);
    ck_assert_uint_eq(atomic_load(&done), 1);
    ck_assert_uint_lt(host_now_ns() - began, 2 * SECOND);
    ck_assert(!device_worker_is_awaited());
    device_worker_stop(&worker);
    blockdev_destroy(slow);
}
END_TEST

static void run_one(void *opaque, unsigned queue)
{
    char bytes[512] = "x";
    (void)queue;
    pthread_mutex_unlock(&lock);
    *(int *)opaque = blockdev_pwrite(slow, bytes, sizeof(bytes), 0);
    pthread_mutex_lock(&lock);
}

/* A guest that resets the device again and again gets nothing beyond the limit; other devices do not notice.
 */
START_TEST(dropped)
{
    struct device_worker worker = { 0 }, other = { 0 };
    int rc = 1, other_rc = 1;
    struct device_worker_config config = { &lock, "disk", "disk", THREAD_WORKER, 1, run_one, &rc };
    struct device_worker_config other_config = {
        &lock, "other", "other", THREAD_WORKER, 1, run_one, &other_rc
    };
    limits = (struct block_throttle_limits){ 0 };
    rate(BLOCK_THROTTLE_BYTES, TOTAL)->rate = 1;
    slow = open_disk();
    ck_assert_msg(device_worker_start(&worker, &config, &error), "%s", error.text);
    ck_assert_msg(device_worker_start(&other, &other_config, &error), "%s", error.text);
    pthread_mutex_lock(&lock);
    while (rc) { /* the first one begins at once, since the bucket is empty */
        device_worker_kick(&worker, 0);
        pthread_mutex_unlock(&lock);
        usleep(1000);
        pthread_mutex_lock(&lock);
        device_worker_wait_idle(&worker);
    }
    device_worker_kick(&other, 0);
    for (unsigned n = 0; n < 3; n++) {
        rc = 1;
        device_worker_kick(&worker, 0);
        while (!worker.busy) {
            pthread_mutex_unlock(&lock);
            usleep(1000);
            pthread_mutex_lock(&lock);
        }
        device_worker_wait_dropped(&worker);
        ck_assert_int_eq(rc, -ECANCELED);
        ck_assert_int_eq(other_rc, 1);
    }
    pthread_mutex_unlock(&lock);
    device_worker_stop(&worker);
    device_worker_stop(&other); /* the host ends it: the request is done */
    ck_assert_int_eq(other_rc, 0);
    blockdev_destroy(slow);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("throttle");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, limits_change);
    tcase_add_test(tests, rates);
    tcase_add_test(tests, directions);
    tcase_add_test(tests, bursts);
    tcase_add_test(tests, idle);
    tcase_add_test(tests, hostile);
    tcase_add_test(tests, contradictions);
    tcase_add_test(tests, slow_disk);
    tcase_add_test(tests, awaited);
    tcase_add_test(tests, dropped);
    suite_add_tcase(suite, tests);
    return suite;
}
