/* SPDX-License-Identifier: MIT
 *
 * The tables of a qcow2 image in memory, and the order in which their changes go to the file: see
 * qcow2.h. L2 tables and refcount blocks share one cache, a hash table with a list by last use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

static struct qcow2_table **bucket_of(struct blockdev_qcow2 *q, uint64_t offset)
{
    return &q->buckets[(offset >> q->cluster_bits) * 0x9e3779b97f4a7c15ull >> 54];
}

static struct qcow2_table *find(struct blockdev_qcow2 *q, uint64_t offset)
{
    struct qcow2_table *table = *bucket_of(q, offset);
    while (table && table->offset != offset)
        table = table->next;
    return table;
}

static void list_remove(struct blockdev_qcow2 *q, struct qcow2_table *table)
{
    *(table->newer ? &table->newer->older : &q->newest) = table->older;
    *(table->older ? &table->older->newer : &q->oldest) = table->newer;
}

static void list_add(struct blockdev_qcow2 *q, struct qcow2_table *table)
{
    table->newer = NULL;
    table->older = q->newest;
    *(q->newest ? &q->newest->newer : &q->oldest) = table;
    q->newest = table;
}

static bool is_dirty(const struct qcow2_table *table)
{
    return table->dirty.from != table->dirty.to;
}

static void changed_remove(struct blockdev_qcow2 *q, struct qcow2_table *table)
{
    struct qcow2_table **link = &q->changed[table->refcounts];
    while (*link != table)
        link = &(*link)->next_changed;
    *link = table->next_changed;
}

static void drop(struct blockdev_qcow2 *q, struct qcow2_table *table)
{
    if (is_dirty(table))
        changed_remove(q, table);
    struct qcow2_table **link = bucket_of(q, table->offset);
    while (*link != table)
        link = &(*link)->next;
    *link = table->next;
    list_remove(q, table);
    q->table_count--;
    free(table);
}

/* Every table is in the list and in its bucket, once; the dirty ones are in q->changed, too. */
static void check_cache(struct blockdev_qcow2 *q)
{
    unsigned count = 0, dirty = 0;
    const struct qcow2_table *newer = NULL;
    for (struct qcow2_table *table = q->newest; table; newer = table, table = table->older, count++) {
        CHECK(table->newer == newer);
        CHECK(find(q, table->offset) == table);
        CHECK(table->offset && !(table->offset & (q->cluster_size - 1)));
        dirty += is_dirty(table);
        CHECK(!table->fallen);
    }
    CHECK(q->oldest == newer);
    CHECK(count == q->table_count);
    for (unsigned n = 0; n < 2; n++)
        for (const struct qcow2_table *table = q->changed[n]; table; table = table->next_changed, dirty--)
            CHECK(is_dirty(table) && table->refcounts == n);
    CHECK(!dirty);
}

/* Makes room for one more table. Only a table that was not used lately is dropped, so the pointers that a
 * caller holds stay valid. */
static int make_room(struct blockdev_qcow2 *q)
{
    if (q->table_count < q->table_limit || q->writing)
        return 0;
    if (is_dirty(q->oldest)) {
        int rc = qcow2_tables_write(q);
        if (rc)
            return rc;
    }
    if (!is_dirty(q->oldest))
        drop(q, q->oldest);
    return 0;
}

int qcow2_table_get(struct blockdev_qcow2 *q, uint64_t offset, bool refcounts, bool fresh,
                    struct qcow2_table **result)
{
    CHECK_HELD(&q->lock);
    struct qcow2_table *table = find(q, offset);
    int rc = 0;
    if (!offset || offset & (q->cluster_size - 1))
        return qcow2_damaged(q, "a table at an impossible offset", offset);
    if (table && table->refcounts != refcounts)
        return qcow2_damaged(q, "a cluster that is a table of two kinds", offset);
    if (!table) {
        rc = make_room(q);
        table = rc ? NULL : calloc(1, sizeof(*table) + q->cluster_size);
        if (!table)
            return rc ? rc : -ENOMEM;
        rc = fresh ? 0 : blockfile_pread(q->file, table->entries, q->cluster_size, offset);
        if (rc) {
            free(table);
            return rc;
        }
        table->offset = offset;
        table->refcounts = refcounts;
        table->next = *bucket_of(q, offset);
        *bucket_of(q, offset) = table;
        q->table_count++;
    } else {
        list_remove(q, table);
        if (fresh)
            memset(table->entries, 0, q->cluster_size);
    }
    list_add(q, table);
    *result = table;
    return 0;
}

