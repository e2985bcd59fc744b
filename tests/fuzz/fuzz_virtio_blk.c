/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives a virtio block device with the fuzzer's bytes. Rings and requests are
 * good at first; then the input is combined with them by exclusive or: a zero byte changes nothing, and any
 * other byte breaks one thing. The rest of the input is a script of register accesses and memory writes. The
 * disk is an array, so that a run takes microseconds. RAM lies between unmapped pages, and a transfer beyond
 * the disk aborts.
 *
 *   byte 0      bit 0 legacy, bit 1 no indirect tables, bit 2 event index, bit 3 write-through
 *   byte 1      entries of the available ring, 0 to 15
 *   128 bytes   the descriptor table      64 bytes  headers      16 bytes  heads in the available ring
 *   256 bytes   an indirect table
 *   rest        one operation in 6 bytes: kind, offset / 4, value
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/blk.h"
#include "tests/devices/virtio/guest.h"

#define RING_AT   (GUEST_RAM_BASE + 0x10000)
#define HEADER_AT (GUEST_RAM_BASE + 0x20000)
#define TABLE_AT  (GUEST_RAM_BASE + 0x30000)
#define DATA_AT   (GUEST_RAM_BASE + 0x40000)
#define STATUS_AT (GUEST_RAM_BASE + 0x50000)
#define SECTORS   16u

struct memory_disk {
    struct blockdev blockdev;
    uint8_t *bytes;
};

/* Aborts on a range that the device should never have let through. */
static void check_range(const struct blockdev *blockdev, uint64_t length, uint64_t offset)
{
    if (offset > blockdev->size || length > blockdev->size - offset || (offset | length) % BLOCKDEV_SECTOR)
        abort();
}

static int memory_transfer(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                           uint64_t offset, bool write)
{
    uint8_t *disk = ((struct memory_disk *)blockdev)->bytes + offset;
    check_range(blockdev, bytes, offset);
    for (unsigned n = 0; n < count; n++) {
        if (iov[n].iov_len > bytes)
            abort();
        if (write)
            memcpy(disk, iov[n].iov_base, iov[n].iov_len);
        else
            memcpy(iov[n].iov_base, disk, iov[n].iov_len);
        disk += iov[n].iov_len;
        bytes -= iov[n].iov_len;
    }
    if (bytes)
        abort();
    return 0;
}

static int memory_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                         uint64_t offset)
{
    return memory_transfer(blockdev, iov, count, bytes, offset, false);
}

static int memory_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                          uint64_t offset)
{
    return memory_transfer(blockdev, iov, count, bytes, offset, true);
}

static int memory_flush(struct blockdev *blockdev)
{
    (void)blockdev;
    return 0;
}

static int memory_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    (void)unmap;
    check_range(blockdev, length, offset);
    memset(((struct memory_disk *)blockdev)->bytes + offset, 0, length);
    return 0;
}

static int memory_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    return memory_zeroes(blockdev, offset, length, true);
}

static const struct blockdev_ops memory_ops = {
    .name = "memory",
    .preadv = memory_preadv,
    .pwritev = memory_pwritev,
    .flush = memory_flush,
    .discard = memory_discard,
    .write_zeroes = memory_zeroes,
};

/* Both kinds of slot are made once; every input resets them. */
static struct guest guests[2];

static void make_guests(void)
{
    static struct memory_disk disk = { .blockdev = { .ops = &memory_ops,
                                                     .size = SECTORS * BLOCKDEV_SECTOR } };
    disk.bytes = malloc(SECTORS * BLOCKDEV_SECTOR);
    struct virtio_blk_config config = { .blockdev = &disk.blockdev, .serial = "fuzz", .queue_size = 16 };
    struct error error;
    for (unsigned n = 0; n < 2; n++) {
        guest_init(&guests[n], n);
        struct virtio_device *vdev = virtio_blk_create(&config, &error);
        if (!vdev || !disk.bytes) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        guest_plug(&guests[n], vdev);
    }
}

/* Combines the next bytes of the input with guest memory. */
static void disturb(struct guest *guest, uint64_t paddr, size_t length, const uint8_t **data, size_t *size)
{
    uint8_t *host = guest_host(guest, paddr);
    length = length < *size ? length : *size;
    for (size_t n = 0; n < length; n++)
        host[n] ^= (*data)[n];
    *data += length;
    *size -= length;
}

