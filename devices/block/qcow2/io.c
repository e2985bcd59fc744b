/* SPDX-License-Identifier: MIT
 *
 * Reading and writing the disk in a qcow2 image; see qcow2.h for how the image stays consistent. A request is
 * served piece by piece: the lock is held while the place of a piece is looked up or chosen, and released
 * while the bytes are transferred.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

#define ALLOCATION_MAX (16u << 20) /* bytes that one piece allocates at most */

struct blockdev_qcow2 *qcow2_of(struct blockdev *blockdev)
{
    return blockdev->ops == &qcow2_ops ? (struct blockdev_qcow2 *)blockdev : NULL;
}

/* ---- Requests under way -------------------------------------------------------------------------------- */

static void op_begin(struct blockdev_qcow2 *q, struct qcow2_op *op)
{
    pthread_mutex_lock(&q->lock);
    while (q->exclusive)
        pthread_cond_wait(&q->written, &q->lock);
    *op = (struct qcow2_op){ .seq = q->seq++, .previous = q->last_op };
    *(q->last_op ? &q->last_op->next : &q->first_op) = op;
    q->last_op = op;
    pthread_mutex_unlock(&q->lock);
}

static void op_end(struct blockdev_qcow2 *q, struct qcow2_op *op)
{
    pthread_mutex_lock(&q->lock);
    *(op->previous ? &op->previous->next : &q->first_op) = op->next;
    *(op->next ? &op->next->previous : &q->last_op) = op->previous;
    if (q->quarantine.count)
        qcow2_quarantine_release(q);
    if (q->exclusive && !q->first_op)
        pthread_cond_broadcast(&q->written);
    pthread_mutex_unlock(&q->lock);
}

void qcow2_exclusive_begin(struct blockdev_qcow2 *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->exclusive)
        pthread_cond_wait(&q->written, &q->lock);
    q->exclusive = true;
    while (q->first_op)
        pthread_cond_wait(&q->written, &q->lock);
}

void qcow2_exclusive_end(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    q->exclusive = false;
    pthread_cond_broadcast(&q->written);
    pthread_mutex_unlock(&q->lock);
}

static const struct qcow2_write *write_at(const struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes)
{
    const struct qcow2_write *write = q->writes;
    while (write && (guest >= write->guest + write->bytes || write->guest >= guest + bytes))
        write = write->next;
    return write;
}

