/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a qcow2 image from a hostile source. A good small image is combined with the input by
 * exclusive or, at the places that the input names: a zero byte changes nothing, and any other byte breaks
 * one thing. Then the image is opened, read, written, discarded, checked and repaired.
 *
 *   byte 0     which image: version 2 or 3, cluster size, refcount width; each has a snapshot with state
 *   then       patches of 4 bytes: where (2 bytes: 0 to 0x7fff in the first 32 KiB), what, how often more
 *   0xffff     ends the patches; the rest is a script, 4 bytes an operation: kind, sector (2), length; or
 *              kind with 0x40, number, bytes, what to do with a snapshot
 *
 * The image is a file without a name in memory; backing files are never opened, since the input would name
 * files of this host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/block/qcow2/qcow2.h"
#include "devices/block/qcow2/snapshots.h"
#include "util/log.h"

#define DISK_BYTES (256u << 10)
#define FILE_LIMIT (64u << 20)
#define KINDS      8u
#define BUFFER     (64u << 10)

static uint8_t *good[KINDS];
static size_t good_bytes[KINDS];
static int image = -1;
static char path[64];
static uint8_t *buffer;

static void die(const char *what)
{
    fprintf(stderr, "fuzz_qcow2: %s\n", what);
    exit(1);
}

static struct blockdev *open_image(bool check, struct error *error)
{
    struct blockdev_config config = { .path = path,
                                      .format = "qcow2",
                                      .no_backing = true,
                                      .no_repair = check,
                                      .for_check = check,
                                      .shared_writer = true,
                                      .cache = BLOCKDEV_CACHE_UNSAFE };
    return blockdev_open(&config, error);
}

/* An image that contains something of everything. */
static void make_good(unsigned kind)
{
    struct error error = { "" };
    struct qcow2_options options = { .size = DISK_BYTES,
                                     .version = kind & 1 ? 2 : 3,
                                     .cluster_bits = kind & 2 ? 12 : 9,
                                     .refcount_bits = kind & 1 || !(kind & 4) ? 16 : 4,
                                     .zstd = kind == 4 || kind == 6 };
    struct blockdev_config config = { .path = path, .shared_writer = true };
    if (ftruncate(image, 0))
        die("cannot truncate");
    struct blockfile *file = blockfile_open(&config, &error);
    if (!file || !qcow2_create(file, &options, &error))
        die(error.text);
    blockfile_close(file);
    struct blockdev *disk = open_image(false, &error);
    if (!disk)
        die(error.text);
    memset(buffer, 0x11, BUFFER);
    blockdev_pwrite(disk, buffer, 9 * 512, 512);
    blockdev_write_zeroes(disk, 8192, 8192, true);
    qcow2_write_compressed(disk, 65536, buffer);
    qcow2_write_compressed(disk, 65536 + (1u << options.cluster_bits), buffer);
    blockdev_discard(disk, 512, 4096);
    struct qcow2_snapshot snapshot = { .name = "a", .state_bytes = 3000 };
    if (qcow2_state_write(disk, buffer, 3000, 0) || !qcow2_snapshot_create(disk, &snapshot, &error))
        die(error.text);
    blockdev_pwrite(disk, buffer, 512, 512);
    blockdev_destroy(disk);
    good_bytes[kind] = (size_t)lseek(image, 0, SEEK_END);
    good[kind] = malloc(good_bytes[kind]);
    if (!good[kind] || pread(image, good[kind], good_bytes[kind], 0) != (ssize_t)good_bytes[kind])
        die("cannot read the image back");
}

static void setup(void)
{
    image = memfd_create("fuzz", 0);
    buffer = malloc(BUFFER);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
    if (image < 0 || !buffer || !log_open("/dev/null"))
        die("cannot start");
    for (unsigned kind = 0; kind < KINDS; kind++)
        make_good(kind);
}

/* With one of the snapshots, whose number the input says. */
static void operate_snapshot(struct blockdev *disk, const uint8_t *op)
{
    struct qcow2_snapshot *list, made = { .name = "b", .state_bytes = op[2] };
    struct error error;
    unsigned count;
    if (!qcow2_snapshot_list(disk, &list, &count, &error))
        return;
    const struct qcow2_snapshot *chosen = count ? &list[op[1] % count] : NULL;
    if (op[3] % 4 == 0 && !qcow2_state_write(disk, buffer, op[2], 0))
        qcow2_snapshot_create(disk, &made, &error);
    else if (op[3] % 4 == 1 && chosen)
        qcow2_snapshot_apply(disk, chosen, &error);
    else if (op[3] % 4 == 2 && chosen)
        qcow2_snapshot_delete(disk, chosen, &error);
    else if (chosen)
        qcow2_state_read(disk, chosen, buffer, chosen->state_bytes < BUFFER ? chosen->state_bytes : BUFFER,
                         0);
    free(list);
}

static void operate(struct blockdev *disk, const uint8_t *op)
{
    if (op[0] & 0x40) {
        operate_snapshot(disk, op);
        return;
    }
    uint64_t sectors = disk->size / 512, sector = (uint64_t)(op[1] | op[2] << 8);
    uint64_t length = 1 + op[3] % 128;
    struct qcow2_check check = { 0 };
    if (op[0] & 0x80 && sectors) /* near the end */
        sector = sectors - 1 - sector % sectors;
    if (sector >= sectors)
        return;
    length = (length < sectors - sector ? length : sectors - sector) * 512;
    switch (op[0] & 7) {
    case 0:
    case 1: blockdev_pread(disk, buffer, length, sector * 512); break;
    case 2:
    case 3: blockdev_pwrite(disk, buffer, length, sector * 512); break;
    case 4: blockdev_discard(disk, sector * 512, length); break;
    case 5: blockdev_write_zeroes(disk, sector * 512, length, op[0] & 8); break;
    case 6: blockdev_flush(disk); break;
    default: qcow2_check(qcow2_of(disk), QCOW2_REPAIR_NONE, &check); break;
    }
}

/* Patches the good image into the file; returns where the script begins in the input. */
static size_t patch(unsigned kind, const uint8_t *data, size_t size)
{
    size_t at = 1, bytes = good_bytes[kind];
    uint8_t *copy = malloc(bytes);
    if (!copy)
        die("out of memory");
    memcpy(copy, good[kind], bytes);
    for (; at + 4 <= size; at += 4) {
        unsigned where = data[at] | (unsigned)data[at + 1] << 8;
        if (where == 0xffff) {
            at += 2;
            break;
        }
        for (unsigned n = 0; n <= data[at + 3] % 8u; n++)
            copy[((where & 0x7fff) + n) % bytes] ^= data[at + 2];
    }
    if (ftruncate(image, 0) || pwrite(image, copy, bytes, 0) != (ssize_t)bytes)
        die("cannot write the image");
    free(copy);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct qcow2_check check = { 0 };
    if (image < 0)
        setup();
    if (!size)
        return 0;
    size_t at = patch(data[0] % KINDS, data, size);
    struct blockdev *disk = open_image(false, &error);
    if (disk) {
        for (; at + 4 <= size && lseek(image, 0, SEEK_END) < (off_t)FILE_LIMIT; at += 4)
            operate(disk, data + at);
        blockdev_destroy(disk);
    }
    disk = lseek(image, 0, SEEK_END) < (off_t)FILE_LIMIT ? open_image(true, &error) : NULL;
    if (disk) {
        qcow2_check(qcow2_of(disk), QCOW2_REPAIR_ALL, &check);
        blockdev_destroy(disk);
    }
    return 0;
}
