/* SPDX-License-Identifier: MIT
 *
 * Where the bytes of a qcow2 disk are: the L1 table, the L2 tables, and the meaning of their entries. See
 * qcow2.h for when changes reach the file.
 */
#include <errno.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

static uint64_t l1_index(const struct blockdev_qcow2 *q, uint64_t guest)
{
    return guest >> (q->cluster_bits + q->l2_bits);
}

static uint64_t l2_index(const struct blockdev_qcow2 *q, uint64_t guest)
{
    return guest >> q->cluster_bits & ((1ull << q->l2_bits) - 1);
}

void qcow2_compressed_range(const struct blockdev_qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *bytes)
{
    unsigned sector_bits = q->cluster_bits - 8, offset_bits = 62 - sector_bits;
    uint64_t sectors = (entry >> offset_bits & ((1ull << sector_bits) - 1)) + 1;
    *offset = entry & ((1ull << offset_bits) - 1) & ((1ull << 56) - 1);
    *bytes = sectors * BLOCKDEV_SECTOR - (*offset & (BLOCKDEV_SECTOR - 1));
}

/* The kind of an entry, and the cluster that it refers to (0: none). */
static int decode(struct blockdev_qcow2 *q, uint64_t entry, struct qcow2_extent *extent)
{
    extent->entry = entry;
    extent->host = entry & QCOW2_OFFSET_MASK;
    if (entry & QCOW2_COMPRESSED) {
        extent->kind = QCOW2_KIND_COMPRESSED;
        return 0;
    }
    if (extent->host & (q->cluster_size - 1))
        return qcow2_damaged(q, "an L2 entry with an unaligned cluster", extent->host);
    bool zero = q->header.version >= 3 && entry & QCOW2_ZERO;
    extent->kind = zero ? QCOW2_KIND_ZERO : extent->host ? QCOW2_KIND_DATA : QCOW2_KIND_NONE;
    return 0;
}

/* The L2 table of a guest offset; NULL if there is none. */
static int l2_get(struct blockdev_qcow2 *q, uint64_t guest, struct qcow2_table **table)
{
    uint64_t entry = q->l1[l1_index(q, guest)];
    *table = NULL;
    if (!(entry & QCOW2_OFFSET_MASK))
        return 0;
    return qcow2_table_get(q, entry & QCOW2_OFFSET_MASK, false, false, table);
}

int qcow2_lookup(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes, struct qcow2_extent *extent)
{
    CHECK_HELD(&q->lock);
    struct qcow2_table *table;
    uint64_t within = guest & (q->cluster_size - 1), index = l2_index(q, guest);
    uint64_t left = (((1ull << q->l2_bits) - index) << q->cluster_bits) - within;
    int rc = l2_get(q, guest, &table);
    if (rc)
        return rc;
    bytes = bytes < left ? bytes : left;
    *extent = (struct qcow2_extent){ .kind = QCOW2_KIND_NONE, .bytes = bytes };
    if (!table)
        return 0;
    rc = decode(q, be64toh(table->entries[index]), extent);
    extent->bytes = q->cluster_size - within;
    while (!rc && extent->bytes < bytes && extent->kind != QCOW2_KIND_COMPRESSED) {
        struct qcow2_extent next;
        rc = decode(q, be64toh(table->entries[++index]), &next);
        bool in_row = next.kind == extent->kind && !((next.entry ^ extent->entry) & QCOW2_COPIED);
        if (rc || !in_row ||
            (next.kind == QCOW2_KIND_DATA && next.host != extent->host + within + extent->bytes))
            break;
        extent->bytes += q->cluster_size;
    }
    extent->host += within;
    extent->bytes = extent->bytes < bytes ? extent->bytes : bytes;
    return rc;
}

int qcow2_owned(struct blockdev_qcow2 *q, uint64_t entry)
{
    CHECK_HELD(&q->lock);
    uint64_t refcount;
    if (entry & QCOW2_COPIED)
        return 1;
    int rc = qcow2_refcount_get(q, (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits, &refcount);
    return rc ? rc : refcount == 1;
}

/* ---- Changing ------------------------------------------------------------------------------------------ */

/* Makes a new L2 table for an L1 entry: empty, or a copy of the one that a snapshot shares. */
static int l2_new(struct blockdev_qcow2 *q, uint64_t guest, struct qcow2_table *old,
                  struct qcow2_table **table)
{
    uint64_t offset, found, old_offset = old ? old->offset : 0;
    int rc = qcow2_find_free(q, 1, true, &offset, &found);
    rc = rc ? rc : qcow2_refcount_add(q, offset, q->cluster_size, 1);
    rc = rc ? rc : qcow2_table_get(q, offset, false, true, table);
    if (!rc && old_offset) {
        struct qcow2_table *again; /* it may have been dropped meanwhile */
        rc = qcow2_table_get(q, old_offset, false, false, &again);
        if (!rc)
            memcpy((*table)->entries, again->entries, q->cluster_size);
        rc = rc ? rc : qcow2_free(q, old_offset, q->cluster_size);
    }
    if (rc)
        return rc;
    qcow2_table_changed(q, *table, 0, q->cluster_size);
    q->l1[l1_index(q, guest)] = offset | QCOW2_COPIED;
    q->l1_dirty = true;
    return 0;
}

int qcow2_entry(struct blockdev_qcow2 *q, uint64_t guest, struct qcow2_table **table, uint64_t **place)
{
    CHECK_HELD(&q->lock);
    uint64_t entry = q->l1[l1_index(q, guest)];
    int rc = l2_get(q, guest, table);
    int owned = rc ? rc : *table ? qcow2_owned(q, entry) : 0;
    if (owned < 0)
        return owned;
    if (!owned)
        rc = l2_new(q, guest, *table, table);
    else
        rc = l2_get(q, guest, table); /* looking up the refcount may have dropped the table */
    if (!rc)
        *place = &(*table)->entries[l2_index(q, guest)];
    return rc;
}

int qcow2_entry_set(struct blockdev_qcow2 *q, struct qcow2_table *table, uint64_t *place, uint64_t entry)
{
    CHECK_HELD(&q->lock);
    uint64_t old = be64toh(*place), offset = old & QCOW2_OFFSET_MASK, bytes = q->cluster_size;
    if (old == entry)
        return 0;
    *place = htobe64(entry);
    qcow2_table_changed(q, table, (uint64_t)(place - table->entries) * 8, 8);
    if (old & QCOW2_COMPRESSED)
        qcow2_compressed_range(q, old, &offset, &bytes);
    bool kept =
        !(old & QCOW2_COMPRESSED) && !(entry & QCOW2_COMPRESSED) && offset == (entry & QCOW2_OFFSET_MASK);
    return offset && !kept ? qcow2_free(q, offset, bytes) : 0;
}
