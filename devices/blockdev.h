/* SPDX-License-Identifier: MIT
 *
 * Block devices: the host side of a disk. A backend is an array of bytes, a whole number of 512-byte sectors;
 * blockdev_open() makes one from an image file or a host block device, and stacks a snapshot on it if asked.
 *
 * All functions are callable from any thread and may wait for the host's disk. They return 0 or a negative
 * errno; a transfer is whole or failed. Callers check ranges against `size` first.
 */
#ifndef DEVICES_BLOCKDEV_H
#define DEVICES_BLOCKDEV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/error.h"

#define BLOCKDEV_SECTOR 512u /* bytes */

struct blockdev;
struct blockdev_ops {
    const char *name;
    /* `iov` has at most 1024 entries, `bytes` in all, and may be changed. */
    int (*preadv)(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                  uint64_t offset);
    int (*pwritev)(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                   uint64_t offset);
    /* All that was written is on stable storage. */
    int (*flush)(struct blockdev *blockdev);
    /* The bytes are not needed any more: they may read as anything. */
    int (*discard)(struct blockdev *blockdev, uint64_t offset, uint64_t length);
    /* `unmap`: the space may be given back. */
    int (*write_zeroes)(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap);
    void (*destroy)(struct blockdev *blockdev);
};
struct blockdev {
    const struct blockdev_ops *ops;
    uint64_t size; /* bytes, a multiple of BLOCKDEV_SECTOR; fixed */
    bool read_only;
};

enum blockdev_cache {
    BLOCKDEV_CACHE_WRITEBACK,    /* writes are safe after a flush */
    BLOCKDEV_CACHE_WRITETHROUGH, /* every write is safe when it is done */
    BLOCKDEV_CACHE_UNSAFE,       /* flushes are left out: for throw-away disks */
};

struct blockdev_config {
    const char *path;
    const char *format; /* "raw"; NULL: looked for in the file, so that no other format passes as raw */
    bool read_only;
    bool snapshot; /* writes go to a temporary file that disappears with the blockdev */
    enum blockdev_cache cache;
};

/* Opens and locks the image: one writer, or any number of readers (a snapshot reads its base). NULL and
 * *error where that fails. The caller destroys it, after the device that uses it. */
struct blockdev *blockdev_open(const struct blockdev_config *config, struct error *error);
void blockdev_destroy(struct blockdev *blockdev);

int blockdev_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                    uint64_t offset);
int blockdev_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                     uint64_t offset);
int blockdev_flush(struct blockdev *blockdev);
int blockdev_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length);
int blockdev_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap);

/* The backends, for blockdev_open(). */
struct blockdev *blockdev_raw_open(const struct blockdev_config *config, struct error *error);
/* Takes `base` over; on failure the caller keeps it. */
struct blockdev *blockdev_snapshot_create(struct blockdev *base, struct error *error);

/* Helpers of backends: whole transfers on a file descriptor, through signals and short counts. */
int blockdev_fd_preadv(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset);
int blockdev_fd_pwritev(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset);

#endif
