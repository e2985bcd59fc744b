/* SPDX-License-Identifier: MIT
 *
 * The block device through its registers: transfers checked against the image file, every request type,
 * limits, a read-only disk, a snapshot, write-through, several queues, saved state.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define SECTORS   256u
#define RING_AT   (GUEST_RAM_BASE + 0x10000)
#define HEADER_AT (GUEST_RAM_BASE + 0x20000)
#define STATUS_AT (GUEST_RAM_BASE + 0x20800)
#define DATA_AT   (GUEST_RAM_BASE + 0x21003) /* buffers need no alignment */

enum { IN = 0, OUT = 1, SCSI = 2, FLUSH = 4, GET_ID = 8, GET_LIFETIME = 10, DISCARD = 11, ZEROES = 13 };
enum { OK, IOERR, UNSUPP, UNTOUCHED = 0xee };

#define F(n) (1ull << (n))
enum { F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_WCE = 11 };
enum { F_MQ = 12, F_DISCARD = 13, F_ZEROES = 14 };

/* Counts what reaches the blockdev on the way to the image. */
struct counting {
    struct blockdev blockdev;
    struct blockdev *below;
    atomic_uint flushes, unmaps, keeps, discards;
    atomic_bool slow; /* reads wait until it is cleared */
    atomic_uint waiting;
    atomic_int error; /* of reads, writes and flushes: negative errno; 0: none */
};

static int counting_preadv(struct blockdev *dev, struct iovec *iov, unsigned n, uint64_t bytes, uint64_t at)
{
    struct counting *counting = (struct counting *)dev;
    atomic_fetch_add(&counting->waiting, 1);
    while (atomic_load(&counting->slow))
        usleep(100);
    if (atomic_load(&counting->error))
        return atomic_load(&counting->error);
    return blockdev_preadv(counting->below, iov, n, bytes, at);
}
static int counting_pwritev(struct blockdev *dev, struct iovec *iov, unsigned n, uint64_t bytes, uint64_t at)
{
    if (atomic_load(&((struct counting *)dev)->error))
        return atomic_load(&((struct counting *)dev)->error);
    return blockdev_pwritev(((struct counting *)dev)->below, iov, n, bytes, at);
}
static int counting_flush(struct blockdev *dev)
{
    atomic_fetch_add(&((struct counting *)dev)->flushes, 1);
    if (atomic_load(&((struct counting *)dev)->error))
        return atomic_load(&((struct counting *)dev)->error);
    return blockdev_flush(((struct counting *)dev)->below);
}
static int counting_discard(struct blockdev *dev, uint64_t at, uint64_t length)
{
    atomic_fetch_add(&((struct counting *)dev)->discards, 1);
    return blockdev_discard(((struct counting *)dev)->below, at, length);
}
static int counting_zeroes(struct blockdev *dev, uint64_t at, uint64_t length, bool unmap)
{
    struct counting *counting = (struct counting *)dev;
    atomic_fetch_add(unmap ? &counting->unmaps : &counting->keeps, 1);
    return blockdev_write_zeroes(counting->below, at, length, unmap);
}
static bool counting_resize(struct blockdev *dev, uint64_t bytes, struct error *error)
{
    return ((struct counting *)dev)->below->ops->resize(((struct counting *)dev)->below, bytes, error);
}
static const struct blockdev_ops counting_ops = {
    .name = "counting",
    .preadv = counting_preadv,
    .pwritev = counting_pwritev,
    .flush = counting_flush,
    .discard = counting_discard,
    .write_zeroes = counting_zeroes,
    .resize = counting_resize,
};

static struct guest guest;
static struct ring ring;
static struct counting disk;
static int image;
static uint8_t pattern[SECTORS * 512];

static void setup(bool legacy, struct blockdev_config open, struct virtio_blk_config blk)
{
    char path[] = "/tmp/rvive-blk-XXXXXX";
    struct error error;
    image = mkstemp(path);
    ck_assert_int_ge(image, 0);
    for (unsigned n = 0; n < sizeof(pattern); n++)
        pattern[n] = (uint8_t)(n * 7 + n / 512 * 31 + 1);
    ck_assert_int_eq(pwrite(image, pattern, sizeof(pattern), 0), sizeof(pattern));
    open.path = path;
    open.format = "raw";
    disk = (struct counting){ .below = blockdev_open(&open, &error) };
    ck_assert_msg(disk.below, "%s", error.text);
    unlink(path);
    disk.blockdev = (struct blockdev){ .ops = &counting_ops,
                                       .size = disk.below->size,
                                       .read_only = disk.below->read_only };
    blk.blockdev = &disk.blockdev;
    guest_init(&guest, legacy);
    struct virtio_device *vdev = virtio_blk_create(&blk, &error);
    ck_assert_msg(vdev, "%s", error.text);
    guest_plug(&guest, vdev);
}

