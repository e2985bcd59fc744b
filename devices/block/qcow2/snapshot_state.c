/* SPDX-License-Identifier: MIT
 *
 * The state of a machine in a qcow2 image. It is written beyond the disk's end, where the L1 table has more
 * entries than the disk needs, and read from a snapshot's L1 table, so that the disk stays as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "devices/block/qcow2/snapshots.h"
#include "util/check.h"

/* The bytes that an L1 entry describes. */
static uint64_t span_of(const struct blockdev_qcow2 *q)
{
    return q->cluster_size << q->l2_bits;
}

/* Where the state begins, as an offset on the disk. */
static uint64_t state_start(const struct blockdev_qcow2 *q)
{
    return qcow2_disk_entries(q) * span_of(q);
}

/* Makes the L1 table long enough for `bytes` bytes of state. [locked] */
static int make_room(struct blockdev_qcow2 *q, uint64_t bytes)
{
    CHECK_HELD(&q->lock);
    uint64_t disk = qcow2_disk_entries(q), more = (bytes + span_of(q) - 1) / span_of(q);
    if (disk + more > QCOW2_L1_MAX / 8)
        return -EFBIG;
    if (disk + more <= q->header.l1_size)
        return 0;
    /* It grows seldom: the table moves each time. */
    uint64_t entries = disk + 2 * more < QCOW2_L1_MAX / 8 ? disk + 2 * more : QCOW2_L1_MAX / 8;
    return qcow2_l1_grow(q, entries);
}

int qcow2_state_write(struct blockdev *blockdev, const void *bytes, uint64_t length, uint64_t offset)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    if (offset > INT64_MAX / 4 || length > INT64_MAX / 4)
        return -EFBIG;
    pthread_mutex_lock(&q->lock);
    int rc = q->corrupt ? -EIO : blockdev->read_only ? -EROFS : make_room(q, offset + length);
    pthread_mutex_unlock(&q->lock);
    return rc ? rc : qcow2_write_at(q, bytes, length, state_start(q) + offset);
}

int qcow2_state_drop(struct blockdev *blockdev)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    qcow2_exclusive_begin(q);
    int rc = q->corrupt ? -EIO : qcow2_tree_drop_state(q);
    rc = rc ? rc : qcow2_tables_write(q);
    qcow2_exclusive_end(q);
    return rc;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Where the cluster at `guest` is in the file, in the snapshot's tables; 0: it is all zeros. */
static int find_cluster(struct blockdev_qcow2 *q, const struct qcow2_snapshot *snapshot, uint64_t guest,
                        uint64_t *host)
{
    uint64_t entry, index = guest / span_of(q);
    struct qcow2_table *table;
    *host = 0;
    if (index >= snapshot->l1_size)
        return -EINVAL;
    int rc = blockfile_pread(q->file, &entry, 8, snapshot->l1_offset + index * 8);
    entry = be64toh(entry) & QCOW2_OFFSET_MASK;
    if (rc || !entry)
        return rc;
    pthread_mutex_lock(&q->lock);
    rc = qcow2_table_get(q, entry, false, false, &table);
    entry = rc ? 0 : be64toh(table->entries[guest >> q->cluster_bits & ((1ull << q->l2_bits) - 1)]);
    pthread_mutex_unlock(&q->lock);
    if (rc || (q->header.version >= 3 && !(entry & QCOW2_COMPRESSED) && entry & QCOW2_ZERO))
        return rc;
    *host = entry & QCOW2_OFFSET_MASK;
    return entry & QCOW2_COMPRESSED || *host & (q->cluster_size - 1) ? -EINVAL : 0;
}

int qcow2_state_read(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot, void *bytes,
                     uint64_t length, uint64_t offset)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    uint8_t *to = bytes;
    if (snapshot->disk_bytes != q->header.size || length > snapshot->state_bytes ||
        offset > snapshot->state_bytes - length)
        return -EINVAL;
    while (length) {
        uint64_t guest = state_start(q) + offset, within = guest & (q->cluster_size - 1), host;
        uint64_t part = q->cluster_size - within < length ? q->cluster_size - within : length;
        int rc = find_cluster(q, snapshot, guest, &host);
        if (!rc && host)
            rc = blockfile_pread(q->file, to, part, host + within);
        if (rc)
            return rc;
        if (!host)
            memset(to, 0, part);
        to += part;
        offset += part;
        length -= part;
    }
    return 0;
}