/* Waits until nobody allocates the cluster of `guest`. [locked] */
static void wait_for_writes(struct blockdev_qcow2 *q, uint64_t guest)
{
    CHECK_HELD(&q->lock);
    while (write_at(q, guest & -q->cluster_size, q->cluster_size))
        pthread_cond_wait(&q->written, &q->lock);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Does the disk read as zeros at a place that this image does not hold? */
static bool zero_below(const struct blockdev_qcow2 *q, uint64_t guest)
{
    return q->backing ? guest >= q->backing->size : !q->header.backing_offset;
}

static int read_below(struct blockdev_qcow2 *q, struct iovec *iov, unsigned count, uint64_t bytes,
                      uint64_t guest)
{
    struct iovec part[BLOCKDEV_IOV_MAX];
    uint64_t there = !q->backing || guest >= q->backing->size ? 0 : q->backing->size - guest;
    if (there >= bytes)
        return blockdev_preadv(q->backing, iov, count, bytes, guest);
    unsigned parts = blockdev_iov_split(&iov, there, part);
    int rc = there ? blockdev_preadv(q->backing, part, parts, there, guest) : 0;
    parts = blockdev_iov_split(&iov, bytes - there, part);
    blockdev_iov_zero(part, parts);
    return rc;
}

static int read_compressed(struct blockdev_qcow2 *q, const struct iovec *iov, unsigned count, uint64_t bytes,
                           uint64_t guest, uint64_t entry)
{
    uint8_t *buffer = count == 1 ? iov->iov_base : malloc(bytes);
    if (!buffer)
        return -ENOMEM;
    int rc = qcow2_inflate(q, entry, guest & (q->cluster_size - 1), bytes, buffer);
    if (count == 1)
        return rc;
    if (!rc)
        blockdev_iov_scatter(iov, count, buffer);
    free(buffer);
    return rc;
}

static int read_range(struct blockdev_qcow2 *q, struct iovec *iov, uint64_t bytes, uint64_t guest)
{
    int rc = 0;
    while (bytes && !rc) {
        struct iovec part[BLOCKDEV_IOV_MAX];
        struct qcow2_extent extent;
        pthread_mutex_lock(&q->lock);
        rc = qcow2_lookup(q, guest, bytes, &extent);
        pthread_mutex_unlock(&q->lock);
        if (rc)
            return rc;
        unsigned parts = blockdev_iov_split(&iov, extent.bytes, part);
        switch (extent.kind) {
        case QCOW2_KIND_NONE: rc = read_below(q, part, parts, extent.bytes, guest); break;
        case QCOW2_KIND_ZERO: blockdev_iov_zero(part, parts); break;
        case QCOW2_KIND_COMPRESSED:
            rc = read_compressed(q, part, parts, extent.bytes, guest, extent.entry);
            break;
        case QCOW2_KIND_DATA:
            rc = blockfile_preadv(q->file, part, parts, extent.bytes, extent.host, true);
            break;
        }
        bytes -= extent.bytes;
        guest += extent.bytes;
    }
    return rc;
}

static int qcow2_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                        uint64_t offset)
{
    (void)count;
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_op op;
    op_begin(q, &op);
    int rc = read_range(q, iov, bytes, offset);
    op_end(q, &op);
    return rc;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* One piece of a write that needs new clusters. */
struct allocation {
    struct qcow2_write write;
    uint64_t head, data, tail; /* bytes before, of and after the guest's data in write.bytes */
    /* whether these are written: the file may not hold zeros there, or zeros may be wrong */
    bool copy_head, copy_tail;
};

/* How many bytes, from the start of the cluster at `start` on, are in clusters that must be allocated? The
 * first cluster must be. [locked] */
static int allocation_length(struct blockdev_qcow2 *q, uint64_t start, uint64_t wanted, uint64_t *length)
{
    CHECK_HELD(&q->lock);
    *length = q->cluster_size;
    while (*length < wanted && *length < ALLOCATION_MAX) {
        struct qcow2_extent extent;
        uint64_t at = start + *length;
        if (!(at & ((q->cluster_size << q->l2_bits) - 1)) || write_at(q, at, q->cluster_size))
            break;
        int rc = qcow2_lookup(q, at, wanted - *length, &extent);
        if (rc)
            return rc;
        if (extent.kind == QCOW2_KIND_DATA)
            break;
        uint64_t more = qcow2_round_up(q, extent.bytes);
        while (more > q->cluster_size && write_at(q, at, more))
            more = q->cluster_size;
        *length += more;
    }
    *length = *length < wanted ? *length : wanted;
    return 0;
}

static int source_is_zero(struct blockdev_qcow2 *q, uint64_t guest, bool *zero)
{
    struct qcow2_extent extent;
    int rc = qcow2_lookup(q, guest, 1, &extent);
    *zero =
        !rc && (extent.kind == QCOW2_KIND_ZERO || (extent.kind == QCOW2_KIND_NONE && zero_below(q, guest)));
    return rc;
}

/* Chooses the place of the clusters of [guest, guest + bytes), or of the first of them. [locked] */
static int allocation_begin(struct blockdev_qcow2 *q, struct allocation *a, uint64_t guest, uint64_t bytes)
{
    CHECK_HELD(&q->lock);
    uint64_t start = guest & -q->cluster_size, found, length, end = q->file_end;
    bool head_zero, tail_zero;
    int rc = allocation_length(q, start, qcow2_round_up(q, guest + bytes) - start, &length);
    rc = rc ? rc : qcow2_find_free(q, length >> q->cluster_bits, false, &a->write.host, &found);
    if (rc)
        return rc;
    a->write.guest = start;
    a->write.bytes = found << q->cluster_bits;
    a->head = guest - start;
    a->data = a->write.bytes - a->head < bytes ? a->write.bytes - a->head : bytes;
    a->tail = a->write.bytes - a->head - a->data;
    rc = source_is_zero(q, start, &head_zero);
    rc = rc ? rc : source_is_zero(q, start + a->write.bytes - q->cluster_size, &tail_zero);
    if (rc)
        return rc;
    /* The file has zeros where nothing was ever written. */
    bool fresh = q->file->regular && a->write.host >= end;
    a->copy_head = a->head && !(fresh && head_zero);
    a->copy_tail = a->tail && !(fresh && tail_zero);
    a->write.next = q->writes;
    q->writes = &a->write;
    return 0;
}

/* The clusters' data is written; now the tables refer to it. [locked] */
static int allocation_link(struct blockdev_qcow2 *q, const struct allocation *a)
{
    CHECK_HELD(&q->lock);
    int rc = q->corrupt ? -EIO : 0;
    for (uint64_t at = 0; at < a->write.bytes && !rc; at += q->cluster_size) {
        struct qcow2_table *table;
        uint64_t *place;
        rc = qcow2_refcount_add(q, a->write.host + at, q->cluster_size, 1);
        rc = rc ? rc : qcow2_entry(q, a->write.guest + at, &table, &place);
        rc = rc ? rc : qcow2_entry_set(q, table, place, (a->write.host + at) | QCOW2_COPIED);
    }
    return rc;
}

static void allocation_end(struct blockdev_qcow2 *q, struct allocation *a)
{
    struct qcow2_write **link = &q->writes;
    while (*link != &a->write)
        link = &(*link)->next;
    *link = a->write.next;
    if (a->write.host >> q->cluster_bits < q->free_hint)
        q->free_hint = a->write.host >> q->cluster_bits; /* if it failed, they are still free */
    pthread_cond_broadcast(&q->written);
}

static int read_copy(struct blockdev_qcow2 *q, void *bytes, uint64_t length, uint64_t guest)
{
    struct iovec iov = { bytes, length };
    return read_range(q, &iov, length, guest);
}

/* Writes the guest's data and what surrounds it in its clusters. Without the lock. */
static int allocation_transfer(struct blockdev_qcow2 *q, struct allocation *a, struct iovec *data,
                               unsigned count)
{
    uint64_t head = a->copy_head ? a->head : 0, tail = a->copy_tail ? a->tail : 0;
    uint64_t data_at = a->write.host + a->head, guest_end = a->write.guest + a->head + a->data;
    uint8_t *copy = head + tail ? malloc(head + tail) : NULL;
    if (head + tail && !copy)
        return -ENOMEM;
    int rc = head ? read_copy(q, copy, head, a->write.guest) : 0;
    rc = rc || !tail ? rc : read_copy(q, copy + head, tail, guest_end);
    if (!rc && head + tail && count + 2 <= BLOCKDEV_IOV_MAX) {
        struct iovec all[BLOCKDEV_IOV_MAX];
        unsigned n = 0;
        if (head)
            all[n++] = (struct iovec){ copy, head };
        memcpy(all + n, data, count * sizeof(*data));
        n += count;
        if (tail)
            all[n++] = (struct iovec){ copy + head, tail };
        rc = blockfile_pwritev(q->file, all, n, head + a->data + tail, data_at - head);
    } else if (!rc) {
        rc = blockfile_pwritev(q->file, data, count, a->data, data_at);
        rc = rc || !head ? rc : blockfile_pwrite(q->file, copy, head, a->write.host);
        rc = rc || !tail ? rc : blockfile_pwrite(q->file, copy + head, tail, data_at + a->data);
    }
    free(copy);
    return rc;
}

static int write_in_place(struct blockdev_qcow2 *q, struct iovec **iov, const struct qcow2_extent *extent)
{
    struct iovec part[BLOCKDEV_IOV_MAX];
    unsigned parts = blockdev_iov_split(iov, extent->bytes, part);
    return blockfile_pwritev(q->file, part, parts, extent->bytes, extent->host);
}

/* Can the piece at `guest` be written where it is? 1, 0 or -errno. [locked] */
static int find_in_place(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes,
                         struct qcow2_extent *extent)
{
    CHECK_HELD(&q->lock);
    wait_for_writes(q, guest);
    if (q->corrupt)
        return -EIO;
    int rc = qcow2_lookup(q, guest, bytes, extent);
    if (rc || extent->kind != QCOW2_KIND_DATA)
        return rc;
    int owned = qcow2_owned(q, extent->entry);
    if (owned == 1 && !(extent->entry & QCOW2_COPIED)) { /* the next clusters may be shared */
        uint64_t left = q->cluster_size - (guest & (q->cluster_size - 1));
        extent->bytes = extent->bytes < left ? extent->bytes : left;
    }
    if (owned == 1 && qcow2_is_metadata(q, extent->host, extent->bytes))
        return qcow2_damaged(q, "a data cluster that is metadata, too", extent->host);
    return owned;
}

/* Writes the first piece of the range. *done: its bytes. */
static int write_piece(struct blockdev_qcow2 *q, struct iovec **iov, uint64_t bytes, uint64_t guest,
                       uint64_t *done)
{
    struct qcow2_extent extent;
    struct allocation a;
    struct iovec part[BLOCKDEV_IOV_MAX];
    pthread_mutex_lock(&q->lock);
    int rc = find_in_place(q, guest, bytes, &extent);
    bool in_place = rc == 1;
    if (!rc)
        rc = allocation_begin(q, &a, guest, bytes);
    pthread_mutex_unlock(&q->lock);
    if (in_place) {
        *done = extent.bytes;
        return write_in_place(q, iov, &extent);
    }
    if (rc)
        return rc;
    unsigned parts = blockdev_iov_split(iov, a.data, part);
    rc = allocation_transfer(q, &a, part, parts);
    pthread_mutex_lock(&q->lock);
    rc = rc ? rc : allocation_link(q, &a);
    allocation_end(q, &a);
    pthread_mutex_unlock(&q->lock);
    *done = a.data;
    return rc;
}

static int write_range(struct blockdev_qcow2 *q, struct iovec *iov, uint64_t bytes, uint64_t guest)
{
    int rc = 0;
    while (bytes && !rc) {
        uint64_t done = 0;
        rc = write_piece(q, &iov, bytes, guest, &done);
        bytes -= done;
        guest += done;
    }
    return rc;
}

/* Ends every request that writes. */
static int write_end(struct blockdev_qcow2 *q, struct qcow2_op *op, int rc)
{
    op_end(q, op);
    if (rc || !q->file->sync)
        return rc;
    pthread_mutex_lock(&q->lock);
    rc = qcow2_tables_write(q);
    pthread_mutex_unlock(&q->lock);
    return rc;
}

static int qcow2_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                         uint64_t offset)
{
    (void)count;
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_op op;
    op_begin(q, &op);
    return write_end(q, &op, write_range(q, iov, bytes, offset));
}