static void start(uint64_t features)
{
    guest_negotiate(&guest, features);
    guest_ring(&guest, &ring, 0, 16, RING_AT);
    guest_driver_ok(&guest);
}

static void teardown(void)
{
    guest_destroy(&guest);
    blockdev_destroy(disk.below);
    close(image);
}

static uint8_t *data(void)
{
    return guest_host(&guest, DATA_AT);
}

/* One request with `bytes` of data in up to three buffers; returns its status. */
static unsigned request(uint32_t type, uint64_t sector, uint32_t bytes, bool in)
{
    uint32_t written, dir = in ? DESC_WRITE : 0;
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header = { type, 0, sector };
    memcpy(guest_host(&guest, HEADER_AT), &header, 16);
    *(uint8_t *)guest_host(&guest, STATUS_AT) = UNTOUCHED;
    uint32_t first = bytes / 3, second = bytes / 2 - first;
    ring_desc(&ring, 0, HEADER_AT, 16, DESC_NEXT, bytes ? 1 : 4);
    ring_desc(&ring, 1, DATA_AT, first, DESC_NEXT | dir, 2);
    ring_desc(&ring, 2, DATA_AT + first, second, DESC_NEXT | dir, 3);
    ring_desc(&ring, 3, DATA_AT + first + second, bytes - first - second, DESC_NEXT | dir, 4);
    ring_desc(&ring, 4, STATUS_AT, 1, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, in ? bytes + 1 : 1);
    return *(uint8_t *)guest_host(&guest, STATUS_AT);
}

static void expect_image(const uint8_t *expected)
{
    uint8_t now[sizeof(pattern)];
    ck_assert_int_eq(pread(image, now, sizeof(now), 0), sizeof(now));
    ck_assert_mem_eq(now, expected, sizeof(now));
}

#define NO_OPEN ((struct blockdev_config){ 0 })
#define NO_BLK  ((struct virtio_blk_config){ 0 })

START_TEST(read_and_write)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(F(F_FLUSH));
    for (unsigned sector = 0; sector < SECTORS; sector += 8) {
        memset(data(), 0, 8 * 512);
        ck_assert_uint_eq(request(IN, sector, 8 * 512, true), OK);
        ck_assert_mem_eq(data(), pattern + sector * 512, 8 * 512);
    }
    for (unsigned sector = 1; sector < SECTORS; sector += 50) {
        for (unsigned n = 0; n < 3 * 512; n++)
            data()[n] = pattern[sector * 512 + n] = (uint8_t)(n * 13 + sector);
        ck_assert_uint_eq(request(OUT, sector, 3 * 512, false), OK);
        expect_image(pattern);
    }
    ck_assert_uint_eq(atomic_load(&disk.flushes), 0);
    ck_assert_uint_eq(request(FLUSH, 0, 0, false), OK);
    ck_assert_uint_eq(atomic_load(&disk.flushes), 1);
    teardown();
}
END_TEST

START_TEST(out_of_range)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(F(F_FLUSH));
    ck_assert_uint_eq(request(IN, SECTORS - 1, 512, true), OK);
    memset(data(), 0x77, 2048);
    static const uint64_t bad[] = { SECTORS, SECTORS + 1, 1ull << 55, (1ull << 55) - 1, ~0ull, 1ull << 63 };
    for (unsigned n = 0; n < 6; n++) {
        ck_assert_uint_eq(request(IN, bad[n], 512, true), IOERR);
        ck_assert_uint_eq(request(OUT, bad[n], 512, false), IOERR);
    }
    ck_assert_uint_eq(request(IN, SECTORS - 1, 1024, true), IOERR);
    ck_assert_uint_eq(request(OUT, SECTORS - 1, 1024, false), IOERR);
    ck_assert_uint_eq(request(OUT, 0, 511, false), IOERR);
    ck_assert_uint_eq(request(IN, 0, 513, true), IOERR);
    ck_assert_uint_eq(request(IN, 0, 0, true), IOERR);
    ck_assert_uint_eq(request(IN, 0, 512, false), IOERR); /* the buffer has the wrong direction */
    ck_assert_uint_eq(request(OUT, 0, 512, true), IOERR);
    expect_image(pattern);
    teardown();
}
END_TEST

START_TEST(unknown_types)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(0);
    static const uint32_t types[] = { SCSI, 3, 5, 6, 7, 9, GET_LIFETIME, 12, 14, 15, 0x80000000, ~0u };
    for (unsigned n = 0; n < sizeof(types) / 4; n++) {
        ck_assert_uint_eq(request(types[n], 0, 512, true), UNSUPP);
        ck_assert_uint_eq(request(types[n], 0, 512, false), UNSUPP);
    }
    expect_image(pattern);
    teardown();
}
END_TEST

