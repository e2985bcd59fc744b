/* SPDX-License-Identifier: MIT
 *
 * Both sides of the test that kills the emulator while a guest writes.
 *
 *   disk_kill write DEVICE SEED NAME
 *     runs in the guest: writes for ever; after each epoch that the device has flushed it prints
 *     "NAME flushed EPOCH". It reads, too, and prints "NAME FAIL" if it finds what it did not write.
 *   disk_kill check RAW STATE SEED EPOCH
 *     runs on the host: RAW is what the disk holds after the kill, EPOCH the last one that was printed,
 *     STATE a file with what each sector held before (absent: zeros); it is brought up to date.
 *
 * An epoch is some writes, zeroings and discards by each of four threads, each of which has a quarter of the
 * disk; all of them follow from the seed. A sector that is written has a tag (seed, epoch, thread, operation)
 * and its own number mixed into all of its words. So a sector must hold what the flushed epochs, done one
 * after the other on top of STATE, left there, or what one of the few epochs wrote that may have begun since
 * then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define THREADS      4u
#define OPERATIONS   6u   /* of a thread in an epoch, at most */
#define BLOCK        8u   /* sectors: operations are of whole blocks */
#define BLOCKS_MAX   128u /* of an operation */
#define BEGUN_MAX    8u   /* epochs whose line a killed emulator may not have printed yet */
#define SECTOR_WORDS 64u
#define ANYTHING     UINT64_MAX /* a tag: the sector may hold anything */

enum kind { WRITE, ZERO, DISCARD };
struct operation {
    enum kind kind;
    uint64_t sector, count, tag;
};

static int device;
static uint64_t seed, sectors;
static const char *name;
static uint64_t *tags; /* what each sector holds */
static pthread_barrier_t barrier;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s FAIL %s: %s\n", name ? name : "disk_kill", what, strerror(errno));
    exit(1);
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* The n-th operation; false if the thread has fewer in that epoch. */
static bool operation(uint64_t epoch, unsigned thread, unsigned n, struct operation *out)
{
    uint64_t tag = seed << 40 | epoch << 8 | thread << 4 | (n + 1), dice = mix(tag);
    uint64_t quarter = sectors / THREADS / BLOCK * BLOCK, blocks = quarter / BLOCK;
    if (n >= 1 + mix(seed << 40 | epoch << 8 | thread << 4) % OPERATIONS)
        return false;
    uint64_t count = 1 + (dice & 1 ? dice >> 8 & 7 : (dice >> 8) % BLOCKS_MAX);
    uint64_t block = (dice >> 24) % (blocks - count);
    out->kind = (dice >> 4 & 15) < 12 ? WRITE : (dice >> 4 & 15) < 15 ? ZERO : DISCARD;
    out->sector = thread * quarter + block * BLOCK;
    out->count = count * BLOCK;
    out->tag = out->kind == WRITE ? tag : out->kind == ZERO ? 0 : ANYTHING;
    return true;
}

static uint64_t word_of(uint64_t tag, uint64_t sector, unsigned n)
{
    return tag ? tag ^ (sector + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)n << 56 : 0;
}

/* The tag of a sector's contents; ANYTHING if no operation can have written this whole sector here. */
static uint64_t tag_of(const uint64_t *words, uint64_t sector)
{
    uint64_t tag = words[0] ? words[0] ^ (sector + 1) * 0x9e3779b97f4a7c15u : 0;
    for (unsigned n = 0; n < SECTOR_WORDS; n++)
        if (words[n] != word_of(tag, sector, n))
            return ANYTHING;
    return tag;
}

static void note(const struct operation *op)
{
    for (uint64_t n = 0; n < op->count; n++)
        tags[op->sector + n] = op->tag;
}

/* ---- In the guest -------------------------------------------------------------------------------------- */

static void perform(const struct operation *op, uint64_t *words)
{
    uint64_t range[2] = { op->sector * 512, op->count * 512 };
    for (uint64_t n = 0; n < op->count * SECTOR_WORDS && op->kind == WRITE; n++)
        words[n] = word_of(op->tag, op->sector + n / SECTOR_WORDS, (unsigned)(n % SECTOR_WORDS));
    if (op->kind == WRITE && pwrite(device, words, range[1], (off_t)range[0]) != (ssize_t)range[1])
        die("write");
    if (op->kind != WRITE && ioctl(device, op->kind == ZERO ? BLKZEROOUT : BLKDISCARD, range))
        die(op->kind == ZERO ? "zeroing" : "discard");
    note(op);
}

