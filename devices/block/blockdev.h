/* SPDX-License-Identifier: MIT
 *
 * Block devices: the host side of a disk. A backend is an array of bytes, a whole number of 512-byte sectors;
 * blockdev_open() makes one from an image file (raw or qcow2, with what it is an overlay of) or a host block
 * device, and stacks a snapshot on it if asked.
 *
 * All functions are callable from any thread, several at a time, and may wait for the host's disk. They
 * return 0 or a negative errno; a transfer is whole or failed. Callers check ranges against `size` first.
 */
#ifndef DEVICES_BLOCK_BLOCKDEV_H
#define DEVICES_BLOCK_BLOCKDEV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/block/throttle.h"
#include "util/error.h"

#define BLOCKDEV_SECTOR  512u /* bytes */
#define BLOCKDEV_IOV_MAX 1024u

/* What a range of a disk holds, as far as its backend knows without reading it. */
enum blockdev_status {
    BLOCKDEV_STATUS_DATA,    /* bytes of this image */
    BLOCKDEV_STATUS_ZERO,    /* it reads as zeros, whatever is below it */
    BLOCKDEV_STATUS_BACKING, /* reads give what the image below has, and zeros beyond its end */
};

struct blockdev;
struct blockfile;
struct blockdev_ops {
    const char *name;
    /* `iov` has at most BLOCKDEV_IOV_MAX entries, `bytes` in all, and may be changed. */
    int (*preadv)(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                  uint64_t offset);
    int (*pwritev)(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                   uint64_t offset);
    /* Makes durable all that was written. */
    int (*flush)(struct blockdev *blockdev);
    /* The bytes are not needed any more: later reads may give anything. */
    int (*discard)(struct blockdev *blockdev, uint64_t offset, uint64_t length);
    /* `unmap`: the space may be given back. */
    int (*write_zeroes)(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap);
    void (*destroy)(struct blockdev *blockdev);
    /* *status: what the byte at `offset` is. *run: how many of the `length` bytes from there on are like it,
     * at least one. NULL: all bytes are data. */
    int (*status)(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run,
                  enum blockdev_status *status);
    /* Changes the size of a disk that is in use, to a multiple of BLOCKDEV_SECTOR; the caller stores it in
     * `size` then. NULL: it stays as it is. False and *error. */
    bool (*resize)(struct blockdev *blockdev, uint64_t bytes, struct error *error);
    /* The file of the host. NULL: it is not one file. */
    struct blockfile *(*file)(struct blockdev *blockdev);
};

/* What was done with the disk since it was opened. Transfers of a format on its own file, such as those of
 * tables, do not count. */
enum blockdev_kind { BLOCKDEV_READS, BLOCKDEV_WRITES, BLOCKDEV_UNMAPS, BLOCKDEV_FLUSHES, BLOCKDEV_KINDS };
struct blockdev_counts {
    uint64_t operations, failed; /* `operations` are those that succeeded */
    uint64_t bytes, ns;          /* of those that succeeded; ns: of all */
};

enum blockdev_detect {
    BLOCKDEV_DETECT_OFF,
    BLOCKDEV_DETECT_ON,    /* writes of zeros become write_zeroes */
    BLOCKDEV_DETECT_UNMAP, /* the same with `unmap`, unless discards are ignored */
};

/* What the device does for the guest when the host fails (werror=, rerror=). */
enum blockdev_on_error {
    BLOCKDEV_ON_ERROR_DEFAULT, /* ENOSPC for requests that write, REPORT for reads */
    BLOCKDEV_ON_ERROR_REPORT,  /* the guest gets an error */
    BLOCKDEV_ON_ERROR_IGNORE,  /* the guest is told that all is well */
    BLOCKDEV_ON_ERROR_STOP,    /* the machine stops; the request is tried again when it continues */
    BLOCKDEV_ON_ERROR_ENOSPC,  /* STOP if the host's disk is full, else REPORT */
};

struct blockdev {
    const struct blockdev_ops *ops;
    /* Bytes, a multiple of BLOCKDEV_SECTOR. Only blockdev_resize() changes it: blockdev_size(). */
    uint64_t size;
    bool read_only;
    bool ignore_discard; /* discards do nothing, and write_zeroes keeps the space */
    enum blockdev_detect detect_zeroes;
    /* Tells the device that uses the disk that `size` has changed. Set by the device when it is made; NULL:
     * its guest could not be told. */
    void (*resized)(void *opaque);
    void *resized_opaque;
    struct {
        atomic_uint_fast64_t operations, failed, bytes, ns;
    } counts[BLOCKDEV_KINDS];
    /* NULL: the disk is as fast as the host's. Once it is there, it stays. */
    _Atomic(struct block_throttle *) throttle;
    atomic_uint_fast64_t highest; /* no byte from there on was written since the disk was opened */
};

enum blockdev_cache {
    BLOCKDEV_CACHE_WRITEBACK,    /* writes are safe after a flush */
    BLOCKDEV_CACHE_WRITETHROUGH, /* every write is safe when it is done */
    BLOCKDEV_CACHE_UNSAFE,       /* flushes are left out: for throw-away disks */
    BLOCKDEV_CACHE_NONE,         /* as writeback, around the host's page cache */
    BLOCKDEV_CACHE_DIRECTSYNC,   /* as writethrough, around the host's page cache */
};