START_TEST(get_id)
{
    struct virtio_blk_config blk = { .serial = _i ? "0123456789abcdefghijKLM" : "disk-7" };
    setup(false, NO_OPEN, blk);
    start(0);
    memset(data(), 0x77, 32);
    ck_assert_uint_eq(request(GET_ID, 0, 20, true), OK);
    ck_assert_mem_eq(data(), _i ? "0123456789abcdefghij" : "disk-7\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    ck_assert_uint_eq(data()[20], 0x77);
    memset(data(), 0x77, 32);
    ck_assert_uint_eq(request(GET_ID, 0, 3, true), OK);
    ck_assert_mem_eq(data(), _i ? "012\x77" : "dis\x77", 4);
    teardown();
}
END_TEST

static void range(unsigned n, uint64_t sector, uint32_t count, uint32_t flags)
{
    memcpy(data() + 16 * n, &sector, 8);
    memcpy(data() + 16 * n + 8, &count, 4);
    memcpy(data() + 16 * n + 12, &flags, 4);
}

START_TEST(discard_and_write_zeroes)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(F(F_FLUSH) | F(F_DISCARD) | F(F_ZEROES));
    range(0, 10, 20, 0);
    range(1, 100, 3, 1);
    ck_assert_uint_eq(request(ZEROES, 0, 32, false), OK);
    memset(pattern + 10 * 512, 0, 20 * 512);
    memset(pattern + 100 * 512, 0, 3 * 512);
    expect_image(pattern);
    ck_assert_uint_eq(atomic_load(&disk.keeps), 1);
    ck_assert_uint_eq(atomic_load(&disk.unmaps), 1);
    range(0, 200, 16, 0);
    ck_assert_uint_eq(request(DISCARD, 0, 16, false), OK);
    ck_assert_uint_eq(atomic_load(&disk.discards), 1);
    /* What a hole reads as, if the host makes one; nothing else may change. */
    uint8_t sector[512];
    ck_assert_int_eq(pread(image, sector, 512, 200 * 512), 512);
    if (memcmp(sector, pattern + 200 * 512, 512))
        memset(pattern + 200 * 512, 0, 16 * 512);
    expect_image(pattern);

    range(0, SECTORS - 1, 2, 0);
    ck_assert_uint_eq(request(ZEROES, 0, 16, false), IOERR);
    ck_assert_uint_eq(request(DISCARD, 0, 16, false), IOERR);
    range(0, ~0ull, 2, 0);
    ck_assert_uint_eq(request(ZEROES, 0, 16, false), IOERR);
    range(0, 0, ~0u, 0);
    ck_assert_uint_eq(request(DISCARD, 0, 16, false), IOERR);
    range(0, 0, 1, 0); /* if a later range is bad, nothing of the request is done */
    range(1, SECTORS, 1, 0);
    ck_assert_uint_eq(request(ZEROES, 0, 32, false), IOERR);
    range(0, 0, 1, 2);
    ck_assert_uint_eq(request(ZEROES, 0, 16, false), UNSUPP);
    range(0, 0, 1, 1);
    ck_assert_uint_eq(request(DISCARD, 0, 16, false), UNSUPP);
    range(0, 0, 1, 0);
    ck_assert_uint_eq(request(ZEROES, 0, 15, false), IOERR);
    ck_assert_uint_eq(request(ZEROES, 0, 0, false), IOERR);
    for (unsigned n = 0; n < 17; n++)
        range(n, 0, 1, 0);
    ck_assert_uint_eq(request(ZEROES, 0, 17 * 16, false), IOERR);
    expect_image(pattern);
    teardown();
}
END_TEST

START_TEST(read_only_disk)
{
    setup(_i, (struct blockdev_config){ .read_only = true }, NO_BLK);
    uint32_t features = guest_read(&guest, REG_FEATURES);
    ck_assert(features & F(F_RO));
    ck_assert(!(features & (F(F_DISCARD) | F(F_ZEROES))));
    start(F(F_RO) | F(F_FLUSH));
    ck_assert_uint_eq(request(IN, 5, 512, true), OK);
    ck_assert_mem_eq(data(), pattern + 5 * 512, 512);
    memset(data(), 0, 512);
    ck_assert_uint_eq(request(OUT, 5, 512, false), IOERR);
    range(0, 5, 1, 0);
    ck_assert_uint_eq(request(DISCARD, 0, 16, false), IOERR);
    ck_assert_uint_eq(request(ZEROES, 0, 16, false), IOERR);
    ck_assert_uint_eq(request(FLUSH, 0, 0, false), OK);
    expect_image(pattern);
    teardown();
}
END_TEST

