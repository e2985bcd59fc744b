/* SPDX-License-Identifier: MIT
 *
 * For the guest: how fast a disk is. guest_io DEVICE SECONDS; destroys what is on the device.
 * Prints a line a test, "name value unit": sequential reads and writes of 1 MiB and random ones of 4 KiB, by
 * one thread and by eight, without the guest's cache.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct test {
    const char *name;
    size_t bytes;
    unsigned threads;
    int write, sequential;
};

static const struct test tests[] = {
    { "seq-write-1m", 1 << 20, 1, 1, 1 }, { "seq-read-1m", 1 << 20, 1, 0, 1 },
    { "rand-write-4k", 4096, 1, 1, 0 },   { "rand-read-4k", 4096, 1, 0, 0 },
    { "rand-write-4k-8", 4096, 8, 1, 0 }, { "rand-read-4k-8", 4096, 8, 0, 0 },
};

static int device;
static uint64_t size;
static double until;
static const struct test *test;
static atomic_ulong done;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *work(void *opaque)
{
    unsigned state = (unsigned)(uintptr_t)opaque * 7919 + 1;
    uint64_t units = size / test->bytes, next = 0;
    void *buffer;
    if (posix_memalign(&buffer, 4096, test->bytes))
        exit(1);
    for (size_t n = 0; n < test->bytes / 4; n++)
        ((uint32_t *)buffer)[n] = (uint32_t)n * 2654435761u;
    while (now() < until) {
        uint64_t unit = test->sequential
                            ? next++ % units
                            : ((uint64_t)rand_r(&state) << 20 ^ (uint64_t)rand_r(&state)) % units;
        off_t offset = (off_t)(unit * test->bytes);
        ssize_t moved = test->write ? pwrite(device, buffer, test->bytes, offset)
                                    : pread(device, buffer, test->bytes, offset);
        if (moved != (ssize_t)test->bytes) {
            perror(test->name);
            exit(1);
        }
        atomic_fetch_add(&done, 1);
    }
    free(buffer);
    return NULL;
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    device = open(argc > 1 ? argv[1] : "/dev/vda", O_RDWR | O_DIRECT);
    if (device < 0 || ioctl(device, BLKGETSIZE64, &size)) {
        perror("guest_io");
        return 1;
    }
    for (test = tests; test < tests + sizeof(tests) / sizeof(tests[0]); test++) {
        pthread_t threads[8];
        double start = now();
        until = start + seconds;
        atomic_store(&done, 0);
        for (unsigned n = 0; n < test->threads; n++)
            pthread_create(&threads[n], NULL, work, (void *)(uintptr_t)n);
        for (unsigned n = 0; n < test->threads; n++)
            pthread_join(threads[n], NULL);
        double rate = (double)atomic_load(&done) / (now() - start);
        if (test->sequential)
            printf("%s %.0f MB/s\n", test->name, rate * (double)test->bytes / 1e6);
        else
            printf("%s %.0f IOPS\n", test->name, rate);
        fflush(stdout);
    }
    return 0;
}