void qcow2_table_changed(struct blockdev_qcow2 *q, struct qcow2_table *table, uint64_t from, uint64_t bytes)
{
    CHECK_HELD(&q->lock);
    CHECK(find(q, table->offset) == table); /* it has not been dropped to make room */
    CHECK(bytes && from < q->cluster_size && bytes <= q->cluster_size - from);
    if (!is_dirty(table)) {
        table->next_changed = q->changed[table->refcounts];
        q->changed[table->refcounts] = table;
    }
    qcow2_span_add(&table->dirty, from, bytes);
}

void qcow2_table_forget(struct blockdev_qcow2 *q, uint64_t offset)
{
    CHECK_HELD(&q->lock);
    struct qcow2_table *table = find(q, offset);
    if (table)
        drop(q, table);
}

bool qcow2_table_at(struct blockdev_qcow2 *q, uint64_t offset)
{
    CHECK_HELD(&q->lock);
    return find(q, offset & -q->cluster_size) != NULL;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static int step_done(struct blockdev_qcow2 *q)
{
    return q->strict ? blockfile_flush(q->file) : 0;
}

/* Writes bytes of a table, or of the copy of it that `from` is, in whole sectors of 4 KiB. */
static int write_span(struct blockdev_qcow2 *q, const struct qcow2_table *table, const void *from,
                      struct qcow2_span span)
{
    uint64_t unit = q->cluster_size < 4096 ? q->cluster_size : 4096, first = span.from & -unit;
    uint64_t last = (span.to + unit - 1) & -unit;
    return blockfile_pwrite(q->file, (const uint8_t *)from + first, last - first, table->offset + first);
}

static int write_changed(struct blockdev_qcow2 *q, bool refcounts)
{
    struct qcow2_table **list = &q->changed[refcounts];
    bool any = *list;
    while (*list) {
        struct qcow2_table *table = *list;
        int rc = write_span(q, table, table->entries, table->dirty);
        if (rc)
            return rc;
        table->dirty = (struct qcow2_span){ 0 };
        *list = table->next_changed;
    }
    return any ? step_done(q) : 0;
}

static int write_fallen(struct blockdev_qcow2 *q)
{
    for (struct qcow2_table *table = q->fallen; table; table = table->next_fallen) {
        int rc = write_span(q, table, table->fallen, table->fallen_span);
        if (rc)
            return rc;
    }
    return q->fallen ? step_done(q) : 0;
}

/* A table that is kept in the host's byte order. */
static int write_array(struct blockdev_qcow2 *q, const uint64_t *entries, uint32_t count, uint64_t offset,
                       bool *dirty)
{
    uint64_t block[512];
    if (!*dirty)
        return 0;
    for (uint32_t n = 0; n < count;) {
        uint32_t part = count - n < 512 ? count - n : 512;
        for (uint32_t i = 0; i < part; i++)
            block[i] = htobe64(entries[n + i]);
        int rc = blockfile_pwrite(q->file, block, part * 8, offset + n * 8ull);
        if (rc)
            return rc;
        n += part;
    }
    *dirty = false;
    return step_done(q);
}

int qcow2_tables_write(struct blockdev_qcow2 *q)
{
    CHECK_HELD(&q->lock);
    if (!q->changed[0] && !q->changed[1] && !q->l1_dirty && !q->reftable_dirty && !q->freed.count)
        return 0;
    CHECK(!q->writing);
    CHECK_INVARIANT(check_cache(q));
    q->writing = true;
    int not_freed = qcow2_frees_prepare(q);
    int rc = qcow2_mark_dirty(q);
    rc = rc ? rc : write_changed(q, true);
    rc = rc ? rc
            : write_array(q, q->reftable, q->reftable_size, q->header.reftable_offset, &q->reftable_dirty);
    rc = rc ? rc : write_changed(q, false);
    rc = rc ? rc : write_array(q, q->l1, q->header.l1_size, q->header.l1_offset, &q->l1_dirty);
    rc = rc ? rc : write_fallen(q);
    qcow2_frees_done(q, !rc);
    q->writing = false;
    qcow2_quarantine_release(q);
    CHECK_INVARIANT(check_cache(q));
    return rc ? rc : not_freed;
}

void qcow2_tables_free(struct blockdev_qcow2 *q)
{
    while (q->newest)
        drop(q, q->newest);
}