START_TEST(snapshot_leaves_the_image)
{
    setup(_i, (struct blockdev_config){ .snapshot = true }, NO_BLK);
    ck_assert(!(guest_read(&guest, REG_FEATURES) & F(F_RO)));
    start(F(F_FLUSH));
    memset(data(), 0xab, 2048);
    ck_assert_uint_eq(request(OUT, 9, 2048, false), OK);
    ck_assert_uint_eq(request(FLUSH, 0, 0, false), OK);
    ck_assert_uint_eq(request(IN, 8, 6 * 512, true), OK);
    ck_assert_mem_eq(data(), pattern + 8 * 512, 512);
    ck_assert_uint_eq(data()[512], 0xab);
    ck_assert_uint_eq(data()[5 * 512 - 1], 0xab);
    ck_assert_mem_eq(data() + 5 * 512, pattern + 13 * 512, 512);
    expect_image(pattern);
    teardown();
}
END_TEST

/* Section 5.2.6.2: without FLUSH, or with the cache turned off, every write is flushed. */
START_TEST(write_through)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(0);
    ck_assert_uint_eq(request(OUT, 0, 512, false), OK);
    ck_assert_uint_eq(atomic_load(&disk.flushes), 1);
    start(F(F_FLUSH) | F(F_WCE));
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 32, 1), 1);
    ck_assert_uint_eq(request(OUT, 0, 512, false), OK);
    ck_assert_uint_eq(atomic_load(&disk.flushes), 1);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 32, 1, 0);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 32, 1), 0);
    ck_assert_uint_eq(request(OUT, 0, 512, false), OK);
    ck_assert_uint_eq(atomic_load(&disk.flushes), 2);
    ck_assert_uint_eq(request(IN, 0, 512, true), OK);
    ck_assert_uint_eq(atomic_load(&disk.flushes), 2);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 32, 1, 2); /* neither 0 nor 1 */
    guest.slot->ops->write(guest.slot, REG_CONFIG, 8, 12345);  /* the driver cannot write the capacity */
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 32, 1), 0);
    start(0);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 32, 1), 1);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG, 8), SECTORS);
    teardown();
}
END_TEST

/* The guest is told of a new size, may use what is new, and is refused what is gone. */
START_TEST(another_size)
{
    struct error error = { "" };
    setup(false, NO_OPEN, NO_BLK);
    start(F(F_FLUSH));
    uint32_t before = guest_read(&guest, REG_GENERATION);
    ck_assert_uint_eq(request(IN, SECTORS, 512, true), IOERR);
    ck_assert_msg(blockdev_resize(&disk.blockdev, (SECTORS + 8) * 512, &error), "%s", error.text);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG, 8), SECTORS + 8);
    ck_assert_uint_ne(guest_read(&guest, REG_GENERATION), before);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT) & 2, 2);
    ck_assert_uint_eq(request(OUT, SECTORS + 7, 512, false), OK);
    ck_assert_msg(blockdev_resize(&disk.blockdev, 512, &error), "%s", error.text);
    ck_assert_uint_eq(request(IN, 1, 512, true), IOERR);
    ck_assert_uint_eq(request(IN, 0, 512, true), OK);
    for (unsigned n = 0; n < 4; n++)
        ck_assert(
            !blockdev_resize(&disk.blockdev, (uint64_t[]){ 0, 511, UINT64_MAX, 1ull << 63 }[n], &error));
    struct blockdev_counts reads = blockdev_counts(&disk.blockdev, BLOCKDEV_READS);
    ck_assert_uint_eq(reads.operations, 1); /* what is out of range does not come to the disk */
    ck_assert_uint_eq(reads.bytes, 512);
    ck_assert_uint_eq(atomic_load(&disk.blockdev.highest), (SECTORS + 8) * 512);
    teardown();
}
END_TEST

START_TEST(configuration)
{
    struct virtio_blk_config blk = { .queues = 3,
                                     .queue_size = 64,
                                     .size_max = 65536,
                                     .logical_block_size = 1024,
                                     .physical_block_size = 4096 };
    setup(false, NO_OPEN, blk);
    uint32_t features = guest_read(&guest, REG_FEATURES);
    uint64_t wanted = F(F_SIZE_MAX) | F(F_SEG_MAX) | F(F_BLK_SIZE) | F(F_FLUSH) | F(F_TOPOLOGY) | F(F_WCE) |
                      F(F_MQ) | F(F_DISCARD) | F(F_ZEROES);
    ck_assert_uint_eq(features & 0xffffff, wanted);
    static const struct {
        unsigned offset, size;
        uint64_t value;
    } fields[] = {
        { 0, 8, SECTORS }, { 8, 4, 65536 },     { 12, 4, 62 }, { 20, 4, 1024 },     { 24, 1, 2 },
        { 25, 1, 0 },      { 32, 1, 1 },        { 34, 2, 3 },  { 36, 4, 0x3fffff }, { 40, 4, 16 },
        { 44, 4, 2 },      { 48, 4, 0x3fffff }, { 52, 4, 16 }, { 56, 1, 1 },
    };
    for (unsigned n = 0; n < sizeof(fields) / sizeof(*fields); n++)
        ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + fields[n].offset, fields[n].size),
                          fields[n].value);
    guest_write(&guest, REG_QUEUE_SEL, 2);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 64);
    guest_write(&guest, REG_QUEUE_SEL, 3);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 0);
    teardown();
}
END_TEST

