/* SPDX-License-Identifier: MIT
 *
 * Refcounts of a qcow2 image, and the allocator on top of them. The allocator takes the lowest clusters whose
 * refcount is 0 and that are neither in a write under way nor in quarantine. A missing refcount block is made
 * when a cluster of its range is wanted: at the lowest free cluster or, if all are in use, at the first
 * cluster of its own range, where it counts itself. A refcount table that is full moves to the range beyond
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"
#include "util/log.h"

int qcow2_damaged(struct blockdev_qcow2 *q, const char *what, uint64_t offset)
{
    if (!q->corrupt)
        log_warn("%s: the image is damaged: %s (offset 0x%llx); it is not written any more. rvive-img check "
                 "says more",
                 q->file->path, what, (unsigned long long)offset);
    q->corrupt = true;
    return -EIO;
}

/* ---- Fields -------------------------------------------------------------------------------------------- */

/* Refcounts narrower than a byte start at the least significant bits of the byte. */
unsigned qcow2_refcount_field(const void *block, unsigned bits, uint64_t index, uint64_t *value)
{
    const uint8_t *bytes = block;
    if (bits < 8) {
        unsigned shift = (unsigned)(index * bits % 8);
        *value = bytes[index * bits / 8] >> shift & ((1u << bits) - 1);
        return bits;
    }
    *value = 0;
    for (unsigned n = 0; n < bits / 8; n++)
        *value = *value << 8 | bytes[index * (bits / 8) + n];
    return bits;
}

void qcow2_refcount_store(void *block, unsigned bits, uint64_t index, uint64_t value)
{
    uint8_t *bytes = block;
    if (bits < 8) {
        uint8_t *byte = &bytes[index * bits / 8];
        unsigned shift = (unsigned)(index * bits % 8);
        *byte = (uint8_t)((*byte & ~(((1u << bits) - 1) << shift)) | value << shift);
        return;
    }
    for (unsigned n = bits / 8; n-- > 0; value >>= 8)
        bytes[index * (bits / 8) + n] = (uint8_t)value;
}

/* ---- Blocks -------------------------------------------------------------------------------------------- */

int qcow2_refblock_get(struct blockdev_qcow2 *q, uint64_t cluster, struct qcow2_table **block)
{
    CHECK_HELD(&q->lock);
    uint64_t index = cluster >> q->refblock_bits;
    *block = NULL;
    if (index >= q->reftable_size || !(q->reftable[index] & ~511ull))
        return 0;
    return qcow2_table_get(q, q->reftable[index] & ~511ull, true, false, block);
}

int qcow2_refcount_get(struct blockdev_qcow2 *q, uint64_t cluster, uint64_t *refcount)
{
    CHECK_HELD(&q->lock);
    struct qcow2_table *block;
    int rc = qcow2_refblock_get(q, cluster, &block);
    *refcount = 0;
    if (!rc && block)
        qcow2_refcount_field(block->entries, q->refcount_bits, cluster & ((1ull << q->refblock_bits) - 1),
                             refcount);
    return rc;
}

bool qcow2_is_fixed(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes)
{
    CHECK_HELD(&q->lock);
    const struct qcow2_header *header = &q->header;
    const struct {
        uint64_t offset, bytes;
    } fixed[] = {
        { 0, q->cluster_size },
        { header->l1_offset, header->l1_size * 8ull },
        { header->reftable_offset, q->reftable_size * 8ull },
        { header->snapshot_offset, header->snapshot_count * (uint64_t)QCOW2_SNAPSHOT_MIN },
    };
    for (size_t n = 0; n < sizeof(fixed) / sizeof(*fixed); n++) {
        if (offset < fixed[n].offset + fixed[n].bytes && fixed[n].offset < offset + bytes)
            return true;
    }
    return false;
}

bool qcow2_is_metadata(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes)
{
    if (qcow2_is_fixed(q, offset, bytes))
        return true;
    for (uint64_t at = offset & -q->cluster_size; at < offset + bytes; at += q->cluster_size) {
        if (qcow2_table_at(q, at))
            return true;
    }
    return false;
}

/* Makes a larger refcount table that has an entry for block number `first`. The table and the refcount blocks
 * that count it lie in the range of that block, about which nothing is known yet. */
