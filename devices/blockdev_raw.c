/* SPDX-License-Identifier: MIT
 *
 * Raw images: a regular file or a host block device, byte n of the disk at byte n. The image is locked with
 * open-file-description locks, which belong to the open file rather than to the process: also two drives of
 * one Rvive exclude each other. All state is fixed after opening; the kernel orders the transfers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/blockdev.h"
#include "util/log.h"

struct blockdev_raw {
    struct blockdev blockdev;
    int fd;
    bool no_flush;
};

static int raw_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                      uint64_t offset)
{
    return blockdev_fd_preadv(((struct blockdev_raw *)blockdev)->fd, iov, count, bytes, offset);
}

static int raw_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                       uint64_t offset)
{
    return blockdev_fd_pwritev(((struct blockdev_raw *)blockdev)->fd, iov, count, bytes, offset);
}

static int raw_flush(struct blockdev *blockdev)
{
    struct blockdev_raw *raw = (struct blockdev_raw *)blockdev;
    return raw->no_flush || !fdatasync(raw->fd) ? 0 : -errno;
}

static int raw_fallocate(struct blockdev_raw *raw, int mode, uint64_t offset, uint64_t length)
{
    int rc;
    do
        rc = fallocate(raw->fd, mode, (off_t)offset, (off_t)length);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

/* Does the error say that the host file cannot do it, rather than that it failed? */
static bool unsupported(int rc)
{
    return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL;
}

static int raw_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    struct blockdev_raw *raw = (struct blockdev_raw *)blockdev;
    int rc = length ? raw_fallocate(raw, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) : 0;
    return unsupported(rc) ? 0 : rc; /* a discard is only advice */
}

/* Zeros the long way. */
static int raw_pwrite_zeroes(struct blockdev_raw *raw, uint64_t offset, uint64_t length)
{
    static const uint8_t zeroes[64 * 1024];
    while (length) {
        uint64_t part = length < sizeof(zeroes) ? length : sizeof(zeroes);
        struct iovec iov = { (void *)zeroes, part };
        int rc = blockdev_fd_pwritev(raw->fd, &iov, 1, part, offset);
        if (rc)
            return rc;
        offset += part;
        length -= part;
    }
    return 0;
}

static int raw_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    struct blockdev_raw *raw = (struct blockdev_raw *)blockdev;
    int how = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    int rc = length ? raw_fallocate(raw, how | FALLOC_FL_KEEP_SIZE, offset, length) : 0;
    return unsupported(rc) ? raw_pwrite_zeroes(raw, offset, length) : rc;
}

static void raw_destroy(struct blockdev *blockdev)
{
    struct blockdev_raw *raw = (struct blockdev_raw *)blockdev;
    close(raw->fd); /* the lock goes with it */
    free(raw);
}

static const struct blockdev_ops raw_ops = {
    .name = "raw",
    .preadv = raw_preadv,
    .pwritev = raw_pwritev,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .destroy = raw_destroy,
};

/* Only now is it known whether the path names something that a disk can be. */
static bool raw_check_kind(int fd, const char *path, uint64_t *size, struct error *error)
{
    struct stat st;
    if (fstat(fd, &st))
        return error_set(error, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(error, "%s: is a directory; a disk is an image file or a block device", path);
    if (S_ISREG(st.st_mode))
        *size = (uint64_t)st.st_size;
    else if (!S_ISBLK(st.st_mode))
        return error_set(error, "%s: is neither a file nor a block device", path);
    else if (ioctl(fd, BLKGETSIZE64, size))
        return error_set(error, "%s: cannot get its size: %s", path, strerror(errno));
    if (*size % BLOCKDEV_SECTOR) {
        uint64_t padded = (*size / BLOCKDEV_SECTOR + 1) * BLOCKDEV_SECTOR;
        return error_set(error,
                         "%s: its size, %llu bytes, is not a multiple of 512 as a disk's is; if nothing is "
                         "missing from it, pad it with: truncate -s %llu '%s'",
                         path, (unsigned long long)*size, (unsigned long long)padded, path);
    }
    return true;
}

static bool raw_lock(int fd, const struct blockdev_config *config, bool writable, struct error *error)
{
    struct flock lock = { .l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
    if (!fcntl(fd, F_OFD_SETLK, &lock))
        return true;
    if (errno != EAGAIN && errno != EACCES) {
        log_warn("%s: cannot be locked (%s): take care that nothing else writes to it", config->path,
                 strerror(errno));
        return true;
    }
    if (writable)
        return error_set(error,
                         "%s: is in use by another drive or program; two cannot write to one disk image "
                         "(both can use it with -snapshot, or read-only)",
                         config->path);
    return error_set(error,
                     "%s: is being written by another drive or program; it can only be read together with "
                     "others that read it",
                     config->path);
}

/* Without a format given, an image of another format must not pass as raw: the guest would see garbage, and
 * could, by writing such a header to its disk, choose what the next start takes it for. */
static bool raw_probe(int fd, const char *path, struct error *error)
{
    static const struct {
        const char *name, *magic;
        size_t length;
    } others[] = {
        { "qcow2", "QFI\xfb", 4 },
        { "vmdk", "KDMV", 4 },
        { "vhdx", "vhdxfile", 8 },
    };
    char head[8] = { 0 };
    if (pread(fd, head, sizeof(head), 0) < 0)
        return error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    for (unsigned n = 0; n < sizeof(others) / sizeof(*others); n++) {
        if (!memcmp(head, others[n].magic, others[n].length))
            return error_set(error,
                             "%s: is a %s image, a format that is not implemented yet; convert it with "
                             "qemu-img convert -O raw, or say format=raw if it is to be taken as it is",
                             path, others[n].name);
    }
    return true;
}

static bool raw_prepare(int fd, const struct blockdev_config *config, bool writable, uint64_t *size,
                        struct error *error)
{
    /* The lock comes before the size: another Rvive may be padding or filling the file. */
    struct stat st;
    bool lockable = !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
    if (lockable && !raw_lock(fd, config, writable, error))
        return false;
    if (!raw_check_kind(fd, config->path, size, error))
        return false;
    return config->format || raw_probe(fd, config->path, error);
}

struct blockdev *blockdev_raw_open(const struct blockdev_config *config, struct error *error)
{
    bool writable = !config->read_only && !config->snapshot;
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (config->cache == BLOCKDEV_CACHE_WRITETHROUGH)
        flags |= O_DSYNC;
    int fd = open(config->path, flags);
    if (fd < 0) {
        int why = errno;
        if (why == EISDIR)
            error_set(error, "%s: is a directory; a disk is an image file or a block device", config->path);
        else
            error_set(error, "%s: cannot be opened for %s: %s%s", config->path,
                      writable ? "reading and writing" : "reading", strerror(why),
                      writable && (why == EACCES || why == EROFS || why == EPERM)
                          ? " (readonly=on or -snapshot would do without writing to it)"
                          : "");
        return NULL;
    }
    uint64_t size = 0;
    struct blockdev_raw *raw = NULL;
    if (raw_prepare(fd, config, writable, &size, error)) {
        raw = calloc(1, sizeof(*raw));
        if (!raw)
            error_set(error, "%s: out of memory", config->path);
    }
    if (!raw) {
        close(fd);
        return NULL;
    }
    raw->blockdev = (struct blockdev){ .ops = &raw_ops, .size = size, .read_only = !writable };
    raw->fd = fd;
    raw->no_flush = config->cache == BLOCKDEV_CACHE_UNSAFE;
    return &raw->blockdev;
}