/* Reads back what one of the operations of this epoch wrote. */
static void read_back(const struct operation *op, uint64_t *words)
{
    if (pread(device, words, op->count * 512, (off_t)(op->sector * 512)) != (ssize_t)(op->count * 512))
        die("read");
    for (uint64_t n = 0; n < op->count; n++) {
        uint64_t sector = op->sector + n, found = tag_of(words + n * SECTOR_WORDS, sector);
        if (tags[sector] == ANYTHING || tags[sector] == found)
            continue;
        printf("%s FAIL sector %" PRIu64 " holds %016" PRIx64 ", not %016" PRIx64 "\n", name, sector, found,
               tags[sector]);
        exit(1);
    }
}

static void *thread_main(void *opaque)
{
    unsigned thread = (unsigned)(uintptr_t)opaque;
    void *words;
    if (posix_memalign(&words, 4096, (size_t)BLOCKS_MAX * BLOCK * 512))
        die("memory");
    for (uint64_t epoch = 1;; epoch++) {
        struct operation op;
        for (unsigned n = 0; operation(epoch, thread, n, &op); n++)
            perform(&op, words);
        operation(epoch, thread, 0, &op);
        read_back(&op, words);
        pthread_barrier_wait(&barrier);
        if (thread == 0) {
            if (fsync(device))
                die("flush");
            printf("%s flushed %" PRIu64 "\n", name, epoch);
            fflush(stdout);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static int run_write(const char *path)
{
    device = open(path, O_RDWR | O_DIRECT);
    off_t end = device < 0 ? -1 : lseek(device, 0, SEEK_END);
    if (end <= 0)
        die(path);
    sectors = (uint64_t)end / 512;
    tags = malloc(sectors * sizeof(*tags));
    if (!tags || pthread_barrier_init(&barrier, NULL, THREADS))
        die("memory");
    pthread_t other;
    for (unsigned thread = 1; thread < THREADS; thread++)
        if (pthread_create(&other, NULL, thread_main, (void *)(uintptr_t)thread))
            die("thread");
    thread_main(NULL);
    return 1;
}

/* ---- On the host --------------------------------------------------------------------------------------- */

/* May the sector hold that, written by a later epoch that may have begun? */
static bool may_be_later(uint64_t sector, uint64_t tag, uint64_t epoch)
{
    unsigned thread = (unsigned)(sector / (sectors / THREADS / BLOCK * BLOCK));
    for (uint64_t later = epoch + 1; later <= epoch + BEGUN_MAX; later++) {
        struct operation op;
        for (unsigned n = 0; operation(later, thread, n, &op); n++)
            if (sector - op.sector < op.count && (op.tag == tag || op.tag == ANYTHING))
                return true;
    }
    return false;
}

static void load_state(const char *path)
{
    FILE *file = fopen(path, "rb");
    tags = calloc(sectors, sizeof(*tags));
    if (!tags || (file && fread(tags, sizeof(*tags), sectors, file) != sectors))
        die(path);
    if (file)
        fclose(file);
}

static void save_state(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(tags, sizeof(*tags), sectors, file) != sectors || fclose(file))
        die(path);
}

static int run_check(const char *raw, const char *state, uint64_t epoch)
{
    FILE *file = fopen(raw, "rb");
    uint64_t words[SECTOR_WORDS], wrong = 0, written = 0, later = 0;
    if (!file || fseek(file, 0, SEEK_END))
        die(raw);
    sectors = (uint64_t)ftell(file) / 512;
    rewind(file);
    load_state(state);
    for (uint64_t done = 1; done <= epoch; done++)
        for (unsigned thread = 0; thread < THREADS; thread++) {
            struct operation op;
            for (unsigned n = 0; operation(done, thread, n, &op); n++)
                note(&op);
        }
    for (uint64_t sector = 0; sector < sectors; sector++) {
        if (fread(words, sizeof(words), 1, file) != 1)
            die(raw);
        uint64_t found = tag_of(words, sector);
        bool same = found == tags[sector] && found != ANYTHING;
        written += same && found;
        if (!same && tags[sector] != ANYTHING) {
            bool good = may_be_later(sector, found, epoch);
            later += good;
            wrong += !good;
            if (!good && wrong <= 5)
                printf("sector %" PRIu64 " holds %016" PRIx64 ", not %016" PRIx64 "\n", sector, found,
                       tags[sector]);
        }
        tags[sector] = found;
    }
    fclose(file);
    save_state(state);
    printf("%" PRIu64 " epochs flushed; %" PRIu64 " written sectors are there, %" PRIu64
           " hold something later, %" PRIu64 " are wrong\n",
           epoch, written, later, wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "write") == 0) {
        name = argv[4];
        seed = strtoull(argv[3], NULL, 10) & 0xffff;
        return run_write(argv[2]);
    }
    if (argc == 6 && strcmp(argv[1], "check") == 0) {
        seed = strtoull(argv[4], NULL, 10) & 0xffff;
        return run_check(argv[2], argv[3], strtoull(argv[5], NULL, 10));
    }
    fprintf(stderr, "usage: disk_kill write DEVICE SEED NAME | check RAW STATE SEED EPOCH\n");
    return 2;
}
