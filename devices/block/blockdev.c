/* SPDX-License-Identifier: MIT
 *
 * Block devices: opening by description, the calls, and transfers that are never short.
 */
#include "devices/block/blockdev.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "devices/block/blockfile.h"
#include "util/host_time.h"
#include "util/log.h"

#define BLOCKDEV_DEPTH_MAX 64 /* overlays on overlays */

/* ---- Opening ------------------------------------------------------------------------------------------- */

const char *blockdev_probe(const uint8_t *head, size_t length)
{
    static const struct {
        const char *name, *magic;
        size_t length;
    } formats[] = {
        { "qcow2", "QFI\xfb", 4 }, { "vmdk", "KDMV", 4 }, { "vmdk", "COWD", 4 },
        { "vhdx", "vhdxfile", 8 }, { "qed", "QED", 4 },   { "luks", "LUKS\xba\xbe", 6 },
    };
    for (size_t n = 0; n < sizeof(formats) / sizeof(*formats); n++) {
        if (length >= formats[n].length && !memcmp(head, formats[n].magic, formats[n].length))
            return formats[n].name;
    }
    return "raw";
}

static struct blockdev *open_format(struct blockfile *file, const struct blockdev_config *config,
                                    struct error *error)
{
    const char *format = config->format;
    if (!format) {
        uint8_t head[8] = { 0 };
        int rc = blockfile_pread(file, head, sizeof(head), 0);
        if (rc) {
            error_set(error, "%s: cannot be read: %s", config->path, strerror(-rc));
            return NULL;
        }
        format = blockdev_probe(head, sizeof(head));
    }
    if (strcmp(format, "qcow2") == 0)
        return blockdev_qcow2_create(file, config, error);
    if (strcmp(format, "raw") != 0) {
        error_set(error,
                  "%s: is a %s image; there are raw and qcow2 (qemu-img convert -O qcow2 makes one of the "
                  "others)",
                  config->path, format);
        return NULL;
    }
    if (config->backing) {
        error_set(error, "%s: is a raw image, which has no backing file", config->path);
        return NULL;
    }
    struct blockdev *raw = blockdev_raw_create(file, config, !config->format, error);
    if (raw && !config->format && config->depth)
        log_warn("%s: is taken for a raw image: the image above it does not say its format", config->path);
    else if (raw && !config->format && !raw->read_only)
        log_warn("%s: its format was not given and it looks like raw: the guest cannot write another "
                 "format's header to it (say format=raw)",
                 config->path);
    return raw;
}

struct blockdev *blockdev_open(const struct blockdev_config *config, struct error *error)
{
    if (config->depth > BLOCKDEV_DEPTH_MAX) {
        error_set(error, "%s: more than %d overlays on one another; do they name each other?", config->path,
                  BLOCKDEV_DEPTH_MAX);
        return NULL;
    }
    struct blockfile *file = blockfile_open(config, error);
    if (!file)
        return NULL;
    struct blockdev *base = open_format(file, config, error);
    if (!base) {
        blockfile_close(file);
        return NULL;
    }
    if (config->snapshot && !config->read_only) {
        struct blockdev *snapshot = blockdev_snapshot_create(base, error);
        if (!snapshot)
            blockdev_destroy(base);
        base = snapshot;
    }
    if (!base)
        return NULL;
    base->ignore_discard = config->ignore_discard;
    base->detect_zeroes = config->detect_zeroes;
    if (!block_throttle_is_given(&config->throttle))
        return base;
    if (blockdev_limit(base, &config->throttle, error))
        return base;
    blockdev_destroy(base);
    return NULL;
}

bool blockdev_limit(struct blockdev *blockdev, const struct block_throttle_limits *limits,
                    struct error *error)
{
    struct block_throttle *throttle = atomic_load(&blockdev->throttle);
    if (throttle) {
        block_throttle_change(throttle, limits);
        return true;
    }
    throttle = block_throttle_create(limits);
    atomic_store(&blockdev->throttle, throttle);
    return throttle || error_set(error, "out of memory for the limits of a disk");
}

struct block_throttle_limits blockdev_limits(struct blockdev *blockdev)
{
    struct block_throttle *throttle = atomic_load(&blockdev->throttle);
    return throttle ? block_throttle_get(throttle) : (struct block_throttle_limits){ .request_size = 0 };
}