START_TEST(impossible_configurations)
{
    static const struct virtio_blk_config bad[] = {
        { .queues = 65 },
        { .queue_size = 2 },
        { .queue_size = 2048 },
        { .queue_size = 100 },
        { .logical_block_size = 256 },
        { .logical_block_size = 1 << 17 },
        { .logical_block_size = 4096, .physical_block_size = 512 },
        { .logical_block_size = 1000 },
    };
    setup(false, NO_OPEN, NO_BLK);
    struct virtio_blk_config blk = bad[_i];
    struct error error = { "" };
    blk.blockdev = &disk.blockdev;
    ck_assert_ptr_null(virtio_blk_create(&blk, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "virtio-blk"));
    teardown();
}
END_TEST

/* Requests on three queues at once, each with its own ring. */
START_TEST(several_queues)
{
    struct ring rings[3];
    setup(false, NO_OPEN, (struct virtio_blk_config){ .queues = 3 });
    guest_negotiate(&guest, F(F_MQ) | F(F_FLUSH));
    for (unsigned q = 0; q < 3; q++)
        guest_ring(&guest, &rings[q], q, 16, RING_AT + 0x3000 * q);
    guest_driver_ok(&guest);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned q = 0; q < 3; q++) {
            uint64_t header[2] = { IN, round * 3 + q }, at = GUEST_RAM_BASE + 0x40000 + 0x1000 * q;
            memcpy(guest_host(&guest, at), header, 16);
            memset(guest_host(&guest, at + 16), 0, 513);
            ring_desc(&rings[q], 0, at, 16, DESC_NEXT, 1);
            ring_desc(&rings[q], 1, at + 16, 513, DESC_WRITE, 0);
            ring_offer(&rings[q], 0);
            ring_kick(&rings[q]);
        }
        for (unsigned q = 0; q < 3; q++) {
            ck_assert(ring_take(&rings[q], NULL, NULL));
            ck_assert_mem_eq(guest_host(&guest, GUEST_RAM_BASE + 0x40010 + 0x1000 * q),
                             pattern + (round * 3 + q) * 512, 512);
        }
    }
    teardown();
}
END_TEST

/* Two threads of the guest: one uses the disk, the other resets and disables it at any time. */
static void *meddle(void *opaque)
{
    atomic_bool *stop = opaque;
    for (unsigned n = 0; !atomic_load(stop); n++) {
        guest_write(&guest, REG_QUEUE_READY, 0);
        guest_read(&guest, REG_STATUS);
        guest_write(&guest, REG_ACK, 3);
        guest_write(&guest, REG_NOTIFY, 0);
        if (n % 4 == 0)
            guest_write(&guest, REG_STATUS, 0);
        guest_write(&guest, REG_QUEUE_READY, 1);
    }
    return NULL;
}

START_TEST(two_harts_meddle)
{
    setup(false, NO_OPEN, NO_BLK);
    atomic_bool stop = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, meddle, &stop), 0);
    for (unsigned n = 0; n < 300; n++) {
        start(F(F_FLUSH));
        for (unsigned k = 0; k < 4; k++)
            ring_offer(&ring, 0);
        ring_kick(&ring);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    guest_write(&guest, REG_STATUS, 0);
    start(F(F_FLUSH));
    ck_assert_uint_eq(request(IN, 3, 512, true), OK);
    ck_assert_mem_eq(data(), pattern + 3 * 512, 512);
    expect_image(pattern);
    teardown();
}
END_TEST

START_TEST(host_errors_reach_the_guest)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(F(F_FLUSH));
    ck_assert_int_eq(ftruncate(image, 512), 0);
    ck_assert_uint_eq(request(IN, 0, 512, true), OK);
    ck_assert_uint_eq(request(IN, 1, 512, true), IOERR);
    ck_assert_uint_eq(request(IN, 0, 1024, true), IOERR);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    ck_assert_uint_eq(request(IN, 0, 512, true), OK);
    teardown();
}
END_TEST

