/* SPDX-License-Identifier: MIT
 *
 * A file of the host, or a host block device, under a disk image: opened and locked according to a
 * blockdev_config, and read and written as its cache mode says. The formats (raw, qcow2) stand on it.
 *
 * All functions but open and close are callable from any thread; they return 0 or a negative errno.
 */
#ifndef DEVICES_BLOCK_BLOCKFILE_H
#define DEVICES_BLOCK_BLOCKFILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/block/blockdev.h"

struct blockfile {
    int fd;
    char *path;
    bool writable;
    bool regular;          /* not a host block device */
    bool no_flush;         /* cache=unsafe */
    bool sync;             /* every write is durable when it is done */
    unsigned align;        /* bytes: transfers go around the host's cache and must be aligned; 0: any */
    atomic_int lost;       /* negative errno of the flush that failed; 0: none has */
    int (*sync_data)(int); /* fdatasync(); tests put a function here that fails */
    pthread_mutex_t edges; /* held while a write of part of an aligned unit reads the rest of it */
    atomic_uint_fast64_t highest; /* no byte from there on was written since the file was opened */
};

/* Opens for writing unless config says read_only or snapshot. */
struct blockfile *blockfile_open(const struct blockdev_config *config, struct error *error);
void blockfile_close(struct blockfile *file);

/* For a format whose file must not grow beyond `size` bytes. Turns direct I/O off if `size` is not aligned,
 * since writing the last aligned unit would make the file longer. Before the first transfer. */
void blockfile_check_direct(struct blockfile *file, uint64_t size);

/* Gives the file's size in bytes. */
int blockfile_size(struct blockfile *file, uint64_t *bytes);
/* The bytes that it takes on the host's disk; 0: unknown. */
uint64_t blockfile_allocated(struct blockfile *file);
int blockfile_truncate(struct blockfile *file, uint64_t bytes);
/* Reading beyond the end of the file is -EIO, or gives zeros if `beyond` is true. `iov` is changed. */
int blockfile_preadv(struct blockfile *file, struct iovec *iov, unsigned count, uint64_t bytes,
                     uint64_t offset, bool beyond);
int blockfile_pwritev(struct blockfile *file, struct iovec *iov, unsigned count, uint64_t bytes,
                      uint64_t offset);
/* The same with one buffer; beyond the end of the file there are zeros. */
int blockfile_pread(struct blockfile *file, void *bytes, uint64_t length, uint64_t offset);
int blockfile_pwrite(struct blockfile *file, const void *bytes, uint64_t length, uint64_t offset);
/* Makes durable what was written before. Once this has failed, it fails for ever, since nobody knows what the
 * host has lost. */
int blockfile_flush(struct blockfile *file);
/* Gives space back to the host; it is only a hint. */
int blockfile_discard(struct blockfile *file, uint64_t offset, uint64_t length);
int blockfile_zero(struct blockfile *file, uint64_t offset, uint64_t length, bool unmap);
/* Is there data at `offset`, and how many of `length` bytes are like that? */
bool blockfile_is_data(struct blockfile *file, uint64_t offset, uint64_t length, uint64_t *run);

/* blockfile_lock.c: takes the locks that `writable` requires; false and *error if another user holds them. */
bool blockfile_lock(int fd, const struct blockdev_config *config, bool writable, struct error *error);

#endif
