/* SPDX-License-Identifier: MIT
 *
 * A disk in memory for tests of SCSI: it fails when it is told to, can be made to wait, counts what reaches
 * it, and aborts if anybody leaves it.
 */
#ifndef TESTS_DEVICES_SCSI_MEMORY_DISK_H
#define TESTS_DEVICES_SCSI_MEMORY_DISK_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/block/blockdev.h"

#define MEMORY_DISK_BYTES (256u * 1024)

struct memory_disk {
    struct blockdev blockdev; /* must be first */
    uint8_t bytes[MEMORY_DISK_BYTES];
    atomic_int error; /* negative errno; 0: none */
    atomic_bool hold;
    atomic_uint waiting, flushes, discards, zeroes;
};

static inline int memory_disk_begin(struct blockdev *blockdev, uint64_t length, uint64_t offset)
{
    struct memory_disk *disk = (struct memory_disk *)blockdev;
    if (offset > blockdev->size || length > blockdev->size - offset || (offset | length) % BLOCKDEV_SECTOR)
        abort();
    atomic_fetch_add(&disk->waiting, 1);
    while (atomic_load(&disk->hold))
        usleep(1000);
    atomic_fetch_sub(&disk->waiting, 1);
    return atomic_load(&disk->error);
}

static inline int memory_disk_transfer(struct blockdev *blockdev, struct iovec *iov, unsigned count,
                                       uint64_t bytes, uint64_t offset, bool write)
{
    uint8_t *at = ((struct memory_disk *)blockdev)->bytes + offset;
    int rc = memory_disk_begin(blockdev, bytes, offset);
    if (rc)
        return rc;
    for (unsigned n = 0; n < count; n++) {
        if (iov[n].iov_len > bytes)
            abort();
        memcpy(write ? at : iov[n].iov_base, write ? iov[n].iov_base : at, iov[n].iov_len);
        at += iov[n].iov_len;
        bytes -= iov[n].iov_len;
        iov[n] = (struct iovec){ NULL, 0 }; /* as the contract allows */
    }
    if (bytes)
        abort();
    return 0;
}

static inline int memory_disk_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count,
                                     uint64_t bytes, uint64_t offset)
{
    return memory_disk_transfer(blockdev, iov, count, bytes, offset, false);
}

static inline int memory_disk_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count,
                                      uint64_t bytes, uint64_t offset)
{
    return memory_disk_transfer(blockdev, iov, count, bytes, offset, true);
}

static inline int memory_disk_flush(struct blockdev *blockdev)
{
    atomic_fetch_add(&((struct memory_disk *)blockdev)->flushes, 1);
    return memory_disk_begin(blockdev, 0, 0);
}

static inline int memory_disk_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    struct memory_disk *disk = (struct memory_disk *)blockdev;
    int rc = memory_disk_begin(blockdev, length, offset);
    atomic_fetch_add(&disk->discards, 1);
    if (!rc)
        memset(disk->bytes + offset, 0xdd, length);
    return rc;
}

static inline int memory_disk_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    struct memory_disk *disk = (struct memory_disk *)blockdev;
    int rc = memory_disk_begin(blockdev, length, offset);
    (void)unmap;
    atomic_fetch_add(&disk->zeroes, 1);
    if (!rc)
        memset(disk->bytes + offset, 0, length);
    return rc;
}

/* Fills the disk with bytes that differ from place to place and from seed to seed. */
static inline void memory_disk_init(struct memory_disk *disk, unsigned seed)
{
    static const struct blockdev_ops ops = { .name = "memory",
                                             .preadv = memory_disk_preadv,
                                             .pwritev = memory_disk_pwritev,
                                             .flush = memory_disk_flush,
                                             .discard = memory_disk_discard,
                                             .write_zeroes = memory_disk_zeroes };
    memset(disk, 0, sizeof(*disk));
    disk->blockdev = (struct blockdev){ .ops = &ops, .size = MEMORY_DISK_BYTES };
    for (unsigned n = 0; n < MEMORY_DISK_BYTES; n++)
        disk->bytes[n] = (uint8_t)(n * 7 + n / 512 * 31 + seed);
}

#endif