static int reftable_grow(struct blockdev_qcow2 *q, uint64_t first)
{
    uint64_t per_block = 1ull << q->refblock_bits, blocks = 1, clusters, size;
    for (;;) {
        size = first + blocks + (first + blocks) / 2;
        clusters = (size * 8 + q->cluster_size - 1) >> q->cluster_bits;
        if ((clusters + blocks + per_block - 1) / per_block <= blocks)
            break;
        blocks++;
    }
    size = clusters << q->cluster_bits >> 3;
    if (size * 8 > QCOW2_REFTABLE_MAX)
        return -EFBIG;
    uint64_t at = first * per_block << q->cluster_bits, table_at = at + (blocks << q->cluster_bits);
    uint64_t *table = calloc(size, sizeof(*table));
    if (!table)
        return -ENOMEM;
    memcpy(table, q->reftable, q->reftable_size * sizeof(*table));
    for (uint64_t n = 0; n < blocks; n++) {
        struct qcow2_table *block;
        int rc = qcow2_table_get(q, at + (n << q->cluster_bits), true, true, &block);
        if (rc) {
            free(table);
            return rc;
        }
        for (uint64_t i = 0; i < per_block && n * per_block + i < blocks + clusters; i++)
            qcow2_refcount_store(block->entries, q->refcount_bits, i, 1);
        qcow2_table_changed(q, block, 0, q->cluster_size);
        table[first + n] = block->offset;
    }
    uint64_t old_at = q->header.reftable_offset, old_clusters = q->header.reftable_clusters;
    /* First everything up to now is written, then the new table with its blocks, then the header that points
     * to it. */
    int rc = qcow2_tables_write(q);
    for (uint64_t n = 0; n < size; n++)
        table[n] = htobe64(table[n]);
    rc = rc ? rc : blockfile_pwrite(q->file, table, size * 8, table_at);
    rc = rc ? rc : blockfile_flush(q->file);
    for (uint64_t n = 0; n < size; n++)
        table[n] = be64toh(table[n]);
    if (!rc) {
        q->header.reftable_offset = table_at;
        q->header.reftable_clusters = (uint32_t)clusters;
        rc = qcow2_header_write(q);
        rc = rc ? rc : blockfile_flush(q->file);
    }
    if (rc) {
        q->corrupt = true; /* it is not known which of the two tables the file has */
        free(table);
        return rc;
    }
    free(q->reftable);
    q->reftable = table;
    q->reftable_size = (uint32_t)size;
    if (table_at + (clusters << q->cluster_bits) > q->file_end)
        q->file_end = table_at + (clusters << q->cluster_bits);
    return qcow2_free(q, old_at, old_clusters << q->cluster_bits);
}

/* Returns the end of the reservation at `offset`, or `offset` itself if nothing is reserved there. */
static uint64_t reserved_until(const struct blockdev_qcow2 *q, uint64_t offset)
{
    for (const struct qcow2_write *write = q->writes; write; write = write->next) {
        if (offset - write->host < write->bytes)
            return write->host + write->bytes;
    }
    for (size_t n = 0; n < q->quarantine.count; n++) {
        const struct qcow2_range *range = &q->quarantine.items[n];
        if (offset - range->offset < range->bytes)
            return range->offset + range->bytes;
    }
    return offset;
}

/* Makes a new block at `offset` for entry `index` of the table. Its own reference is not counted yet. */
static int block_make(struct blockdev_qcow2 *q, uint64_t index, uint64_t offset, struct qcow2_table **block)
{
    if (qcow2_is_metadata(q, offset, q->cluster_size))
        return qcow2_damaged(q, "metadata that has no refcount", offset);
    int rc = qcow2_table_get(q, offset, true, true, block);
    if (rc)
        return rc;
    qcow2_table_changed(q, *block, 0, q->cluster_size);
    q->reftable[index] = offset;
    q->reftable_dirty = true;
    if (offset + q->cluster_size > q->file_end)
        q->file_end = offset + q->cluster_size;
    return 0;
}

/* Finds a free cluster below `limit` whose refcount can already be set; `limit` if there is none. */
static int find_counted(struct blockdev_qcow2 *q, uint64_t limit, uint64_t *cluster)
{
    for (*cluster = q->free_hint; *cluster < limit; ++*cluster) {
        struct qcow2_table *block;
        uint64_t refcount = 1;
        int rc = qcow2_refblock_get(q, *cluster, &block);
        if (rc)
            return rc;
        if (block)
            qcow2_refcount_field(block->entries, q->refcount_bits,
                                 *cluster & ((1ull << q->refblock_bits) - 1), &refcount);
        if (!refcount && reserved_until(q, *cluster << q->cluster_bits) == *cluster << q->cluster_bits)
            return 0;
    }
    *cluster = limit;
    return 0;
}

