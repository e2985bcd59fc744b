/* SPDX-License-Identifier: MIT
 *
 * Block devices: opening by description, the calls, and transfers that are never short.
 */
#include "devices/blockdev.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct blockdev *blockdev_open(const struct blockdev_config *config, struct error *error)
{
    if (config->format && strcmp(config->format, "raw")) {
        error_set(error,
                  "%s: disk format '%s' is not implemented yet; 'raw' is (qemu-img convert -O raw makes one "
                  "of the others)",
                  config->path, config->format);
        return NULL;
    }
    struct blockdev *base = blockdev_raw_open(config, error);
    if (!base || !config->snapshot || config->read_only)
        return base;
    struct blockdev *snapshot = blockdev_snapshot_create(base, error);
    if (!snapshot)
        blockdev_destroy(base);
    return snapshot;
}

void blockdev_destroy(struct blockdev *blockdev)
{
    if (blockdev)
        blockdev->ops->destroy(blockdev);
}

int blockdev_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                    uint64_t offset)
{
    return blockdev->ops->preadv(blockdev, iov, count, bytes, offset);
}

int blockdev_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                     uint64_t offset)
{
    return blockdev->read_only ? -EROFS : blockdev->ops->pwritev(blockdev, iov, count, bytes, offset);
}

int blockdev_flush(struct blockdev *blockdev)
{
    return blockdev->read_only ? 0 : blockdev->ops->flush(blockdev);
}

int blockdev_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    return blockdev->read_only ? -EROFS : blockdev->ops->discard(blockdev, offset, length);
}

int blockdev_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    return blockdev->read_only ? -EROFS : blockdev->ops->write_zeroes(blockdev, offset, length, unmap);
}

/* Cuts `done` bytes off the front of the list. */
static void iov_advance(struct iovec **iov, unsigned *count, size_t done)
{
    while (*count && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        ++*iov;
        --*count;
    }
    if (*count) {
        (*iov)->iov_base = (uint8_t *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

static int fd_transfer(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset, bool write)
{
    while (bytes) {
        ssize_t done =
            write ? pwritev(fd, iov, (int)count, (off_t)offset) : preadv(fd, iov, (int)count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO; /* 0: the file was cut under us */
        iov_advance(&iov, &count, (size_t)done);
        bytes -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

int blockdev_fd_preadv(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset)
{
    return fd_transfer(fd, iov, count, bytes, offset, false);
}

int blockdev_fd_pwritev(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset)
{
    return fd_transfer(fd, iov, count, bytes, offset, true);
}
