/* SPDX-License-Identifier: MIT
 *
 * Writes to a disk image at random, through the blockdev that a guest's disk uses:
 *
 *   disk_io random IMAGE FORMAT MODEL SEED COUNT [CACHE]
 *     COUNT operations by several threads at once, each in its own parts of the disk; all that is read is
 *     compared with the raw file MODEL, which gets the same writes. MODEL starts as a copy of the image's
 *     contents.
 *   disk_io forever IMAGE FORMAT JOURNAL SEED
 *     writes stamped sectors and flushes until it is killed. JOURNAL says what the disk must hold: a
 *     record is appended before each write and after each flush.
 *   disk_io verify IMAGE FORMAT JOURNAL
 *     checks the image against JOURNAL.
 *
 * The status is 0 only if all was right.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/block/blockdev.h"

#define THREADS    4u
#define LENGTH_MAX (3u << 20)

static struct blockdev *disk;
static int model = -1;
static unsigned seed, count;
static atomic_bool failed;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "disk_io: %s: %s\n", what, why);
    exit(1);
}

static void check(int rc, const char *what, uint64_t offset, uint64_t length)
{
    if (!rc)
        return;
    fprintf(stderr, "disk_io: %s of %" PRIu64 " bytes at %" PRIu64 ": %s\n", what, length, offset,
            strerror(-rc));
    exit(1);
}

static void open_disk(const char *path, const char *format, enum blockdev_cache cache)
{
    struct blockdev_config config = { .path = path, .format = format, .cache = cache };
    struct error error;
    disk = blockdev_open(&config, &error);
    if (!disk)
        die("open", error.text);
}

/* ---- random -------------------------------------------------------------------------------------------- */

static uint64_t random_below(unsigned *state, uint64_t limit)
{
    uint64_t value = (uint64_t)(uint32_t)rand_r(state) << 31 ^ (uint32_t)rand_r(state);
    return value % limit;
}

static int transfer(bool write, uint8_t *bytes, uint64_t length, uint64_t offset, unsigned *state)
{
    /* In pieces of any length. */
    struct iovec iov[4];
    uint64_t cut[5] = { 0, random_below(state, length), random_below(state, length),
                        random_below(state, length), length };
    for (unsigned n = 1; n < 4; n++)
        for (unsigned m = 1; m < 3; m++)
            if (cut[m] > cut[m + 1]) {
                uint64_t swap = cut[m];
                cut[m] = cut[m + 1];
                cut[m + 1] = swap;
            }
    for (unsigned n = 0; n < 4; n++)
        iov[n] = (struct iovec){ bytes + cut[n], cut[n + 1] - cut[n] };
    return write ? blockdev_pwritev(disk, iov, 4, length, offset)
                 : blockdev_preadv(disk, iov, 4, length, offset);
}

static void compare(const uint8_t *bytes, uint8_t *expected, uint64_t length, uint64_t offset)
{
    if (pread(model, expected, length, (off_t)offset) != (ssize_t)length)
        die("model", strerror(errno));
    for (uint64_t n = 0; n < length; n++) {
        if (bytes[n] == expected[n])
            continue;
        fprintf(stderr,
                "disk_io: seed %u: byte %" PRIu64 " is 0x%02x, not 0x%02x (read of %" PRIu64 " at %" PRIu64
                ")\n",
                seed, offset + n, bytes[n], expected[n], length, offset);
        atomic_store(&failed, true);
        exit(1);
    }
}

static void keep_model(const uint8_t *bytes, uint64_t length, uint64_t offset)
{
    if (pwrite(model, bytes, length, (off_t)offset) != (ssize_t)length)
        die("model", strerror(errno));
}

