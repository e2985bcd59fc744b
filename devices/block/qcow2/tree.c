/* SPDX-License-Identifier: MIT
 *
 * Walks through all that an L1 table of a qcow2 image leads to, for snapshots (snapshots.h). An L2 table that
 * two L1 tables share has two references, and so has each cluster that it names: a cluster's refcount is the
 * number of ways to it from all L1 tables. Only then may an L2 table be copied without looking at what it
 * names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

enum change { RAISE, LOWER, FREE };

struct tree_walk {
    struct blockdev_qcow2 *q;
    enum change change;
    uint64_t done, limit; /* references */
    uint64_t *l2; /* a copy of the L2 table, since a table in the cache is there for a few calls only */
};

#define STOPPED 1 /* the limit was reached */

uint32_t qcow2_disk_entries(const struct blockdev_qcow2 *q)
{
    uint64_t span = q->cluster_size << q->l2_bits;
    return (uint32_t)((q->header.size + span - 1) >> (q->cluster_bits + q->l2_bits));
}

static int change_reference(struct tree_walk *walk, uint64_t offset, uint64_t bytes)
{
    struct blockdev_qcow2 *q = walk->q;
    int rc = walk->done == walk->limit ? STOPPED
             : walk->change == FREE    ? qcow2_free(q, offset, bytes)
                                       : qcow2_refcount_add(q, offset, bytes, walk->change == RAISE ? 1 : -1);
    walk->done += !rc;
    return rc;
}

/* Copies the table at `offset` to walk->l2. */
static int copy_l2(struct tree_walk *walk, uint64_t offset)
{
    struct qcow2_table *table;
    if (qcow2_is_fixed(walk->q, offset, walk->q->cluster_size))
        return qcow2_damaged(walk->q, "an L2 table where another table is", offset);
    int rc = qcow2_table_get(walk->q, offset, false, false, &table);
    if (!rc)
        memcpy(walk->l2, table->entries, walk->q->cluster_size);
    return rc;
}

/* Copies walk->l2 back. */
static int replace_l2(struct tree_walk *walk, uint64_t offset)
{
    struct qcow2_table *table;
    int rc = qcow2_table_get(walk->q, offset, false, false, &table);
    if (rc)
        return rc;
    memcpy(table->entries, walk->l2, walk->q->cluster_size);
    qcow2_table_changed(walk->q, table, 0, walk->q->cluster_size);
    return 0;
}

static int change_entry(struct tree_walk *walk, uint64_t entry)
{
    struct blockdev_qcow2 *q = walk->q;
    uint64_t offset = entry & QCOW2_OFFSET_MASK, bytes = q->cluster_size;
    if (entry & QCOW2_COMPRESSED)
        qcow2_compressed_range(q, entry, &offset, &bytes);
    else if (!offset)
        return 0;
    else if (offset & (q->cluster_size - 1))
        return qcow2_damaged(q, "an L2 entry with an unaligned cluster", offset);
    return change_reference(walk, offset, bytes);
}

/* Changes the references of one L2 table, and those to it. */
static int change_l2(struct tree_walk *walk, uint64_t offset)
{
    bool changed = false;
    int rc = copy_l2(walk, offset);
    rc = rc ? rc : change_reference(walk, offset, walk->q->cluster_size);
    for (uint64_t n = 0; n < 1ull << walk->q->l2_bits && !rc; n++) {
        uint64_t entry = be64toh(walk->l2[n]);
        rc = change_entry(walk, entry);
        if (entry & QCOW2_COPIED && !(entry & QCOW2_COMPRESSED)) {
            walk->l2[n] = htobe64(entry & ~QCOW2_COPIED);
            changed = true;
        }
    }
    return rc || !changed || walk->change != RAISE ? rc : replace_l2(walk, offset);
}

static int change_tree(struct tree_walk *walk, uint64_t *l1, uint32_t count)
{
    int rc = 0;
    for (uint32_t n = 0; n < count && !rc; n++) {
        uint64_t offset = l1[n] & QCOW2_OFFSET_MASK;
        if (!offset)
            continue;
        rc = change_l2(walk, offset);
        if (!rc && walk->change == RAISE)
            l1[n] &= ~QCOW2_COPIED;
    }
    return rc;
}

int qcow2_tree_add(struct blockdev_qcow2 *q, uint64_t *l1, uint32_t count, int delta)
{
    CHECK_HELD(&q->lock);
    struct tree_walk walk = { q, delta > 0 ? RAISE : FREE, 0, UINT64_MAX, malloc(q->cluster_size) };
    int rc = walk.l2 ? change_tree(&walk, l1, count) : -ENOMEM;
    if (rc && delta > 0 && walk.l2) {
        /* Nothing in the file needs the higher counts yet. */
        walk = (struct tree_walk){ q, LOWER, 0, walk.done, walk.l2 };
        change_tree(&walk, l1, count);
    }
    free(walk.l2);
    return rc;
}

int qcow2_tree_drop_state(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    uint32_t first = qcow2_disk_entries(q);
    for (uint32_t n = first; n < q->header.l1_size; n++) {
        if (!q->l1[n])
            continue;
        int rc = qcow2_tree_add(q, q->l1 + n, 1, -1);
        if (rc)
            return rc;
        q->l1[n] = 0;
        q->l1_dirty = true;
    }
    return 0;
}

/* ---- The "refcount is 1" bits -------------------------------------------------------------------------- */

/* *changed: the entry is another one now. */
static int refresh_entry(struct blockdev_qcow2 *q, uint64_t *entry, bool *changed)
{
    uint64_t offset = *entry & QCOW2_OFFSET_MASK, refcount;
    if (!offset || offset & (q->cluster_size - 1))
        return 0;
    int rc = qcow2_refcount_get(q, offset >> q->cluster_bits, &refcount);
    uint64_t right = (*entry & ~QCOW2_COPIED) | (refcount == 1 ? QCOW2_COPIED : 0);
    if (!rc && right != *entry) {
        *entry = right;
        *changed = true;
    }
    return rc;
}

static int refresh_l2(struct tree_walk *walk, uint64_t offset)
{
    bool changed = false;
    int rc = copy_l2(walk, offset);
    for (uint64_t n = 0; n < 1ull << walk->q->l2_bits && !rc; n++) {
        uint64_t entry = be64toh(walk->l2[n]);
        if (entry & QCOW2_COMPRESSED)
            continue;
        rc = refresh_entry(walk->q, &entry, &changed);
        walk->l2[n] = htobe64(entry);
    }
    return rc || !changed ? rc : replace_l2(walk, offset);
}

int qcow2_tree_refresh(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    struct tree_walk walk = { .q = q, .l2 = malloc(q->cluster_size) };
    int rc = walk.l2 ? 0 : -ENOMEM;
    for (uint32_t n = 0; n < q->header.l1_size && !rc; n++) {
        uint64_t offset = q->l1[n] & QCOW2_OFFSET_MASK;
        rc = offset ? refresh_l2(&walk, offset) : 0;
        rc = rc ? rc : refresh_entry(q, &q->l1[n], &q->l1_dirty);
    }
    free(walk.l2);
    return rc;
}