int qcow2_read_at(struct blockdev_qcow2 *q, void *bytes, uint64_t length, uint64_t guest)
{
    struct iovec iov = { bytes, length };
    return qcow2_preadv(&q->blockdev, &iov, 1, length, guest);
}

int qcow2_write_at(struct blockdev_qcow2 *q, const void *bytes, uint64_t length, uint64_t guest)
{
    struct iovec iov = { (void *)(uintptr_t)bytes, length };
    return qcow2_pwritev(&q->blockdev, &iov, 1, length, guest);
}

static int qcow2_flush(struct blockdev *blockdev)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    pthread_mutex_lock(&q->lock);
    int rc = qcow2_tables_write(q);
    pthread_mutex_unlock(&q->lock);
    return rc ? rc : blockfile_flush(q->file);
}

/* ---- Zeros and discards -------------------------------------------------------------------------------- */

/* Writes zeros as data: in part of a cluster, or if the image has no shorter form. */
static int zero_bytes(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes)
{
    bool zero;
    pthread_mutex_lock(&q->lock);
    wait_for_writes(q, guest);
    int rc = source_is_zero(q, guest, &zero);
    pthread_mutex_unlock(&q->lock);
    if (rc || zero)
        return rc;
    void *zeroes = calloc(1, bytes);
    struct iovec iov = { zeroes, bytes };
    rc = zeroes ? write_range(q, &iov, bytes, guest) : -ENOMEM;
    free(zeroes);
    return rc;
}