static void *reset_device(void *opaque)
{
    atomic_bool *done = opaque;
    guest_write(&guest, REG_STATUS, 0);
    atomic_store(done, true);
    return NULL;
}

#define UNDER_WAY 8u /* requests that the device does at the same time */

/* Several requests are under way at the same time. The hart continues meanwhile; only a reset waits for them,
 * and after it nothing is written any more. */
START_TEST(slow_disk)
{
    setup(_i, NO_OPEN, NO_BLK);
    guest_negotiate(&guest, F(F_FLUSH));
    guest_ring(&guest, &ring, 0, 32, RING_AT);
    guest_driver_ok(&guest);
    ck_assert_uint_eq(request(IN, 0, 512, true), OK);
    for (unsigned n = 0; n < UNDER_WAY + 2; n++) { /* reads into buffers of their own */
        ring_desc(&ring, 6 + 2 * n, HEADER_AT, 16, DESC_NEXT, 7 + 2 * n);
        ring_desc(&ring, 7 + 2 * n, DATA_AT + 1024 * n, 513, DESC_WRITE, 0);
    }
    unsigned reads = atomic_load(&disk.waiting);
    atomic_store(&disk.slow, true);
    ring_offer(&ring, 6);
    ring_kick(&ring);
    while (atomic_load(&disk.waiting) == reads)
        usleep(100);
    for (unsigned n = 0; n < UNDER_WAY + 1; n++)
        ring_offer(&ring, 8 + 2 * n);
    ring_kick(&ring); /* the device must still ask for notifications, though it is busy */
    while (atomic_load(&disk.waiting) < reads + UNDER_WAY)
        usleep(100);
    ck_assert(guest_read(&guest, REG_STATUS) & VIRTIO_DRIVER_OK); /* the registers answer */
    ring_kick(&ring);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    pthread_t thread;
    atomic_bool done = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, reset_device, &done), 0);
    usleep(30000);
    ck_assert(!atomic_load(&done));
    ck_assert(guest_read(&guest, REG_STATUS) != 0);
    atomic_store(&disk.slow, false);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS), 0);
    ck_assert_uint_eq(ring_returned(&ring), UNDER_WAY); /* those under way ended; the others were not begun */
    ck_assert_uint_eq(atomic_load(&disk.waiting), reads + UNDER_WAY);
    start(F(F_FLUSH));
    ck_assert_uint_eq(request(IN, 4, 512, true), OK);
    ck_assert_mem_eq(data(), pattern + 4 * 512, 512);
    teardown();
}
END_TEST

START_TEST(state_round_trip)
{
    setup(false, NO_OPEN, NO_BLK);
    start(F(F_FLUSH) | F(F_WCE));
    guest.slot->ops->write(guest.slot, REG_CONFIG + 32, 1, 0);
    for (unsigned n = 0; n < 3; n++)
        ck_assert_uint_eq(request(IN, n, 512, true), OK);
    struct state_writer writer;
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    struct state_reader reader;
    struct error error;
    guest_write(&guest, REG_STATUS, 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 32, 1), 0);
    ck_assert_uint_eq(request(IN, 7, 512, true), OK); /* the rings continue where they were */
    ck_assert_mem_eq(data(), pattern + 7 * 512, 512);
    state_writer_destroy(&writer);
    teardown();
}
END_TEST

/* ---- The host fails ------------------------------------------------------------------------------------ */

static struct block_error told; /* the last one */
static atomic_uint told_count;
static atomic_bool standing;

static void on_failed(void *opaque, const struct block_error *failed)
{
    ck_assert_ptr_eq(opaque, &told);
    told = *failed;
    if (failed->action == BLOCKDEV_ON_ERROR_STOP)
        atomic_store(&standing, true);
    atomic_fetch_add(&told_count, 1);
}

static bool is_standing(void *opaque)
{
    (void)opaque;
    return atomic_load(&standing);
}

static void setup_failing(enum blockdev_on_error werror, enum blockdev_on_error rerror)
{
    setup(false, NO_OPEN,
          (struct virtio_blk_config){ .on_error = { .name = "hd0",
                                                    .werror = werror,
                                                    .rerror = rerror,
                                                    .failed = on_failed,
                                                    .stopped = is_standing,
                                                    .opaque = &told } });
    start(F(F_FLUSH));
}

