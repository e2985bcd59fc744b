// SPDX-License-Identifier: MIT
// Runs in the guest and measures how fast a disk is. Usage: disk NAME DEVICE SECONDS; the contents of DEVICE
// are lost. First it fills the device in units of 1 MiB. Then it reads and writes 1 MiB after 1 MiB, and 4
// KiB at random places, with one thread and with eight, each for SECONDS. The guest's page cache is never
// used. Each block of 4 KiB begins with its number, and this number is checked when the block is read. For
// each test it prints a line "BENCH disk NAME-TEST VALUE UNIT".
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK       4096u
#define UNIT_MAX    (1u << 20)
#define THREADS_MAX 8u

enum order { ONCE, AGAIN, RANDOM }; // the whole device once; again and again from its start; at random places
struct test {
    const char *name;
    size_t bytes;
    unsigned threads;
    int write;
    enum order order;
};

static const struct test tests[] = {
    { "fill-1m", UNIT_MAX, 1, 1, ONCE },        { "seq-write-1m", UNIT_MAX, 1, 1, AGAIN },
    { "seq-read-1m", UNIT_MAX, 1, 0, AGAIN },   { "rand-write-4k", BLOCK, 1, 1, RANDOM },
    { "rand-read-4k", BLOCK, 1, 0, RANDOM },    { "rand-write-4k-x8", BLOCK, 8, 1, RANDOM },
    { "rand-read-4k-x8", BLOCK, 8, 0, RANDOM },
};

static int device;
static uint64_t size;
static double until;
static const struct test *test;
static atomic_ulong units_done;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

// Moves one unit, and writes or checks the numbers of its blocks.
static void move(uint8_t *buffer, uint64_t unit)
{
    uint64_t offset = unit * test->bytes;
    for (size_t n = 0; n < test->bytes && test->write; n += BLOCK)
        *(uint64_t *)(void *)(buffer + n) = (offset + n) / BLOCK;
    ssize_t moved = test->write ? pwrite(device, buffer, test->bytes, (off_t)offset)
                                : pread(device, buffer, test->bytes, (off_t)offset);
    if (moved != (ssize_t)test->bytes)
        die(test->name);
    for (size_t n = 0; n < test->bytes && !test->write; n += BLOCK) {
        if (*(uint64_t *)(void *)(buffer + n) != (offset + n) / BLOCK) {
            fprintf(stderr, "FAIL disk: block %llu holds another one\n",
                    (unsigned long long)((offset + n) / BLOCK));
            exit(1);
        }
    }
}

static void *work(void *opaque)
{
    unsigned state = (unsigned)(uintptr_t)opaque * 7919 + 1;
    uint64_t units = size / test->bytes, next = 0;
    void *buffer;
    if (posix_memalign(&buffer, BLOCK, test->bytes))
        exit(1);
    for (size_t n = 0; n < test->bytes / 4; n++)
        ((uint32_t *)buffer)[n] = (uint32_t)n * 2654435761u;
    while (test->order == ONCE ? next < units : now() < until) {
        uint64_t anywhere = (uint64_t)rand_r(&state) << 20 ^ (uint64_t)rand_r(&state);
        move(buffer, (test->order == RANDOM ? anywhere : next++) % units);
        atomic_fetch_add(&units_done, 1);
    }
    free(buffer);
    return NULL;
}

static void run(const char *name, double seconds)
{
    pthread_t threads[THREADS_MAX];
    double start = now();
    until = start + seconds;
    atomic_store(&units_done, 0);
    for (unsigned n = 0; n < test->threads; n++)
        if (pthread_create(&threads[n], NULL, work, (void *)(uintptr_t)n))
            die("thread");
    for (unsigned n = 0; n < test->threads; n++)
        pthread_join(threads[n], NULL);
    double rate = (double)atomic_load(&units_done) / (now() - start);
    printf("BENCH disk %s-%s %.1f %s\n", name, test->name,
           test->order == RANDOM ? rate : rate * (double)test->bytes / 1e6,
           test->order == RANDOM ? "/s" : "MB/s");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: disk NAME DEVICE SECONDS\n");
        return 2;
    }
    device = open(argv[2], O_RDWR | O_DIRECT);
    off_t end = device < 0 ? -1 : lseek(device, 0, SEEK_END);
    if (end < (off_t)UNIT_MAX)
        die(argv[2]);
    size = (uint64_t)end / UNIT_MAX * UNIT_MAX;
    for (test = tests; test < tests + sizeof(tests) / sizeof(tests[0]); test++)
        run(argv[1], atof(argv[3]));
    return 0;
}
