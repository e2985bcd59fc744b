/* SPDX-License-Identifier: MIT
 *
 * Host files under disk images; see blockfile.h. With cache=none and directsync the file is opened for direct
 * I/O. Transfers that are not aligned then go through a buffer, and a write that covers part of an aligned
 * unit reads the unit first, under `edges`. All other fields are fixed after opening, and the kernel orders
 * the transfers.
 */
#include "devices/block/blockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd_sets.h"
#include "util/log.h"

#define DIRECT_ALIGN_MAX 4096u
#define BOUNCE_BYTES     (1u << 20)

/* ---- Opening ------------------------------------------------------------------------------------------- */

static bool cache_is_direct(enum blockdev_cache cache)
{
    return cache == BLOCKDEV_CACHE_NONE || cache == BLOCKDEV_CACHE_DIRECTSYNC;
}

static bool cache_is_sync(enum blockdev_cache cache)
{
    return cache == BLOCKDEV_CACHE_WRITETHROUGH || cache == BLOCKDEV_CACHE_DIRECTSYNC;
}

/* Finds the alignment that direct I/O needs, by trying; 0: the file cannot do direct I/O. */
static unsigned direct_alignment(int fd)
{
    void *buffer;
    unsigned found = 0;
    if (posix_memalign(&buffer, DIRECT_ALIGN_MAX, DIRECT_ALIGN_MAX))
        return 0;
    for (unsigned align = BLOCKDEV_SECTOR; align <= DIRECT_ALIGN_MAX && !found; align *= 2) {
        if (pread(fd, (uint8_t *)buffer + (align == DIRECT_ALIGN_MAX ? 0 : align), align, align) >= 0)
            found = align;
        else if (errno != EINVAL)
            break;
    }
    free(buffer);
    return found;
}

void blockfile_check_direct(struct blockfile *file, uint64_t size)
{
    int flags = fcntl(file->fd, F_GETFL);
    if (file->align && size % file->align && flags >= 0 && !fcntl(file->fd, F_SETFL, flags & ~O_DIRECT))
        file->align = 0;
}

static void start_direct(struct blockfile *file)
{
    int flags = fcntl(file->fd, F_GETFL);
    if (flags >= 0 && !fcntl(file->fd, F_SETFL, flags | O_DIRECT)) {
        file->align = direct_alignment(file->fd);
        if (file->align)
            return;
        fcntl(file->fd, F_SETFL, flags);
        file->align = 0;
    }
    log_warn("%s: cannot be used around the host's page cache (cache=none, directsync): going through it",
             file->path);
}

static int open_path(const struct blockdev_config *config, bool writable, struct error *error)
{
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (cache_is_sync(config->cache))
        flags |= O_DSYNC;
    int fd =
        fd_sets_has_name(config->path) ? fd_sets_open(config->path, writable) : open(config->path, flags);
    if (fd >= 0)
        return fd;
    int why = errno;
    if (why == EISDIR)
        error_set(error, "%s: is a directory; a disk is an image file or a block device", config->path);
    else
        error_set(error, "%s: cannot be opened for %s: %s%s", config->path,
                  writable ? "reading and writing" : "reading", strerror(why),
                  writable && (why == EACCES || why == EROFS || why == EPERM)
                      ? " (readonly=on or -snapshot would do without writing to it)"
                      : "");
    return -1;
}