static const struct {
    enum blockdev_on_error werror, rerror;
    uint32_t type;
    int error;
    enum blockdev_on_error action;
} failures[] = {
    { 0, 0, OUT, ENOSPC, BLOCKDEV_ON_ERROR_STOP },
    { 0, 0, OUT, EDQUOT, BLOCKDEV_ON_ERROR_STOP },
    { 0, 0, OUT, EFBIG, BLOCKDEV_ON_ERROR_STOP },
    { 0, 0, OUT, EIO, BLOCKDEV_ON_ERROR_REPORT },
    { 0, 0, IN, EIO, BLOCKDEV_ON_ERROR_REPORT },
    { 0, 0, IN, ENOSPC, BLOCKDEV_ON_ERROR_REPORT },
    { 0, 0, FLUSH, ENOSPC, BLOCKDEV_ON_ERROR_REPORT },
    { BLOCKDEV_ON_ERROR_REPORT, 0, OUT, ENOSPC, BLOCKDEV_ON_ERROR_REPORT },
    { BLOCKDEV_ON_ERROR_IGNORE, 0, OUT, ENOSPC, BLOCKDEV_ON_ERROR_IGNORE },
    { BLOCKDEV_ON_ERROR_STOP, 0, OUT, EIO, BLOCKDEV_ON_ERROR_STOP },
    { BLOCKDEV_ON_ERROR_STOP, 0, FLUSH, EIO, BLOCKDEV_ON_ERROR_STOP },
    { BLOCKDEV_ON_ERROR_STOP, 0, IN, EIO, BLOCKDEV_ON_ERROR_REPORT },
    { 0, BLOCKDEV_ON_ERROR_STOP, IN, EIO, BLOCKDEV_ON_ERROR_STOP },
    { 0, BLOCKDEV_ON_ERROR_IGNORE, IN, EIO, BLOCKDEV_ON_ERROR_IGNORE },
};

/* After a while the disk has room again, and the user lets the machine continue. */
static void *user(void *opaque)
{
    while (!atomic_load(&standing))
        usleep(1000);
    usleep(200000);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), UNTOUCHED);
    ck_assert_uint_eq(atomic_load(&told_count), 1);
    atomic_store(&standing, false); /* too early: the request fails and the machine stops again */
    while (atomic_load(&told_count) < 2)
        usleep(1000);
    atomic_store(&disk.error, 0);
    atomic_store(&standing, false);
    return opaque;
}

START_TEST(host_errors)
{
    pthread_t thread;
    bool stops = failures[_i].action == BLOCKDEV_ON_ERROR_STOP, write = failures[_i].type != IN;
    uint32_t bytes = failures[_i].type == FLUSH ? 0 : 512;
    setup_failing(failures[_i].werror, failures[_i].rerror);
    memset(data(), 0x5a, 512);
    atomic_store(&disk.error, -failures[_i].error);
    if (stops)
        ck_assert_int_eq(pthread_create(&thread, NULL, user, NULL), 0);
    unsigned status = request(failures[_i].type, 3, bytes, !write);
    if (stops)
        pthread_join(thread, NULL);
    ck_assert_uint_eq(status, failures[_i].action == BLOCKDEV_ON_ERROR_REPORT ? IOERR : OK);
    ck_assert_uint_eq(atomic_load(&told_count), stops ? 2 : 1);
    ck_assert_str_eq(told.name, "hd0");
    ck_assert_int_eq(told.error, failures[_i].error);
    ck_assert_int_eq(told.action, failures[_i].action);
    ck_assert(told.write == write);
    if (stops && failures[_i].type == OUT)
        memset(pattern + 3 * 512, 0x5a, 512);
    expect_image(pattern);
    atomic_store(&disk.error, 0);
    ck_assert_uint_eq(request(IN, 4, 512, true), OK);
    teardown();
}
END_TEST

static void offer_write(void)
{
    ring_desc(&ring, 0, HEADER_AT, 16, DESC_NEXT, 1);
    ring_desc(&ring, 1, DATA_AT, 512, DESC_NEXT, 2);
    ring_desc(&ring, 2, STATUS_AT, 1, DESC_WRITE, 0);
    memcpy(guest_host(&guest, HEADER_AT), (uint32_t[4]){ OUT, 0, 3 }, 16);
    memset(data(), 0x5a, 512);
    *(uint8_t *)guest_host(&guest, STATUS_AT) = UNTOUCHED;
    ring_offer(&ring, 0);
    ring_kick(&ring);
}

/* A request that waits for the machine is the driver's again when its queue is disabled: nothing of it is
 * done when the machine goes on. */
START_TEST(disabled_queue_of_a_failed_request)
{
    setup_failing(BLOCKDEV_ON_ERROR_STOP, 0);
    atomic_store(&disk.error, -EIO);
    offer_write();
    while (!atomic_load(&standing))
        usleep(1000);
    guest_write(&guest, REG_QUEUE_SEL, 0);
    guest_write(&guest, REG_QUEUE_READY, 0);
    atomic_store(&disk.error, 0);
    atomic_store(&standing, false);
    usleep(200000); /* the disk looks each 50 ms */
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), UNTOUCHED);
    expect_image(pattern);
    teardown();
}
END_TEST