static void put_header(struct guest *guest, unsigned n, uint32_t type, uint64_t sector)
{
    uint64_t header[2] = { type, sector };
    memcpy(guest_host(guest, HEADER_AT + 16 * n), header, sizeof(header));
}

/* Chains 0 (a read), 3 (a write), 6 (through the indirect table: zeros to two ranges) and 7 (like 6). */
static void put_requests(struct guest *guest, struct ring *ring)
{
    const struct guest_desc table[4] = {
        { HEADER_AT + 32, 16, DESC_NEXT, 1 },
        { DATA_AT + 0x2000, 16, DESC_NEXT, 2 },
        { DATA_AT + 0x2010, 16, DESC_NEXT, 3 },
        { STATUS_AT + 2, 1, DESC_WRITE, 0 },
    };
    const uint32_t ranges[8] = { 1, 0, 2, 0, 5, 0, 3, 1 };
    put_header(guest, 0, 0, 2);
    put_header(guest, 1, 1, 3);
    put_header(guest, 2, 13, 0);
    memcpy(guest_host(guest, DATA_AT + 0x2000), ranges, sizeof(ranges));
    memset(guest_host(guest, TABLE_AT), 0, 256);
    memcpy(guest_host(guest, TABLE_AT), table, sizeof(table));
    ring_desc(ring, 0, HEADER_AT, 16, DESC_NEXT, 1);
    ring_desc(ring, 1, DATA_AT, 1024, DESC_NEXT | DESC_WRITE, 2);
    ring_desc(ring, 2, STATUS_AT, 1, DESC_WRITE, 0);
    ring_desc(ring, 3, HEADER_AT + 16, 16, DESC_NEXT, 4);
    ring_desc(ring, 4, DATA_AT, 512, DESC_NEXT, 5);
    ring_desc(ring, 5, STATUS_AT + 1, 1, DESC_WRITE, 0);
    ring_desc(ring, 6, TABLE_AT, sizeof(table), DESC_INDIRECT, 0);
    ring_desc(ring, 7, TABLE_AT, sizeof(table), DESC_INDIRECT, 0);
}

static void operation(struct guest *guest, const uint8_t *op)
{
    uint32_t value = op[2] | op[3] << 8 | op[4] << 16 | (uint32_t)op[5] << 24;
    unsigned offset = op[1] * 4u;
    switch (op[0] % 8) {
    case 0: guest_write(guest, offset, value); break;
    case 1: guest_read(guest, offset); break;
    case 2: memcpy(guest_host(guest, RING_AT + offset), &value, 4); break;
    case 3: memcpy(guest_host(guest, TABLE_AT + offset), &value, 4); break;
    case 4: memcpy(guest_host(guest, HEADER_AT + offset), &value, 4); break;
    case 5: guest->slot->ops->write(guest->slot, REG_CONFIG + op[1], 1u << (op[0] >> 6), value); break;
    case 6: guest_write(guest, REG_NOTIFY, 0); break;
    default: guest_settle(guest); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring ring;
    if (!guests[0].slot)
        make_guests();
    if (size < 2)
        return 0;
    struct guest *guest = &guests[data[0] & 1];
    unsigned entries = data[1] % 16;
    uint64_t features = (uint64_t)(~data[0] >> 1 & 1) << VIRTIO_F_INDIRECT_DESC | (uint64_t)(data[0] >> 2 & 1)
                                                                                      << VIRTIO_F_EVENT_IDX;
    guest_negotiate(guest, features | (data[0] & 8 ? 0 : 1u << 9));
    guest_ring(guest, &ring, 0, 8, RING_AT);
    guest_driver_ok(guest);
    put_requests(guest, &ring);
    data += 2;
    size -= 2;
    disturb(guest, RING_AT, 128, &data, &size);
    disturb(guest, HEADER_AT, 64, &data, &size);
    static const uint8_t heads[4] = { 0, 3, 6, 7 };
    for (unsigned n = 0; n < entries; n++)
        ring_offer(&ring, heads[n % 4]);
    disturb(guest, ring.avail + 4, 16, &data, &size);
    disturb(guest, TABLE_AT, 256, &data, &size);
    ring_kick(&ring);
    for (; size >= 6; data += 6, size -= 6)
        operation(guest, data);
    guest_settle(guest);
    guest_write(guest, REG_STATUS, 0);
    return 0;
}