/* Checks that the path names something that can be a disk, which is not known before it is open. */
static bool check_kind(struct blockfile *file, struct error *error)
{
    struct stat st;
    if (fstat(file->fd, &st))
        return error_set(error, "%s: %s", file->path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(error, "%s: is a directory; a disk is an image file or a block device", file->path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_set(error, "%s: is neither a file nor a block device", file->path);
    file->regular = S_ISREG(st.st_mode);
    return true;
}

struct blockfile *blockfile_open(const struct blockdev_config *config, struct error *error)
{
    bool writable = !config->read_only && !config->snapshot;
    struct blockfile *file = calloc(1, sizeof(*file));
    if (!file || !(file->path = strdup(config->path))) {
        free(file);
        error_set(error, "%s: out of memory", config->path);
        return NULL;
    }
    file->writable = writable;
    file->no_flush = config->cache == BLOCKDEV_CACHE_UNSAFE;
    file->sync = cache_is_sync(config->cache);
    file->sync_data = fdatasync;
    pthread_mutex_init(&file->edges, NULL);
    file->fd = open_path(config, writable, error);
    /* The lock comes before anything is read: another user may be filling the file. */
    if (file->fd < 0 || !check_kind(file, error) || !blockfile_lock(file->fd, config, writable, error)) {
        blockfile_close(file);
        return NULL;
    }
    if (cache_is_direct(config->cache))
        start_direct(file);
    return file;
}

void blockfile_close(struct blockfile *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd); /* this releases the locks */
    pthread_mutex_destroy(&file->edges);
    free(file->path);
    free(file);
}

int blockfile_size(struct blockfile *file, uint64_t *bytes)
{
    struct stat st;
    if (!file->regular && !ioctl(file->fd, BLKGETSIZE64, bytes))
        return 0;
    if (fstat(file->fd, &st))
        return -errno;
    *bytes = (uint64_t)st.st_size;
    return file->regular ? 0 : -ENOTBLK;
}

uint64_t blockfile_allocated(struct blockfile *file)
{
    struct stat st;
    return fstat(file->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

int blockfile_truncate(struct blockfile *file, uint64_t bytes)
{
    int rc;
    if (bytes > INT64_MAX)
        return -EFBIG;
    do
        rc = ftruncate(file->fd, (off_t)bytes);
    while (rc && errno == EINTR);
    return rc ? -errno : 0;
}

/* ---- Transfers ----------------------------------------------------------------------------------------- */

static bool is_aligned(const struct blockfile *file, const struct iovec *iov, unsigned count, uint64_t offset)
{
    uint64_t all = offset;
    for (unsigned n = 0; n < count; n++)
        all |= (uint64_t)(uintptr_t)iov[n].iov_base | iov[n].iov_len;
    return !file->align || all % file->align == 0;
}

/* An aligned buffer for up to BOUNCE_BYTES; NULL without memory. */
static uint8_t *bounce_alloc(uint64_t bytes)
{
    void *buffer;
    uint64_t room = bytes + 2 * DIRECT_ALIGN_MAX;
    return posix_memalign(&buffer, DIRECT_ALIGN_MAX, room < BOUNCE_BYTES ? room : BOUNCE_BYTES) ? NULL
                                                                                                : buffer;
}

/* Reads up to the end of the file. What lies beyond the end becomes zeros, or is -EIO. */
static int read_all(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset, bool beyond)
{
    while (bytes) {
        ssize_t done = preadv(fd, iov, (int)count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        struct iovec skipped[BLOCKDEV_IOV_MAX];
        if ((uint64_t)done == bytes)
            return 0;
        if (done)
            blockdev_iov_split(&iov, (uint64_t)done, skipped);
        bytes -= (uint64_t)done;
        offset += (uint64_t)done;
        count = 0;
        for (uint64_t left = bytes; left; count++)
            left -= iov[count].iov_len;
        if (!done) {
            if (beyond)
                blockdev_iov_zero(iov, count);
            return beyond ? 0 : -EIO;
        }
    }
    return 0;
}

/* What one round through an aligned buffer transfers: `length` bytes of the request, which lie `skip` bytes
 * behind `start` in `whole` bytes of the file. */
struct bounce {
    uint64_t start, skip, length, whole;
};

static struct bounce bounce_step(const struct blockfile *file, uint64_t offset, uint64_t bytes)
{
    uint64_t mask = -(uint64_t)file->align;
    struct bounce step = { .start = offset & mask,
                           .length = bytes < BOUNCE_BYTES / 2 ? bytes : BOUNCE_BYTES / 2 };
    step.skip = offset - step.start;
    step.whole = (step.skip + step.length + file->align - 1) & mask;
    return step;
}

static int read_bounced(struct blockfile *file, struct iovec *iov, uint64_t bytes, uint64_t offset,
                        bool beyond)
{
    uint8_t *buffer = bounce_alloc(bytes);
    int rc = buffer ? 0 : -ENOMEM;
    while (bytes && !rc) {
        struct iovec part[BLOCKDEV_IOV_MAX];
        struct bounce step = bounce_step(file, offset, bytes);
        struct iovec all = { buffer, step.whole };
        rc = read_all(file->fd, &all, 1, step.whole, step.start, beyond);
        unsigned parts = blockdev_iov_split(&iov, step.length, part);
        if (!rc)
            blockdev_iov_scatter(part, parts, buffer + step.skip);
        bytes -= step.length;
        offset += step.length;
    }
    free(buffer);
    return rc;
}

int blockfile_preadv(struct blockfile *file, struct iovec *iov, unsigned count, uint64_t bytes,
                     uint64_t offset, bool beyond)
{
    if (offset > INT64_MAX - bytes)
        return -EFBIG;
    if (is_aligned(file, iov, count, offset))
        return read_all(file->fd, iov, count, bytes, offset, beyond);
    return read_bounced(file, iov, bytes, offset, beyond);
}

static int write_bounced(struct blockfile *file, struct iovec *iov, uint64_t bytes, uint64_t offset)
{
    uint8_t *buffer = bounce_alloc(bytes);
    int rc = buffer ? 0 : -ENOMEM;
    pthread_mutex_lock(&file->edges);
    while (bytes && !rc) {
        struct iovec part[BLOCKDEV_IOV_MAX];
        struct bounce step = bounce_step(file, offset, bytes);
        struct iovec all = { buffer, step.whole };
        if (step.skip || step.whole != step.length)
            rc = read_all(file->fd, &all, 1, step.whole, step.start, true);
        unsigned parts = blockdev_iov_split(&iov, step.length, part);
        blockdev_iov_gather(buffer + step.skip, part, parts);
        all = (struct iovec){ buffer, step.whole };
        rc = rc ? rc : blockdev_fd_pwritev(file->fd, &all, 1, step.whole, step.start);
        bytes -= step.length;
        offset += step.length;
    }
    pthread_mutex_unlock(&file->edges);
    free(buffer);
    return rc;
}

static void note_end(struct blockfile *file, uint64_t end)
{
    uint_fast64_t before = atomic_load_explicit(&file->highest, memory_order_relaxed);
    while (before < end && !atomic_compare_exchange_weak_explicit(&file->highest, &before, end,
                                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

int blockfile_pwritev(struct blockfile *file, struct iovec *iov, unsigned count, uint64_t bytes,
                      uint64_t offset)
{
    if (offset > INT64_MAX - bytes)
        return -EFBIG;
    int rc = is_aligned(file, iov, count, offset) ? blockdev_fd_pwritev(file->fd, iov, count, bytes, offset)
                                                  : write_bounced(file, iov, bytes, offset);
    if (!rc)
        note_end(file, offset + bytes);
    return rc;
}

int blockfile_pread(struct blockfile *file, void *bytes, uint64_t length, uint64_t offset)
{
    struct iovec iov = { bytes, length };
    return blockfile_preadv(file, &iov, 1, length, offset, true);
}

int blockfile_pwrite(struct blockfile *file, const void *bytes, uint64_t length, uint64_t offset)
{
    struct iovec iov = { (void *)(uintptr_t)bytes, length };
    return blockfile_pwritev(file, &iov, 1, length, offset);
}

/* After a flush has failed, Linux marks the pages that it could not write as clean, so the next fdatasync()
 * succeeds although they are lost. So the first failure is kept. */
int blockfile_flush(struct blockfile *file)
{
    if (file->no_flush || !file->writable)
        return 0;
    int before = atomic_load(&file->lost);
    if (before)
        return before;
    int rc = file->sync_data(file->fd) ? -errno : 0;
    if (rc && atomic_compare_exchange_strong(&file->lost, &before, rc))
        log_warn("%s: what was written may be lost: the host could not save it (%s); from now on every flush "
                 "fails, until Rvive is started again",
                 file->path, strerror(-rc));
    return rc;
}

/* ---- Holes --------------------------------------------------------------------------------------------- */

static int file_fallocate(struct blockfile *file, int mode, uint64_t offset, uint64_t length)
{
    int rc;
    do
        rc = fallocate(file->fd, mode, (off_t)offset, (off_t)length);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

/* Does the error say that the host file cannot do this at all, rather than that it failed? */
static bool unsupported(int rc)
{
    return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL;
}

int blockfile_discard(struct blockfile *file, uint64_t offset, uint64_t length)
{
    int rc = length ? file_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) : 0;
    return unsupported(rc) ? 0 : rc;
}

/* Writes the zeros as data. */
static int write_zero_bytes(struct blockfile *file, uint64_t offset, uint64_t length)
{
    static const uint8_t zeroes[64 * 1024] __attribute__((aligned(DIRECT_ALIGN_MAX)));
    while (length) {
        uint64_t part = length < sizeof(zeroes) ? length : sizeof(zeroes);
        int rc = blockfile_pwrite(file, zeroes, part, offset);
        if (rc)
            return rc;
        offset += part;
        length -= part;
    }
    return 0;
}

int blockfile_zero(struct blockfile *file, uint64_t offset, uint64_t length, bool unmap)
{
    int how = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    int rc = length ? file_fallocate(file, how | FALLOC_FL_KEEP_SIZE, offset, length) : 0;
    return unsupported(rc) ? write_zero_bytes(file, offset, length) : rc;
}

bool blockfile_is_data(struct blockfile *file, uint64_t offset, uint64_t length, uint64_t *run)
{
    *run = length;
    off_t data = lseek(file->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return false; /* there is a hole up to the end */
    if (data < 0)
        return true; /* the file system cannot tell */
    bool is_data = (uint64_t)data == offset;
    off_t end = is_data ? lseek(file->fd, (off_t)offset, SEEK_HOLE) : data;
    if (end > (off_t)offset && (uint64_t)end - offset < length)
        *run = (uint64_t)end - offset;
    return is_data;
}