void blockdev_destroy(struct blockdev *blockdev)
{
    if (!blockdev)
        return;
    block_throttle_destroy(atomic_load(&blockdev->throttle));
    blockdev->ops->destroy(blockdev);
}

/* ---- Calls --------------------------------------------------------------------------------------------- */

/* Waits until an operation may begin; *now is the time before that, in ns. A disk with limits looks to the
 * guest like a slow one. False: it must not be done. */
static bool begin(struct blockdev *blockdev, bool write, uint64_t bytes, uint64_t *now)
{
    struct block_throttle *throttle = atomic_load_explicit(&blockdev->throttle, memory_order_acquire);
    *now = host_now_ns();
    return !throttle || !bytes || block_throttle_wait(throttle, write, bytes);
}

/* Counts an operation that began at `began`, in ns; returns rc. */
static int count(struct blockdev *blockdev, enum blockdev_kind kind, uint64_t bytes, uint64_t began, int rc)
{
    const memory_order loose = memory_order_relaxed;
    atomic_fetch_add_explicit(&blockdev->counts[kind].ns, host_now_ns() - began, loose);
    if (rc) {
        atomic_fetch_add_explicit(&blockdev->counts[kind].failed, 1, loose);
        return rc;
    }
    atomic_fetch_add_explicit(&blockdev->counts[kind].operations, 1, loose);
    atomic_fetch_add_explicit(&blockdev->counts[kind].bytes, bytes, loose);
    return 0;
}

static int count_write(struct blockdev *blockdev, uint64_t bytes, uint64_t offset, uint64_t began, int rc)
{
    uint_fast64_t before = atomic_load_explicit(&blockdev->highest, memory_order_relaxed);
    while (!rc && before < offset + bytes &&
           !atomic_compare_exchange_weak_explicit(&blockdev->highest, &before, offset + bytes,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    return count(blockdev, BLOCKDEV_WRITES, bytes, began, rc);
}

int blockdev_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned entries, uint64_t bytes,
                    uint64_t offset)
{
    uint64_t began;
    if (!begin(blockdev, false, bytes, &began))
        return -ECANCELED;
    return bytes ? count(blockdev, BLOCKDEV_READS, bytes, began,
                         blockdev->ops->preadv(blockdev, iov, entries, bytes, offset))
                 : 0;
}

static bool all_zero(const struct iovec *iov, unsigned entries)
{
    for (unsigned n = 0; n < entries; n++) {
        if (!blockdev_is_zero(iov[n].iov_base, iov[n].iov_len))
            return false;
    }
    return true;
}

int blockdev_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned entries, uint64_t bytes,
                     uint64_t offset)
{
    if (blockdev->read_only)
        return -EROFS;
    if (blockdev->detect_zeroes != BLOCKDEV_DETECT_OFF && all_zero(iov, entries))
        return blockdev_write_zeroes(blockdev, offset, bytes,
                                     blockdev->detect_zeroes == BLOCKDEV_DETECT_UNMAP);
    uint64_t began;
    if (!begin(blockdev, true, bytes, &began))
        return -ECANCELED;
    return bytes ? count_write(blockdev, bytes, offset, began,
                               blockdev->ops->pwritev(blockdev, iov, entries, bytes, offset))
                 : 0;
}

int blockdev_flush(struct blockdev *blockdev)
{
    uint64_t began = host_now_ns();
    return count(blockdev, BLOCKDEV_FLUSHES, 0, began,
                 blockdev->read_only ? 0 : blockdev->ops->flush(blockdev));
}

int blockdev_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    if (blockdev->read_only)
        return -EROFS;
    uint64_t began;
    if (!begin(blockdev, true, length, &began))
        return -ECANCELED;
    return count(blockdev, BLOCKDEV_UNMAPS, length, began,
                 blockdev->ignore_discard ? 0 : blockdev->ops->discard(blockdev, offset, length));
}

int blockdev_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    if (blockdev->read_only)
        return -EROFS;
    uint64_t began;
    if (!begin(blockdev, true, length, &began))
        return -ECANCELED;
    return count_write(
        blockdev, length, offset, began,
        blockdev->ops->write_zeroes(blockdev, offset, length, unmap && !blockdev->ignore_discard));
}