int qcow2_refblock_ensure(struct blockdev_qcow2 *q, uint64_t cluster, bool anywhere, bool *made)
{
    CHECK_HELD(&q->lock);
    uint64_t index = cluster >> q->refblock_bits, first = index << q->refblock_bits, at = first;
    struct qcow2_table *block;
    *made = false;
    if (index < q->reftable_size && q->reftable[index] & ~511ull)
        return 0;
    *made = true;
    if (index >= q->reftable_size)
        return reftable_grow(q, index);
    int rc = anywhere ? find_counted(q, first, &at) : 0;
    rc = rc ? rc : block_make(q, index, at << q->cluster_bits, &block);
    return rc ? rc : qcow2_refcount_add(q, at << q->cluster_bits, q->cluster_size, 1);
}

static int refcount_add_one(struct blockdev_qcow2 *q, uint64_t cluster, int delta)
{
    struct qcow2_table *block;
    uint64_t value, index = cluster & ((1ull << q->refblock_bits) - 1);
    int rc = qcow2_refblock_get(q, cluster, &block);
    if (rc)
        return rc;
    if (!block)
        return qcow2_damaged(q, "a cluster in use that has no refcount", cluster << q->cluster_bits);
    qcow2_refcount_field(block->entries, q->refcount_bits, index, &value);
    uint64_t limit = q->refcount_bits == 64 ? UINT64_MAX : (1ull << q->refcount_bits) - 1;
    if (delta < 0 && !value)
        return qcow2_damaged(q, "a cluster in use whose refcount is 0", cluster << q->cluster_bits);
    if (delta > 0 && value == limit)
        return -ERANGE;
    qcow2_refcount_store(block->entries, q->refcount_bits, index, delta > 0 ? value + 1 : value - 1);
    qcow2_table_changed(q, block, index * q->refcount_bits / 8, (q->refcount_bits + 7) / 8);
    return 0;
}

int qcow2_refcount_add(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes, int delta)
{
    CHECK_HELD(&q->lock);
    uint64_t first = offset >> q->cluster_bits, last = (offset + bytes - 1) >> q->cluster_bits;
    for (uint64_t cluster = first; cluster <= last; cluster++) {
        int rc = refcount_add_one(q, cluster, delta);
        if (!rc)
            continue;
        while (delta > 0 && cluster-- > first)
            refcount_add_one(q, cluster, -1);
        return rc;
    }
    return 0;
}

/* ---- Allocating ---------------------------------------------------------------------------------------- */

int qcow2_find_free(struct blockdev_qcow2 *q, uint64_t wanted, bool all, uint64_t *offset, uint64_t *found)
{
    CHECK_HELD(&q->lock);
    uint64_t run = 0, cluster = q->free_hint, limit = 1ull << (56 - q->cluster_bits);
    bool lowest = true;
    while (run < wanted) {
        uint64_t refcount = 0, at = cluster << q->cluster_bits;
        bool made = false;
        if (cluster >= limit)
            return -EFBIG;
        uint64_t until = reserved_until(q, at);
        int rc = until > at ? 0 : qcow2_refcount_get(q, cluster, &refcount);
        if (!rc && until == at && !refcount)
            rc = qcow2_refblock_ensure(q, cluster, true, &made);
        if (rc)
            return rc;
        if (made) {
            run = 0; /* start again: the block may have taken one of these clusters */
            cluster = q->free_hint;
            continue;
        }
        bool free_here = until == at && !refcount;
        if (!free_here && run && !all)
            break;
        if (free_here && lowest) {
            q->free_hint = cluster;
            lowest = false;
        }
        run = free_here ? run + 1 : 0;
        cluster = until > at ? until >> q->cluster_bits : cluster + 1;
        if (until > at)
            lowest = false; /* the reserved clusters may become free again */
    }
    *offset = (cluster - run) << q->cluster_bits;
    *found = run;
    if (qcow2_is_metadata(q, *offset, run << q->cluster_bits))
        return qcow2_damaged(q, "metadata whose refcount is 0", *offset);
    if (cluster << q->cluster_bits > q->file_end)
        q->file_end = cluster << q->cluster_bits;
    return 0;
}
