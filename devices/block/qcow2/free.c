/* SPDX-License-Identifier: MIT
 *
 * Freed clusters of a qcow2 image, from the request that frees them to their next use:
 *
 *   freed       something referred to the cluster until now. The file may still say so, so its refcount
 * stays. fallen      qcow2_tables_write() is under way. Copies of the refcount blocks have the lower counts;
 * they are made before the first write, so that the writes follow each other as closely as possible.
 *   quarantine  the file says that the cluster is free, but an older request may still be reading it.
 *
 * After that the allocator may take it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

static int ranges_reserve(struct qcow2_ranges *ranges, size_t count)
{
    size_t capacity = ranges->capacity ? ranges->capacity : 64;
    while (capacity < count)
        capacity *= 2;
    if (capacity == ranges->capacity)
        return 0;
    struct qcow2_range *grown = realloc(ranges->items, capacity * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    ranges->items = grown;
    ranges->capacity = capacity;
    return 0;
}

static int ranges_add(struct qcow2_ranges *ranges, struct qcow2_range range)
{
    struct qcow2_range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;
    if (last && last->offset + last->bytes == range.offset) {
        last->bytes += range.bytes;
        last->seq = range.seq;
        return 0;
    }
    int rc = ranges_reserve(ranges, ranges->count + 1);
    if (!rc)
        ranges->items[ranges->count++] = range;
    return rc;
}

int qcow2_free(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes)
{
    CHECK_HELD(&q->lock);
    uint64_t start = offset & -q->cluster_size, end = qcow2_round_up(q, offset + bytes);
    /* Ranges that share a boundary cluster are not merged: a cluster may be in the list twice (compressed
     * neighbours), and then it loses two references. */
    return ranges_add(&q->freed, (struct qcow2_range){ start, end - start, q->seq });
}

/* ---- The lower counts ---------------------------------------------------------------------------------- */

/* The copy of a refcount block that gets the lower counts. */
static int fallen_of(struct blockdev_qcow2 *q, struct qcow2_table *block, uint8_t **copy)
{
    if (!block->fallen) {
        block->fallen = malloc(q->cluster_size);
        if (!block->fallen)
            return -ENOMEM;
        memcpy(block->fallen, block->entries, q->cluster_size);
        block->fallen_span = (struct qcow2_span){ 0 };
        block->next_fallen = q->fallen;
        q->fallen = block;
    }
    *copy = block->fallen;
    return 0;
}

/* A cluster loses one reference, in the copy. */
static int prepare_cluster(struct blockdev_qcow2 *q, uint64_t cluster)
{
    struct qcow2_table *block;
    uint8_t *copy;
    uint64_t count, index = cluster & ((1ull << q->refblock_bits) - 1);
    int rc = qcow2_refblock_get(q, cluster, &block);
    if (!rc && !block)
        return qcow2_damaged(q, "a cluster in use that has no refcount", cluster << q->cluster_bits);
    rc = rc ? rc : fallen_of(q, block, &copy);
    if (rc)
        return rc;
    qcow2_refcount_field(copy, q->refcount_bits, index, &count);
    if (!count)
        return qcow2_damaged(q, "a cluster in use whose refcount is 0", cluster << q->cluster_bits);
    if (count == 1) /* nobody will be using it any more */
        rc = ranges_add(&q->zeroed,
                        (struct qcow2_range){ cluster << q->cluster_bits, q->cluster_size, q->seq });
    if (rc)
        return rc;
    qcow2_refcount_store(copy, q->refcount_bits, index, count - 1);
    qcow2_span_add(&block->fallen_span, index * q->refcount_bits / 8, (q->refcount_bits + 7) / 8);
    return 0;
}

int qcow2_frees_prepare(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    CHECK(!q->fallen && !q->zeroed.count);
    int rc = 0;
    for (size_t n = 0; n < q->freed.count && !rc; n++) {
        struct qcow2_range range = q->freed.items[n];
        for (uint64_t at = 0; at < range.bytes && !rc; at += q->cluster_size)
            rc = prepare_cluster(q, (range.offset + at) >> q->cluster_bits);
    }
    int no_room = ranges_reserve(&q->quarantine, q->quarantine.count + q->zeroed.count);
    return rc ? rc : no_room;
}

void qcow2_frees_done(struct blockdev_qcow2 *q, bool written)
{
    CHECK_HELD(&q->lock);
    for (struct qcow2_table *block = q->fallen; block; block = block->next_fallen) {
        if (written)
            memcpy(block->entries, block->fallen, q->cluster_size);
        free(block->fallen);
        block->fallen = NULL;
    }
    q->fallen = NULL;
    for (size_t n = 0; written && n < q->zeroed.count; n++) {
        struct qcow2_range range = q->zeroed.items[n];
        if (q->compressed_at && (q->compressed_at & -q->cluster_size) - range.offset < range.bytes)
            q->compressed_at = 0;
        for (uint64_t at = 0; at < range.bytes; at += q->cluster_size)
            qcow2_table_forget(q, range.offset + at);
        ranges_add(&q->quarantine, range); /* qcow2_frees_prepare() made room */
    }
    q->zeroed.count = 0;
    if (written)
        q->freed.count = 0; /* clusters that could not be prepared stay counted: they leak */
}

/* ---- Quarantine ---------------------------------------------------------------------------------------- */

void qcow2_quarantine_release(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    size_t kept = 0;
    for (size_t n = 0; n < q->quarantine.count; n++) {
        struct qcow2_range *range = &q->quarantine.items[n];
        if (q->first_op && q->first_op->seq <= range->seq) {
            q->quarantine.items[kept++] = *range;
            continue;
        }
        if (!q->blockdev.ignore_discard)
            blockfile_discard(q->file, range->offset, range->bytes);
        if (range->offset >> q->cluster_bits < q->free_hint)
            q->free_hint = range->offset >> q->cluster_bits;
    }
    q->quarantine.count = kept;
}