/* A device that is held takes nothing; what was offered meanwhile is done when it is let go. */
START_TEST(held_disk)
{
    setup(_i, NO_OPEN, NO_BLK);
    start(F(F_FLUSH));
    for (unsigned round = 0; round < 20; round++) {
        guest.slot->ops->hold(guest.slot, true);
        offer_write();
        usleep(2000);
        guest_reload(&guest);
        ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), UNTOUCHED);
        expect_image(pattern);
        guest.slot->ops->hold(guest.slot, false);
        ck_assert(ring_take(&ring, NULL, NULL));
        ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), OK);
        ck_assert_uint_eq(request(OUT, 3, 512, false), OK);
        memset(pattern + 3 * 512, 0x5a, 512);
        expect_image(pattern);
        for (unsigned n = 0; n < 512; n++)
            pattern[3 * 512 + n] = (uint8_t)(round + n);
        ck_assert_int_eq(pwrite(image, pattern + 3 * 512, 512, 3 * 512), 512);
    }
    teardown();
}
END_TEST

/* A request that failed and waits is on no queue. It is saved with the device, and tried again by the one
 * that was loaded. */
START_TEST(saved_while_it_waits)
{
    setup_failing(0, 0);
    atomic_store(&disk.error, -ENOSPC);
    offer_write();
    while (!atomic_load(&standing))
        usleep(1000);
    usleep(50000);
    guest.slot->ops->hold(guest.slot, true);
    guest_reload(&guest);
    atomic_store(&disk.error, 0);
    atomic_store(&standing, false);
    usleep(200000);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), UNTOUCHED);
    expect_image(pattern);
    guest.slot->ops->hold(guest.slot, false);
    ck_assert(ring_take(&ring, NULL, NULL));
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), OK);
    memset(pattern + 3 * 512, 0x5a, 512);
    expect_image(pattern);
    teardown();
}
END_TEST

/* A reset drops the request that waits: nothing is written when the machine continues. */
START_TEST(reset_drops_what_waits)
{
    setup_failing(0, 0);
    atomic_store(&disk.error, -ENOSPC);
    ring_desc(&ring, 0, HEADER_AT, 16, DESC_NEXT, 1);
    ring_desc(&ring, 1, DATA_AT, 512, DESC_NEXT, 2);
    ring_desc(&ring, 2, STATUS_AT, 1, DESC_WRITE, 0);
    memcpy(guest_host(&guest, HEADER_AT), (uint32_t[4]){ OUT }, 16);
    *(uint8_t *)guest_host(&guest, STATUS_AT) = UNTOUCHED;
    ring_offer(&ring, 0);
    ring_kick(&ring);
    while (!atomic_load(&standing))
        usleep(1000);
    start(F(F_FLUSH)); /* resets it first */
    atomic_store(&disk.error, 0);
    atomic_store(&standing, false);
    usleep(200000);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), UNTOUCHED);
    expect_image(pattern);
    ck_assert_uint_eq(request(IN, 4, 512, true), OK);
    atomic_store(&disk.error, -ENOSPC);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    usleep(100000);
    teardown(); /* the machine ends while a request waits */
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio-blk");
    TCase *tcase = tcase_create("disk");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, read_and_write, 0, 2);
    tcase_add_loop_test(tcase, out_of_range, 0, 2);
    tcase_add_loop_test(tcase, unknown_types, 0, 2);
    tcase_add_loop_test(tcase, get_id, 0, 2);
    tcase_add_loop_test(tcase, discard_and_write_zeroes, 0, 2);
    tcase_add_loop_test(tcase, read_only_disk, 0, 2);
    tcase_add_loop_test(tcase, snapshot_leaves_the_image, 0, 2);
    tcase_add_loop_test(tcase, write_through, 0, 2);
    tcase_add_test(tcase, configuration);
    tcase_add_test(tcase, another_size);
    tcase_add_loop_test(tcase, impossible_configurations, 0, 8);
    tcase_add_test(tcase, several_queues);
    tcase_add_test(tcase, two_harts_meddle);
    tcase_add_loop_test(tcase, host_errors_reach_the_guest, 0, 2);
    tcase_add_test(tcase, disabled_queue_of_a_failed_request);
    tcase_add_loop_test(tcase, slow_disk, 0, 2);
    tcase_add_test(tcase, state_round_trip);
    tcase_add_loop_test(tcase, host_errors, 0, sizeof(failures) / sizeof(failures[0]));
    tcase_add_test(tcase, reset_drops_what_waits);
    tcase_add_loop_test(tcase, held_disk, 0, 2);
    tcase_add_test(tcase, saved_while_it_waits);
    suite_add_tcase(suite, tcase);
    return suite;
}