enum clearing { CLEAR_KEEP, CLEAR_UNMAP, CLEAR_DISCARD, CLEAR_EMPTY };

/* Finds the entry that makes a whole cluster read as zeros; -EOPNOTSUPP: there is none. */
static int cleared_entry(struct blockdev_qcow2 *q, uint64_t guest, const struct qcow2_extent *extent,
                         enum clearing how, uint64_t *entry)
{
    bool shows = !zero_below(q, guest); /* an entry of 0 would show what is below */
    *entry = extent->entry;
    if (how == CLEAR_EMPTY || (!shows && how != CLEAR_KEEP && extent->kind != QCOW2_KIND_NONE)) {
        *entry = 0;
        return 0;
    }
    if (extent->kind == QCOW2_KIND_NONE && (how == CLEAR_DISCARD || !shows))
        return 0;
    if (q->header.version < 3) {
        if (how == CLEAR_KEEP && !shows) /* no entry keeps the space, so it is given back */
            *entry = 0;
        return shows && how != CLEAR_DISCARD ? -EOPNOTSUPP : 0;
    }
    if (extent->kind == QCOW2_KIND_ZERO && how == CLEAR_KEEP)
        return 0;
    *entry = QCOW2_ZERO;
    if (how == CLEAR_KEEP && extent->kind == QCOW2_KIND_DATA) {
        int owned = qcow2_owned(q, extent->entry);
        if (owned == 1)
            *entry |= (extent->entry & QCOW2_OFFSET_MASK) | QCOW2_COPIED;
        return owned < 0 ? owned : 0;
    }
    return 0;
}