static void operate(unsigned *state, uint8_t *bytes, uint8_t *other, uint64_t offset, uint64_t length)
{
    unsigned what = (unsigned)random_below(state, 100);
    if (what < 40) {
        check(transfer(false, bytes, length, offset, state), "read", offset, length);
        compare(bytes, other, length, offset);
    } else if (what < 80) {
        for (uint64_t n = 0; n < length; n += 8) {
            uint64_t value = (offset + n) * 0x9e3779b97f4a7c15ull ^ *state;
            memcpy(bytes + n, &value, 8);
        }
        if (what < 45)
            memset(bytes, 0, length);
        check(transfer(true, bytes, length, offset, state), "write", offset, length);
        keep_model(bytes, length, offset);
    } else if (what < 90) {
        check(blockdev_write_zeroes(disk, offset, length, what & 1), "zeroing", offset, length);
        memset(bytes, 0, length);
        keep_model(bytes, length, offset);
    } else if (what < 97) {
        check(blockdev_discard(disk, offset, length), "discard", offset, length);
        check(blockdev_pread(disk, bytes, length, offset), "read", offset, length);
        keep_model(bytes, length, offset); /* whatever the sectors hold now, they must keep it */
    } else {
        check(blockdev_flush(disk), "flush", 0, 0);
    }
}

/* Thread n has every THREADS-th stripe; stripes end in the middle of clusters, so that threads share
 * clusters. */
static void *work(void *opaque)
{
    unsigned thread = (unsigned)(uintptr_t)opaque, state = seed * THREADS + thread;
    uint8_t *bytes = malloc(LENGTH_MAX), *other = malloc(LENGTH_MAX);
    uint64_t stripe = disk->size / 512 / (THREADS * 8) * 512;
    for (unsigned n = 0; n < count / THREADS && bytes && other; n++) {
        uint64_t base = (random_below(&state, 8) * THREADS + thread) * stripe;
        uint64_t limit = random_below(&state, 3) ? 64 << 10 : LENGTH_MAX;
        uint64_t offset = random_below(&state, stripe / 512) * 512;
        uint64_t length =
            (1 + random_below(&state, (limit < stripe - offset ? limit : stripe - offset) / 512)) * 512;
        if (length > stripe - offset)
            length = stripe - offset;
        operate(&state, bytes, other, base + offset, length);
    }
    free(bytes);
    free(other);
    return NULL;
}

static void compare_all(void)
{
    uint8_t *bytes = malloc(LENGTH_MAX), *other = malloc(LENGTH_MAX);
    if (!bytes || !other)
        die("compare", "out of memory");
    for (uint64_t offset = 0; offset < disk->size; offset += LENGTH_MAX) {
        uint64_t length = disk->size - offset < LENGTH_MAX ? disk->size - offset : LENGTH_MAX;
        check(blockdev_pread(disk, bytes, length, offset), "read", offset, length);
        compare(bytes, other, length, offset);
    }
    free(bytes);
    free(other);
}