#define BLOCKDEV_BACKING_MAX 16

/* Which files an image may name as its backing file. Images also come from other people, and the file that an
 * image names is opened with the user's rights and read by the guest. */
struct blockdev_backing_rule {
    bool limited; /* only the image's own folder, what is below it, and `allowed`; false: any file */
    const char *allowed[BLOCKDEV_BACKING_MAX]; /* files, or folders with all that is below them */
    unsigned count;
};

/* All strings are borrowed for the call. */
struct blockdev_config {
    const char *path;
    const char *format; /* "raw", "qcow2"; NULL: detected from the first bytes */
    bool read_only;
    bool snapshot; /* writes go to a temporary file that disappears with the blockdev */
    enum blockdev_cache cache;
    bool ignore_discard; /* discard=ignore */
    enum blockdev_detect detect_zeroes;
    struct block_throttle_limits throttle;
    enum blockdev_on_error werror, rerror; /* for the device that uses it */
    bool no_backing;                       /* the image alone: what it does not hold reads as zeros */
    bool no_repair;     /* an image that was not closed properly is opened as it is (rvive-img) */
    bool for_check;     /* an image that is marked as damaged is opened, too */
    bool shared_writer; /* opened although somebody else may be writing (rvive-img -U) */
    struct blockdev_backing_rule rule;     /* for the files that this image and those below it name */
    const struct blockdev_config *backing; /* used instead of what the image names; NULL: what it names */
    unsigned depth;                        /* number of overlays above this image */
};

/* Opens and locks the image: one writer, or any number of readers (a snapshot reads its base). NULL and
 * *error if that fails. The caller destroys it, after the device that uses it. */
struct blockdev *blockdev_open(const struct blockdev_config *config, struct error *error);
void blockdev_destroy(struct blockdev *blockdev);
/* Sets other limits of its speed (throttle.h), or none; they are valid. By one thread at a time, while others
 * use the disk. False and *error if memory is short. */
bool blockdev_limit(struct blockdev *blockdev, const struct block_throttle_limits *limits,
                    struct error *error);
struct block_throttle_limits blockdev_limits(struct blockdev *blockdev);
/* Detects the format from the first bytes of a file; "raw" if they are of no known format. `head` has
 * `length` bytes. */
const char *blockdev_probe(const uint8_t *head, size_t length);

int blockdev_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                    uint64_t offset);
int blockdev_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                     uint64_t offset);
int blockdev_flush(struct blockdev *blockdev);
int blockdev_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length);
int blockdev_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap);
int blockdev_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run,
                    enum blockdev_status *status);
/* The size, for those who run beside blockdev_resize(). */
static inline uint64_t blockdev_size(const struct blockdev *blockdev)
{
    return __atomic_load_n(&blockdev->size, __ATOMIC_RELAXED);
}
/* Makes a disk that is in use larger or smaller, and tells its device. What lies beyond a new end is lost. To
 * be called by one thread at a time. False, with *error filled, on failure. */
bool blockdev_resize(struct blockdev *blockdev, uint64_t bytes, struct error *error);
struct blockdev_counts blockdev_counts(struct blockdev *blockdev, enum blockdev_kind kind);
/* Bytes that the file takes on the host, and the end of what was written to it (0: nothing was), since it was
 * opened. False: it is not one file. */
bool blockdev_file_counts(struct blockdev *blockdev, uint64_t *allocated, uint64_t *highest);
/* The same with one buffer. */
int blockdev_pread(struct blockdev *blockdev, void *bytes, uint64_t length, uint64_t offset);
int blockdev_pwrite(struct blockdev *blockdev, const void *bytes, uint64_t length, uint64_t offset);

/* The backends, for blockdev_open(). A backend takes `file` over; on failure the caller keeps it. */
struct blockdev *blockdev_raw_create(struct blockfile *file, const struct blockdev_config *config,
                                     bool probed, struct error *error);
struct blockdev *blockdev_qcow2_create(struct blockfile *file, const struct blockdev_config *config,
                                       struct error *error);
/* Takes `base` over; on failure the caller keeps it. */
struct blockdev *blockdev_snapshot_create(struct blockdev *base, struct error *error);

/* Helpers of backends. They transfer everything on a file descriptor, and continue after signals and short
 * transfers. */
int blockdev_fd_preadv(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset);
int blockdev_fd_pwritev(int fd, struct iovec *iov, unsigned count, uint64_t bytes, uint64_t offset);
/* Moves the first `bytes` bytes of *iov to `part`, and *iov beyond them. Returns the count of `part`. */
unsigned blockdev_iov_split(struct iovec **iov, uint64_t bytes, struct iovec *part);
void blockdev_iov_zero(const struct iovec *iov, unsigned count);
/* Copies between a buffer and `bytes` bytes of a list. */
void blockdev_iov_gather(void *bytes, const struct iovec *iov, unsigned count);
void blockdev_iov_scatter(const struct iovec *iov, unsigned count, const void *bytes);
/* Are all bytes zero? */
bool blockdev_is_zero(const void *bytes, size_t length);

#endif