/* Clears the whole clusters from `guest` on that are alike. *done: how many bytes that is. [locked] */
static int clear_piece(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes, enum clearing how,
                       uint64_t *done)
{
    CHECK_HELD(&q->lock);
    struct qcow2_extent extent;
    struct qcow2_table *table;
    uint64_t entry, *place;
    wait_for_writes(q, guest);
    if (q->corrupt)
        return -EIO;
    int rc = qcow2_lookup(q, guest, bytes, &extent);
    if (!rc && extent.kind == QCOW2_KIND_NONE && (how >= CLEAR_DISCARD || zero_below(q, guest))) {
        *done = extent.bytes; /* there is nothing to clear as far as the extent goes */
        return 0;
    }
    rc = rc ? rc : cleared_entry(q, guest, &extent, how, &entry);
    *done = rc ? 0 : q->cluster_size;
    if (rc || entry == extent.entry)
        return rc;
    rc = qcow2_entry(q, guest, &table, &place);
    return rc ? rc : qcow2_entry_set(q, table, place, entry);
}

static int clear_range(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes, enum clearing how)
{
    int rc = 0;
    while (bytes && !rc) {
        uint64_t done = 0;
        pthread_mutex_lock(&q->lock);
        rc = clear_piece(q, guest, bytes, how, &done);
        pthread_mutex_unlock(&q->lock);
        if (rc == -EOPNOTSUPP) {
            done = q->cluster_size;
            rc = zero_bytes(q, guest, done);
        }
        guest += done;
        bytes -= done;
    }
    return rc;
}

/* Splits a range into whole clusters (the disk's last one may be short) and what is before and after them. */
static void split_range(const struct blockdev_qcow2 *q, uint64_t offset, uint64_t length, uint64_t *head,
                        uint64_t *whole)
{
    uint64_t end = offset + length;
    uint64_t first = qcow2_round_up(q, offset), last = end & -q->cluster_size;
    if (end == q->blockdev.size)
        last = qcow2_round_up(q, end);
    *head = first < end ? first - offset : length;
    *whole = last > first ? last - first : 0;
    if (first >= end)
        *whole = 0;
}

static int qcow2_write_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_op op;
    uint64_t head, whole;
    split_range(q, offset, length, &head, &whole);
    op_begin(q, &op);
    int rc = head ? zero_bytes(q, offset, head) : 0;
    rc = rc ? rc : clear_range(q, offset + head, whole, unmap ? CLEAR_UNMAP : CLEAR_KEEP);
    if (!rc && length > head + whole)
        rc = zero_bytes(q, offset + head + whole, length - head - whole);
    return write_end(q, &op, rc);
}

static int qcow2_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_op op;
    uint64_t head, whole;
    split_range(q, offset, length, &head, &whole);
    op_begin(q, &op);
    return write_end(q, &op, clear_range(q, offset + head, whole, CLEAR_DISCARD));
}

int qcow2_drop_tail(struct blockdev *blockdev, uint64_t offset)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_op op;
    op_begin(q, &op);
    return write_end(q, &op, clear_range(q, offset, qcow2_round_up(q, blockdev->size) - offset, CLEAR_EMPTY));
}

int qcow2_make_empty(struct blockdev *blockdev)
{
    return qcow2_drop_tail(blockdev, 0);
}

/* ---- The rest ------------------------------------------------------------------------------------------ */

static int qcow2_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run,
                        enum blockdev_status *status)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    struct qcow2_extent extent;
    pthread_mutex_lock(&q->lock);
    int rc = qcow2_lookup(q, offset, length, &extent);
    pthread_mutex_unlock(&q->lock);
    if (rc)
        return rc;
    *run = extent.bytes;
    *status = BLOCKDEV_STATUS_DATA;
    if (extent.kind == QCOW2_KIND_ZERO)
        *status = BLOCKDEV_STATUS_ZERO;
    else if (extent.kind == QCOW2_KIND_NONE)
        *status = q->header.backing_offset ? BLOCKDEV_STATUS_BACKING : BLOCKDEV_STATUS_ZERO;
    return 0;
}

static struct blockfile *qcow2_file(struct blockdev *blockdev)
{
    return ((struct blockdev_qcow2 *)blockdev)->file;
}

const struct blockdev_ops qcow2_ops = {
    .name = "qcow2",
    .preadv = qcow2_preadv,
    .pwritev = qcow2_pwritev,
    .flush = qcow2_flush,
    .discard = qcow2_discard,
    .write_zeroes = qcow2_write_zeroes,
    .destroy = qcow2_close,
    .status = qcow2_status,
    .resize = qcow2_resize_in_use,
    .file = qcow2_file,
};