static int run_random(char **arguments, int arguments_count)
{
    static const char *const caches[] = { "writeback", "writethrough", "unsafe", "none", "directsync" };
    enum blockdev_cache cache = BLOCKDEV_CACHE_WRITEBACK;
    pthread_t threads[THREADS];
    for (unsigned n = 0; arguments_count > 5 && n < 5; n++)
        if (strcmp(arguments[5], caches[n]) == 0)
            cache = (enum blockdev_cache)n;
    seed = (unsigned)strtoul(arguments[3], NULL, 0);
    count = (unsigned)strtoul(arguments[4], NULL, 0);
    printf("disk_io: seed %u\n", seed);
    open_disk(arguments[0], arguments[1], cache);
    model = open(arguments[2], O_RDWR);
    if (model < 0)
        die(arguments[2], strerror(errno));
    for (unsigned n = 0; n < THREADS; n++)
        if (pthread_create(&threads[n], NULL, work, (void *)(uintptr_t)n))
            die("thread", "cannot be started");
    for (unsigned n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    compare_all();
    blockdev_destroy(disk);
    close(model);
    return failed;
}

/* ---- forever and verify -------------------------------------------------------------------------------- */

/* A record: what will be written or discarded next, or that all records before this one are on the disk. */
enum { RECORD_WRITE, RECORD_FLUSH, RECORD_DISCARD };
struct record {
    uint64_t sector, stamp;
    uint32_t sectors, kind;
};

static void stamp(uint8_t *bytes, const struct record *record)
{
    for (uint32_t n = 0; n < record->sectors; n++) {
        uint64_t *words = (uint64_t *)(bytes + n * 512);
        for (unsigned w = 0; w < 64; w++)
            words[w] = (record->sector + n) << 40 ^ record->stamp;
    }
}

static _Noreturn void run_forever(char **arguments)
{
    open_disk(arguments[0], arguments[1], BLOCKDEV_CACHE_WRITEBACK);
    int journal = open(arguments[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    unsigned state = (unsigned)strtoul(arguments[3], NULL, 0);
    uint64_t *bytes = malloc(1 << 20), sectors = disk->size / 512;
    if (journal < 0 || !bytes)
        die(arguments[2], strerror(errno));
    for (uint64_t n = 1;; n++) {
        struct record record = { .stamp = n + ((uint64_t)state << 20) };
        record.sectors = 1 + (uint32_t)random_below(&state, n % 7 ? 64 : 2048);
        record.sector = random_below(&state, sectors - record.sectors);
        if (n % 16 == 0) { /* so that there is always something to allocate */
            record.kind = RECORD_DISCARD;
            record.sectors = (uint32_t)(sectors / 16);
            record.sector = random_below(&state, sectors - record.sectors);
        }
        if (write(journal, &record, sizeof(record)) != sizeof(record))
            die("journal", strerror(errno));
        if (record.kind == RECORD_DISCARD) {
            check(blockdev_discard(disk, record.sector * 512, record.sectors * 512ull), "discard", 0, 0);
            continue;
        }
        stamp((uint8_t *)bytes, &record);
        check(blockdev_pwrite(disk, bytes, record.sectors * 512, record.sector * 512), "write", 0, 0);
        if (random_below(&state, 8))
            continue;
        check(blockdev_flush(disk), "flush", 0, 0);
        record = (struct record){ .kind = RECORD_FLUSH };
        if (write(journal, &record, sizeof(record)) != sizeof(record))
            die("journal", strerror(errno));
    }
}

/* A sector must hold what was last flushed to it, or what was written to it after that; a discarded one may
 * hold anything. */
static int run_verify(char **arguments)
{
    open_disk(arguments[0], arguments[1], BLOCKDEV_CACHE_WRITEBACK);
    FILE *journal = fopen(arguments[2], "rb");
    uint64_t sectors = disk->size / 512, checked = 0, wrong = 0, records = 0, last_flush = 0;
    struct record *all = NULL, record;
    while (journal && fread(&record, sizeof(record), 1, journal) == 1) {
        if (records % 1024 == 0 && !(all = realloc(all, (records + 1024) * sizeof(*all))))
            die("verify", "out of memory");
        all[records++] = record;
        if (record.kind == RECORD_FLUSH)
            last_flush = records;
    }
    if (journal)
        fclose(journal);
    uint64_t *flushed = calloc(sectors, sizeof(*flushed));
    uint8_t *bytes = malloc(512);
    if (!flushed || !bytes)
        die("verify", "out of memory");
    for (uint64_t n = 0; n < last_flush; n++)
        for (uint32_t i = 0; i < all[n].sectors; i++)
            flushed[all[n].sector + i] = all[n].kind == RECORD_WRITE ? all[n].stamp : 0;
    for (uint64_t sector = 0; sector < sectors; sector++) {
        uint64_t word;
        if (!flushed[sector])
            continue;
        check(blockdev_pread(disk, bytes, 512, sector * 512), "read", sector * 512, 512);
        memcpy(&word, bytes, 8);
        bool good = word == (sector << 40 ^ flushed[sector]);
        for (uint64_t n = last_flush; n < records && !good; n++)
            good = sector - all[n].sector < all[n].sectors &&
                   (all[n].kind == RECORD_DISCARD || word == (sector << 40 ^ all[n].stamp));
        wrong += !good;
        checked++;
    }
    printf("disk_io: %" PRIu64 " flushed sectors checked, %" PRIu64 " wrong\n", checked, wrong);
    blockdev_destroy(disk);
    free(all);
    free(flushed);
    free(bytes);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    if (argc >= 7 && strcmp(argv[1], "random") == 0)
        return run_random(argv + 2, argc - 2);
    if (argc == 6 && strcmp(argv[1], "forever") == 0)
        run_forever(argv + 2);
    if (argc == 5 && strcmp(argv[1], "verify") == 0)
        return run_verify(argv + 2);
    fprintf(stderr, "usage: see the top of disk_io.c\n");
    return 2;
}
