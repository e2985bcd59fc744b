/* SPDX-License-Identifier: MIT
 *
 * Snapshots (-snapshot): a disk that reads from a base and writes to a temporary file, which has no name and
 * disappears when Rvive ends. The file is sparse and laid out like the disk; one bit a sector says where the
 * newest bytes of that sector are. A guest writes whole sectors, so nothing is ever copied from the base.
 * Memory of the bitmap is used only for the parts of the disk that the guest writes.
 *
 * The lock is for the bitmap, and not held during transfers: a sector's bit is set when its bytes are in the
 * file. A read during a write of the same sector gives the old or the new bytes, as on any disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/block/blockdev.h"

struct blockdev_snapshot {
    struct blockdev blockdev;
    struct blockdev *base;
    int fd;
    pthread_mutex_t lock;
    uint64_t *written; /* a bit a sector: its bytes are in fd */
    size_t written_bytes;
};

static bool sector_written(const struct blockdev_snapshot *snapshot, uint64_t sector)
{
    return snapshot->written[sector / 64] >> sector % 64 & 1;
}

/* How many sectors from `first` on, at most `count`, are in the same file as the first one? */
static uint64_t run_length(const struct blockdev_snapshot *snapshot, uint64_t first, uint64_t count)
{
    bool written = sector_written(snapshot, first);
    uint64_t n = 1;
    while (n < count) {
        uint64_t sector = first + n;
        if (sector % 64 == 0 && count - n >= 64 && snapshot->written[sector / 64] == (written ? ~0ull : 0)) {
            n += 64;
            continue;
        }
        if (sector_written(snapshot, sector) != written)
            break;
        n++;
    }
    return n;
}

static void mark_written(struct blockdev_snapshot *snapshot, uint64_t offset, uint64_t bytes)
{
    uint64_t end = (offset + bytes) / BLOCKDEV_SECTOR;
    pthread_mutex_lock(&snapshot->lock);
    for (uint64_t sector = offset / BLOCKDEV_SECTOR; sector < end;) {
        if (sector % 64 == 0 && end - sector >= 64) {
            snapshot->written[sector / 64] = ~0ull;
            sector += 64;
        } else {
            snapshot->written[sector / 64] |= 1ull << sector % 64;
            sector++;
        }
    }
    pthread_mutex_unlock(&snapshot->lock);
}

static int snapshot_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                           uint64_t offset)
{
    struct blockdev_snapshot *snapshot = (struct blockdev_snapshot *)blockdev;
    struct iovec part[BLOCKDEV_IOV_MAX];
    int rc = 0;
    (void)count;
    while (bytes && !rc) {
        uint64_t sector = offset / BLOCKDEV_SECTOR;
        pthread_mutex_lock(&snapshot->lock);
        uint64_t run = run_length(snapshot, sector, bytes / BLOCKDEV_SECTOR) * BLOCKDEV_SECTOR;
        bool written = sector_written(snapshot, sector);
        pthread_mutex_unlock(&snapshot->lock);
        unsigned parts = blockdev_iov_split(&iov, run, part);
        if (written)
            rc = blockdev_fd_preadv(snapshot->fd, part, parts, run, offset);
        else
            rc = blockdev_preadv(snapshot->base, part, parts, run, offset);
        offset += run;
        bytes -= run;
    }
    return rc;
}

static int snapshot_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                            uint64_t offset)
{
    struct blockdev_snapshot *snapshot = (struct blockdev_snapshot *)blockdev;
    int rc = blockdev_fd_pwritev(snapshot->fd, iov, count, bytes, offset);
    if (!rc)
        mark_written(snapshot, offset, bytes);
    return rc;
}

static int snapshot_flush(struct blockdev *blockdev)
{
    (void)blockdev; /* nothing of the snapshot survives anyway */
    return 0;
}

/* A hole in the temporary file reads as zeros, and gives its space back. */
static int snapshot_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    struct blockdev_snapshot *snapshot = (struct blockdev_snapshot *)blockdev;
    (void)unmap;
    if (!length)
        return 0;
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int rc = fallocate(snapshot->fd, mode, (off_t)offset, (off_t)length) ? -errno : 0;
    static const uint8_t zeroes[64 * 1024];
    for (uint64_t done = 0; rc == -EOPNOTSUPP && done < length;) {
        uint64_t part = length - done < sizeof(zeroes) ? length - done : sizeof(zeroes);
        struct iovec iov = { (void *)zeroes, part };
        int written = blockdev_fd_pwritev(snapshot->fd, &iov, 1, part, offset + done);
        done += part;
        if (written || done == length)
            rc = written;
    }
    if (!rc)
        mark_written(snapshot, offset, length);
    return rc;
}

static int snapshot_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    return snapshot_write_zeroes(blockdev, offset, length, true);
}

static void snapshot_destroy(struct blockdev *blockdev)
{
    struct blockdev_snapshot *snapshot = (struct blockdev_snapshot *)blockdev;
    blockdev_destroy(snapshot->base);
    close(snapshot->fd);
    munmap(snapshot->written, snapshot->written_bytes);
    pthread_mutex_destroy(&snapshot->lock);
    free(snapshot);
}

static const struct blockdev_ops snapshot_ops = {
    .name = "snapshot",
    .preadv = snapshot_preadv,
    .pwritev = snapshot_pwritev,
    .flush = snapshot_flush,
    .discard = snapshot_discard,
    .write_zeroes = snapshot_write_zeroes,
    .destroy = snapshot_destroy,
};

/* Makes a sparse file of `size` bytes without a name. -1 and *error if none can be made. */
static int temporary_file(uint64_t size, struct error *error)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/var/tmp"; /* unlike /tmp, it is hardly ever in RAM */
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system that cannot make nameless files */
        char path[4096];
        int length = snprintf(path, sizeof(path), "%s/rvive-snapshot-XXXXXX", folder);
        if (length > 0 && (size_t)length < sizeof(path))
            fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    if (fd < 0) {
        error_set(error, "-snapshot: cannot make a temporary file in %s: %s (TMPDIR names another folder)",
                  folder, strerror(errno));
    } else if (ftruncate(fd, (off_t)size)) {
        error_set(error,
                  "-snapshot: cannot make a temporary file of %llu bytes in %s: %s (TMPDIR names "
                  "another folder)",
                  (unsigned long long)size, folder, strerror(errno));
        close(fd);
        fd = -1;
    }
    return fd;
}

struct blockdev *blockdev_snapshot_create(struct blockdev *base, struct error *error)
{
    int fd = temporary_file(base->size, error);
    if (fd < 0)
        return NULL;
    struct blockdev_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    size_t bytes = (base->size / BLOCKDEV_SECTOR / 64 + 1) * sizeof(uint64_t);
    void *written =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!snapshot || written == MAP_FAILED) {
        error_set(error, "-snapshot: no memory for a map of %zu bytes", bytes);
        if (written != MAP_FAILED)
            munmap(written, bytes);
        free(snapshot);
        close(fd);
        return NULL;
    }
    snapshot->blockdev = (struct blockdev){ .ops = &snapshot_ops, .size = base->size };
    snapshot->base = base;
    snapshot->fd = fd;
    snapshot->written = written;
    snapshot->written_bytes = bytes;
    pthread_mutex_init(&snapshot->lock, NULL);
    return &snapshot->blockdev;
}
