/* SPDX-License-Identifier: MIT
 *
 * Raw images: byte n of the disk is byte n of the file. All state is fixed after opening, but the size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/blockfile.h"

struct blockdev_raw {
    struct blockdev blockdev;
    struct blockfile *file;
    bool probed; /* nobody said that the image is raw */
};

static struct blockfile *file_of(struct blockdev *blockdev)
{
    return ((struct blockdev_raw *)blockdev)->file;
}

static int raw_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                      uint64_t offset)
{
    return blockfile_preadv(file_of(blockdev), iov, count, bytes, offset, false);
}

/* If the format was detected from the first bytes, the guest must not write the header of another format
 * there: the next start would then open a file of the guest's choice as the image's backing file. */
static bool changes_format(struct blockdev *blockdev, const struct iovec *iov, unsigned count, uint64_t bytes,
                           uint64_t offset)
{
    uint8_t head[8];
    struct iovec from[BLOCKDEV_IOV_MAX], part[BLOCKDEV_IOV_MAX], *at = from;
    if (!((struct blockdev_raw *)blockdev)->probed || offset || bytes < sizeof(head))
        return false;
    memcpy(from, iov, count * sizeof(*iov));
    blockdev_iov_gather(head, part, blockdev_iov_split(&at, sizeof(head), part));
    return strcmp(blockdev_probe(head, sizeof(head)), "raw") != 0;
}

static int raw_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                       uint64_t offset)
{
    if (changes_format(blockdev, iov, count, bytes, offset))
        return -EPERM;
    return blockfile_pwritev(file_of(blockdev), iov, count, bytes, offset);
}

static int raw_flush(struct blockdev *blockdev)
{
    return blockfile_flush(file_of(blockdev));
}

static int raw_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    return blockfile_discard(file_of(blockdev), offset, length);
}

static int raw_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    return blockfile_zero(file_of(blockdev), offset, length, unmap);
}

static int raw_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run,
                      enum blockdev_status *status)
{
    bool data = blockfile_is_data(file_of(blockdev), offset, length, run);
    *status = data ? BLOCKDEV_STATUS_DATA : BLOCKDEV_STATUS_ZERO;
    return 0;
}

static bool raw_resize(struct blockdev *blockdev, uint64_t bytes, struct error *error)
{
    struct blockfile *file = file_of(blockdev);
    if (!file->regular)
        return error_set(error, "%s: is a device of the host, whose size is its own", file->path);
    if (file->align && bytes % file->align) /* turning direct I/O off would disturb running transfers */
        return error_set(error, "%s: with cache=none its size is a multiple of %u bytes", file->path,
                         file->align);
    int rc = blockfile_truncate(file, bytes);
    return !rc || error_set(error, "%s: its size cannot be changed: %s", file->path, strerror(-rc));
}

static void raw_destroy(struct blockdev *blockdev)
{
    blockfile_close(file_of(blockdev));
    free(blockdev);
}

static const struct blockdev_ops raw_ops = {
    .name = "raw",
    .preadv = raw_preadv,
    .pwritev = raw_pwritev,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .destroy = raw_destroy,
    .status = raw_status,
    .resize = raw_resize,
    .file = file_of,
};

struct blockdev *blockdev_raw_create(struct blockfile *file, const struct blockdev_config *config,
                                     bool probed, struct error *error)
{
    (void)config;
    uint64_t size = 0;
    int rc = blockfile_size(file, &size);
    if (rc) {
        error_set(error, "%s: cannot get its size: %s", file->path, strerror(-rc));
        return NULL;
    }
    if (size % BLOCKDEV_SECTOR) {
        uint64_t padded = (size / BLOCKDEV_SECTOR + 1) * BLOCKDEV_SECTOR;
        error_set(error,
                  "%s: its size, %llu bytes, is not a multiple of 512 as a disk's is; if nothing is missing "
                  "from it, pad it with: truncate -s %llu '%s'",
                  file->path, (unsigned long long)size, (unsigned long long)padded, file->path);
        return NULL;
    }
    blockfile_check_direct(file, size);
    struct blockdev_raw *raw = calloc(1, sizeof(*raw));
    if (!raw) {
        error_set(error, "%s: out of memory", file->path);
        return NULL;
    }
    raw->blockdev = (struct blockdev){ .ops = &raw_ops, .size = size, .read_only = !file->writable };
    raw->file = file;
    raw->probed = probed;
    return &raw->blockdev;
}