int blockdev_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run,
                    enum blockdev_status *status)
{
    if (blockdev->ops->status)
        return blockdev->ops->status(blockdev, offset, length, run, status);
    *run = length;
    *status = BLOCKDEV_STATUS_DATA;
    return 0;
}

int blockdev_pread(struct blockdev *blockdev, void *bytes, uint64_t length, uint64_t offset)
{
    struct iovec iov = { bytes, length };
    return blockdev_preadv(blockdev, &iov, 1, length, offset);
}

int blockdev_pwrite(struct blockdev *blockdev, const void *bytes, uint64_t length, uint64_t offset)
{
    struct iovec iov = { (void *)(uintptr_t)bytes, length };
    return blockdev_pwritev(blockdev, &iov, 1, length, offset);
}

struct blockdev_counts blockdev_counts(struct blockdev *blockdev, enum blockdev_kind kind)
{
    return (struct blockdev_counts){ .operations = atomic_load(&blockdev->counts[kind].operations),
                                     .failed = atomic_load(&blockdev->counts[kind].failed),
                                     .bytes = atomic_load(&blockdev->counts[kind].bytes),
                                     .ns = atomic_load(&blockdev->counts[kind].ns) };
}

bool blockdev_file_counts(struct blockdev *blockdev, uint64_t *allocated, uint64_t *highest)
{
    struct blockfile *file = blockdev->ops->file ? blockdev->ops->file(blockdev) : NULL;
    if (!file)
        return false;
    *allocated = blockfile_allocated(file);
    *highest = atomic_load(&file->highest);
    return true;
}

bool blockdev_resize(struct blockdev *blockdev, uint64_t bytes, struct error *error)
{
    if (!bytes || bytes % BLOCKDEV_SECTOR || bytes > INT64_MAX)
        return error_set(error, "%llu bytes are no size of a disk: it has whole sectors of %u bytes",
                         (unsigned long long)bytes, BLOCKDEV_SECTOR);
    if (blockdev->read_only)
        return error_set(error, "the disk is read-only, so its size cannot be changed");
    if (!blockdev->ops->resize)
        return error_set(error, "the size of a %s disk cannot be changed", blockdev->ops->name);
    if (!blockdev->resized)
        return error_set(error, "the device of this disk cannot tell the guest that its size has changed");
    if (!blockdev->ops->resize(blockdev, bytes, error))
        return false;
    __atomic_store_n(&blockdev->size, bytes, __ATOMIC_RELAXED);
    blockdev->resized(blockdev->resized_opaque);
    return true;
}

/* ---- Helpers ------------------------------------------------------------------------------------------- */

/* Drops `done` bytes from the front of the list. */
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
            return done < 0 ? -errno : -EIO; /* 0: another program has shortened the file */
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

unsigned blockdev_iov_split(struct iovec **iov, uint64_t bytes, struct iovec *part)
{
    unsigned count = 0;
    while (bytes) {
        size_t length = (*iov)->iov_len < bytes ? (*iov)->iov_len : bytes;
        part[count++] = (struct iovec){ (*iov)->iov_base, length };
        (*iov)->iov_base = (uint8_t *)(*iov)->iov_base + length;
        (*iov)->iov_len -= length;
        bytes -= length;
        if (!(*iov)->iov_len)
            ++*iov;
    }
    return count;
}

void blockdev_iov_zero(const struct iovec *iov, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        memset(iov[n].iov_base, 0, iov[n].iov_len);
}

void blockdev_iov_gather(void *bytes, const struct iovec *iov, unsigned count)
{
    uint8_t *at = bytes;
    for (unsigned n = 0; n < count; at += iov[n++].iov_len)
        memcpy(at, iov[n].iov_base, iov[n].iov_len);
}

void blockdev_iov_scatter(const struct iovec *iov, unsigned count, const void *bytes)
{
    const uint8_t *at = bytes;
    for (unsigned n = 0; n < count; at += iov[n++].iov_len)
        memcpy(iov[n].iov_base, at, iov[n].iov_len);
}

bool blockdev_is_zero(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    size_t head = length < 16 ? length : 16;
    for (size_t n = 0; n < head; n++) {
        if (at[n])
            return false;
    }
    /* every byte equals the one 16 bytes before */
    return length <= head || !memcmp(at, at + head, length - head);
}
